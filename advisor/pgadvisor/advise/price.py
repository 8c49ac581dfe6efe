"""What a recommendation gains and costs, as figures over the observation windows."""

from __future__ import annotations

from pgadvisor.advise.decide import Decision
from pgadvisor.advise.rates import of_statements, of_writes
from pgadvisor.facts import Facts
from pgadvisor.indexes.size import estimated_size_bytes
from pgadvisor.indexes.sizes.attributes import KeyStatistics
from pgadvisor.indexes.sizes.catalog import column_statistics
from pgadvisor.model.catalog import IndexDefinition, Relation
from pgadvisor.model.counters import Window
from pgadvisor.model.findings import Evidence, Unit
from pgadvisor.model.proposals import CreateIndex, DropIndex
from pgadvisor.model.report import Rate, RateUnit
from pgadvisor.progress import in_words

# CREATE INDEX reads, sorts and writes tens of megabytes a second even on modest disks; used for a class, not a promise.
BUILD_BYTES_PER_SECOND = 20_000_000


def gain(decision: Decision, facts: Facts) -> tuple[Evidence, ...]:
    """What the change saves at most, as far as anything was counted."""
    if isinstance(decision.proposal, DropIndex):
        return _gain_of_drop(decision.proposal, facts)
    times = [f.finding.impact.time_ms for f in decision.findings if f.finding.impact.time_ms is not None]
    if not times:
        return ()
    # Findings of one cause look at the same time, so the largest counts, not the sum.
    spent = of_statements(max(times), facts)
    window = facts.snapshot.calls_window
    return (_rated("time now spent, of which it saves a part", spent, Unit.MILLISECONDS, window),)


def price(decision: Decision, facts: Facts) -> tuple[Evidence, ...]:
    """What the change costs in disk and writes, or what undoing a drop would."""
    if isinstance(decision.proposal, CreateIndex):
        return price_of_creation(decision.proposal.definition, facts)
    if isinstance(decision.proposal, DropIndex):
        size = _index_bytes(decision.proposal, facts)
        if size is not None:
            return (Evidence(label="time to build it again, about", value=_build_seconds(size), unit=Unit.SECONDS),)
    return ()


def _gain_of_drop(proposal: DropIndex, facts: Facts) -> tuple[Evidence, ...]:
    size = _index_bytes(proposal, facts)
    saved = [] if size is None else [Evidence(label="disk freed", value=size, unit=Unit.BYTES)]
    writes = _entries_written(proposal.definition, facts)
    if writes is not None:
        saved.append(
            _rated(
                "index entries no longer written", of_writes(writes, facts), Unit.COUNT, facts.snapshot.writes_window
            )
        )
    return tuple(saved)


def price_of_creation(
    definition: IndexDefinition, facts: Facts, share: float | None = None, size_bytes: int | None = None
) -> tuple[Evidence, ...]:
    """What an index costs in disk, time to build and writes, as far as it is known.

    share is how much of the rows its predicate admits, None where there is none or that is not known; size_bytes is
    its size where somebody knows better.
    """
    table = facts.relation_named(definition.schema, definition.table)
    if table is None:
        return ()
    costs = []
    window = facts.snapshot.writes_window
    size = size_bytes or estimated_size_bytes(
        definition,
        facts.row_count(table.oid),
        _column_statistics(definition, table, facts),
        table_pages=sum(leaf.pages for leaf in facts.leaves(table.oid)),
        block_size_bytes=facts.server.block_size_bytes,
    )
    if size is not None:
        costs.append(Evidence(label="disk, estimated", value=size, unit=Unit.BYTES))
        costs.append(Evidence(label="time to build, about", value=_build_seconds(size), unit=Unit.SECONDS))
    writes = _entries_written(definition, facts)
    if writes is not None:
        label = "index entries written"
        if definition.predicate is not None:
            label = f"{label}, {'at most' if share is None else 'about'}"
            writes = round(writes * (1.0 if share is None else share))
        costs.append(_rated(label, of_writes(writes, facts), Unit.COUNT, window))
    hot = _hot_updates_at_risk(definition, table, facts)
    if hot:
        costs.append(_rated("HOT updates that stop being HOT, at most", of_writes(hot, facts), Unit.COUNT, window))
    return tuple(costs)


def _column_statistics(definition: IndexDefinition, table: Relation, facts: Facts) -> dict[str, KeyStatistics]:
    """Columns of which there are statistics: what a type alone says is no price."""
    held = {*definition.key_columns, *definition.include}
    columns = [column for column in facts.columns(table.oid) if column.name in held]
    rows = {column.name: facts.stored_statistics(table.oid, column.name) for column in columns}
    known = {name: row for name, row in rows.items() if row is not None}
    return column_statistics(
        [column for column in columns if column.name in known], known, facts.snapshot.catalog.collations
    )


def _entries_written(definition: IndexDefinition, facts: Facts) -> int | None:
    table = facts.relation_named(definition.schema, definition.table)
    return None if table is None else facts.entries_written(table.oid)


def _hot_updates_at_risk(definition: IndexDefinition, table: Relation, facts: Facts) -> int:
    """HOT updates of the table, if a statement seen writes a column that the index would hold.

    PostgreSQL manual, "Heap-Only Tuples": an update is HOT only if it modifies no indexed column.
    """
    held = {column for column in definition.key_columns if column is not None}
    for shape in facts.statements_on(table.oid):
        if any(ref.relation_oid == table.oid and ref.column in held for ref in shape.columns_written):
            return sum(row.rows_hot_updated for row in facts.table_counters(table.oid))
    return 0


def _index_bytes(proposal: DropIndex, facts: Facts) -> int | None:
    found = facts.index_named(proposal.schema, proposal.name)
    return None if found is None else facts.size_bytes(found.oid)


def _build_seconds(size_bytes: int) -> float:
    seconds = size_bytes / BUILD_BYTES_PER_SECOND
    return max(round(seconds, 1), 0.1) if seconds < 1 else round(seconds)


def _rated(label: str, figure: Rate, unit: Unit, window: Window | None) -> Evidence:
    """A figure with what it is over: counts of statements and of writes each have a window of their own."""
    seconds = None if window is None else window.seconds
    over = "over the window seen" if seconds is None else f"over {in_words(seconds)}"
    suffix = over if figure.per is RateUnit.TOTAL else figure.per.value
    return Evidence(label=f"{label}, {suffix}", value=round(figure.value, 1), unit=unit)
