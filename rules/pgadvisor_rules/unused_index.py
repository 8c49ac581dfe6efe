"""Indexes that nothing has scanned for as long as the counters go back."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from pgadvisor.rules_api import (
    Amount,
    Confidence,
    Count,
    Evidence,
    Fact,
    Facts,
    Finding,
    Gap,
    Impact,
    Index,
    Options,
    Rule,
    Severity,
    Unit,
)
from pgadvisor_rules._common import SECONDS_PER_DAY, counts_scans, scans_not_counted, shorter_than, window_evidence
from pgadvisor_rules._indexes import (
    belongs_to_parent,
    cause_of,
    drop,
    held_by,
    indexed_tables,
    keys_of,
    listed,
    name_of,
    only_server_of_foreign_key,
    scans,
    subject_of,
    unread,
    usable,
    weight,
)

# Sorting and writing run at some tens of megabytes a second; only the class is told.
BUILD_BYTES_PER_SECOND = 20_000_000


class UnusedIndexOptions(Options, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """min_window_days: over fewer days of counters nothing is said, since some work comes once a month. max_scans: up
    to so many scans over the window count as unused. min_size_bytes: smaller indexes are passed over. From
    warning_bytes of size on, or from warning_writes entries written to it over the window, a finding is a warning.
    """

    min_window_days: Amount = 30.0
    max_scans: Count = 0
    min_size_bytes: Count = 1_048_576
    warning_bytes: Count = 10_485_760
    warning_writes: Count = 1_000_000


def check(facts: Facts, options: UnusedIndexOptions) -> Iterator[Finding | Gap]:
    """Indexes that serve nothing known: no scans, no constraint, no foreign key, no identity."""
    yield from unread(facts)
    if not counts_scans(facts):
        yield scans_not_counted("no index is called unused")
        return
    unused = [index for index in _candidates(facts) if _is_unused(facts, index, options)]
    if not unused:
        return
    short = shorter_than(facts.counters_window, options.min_window_days)
    if short or facts.server.in_recovery:
        yield _held_back(facts, unused, short, options)
        return
    yield from _standbys_not_seen(facts)
    for index in unused:
        yield _finding(facts, index, options)


def _candidates(facts: Facts) -> Iterator[Index]:
    """What could be dropped if it is not used: partitions are counted with their parent's index."""
    for table in indexed_tables(facts):
        for index in facts.indexes_of(table.oid):
            if (
                usable(index)
                and not belongs_to_parent(index)
                and not index.definition.unique
                and held_by(facts, index) is None
                and not only_server_of_foreign_key(facts, index)
            ):
                yield index


def _is_unused(facts: Facts, index: Index, options: UnusedIndexOptions) -> bool:
    count, size = scans(facts, index), facts.size_bytes(index.oid)
    if count is None or count > options.max_scans or (size is not None and size < options.min_size_bytes):
        return False
    last = _last_scan_days(facts, index)
    return last is None or last >= options.min_window_days or not count


def _last_scan_days(facts: Facts, index: Index) -> float | None:
    """Days since the last scan; None where there was none or the server is older than 16."""
    moments = [row.last_scan for row in facts.index_counters(index) if row.last_scan is not None]
    if not moments:
        return None
    return (facts.server.collected_at - max(moments)).total_seconds() / SECONDS_PER_DAY


def _standbys_not_seen(facts: Facts) -> Iterator[Gap]:
    unseen = facts.snapshot.standbys_not_seen
    if unseen == 0:
        return
    if unseen is None:
        reason = "Whether there are more standbys" if facts.snapshot.hosts else "Whether there are standbys"
        reason += ", which count their own scans, could not be seen"
    else:
        reason = f"Each standby counts its own scans, and {_not_asked(facts, unseen)}"
    yield Gap(
        fact=Fact.INDEX_COUNTERS,
        scope="standbys",
        reason=reason,
        remedy="Collect a snapshot from each standby and analyze them together with the primary's, or look at "
        "pg_stat_user_indexes on each before an index is dropped.",
    )


def _not_asked(facts: Facts, unseen: int) -> str:
    asked = sum(1 for host in facts.snapshot.hosts if host.in_recovery)
    return f"{unseen} of {unseen + asked} {'was' if unseen == 1 else 'were'} not asked" if asked else "none was asked"


def _held_back(facts: Facts, unused: Sequence[Index], short: bool, options: UnusedIndexOptions) -> Gap:
    indexes = "1 index has" if len(unused) == 1 else f"{len(unused)} indexes have"
    scope = listed(name_of(index) for index in unused)
    if not short:
        return Gap(
            fact=Fact.INDEX_COUNTERS,
            scope=scope,
            reason=f"{indexes} no use on this standby, which does not count the scans of the primary",
            remedy="Audit the primary, and look at the counters of all standbys.",
        )
    days = facts.counters_days()
    covered = "an unknown time" if days is None else f"{_span(days)}, fewer than {options.min_window_days:g} days"
    return Gap(
        fact=Fact.INDEX_COUNTERS,
        scope=scope,
        reason=f"{indexes} no use, but the counters cover {covered}: too little to call an index unused",
        remedy="Run again later, or lower min_window_days in [rules.unused_index] of the configuration.",
    )


