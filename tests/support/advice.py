"""What the index advisor decided, from compact data: for tests of what is made of it.

    decisions([{"index": "btree (customer_id)", "table": "public.orders", "gains": {"7": [1000, 10, 500]}}])

`gains` are statements by id: cost before, cost after and the milliseconds that they took.
"""

from __future__ import annotations

from collections.abc import Sequence

from pgadvisor.advise.keys import anchor
from pgadvisor.advise.proof import summed
from pgadvisor.model.effects import Effect, TimeRange
from pgadvisor.model.index_advice import (
    AdvisedIndex,
    Compression,
    IndexAdvice,
    IndexDecisions,
    IndexPrice,
    LeftIndex,
    StatementEffect,
    WhyNot,
)
from pgadvisor.model.proposals import CreateIndex, DropIndex
from pgadvisor.model.whatif import PlannerIdentity, PlannerKind
from support import notation
from support.snapshots import Data

SAME = PlannerIdentity(kind=PlannerKind.TWIN, version="18.3", server_version="18.3")
OTHER_MAJOR = PlannerIdentity(kind=PlannerKind.TWIN, version="18.3", server_version="15.2")


class AdvisedData(Data, kw_only=True):
    """An index to create, in the notation of support.notation, and what it does."""

    table: str
    index: str
    name: str = "idx"
    gains: dict[str, list[float]] = {}
    loses: dict[str, list[float]] = {}
    marks: list[int] = []
    findings: list[str] = []
    foreign_keys: list[str] = []
    holds_values: bool = False
    any_order: bool = False
    replaces: list[str] = []
    size_bytes: int = 1_000_000
    write_ms: float = 0.0


def decisions(
    created: Sequence[AdvisedData] = (),
    left: Sequence[LeftIndex] = (),
    dropped: Sequence[AdvisedIndex] = (),
    planner: PlannerIdentity = SAME,
) -> IndexDecisions:
    """Decisions that create these indexes."""
    advised = tuple(map(_advised, created))
    return IndexDecisions(
        created=advised,
        dropped=tuple(dropped),
        left=tuple(left),
        advice=IndexAdvice(
            planner=planner,
            created=len(advised),
            dropped=len(dropped),
            left=tuple(left),
            workload=summed(()),
            compression=Compression(statements=1, of_statements=1),
        ),
    )


def left(proposal: CreateIndex | DropIndex, why: WhyNot, sentence: str) -> LeftIndex:
    """That a proposal was left, and why."""
    name = f"{proposal.schema}.{proposal.name}" if isinstance(proposal, DropIndex) else ""
    return LeftIndex(definition=proposal.definition, why=why, sentence=sentence, name=name)


def create(table: str, index: str, *, any_order: bool = False) -> CreateIndex:
    """A proposal in short."""
    schema, bare = notation.split_name(table)
    return CreateIndex(definition=notation.index(index, schema, bare, {}).definition, any_order=any_order)


def _advised(given: AdvisedData) -> AdvisedIndex:
    schema, bare = notation.split_name(given.table)
    effects = (
        *(_effect(query, figures, Effect.GAINS, given.marks) for query, figures in given.gains.items()),
        *(_effect(query, figures, Effect.LOSES, given.marks) for query, figures in given.loses.items()),
    )
    return AdvisedIndex(
        proposal=CreateIndex(
            definition=notation.index(given.index, schema, bare, {}).definition,
            holds_values=given.holds_values,
            any_order=given.any_order,
        ),
        name=given.name,
        price=IndexPrice(size_bytes=given.size_bytes, write_ms=given.write_ms),
        alone=summed(effects),
        together=summed(effects),
        effects=effects,
        replaces=tuple(given.replaces),
        findings=tuple(given.findings),
        foreign_keys=tuple(given.foreign_keys),
    )


def _effect(query_id: str, figures: Sequence[float], effect: Effect, marks: Sequence[int]) -> StatementEffect:
    before, after, total_ms = figures
    ratio = after / before
    gains = effect is Effect.GAINS
    return StatementEffect(
        query_id=query_id,
        anchor=anchor(f"statement:{query_id}"),
        calls=10,
        total_ms=total_ms,
        effect=effect,
        cost_before=before,
        cost_after=after,
        worst=ratio,
        estimated=TimeRange(
            low_ms=0.0 if gains else total_ms * ratio**0.5, high_ms=total_ms * ratio**0.5 if gains else None
        ),
        marks=tuple(marks),
    )
