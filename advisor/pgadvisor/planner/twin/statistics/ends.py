"""Ends of histograms, which the audited server's planner replaces by what it finds in an index.

For a range it looks up the least or greatest value of a column in a B-tree that the column leads, where the range ends
in the first or last bin (get_actual_variable_range and ineq_histogram_selectivity, selfuncs.c). The twin's trees are
empty. But the histogram leaves out the most common values, which are in the tree as well, and of a column that a
sequence numbers the greatest value is the sequence's last: so far the histogram is stretched.

What differs still: of other columns the newest values, which came after the last ANALYZE (times, keys of other tables).
There the histogram's end stays, and a range beyond it has the least that a planner says which has not seen the end, 1 %
of a bin; the audited server may say more, or one row. So it is with texts, whose order is a collation's. The end of a
sequence's column is too far where its last rows were deleted or rolled back. An index that is imagined, or imagined
gone, changes no end.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from typing import Any

import psycopg

from pgadvisor.facts import Facts
from pgadvisor.model.catalog import RelationKind
from pgadvisor.model.whatif import Shortfall
from pgadvisor.planner.twin.building import Building

# Types of the system's without a choice of collation, by the object ids that they have in every version; with the
# range of those that a sequence can number.
_INT2, _INT4, _INT8 = 21, 23, 20
_TYPES = {
    _INT2: "int2",
    _INT4: "int4",
    _INT8: "int8",
    26: "oid",
    700: "float4",
    701: "float8",
    1082: "date",
    1083: "time",
    1114: "timestamp",
    1184: "timestamptz",
    1700: "numeric",
    2950: "uuid",
}
_GREATEST = {_INT2: 2**15 - 1, _INT4: 2**31 - 1, _INT8: 2**63 - 1}
# A histogram (kind 2) is in the first slot, or in the second after the common values (kind 1). Values of a domain are
# kept as its base type's, which the operator < tells.
_FOUND = """
SELECT s.starelid::int8, s.staattnum::int4, g.last, o.oprleft::int8
FROM ROWS FROM (unnest(%(relations)s::oid[]), unnest(%(columns)s::text[]), unnest(%(lasts)s::int8[]))
  AS g (relation, name, last)
JOIN pg_attribute AS a ON a.attrelid = g.relation AND a.attname = g.name AND a.attnum > 0 AND NOT a.attisdropped
JOIN pg_statistic AS s ON s.starelid = a.attrelid AND s.staattnum = a.attnum
JOIN pg_operator AS o ON o.oid = CASE WHEN s.stakind2 = 2 THEN s.staop2 ELSE s.staop1 END
WHERE NOT s.stainherit AND 2 IN (s.stakind1, s.stakind2) AND o.oprnamespace = 'pg_catalog'::regnamespace
  AND (s.stakind1 = 1 OR g.last IS NOT NULL)
"""
_UPDATE = """
WITH slots AS MATERIALIZED (
  SELECT
    s.starelid, s.staattnum, s.stakind2 = 2 AS is_second, g.last,
    CASE WHEN s.stakind2 = 2 THEN s.stavalues2 ELSE s.stavalues1 END AS bounds,
    CASE WHEN s.stakind1 = 1 THEN s.stavalues1 END AS common
  FROM ROWS FROM (unnest(%(relations)s::oid[]), unnest(%(columns)s::int4[]), unnest(%(lasts)s::int8[]))
    AS g (relation, number, last)
  JOIN pg_statistic AS s ON s.starelid = g.relation AND s.staattnum = g.number AND NOT s.stainherit
), parsed AS MATERIALIZED (
  SELECT
    starelid, staattnum, is_second, bounds::text::{type}[] AS bounds,
    COALESCE(common::text::{type}[], '{{}}') || {last} AS others
  FROM slots
), ends AS (
  SELECT
    starelid, staattnum, is_second, bounds,
    (SELECT v FROM unnest(others || bounds[1]) AS v WHERE v IS NOT NULL ORDER BY v LIMIT 1) AS least,
    (SELECT v FROM unnest(others || bounds[cardinality(bounds)]) AS v WHERE v IS NOT NULL ORDER BY v DESC LIMIT 1)
      AS greatest
  FROM parsed
  WHERE array_ndims(bounds) = 1 AND array_lower(bounds, 1) = 1 AND cardinality(bounds) > 1
    AND array_position(bounds, NULL) IS NULL
), made AS (
  SELECT
    starelid, staattnum, is_second,
    array_in(textout((least || bounds[2:cardinality(bounds) - 1] || greatest)::text), %(type)s::oid, -1) AS bounds
  FROM ends
  WHERE least < bounds[1] OR greatest > bounds[cardinality(bounds)]
)
UPDATE pg_statistic AS s
SET stavalues1 = CASE WHEN m.is_second THEN s.stavalues1 ELSE m.bounds END,
  stavalues2 = CASE WHEN m.is_second THEN m.bounds ELSE s.stavalues2 END
