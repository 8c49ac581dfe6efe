"""One report on several databases of one server, put together from a report on each."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, TypeVar

import msgspec

from pgadvisor.advise.keys import anchor
from pgadvisor.advise.recommend import action_plan
from pgadvisor.advise.views import changed_most
from pgadvisor.advise.workload_shares import added_active, added_shares
from pgadvisor.model.base import Severity
from pgadvisor.model.counters import Window
from pgadvisor.model.coverage import Fact, FactCoverage, Footprint, Gap, Presence
from pgadvisor.model.findings import OutcomeStatus
from pgadvisor.model.report import (
    IndexView,
    Left,
    Recommendation,
    Rejection,
    Report,
    ReportFinding,
    RuleOutcome,
    StatementView,
    TableView,
    Trust,
)
from pgadvisor.model.snapshot import Change, Contents

if TYPE_CHECKING:
    from pgadvisor.config import ReportConfig

V = TypeVar("V", StatementView, TableView, IndexView)

# What became of a rule in all databases together is the first of these that it was in one.
_STATUSES = (
    OutcomeStatus.FAILED,
    OutcomeStatus.FINDINGS,
    OutcomeStatus.INCOMPLETE,
    OutcomeStatus.NOT_CHECKED,
    OutcomeStatus.CLEAN,
    OutcomeStatus.DISABLED,
)


def merged(reports: Sequence[Report], config: ReportConfig) -> Report:
    """Findings of all databases in one ranking, each with its database; one report is returned as it is.

    Keys begin with the database, so that a baseline made from one report on several knows them again. The databases
    stand in the order of their worst findings.
    """
    if len(reports) == 1:
        return reports[0]
    findings = _ranked_findings(reports)
    reports = _worst_first(reports, findings)
    first = reports[0]
    recommendations = _ranked_recommendations(reports, {finding.key: finding.rank for finding in findings})
    shown = findings[: config.max_findings]
    named = {(finding.database, query_id) for finding in shown for query_id in finding.query_ids}
    for report in reports:
        advised = (each.advised for each in report.recommendations if each.advised is not None)
        named |= {(report.source.database, query_id) for query_id in changed_most(advised)}
    statements = _statements(reports)
    kept = [s for n, s in enumerate(statements) if n < config.max_statements or (s.database, s.query_id) in named]
    tables = sorted((t for r in reports for t in _of(r, r.tables)), key=lambda t: (-(t.total_bytes or 0), t.name))
    indexes = sorted((i for r in reports for i in _of(r, r.indexes)), key=lambda i: (-(i.bytes or 0), i.name))
    return Report(
        tool=first.tool,
        source=first.source,
        databases=tuple(report.source for report in reports),
        trust=_trust(reports),
        configuration=first.configuration,
        severity_counts={s: sum(report.severity_counts.get(s, 0) for report in reports) for s in Severity},
        findings=shown,
        recommendations=recommendations,
        rejections=tuple(
            _rejection(rejection, report.source.database) for report in reports for rejection in report.rejections
        ),
        action_plan=action_plan(recommendations),
        index_advice_by_database={
            report.source.database: report.index_advice for report in reports if report.index_advice is not None
        },
        outcomes=tuple(_outcome(group) for group in zip(*(report.outcomes for report in reports), strict=True)),
        rules=first.rules,
        statements=tuple(kept),
        tables=tuple(tables[: config.max_tables]),
        indexes=tuple(indexes[: config.max_indexes]),
        settings=first.settings,
        left_out=Left(
            findings=len(findings) - len(shown) + _left(reports, lambda left: left.findings),
            statements=len(statements) - len(kept) + _left(reports, lambda left: left.statements),
            tables=max(len(tables) - config.max_tables, 0) + _left(reports, lambda left: left.tables),
            indexes=max(len(indexes) - config.max_indexes, 0) + _left(reports, lambda left: left.indexes),
        ),
    )


def _left(reports: Sequence[Report], count: Callable[[Left], int]) -> int:
    return sum(count(report.left_out) for report in reports)


def _of(report: Report, views: Sequence[V]) -> list[V]:
    return [msgspec.structs.replace(view, database=report.source.database) for view in views]


def _key(database: str, key: str) -> str:
    return f"{database}/{key}"


def _total_ms(reports: Sequence[Report]) -> float:
    """Time in the statements of all databases."""
    return sum(report.trust.shares[0].of_time_ms for report in reports if report.trust.shares)


def _ranked_findings(reports: Sequence[Report]) -> tuple[ReportFinding, ...]:
    total_ms = _total_ms(reports)
    found = [_finding(finding, report.source.database, total_ms) for report in reports for finding in report.findings]
    found.sort(key=_weight)
    return tuple(msgspec.structs.replace(finding, rank=rank) for rank, finding in enumerate(found, start=1))


def _worst_first(reports: Sequence[Report], findings: Sequence[ReportFinding]) -> list[Report]:
    """In the order of the worst finding in each; those without any stay in theirs, at the end."""
    ranks = {finding.database: finding.rank for finding in reversed(findings)}
    return sorted(reports, key=lambda report: ranks.get(report.source.database, len(findings) + 1))


def _weight(finding: ReportFinding) -> tuple[object, ...]:
    """As findings of one database are ranked; what weighs the same stands by database, then as it stood there."""
    impact = finding.impact
    return (
        finding.severity.rank,
        -(impact.time.total if impact.time else 0.0),
        -(impact.bytes or 0),
        -(impact.writes.total if impact.writes else 0.0),
        finding.confidence.rank,
        finding.database,
        finding.rank,
    )


def _finding(finding: ReportFinding, database: str, total_ms: float) -> ReportFinding:
    key, time = _key(database, finding.key), finding.impact.time
    share = None if time is None or not total_ms else min(time.total / total_ms, 1.0)
    return msgspec.structs.replace(
        finding,
        key=key,
        anchor=anchor(key),
        subject_name=f"{database}: {finding.subject_name}",
        impact=msgspec.structs.replace(finding.impact, time_share=share),
        recommendations=tuple(_key(database, each) for each in finding.recommendations),
        related=tuple(_key(database, each) for each in finding.related),
        database=database,
    )


def _ranked_recommendations(reports: Sequence[Report], ranks: dict[str, int]) -> tuple[Recommendation, ...]:
    """In the order of the findings they serve; those of findings that a cap left out come last."""
    every = [
        _recommendation(recommendation, report.source.database)
        for report in reports
        for recommendation in report.recommendations
    ]
    every.sort(key=lambda r: (min((ranks[k] for k in r.findings if k in ranks), default=len(ranks) + 1), r.key))
    return tuple(msgspec.structs.replace(each, rank=rank) for rank, each in enumerate(every, start=1))


def _recommendation(recommendation: Recommendation, database: str) -> Recommendation:
    key = _key(database, recommendation.key)
    return msgspec.structs.replace(
        recommendation,
        key=key,
        anchor=anchor(f"do:{key}"),
        title=f"In database {database}: {recommendation.title}",
        findings=tuple(_key(database, each) for each in recommendation.findings),
        database=database,
    )


def _rejection(rejection: Rejection, database: str) -> Rejection:
    return msgspec.structs.replace(
        rejection, findings=tuple(_key(database, each) for each in rejection.findings), database=database
    )


def _statements(reports: Sequence[Report]) -> list[StatementView]:
    """Of all databases, the costliest first, their shares those of the time in all databases."""
    total_ms = _total_ms(reports)
    views = [
        msgspec.structs.replace(
            view,
            anchor=anchor(f"statement:{view.database}:{view.query_id}"),
            share=min(view.total_ms / total_ms, 1.0) if total_ms else 0.0,
            nested_share=_nested_share(view, total_ms),
            findings=tuple(_key(view.database, each) for each in view.findings),
        )
        for report in reports
        for view in _of(report, report.statements)
    ]
    return sorted(views, key=lambda view: (-view.total_ms, view.database, view.query_id))


def _nested_share(view: StatementView, total_ms: float) -> float:
    """The part of a statement's share that is within others', of the time in all databases."""
    nested = view.nested_share / view.share if view.share else 0.0
    return min(view.total_ms * nested / total_ms, 1.0) if total_ms else 0.0


def _outcome(group: Sequence[RuleOutcome]) -> RuleOutcome:
    """What became of one rule in all databases."""
    status = min((outcome.status for outcome in group), key=_STATUSES.index)
    return msgspec.structs.replace(
        group[0],
        status=status,
        findings=sum(outcome.findings for outcome in group),
        gaps=tuple(dict.fromkeys(gap for outcome in group for gap in outcome.gaps)),
        error=next((outcome.error for outcome in group if outcome.error is not None), None),
    )


def _trust(reports: Sequence[Report]) -> Trust:
    """What holds for all of them: the shortest window, the worst coverage, and the price of all."""
    trusts = [report.trust for report in reports]
    partial = next((report for report in reports if report.trust.partial_reason is not None), None)
    return Trust(
        counters_window=_shortest([trust.counters_window for trust in trusts]),
        statements_window=_shortest([trust.statements_window for trust in trusts]),
        shares=added_shares([trust.shares for trust in trusts]),
        parts=added_shares([trust.parts for trust in trusts]),
        active=added_active([trust.active for trust in trusts]),
        evicted=max((trust.evicted for trust in trusts if trust.evicted is not None), default=None),
        coverage=_coverage(trusts),
        gaps=tuple(_gap(gap, report.source.database) for report in reports for gap in report.trust.gaps),
        footprint=_footprint(reports),
        planners=tuple(sorted({planner for trust in trusts for planner in trust.planners})),
        values_masked=all(trust.values_masked for trust in trusts),
        partial_reason=None if partial is None else f"{partial.source.database}: {partial.trust.partial_reason}",
        interrupted=any(trust.interrupted for trust in trusts),
        change=_change(reports),
        contents=Contents(
            redacted=any(trust.contents.redacted for trust in trusts),
            names_redacted=any(trust.contents.names_redacted for trust in trusts),
        ),
    )


def _change(reports: Sequence[Report]) -> Change | None:
    """What changed in all databases; None where one was looked at but once, so that not all is of an interval."""
    changes = [report.trust.change for report in reports]
    known = [change for change in changes if change is not None]
    if len(known) < len(changes):
        return None
    return Change(
        since=min(change.since for change in known),
        until=max(change.until for change in known),
        new=tuple(query_id for change in known for query_id in change.new),
        vanished=tuple(query_id for change in known for query_id in change.vanished),
        matched_by_text=sum(change.matched_by_text for change in known),
        notes=tuple(
            f"{report.source.database}: {note}"
            for report, change in zip(reports, known, strict=True)
            for note in change.notes
        ),
    )


def _shortest(windows: Sequence[Window | None]) -> Window | None:
    """The window that every database has been watched for at least; unknown if one is."""
    if any(window is None or window.since is None for window in windows):
        return next((window for window in windows if window is not None and window.since is None), None)
    return min((window for window in windows if window is not None), key=lambda window: window.seconds or 0.0)


def _coverage(trusts: Sequence[Trust]) -> tuple[FactCoverage, ...]:
    """Each fact as far as it is covered in every database: present in some and absent in others is partial."""
    seen: dict[Fact, list[Presence]] = {}
    for trust in trusts:
        for entry in trust.coverage:
            seen.setdefault(entry.fact, []).append(entry.presence)
    return tuple(
        FactCoverage(fact=fact, presence=seen[fact][0] if len(set(seen[fact])) == 1 else Presence.PARTIAL)
        for fact in Fact
        if fact in seen
    )


def _gap(gap: Gap, database: str) -> Gap:
    return msgspec.structs.replace(gap, scope=f"{database}: {gap.scope}" if gap.scope else database)


def _footprint(reports: Sequence[Report]) -> Footprint:
    costs = [report.trust.footprint for report in reports]
    scans = {
        f"{report.source.database}: {name}": count
        for report in reports
        for name, count in report.trust.footprint.scans_added.items()
    }
    locks = [cost.peak_locks for cost in costs if cost.peak_locks is not None]
    return Footprint(
        server_ms=sum(cost.server_ms for cost in costs),
        transactions=sum(cost.transactions for cost in costs),
        queries=sum(cost.queries for cost in costs),
        explained=sum(cost.explained for cost in costs),
        executed=sum(cost.executed for cost in costs),
        executed_ms=sum(cost.executed_ms for cost in costs),
        longest_transaction_ms=max(cost.longest_transaction_ms for cost in costs),
        peak_locks=max(locks, default=None),
        statement_entries=sum(cost.statement_entries for cost in costs),
        scans_added=dict(sorted(scans.items())),
    )
