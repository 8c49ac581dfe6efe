"""What a foreign key costs while no index serves its check, and which index would."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from pgadvisor.indexes.quoting import quote_identifier
from pgadvisor.indexes.standing import Standing
from pgadvisor.rules_api import (
    ColumnRef,
    Constraint,
    Facts,
    Index,
    IndexDefinition,
    IndexKey,
    Predicate,
    Relation,
    Statement,
    StatementKind,
    StatementShape,
)
from pgadvisor_rules._common import statements_of
from pgadvisor_rules._remember import per_facts


@dataclass(frozen=True)
class Checks:
    """How often rows of the parent went or changed their key: None where no counters tell."""

    deletes: int | None
    key_updates: int
    statements: tuple[Statement, ...]

    @property
    def count(self) -> int:
        """Checks that are known of."""
        return (self.deletes or 0) + self.key_updates


@dataclass(frozen=True)
class Use:
    """Statements that join the child on the key or search it by equality on the key's columns."""

    statements: tuple[Statement, ...]
    columns: dict[str, int]


def served(facts: Facts, key: Constraint) -> bool | None:
    """Whether an index serves the check; None where one might that could not be read whole.

    A partitioned child is served where its own index serves, or each partition's does.
    """
    own = _served_on(facts, key.table_oid, key)
    leaves = [leaf.oid for leaf in facts.leaves(key.table_oid) if leaf.oid != key.table_oid]
    if own or not leaves:
        return own
    verdicts = [_served_on(facts, leaf, key) for leaf in leaves]
    if False in verdicts:
        return False
    return None if None in verdicts else True


def _served_on(facts: Facts, relation_oid: int, key: Constraint) -> bool | None:
    serving, unread = _serving(facts, relation_oid)
    if any(serving.serving_equality(key.columns)):
        return True
    return None if unread else False


@per_facts
def _serving(facts: Facts, relation_oid: int) -> tuple[Standing[Index], bool]:
    """The usable indexes of a relation that were read whole, and whether there are others."""
    usable = [index for index in facts.indexes_of(relation_oid) if _usable(index)]
    whole = Standing((index, index.definition) for index in usable if index.complete)
    return whole, not all(index.complete for index in usable)


def _usable(index: Index) -> bool:
    """What is being built will be usable; what is invalid otherwise will not by itself."""
    return (index.valid and index.ready and index.live) or index.being_built


def checks(facts: Facts, key: Constraint) -> Checks:
    """Deletes from the parent by its counters, and updates of the referenced columns by the statements."""
    return _checks(facts, (key.referenced_oid or 0, key.referenced_columns))


@per_facts
def _checks(facts: Facts, referenced: tuple[int, tuple[str, ...]]) -> Checks:
    parent, columns = referenced
    counters = facts.table_counters(parent)
    changing = []
    updated = 0
    for shape, written in _changes(facts, parent):
        if shape.kind is StatementKind.DELETE:
            changing.append(shape)
        elif not written.isdisjoint(columns):
            changing.append(shape)
            updated += sum(statement.rows for statement in statements_of(facts, [shape]))
    known = bool(counters) and facts.counts_writes
    return Checks(
        deletes=sum(row.rows_deleted for row in counters) if known else None,
        key_updates=updated,
        statements=statements_of(facts, changing),
    )


@per_facts
def _changes(facts: Facts, parent_oid: int) -> tuple[tuple[StatementShape, frozenset[str]], ...]:
    """Statements that delete from a table or update it, with the columns they update."""
    return tuple(
        (
            shape,
            frozenset(w.column for w in shape.columns_written if _same(facts, w.relation_oid, parent_oid)),
        )
        for shape in facts.statements_on(parent_oid)
        if shape.kind in (StatementKind.DELETE, StatementKind.UPDATE)
        and any(relation.written and _same(facts, relation.relation_oid, parent_oid) for relation in shape.relations)
    )


