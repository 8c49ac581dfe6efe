"""What rules and the advisor see of a snapshot: lookups built once, read-only."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from copy import copy
from functools import cached_property
from typing import TypeVar

from pgadvisor.indexes.identity import definition_identity
from pgadvisor.model.catalog import (
    Column,
    Constraint,
    ConstraintKind,
    Index,
    Relation,
    RelationKind,
)
from pgadvisor.model.counters import IndexCounters, RelationSize, TableCounters, Window
from pgadvisor.model.coverage import Coverage, Fact, Gap, Presence
from pgadvisor.model.index_advice import IndexDecisions
from pgadvisor.model.plan_reading import read_plan
from pgadvisor.model.server import Server
from pgadvisor.model.shape import StatementShape
from pgadvisor.model.snapshot import Snapshot
from pgadvisor.model.statistics import ColumnStatistics, PgStats
from pgadvisor.statement_facts import Statement, StatementPlan, statement_of

SECONDS_PER_DAY = 86_400.0

K = TypeVar("K")
V = TypeVar("V")


class Facts:
    """A snapshot, indexed for reading, with the shapes of the statements understood.

    Relations, indexes and constraints are looked up by oid, columns and statistics by (oid, name).
    What does not exist or was not collected is None or empty; `presence` tells the two apart. advice is what the index
    advisor decided, None before it did, or where no planner could be asked.
    """

    def __init__(self, snapshot: Snapshot, shapes: Mapping[str, StatementShape]) -> None:
        self.snapshot = snapshot
        self.shapes = shapes
        self.advice: IndexDecisions | None = None
        self._not_advised: tuple[Gap, ...] = ()
        catalog = snapshot.catalog
        self.relations: Mapping[int, Relation] = {r.oid: r for r in catalog.relations}
        self.indexes: Mapping[int, Index] = {i.oid: i for i in catalog.indexes}
        self.constraints: Mapping[int, Constraint] = {c.oid: c for c in catalog.constraints}
        self._indexes_of = _group(catalog.indexes, lambda i: i.table_oid)
        self._constraints_of = _group(catalog.constraints, lambda c: c.table_oid)
        self._columns_of = _group(catalog.columns, lambda c: c.relation_oid)
        self._children_of = _group(
            (r for r in catalog.relations if r.parent_oid is not None), lambda r: r.parent_oid or 0
        )
        self._column = {(c.relation_oid, c.name): c for c in catalog.columns}
        self._statistics: dict[tuple[int, str], PgStats] = {}
        for row in snapshot.column_statistics:
            # Of a partitioned table only the inherited row says something about the whole.
            if row.inherited or (row.relation_oid, row.column) not in self._statistics:
                self._statistics[row.relation_oid, row.column] = row

    @property
    def server(self) -> Server:
        """The server looked at."""
        return self.snapshot.server

    @property
    def coverage(self) -> Coverage:
        """What was collected and what not."""
        return self.snapshot.coverage

    def presence(self, fact: Fact) -> Presence:
        """How far a fact is covered."""
        if fact is Fact.INDEX_ADVICE:
            return Presence.ABSENT if self.advice is None else Presence.PRESENT
        return self.coverage.presence(fact)

    @property
    def gaps(self) -> tuple[Gap, ...]:
        """What was not seen: gaps of the collection, and why no planner was asked about indexes."""
        return (*self.coverage.gaps, *self._not_advised)

    def with_advice(self, advice: IndexDecisions | Gap) -> Facts:
        """The same facts with what the index advisor decided, or with the reason why it could not."""
        advised = copy(self)
        advised.advice = advice if isinstance(advice, IndexDecisions) else None
        advised._not_advised = (advice,) if isinstance(advice, Gap) else ()
        return advised

    # Relations

    def tables(self) -> Iterator[Relation]:
        """Tables and partitioned tables that are nobody's partition: the subjects of findings."""
        for relation in self.relations.values():
            if relation.kind in (RelationKind.TABLE, RelationKind.PARTITIONED) and not relation.is_partition:
                yield relation

    def root(self, relation_oid: int) -> Relation | None:
        """The topmost partitioned table a partition belongs to, or the relation itself."""
        relation = self.relations.get(relation_oid)
        while relation is not None and relation.is_partition:
            parent = self.relations.get(relation.parent_oid or 0)
            if parent is None:
                break
            relation = parent
        return relation

    def leaves(self, relation_oid: int) -> tuple[Relation, ...]:
        """The relations that hold the rows: all leaf partitions, or the relation itself."""
        relation = self.relations.get(relation_oid)
        if relation is None:
            return ()
        if relation.kind is not RelationKind.PARTITIONED:
            return (relation,)
        return tuple(
            leaf
            for child in self._children_of.get(relation_oid, ())
            if child.is_partition
            for leaf in self.leaves(child.oid)
        )

    def columns(self, relation_oid: int) -> tuple[Column, ...]:
        """Columns in order."""
        return self._columns_of.get(relation_oid, ())

    def column(self, relation_oid: int, name: str) -> Column | None:
        """One column."""
        return self._column.get((relation_oid, name))

    def statistics(self, relation_oid: int, column: str) -> ColumnStatistics | None:
        """Statistics of a column, those over the whole tree for a partitioned table."""
        row = self._statistics.get((relation_oid, column))
        return None if row is None else row.read

    def stored_statistics(self, relation_oid: int, column: str) -> PgStats | None:
        """The row of pg_stats behind `statistics`, with what is said of elements and ranges."""
        return self._statistics.get((relation_oid, column))

    def row_count(self, relation_oid: int) -> float | None:
        """Estimated rows, summed over leaf partitions; None where the server does not know.

        reltuples is what the planner uses; where it is unknown the counter of live rows stands in. Of a partitioned
        table, partitions without a page hold no rows, and foreign ones are left out.
        """
        total = 0.0
        known = False
        for leaf in self.leaves(relation_oid):
            is_part = leaf.oid != relation_oid
            if is_part and leaf.kind is RelationKind.FOREIGN:
                continue
            counters = self._table_counters.get(leaf.oid)
            rows = leaf.row_count
            if rows is None and counters is not None and (counters.live_rows or counters.rows_inserted):
                rows = float(counters.live_rows)
            if rows is None:
                size = self._sizes.get(leaf.oid)
                if is_part and size is not None and size.main_bytes == 0:
                    continue
                return None
            known = True
            total += rows
        return total if known else None

    def size_bytes(self, oid: int) -> int | None:
        """Bytes of a table (all its partitions) or index (all its child indexes), without TOAST."""
        return self._sum_sizes(oid, lambda size: size.main_bytes)

    def total_bytes(self, oid: int) -> int | None:
        """Bytes of a table with TOAST and indexes, all partitions together."""
        return self._sum_sizes(oid, lambda size: size.total_bytes)

    def distinct_values(self, relation_oid: int, column: str) -> float | None:
        """Estimated number of distinct non-null values of a column (pg_stats.n_distinct, scaled)."""
        statistics = self.statistics(relation_oid, column)
        if statistics is None or statistics.n_distinct == 0:
            return None
        if statistics.n_distinct > 0:
            return statistics.n_distinct
        rows = self.row_count(relation_oid)
        return None if rows is None else -statistics.n_distinct * rows

    # Indexes and constraints

    def indexes_of(self, relation_oid: int) -> tuple[Index, ...]:
        """Indexes of a table; of a partitioned table only its own, of which partitions have copies."""
        return self._indexes_of.get(relation_oid, ())

    def child_indexes(self, index_oid: int) -> tuple[Index, ...]:
        """Indexes of partitions that are attached to this one, all levels, leaves only."""
        children = self._index_children.get(index_oid, ())
        if not children:
            return ()
        return tuple(leaf for child in children for leaf in (self.child_indexes(child.oid) or (child,)))

    def constraints_of(self, relation_oid: int) -> tuple[Constraint, ...]:
        """Constraints declared on a table."""
        return self._constraints_of.get(relation_oid, ())

    def foreign_keys(self) -> Iterator[Constraint]:
        """Foreign keys as declared: those derived for partitions are left out."""
        for constraint in self.constraints.values():
            if constraint.kind is ConstraintKind.FOREIGN_KEY and constraint.parent_oid is None:
                yield constraint

    def primary_key(self, relation_oid: int) -> Constraint | None:
        """The primary key of a table."""
        for constraint in self.constraints_of(relation_oid):
            if constraint.kind is ConstraintKind.PRIMARY_KEY:
                return constraint
        return None

    def constraint_of_index(self, index: Index) -> Constraint | None:
        """The constraint that an index enforces."""
        return None if index.constraint_oid is None else self.constraints.get(index.constraint_oid)

    def referencing(self, index: Index) -> tuple[Constraint, ...]:
        """Foreign keys that rest on this (unique) index."""
        return self._references_to.get(index.oid, ())

    def index_identity(self, index: Index) -> str:
        """A name for an index that survives renaming: its table and what it is made of."""
        return definition_identity(index.definition)

    # Counters

    @property
    def counters_window(self) -> Window | None:
        """The window of tables' and indexes' counters."""
        return None if self.snapshot.counters is None else self.snapshot.counters.window

    @property
    def statements_window(self) -> Window | None:
        """The window of pg_stat_statements."""
        return None if self.snapshot.statements is None else self.snapshot.statements.window

    def counters_days(self) -> float | None:
        """Length of the counters' window in days; None where unknown."""
        window = self.counters_window
        if window is None or window.seconds is None:
            return None
        return window.seconds / SECONDS_PER_DAY

    def table_counters(self, relation_oid: int) -> tuple[TableCounters, ...]:
        """Counters of a table: one per leaf partition."""
        return tuple(
            self._table_counters[leaf.oid] for leaf in self.leaves(relation_oid) if leaf.oid in self._table_counters
        )

    @property
    def counts_writes(self) -> bool:
        """Whether the counters of tables tell of writes: not on a standby, nor where track_counts is off."""
        return self.presence(Fact.TABLE_COUNTERS) is Presence.PRESENT and not self.server.in_recovery

    def entries_written(self, relation_oid: int) -> int | None:
        """Entries that each index of a table was given: one for each insert and each update that was not HOT.

        None where writes are not counted.
        """
        counters = self.table_counters(relation_oid)
        if not counters or not self.counts_writes:
            return None
        return sum(row.rows_inserted + row.rows_updated - row.rows_hot_updated for row in counters)

    def index_counters(self, index: Index) -> tuple[IndexCounters, ...]:
        """Counters of an index: one per leaf index of a partitioned one."""
        leaves = self.child_indexes(index.oid) or (index,)
        return tuple(self._index_counters[leaf.oid] for leaf in leaves if leaf.oid in self._index_counters)

    # Statements

    @cached_property
    def statements(self) -> Mapping[str, Statement]:
        """Statements of this database by query id, the costliest first."""
        if self.snapshot.statements is None:
            return {}
        texts = {text.query_id: text.text for text in self.snapshot.statements.texts}
        folded = {other: text.query_id for text in self.snapshot.statements.texts for other in text.also}
        rows = _group(self.snapshot.statements.rows, lambda row: folded.get(row.query_id, row.query_id))
        merged = [statement_of(query_id, texts.get(query_id), group) for query_id, group in rows.items()]
        merged.sort(key=lambda statement: (-statement.total_ms, statement.query_id))
        return {statement.query_id: statement for statement in merged}

    @cached_property
    def total_statement_ms(self) -> float:
        """Time spent in all statements of this database, that of nested ones within their callers alone.

        Where CALL and DO are not counted (track_utility off), what they call has no caller, so that the time of the
        nested is what is known where it is more.
        """
        own_ms = sum(statement.own_ms for statement in self.statements.values())
        nested_ms = sum(statement.nested_ms for statement in self.statements.values())
        is_off = any(s.name == "pg_stat_statements.track_utility" and s.value == "off" for s in self.server.settings)
        return max(own_ms, nested_ms) if is_off or not own_ms else own_ms

    def share_of_time(self, time_ms: float) -> float:
        """Which share of the statements' time some time is, 0 where none was counted; nested time can exceed it."""
        return min(time_ms / self.total_statement_ms, 1.0) if self.total_statement_ms else 0.0

    def statements_on(self, relation_oid: int) -> tuple[StatementShape, ...]:
        """Shapes that use a relation (or the partitioned table it belongs to), the costliest first."""
        return self._shapes_on.get(relation_oid, ())

    def plans(self, query_id: str) -> tuple[StatementPlan, ...]:
        """Observed plans of a statement."""
        return self._plans.get(query_id, ())

    def planned(self) -> Iterable[str]:
        """Query ids with at least one plan."""
        return self._plans.keys()

    def relation_named(self, schema: str | None, name: str) -> Relation | None:
        """A relation by the names that a VERBOSE plan shows."""
        return self._by_name.get((schema or "", name))

    def index_named(self, schema: str, name: str) -> Index | None:
        """An index by its qualified name."""
        return self._index_by_name.get((schema, name))

    def children(self, relation_oid: int) -> tuple[Relation, ...]:
        """The partitions directly below a table, or the tables that inherit from it first of all."""
        return self._children_of.get(relation_oid, ())

    # Lookups built on first use

    @cached_property
    def _by_name(self) -> Mapping[tuple[str, str], Relation]:
        return {(r.schema, r.name): r for r in self.relations.values()}

    @cached_property
    def _index_by_name(self) -> Mapping[tuple[str, str], Index]:
        return {(index.schema, index.name): index for index in self.indexes.values()}

    @cached_property
    def _table_counters(self) -> Mapping[int, TableCounters]:
        counters = self.snapshot.counters
        return {} if counters is None else {row.relation_oid: row for row in counters.tables}

    @cached_property
    def _index_counters(self) -> Mapping[int, IndexCounters]:
        counters = self.snapshot.counters
        return {} if counters is None else {row.index_oid: row for row in counters.indexes}

    @cached_property
    def _sizes(self) -> Mapping[int, RelationSize]:
        counters = self.snapshot.counters
        return {} if counters is None else {row.oid: row for row in counters.sizes}

    @cached_property
    def _index_children(self) -> Mapping[int, tuple[Index, ...]]:
        return _group((i for i in self.indexes.values() if i.parent_oid is not None), lambda i: i.parent_oid or 0)

    @cached_property
    def _references_to(self) -> Mapping[int, tuple[Constraint, ...]]:
        return _group((c for c in self.foreign_keys() if c.index_oid is not None), lambda c: c.index_oid or 0)

    @cached_property
    def _plans(self) -> Mapping[str, tuple[StatementPlan, ...]]:
        plans = (StatementPlan(observed=plan, plan=read_plan(plan.plan)) for plan in self.snapshot.plans)
        return _group(plans, lambda plan: plan.observed.query_id)

    @cached_property
    def _shapes_on(self) -> Mapping[int, tuple[StatementShape, ...]]:
        found: dict[int, list[StatementShape]] = defaultdict(list)
        for query_id in self.statements:
            shape = self.shapes.get(query_id)
            if shape is None:
                continue
            used = {relation.relation_oid for relation in shape.relations}
            for oid in sorted(used | {root.oid for each in used if (root := self.root(each)) is not None}):
                found[oid].append(shape)
        return {oid: tuple(shapes) for oid, shapes in found.items()}

    def _sum_sizes(self, oid: int, amount: Callable[[RelationSize], int]) -> int | None:
        if oid in self.indexes:
            oids = [index.oid for index in self.child_indexes(oid)] or [oid]
        else:
            oids = [leaf.oid for leaf in self.leaves(oid)]
        known = [amount(self._sizes[each]) for each in oids if each in self._sizes]
        return sum(known) if len(known) == len(oids) and known else None


def _group(items: Iterable[V], key: Callable[[V], K]) -> dict[K, tuple[V, ...]]:
    groups: dict[K, list[V]] = defaultdict(list)
    for item in items:
        groups[key(item)].append(item)
    return {k: tuple(v) for k, v in groups.items()}
