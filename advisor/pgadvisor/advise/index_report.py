"""What of a report bears on indexes: the same recommendations, without the rest."""

from __future__ import annotations

import msgspec

from pgadvisor.model.base import Severity
from pgadvisor.model.findings import OutcomeStatus
from pgadvisor.model.proposals import CreateIndex, DropIndex, RebuildIndex
from pgadvisor.model.report import Report


def about_indexes(report: Report) -> Report:
    """The report with what is to be done to indexes, was thought of and left, and why; all of what it is made from.

    Findings are those that a recommendation, a rejection or the advice on indexes is made for. A rule that found
    something else alone is left out, one that could not look is not.
    """
    recommendations = tuple(
        each for each in report.recommendations if isinstance(each.proposal, CreateIndex | DropIndex | RebuildIndex)
    )
    kept = {each.key for each in recommendations}
    named = {key for each in recommendations for key in each.findings}
    named.update(key for each in report.rejections for key in each.findings)
    advices = [*report.index_advice_by_database.values(), *([report.index_advice] if report.index_advice else [])]
    named.update(key for advice in advices for left in advice.left for key in left.findings)
    findings = tuple(each for each in report.findings if each.key in named)
    counts = {severity: sum(1 for each in findings if each.severity is severity) for severity in Severity}
    found = {each.rule for each in findings}
    outcomes = tuple(o for o in report.outcomes if o.rule in found or o.status is not OutcomeStatus.FINDINGS)
    told = {outcome.rule for outcome in outcomes}
    keys = {each.key for each in findings}
    return msgspec.structs.replace(
        report,
        severity_counts=counts,
        findings=tuple(
            msgspec.structs.replace(
                each,
                rank=rank,
                recommendations=tuple(key for key in each.recommendations if key in kept),
                related=tuple(key for key in each.related if key in keys),
            )
            for rank, each in enumerate(findings, start=1)
        ),
        recommendations=recommendations,
        action_plan=tuple(key for key in report.action_plan if key in kept),
        outcomes=tuple(
            msgspec.structs.replace(o, findings=sum(1 for each in findings if each.rule == o.rule)) for o in outcomes
        ),
        rules=tuple(text for text in report.rules if text.rule in told),
        statements=tuple(
            msgspec.structs.replace(view, findings=tuple(key for key in view.findings if key in keys))
            for view in report.statements
        ),
        left_out=msgspec.structs.replace(report.left_out, findings=0),
    )
