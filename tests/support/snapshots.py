"""Snapshots and facts from compact data, the same for Python and TOML.

    facts({
        "tables": {
            "public.customers": {"columns": ["id bigint not null"], "constraints": {"c_pkey": "primary key (id)"}},
            "public.orders": {
                "rows": 1e6,
                "columns": ["id bigint not null", "customer_id bigint", "deleted_at timestamptz"],
                "stats": {"customer_id": {"n_distinct": -0.1, "nulls": 0.2}},
                "indexes": {"o_live": "btree (customer_id, id desc) include (deleted_at) where (deleted_at IS NULL)"},
                "constraints": {"o_c": "foreign key (customer_id) references public.customers (id) on delete cascade"},
                "counters": {"rows_deleted": 5},
            },
        },
        "statements": [{"id": "1", "text": "select ...", "total_ms": 10, "plans": [{"tree": "Seq Scan on ..."}]}],
    })

See `TableData`, `StatementData` and `SnapshotData` for every key, `support.notation` for the texts of indexes,
constraints and shapes, `support.plan_text` for plans. Unknown keys are refused. The clock stands at NOW.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, Literal

import msgspec

from pgadvisor.array_text import array_literal
from pgadvisor.facts import Facts
from pgadvisor.model.activity import Activity
from pgadvisor.model.catalog import (
    Catalog,
    Column,
    Constraint,
    ConstraintKind,
    Index,
    IndexDefinition,
    Relation,
    RelationKind,
)
from pgadvisor.model.counters import Counters, IndexCounters, RelationSize, TableCounters, Window
from pgadvisor.model.coverage import Coverage, Fact, FactCoverage, Gap, Presence
from pgadvisor.model.plans import ObservedPlan, ParameterValue, PlanMethod, ValueChoice
from pgadvisor.model.server import Extension, Server, Setting
from pgadvisor.model.shape import StatementShape
from pgadvisor.model.snapshot import Snapshot
from pgadvisor.model.statements import StatementRow, Statements, StatementText
from pgadvisor.model.statistics import PgStats
from support import notation
from support.plan_text import explain

NOW = datetime(2026, 3, 1, tzinfo=UTC)
FIRST_OID = 16_384

Days = float | Literal["unknown"]


class Data(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """Base of the compact forms: a misspelt key is an error, not a silent default."""


class StatsData(Data, kw_only=True):
    """pg_stats of one column."""

    n_distinct: float = -1.0
    nulls: float = 0.0
    width: int = 8
    values: list[str] | None = None
    frequencies: list[float] | None = None
    bounds: list[str] | None = None
    correlation: float | None = None
    inherited: bool = False


class TableData(Data, kw_only=True):
    """A relation with all that hangs on it. rows = -1: unknown to the server. Sizes default to 100 bytes a row."""

    columns: list[str] = []
    rows: float = 0.0
    kind: RelationKind | None = None
    definition: str | None = None
    partition_of: str = ""
    partition_by: str = ""
    inherits: str = ""
    options: list[str] = []
    replica_identity: str = "d"
    persistence: str = "p"
    statistics_visible: bool = True
    bytes: int | None = None
    all_visible_pages: int = 0
    stats: dict[str, StatsData] = {}
    indexes: dict[str, str] = {}
    index_counters: dict[str, dict[str, Any]] = {}
    index_bytes: dict[str, int] = {}
    constraints: dict[str, str] = {}
    counters: dict[str, Any] = {}


class PlanData(Data, kw_only=True):
    """An observed plan; tree is in the notation of `support.plan_text`, parameters are $1, $2, ..."""

    tree: str
    method: PlanMethod = PlanMethod.GENERIC
    equivalent_select: bool = False
    values: ValueChoice | None = None
    parameters: list[str | None] = []


class StatementData(Data, kw_only=True):
    """An entry of pg_stat_statements. Without a shape of its own it gets the one that its text is understood as."""

    id: str
    text: str | None = None
    calls: int = 100
    total_ms: float = 0.0
    max_ms: float | None = None
    rows: int = 0
    shape: notation.ShapeData | None = None
    plans: list[PlanData] = []


class GapData(Data, kw_only=True):
    """A gap of the collection."""

    fact: Fact
    scope: str = ""
    reason: str = "it could not be read"
    remedy: str = ""


class SnapshotData(Data, kw_only=True):
    """A snapshot. Windows are lengths in days, or "unknown"."""

    version: int = 180_003
    tables: dict[str, TableData] = {}
    statements: list[StatementData] = []
    settings: dict[str, str] = {}
    extensions: dict[str, str] = {}
    search_path: tuple[str, ...] = ("public",)
    counters_days: Days = 60.0
    statements_days: Days = 60.0
    in_recovery: bool = False
    standbys: int | None = 0
    absent: list[Fact] = []
    partial: list[Fact] = []
    gaps: list[GapData] = []


def snapshot(data: Mapping[str, Any] | SnapshotData) -> Snapshot:
    """The snapshot that the data describe. Raises msgspec.ValidationError or ValueError where they make no sense."""
    given = data if isinstance(data, SnapshotData) else msgspec.convert(data, SnapshotData)
    builder = _Builder(given)
    absent = set(given.absent)
    return Snapshot(
        tool_version="0",
        server=_server(given),
        catalog=builder.catalog(),
        column_statistics=() if Fact.COLUMN_STATISTICS in absent else builder.column_statistics(),
        counters=None if Fact.TABLE_COUNTERS in absent else builder.counters(),
        activity=Activity(standbys=given.standbys),
        statements=None if Fact.STATEMENTS in absent else _statements(given),
        plans=() if Fact.PLANS in absent else _plans(given),
        coverage=_coverage(given),
    )


def facts(data: Mapping[str, Any] | SnapshotData) -> Facts:
    """Facts over the snapshot, with the shapes given or understood from the texts."""
    given = data if isinstance(data, SnapshotData) else msgspec.convert(data, SnapshotData)
    made = snapshot(given)
    oids = {notation.qualified(r.schema, r.name): r.oid for r in made.catalog.relations}
    shapes: dict[str, StatementShape] = {}
    for statement in given.statements:
        if statement.shape is not None:
            shapes[statement.id] = notation.shape(statement.id, statement.shape, oids)
        elif statement.text is not None:
            shape = _understood(statement.id, statement.text, made)
            if shape is not None:
                shapes[statement.id] = shape
    return Facts(made, shapes)


def _understood(query_id: str, text: str, made: Snapshot) -> StatementShape | None:
    from pgadvisor.workload.schema import SchemaView
    from pgadvisor.workload.understand import understand

    shape = understand(query_id, text, SchemaView(made.catalog, made.server.search_path))
    return shape if isinstance(shape, StatementShape) else None


class _Builder:
    """Gives every object its oid, in the order of the data."""

    def __init__(self, given: SnapshotData) -> None:
        self.given = given
        self.next_oid = FIRST_OID
        self.relations: dict[str, Relation] = {}
        self.columns: dict[int, list[Column]] = {}
        self.indexes: dict[str, Index] = {}
        self.constraints: dict[tuple[int, str], Constraint] = {}
        for name, table in given.tables.items():
            self._add_relation(name, table)
        for name, table in given.tables.items():
            for constraint, text in table.constraints.items():
                self._add_constraint(self._relation(name), constraint, text)
            for index, text in table.indexes.items():
                self._add_index(self._relation(name), index, text)
        self._tie_indexes()

    def catalog(self) -> Catalog:
        return Catalog(
            relations=tuple(self.relations.values()),
            columns=tuple(column for columns in self.columns.values() for column in columns),
            indexes=tuple(sorted(self.indexes.values(), key=lambda i: i.oid)),
            constraints=tuple(sorted(self.constraints.values(), key=lambda c: c.oid)),
        )

    def column_statistics(self) -> tuple[PgStats, ...]:
        return tuple(
            PgStats(
                relation_oid=self._relation(name).oid,
                column=column,
                inherited=stats.inherited or self._relation(name).kind is RelationKind.PARTITIONED,
                null_fraction=stats.nulls,
                average_width_bytes=stats.width,
                n_distinct=stats.n_distinct,
                most_common_vals=None if stats.values is None else array_literal(stats.values),
                most_common_freqs=None
                if stats.frequencies is None
                else "{" + ",".join(map(repr, stats.frequencies)) + "}",
                histogram=None if stats.bounds is None else array_literal(stats.bounds),
                correlation=stats.correlation,
            )
            for name, table in self.given.tables.items()
            for column, stats in table.stats.items()
        )

    def counters(self) -> Counters:
        tables, indexes, sizes = [], [], []
        for name, table in self.given.tables.items():
            relation = self._relation(name)
            if relation.kind not in (RelationKind.TABLE, RelationKind.MATERIALIZED_VIEW):
                continue
            tables.append(msgspec.convert({"relation_oid": relation.oid, **table.counters}, TableCounters))
            size = int(max(table.rows, 0) * 100) if table.bytes is None else table.bytes
            sizes.append(RelationSize(oid=relation.oid, main_bytes=size, total_bytes=size))
            for index in self.indexes.values():
                if index.table_oid == relation.oid:
                    given = table.index_counters.get(index.name, {})
                    indexes.append(msgspec.convert({"index_oid": index.oid, **given}, IndexCounters))
                    size = table.index_bytes.get(index.name, int(max(table.rows, 0) * 20))
                    sizes.append(RelationSize(oid=index.oid, main_bytes=size, total_bytes=size))
        return Counters(
            window=_window(self.given.counters_days),
            tables=tuple(tables),
            indexes=tuple(indexes),
            sizes=tuple(sizes),
        )

    def _oid(self) -> int:
        self.next_oid += 1
        return self.next_oid

    def _relation(self, name: str) -> Relation:
        try:
            return self.relations[notation.qualified(*notation.split_name(name))]
        except KeyError:
            raise ValueError(f"there is no table {name}; the tables are: {', '.join(self.relations)}") from None

    def _add_relation(self, name: str, table: TableData) -> None:
        schema, bare = notation.split_name(name)
        parent = table.partition_of or table.inherits
        strategy, _, key = table.partition_by.partition("(")
        kind = table.kind or (RelationKind.PARTITIONED if strategy else RelationKind.TABLE)
        relation = Relation(
            oid=self._oid(),
            schema=schema,
            name=bare,
            kind=kind,
            definition=table.definition,
            owner="app",
            persistence=table.persistence,
            row_count=None if table.rows < 0 else table.rows,
            pages=0 if kind is RelationKind.PARTITIONED else max(int(table.rows) // 80, 1),
            all_visible_pages=table.all_visible_pages,
            parent_oid=self._relation(parent).oid if parent else None,
            is_partition=bool(table.partition_of),
            partition_strategy=strategy.strip() or None,
            partition_columns=tuple(
                part if notation.is_identifier(part) else None for part in notation.split_commas(key.removesuffix(")"))
            ),
            options=tuple(table.options),
            replica_identity=table.replica_identity,
            statistics_visible=table.statistics_visible,
        )
        self.relations[notation.qualified(schema, bare)] = relation
        texts = table.columns or (list(self.given.tables[parent].columns) if parent else [])
        self.columns[relation.oid] = [notation.column(relation.oid, n, text) for n, text in enumerate(texts, start=1)]

    def _add_index(self, relation: Relation, name: str, text: str) -> None:
        types = {column.name: column.type_name for column in self.columns[relation.oid]}
        parsed = notation.index(text, relation.schema, relation.name, types)
        parent = self.indexes.get(parsed.partition_of)
        if parsed.partition_of and parent is None:
            raise ValueError(f"index {name} is a partition of {parsed.partition_of}, which does not exist")
        self.indexes[name] = Index(
            oid=self._oid(),
            table_oid=relation.oid,
            schema=relation.schema,
            name=name,
            definition=parsed.definition,
            parent_oid=parent.oid if parent else None,
            row_count=relation.row_count,
            **parsed.flags,
        )

    def _add_constraint(self, relation: Relation, name: str, text: str) -> None:
        parsed = notation.constraint(text)
        referenced = self._relation(parsed.references) if parsed.references else None
        parent = self.constraints.get((relation.parent_oid or 0, parsed.derived_from))
        if parsed.derived_from and parent is None:
            raise ValueError(f"constraint {name} derives from {parsed.derived_from}, which does not exist")
        self.constraints[relation.oid, name] = Constraint(
            oid=self._oid(),
            table_oid=relation.oid,
            name=name,
            referenced_oid=referenced.oid if referenced else None,
            parent_oid=parent.oid if parent else None,
            **parsed.fields,
        )
        declared = self.given.tables.get(notation.qualified(relation.schema, relation.name))
        backed = parsed.fields["kind"] in (ConstraintKind.PRIMARY_KEY, ConstraintKind.UNIQUE)
        if backed and (declared is None or name not in declared.indexes):
            flags = "primary " if parsed.fields["kind"] is ConstraintKind.PRIMARY_KEY else ""
            columns = ", ".join(notation.quoted(column) for column in parsed.fields["columns"])
            self._add_index(relation, name, f"unique {flags}btree ({columns})")

    def _tie_indexes(self) -> None:
        """Constraints know their indexes, and foreign keys the index they reference, as in pg_constraint."""
        for key, constraint in self.constraints.items():
            index = self.indexes.get(constraint.name)
            if index is not None and index.table_oid == constraint.table_oid:
                self.indexes[index.name] = msgspec.structs.replace(index, constraint_oid=constraint.oid)
                self.constraints[key] = msgspec.structs.replace(constraint, index_oid=index.oid)
            elif constraint.kind is ConstraintKind.FOREIGN_KEY:
                found = next((i for i in self.indexes.values() if _is_referenced(i, constraint)), None)
                if found is not None:
                    self.constraints[key] = msgspec.structs.replace(constraint, index_oid=found.oid)


def _is_referenced(index: Index, constraint: Constraint) -> bool:
    definition: IndexDefinition = index.definition
    return (
        index.table_oid == constraint.referenced_oid
        and definition.unique
        and definition.predicate is None
        and set(definition.key_columns) == set(constraint.referenced_columns)
    )


def _window(days: Days) -> Window:
    if days == "unknown":
        return Window(since=None, until=NOW, source="unknown")
    return Window(since=NOW - timedelta(days=days), until=NOW, source="the server's start")


def _server(given: SnapshotData) -> Server:
    return Server(
        version_num=given.version,
        version=f"{given.version // 10_000}.{given.version % 10_000}",
        database="shop",
        database_oid=5,
        role="auditor",
        is_superuser=False,
        search_path=given.search_path,
        encoding="UTF8",
        collation="C.UTF-8",
        started_at=NOW - timedelta(days=90),
        collected_at=NOW,
        in_recovery=given.in_recovery,
        settings=tuple(
            Setting(name=name, value=value, unit=None, source="configuration file", default=None)
            for name, value in given.settings.items()
        ),
        extensions=tuple(Extension(name=name, version=v, schema="public") for name, v in given.extensions.items()),
    )


def _statements(given: SnapshotData) -> Statements:
    rows = tuple(
        StatementRow(
            query_id=statement.id,
            user_oid=10,
            toplevel=True,
            calls=statement.calls,
            total_ms=statement.total_ms,
            min_ms=0.0,
            max_ms=statement.total_ms if statement.max_ms is None else statement.max_ms,
            mean_ms=statement.total_ms / statement.calls if statement.calls else 0.0,
            stddev_ms=0.0,
            rows=statement.rows,
        )
        for statement in given.statements
    )
    texts = tuple(
        StatementText(query_id=statement.id, text=statement.text, source_bytes=len(statement.text or ""))
        for statement in given.statements
    )
    return Statements(window=_window(given.statements_days), rows=rows, texts=texts, extension_version="1.12")


def _plans(given: SnapshotData) -> tuple[ObservedPlan, ...]:
    return tuple(
        ObservedPlan(
            query_id=statement.id,
            method=plan.method,
            plan=explain(plan.tree),
            planner=f"PostgreSQL {given.version // 10_000}",
            equivalent_select=plan.equivalent_select,
            values=plan.values,
            parameters=tuple(
                ParameterValue(position=position, type="text", value=value, source=f"value {position}")
                for position, value in enumerate(plan.parameters, start=1)
            ),
        )
        for statement in given.statements
        for plan in statement.plans
    )


def _coverage(given: SnapshotData) -> Coverage:
    def presence(fact: Fact) -> Presence:
        if fact in given.absent:
            return Presence.ABSENT
        return Presence.PARTIAL if fact in given.partial else Presence.PRESENT

    return Coverage(
        facts=tuple(FactCoverage(fact=fact, presence=presence(fact)) for fact in Fact),
        gaps=tuple(Gap(fact=gap.fact, scope=gap.scope, reason=gap.reason, remedy=gap.remedy) for gap in given.gaps),
    )
