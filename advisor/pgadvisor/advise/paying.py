"""Leaves out of a set of indexes those that do not clearly pay, once the planner was asked about all of it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from pgadvisor.advise.selection.objective import Objective
from pgadvisor.model.index_advice import LeftIndex, WhyNot
from pgadvisor.model.whatif import Configuration

if TYPE_CHECKING:
    from pgadvisor.advise.selection.evaluator import Evaluator, LoadCost
    from pgadvisor.advise.selection.search import Chosen, Selection
    from pgadvisor.config import IndexesConfig


def keep_what_pays(selection: Selection, evaluator: Evaluator, options: IndexesConfig) -> None:
    """Takes out, one after the other, what beside the rest is sure to save less than an index is to save.

    What writing it takes is taken off before.
    """
    objective = Objective(evaluator.base, options.goal)
    least = options.min_gain * objective.whole
    while selection.create:
        whole = _value(evaluator, objective, selection.configuration)
        worth = [
            _value(evaluator, objective, _without(selection, chosen))
            - whole
            - objective.of_writes(chosen.price.write_ms)
            for chosen in selection.create
        ]
        # Of equals the last: those chosen first are worth most by themselves.
        number = min(range(len(worth)), key=lambda each: (worth[each], -each))
        if worth[number] > least:
            return
        selection.left.insert(0, _left(selection.create.pop(number), worth[number], objective, options))


def _without(selection: Selection, chosen: Chosen) -> Configuration:
    whole = selection.configuration
    create = tuple(each for each in whole.create if each != chosen.candidate.definition)
    return Configuration(create=create, drop=whole.drop)


def _value(evaluator: Evaluator, objective: Objective, configuration: Configuration) -> float:
    costs: Sequence[LoadCost] = evaluator.costs(configuration)
    return sum(
        objective.of_load(now.load.calls, now.load.total_ms, was.mean, now.mean)
        for was, now in zip(evaluator.base, costs, strict=True)
    )


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
