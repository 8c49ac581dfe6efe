"""What every planner can be asked, whichever it is: the live server, one with HypoPG, the twin, or kept answers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from pgadvisor.model.catalog import IndexDefinition
from pgadvisor.model.shape import StatementShape
from pgadvisor.model.statements import StatementRole
from pgadvisor.model.whatif import AS_IS, Configuration, IndexSize, PlannerIdentity, Shortfall


class PlannerError(Exception):
    """A planner cannot be had, or is gone; the message says what happened and what to do."""


class NoPlanError(PlannerError):
    """A planner is there and gives no plan of anything but what is; the message says why."""


@dataclass(frozen=True)
class Question:
    """A statement to be planned.

    values: the parameters' as text, None for unknown ones. role is the one that runs it, None where that is not known.
    """

    query_id: str
    text: str
    shape: StatementShape | None = None
    values: tuple[str | None, ...] | None = None
    role: StatementRole | None = None


# A statement to be planned under a configuration.
Asked = tuple[Question, Configuration]


@dataclass(frozen=True)
class Answer:
    """The plan as EXPLAIN's JSON object; None where there is none, and then refusal says why in one sentence.

    limit: a bound on all that is asked was reached, so that the planner gives no plan of anything any more.
    """

    plan: dict[str, Any] | None
    refusal: str = ""
    limit: bool = False

    @property
    def cost(self) -> float | None:
        """The plan's total cost in the planner's unit; None where there is no plan."""
        return None if self.plan is None else float(self.plan["Plan"]["Total Cost"])


@dataclass(frozen=True)
class Use:
    """What a plan costs, and what it reads: indexes that the configuration adds, and names of all that are in it.

    A plan does not hang on an index that it does not use, but for the statistics of an index's expressions. caution is
    what it may cost more where the planner hopes for too much, toll what it does cost more, or less
    (planner/caution.py). rows are those that the planner expects.
    """

    cost: float
    created: frozenset[IndexDefinition]
    names: frozenset[str]
    caution: float = 0.0
    rows: float = 1.0
    toll: float = 0.0

    def beyond(self, now: Use) -> float:
        """What it is counted as more than its cost beside the plan as it is; less than 0 where that has more of a toll.

        What the plan as it is takes beyond its cost is in the time measured. So the toll of both counts as it changes
        their ratio, and of hopes those that it does not have.
        """
        hopes = max(self.caution - now.caution, 0.0)
        if (self.cost, self.toll) == (now.cost, now.toll) or not now.cost:
            return hopes
        return (self.cost + self.toll) / (1 + now.toll / now.cost) - self.cost + hopes


class Planner(Protocol):
    """Answers what the plan of a statement is, and would be under another configuration."""

    @property
    def identity(self) -> PlannerIdentity:
        """Which planner this is."""

    @property
    def shortfalls(self) -> tuple[Shortfall, ...]:
        """What of the audited server it has not, or has otherwise."""

    def unable(self, configuration: Configuration) -> str:
        """Why it cannot say what a configuration would do, in one sentence; "" where it can."""

    def sizes(self, definitions: Sequence[IndexDefinition]) -> tuple[IndexSize, ...]:
        """How large it takes indexes to be that do not exist, in their order."""

    def names(self, definitions: Sequence[IndexDefinition]) -> tuple[str, ...]:
        """What indexes that do not exist are called in its plans, where a configuration has them in this order."""

    def plan(self, question: Question, configuration: Configuration = AS_IS) -> Answer:
        """The plan of one statement. Raises PlannerError where the planner is gone, not where it refuses."""

    def costs(self, questions: Sequence[Question], configuration: Configuration = AS_IS) -> tuple[float | None, ...]:
        """Total costs of statements, in their order, the cheapest way; None where one is refused.

        Raises PlannerError where the planner is gone.
        """

    def uses(self, asked: Sequence[Asked]) -> tuple[Use | None, ...]:
        """What statements cost and which indexes they use, in their order, the cheapest way; None where one is refused.

        Those under the same configuration stand together. Raises PlannerError where the planner is gone.
        """

    def close(self) -> None:
        """Gives up what it holds; closing twice is no error."""
