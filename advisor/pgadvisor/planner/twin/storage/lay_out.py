"""Gives relations their size: in pg_class, and as files."""

from __future__ import annotations

import os

from pgadvisor.planner.twin.building import Building

_SEGMENT_PAGES = 131_072


def lay_out(building: Building) -> None:
    """Sizes of all relations and indexes; the server is restarted for it, with the building's connections made anew.

    Raises psycopg.OperationalError where the server is gone.
    """
    facts, server = building.facts, building.server
    for oid, twin_oid in building.oids.items():
        relation = facts.relations.get(oid) or facts.indexes[oid]
        building.admin.execute(
            "UPDATE pg_class SET relpages = %s, reltuples = %s WHERE oid = %s",
            (relation.pages, -1.0 if relation.row_count is None else relation.row_count, twin_oid),
        )
    paths = dict(
        building.admin.execute(
            "SELECT oid::int8, pg_relation_filepath(oid) FROM pg_class WHERE relkind IN ('r', 'm') AND oid >= 16384"
        ).fetchall()
    )
    building.close()
    server.restart()
    for oid, twin_oid in building.oids.items():
        if oid in facts.relations and twin_oid in paths:
            pages = facts.relations[oid].pages
            if pages < _SEGMENT_PAGES:
                os.truncate(server.folder.data / paths[twin_oid], pages * 8192)
    building.connect()