FROM made AS m
WHERE s.starelid = m.starelid AND s.staattnum = m.staattnum AND NOT s.stainherit
"""
_NO_LAST = "'{{}}'::{type}[]"
_LAST = "CASE WHEN last <= {greatest} THEN ARRAY[last::{type}] ELSE '{{}}' END"


def stretch_histograms(building: Building) -> None:
    """Gives histograms the ends that an index of the audited server shows, as far as the snapshot knows them.

    Raises psycopg.OperationalError where the server is gone.
    """
    found = dict(_led(building.facts))
    known = [(building.oids[oid], column, found[oid, column]) for oid, column in found if oid in building.oids]
    if not known:
        return
    subjects: dict[int, list[tuple[int, int, int | None]]] = defaultdict(list)
    for *subject, type_oid in building.admin.execute(_FOUND.encode(), _columns(known)).fetchall():
        subjects[type_oid].append((subject[0], subject[1], subject[2]))
    for type_oid, given in subjects.items():
        if type_oid in _TYPES:
            _stretch(building, type_oid, given)


def _stretch(building: Building, type_oid: int, subjects: Sequence[tuple[int, int, int | None]]) -> None:
    """Columns of one type, by relation and number on the twin."""
    name = _TYPES[type_oid]
    is_counted = type_oid in _GREATEST
    last = _LAST.format(type=name, greatest=_GREATEST[type_oid]) if is_counted else _NO_LAST.format(type=name)
    try:
        building.admin.execute(_UPDATE.format(type=name, last=last).encode(), {**_columns(subjects), "type": type_oid})
    except psycopg.Error:
        if building.admin.closed:
            raise
        relations = {oid: snapshot_oid for snapshot_oid, oid in building.oids.items()}
        building.shortfalls.append(_not_stretched(name, (relations[oid] for oid, _, _ in subjects)))


def _columns(rows: Sequence[tuple[int, Any, int | None]]) -> dict[str, Any]:
    relations, columns, lasts = map(list, zip(*rows, strict=True))
    return {"relations": relations, "columns": columns, "lasts": lasts}


def _led(facts: Facts) -> Iterator[tuple[tuple[int, str], int | None]]:
    """Columns of tables in whose trees the planner looks for ends, with the last value of a sequence that owns one."""
    lasts = {
        (sequence.owner_relation_oid, sequence.owner_column): sequence.last_value
        for sequence in facts.snapshot.catalog.sequences
        if sequence.increment > 0 and not sequence.cycles
    }
    for index in facts.indexes.values():
        key = index.definition.keys[0] if index.definition.keys else None
        table = facts.relations.get(index.table_oid)
        if key is None or key.column is None or table is None or table.kind is RelationKind.PARTITIONED:
            continue
        is_usable = index.valid and index.ready and index.definition.predicate is None
        if is_usable and index.definition.access_method == "btree" and key.default_operator_class:
            place = (table.oid, key.column)
            yield place, lasts.get(place)


def _not_stretched(type_name: str, relations: Iterator[int]) -> Shortfall:
    return Shortfall(
        what=f"ends of histograms of the type {type_name}",
        reason="The twin's server does not take them, so ranges end where ANALYZE saw the last value.",
        relation_oids=tuple(sorted(set(relations))),
    )
