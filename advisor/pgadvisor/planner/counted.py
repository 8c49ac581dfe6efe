"""Counts what a planner is asked for, and asks no more than may be: whoever asks, all stands in one place."""

from __future__ import annotations

from collections.abc import Sequence
from math import inf

from pgadvisor.model.whatif import AS_IS, Configuration
from pgadvisor.planner.fronting import Fronting
from pgadvisor.planner.protocol import Answer, Asked, Planner, Question, Use

# What a plan as it is hangs on; None where it is not as it is, which nothing is remembered of.
_Key = tuple[str, str, tuple[str | None, ...] | None, str | None] | None


class EndOfSearchError(Exception):
    """No more may be asked of the planner; the message says which bound was reached."""


class Counted(Fronting):
    """A Planner (planner/protocol.py) that asks another one, for so many plans at most, and refuses all beyond.

    explains counts the plans that it was asked for and did not refuse, also those that the other one remembers. What a
    statement uses as it is it remembers itself: of that each is asked for, and counted, once. most_explains is the
    bound, infinity where there is none.
    """

    def __init__(self, planner: Planner, most: float = inf) -> None:
        super().__init__(planner)
        self.explains = 0
        self.most_explains = most
        self._as_is: dict[_Key, Use | None] = {}

    def plan(self, question: Question, configuration: Configuration = AS_IS) -> Answer:
        """The plan of one statement. Raises PlannerError where the planner is gone, not where it refuses."""
        if not self._allowed(1):
            return Answer(None, f"The limit of {self.most_explains:,} EXPLAINs was reached before it.", limit=True)
        return self._planner.plan(question, configuration)

    def costs(self, questions: Sequence[Question], configuration: Configuration = AS_IS) -> tuple[float | None, ...]:
        """Total costs of statements, in their order; None where one is refused.

        Raises PlannerError where the planner is gone.
        """
        keys = [_as_is_key(question, configuration) for question in questions]
        missing = [each for each, key in zip(questions, keys, strict=True) if key not in self._as_is]
        some = missing[: self._allowed(len(missing))]
        found = iter(self._planner.costs(some, configuration) if some else ())
        answers = []
        for key in keys:
            if key in self._as_is:
                known = self._as_is[key]
                answers.append(None if known is None else known.cost)
            else:
                answers.append(next(found, None))
        return tuple(answers)

    def uses(self, asked: Sequence[Asked]) -> tuple[Use | None, ...]:
        """What statements cost and which indexes they use, in their order; None where one is refused.

        Raises PlannerError where the planner is gone.
        """
        keys = [_as_is_key(*each) for each in asked]
        missing = [(each, key) for each, key in zip(asked, keys, strict=True) if key not in self._as_is]
        some = missing[: self._allowed(len(missing))]
        found = self._planner.uses([each for each, _ in some]) if some else ()
        new = iter(found)
        answers = tuple(self._as_is[key] if key in self._as_is else next(new, None) for key in keys)
        for (_, key), use in zip(some, found, strict=True):
            if key is not None:
                self._as_is[key] = use
        return answers

    def _allowed(self, count: int) -> int:
        """How many of so many plans may be asked for, which are counted."""
        allowed = int(min(count, max(self.most_explains - self.explains, 0)))
        self.explains += allowed
        return allowed


def _as_is_key(question: Question, configuration: Configuration) -> _Key:
    if configuration.create or configuration.drop or configuration.settings:
        return None
    role = None if question.role is None else question.role.name
    return question.query_id, question.text, question.values, role