def use(facts: Facts, key: Constraint) -> Use:
    """Statements that look up the child by the key."""
    return _use(facts, (key.table_oid, key.columns))


@per_facts
def _use(facts: Facts, referencing: tuple[int, tuple[str, ...]]) -> Use:
    table_oid, names = referencing
    shapes = []
    columns = dict.fromkeys(names, 0)
    looked_up = _lookups(facts, table_oid)
    telling = _telling(facts, table_oid, names)
    # Each in the order of the table's statements.
    for number in sorted({number for column in columns for number in looked_up.by_column.get(column, ())}):
        shape, searched = looked_up.shapes[number]
        found = searched & columns.keys()
        for column in found:
            columns[column] += 1
        # A composite key is looked up where its most telling column is.
        if len(found) == len(columns) or telling in found:
            shapes.append(shape)
    return Use(statements=statements_of(facts, shapes), columns=columns)


@dataclass(frozen=True)
class _Lookups:
    """Statements on a table with the columns that they search by equality, and their places by column."""

    shapes: tuple[tuple[StatementShape, frozenset[str]], ...]
    by_column: Mapping[str, Sequence[int]]


@per_facts
def _lookups(facts: Facts, table_oid: int) -> _Lookups:
    shapes = []
    by_column: dict[str, list[int]] = defaultdict(list)
    for number, shape in enumerate(facts.statements_on(table_oid)):
        joined = (side for join in shape.joins for side in (join.left, join.right))
        compared = (
            predicate
            for predicate in shape.predicates
            if predicate.operator in ("=", "in") and predicate.indexable and not predicate.in_or
        )
        sides: Iterable[ColumnRef | Predicate] = (*joined, *compared)
        searched = frozenset(each.column for each in sides if _same(facts, each.relation_oid, table_oid))
        shapes.append((shape, searched))
        for column in searched:
            by_column[column].append(number)
    return _Lookups(tuple(shapes), by_column)


def _telling(facts: Facts, table_oid: int, columns: Sequence[str]) -> str | None:
    known = {name: facts.distinct_values(table_oid, name) for name in columns}
    if len(known) > 1 and None in known.values():
        return None
    return max(columns, key=lambda name: known[name] or 0.0)


def _same(facts: Facts, used_oid: int, table_oid: int) -> bool:
    """Whether a relation used in a statement is this table or one of its partitions."""
    root = facts.root(used_oid)
    return used_oid == table_oid or (root is not None and root.oid == table_oid)


def rows_per_key(facts: Facts, key: Constraint) -> float | None:
    """Rows of the child per value of the key's most telling column."""
    rows = facts.row_count(key.table_oid)
    distinct = [d for name in key.columns if (d := facts.distinct_values(key.table_oid, name)) is not None]
    return None if rows is None or not distinct else rows / max(max(distinct), 1.0)


def wanted_index(
    facts: Facts, key: Constraint, table: Relation, used: Use, min_null_fraction: float
) -> IndexDefinition:
    """The index that serves check and lookups: columns by how often they are searched, then in the key's order.

    Where most rows have no key it leaves them out: a check never looks for NULL.
    """
    columns = sorted(key.columns, key=lambda name: -used.columns[name])
    return IndexDefinition(
        schema=table.schema,
        table=table.name,
        keys=tuple(IndexKey(column=name) for name in columns),
        predicate=_not_null(facts, key, min_null_fraction),
    )


def _not_null(facts: Facts, key: Constraint, min_null_fraction: float) -> str | None:
    fractions = {
        name: statistics.null_fraction
        for name in key.columns
        if (statistics := facts.statistics(key.table_oid, name)) is not None
    }
    emptiest = max(fractions, key=lambda name: fractions[name], default=None)
    if emptiest is None or fractions[emptiest] < min_null_fraction:
        return None
    return f"({quote_identifier(emptiest)} IS NOT NULL)"
