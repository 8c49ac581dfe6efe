"""Reports whose recommendations are the recipes that would be given."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from pgadvisor.indexes.partitions import Partition
from pgadvisor.indexes.recipes import recipe
from pgadvisor.model.proposals import CreateIndex, Proposal
from pgadvisor.model.report import Report
from support.reports import anchor, index, sample_report


def plain(table: str) -> CreateIndex:
    return CreateIndex(definition=index(table, "a"))


def partitioned(table: str) -> CreateIndex:
    return CreateIndex(definition=index(table, "a"), partitioned=True)


def recipe_report(proposals: Sequence[Proposal]) -> Report:
    """The shop's report with one recommendation and one finding for each proposal."""
    report = sample_report()
    partitions = tuple(Partition(schema="public", name=f"part_{number}") for number in range(2))
    findings, actions = [], []
    for number, proposal in enumerate(proposals):
        finding = msgspec.structs.replace(
            report.findings[1],
            key=f"f{number}",
            anchor=anchor(f"f{number}"),
            rank=number + 1,
            recommendations=(f"r{number}",),
            related=(),
        )
        action = msgspec.structs.replace(
            report.recommendations[1],
            key=f"r{number}",
            anchor=anchor(f"r{number}"),
            rank=number + 1,
            title=f"Recommendation {number}",
            proposal=proposal,
            steps=recipe(proposal, (), partitions).steps,
            findings=(finding.key,),
        )
        findings.append(finding)
        actions.append(action)
    return msgspec.structs.replace(
        report,
        findings=tuple(findings),
        recommendations=tuple(actions),
        action_plan=tuple(action.key for action in actions),
        rejections=(),
    )
