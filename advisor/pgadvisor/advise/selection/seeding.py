"""The first questions of a search: with everything, then without what was used, then with little of it."""

from __future__ import annotations

from collections.abc import Iterator

from pgadvisor.advise.selection.known_plans import KnownPlans, bits_of
from pgadvisor.advise.selection.state import Trial
from pgadvisor.planner.protocol import Question
from pgadvisor.progress import Progress

# Times that what a statement uses is taken away from it, to see what it would use then.
_ROUNDS = 8
# A statement is done with where what is left of its indexes saves less than this share of its cost.
_LITTLE = 0.02

_Asked = tuple[Question, int]


def seed(trial: Trial, everything: int, progress: Progress) -> None:
    """Asks for plans with all indexes, and for each statement for those with fewer of the ones that it would use.

    It asks for the values that count; of what is found all are asked about in the end.

    Raises EndOfSearchError.
    """
    progress("Asking for plans with every index")
    # Of each statement: to plan with more than might be used takes longer. What exists stays, also where no plan hangs
    # on it: not every planner can leave it out.
    wholes = {id(known): trial.as_is | everything & known.relevant for _, known in trial.counting()}
    trial.evaluator.learn((question, wholes[id(known)]) for question, known in trial.counting())
    open_ones = {
        question.query_id for question, known in trial.counting() if _promising(trial, known, wholes[id(known)])
    }
    for number in range(_ROUNDS):
        progress("Asking for the next best plans", number, _ROUNDS)
        asked = [
            (question, there)
            for question, known in trial.counting()
            if question.query_id in open_ones
            for there in _next(trial, known, wholes[id(known)])
        ]
        if not asked:
            break
        trial.evaluator.learn(asked)
    trial.evaluator.learn(
        each
        for question, known in trial.counting()
        if question.query_id in open_ones
        for each in _with_little(trial, question, known, wholes[id(known)])
    )
    trial.refresh()


def _promising(trial: Trial, known: KnownPlans, whole: int) -> bool:
    """Whether all indexes together save something worth speaking of, by the planner or as it is counted.

    The planner takes what is cheapest for it. Where that counts as more, others that count as less are behind it.
    """
    as_is = known.at_most(trial.as_is)
    return as_is - min(known.at_most(whole), known.at_least(whole)) > _LITTLE * as_is


def _next(trial: Trial, known: KnownPlans, whole: int) -> Iterator[int]:
    """Everything without all that was used so far, as long as the last answer was still worth it."""
    there = whole
    while (used := known.plan_under(there)) is not None:
        new = trial.added(used)
        if not new or not _promising(trial, known, there):
            return
        there &= ~new
    yield there


def _with_little(trial: Trial, question: Question, known: KnownPlans, whole: int) -> Iterator[_Asked]:
    """Each index alone that any plan uses, and everything without each that the best plan uses."""
    used = 0
    for _, bits, _, _ in known.plans:
        used |= trial.added(bits)
    for bit in bits_of(used):
        yield question, trial.as_is | bit
    best = known.plan_under(whole)
    for bit in bits_of(trial.added(best or 0)):
        yield question, whole & ~bit
