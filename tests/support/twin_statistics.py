"""Databases of tests with the same schema, one with rows, the other to take the statistics of the first."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, cast

from pgadvisor.facts import Facts
from pgadvisor.localserver import LocalServer
from pgadvisor.model.snapshot import Snapshot
from pgadvisor.planner.twin.building import Building
from pgadvisor.planner.twin.schema.build import note_oids
from support.databases import Database, fresh_database
from support.servers import Server

_STATISTICS = """
SELECT s.starelid::regclass::text, a.attname::text, s.stainherit,
  s.stanullfrac::text, s.stawidth, s.stadistinct::text, {}
FROM pg_statistic AS s
JOIN pg_attribute AS a ON a.attrelid = s.starelid AND a.attnum = s.staattnum
WHERE s.starelid >= 16384
ORDER BY 1, 2, 3
""".format(
    ", ".join(
        f"s.stakind{n}, s.staop{n}::regoperator::text, "
        f"(SELECT c.collname::text FROM pg_collation AS c WHERE c.oid = s.stacoll{n}), "
        f"s.stanumbers{n}::text, s.stavalues{n}::text"
        for n in range(1, 6)
    )
)


@contextmanager
def two_databases(
    servers: Callable[[int], Server], majors: tuple[int, int], schema: str
) -> Iterator[tuple[Database, Database]]:
    """The source and its hollow copy, of the same schema."""
    source_major, copy_major = majors
    with fresh_database(servers(source_major)) as source, fresh_database(servers(copy_major)) as copy:
        for database in (source, copy):
            database.execute(schema)
        yield source, copy


@contextmanager
def hollow_copy(snapshot: Snapshot, copy: Database) -> Iterator[Building]:
    """A database with the snapshot's schema and no rows, as a twin that has come as far as its statistics."""
    building = Building(Facts(snapshot, {}), cast("LocalServer", copy.server.local), copy.name, copy.dsn, copy.dsn)
    try:
        note_oids(building)
        yield building
    finally:
        building.close()


def statistics(database: Database) -> dict[tuple[str, str, bool], tuple[Any, ...]]:
    """All of pg_statistic by relation, column and inheritance, objects by their names."""
    return {row[:3]: row[3:] for row in database.execute(_STATISTICS)}
