"""What the index advisor made of a proposal: taken, served by another, refuted, or not looked into."""

from __future__ import annotations

from collections.abc import Iterable

from pgadvisor.indexes.algebra import likeness
from pgadvisor.model.base import Severity
from pgadvisor.model.findings import Finding, SubjectKind
from pgadvisor.model.index_advice import AdvisedIndex, IndexDecisions, LeftIndex, WhyNot
from pgadvisor.model.proposals import CreateIndex, DropIndex, Proposal

# The planner has seen that it is not worth it; the others are reasons of our own, or none.
REFUTED = frozenset({WhyNot.NO_GAIN, WhyNot.TOO_COSTLY, WhyNot.SLOWS, WhyNot.STILL_NEEDED})
# Nobody has looked into it, so that it stands as the rule has it.
UNTRIED = frozenset({WhyNot.NOT_EXAMINED, WhyNot.IMPOSSIBLE, WhyNot.SMALL_TABLE})


class Verdicts:
    """Decisions of the index advisor, by what rules propose."""

    def __init__(self, decisions: IndexDecisions) -> None:
        self._created = {
            likeness(each.proposal.definition): each
            for each in decisions.created
            if isinstance(each.proposal, CreateIndex)
        }
        self._dropped = {
            (each.proposal.schema, each.proposal.name): each
            for each in decisions.dropped
            if isinstance(each.proposal, DropIndex)
        }
        self._left = {likeness(each.definition): each for each in reversed(decisions.left) if not each.name}
        self._stays = {each.name: each for each in reversed(decisions.left) if each.name}
        self._untried = frozenset(decisions.untried)

    def advised(self, proposal: Proposal) -> AdvisedIndex | None:
        """The same index among those advised, to be created or to be dropped."""
        match proposal:
            case CreateIndex():
                return self._created.get(likeness(proposal.definition))
            case DropIndex():
                return self._dropped.get((proposal.schema, proposal.name))
            case _:
                return None

    def left(self, proposal: Proposal, findings: Iterable[Finding]) -> LeftIndex | None:
        """Why what findings propose was left, None where it was taken, or where nobody has looked into it.

        What stands on the checks of a foreign key is refuted by no plan of a statement. An index that is said to stay
        stays, whoever would drop it.
        """
        if self.advised(proposal) is not None:
            return None
        if isinstance(proposal, DropIndex):
            return self._stays.get(f"{proposal.schema}.{proposal.name}")
        found = self._left.get(likeness(proposal.definition)) if isinstance(proposal, CreateIndex) else None
        if found is None or found.why in UNTRIED:
            return None
        return None if found.why in REFUTED and any(map(_stands_on_checks, findings)) else found

    def unproved(self, drop: DropIndex) -> bool:
        """Whether a drop is one that the planner could have been asked about, and was not.

        An invalid index is in no plan.
        """
        name = f"{drop.schema}.{drop.name}"
        known = self.advised(drop) is not None or name in self._stays or name in self._untried
        return not known and not drop.invalid

    def goes(self, name: str) -> bool:
        """Whether an index is advised to go, by its qualified name."""
        return any(f"{schema}.{index}" == name for schema, index in self._dropped)

    def refuted(self, proposal: Proposal, finding: Finding) -> str:
        """The planner's reason against what a finding proposes, as a sentence; "" where there is none."""
        found = self.left(proposal, [finding])
        return found.sentence if found is not None and found.why in REFUTED else ""


def _stands_on_checks(finding: Finding) -> bool:
    """Whether rows that go elsewhere have so much read for a foreign key that it is a warning."""
    return finding.subject.kind is SubjectKind.CONSTRAINT and finding.severity is not Severity.INFO
