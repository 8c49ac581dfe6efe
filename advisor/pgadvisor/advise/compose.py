"""Composes the report: what was found, what to do, how far to trust it. The last place that decides anything."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import msgspec

from pgadvisor import __version__
from pgadvisor.advise.decide import Decision
from pgadvisor.advise.keys import KeyedFinding, anchor
from pgadvisor.advise.opaque import Opaque
from pgadvisor.advise.planners import NOT_ASKED
from pgadvisor.advise.platforms import platform_gaps
from pgadvisor.advise.proof_texts import shown_advice
from pgadvisor.advise.rates import of_statements, of_writes
from pgadvisor.advise.recommend import action_plan, recommend, reject
from pgadvisor.advise.tenants import folded_recommendations
from pgadvisor.advise.values import masked
from pgadvisor.advise.views import index_views, setting_views, statement_views, table_views
from pgadvisor.advise.workload_shares import active_time, parts, shares
from pgadvisor.facts import Facts
from pgadvisor.masking import MASK
from pgadvisor.model.base import Severity
from pgadvisor.model.coverage import Fact, Gap
from pgadvisor.model.findings import Outcome, Subject
from pgadvisor.model.report import (
    Left,
    Report,
    ReportFinding,
    ReportImpact,
    RuleOutcome,
    RuleText,
    Source,
    Tool,
    Trust,
)
from pgadvisor.model.shape import NotUnderstood
from pgadvisor.model.snapshot import Contents

if TYPE_CHECKING:
    from pgadvisor.config import Config
    from pgadvisor.rules_api import AnyRule, Options


def compose(
    rules: Sequence[AnyRule],
    options: Mapping[str, Options],
    outcomes: Sequence[Outcome],
    findings: Sequence[KeyedFinding],
    decisions: Sequence[Decision],
    facts: Facts,
    not_understood: Sequence[NotUnderstood],
    config: Config,
) -> Report:
    """The report on one snapshot. Values of rows are masked here unless the configuration shows them."""
    show = config.report.show_values
    by_name = {rule.name: rule for rule in rules}
    recommendations = folded_recommendations(recommend(decisions, facts, show, config.indexes.name))
    advice: dict[str, list[str]] = defaultdict(list)
    for recommendation in recommendations:
        for key in recommendation.findings:
            advice[key].append(recommendation.key)
    shown = [
        _finding(rank, finding, by_name[finding.rule], advice[finding.key], facts, show)
        for rank, finding in enumerate(findings[: config.report.max_findings], start=1)
    ]
    statements = statement_views(facts, not_understood, findings, config.report)
    tables, indexes = table_views(facts), index_views(facts)
    report = config.report
    return Report(
        tool=Tool(name="pgadvisor", version=__version__),
        source=source_of(facts),
        trust=_trust(facts, not_understood, show),
        configuration=_configuration(config, facts),
        severity_counts={s: sum(1 for f in findings if f.finding.severity is s) for s in Severity},
        findings=tuple(shown),
        recommendations=recommendations,
        rejections=reject(decisions, show),
        action_plan=action_plan(recommendations),
        index_advice=None if facts.advice is None else shown_advice(facts.advice.advice, show),
        outcomes=tuple(_outcome(outcome, by_name[outcome.rule]) for outcome in outcomes),
        rules=tuple(_text(rule, options[rule.name]) for rule in rules),
        statements=statements,
        tables=tables[: report.max_tables],
        indexes=indexes[: report.max_indexes],
        settings=setting_views(facts),
        left_out=Left(
            findings=max(len(findings) - report.max_findings, 0),
            statements=max(len(facts.statements) - len(statements), 0),
            tables=max(len(tables) - report.max_tables, 0),
            indexes=max(len(indexes) - report.max_indexes, 0),
        ),
    )


def _finding(
    rank: int,
    keyed: KeyedFinding,
    rule: AnyRule,
    recommendations: Sequence[str],
    facts: Facts,
    show_values: bool,
) -> ReportFinding:
    finding = keyed.finding
    impact = finding.impact
    time = None if impact.time_ms is None else of_statements(impact.time_ms, facts)
    return ReportFinding(
        key=keyed.key,
        anchor=anchor(keyed.key),
        rank=rank,
        rule=rule.name,
        rule_id=rule.id,
        title=rule.title,
        subject=finding.subject,
        subject_name=_name(finding.subject),
        sentence=finding.sentence,
        severity=finding.severity,
        confidence=finding.confidence,
        evidence=masked(finding.evidence, show_values),
        impact=ReportImpact(
            time=time,
            time_share=None
            if impact.time_ms is None or not facts.total_statement_ms
            else facts.share_of_time(impact.time_ms),
            bytes=impact.bytes,
            writes=None if impact.writes is None else of_writes(impact.writes, facts),
        ),
        query_ids=finding.query_ids,
        recommendations=tuple(recommendations),
        related=keyed.related,
        copies=finding.copies,
    )


def _name(subject: Subject) -> str:
    relation = f"{subject.schema}.{subject.relation}"
    return relation if subject.name is None else f"{relation}: {subject.name}"


def source_of(facts: Facts) -> Source:
    """Which database of which server the facts are about."""
    server, counters = facts.server, facts.snapshot.counters
    return Source(
        server_version=server.version,
        database=server.database,
        role=server.role,
        is_superuser=server.is_superuser,
        host=server.host,
        port=server.port,
        in_recovery=server.in_recovery,
        started_at=server.started_at,
        collected_at=server.collected_at,
        database_size_bytes=None if counters is None else counters.database_size_bytes,
        hosts=facts.snapshot.hosts,
        address=server.address,
        address_port=server.address_port,
        system_identifier=server.system_identifier,
    )


def _trust(facts: Facts, not_understood: Sequence[NotUnderstood], show_values: bool) -> Trust:
    coverage = facts.coverage
    contents = facts.snapshot.contents
    opaque = Opaque(facts)
    cut = [gap for gap in coverage.gaps if gap.fact is Fact.CONNECTION]
    return Trust(
        counters_window=facts.counters_window,
        statements_window=facts.statements_window,
        shares=shares(facts, opaque),
        parts=parts(facts, opaque),
        active=active_time(facts.snapshot),
        evicted=None if facts.snapshot.statements is None else facts.snapshot.statements.evicted,
        coverage=coverage.facts,
        gaps=(
            *coverage.gaps,
            *platform_gaps(facts),
            *opaque.gaps(),
            *_parser_gaps(not_understood),
            *_unproved(facts),
        ),
        footprint=coverage.footprint,
        planners=tuple(sorted({plan.planner for plan in facts.snapshot.plans})),
        values_masked=not show_values,
        partial_reason=cut[0].reason if cut else None,
        interrupted=coverage.interrupted,
        change=facts.snapshot.change,
        contents=contents if contents.redacted else Contents(),
    )


def _unproved(facts: Facts) -> list[Gap]:
    """Why no planner could be asked about indexes; nothing where none was to be."""
    return [gap for gap in facts.gaps if gap.fact is Fact.INDEX_ADVICE and gap.reason != NOT_ASKED]


def _parser_gaps(not_understood: Sequence[NotUnderstood]) -> list[Gap]:
    """One gap per reason why texts could not be read."""
    reasons: dict[str, list[str]] = defaultdict(list)
    for item in not_understood:
        reasons[item.reason].append(item.query_id)
    return [
        Gap(
            fact=Fact.SHAPES,
            scope=f"statement {ids[0]}" if len(ids) == 1 else f"{len(ids)} statements",
            reason=f"The text could not be understood: {reason}",
        )
        for reason, ids in sorted(reasons.items())
    ]


def _configuration(config: Config, facts: Facts) -> dict[str, Any]:
    """This run's, with the limits of the collection in its place: they are the snapshot's, whenever it is read."""
    builtins: dict[str, Any] = msgspec.to_builtins(config)
    # What a tenant is called is nobody's business but the planner's.
    session = dict.fromkeys(config.collect.session, MASK)
    return builtins | {"collect": msgspec.to_builtins(facts.snapshot.limits), "session": session}


def _outcome(outcome: Outcome, rule: AnyRule) -> RuleOutcome:
    return RuleOutcome(
        rule=rule.name,
        rule_id=rule.id,
        title=rule.title,
        status=outcome.status,
        findings=len(outcome.findings),
        gaps=outcome.gaps,
        error=outcome.error,
    )


def _text(rule: AnyRule, options: Options) -> RuleText:
    return RuleText(
        rule=rule.name,
        rule_id=rule.id,
        title=rule.title,
        looks_for=rule.looks_for,
        why=rule.why,
        fix=rule.fix,
        false_positives=rule.false_positives,
        severity=rule.severity,
        confidence=rule.confidence,
        options=msgspec.to_builtins(options),
        references=rule.references,
    )
