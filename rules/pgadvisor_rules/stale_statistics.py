"""Tables whose planner statistics are missing or no longer describe them."""

from __future__ import annotations

from collections.abc import Iterator

from pgadvisor.rules_api import (
    Amount,
    AnalyzeTable,
    Confidence,
    Count,
    Evidence,
    Fact,
    Facts,
    Finding,
    Gap,
    Options,
    Relation,
    RelationKind,
    Rule,
    Severity,
    Subject,
    SubjectKind,
    Unit,
)
from pgadvisor_rules._common import qualified, statements_of
from pgadvisor_rules._statistics_age import Verdict, autovacuum_off, judge, readers


class StaleStatisticsOptions(Options, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """min_rows: smaller tables are passed over. factor: how many times the number of changed rows that makes
    autovacuum analyze a table must have changed. patience_rounds: so many rounds of autovacuum (one in each
    autovacuum_naptime) are left to it to come by itself. max_leaves: up to so many partitions are analyzed one by one.
    """

    min_rows: Count = 1_000
    factor: Amount = 2.0
    patience_rounds: Count = 60
    max_leaves: Count = 3


def check(facts: Facts, options: StaleStatisticsOptions) -> Iterator[Finding | Gap]:
    """Tables never analyzed, or changed far beyond what autovacuum would have waited for."""
    if facts.server.in_recovery:
        yield Gap(
            fact=Fact.TABLE_COUNTERS,
            scope="",
            reason="A standby counts neither changes nor ANALYZE, so the age of statistics is not known",
            remedy="Audit the primary.",
        )
        return
    unknown, unsized = [], []
    for table in facts.tables():
        verdict = judge(facts, table, options.min_rows, options.factor, options.patience_rounds)
        unknown += verdict.unknown
        unsized += verdict.unsized
        if verdict.never or verdict.stale or verdict.whole:
            yield _finding(facts, table, verdict, options)
    if unknown:
        yield Gap(
            fact=Fact.COLUMN_STATISTICS,
            scope=_names(unknown),
            reason="Column statistics that this role may not see, or that could not be read, cannot be told from "
            "statistics that are missing",
            remedy="Grant the role SELECT on the tables, or membership in pg_read_all_data; where reading failed, run "
            "again.",
        )
    if unsized:
        yield Gap(
            fact=Fact.TABLE_COUNTERS,
            scope=_names(unsized),
            reason="Neither the rows nor the size of these tables is known, so whether they lack statistics is not",
            remedy="Run again when no lock is held on them, or run ANALYZE.",
        )


def _names(tables: list[Relation]) -> str:
    names = ", ".join(qualified(table) for table in tables[:3])
    return names + (f" and {len(tables) - 3} more" if len(tables) > 3 else "")


def _finding(facts: Facts, table: Relation, verdict: Verdict, options: StaleStatisticsOptions) -> Finding:
    leaves = [*verdict.never, *verdict.stale]
    used = statements_of(facts, readers(facts, table))
    evidence = [Evidence(label="rows in the table", value=facts.row_count(table.oid), unit=Unit.ROWS)]
    if leaves:
        evidence += [
            Evidence(label="rows changed since the last ANALYZE", value=verdict.modified_rows, unit=Unit.ROWS),
            Evidence(label="changed rows that autovacuum waits for", value=verdict.threshold_rows, unit=Unit.ROWS),
            Evidence(label="last analyzed", value=_last_analyzed(facts, leaves), unit=Unit.TEXT),
        ]
    if leaves and table.kind is RelationKind.PARTITIONED:
        evidence.append(Evidence(label="partitions concerned", value=len(leaves)))
    off = next((reason for leaf in leaves if (reason := autovacuum_off(facts, leaf))), None)
    if off is not None:
        evidence.append(Evidence(label="autovacuum", value=off, unit=Unit.TEXT))
    evidence += [
        Evidence(label="statements that read the table", value=len(used)),
        Evidence(label="time in these statements", value=sum(s.total_ms for s in used), unit=Unit.MILLISECONDS),
    ]
    return Finding(
        subject=Subject(kind=SubjectKind.TABLE, schema=table.schema, relation=table.name),
        identity=qualified(table),
        sentence=_sentence(table, verdict),
        severity=Severity.WARNING if used else Severity.INFO,
        confidence=Confidence.ESTIMATED,
        evidence=tuple(evidence),
        causes=(f"statistics of {qualified(table)}",),
        proposals=_proposals(table, verdict, options),
        query_ids=tuple(statement.query_id for statement in used),
    )


def _sentence(table: Relation, verdict: Verdict) -> str:
    name = qualified(table)
    if verdict.never and not verdict.stale:
        partitions = "Partitions of " if table.kind is RelationKind.PARTITIONED else ""
        have = "have" if partitions else "has"
        return f"{partitions}{name} {have} never been analyzed, so the planner guesses what the columns hold."
    if verdict.never or verdict.stale:
        return f"The statistics of {name} are out of date: far more rows changed than autovacuum would wait for."
    return (
        f"{name} has no statistics over all its partitions, and autovacuum never gathers them, so the planner "
        "guesses wherever it looks at the table as a whole."
    )


def _last_analyzed(facts: Facts, leaves: list[Relation]) -> str:
    times = [
        time
        for leaf in leaves
        for row in facts.table_counters(leaf.oid)
        for time in (row.last_analyze, row.last_autoanalyze)
        if time is not None
    ]
    return f"{max(times):%Y-%m-%d %H:%M} UTC" if times else "not known to the counters"


def _proposals(table: Relation, verdict: Verdict, options: StaleStatisticsOptions) -> tuple[AnalyzeTable, ...]:
    leaves = [*verdict.never, *verdict.stale]
    if verdict.whole or len(leaves) > options.max_leaves:
        return (AnalyzeTable(schema=table.schema, table=table.name),)
    return tuple(AnalyzeTable(schema=leaf.schema, table=leaf.name) for leaf in leaves)


RULE = Rule(
    id="STA001",
    name="stale_statistics",
    title="Planner statistics missing or out of date",
    looks_for="Tables that were never analyzed, tables of which far more rows changed since the last ANALYZE than "
    "autovacuum waits for, and partitioned tables in use that lack statistics over all their partitions.",
    why="The planner estimates how many rows each step yields from these statistics. Where they are wrong it joins "
    "in the wrong order, loops where it should hash and passes over good indexes; a statement that took milliseconds "
    "can take minutes from one day to the next.",
    fix="Run ANALYZE on the table. Where it comes back, let autovacuum analyze the table sooner "
    "(autovacuum_analyze_scale_factor for this table), and analyze partitioned tables from a scheduled job.",
    false_positives=(
        "A load that has just ended, where autovacuum is about to come by itself.",
        "A queue whose rows all change many times a day while their distribution stays the same.",
    ),
    severity=Severity.WARNING,
    confidence=Confidence.ESTIMATED,
    needs=(Fact.CATALOG, Fact.TABLE_COUNTERS),
    references=(
        "https://www.postgresql.org/docs/current/routine-vacuuming.html#VACUUM-FOR-STATISTICS",
        "https://www.postgresql.org/docs/current/planner-stats.html",
    ),
    options=StaleStatisticsOptions,
    check=check,
)
