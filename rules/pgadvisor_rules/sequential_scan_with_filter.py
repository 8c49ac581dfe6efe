"""Statements that read a whole table to keep few of its rows."""

from __future__ import annotations

from collections.abc import Iterator

from pgadvisor.rules_api import (
    Amount,
    Confidence,
    Count,
    CreateIndex,
    Evidence,
    Fact,
    Facts,
    Finding,
    Gap,
    Impact,
    IndexDefinition,
    IndexKey,
    Options,
    PlanMethod,
    Relation,
    RelationKind,
    Rule,
    Severity,
    Subject,
    SubjectKind,
    Unit,
)
from pgadvisor_rules._common import qualified, window_evidence
from pgadvisor_rules._scan_groups import Group, add, merged
from pgadvisor_rules._scans import METHODS, Scan, may_be_pruned, scans


class SequentialScanWithFilterOptions(Options, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """min_rows: smaller tables are passed over. max_fraction: an index pays where it leaves at most this share of the
    rows to read. min_total_ms and min_share: statements must spend at least so much time in the scans over their
    window, and such a share of all the time spent. critical_share: from this share on a measured finding is critical.
    """

    min_rows: Count = 10_000
    max_fraction: Amount = 0.1
    min_total_ms: Amount = 500.0
    min_share: Amount = 0.005
    critical_share: Amount = 0.25


def check(facts: Facts, options: SequentialScanWithFilterOptions) -> Iterator[Finding | Gap]:
    """One finding per index that would spare scans worth their time, with all the statements it serves."""
    groups: list[Group] = []
    for statement in facts.statements.values():
        for scan in scans(facts, statement):
            if scan.rows < options.min_rows or scan.kept_fraction > options.max_fraction:
                continue
            shape = facts.shapes.get(statement.query_id)
            if shape is None or not any(_within(facts, r.relation_oid, scan.table) for r in shape.relations):
                if _matters(facts, scan.time_ms, options):
                    yield _untraced(scan)
            elif not may_be_pruned(facts, scan):
                add(facts, groups, scan, options.max_fraction)
    for group in merged(groups, lambda time_ms: _matters(facts, time_ms, options)):
        if _matters(facts, group.time_ms, options):
            yield _finding(facts, group, options)


def _within(facts: Facts, relation_oid: int, table: Relation) -> bool:
    root = facts.root(relation_oid)
    return root is not None and root.oid == table.oid


def _matters(facts: Facts, time_ms: float, options: SequentialScanWithFilterOptions) -> bool:
    return time_ms >= max(options.min_total_ms, options.min_share * facts.total_statement_ms)


def _untraced(scan: Scan) -> Gap:
    return Gap(
        fact=Fact.SHAPES,
        scope=f"statement {scan.statement.query_id}",
        reason=f"It reads all of {qualified(scan.table)} to filter it, by conditions that could not be traced to its "
        "text (a view, or a text that was not understood)",
    )


def _finding(facts: Facts, group: Group, options: SequentialScanWithFilterOptions) -> Finding:
    table = group.table
    query_ids = tuple(dict.fromkeys(s.statement.query_id for s in sorted(group.scans, key=lambda s: -s.time_ms)))
    definition = IndexDefinition(
        schema=table.schema,
        table=table.name,
        keys=group.keys,
        predicate=_predicate(group.conditions),
    )
    proposal = CreateIndex(definition=definition, partitioned=table.kind is RelationKind.PARTITIONED)
    method = min((scan.method for scan in group.scans), key=METHODS.index)
    columns = ", ".join(_column(key) for key in group.keys) or ", ".join(group.hidden)
    share = facts.share_of_time(group.time_ms)
    critical = method is PlanMethod.EXECUTED and share >= options.critical_share
    where = f" where {definition.predicate}" if definition.predicate else ""
    first = group.keys[0].column if group.keys else None
    return Finding(
        subject=Subject(kind=SubjectKind.TABLE, schema=table.schema, relation=table.name),
        identity=f"{qualified(table)}({columns}){where}",
        sentence=_sentence(group, columns, where, len(query_ids)),
        severity=Severity.CRITICAL if critical else Severity.WARNING,
        confidence={
            PlanMethod.EXECUTED: Confidence.MEASURED,
            PlanMethod.VALUES: Confidence.PROVED,
            PlanMethod.GENERIC: Confidence.ESTIMATED,
            PlanMethod.LOGGED: Confidence.ESTIMATED,
        }[method],
        evidence=_evidence(facts, group, method, share, len(query_ids)),
        causes=tuple(dict.fromkeys((f"{qualified(table)}({columns})", f"{qualified(table)}({first or columns})"))),
        proposals=(proposal,) if group.keys else (),
        query_ids=query_ids,
        impact=Impact(time_ms=group.time_ms),
    )


def _predicate(conditions: frozenset[str]) -> str | None:
    """Conditions as one predicate, spelled as the server does."""
    texts = sorted(conditions)
    return None if not texts else texts[0] if len(texts) == 1 else f"({' AND '.join(texts)})"


def _column(key: IndexKey) -> str:
    return (key.column if key.column is not None else key.expression or "") + (" desc" if key.descending else "")


def _sentence(group: Group, columns: str, where: str, statements: int) -> str:
    name = qualified(group.table)
    who = "A statement reads" if statements == 1 else f"{statements} statements read"
    keep = "keeps" if statements == 1 else "keep"
    if not group.keys:
        why = f"by conditions that no plain B-tree index serves as written: {columns}"
        return f"{who} all of {name} and {keep} few of its rows, {why}."
    return f"{who} all of {name} and {keep} few of its rows, which an index on ({columns}){where} would find."


def _evidence(facts: Facts, group: Group, method: PlanMethod, share: float, statements: int) -> tuple[Evidence, ...]:
    scans_by_time = sorted(group.scans, key=lambda scan: -scan.time_ms)
    costliest = scans_by_time[0]
    evidence = [
        Evidence(label="time in these scans", value=round(group.time_ms, 1), unit=Unit.MILLISECONDS),
        Evidence(label="share of all statements' time", value=round(share, 4), unit=Unit.FRACTION),
        window_evidence(facts.statements_window, "statements cover"),
        Evidence(label="statements", value=statements),
        Evidence(label="executions", value=sum(scan.statement.calls for scan in group.scans)),
        Evidence(label="rows read each time", value=costliest.rows, unit=Unit.ROWS),
        Evidence(label="rows kept", value=round(costliest.kept_fraction, 6), unit=Unit.FRACTION),
        Evidence(
            label="scan's share of the costliest statement", value=round(costliest.time_share, 4), unit=Unit.FRACTION
        ),
        Evidence(label="seen in", value=_SEEN[method], unit=Unit.TEXT),
    ]
    if group.keys:
        evidence.append(
            Evidence(label="rows left to read by the index", value=round(group.kept_fraction, 6), unit=Unit.FRACTION)
        )
    if group.table.kind is RelationKind.PARTITIONED:
        leaves = {leaf for scan in group.scans for leaf in scan.leaves}
        names = sorted(qualified(facts.relations[leaf]) for leaf in leaves)
        evidence.append(Evidence(label="partitions read", value=len(names)))
        evidence.append(Evidence(label="among them", value=", ".join(names[:5]), unit=Unit.TEXT))
    if group.hidden and group.keys:
        evidence.append(
            Evidence(
                label="conditions no plain B-tree serves as written", value=", ".join(group.hidden), unit=Unit.TEXT
            )
        )
    return tuple(evidence)


_SEEN = {
    PlanMethod.EXECUTED: "an executed plan",
    PlanMethod.VALUES: "a plan for given values",
    PlanMethod.GENERIC: "a plan for unknown values, which production may never run",
    PlanMethod.LOGGED: "a plan of one of the slowest calls, from the log",
}

RULE = Rule(
    id="IDX002",
    name="sequential_scan_with_filter",
    title="Whole table read to keep few rows",
    looks_for="Plans that read a table from end to end and throw most rows away by a condition that an index could "
    "serve, in statements that spend a noticeable share of the database's time on it.",
    why="The time such a statement takes grows with the table, not with its result. It pushes other data out of the "
    "cache, and run often it keeps whole processors busy.",
    fix="Build the index proposed: columns compared with one value first, the most selective in front, then the one "
    "range or the wanted order. Where a condition hides its column behind a function or a cast, rewrite it or index "
    "the expression.",
    false_positives=(
        "A report that runs at night and may take its time.",
        "A plan for unknown values may never run: with common values the server reads the table whole, and rightly.",
        "A table that is written far more often than it is searched.",
        "PostgreSQL 18 counts statements on different tables as one where they differ in nothing but the tables behind "
        "the same aliases: the time may belong to another table than the one in the text kept.",
    ),
    severity=Severity.WARNING,
    confidence=Confidence.ESTIMATED,
    needs=(Fact.CATALOG, Fact.STATEMENTS, Fact.PLANS),
    references=(
        "https://www.postgresql.org/docs/current/using-explain.html",
        "https://www.postgresql.org/docs/current/indexes-multicolumn.html",
        "https://www.postgresql.org/docs/current/indexes-partial.html",
    ),
    options=SequentialScanWithFilterOptions,
    check=check,
)
