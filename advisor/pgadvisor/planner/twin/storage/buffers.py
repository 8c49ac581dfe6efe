"""Pages that the server keeps in memory hide what is changed in its files."""

from __future__ import annotations

from collections.abc import Sequence

import psycopg

from pgadvisor.planner.twin.building import Building

# From this major on the extension pg_buffercache can be told to give up single pages.
_CAN_EVICT = 17
_EVICT = """
SELECT pg_buffercache_evict(b.bufferid)
FROM pg_buffercache AS b
JOIN pg_database AS d ON d.oid = b.reldatabase
WHERE d.datname = %s AND b.relfilenode = ANY (%s::oid[])
"""
_LEFT = """
SELECT count(*)
FROM pg_buffercache AS b
JOIN pg_database AS d ON d.oid = b.reldatabase
WHERE d.datname = %s AND b.relfilenode = ANY (%s::oid[])
"""


def forget_pages(building: Building, oids: Sequence[int]) -> bool:
    """Writes out pages of relations and has the server forget them; whether it was restarted for that.

    The building's connections are then made anew. Raises psycopg.OperationalError where the server is gone,
    LocalServerError where it does not start.
    """
    if building.major >= _CAN_EVICT and _evicted(building, oids):
        return False
    building.close()
    building.server.restart()
    building.connect()
    return True


def _evicted(building: Building, oids: Sequence[int]) -> bool:
    """In another database, where no object of the snapshot's can be in the extension's way."""
    rows = building.admin.execute("SELECT pg_relation_filenode(oid) FROM pg_class WHERE oid = ANY (%s)", (list(oids),))
    given = (building.database, [filenode for (filenode,) in rows])
    try:
        with psycopg.connect(building.server.dsn(), autocommit=True) as connection:
            connection.execute("CREATE EXTENSION IF NOT EXISTS pg_buffercache")
            connection.execute(_EVICT, given)
            return connection.execute(_LEFT, given).fetchone() == (0,)
    except psycopg.Error:
        # An installation without contrib; where the server is gone, the restart says so.
        return False
