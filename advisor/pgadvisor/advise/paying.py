"""Leaves out of a set of indexes those that do not clearly pay, once the planner was asked about all of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import inf, isfinite
from typing import TYPE_CHECKING

from msgspec import structs

from pgadvisor.advise.proof import remaining
from pgadvisor.advise.selection.least import BY_TIME, least_gain, least_time, once_counts, short_of
from pgadvisor.advise.selection.objective import Objective
from pgadvisor.advise.selection.reasons import described
from pgadvisor.indexes.algebra import covers
from pgadvisor.model.index_advice import Goal, LeftIndex, WhyNot
from pgadvisor.model.whatif import Configuration, IndexName

if TYPE_CHECKING:
    from pgadvisor.advise.selection.evaluator import Evaluator, LoadCost
    from pgadvisor.advise.selection.search import Chosen, Selection
    from pgadvisor.config import IndexesConfig
    from pgadvisor.model.catalog import Index, IndexDefinition


# Where what is gained hangs on values, of which nobody knows which come, it is to be so many times more by their mean,
# and counts of statements alone that then cost this share or less: a third off for some values is no reason for one.
_PLAUSIBLE = 4
_CLEAR = 0.5
# What is sure bounds from below what is gained, and is but a guess of how much: so much of it is nothing to choose by.
_MUCH = 0.5
# Of a workload of which little is left no less than this is taken to be.
_LEAST_REST = 0.1
_NOT_SURE = "Beside what is advised it is not sure to save what an index is to save"
# The same by statements that ran once, of which nobody knows how often they run.
_SEEN_ONCE = "Where what ran once is taken to run once a day, it is not sure to save what an index is to save"


def keep_what_pays(selection: Selection, evaluator: Evaluator, options: IndexesConfig) -> None:
    """Takes out, one after the other, what beside the rest is not to be trusted to save what an index is to save.

    It is where that much is sure for all values, or far more by their mean. What writing it takes is taken off before.
    Of several that stand in for each other none is missed: that one goes first without which the others are best, so
    that the best of them stands. An existing index that it alone stood in for stays then.
    """
    objective = Objective(evaluator.base, options.goal)
    least = least_gain(objective, options, evaluator.facts)
    in_time, once = least_time(options, evaluator.facts), once_counts(evaluator.facts)
    popped: list[IndexDefinition] = []
    while selection.create:
        whole = evaluator.costs(selection.configuration)
        sure_least = _of_the_rest(least, objective, evaluator, whole, options)
        weak: list[_Weak] = []
        for number, chosen in enumerate(selection.create):
            without = evaluator.costs(_without(selection, chosen))
            writes = objective.of_writes(chosen.price.write_ms)
            sure, plausible = _gained(objective, options.goal, evaluator.base, without, whole)
            worth = max(sure, plausible / _PLAUSIBLE) - writes
            falls_short = worth <= least and sure - writes <= sure_least
            by_the_day = _trusted(objective, options.goal, evaluator.base, without, whole, once) - writes
            if falls_short or (in_time and by_the_day <= in_time):
                # What others take to be written is the same for all of them but for its own.
                trusted = _trusted(objective, options.goal, evaluator.base, evaluator.base, without) + writes
                amount = sum(_counts(objective, *each) for each in zip(evaluator.base, without, strict=True)) - writes
                weak.append(_Weak(number, worth, trusted, amount, seen_once=not falls_short))
        if not weak:
            break
        first = _to_go_first(weak)
        still = _without(selection, selection.create[first.number]).drop
        gone = selection.create.pop(first.number)
        popped.append(gone.candidate.definition)
        option = short_of(objective, options, evaluator.facts)
        sentence = f"{_SEEN_ONCE} ({BY_TIME})." if first.seen_once else f"{_NOT_SURE} ({option})."
        selection.left.insert(0, _left(gone, first.worth, objective, sentence))
        selection.drop = [each for each in selection.drop if _name(each) in still]
    _unsay(selection, popped)


@dataclass(frozen=True)
class _Weak:
    """A new index, by its number, that does not pay beside the others.

    worth is what it is to be trusted to save beside them, trusted what they are without it, and amount what the
    workload counts then. seen_once: it would pay, were statements that ran once to run as often all day.
    """

    number: int
    worth: float
    trusted: float
    amount: float
    seen_once: bool


def _to_go_first(weak: Sequence[_Weak]) -> _Weak:
    """That without which the workload counts least, of those without which the others are to be trusted as far."""
    most = max(each.trusted for each in weak)
    able = [each for each in weak if each.trusted >= most - _MUCH * abs(most)]
    # Of equals the last: those chosen first are worth most by themselves.
    return min(able, key=lambda each: (each.amount, -each.number))


def _counts(objective: Objective, base: LoadCost, now: LoadCost) -> float:
    return objective.of_load(now.load.calls, now.load.total_ms, base.mean, now.mean)


def _trusted(
    objective: Objective,
    goal: Goal,
    base: Sequence[LoadCost],
    before: Sequence[LoadCost],
    after: Sequence[LoadCost],
    once: float = 1.0,
) -> float:
    """What all statements gain from one configuration to another: for sure, or a part of what is plausible."""
    sure, plausible = _gained(objective, goal, base, before, after, once)
    return max(sure, plausible / _PLAUSIBLE)


def _gained(
    objective: Objective,
    goal: Goal,
    base: Sequence[LoadCost],
    before: Sequence[LoadCost],
    after: Sequence[LoadCost],
    once: float = 1.0,
) -> tuple[float, float]:
    """What all statements gain from one configuration to another for sure, and what is plausible.

    once is the part of it that counts of those that ran once.
    """
    gains = [_gains(objective, goal, *each) for each in zip(base, before, after, strict=True)]
    parts = [once if each.load.calls == 1 else 1.0 for each in base]
    sure, plausible = (
        sum(gain * part for gain, part in zip(each, parts, strict=True)) for each in zip(*gains, strict=True)
    )
    return float(sure), float(plausible)


def _of_the_rest(
    least: float, objective: Objective, evaluator: Evaluator, whole: Sequence[LoadCost], options: IndexesConfig
) -> float:
    """What an index is to gain for sure, by what the workload takes once all are there.

    One that makes most of the time go does not hide what others make of what is left.
    """
    rest = sum(_counts(objective, *each) for each in zip(evaluator.base, whole, strict=True))
    of_rest = options.min_gain * max(rest, _LEAST_REST * objective.whole)
    return min(least, max(of_rest, least_time(options, evaluator.facts)))


def _unsay(selection: Selection, popped: Sequence[IndexDefinition]) -> None:
    """No candidate is left for a better one that was taken out itself."""
    names = {described(each) for each in popped} - {described(each.candidate.definition) for each in selection.create}
    selection.left = [
        structs.replace(
            each,
            why=WhyNot.NO_GAIN,
            sentence=f"{each.served_by} would do its work, and is not sure to pay either.",
            served_by="",
        )
        if each.why is WhyNot.BETTER_ONE and each.served_by in names
        else each
        for each in selection.left
    ]


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


def _left(chosen: Chosen, worth: float, objective: Objective, sentence: str) -> LeftIndex:
    candidate = chosen.candidate
    gain_ms = objective.in_ms(worth) + (chosen.price.write_ms or 0.0)
    return LeftIndex(
        definition=candidate.definition,
        why=WhyNot.NO_GAIN,
        sentence=sentence,
        size_bytes=chosen.price.size_bytes,
        gain_ms=max(gain_ms, 0.0),
        write_ms=chosen.price.write_ms,
        query_ids=tuple(sorted(candidate.query_ids)),
        findings=tuple(sorted(candidate.findings)),
    )
