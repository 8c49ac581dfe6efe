"""The reference tables of a report: statements, tables, indexes, settings."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

from pgadvisor.advise.keys import KeyedFinding, anchor
from pgadvisor.advise.plan_views import plan_view
from pgadvisor.advise.rates import of_statements
from pgadvisor.facts import Facts
from pgadvisor.indexes.identity import definition_identity
from pgadvisor.masking import mask_literals
from pgadvisor.model.catalog import Index, Relation, RelationKind
from pgadvisor.model.report import IndexView, SettingView, StatementView, TableView
from pgadvisor.model.shape import NotUnderstood, StatementKind
from pgadvisor.statement_facts import Statement

if TYPE_CHECKING:
    from datetime import datetime

    from pgadvisor.config import ReportConfig
    from pgadvisor.model.index_advice import AdvisedIndex

# Settings that plans and their costs hang on.
_PLANNER_SETTINGS = frozenset(
    {
        "autovacuum",
        "default_statistics_target",
        "effective_cache_size",
        "effective_io_concurrency",
        "hash_mem_multiplier",
        "jit",
        "maintenance_work_mem",
        "max_connections",
        "max_parallel_workers_per_gather",
        "pg_stat_statements.max",
        "pg_stat_statements.track",
        "random_page_cost",
        "seq_page_cost",
        "shared_buffers",
        "track_io_timing",
        "work_mem",
    }
)


# Of the statements that an advised index changes, those that a report has at least.
_OF_AN_INDEX = 20


def statement_views(
    facts: Facts, not_understood: Sequence[NotUnderstood], findings: Sequence[KeyedFinding], config: ReportConfig
) -> tuple[StatementView, ...]:
    """The costliest statements, every other one that a shown finding names, and those that an index changes most."""
    reasons = {item.query_id: item.reason for item in not_understood}
    keys: dict[str, list[str]] = defaultdict(list)
    for finding in findings[: config.max_findings]:
        for query_id in finding.finding.query_ids:
            keys[query_id].append(finding.key)
    missing = (
        {} if facts.snapshot.statements is None else {t.query_id: t.reason for t in facts.snapshot.statements.texts}
    )
    changed = () if facts.advice is None else changed_most((*facts.advice.created, *facts.advice.dropped))
    return tuple(
        _statement_view(statement, facts, reasons, missing, keys[statement.query_id], config)
        for number, statement in enumerate(facts.statements.values())
        if number < config.max_statements or statement.query_id in keys or statement.query_id in changed
    )


def changed_most(advised: Iterable[AdvisedIndex]) -> frozenset[str]:
    """Ids of the statements that indexes change most, some of each."""
    return frozenset(effect.query_id for each in advised for effect in each.effects[:_OF_AN_INDEX])


def _statement_view(
    statement: Statement,
    facts: Facts,
    reasons: Mapping[str, str],
    missing: Mapping[str, str],
    keys: Sequence[str],
    config: ReportConfig,
) -> StatementView:
    text = statement.text
    shape = facts.shapes.get(statement.query_id)
    plannable = shape is not None and shape.kind is not StatementKind.UTILITY
    cut_bytes = 0
    if text is not None:
        encoded = text.encode()
        cut_bytes = max(len(encoded) - config.max_text_bytes, 0)
        text = encoded[: config.max_text_bytes].decode(errors="ignore")
        # A command that the planner does not plan may hold a password, which is shown to nobody.
        text = text if config.show_values and plannable else mask_literals(text)
    oids = () if shape is None else dict.fromkeys(relation.relation_oid for relation in shape.relations)
    return StatementView(
        query_id=statement.query_id,
        anchor=anchor(f"statement:{statement.query_id}"),
        text=text,
        cut_bytes=cut_bytes,
        missing_reason="" if text is not None else missing.get(statement.query_id) or "Not among the statements chosen",
        calls=statement.calls,
        total_ms=statement.total_ms,
        mean_ms=statement.mean_ms,
        max_ms=statement.max_ms,
        rows=statement.rows,
        share=facts.share_of_time(statement.total_ms),
        nested_share=facts.share_of_time(statement.nested_ms),
        time=of_statements(statement.total_ms, facts),
        understood=shape is not None,
        not_understood_reason=reasons.get(statement.query_id, ""),
        relations=tuple(_name(facts.relations[oid]) for oid in oids if oid in facts.relations),
        plans=tuple(plan_view(plan, config.show_values) for plan in facts.plans(statement.query_id)),
        findings=tuple(keys),
    )


def table_views(facts: Facts) -> tuple[TableView, ...]:
    """Tables by size, partitions counted at their root."""
    views = [_table_view(relation, facts) for relation in facts.tables()]
    return tuple(sorted(views, key=lambda view: (-(view.total_bytes or 0), view.name)))


def _table_view(relation: Relation, facts: Facts) -> TableView:
    counters = facts.table_counters(relation.oid)
    analyzed = [_latest(row.last_analyze, row.last_autoanalyze) for row in counters]
    known = [moment for moment in analyzed if moment is not None]
    return TableView(
        name=_name(relation),
        kind=relation.kind.value,
        row_count=facts.row_count(relation.oid),
        total_bytes=facts.total_bytes(relation.oid),
        seq_scans=sum(row.seq_scans for row in counters) if counters else None,
        index_scans=sum(row.index_scans for row in counters) if counters else None,
        writes=sum(row.rows_inserted + row.rows_updated + row.rows_deleted for row in counters) if counters else None,
        last_analyzed=min(known) if known and len(known) == len(analyzed) else None,
        indexes=len(facts.indexes_of(relation.oid)),
        partitions=len(facts.leaves(relation.oid)) if relation.kind is RelationKind.PARTITIONED else 0,
    )


def index_views(facts: Facts) -> tuple[IndexView, ...]:
    """Indexes by size; of partitioned indexes the topmost."""
    views = [_index_view(index, facts) for index in facts.indexes.values() if index.parent_oid is None]
    return tuple(sorted(views, key=lambda view: (-(view.bytes or 0), view.name)))


def _index_view(index: Index, facts: Facts) -> IndexView:
    counters = facts.index_counters(index)
    scans = [row.last_scan for row in counters if row.last_scan is not None]
    constraint = facts.constraint_of_index(index)
    return IndexView(
        name=f"{index.schema}.{index.name}",
        table=f"{index.definition.schema}.{index.definition.table}",
        definition=definition_identity(index.definition),
        bytes=facts.size_bytes(index.oid),
        scans=sum(row.scans for row in counters) if counters else None,
        last_scan=max(scans) if scans else None,
        valid=index.valid,
        enforces="" if constraint is None else constraint.kind.value,
    )


def setting_views(facts: Facts) -> tuple[SettingView, ...]:
    """Settings that bear on plans."""
    return tuple(
        SettingView(
            name=setting.name,
            value=setting.value if setting.unit is None else f"{setting.value} {setting.unit}",
            source=setting.source,
            is_default=setting.value == setting.default,
        )
        for setting in sorted(facts.server.settings, key=lambda setting: setting.name)
        if setting.name in _PLANNER_SETTINGS
    )


def _latest(*moments: datetime | None) -> datetime | None:
    return max((moment for moment in moments if moment is not None), default=None)


def _name(relation: Relation) -> str:
    return f"{relation.schema}.{relation.name}"