def _span(days: float) -> str:
    """How long that is, in the largest unit of which there are two, or in minutes."""
    minutes = round(days * 24 * 60)
    if days >= 2:
        return f"{days:.0f} days"
    if minutes >= 120:
        return f"{days * 24:.0f} hours"
    if minutes == 0:
        return "less than a minute"
    return "1 minute" if minutes == 1 else f"{minutes} minutes"


def _finding(facts: Facts, index: Index, options: UnusedIndexOptions) -> Finding:
    size, written = facts.size_bytes(index.oid), facts.entries_written(index.table_oid)
    expressions = any(key.expression is not None for key in index.definition.keys)
    sure = facts.snapshot.standbys_not_seen == 0 and not expressions
    return Finding(
        subject=subject_of(index),
        identity=facts.index_identity(index),
        sentence=_sentence(facts, index, expressions),
        severity=weight(size, written, options.warning_bytes, options.warning_writes) if sure else Severity.INFO,
        confidence=Confidence.ESTIMATED if sure else Confidence.HEURISTIC,
        evidence=_evidence(facts, index, written),
        causes=(cause_of(index),),
        proposals=(drop(facts, index),),
        impact=Impact(bytes=size, writes=written),
    )


def _sentence(facts: Facts, index: Index, expressions: bool) -> str:
    count = scans(facts, index) or 0
    used = "was not scanned once" if not count else f"was scanned only {count} times"
    hosts = facts.snapshot.hosts
    where = f" on any of {len(hosts)} servers" if hosts else ""
    text = f"{name_of(index)} ({keys_of(index)}) {used}{where} in the whole time that the counters cover"
    if expressions:
        return f"{text}, but ANALYZE gathers statistics on its expressions, which plans may rest on."
    return f"{text}, and enforces nothing."


def _evidence(facts: Facts, index: Index, written: int | None) -> tuple[Evidence, ...]:
    size = facts.size_bytes(index.oid)
    evidence = [
        Evidence(label="scans", value=scans(facts, index)),
        window_evidence(facts.counters_window, "counters cover"),
        Evidence(label="size of the index", value=size, unit=Unit.BYTES),
        Evidence(label="entries written to it", value=written, unit=Unit.COUNT),
    ]
    last = _last_scan_days(facts, index)
    if last is not None:
        evidence.append(Evidence(label="time since the last scan", value=last * SECONDS_PER_DAY, unit=Unit.SECONDS))
    if size is not None:
        table_size = facts.size_bytes(index.table_oid) or 0
        evidence.append(
            Evidence(label="building it again takes", value=_build_class(size + table_size), unit=Unit.TEXT)
        )
    hosts = facts.snapshot.hosts
    if hosts:
        names = ", ".join(f"{host.name} ({'standby' if host.in_recovery else 'primary'})" for host in hosts)
        evidence.append(Evidence(label="servers whose scans are counted", value=names, unit=Unit.TEXT))
    unseen = facts.snapshot.standbys_not_seen
    if unseen != 0:
        seen = "not known" if unseen is None else f"{unseen}, not asked"
        evidence.append(Evidence(label="standbys, which count their own scans", value=seen, unit=Unit.TEXT))
    return tuple(evidence)


def _build_class(bytes_moved: int) -> str:
    """How long it takes to read a table and write its index: an order of magnitude."""
    seconds = bytes_moved / BUILD_BYTES_PER_SECOND
    return "seconds" if seconds < 60 else "minutes" if seconds < 3_600 else "hours"


RULE = Rule(
    id="IDX005",
    name="unused_index",
    title="Index that nothing uses",
    looks_for="Valid indexes without a scan over at least 30 days of counters, all partitions together, that enforce "
    "and identify nothing, that are not what CLUSTER goes by, and without which every foreign key still has its index.",
    why="An index costs at every insert and at most updates, which it can also keep from being HOT; it takes disk, "
    "memory, backup and replication, and makes VACUUM take longer. Without scans nothing is had in return.",
    fix="Look at the counters of every standby, ask who built it and for what, then drop it concurrently. Keep the "
    "command that builds it again; on a large table that takes hours.",
    false_positives=(
        "Work that comes once a quarter or a year.",
        "Queries on standbys: each server counts its own scans.",
        "An index that was built a short while ago, for a release still to come.",
        "The planner takes the ends of a column's range from an index without counting a scan.",
    ),
    severity=Severity.WARNING,
    confidence=Confidence.ESTIMATED,
    needs=(Fact.CATALOG, Fact.INDEX_COUNTERS, Fact.SIZES),
    references=(
        "https://www.postgresql.org/docs/current/monitoring-stats.html#MONITORING-PG-STAT-ALL-INDEXES-VIEW",
        "https://www.postgresql.org/docs/current/indexes-examine.html",
        "https://www.postgresql.org/docs/current/storage-hot.html",
    ),
    options=UnusedIndexOptions,
    check=check,
)
