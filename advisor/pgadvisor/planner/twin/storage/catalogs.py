"""What the twin's catalogs say of sizes, set for thousands of relations at once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import psycopg

from pgadvisor.planner.twin.storage.lengths import Standing

_SET_STANDING = """
UPDATE pg_class AS c
SET relpages = s.pages, reltuples = s.row_count, relallvisible = s.all_visible{frozen}
FROM (
  SELECT *
  FROM unnest(%s::oid[], %s::int4[], %s::float4[], %s::int4[], %s::int4[])
    AS u (relation, pages, row_count, all_visible, all_frozen)
) AS s
WHERE c.oid = s.relation
"""
_SET_FROZEN = ", relallfrozen = coalesce(s.all_frozen, c.relallfrozen)"
# From this major on pg_class knows of frozen pages, and that a table was never looked at.
_WITH_FROZEN = 18
_WITH_UNKNOWN = 14
_READ_STANDING = """
SELECT oid::int8, relpages, reltuples, relallvisible, {frozen}
FROM pg_class
WHERE oid = ANY (%s::oid[])
"""
_READ_FILES = """
SELECT c.oid::int8, pg_relation_filepath(c.oid), a.amname::text
FROM pg_class AS c
LEFT JOIN pg_am AS a ON a.oid = c.relam
WHERE c.oid = ANY (%s::oid[]) AND c.relkind IN ('r', 'm', 'i')
"""

_READ_LEAVES = """
WITH RECURSIVE tree (root, relation) AS (
  SELECT oid, oid FROM unnest(%s::oid[]) AS u (oid)
  UNION ALL
  SELECT tree.root, h.inhrelid
  FROM tree
  JOIN pg_class AS c ON c.oid = tree.relation AND c.relkind = 'p'
  JOIN pg_inherits AS h ON h.inhparent = c.oid
)
SELECT tree.root::int8, tree.relation::int8
FROM tree
JOIN pg_class AS c ON c.oid = tree.relation AND c.relkind <> 'p'
ORDER BY 1, 2
"""


@dataclass(frozen=True)
class File:
    """A relation's file below the data folder, and the access method that reads it."""

    path: str
    access_method: str | None


def set_standings(admin: psycopg.Connection[Any], standings: Mapping[int, Standing]) -> None:
    """Sets pages and rows of relations, by the twin's oids."""
    major = admin.info.server_version // 10_000
    unknown = -1.0 if major >= _WITH_UNKNOWN else 0.0
    rows = list(standings.values())
    admin.execute(
        _SET_STANDING.format(frozen=_SET_FROZEN if major >= _WITH_FROZEN else "").encode(),
        (
            list(standings),
            # Before 14 no rows on no pages mean that nobody knows.
            [row.pages if row.row_count is not None or major >= _WITH_UNKNOWN else 0 for row in rows],
            [unknown if row.row_count is None else row.row_count for row in rows],
            [row.all_visible_pages for row in rows],
            [row.all_frozen_pages for row in rows],
        ),
    )


def read_standings(admin: psycopg.Connection[Any], oids: Sequence[int]) -> dict[int, Standing]:
    """Pages and rows of relations as they are, by the twin's oids, to be set again."""
    has_frozen = admin.info.server_version // 10_000 >= _WITH_FROZEN
    query = _READ_STANDING.format(frozen="relallfrozen" if has_frozen else "NULL::int4")
    return {
        oid: Standing(pages, row_count, all_visible, all_frozen)
        for oid, pages, row_count, all_visible, all_frozen in admin.execute(query.encode(), (list(oids),))
    }


def set_valid(admin: psycopg.Connection[Any], valid: Mapping[int, bool]) -> None:
    """Says of indexes whether the planner may use them, by the twin's oids."""
    admin.execute(
        "UPDATE pg_index AS i SET indisvalid = s.valid FROM unnest(%s::oid[], %s::bool[]) AS s (index, valid) "
        "WHERE i.indexrelid = s.index AND i.indisvalid <> s.valid",
        (list(valid), list(valid.values())),
    )


def files_of(admin: psycopg.Connection[Any], oids: Sequence[int]) -> dict[int, File]:
    """Files of those of the relations that have one, by the twin's oids."""
    rows = admin.execute(_READ_FILES.encode(), (list(oids),))
    return {oid: File(path, access_method) for oid, path, access_method in rows if path is not None}


def leaves_of(admin: psycopg.Connection[Any], oids: Sequence[int]) -> dict[int, list[int]]:
    """The tables that hold the rows of tables: the leaf partitions of a partitioned one, else itself."""
    found: dict[int, list[int]] = {oid: [] for oid in oids}
    for root, leaf in admin.execute(_READ_LEAVES.encode(), (list(oids),)):
        found[root].append(leaf)
    return found
