"""Leaves out of a set of indexes those that do not clearly pay, once the planner was asked about all of it."""

from __future__ import annotations

from math import inf, isfinite
from typing import TYPE_CHECKING

from pgadvisor.advise.proof import remaining
from pgadvisor.advise.selection.objective import Objective
from pgadvisor.indexes.algebra import covers
from pgadvisor.model.index_advice import Goal, LeftIndex, WhyNot
from pgadvisor.model.whatif import Configuration, IndexName

if TYPE_CHECKING:
    from pgadvisor.advise.selection.evaluator import Evaluator, LoadCost
    from pgadvisor.advise.selection.search import Chosen, Selection
    from pgadvisor.config import IndexesConfig
    from pgadvisor.model.catalog import Index


# Where what is gained hangs on values, of which nobody knows which come, it is to be so many times more by their mean,
# and counts of statements alone that then cost this share or less: a third off for some values is no reason for one.
_PLAUSIBLE = 4
_CLEAR = 0.5


def keep_what_pays(selection: Selection, evaluator: Evaluator, options: IndexesConfig) -> None:
    """Takes out, one after the other, what beside the rest is not to be trusted to save what an index is to save.

    It is where that much is sure for all values, or far more by their mean. What writing it takes is taken off before.
    An existing index that it alone stood in for stays then.
    """
    objective = Objective(evaluator.base, options.goal)
    least = options.min_gain * objective.whole
    while selection.create:
        whole = evaluator.costs(selection.configuration)
        worth = []
        for chosen in selection.create:
            without = evaluator.costs(_without(selection, chosen))
            gains = [
                _gains(objective, options.goal, *each) for each in zip(evaluator.base, without, whole, strict=True)
            ]
            writes = objective.of_writes(chosen.price.write_ms)
            sure, plausible = (sum(each) - writes for each in zip(*gains, strict=True))
            worth.append(max(sure, plausible / _PLAUSIBLE))
        # Of equals the last: those chosen first are worth most by themselves.
        number = min(range(len(worth)), key=lambda each: (worth[each], -each))
        if worth[number] > least:
            return
        still = _without(selection, selection.create[number]).drop
        selection.left.insert(0, _left(selection.create.pop(number), worth[number], objective, options))
        selection.drop = [each for each in selection.drop if _name(each) in still]


def _gains(objective: Objective, goal: Goal, base: LoadCost, without: LoadCost, whole: LoadCost) -> tuple[float, float]:
    """What a statement gains by an index for sure, and by the mean of its values where that is clear."""
    if without.costs == whole.costs:
        return 0.0, 0.0
    if not (all(map(isfinite, without.costs)) and all(map(isfinite, whole.costs))):
        # What no plan is known of says nothing for an index, and against one that there is a plan without.
        return (-inf, -inf) if all(map(isfinite, without.costs)) else (0.0, 0.0)
    counted = (whole.load.calls, whole.load.total_ms, base.mean)
    mean = objective.of_load(*counted, without.mean) - objective.of_load(*counted, whole.mean)
    if goal is Goal.COST:
        return mean, 0.0
    left = remaining(without, whole, whole.load.total_ms)
    sure = min(mean, 0.0) if left is None or left.high_ms is None else whole.load.total_ms - left.high_ms
    return sure, mean if mean < 0 or whole.mean <= _CLEAR * without.mean else 0.0


def _without(selection: Selection, chosen: Chosen) -> Configuration:
    """The set without one of its new indexes, and with those back that no other of them stands in for."""
    create = tuple(each for each in selection.configuration.create if each != chosen.candidate.definition)
    gone = (index for index in selection.drop if any(covers(each, index.definition) for each in create))
    return Configuration(create=create, drop=tuple(map(_name, gone)))


def _name(index: Index) -> IndexName:
    return IndexName(schema=index.schema, name=index.name)


def _left(chosen: Chosen, worth: float, objective: Objective, options: IndexesConfig) -> LeftIndex:
    candidate = chosen.candidate
    gain_ms = objective.in_ms(worth) + (chosen.price.write_ms or 0.0)
    return LeftIndex(
        definition=candidate.definition,
        why=WhyNot.NO_GAIN,
        sentence=f"Beside what is advised it is not sure to save {options.min_gain:.2%} of the workload.",
        size_bytes=chosen.price.size_bytes,
        gain_ms=max(gain_ms, 0.0),
        write_ms=chosen.price.write_ms,
        query_ids=tuple(sorted(candidate.query_ids)),
        findings=tuple(sorted(candidate.findings)),
    )
