"""What rules propose, as the index advisor takes it: indexes wished for, those that may go, and exchanges."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from pgadvisor.advise.candidates.candidate import Candidate
from pgadvisor.advise.drops import becoming_keys
from pgadvisor.advise.keys import KeyedFinding
from pgadvisor.model.findings import Finding, SubjectKind
from pgadvisor.model.proposals import AddPrimaryKey, CreateIndex, DropIndex


@dataclass(frozen=True)
class Going:
    """An index that may go, by the findings with these keys; create is what is to take its place, if anything new.

    unused: one of them would have it go with nothing in its place.
    """

    drop: DropIndex
    findings: tuple[str, ...]
    create: Candidate | None = None
    unused: bool = False


@dataclass(frozen=True)
class Wishes:
    """All that findings propose to do about indexes, in their rank order."""

    candidates: tuple[Candidate, ...] = ()
    going: tuple[Going, ...] = field(default=())


def wishes_of(findings: Sequence[KeyedFinding]) -> Wishes:
    """The proposals of findings; what one of them builds in exchange for what it drops is looked at together.

    What is to become a primary key is left out: advise/decide.py says so of it. Which of the others can be made
    together is seen one after the other (advise/exchanges.py).
    """
    candidates: list[Candidate] = []
    going: dict[tuple[str, str], Going] = {}
    keys: list[AddPrimaryKey] = []
    for keyed in findings:
        proposals = keyed.finding.proposals
        keys += (each for each in proposals if isinstance(each, AddPrimaryKey))
        created = [candidate_of(keyed, each) for each in proposals if isinstance(each, CreateIndex)]
        drops = [each for each in proposals if isinstance(each, DropIndex) and not each.invalid]
        exchanged = [each for each in drops if each.replaced]
        candidates += () if exchanged else created
        for drop in drops:
            taking_over = _taking_over(drop, created) if drop.replaced else None
            known = going.get((drop.schema, drop.name))
            unused = goes_alone(drop)
            if known is None:
                going[drop.schema, drop.name] = Going(drop, (keyed.key,), taking_over, unused)
            else:
                kept = known.drop if known.drop.because_of or drop.replaced else drop
                going[drop.schema, drop.name] = Going(
                    kept, (*known.findings, keyed.key), known.create, known.unused or unused
                )
    rejected = becoming_keys([each.drop for each in going.values()], keys)
    return Wishes(tuple(candidates), tuple(each for each in going.values() if each.drop not in rejected))


def goes_alone(drop: DropIndex) -> bool:
    """Whether an index is to go with nothing in its place."""
    return drop.because_of is None and not drop.replaced and not drop.invalid


def candidate_of(keyed: KeyedFinding, proposal: CreateIndex) -> Candidate:
    """The index that a finding proposes, as a candidate."""
    finding: Finding = keyed.finding
    serves_key = finding.subject.kind is SubjectKind.CONSTRAINT and finding.subject.name is not None
    return Candidate(
        definition=proposal.definition,
        query_ids=frozenset(finding.query_ids),
        foreign_keys=frozenset({finding.subject.name or ""}) if serves_key else frozenset(),
        findings=frozenset({keyed.key}),
        reasons=frozenset({keyed.rule.replace("_", " ")}),
        partitioned=proposal.partitioned,
        holds_values=proposal.holds_values,
        any_order=proposal.any_order,
    )


def _taking_over(drop: DropIndex, created: Sequence[Candidate]) -> Candidate | None:
    """Which of the indexes proposed with a drop is on its table; of copies of tables each has its own."""
    table = (drop.definition.schema, drop.definition.table)
    return next((each for each in created if (each.definition.schema, each.definition.table) == table), None)
