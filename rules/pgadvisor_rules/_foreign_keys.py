"""What a foreign key costs while no index serves its check, and which index would."""

from __future__ import annotations

from dataclasses import dataclass

from pgadvisor.indexes.algebra import serves_equality_on
from pgadvisor.indexes.quoting import quote_identifier
from pgadvisor.rules_api import (
    Constraint,
    Facts,
    Index,
    IndexDefinition,
    IndexKey,
    Relation,
    Statement,
    StatementKind,
)
from pgadvisor_rules._common import statements_of


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
    fitting = [i for i in facts.indexes_of(relation_oid) if serves_equality_on(i.definition, key.columns)]
    if any(_usable(index) and index.complete for index in fitting):
        return True
    return None if any(_usable(index) for index in facts.indexes_of(relation_oid) if not index.complete) else False


def _usable(index: Index) -> bool:
    """What is being built will be usable; what is invalid otherwise will not by itself."""
    return (index.valid and index.ready and index.live) or index.being_built


def checks(facts: Facts, key: Constraint) -> Checks:
    """Deletes from the parent by its counters, and updates of the referenced columns by the statements."""
    parent = key.referenced_oid or 0
    counters = facts.table_counters(parent)
    changing = []
    updated = 0
    for shape in facts.statements_on(parent):
        if not any(relation.written and _same(facts, relation.relation_oid, parent) for relation in shape.relations):
            continue
        if shape.kind is StatementKind.DELETE:
            changing.append(shape)
        elif shape.kind is StatementKind.UPDATE and any(
            _same(facts, written.relation_oid, parent) and written.column in key.referenced_columns
            for written in shape.columns_written
        ):
            changing.append(shape)
            updated += sum(statement.rows for statement in statements_of(facts, [shape]))
    known = bool(counters) and facts.counts_writes
    return Checks(
        deletes=sum(row.rows_deleted for row in counters) if known else None,
        key_updates=updated,
        statements=statements_of(facts, changing),
    )


def use(facts: Facts, key: Constraint) -> Use:
    """Statements that look up the child by the key."""
    shapes = []
    columns = dict.fromkeys(key.columns, 0)
    for shape in facts.statements_on(key.table_oid):
        found = {
            side.column
            for join in shape.joins
            for side in (join.left, join.right)
            if _same(facts, side.relation_oid, key.table_oid) and side.column in columns
        } | {
            predicate.column
            for predicate in shape.predicates
            if _same(facts, predicate.relation_oid, key.table_oid)
            and predicate.column in columns
            and predicate.operator in ("=", "in")
            and predicate.indexable
            and not predicate.in_or
        }
        if found:
            for column in found:
                columns[column] += 1
            # A composite key is looked up where its most telling column is.
            if len(found) == len(columns) or _telling(facts, key) in found:
                shapes.append(shape)
    return Use(statements=statements_of(facts, shapes), columns=columns)


def _telling(facts: Facts, key: Constraint) -> str | None:
    known = {name: facts.distinct_values(key.table_oid, name) for name in key.columns}
    if len(known) > 1 and None in known.values():
        return None
    return max(key.columns, key=lambda name: known[name] or 0.0)


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
