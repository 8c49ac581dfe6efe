"""Foreign keys whose check reads the whole referencing table: what is known of each, and the index that would serve.

PostgreSQL looks for referencing rows whenever a row of the referenced table goes or changes its key (manual,
"Foreign Keys"). The rule unindexed_foreign_key tells of the same keys.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pgadvisor.advise.candidates.candidate import Candidate
from pgadvisor.advise.candidates.demands import INDEXED_KINDS
from pgadvisor.advise.candidates.existing import Existing
from pgadvisor.advise.selection.loads import Load
from pgadvisor.advise.selection.writes import TableWrites
from pgadvisor.facts import Facts
from pgadvisor.indexes.quoting import quote_identifier
from pgadvisor.model.catalog import Constraint, IndexDefinition, IndexKey, Relation, RelationKind
from pgadvisor.model.index_advice import LeftIndex, WhyNot
from pgadvisor.model.shape import StatementShape

if TYPE_CHECKING:
    from pgadvisor.config import IndexesConfig

# From so many rows on, read by checks over the window, a missing index hurts on a small table too.
_HURTS_ROWS = 1_000_000
# From this share of NULLs on the index leaves them out: a check never looks for them.
_MOSTLY_NULL = 0.5


@dataclass(frozen=True)
class ReferencingKey:
    """A foreign key with its referencing table, and how often its check runs over the statements' window.

    served: an index finds the referencing rows; None where one might that could not be read whole.
    """

    key: Constraint
    table: Relation
    checks: float
    served: bool | None


def referencing_keys(facts: Facts) -> Iterator[ReferencingKey]:
    """Enforced foreign keys as declared, in the catalog's order."""
    existing, writes = Existing(facts), TableWrites(facts)
    for key in facts.foreign_keys():
        table = facts.relations.get(key.table_oid)
        if table is not None and key.enforced and table.kind in INDEXED_KINDS and key.columns:
            yield ReferencingKey(key, table, _checks(facts, key, writes), existing.finds(table, key.columns))


def foreign_keys(facts: Facts, loads: Sequence[Load], options: IndexesConfig) -> Iterator[Candidate | LeftIndex]:
    """An index for each foreign key that has none; on a small table only where its checks read many rows."""
    searched = _searched(facts, loads)
    for each in referencing_keys(facts):
        rows = facts.row_count(each.table.oid)
        if each.served:
            continue
        definition = _definition(facts, each, searched)
        if each.served is None:
            yield LeftIndex(
                definition=definition,
                why=WhyNot.NOT_EXAMINED,
                sentence=f"Whether an index serves the foreign key {each.key.name} is not known: one of the table's "
                "could not be read whole.",
            )
            continue
        counts = rows is None or rows >= options.min_rows or each.checks * rows >= _HURTS_ROWS
        yield Candidate(
            definition=definition,
            foreign_keys=frozenset({each.key.name}) if counts else frozenset(),
            reasons=frozenset({"foreign key"}),
            partitioned=each.table.kind is RelationKind.PARTITIONED,
            any_order=True,
        )


def _checks(facts: Facts, key: Constraint, writes: TableWrites) -> float:
    """How many rows of the referenced table went or changed their key; 0 where nobody can say over which time.

    Where no statement is known all that was counted is taken: it is weighed against nothing else.
    """
    parent = key.referenced_oid or 0
    written = writes.of(parent)
    if not facts.statements and facts.counts_writes:
        return float(sum(row.rows_deleted for row in facts.table_counters(parent)))
    if written is None:
        return 0.0
    changed = sum(each.rows for each in written.updates if not each.columns.isdisjoint(key.referenced_columns))
    return written.deleted + changed


def _definition(facts: Facts, each: ReferencingKey, searched: Counter[tuple[int, str]]) -> IndexDefinition:
    """The key's columns, first those that most statements search by."""
    columns = sorted(each.key.columns, key=lambda name: -searched[each.table.oid, name])
    shares = {
        name: statistics.null_fraction
        for name in each.key.columns
        if (statistics := facts.statistics(each.table.oid, name)) is not None
    }
    emptiest = max(shares, key=lambda name: shares[name], default="")
    leaves_out = bool(emptiest) and shares[emptiest] >= _MOSTLY_NULL
    return IndexDefinition(
        schema=each.table.schema,
        table=each.table.name,
        keys=tuple(IndexKey(column=name) for name in columns),
        predicate=f"({quote_identifier(emptiest)} IS NOT NULL)" if leaves_out else None,
    )


def _searched(facts: Facts, loads: Sequence[Load]) -> Counter[tuple[int, str]]:
    """How many statements look rows up by a column, by table and column."""
    found: Counter[tuple[int, str]] = Counter()
    for load in loads:
        if load.shape is not None:
            found.update(_looked_up(facts, load.shape))
    return found


def _looked_up(facts: Facts, shape: StatementShape) -> set[tuple[int, str]]:
    sides = [(side.relation_oid, side.column) for join in shape.joins for side in (join.left, join.right)]
    sides += [
        (each.relation_oid, each.column)
        for each in shape.predicates
        if each.operator in ("=", "in") and each.indexable and not each.in_or
    ]
    return {(root.oid, column) for oid, column in sides if (root := facts.root(oid)) is not None}
