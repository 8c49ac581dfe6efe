"""How far the planner statistics of a table are behind it."""

from __future__ import annotations

from dataclasses import dataclass, field

from pgadvisor.rules_api import (
    Fact,
    Facts,
    Presence,
    Relation,
    RelationKind,
    StatementKind,
    StatementShape,
    TableCounters,
)

# A row's header, its pointer in the page and one short column.
MIN_ROW_BYTES = 30

# https://www.postgresql.org/docs/current/runtime-config-autovacuum.html
DEFAULT_THRESHOLD_ROWS = 50.0
DEFAULT_SCALE_FACTOR = 0.1
DEFAULT_NAPTIME_S = 60.0


@dataclass
class Verdict:
    """What is wrong with the statistics of one table: of which leaves, by how much.

    unknown are leaves whose statistics this role may not see, unsized those of which neither rows nor size are known.
    """

    never: list[Relation] = field(default_factory=list)
    stale: list[Relation] = field(default_factory=list)
    unknown: list[Relation] = field(default_factory=list)
    unsized: list[Relation] = field(default_factory=list)
    whole: bool = False
    modified_rows: int = 0
    threshold_rows: float = 0.0


def judge(facts: Facts, table: Relation, min_rows: int, factor: float, patience_rounds: int) -> Verdict:
    """Looks at each leaf that holds min_rows and more, and at the statistics over all of them.

    Where autovacuum has not yet had so many rounds to come by itself, nothing is wrong.
    """
    verdict = Verdict()
    for leaf in facts.leaves(table.oid):
        rows = _rows_or_room(facts, leaf)
        counters = facts.table_counters(leaf.oid)
        if rows is None and leaf.kind is not RelationKind.FOREIGN:
            verdict.unsized.append(leaf)
        if rows is None or rows < min_rows or not counters:
            continue
        if _autovacuum_is_due(facts, leaf, counters[0], patience_rounds):
            continue
        threshold = _threshold_rows(facts, leaf, rows)
        changed = _changed_rows(facts, leaf, counters[0])
        never = _never_analyzed(facts, leaf, counters[0])
        if never and _visible(facts, leaf):
            verdict.never.append(leaf)
        elif changed > factor * threshold:
            verdict.stale.append(leaf)
        else:
            verdict.unknown += [leaf] if never else []
            continue
        verdict.modified_rows += changed
        verdict.threshold_rows += threshold
    verdict.whole = _whole_is_missing(facts, table, min_rows)
    return verdict


def _rows_or_room(facts: Facts, leaf: Relation) -> float | None:
    """Its rows; where they are unknown, as after a reset of the counters, as many as fit into its size."""
    rows = facts.row_count(leaf.oid)
    size = facts.size_bytes(leaf.oid)
    if rows is not None or size is None:
        return rows
    return size / MIN_ROW_BYTES


def _changed_rows(facts: Facts, leaf: Relation, counters: TableCounters) -> int:
    """Rows changed since the last ANALYZE, as counted, but no more than can have been.

    A session reports its changes up to a second late. What it loads and analyzes at once is counted after the ANALYZE,
    as if it came later; but then the table has not grown since. A later VACUUM updates the pages known, so that
    growth no longer tells. https://www.postgresql.org/docs/current/monitoring-stats.html
    """
    counted = counters.modified_since_analyze
    size = facts.size_bytes(leaf.oid)
    analyzed = [time for time in (counters.last_analyze, counters.last_autoanalyze) if time is not None]
    vacuumed = [time for time in (counters.last_vacuum, counters.last_autovacuum) if time is not None]
    later = bool(vacuumed and analyzed) and max(vacuumed) > max(analyzed)
    if facts.snapshot.change is not None and (not analyzed or max(analyzed) < facts.snapshot.change.since):
        # Updates and deletes are those of an interval that began later.
        return counted
    if size is None or not analyzed or later or not leaf.pages or leaf.row_count is None:
        return counted
    grown = max(size / facts.server.block_size_bytes / leaf.pages - 1.0, 0.0) * leaf.row_count
    # Rows inserted into the room of deleted ones do not make it grow.
    return min(counted, round(grown) + counters.rows_updated + 2 * counters.rows_deleted)


