"""Counts what a planner is asked for, and asks no more than may be: whoever asks, all stands in one place."""

from __future__ import annotations

from collections.abc import Sequence
from math import inf

from pgadvisor.model.catalog import IndexDefinition
from pgadvisor.model.whatif import AS_IS, Configuration, IndexSize, PlannerIdentity, Shortfall
from pgadvisor.planner.protocol import Answer, Asked, Planner, Question, Use


class Counted:
    """A Planner (planner/protocol.py) that asks another one, for so many plans at most, and refuses all beyond.

    explains counts the plans that it was asked for and did not refuse, also those that the other one remembers.
    """

    def __init__(self, planner: Planner, most: float = inf) -> None:
        self.explains = 0
        self._planner = planner
        self._most = most

    @property
    def identity(self) -> PlannerIdentity:
        """Which planner this is."""
        return self._planner.identity

    @property
    def shortfalls(self) -> tuple[Shortfall, ...]:
        """What of the audited server it has not, or has otherwise."""
        return self._planner.shortfalls

    def unable(self, configuration: Configuration) -> str:
        """Why it cannot say what a configuration would do, in one sentence; "" where it can."""
        return self._planner.unable(configuration)

    def sizes(self, definitions: Sequence[IndexDefinition]) -> tuple[IndexSize, ...]:
        """How large it takes indexes to be that do not exist, in their order."""
        return self._planner.sizes(definitions)

    def names(self, definitions: Sequence[IndexDefinition]) -> tuple[str, ...]:
        """What indexes that do not exist are called in its plans, where a configuration has them in this order."""
        return self._planner.names(definitions)

    def plan(self, question: Question, configuration: Configuration = AS_IS) -> Answer:
        """The plan of one statement. Raises PlannerError where the planner is gone, not where it refuses."""
        if not self._allowed(1):
            return Answer(None, f"The limit of {self._most:,} EXPLAINs was reached before it.", limit=True)
        return self._planner.plan(question, configuration)

    def costs(self, questions: Sequence[Question], configuration: Configuration = AS_IS) -> tuple[float | None, ...]:
        """Total costs of statements, in their order; None where one is refused.

        Raises PlannerError where the planner is gone.
        """
        some = questions[: self._allowed(len(questions))]
        found = self._planner.costs(some, configuration) if some else ()
        return (*found, *(None for _ in questions[len(some) :]))

    def uses(self, asked: Sequence[Asked]) -> tuple[Use | None, ...]:
        """What statements cost and which indexes they use, in their order; None where one is refused.

        Raises PlannerError where the planner is gone.
        """
        some = asked[: self._allowed(len(asked))]
        found = self._planner.uses(some) if some else ()
        return (*found, *(None for _ in asked[len(some) :]))

    def close(self) -> None:
        """Closes the planner."""
        self._planner.close()

    def _allowed(self, count: int) -> int:
        """How many of so many plans may be asked for, which are counted."""
        allowed = int(min(count, max(self._most - self.explains, 0)))
        self.explains += allowed
        return allowed
