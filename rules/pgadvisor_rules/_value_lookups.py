"""Which values of an index's first column statements look up: rare ones, or common ones of which they want few rows."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from pgadvisor.rules_api import Comparand, Facts, Index, Predicate, StatementShape
from pgadvisor_rules._value_shares import Shares


def wants_rare_value(facts: Facts, index: Index, columns: Sequence[Shares]) -> bool:
    """Whether a statement seen compares the column with a value that is spelt out, and not a common one."""
    return len(columns) == 1 and any(
        _spells_out_rare_value(predicate, columns[0])
        for shape in _statements_on(facts, index)
        for predicate in _conditions(facts, index, shape)
    )


def _spells_out_rare_value(predicate: Predicate, column: Shares) -> bool:
    if predicate.in_or or not predicate.indexable:
        return False
    common = {value.text for value in column.common}
    if predicate.operator == "is null":
        return None not in common
    if predicate.operator in ("is true", "is false"):
        return predicate.operator[3] not in common
    spelt_out = predicate.operator == "=" and predicate.comparand is Comparand.CONSTANT
    return spelt_out and (predicate.constant or "").strip("'") not in common


def serves_common_values(facts: Facts, index: Index, columns: Sequence[Shares], selective_rows: float) -> bool:
    """Whether its scans may read few rows though they look for common values: for a join, in its order, up to a LIMIT.

    A LIMIT ends a scan early unless the rows are sorted by something else first. The scans of the other statements,
    by their share of the calls, tell of rare values where they read no more than selective_rows on average.
    """
    ended_early = others = 0
    for shape in _statements_on(facts, index):
        sides = [side for join in shape.joins for side in (join.left, join.right)]
        if any(_is_on(facts, index, side.relation_oid, side.column) for side in sides):
            return True
        if shape.has_limit and any(_is_on(facts, index, sort.relation_oid, sort.column) for sort in shape.sort):
            return True
        conditions = [each for each in _conditions(facts, index, shape) if each.indexable and not each.in_or]
        rare = any(_spells_out_rare_value(predicate, columns[0]) for predicate in conditions)
        calls = facts.statements[shape.query_id].calls if conditions else 0
        if shape.has_limit and not shape.sort and not rare:
            ended_early += calls
        else:
            others += calls
    if not ended_early:
        return False
    counters = facts.index_counters(index)
    scans = sum(row.scans for row in counters) * others / (ended_early + others)
    return not scans or sum(row.rows_read for row in counters) > selective_rows * scans


def _statements_on(facts: Facts, index: Index) -> tuple[StatementShape, ...]:
    """Statements on its table, or on the partitioned table that this is a part of."""
    root = facts.root(index.table_oid)
    return facts.statements_on(index.table_oid if root is None else root.oid)


def _conditions(facts: Facts, index: Index, shape: StatementShape) -> Iterator[Predicate]:
    for predicate in shape.predicates:
        if _is_on(facts, index, predicate.relation_oid, predicate.column):
            yield predicate


def _is_on(facts: Facts, index: Index, relation_oid: int, column: str) -> bool:
    """Whether a column used in a statement is the first one of the index."""
    used, own = facts.root(relation_oid), facts.root(index.table_oid)
    same = relation_oid == index.table_oid or (used is not None and own is not None and used.oid == own.oid)
    return same and column == index.definition.key_columns[0]
