"""Turns the proposals of findings into decisions: each change once, nothing that undoes another."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import chain
from typing import TypeVar

from pgadvisor.advise.drops import decide_drops
from pgadvisor.advise.keys import KeyedFinding
from pgadvisor.advise.verdicts import Verdicts
from pgadvisor.advise.wishes import goes_alone
from pgadvisor.facts import Facts
from pgadvisor.indexes.standing import Standing
from pgadvisor.model.index_advice import AdvisedIndex, IndexDecisions
from pgadvisor.model.proposals import AddPrimaryKey, CreateIndex, DropIndex, Proposal, RebuildIndex

T = TypeVar("T")
_STATISTICS = (
    "ANALYZE gathers statistics on its expressions, and no planner has said that no plan of the workload rests on them."
)
_UNPROVED = "The planner was not asked about it together with all that is advised; look again when that is done."


@dataclass
class Decision:
    """What becomes of one proposal: findings it serves, in rank order, and the reason where it was rejected."""

    proposal: Proposal
    findings: list[KeyedFinding] = field(default_factory=list)
    reason: str | None = None
    advised: AdvisedIndex | None = None


def decide(findings: Sequence[KeyedFinding], facts: Facts) -> tuple[Decision, ...]:
    """One decision per distinct proposal, in the rank order of the findings it serves.

    What the index advisor decided stands. Drops are decided before creations, since an index that goes cannot serve in
    place of one that is wanted.
    """
    decisions = _distinct(findings)
    verdicts = None if facts.advice is None else Verdicts(facts.advice)
    if facts.advice is not None and verdicts is not None:
        _as_advised(decisions, findings, facts.advice, verdicts)
    drops = {d.proposal: d for d in decisions if isinstance(d.proposal, DropIndex)}
    keys = [d.proposal for d in decisions if isinstance(d.proposal, AddPrimaryKey)]
    coming = [d.proposal.definition for d in decisions if d.advised is not None and isinstance(d.proposal, CreateIndex)]
    # What is refused already stands in nobody's way.
    open_ones = tuple(drop for drop, decision in drops.items() if decision.reason is None)
    rejected, instead = decide_drops(open_ones, keys, facts, coming, _unused(findings))
    for drop, reason in rejected.items():
        drops[drop].reason = reason
    for drop, made in instead.items():
        drops[drop].proposal = made
    drops = {d.proposal: d for d in decisions if isinstance(d.proposal, DropIndex)}
    for drop, decision in drops.items():
        if verdicts is not None and decision.reason is None and verdicts.unproved(drop):
            decision.reason = _UNPROVED
        elif decision.reason is None and decision.advised is None and _loses_statistics(drop):
            decision.reason = _STATISTICS
    dropped = {(drop.schema, drop.name) for drop, decision in drops.items() if decision.reason is None}
    _decide_creations(decisions, facts, dropped)
    rank = {finding.key: number for number, finding in enumerate(findings)}
    for decision in decisions:
        decision.findings.sort(key=lambda finding: rank[finding.key])
    return tuple(sorted(decisions, key=lambda d: (rank[d.findings[0].key], d.reason is not None)))


def _unused(findings: Sequence[KeyedFinding]) -> set[tuple[str, str]]:
    """Indexes that some finding would have go with nothing in their place."""
    proposals = (each for finding in findings for each in finding.finding.proposals)
    return {(each.schema, each.name) for each in proposals if isinstance(each, DropIndex) and goes_alone(each)}


def _as_advised(
    decisions: list[Decision], findings: Sequence[KeyedFinding], advice: IndexDecisions, verdicts: Verdicts
) -> None:
    """Puts what the planner proved in the place of what rules propose, and says why the rest is left."""
    by_key = {finding.key: finding for finding in findings}
    for decision in decisions:
        decision.advised = verdicts.advised(decision.proposal)
        left = verdicts.left(decision.proposal, [each.finding for each in decision.findings])
        if decision.advised is not None:
            decision.proposal = decision.advised.proposal
        elif left is not None:
            decision.reason = left.sentence
    # All who ask for an index, also those whose own it stands in for.
    for advised in (*advice.created, *advice.dropped):
        asking = [by_key[key] for key in advised.findings if key in by_key]
        if not advised.findings and isinstance(advised.proposal, DropIndex):
            asking = _of_its_successor(decisions, advised.proposal)
        same = [decision for decision in decisions if decision.advised is advised]
        if asking and not same:
            same = [Decision(advised.proposal, advised=advised)]
            decisions += same
        for finding in [*asking, *(finding for other in same[1:] for finding in other.findings)]:
            if finding not in same[0].findings:
                same[0].findings.append(finding)
        for other in same[1:]:
            decisions.remove(other)
    _keep_what_rests_on_the_untold(decisions, advice)


def _keep_what_rests_on_the_untold(decisions: Sequence[Decision], advice: IndexDecisions) -> None:
    """Rejects drops that were proved beside a new index that no finding asks for, as where its rule failed."""
    told = [decision.advised for decision in decisions]
    untold = [each.name for each in advice.created if not any(each is other for other in told)]
    for decision in decisions if untold else ():
        if decision.advised is not None and isinstance(decision.proposal, DropIndex):
            names = ", ".join(untold)
            decision.reason = f"It is proved only beside new indexes that are not recommended: {names}."


def _loses_statistics(drop: DropIndex) -> bool:
    """Whether an index goes with expressions that no other is known to have."""
    return drop.because_of is None and not drop.invalid and any(key.expression for key in drop.definition.keys)


def _of_its_successor(decisions: Sequence[Decision], drop: DropIndex) -> list[KeyedFinding]:
    """The findings that ask for the new index because of which one goes that no rule would drop."""
    name = f"{drop.schema}.{drop.name}"
    new = (decision for decision in decisions if decision.advised is not None and name in decision.advised.replaces)
    return list({finding.key: finding for decision in new for finding in decision.findings}.values())


def _distinct(findings: Sequence[KeyedFinding]) -> list[Decision]:
    """Proposals that mean the same become one decision with all their findings."""
    decisions: list[Decision] = []
    by_identity: dict[object, Decision] = {}
    for finding in findings:
        for proposal in finding.finding.proposals:
            identity = (proposal.schema, proposal.name) if isinstance(proposal, DropIndex) else proposal
            decision = by_identity.get(identity)
            if decision is None:
                decision = by_identity[identity] = Decision(proposal)
                decisions.append(decision)
            elif isinstance(proposal, DropIndex) and isinstance(decision.proposal, DropIndex):
                # The reason that names a stand-in is the stronger one.
                decision.proposal = decision.proposal if decision.proposal.because_of else proposal
            decision.findings.append(finding)
    return decisions


def _decide_creations(decisions: Sequence[Decision], facts: Facts, dropped: set[tuple[str, str]]) -> None:
    """A new index is not built where one that stays, one that is rebuilt or another new one does its work."""
    standing: dict[tuple[str, str], Standing[str]] = defaultdict(Standing)
    for index in facts.indexes.values():
        usable = index.valid and index.ready and index.live and index.complete
        if usable and (index.schema, index.name) not in dropped:
            table = (index.definition.schema, index.definition.table)
            standing[table].add(f"{index.schema}.{index.name}", index.definition)
    coming: dict[tuple[str, str], Standing[Decision]] = defaultdict(Standing)
    for decision in decisions:
        if isinstance(decision.proposal, RebuildIndex):
            definition = decision.proposal.definition
            coming[definition.schema, definition.table].add(decision, definition)
    creations = [(d, d.proposal) for d in decisions if isinstance(d.proposal, CreateIndex) and d.reason is None]
    # What is proved stands, whatever it is like.
    for decision, wanted in creations:
        if decision.advised is not None:
            coming[wanted.definition.schema, wanted.definition.table].add(decision, wanted.definition)
    creations = [each for each in creations if each[0].advised is None]
    # The widest first, so that those it covers fold into it; of equals, one whose order matters.
    for decision, wanted in sorted(creations, key=lambda each: _fixed_and_wide(each[1]), reverse=True):
        definition = wanted.definition
        server = _server(standing[definition.schema, definition.table], wanted)
        if server is not None:
            decision.reason = f"{server} already serves."
            continue
        others = coming[definition.schema, definition.table]
        instead = _server(others, wanted)
        if instead is None:
            others.add(decision, definition)
        else:
            decision.reason = "Another index that is to be built or rebuilt serves in its place."
            known = {finding.key for finding in instead.findings}
            instead.findings += [f for f in decision.findings if f.key not in known]


def _fixed_and_wide(proposal: CreateIndex) -> tuple[int, bool]:
    return len(proposal.definition.keys) + len(proposal.definition.include), not proposal.any_order


def _server(standing: Standing[T], wanted: CreateIndex) -> T | None:
    """The first that does what an index is wanted for: covers it, or where no order is wanted finds the same rows."""
    narrow = wanted.definition
    columns = [column for column in narrow.key_columns if column is not None]
    serving = standing.serving_equality(columns) if wanted.any_order else iter(())
    return next(chain(standing.covering(narrow), serving), None)
