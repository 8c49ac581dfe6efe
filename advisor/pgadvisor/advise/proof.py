"""What each chosen index does, alone and together with the others, statement by statement."""

from __future__ import annotations

from collections.abc import Sequence

from pgadvisor.advise.keys import anchor
from pgadvisor.advise.selection.evaluator import Evaluator, LoadCost
from pgadvisor.advise.selection.search import Chosen, Selection
from pgadvisor.advise.whatif_judging import Costs, estimated, judged
from pgadvisor.model.effects import Effect, TimeRange
from pgadvisor.model.index_advice import AdvisedIndex, StatementEffect, WorkloadEffect
from pgadvisor.model.proposals import CreateIndex
from pgadvisor.model.whatif import Configuration


def prove(evaluator: Evaluator, selection: Selection) -> tuple[AdvisedIndex, ...]:
    """The chosen indexes with what each does."""
    whole = selection.configuration
    together = evaluator.costs(whole)
    found = []
    for chosen in selection.create:
        definition = chosen.candidate.definition
        without = Configuration(
            create=tuple(each for each in whole.create if each != definition), drop=whole.drop, settings=whole.settings
        )
        left_out = evaluator.costs(without)
        alone = evaluator.costs(Configuration(create=(definition,)))
        effects = effects_of(left_out, together)
        found.append(_advised(chosen, workload_effect(evaluator.base, alone), effects, left_out, together))
    return tuple(found)


def effects_of(before: Sequence[LoadCost], after: Sequence[LoadCost]) -> tuple[StatementEffect, ...]:
    """What becomes of each statement that a change touches, the greatest change of time first."""
    effects = [_effect(was, now) for was, now in zip(before, after, strict=True)]
    touched = [each for each in effects if each.effect is not Effect.STAYS]
    return tuple(
        sorted(touched, key=lambda e: (-e.total_ms * abs(1 - e.cost_after / max(e.cost_before, 0.01)), e.query_id))
    )


def workload_effect(before: Sequence[LoadCost], after: Sequence[LoadCost]) -> WorkloadEffect:
    """What becomes of all of them together."""
    effects = [_effect(was, now) for was, now in zip(before, after, strict=True)]
    ranges = [each.estimated for each in effects if each.estimated is not None]
    unbounded = any(each.high_ms is None for each in ranges)
    return WorkloadEffect(
        gain=sum(1 for each in effects if each.effect is Effect.GAINS),
        lose=sum(1 for each in effects if each.effect is Effect.LOSES),
        cost_before=sum(each.cost_before * each.calls for each in effects),
        cost_after=sum(each.cost_after * each.calls for each in effects),
        before_ms=sum(each.total_ms for each in effects),
        estimated=TimeRange(
            low_ms=sum(each.low_ms for each in ranges),
            high_ms=None if unbounded else sum(each.high_ms or 0.0 for each in ranges),
        ),
    )


def _advised(
    chosen: Chosen,
    alone: WorkloadEffect,
    effects: tuple[StatementEffect, ...],
    left_out: Sequence[LoadCost],
    together: Sequence[LoadCost],
) -> AdvisedIndex:
    candidate = chosen.candidate
    return AdvisedIndex(
        proposal=CreateIndex(
            definition=candidate.definition,
            partitioned=candidate.partitioned,
            holds_values=candidate.holds_values,
            any_order=candidate.any_order,
        ),
        name="",
        price=chosen.price,
        alone=alone,
        together=workload_effect(left_out, together),
        effects=effects,
        foreign_keys=tuple(sorted(candidate.foreign_keys)),
        findings=tuple(sorted(candidate.findings)),
        reasons=tuple(sorted(candidate.reasons)),
        query_ids=tuple(sorted(candidate.query_ids)),
    )


def _effect(was: LoadCost, now: LoadCost) -> StatementEffect:
    pairs = [Costs(before, after) for before, after in zip(was.costs, now.costs, strict=True)]
    effect, _ = judged(pairs[0], pairs[1:])
    return StatementEffect(
        query_id=was.load.query_id,
        anchor=anchor(f"statement:{was.load.query_id}"),
        calls=was.load.calls,
        total_ms=was.load.total_ms,
        effect=effect,
        cost_before=was.mean,
        cost_after=now.mean,
        worst=max(each.ratio or 1.0 for each in pairs),
        estimated=estimated(was.load.total_ms, pairs),
    )
