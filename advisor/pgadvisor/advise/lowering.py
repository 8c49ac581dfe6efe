"""Findings whose remedy the planner refutes: they stay as what they are worth knowing for, and say so."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import msgspec

from pgadvisor.advise.verdicts import Verdicts
from pgadvisor.model.base import Severity
from pgadvisor.model.findings import Finding, Outcome

if TYPE_CHECKING:
    from pgadvisor.facts import Facts


def lowered(outcomes: Mapping[str, Outcome], facts: Facts) -> dict[str, Outcome]:
    """The outcomes, with findings whose every proposal the planner refutes as information, and the reason."""
    if facts.advice is None:
        return dict(outcomes)
    verdicts = Verdicts(facts.advice)
    return {
        name: msgspec.structs.replace(outcome, findings=tuple(_lowered(each, verdicts) for each in outcome.findings))
        for name, outcome in outcomes.items()
    }


def _lowered(finding: Finding, verdicts: Verdicts) -> Finding:
    reasons = [verdicts.refuted(proposal, finding) for proposal in finding.proposals]
    if not reasons or not all(reasons):
        return finding
    return msgspec.structs.replace(
        finding, severity=Severity.INFO, sentence=f"{finding.sentence} But nothing is to be done: {reasons[0]}"
    )