def _autovacuum_is_due(facts: Facts, leaf: Relation, counters: TableCounters, rounds: int) -> bool:
    """Whether autovacuum is on and has had too little time since what was last counted or analyzed."""
    window = facts.counters_window
    if window is None or autovacuum_off(facts, leaf):
        return False
    # Two looks do not make the server count anew.
    since = None if facts.snapshot.change is not None else window.since
    known = (since, counters.last_analyze, counters.last_autoanalyze)
    times = [time for time in known if time is not None]
    if not times:
        return False
    settings = {setting.name: setting.value for setting in facts.server.settings}
    patience_s = rounds * float(settings.get("autovacuum_naptime", DEFAULT_NAPTIME_S))
    return (window.until - max(times)).total_seconds() < patience_s


def _never_analyzed(facts: Facts, leaf: Relation, counters: TableCounters) -> bool:
    """Counters forget with a reset, but statistics stay: both must be missing."""
    return counters.last_analyze is None and counters.last_autoanalyze is None and not _has_statistics(facts, leaf)


def _has_statistics(facts: Facts, relation: Relation) -> bool:
    return any(facts.statistics(relation.oid, column.name) is not None for column in facts.columns(relation.oid))


def _visible(facts: Facts, relation: Relation) -> bool:
    """Whether statistics of this relation would have been seen, had there been any."""
    return facts.presence(Fact.COLUMN_STATISTICS) is not Presence.ABSENT and relation.statistics_visible


def readers(facts: Facts, table: Relation) -> tuple[StatementShape, ...]:
    """Statements for which the planner looks at the statistics: inserting alone does not."""
    return tuple(
        shape
        for shape in facts.statements_on(table.oid)
        if shape.kind is not StatementKind.INSERT
        or any(not used.written and _is_part_of(facts, used.relation_oid, table) for used in shape.relations)
    )


def _is_part_of(facts: Facts, relation_oid: int, table: Relation) -> bool:
    root = facts.root(relation_oid)
    return root is not None and root.oid == table.oid


def _whole_is_missing(facts: Facts, table: Relation, min_rows: int) -> bool:
    """Whether a partitioned table lacks the statistics over all its partitions, which autovacuum never gathers.

    https://www.postgresql.org/docs/current/routine-vacuuming.html#VACUUM-FOR-STATISTICS
    """
    rows = facts.row_count(table.oid)
    return (
        table.kind is RelationKind.PARTITIONED
        and rows is not None
        and rows >= min_rows
        and bool(readers(facts, table))
        and _visible(facts, table)
        and not _has_statistics(facts, table)
    )


def _threshold_rows(facts: Facts, table: Relation, rows: float) -> float:
    """Changed rows that make autovacuum analyze: the table's own parameters come before the server's."""
    threshold = _parameter(facts, table, "autovacuum_analyze_threshold", DEFAULT_THRESHOLD_ROWS)
    return threshold + _parameter(facts, table, "autovacuum_analyze_scale_factor", DEFAULT_SCALE_FACTOR) * rows


def _parameter(facts: Facts, table: Relation, name: str, default: float) -> float:
    options = dict(option.split("=", 1) for option in table.options if "=" in option)
    settings = {setting.name: setting.value for setting in facts.server.settings}
    for value in (options.get(name), settings.get(name)):
        # -1 in a table's parameter means the server's.
        if value is not None and float(value) >= 0:
            return float(value)
    return default


def autovacuum_off(facts: Facts, table: Relation) -> str:
    """Why autovacuum never comes to this table; "" where it does."""
    options = dict(option.split("=", 1) for option in table.options if "=" in option)
    settings = {setting.name: setting.value for setting in facts.server.settings}
    if settings.get("autovacuum", "on") == "off" or settings.get("track_counts", "on") == "off":
        return "off for the whole server"
    own = options.get("autovacuum_enabled", "on").lower()
    return "off for this table" if own in ("off", "false", "no", "0") else ""
