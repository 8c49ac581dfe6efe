"""Findings whose remedy the planner refutes, or takes for another reason: they stay as what they are worth knowing for.

They say so.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import msgspec

from pgadvisor.advise.verdicts import Verdicts
from pgadvisor.model.base import Severity
from pgadvisor.model.findings import Finding, Outcome
from pgadvisor.model.proposals import DropIndex, Proposal

if TYPE_CHECKING:
    from pgadvisor.facts import Facts


def lowered(outcomes: Mapping[str, Outcome], facts: Facts) -> dict[str, Outcome]:
    """The outcomes, with findings whose every proposal the planner refutes as information, and the reason.

    Of an index that goes though what was to stand in for it goes, too, it is said what does its work then.
    """
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
        instead = [text for each in finding.proposals if (text := _instead(each, verdicts))]
        return msgspec.structs.replace(finding, sentence=" ".join([finding.sentence, *instead])) if instead else finding
    return msgspec.structs.replace(
        finding, severity=Severity.INFO, sentence=f"{finding.sentence} But nothing is to be done: {reasons[0]}"
    )


def _instead(proposal: Proposal, verdicts: Verdicts) -> str:
    """What does the work of an index when what a rule named for it goes; "" where that stays."""
    advised = verdicts.advised(proposal)
    if not isinstance(proposal, DropIndex) or advised is None or not isinstance(advised.proposal, DropIndex):
        return ""
    before, now = proposal.because_of, advised.proposal.because_of
    if before is None or before == now or not verdicts.goes(before):
        return ""
    if now is not None:
        return f"But {before} goes itself: {now} can do it as well."
    if advised.proposal.replaced:
        return f"But {before} goes itself: a new index can do it as well."
    return f"But {before} goes itself, and nothing uses this one either."
