"""What a workload costs under a configuration, asked of a planner as seldom as can be."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from pgadvisor.advise.selection.loads import Load
from pgadvisor.model.whatif import AS_IS, Configuration
from pgadvisor.planner.protocol import Planner, Question


class EndOfSearchError(Exception):
    """No more may be asked of the planner; the message says which bound was reached."""


@dataclass(frozen=True)
class LoadCost:
    """Costs of a load's questions under one configuration, in their order."""

    load: Load
    costs: tuple[float, ...]

    @property
    def mean(self) -> float:
        """The cost of one call, its values by their weight."""
        return sum(cost * weight for cost, weight in zip(self.costs, self.load.weights, strict=True))


class Evaluator:
    """Costs of loads under configurations.

    loads are those that can be planned, with the questions that can be; refused says of the others why not, by query
    id. base are their costs as it is. explains counts the questions that the planner was asked for.

    Raises PlannerError where the planner is gone, EndOfSearchError where most_explains are used up.
    """

    def __init__(self, planner: Planner, loads: Sequence[Load], most_explains: int) -> None:
        self.planner = planner
        self.explains = 0
        self.refused: dict[str, str] = {}
        self._most_explains = most_explains
        self.base = tuple(filter(None, map(self._planned, loads)))
        self.loads = tuple(each.load for each in self.base)
        self._costs: dict[tuple[str, object], tuple[float, ...]] = {}

    def costs(self, configuration: Configuration, loads: Sequence[Load] | None = None) -> tuple[LoadCost, ...]:
        """Costs under a configuration, of all loads or of some of them, in their order."""
        some = self.loads if loads is None else loads
        contents = configuration.contents
        missing = [load for load in some if (load.query_id, contents) not in self._costs]
        questions = [question for load in missing for question in load.questions]
        found = iter(self._ask(questions, configuration))
        for load in missing:
            costs = tuple(next(found) for _ in load.questions)
            # What is planned as it is and not otherwise is taken to cost any amount.
            self._costs[load.query_id, contents] = tuple(float("inf") if each is None else each for each in costs)
        return tuple(LoadCost(load, self._costs[load.query_id, contents]) for load in some)

    def _planned(self, load: Load) -> LoadCost | None:
        costs = self._ask(load.questions, AS_IS)
        planned = [each for each in zip(load.questions, load.weights, costs, strict=True) if each[2] is not None]
        if not planned:
            self.refused[load.query_id] = self.planner.plan(load.questions[0]).refusal
            return None
        weight = sum(each[1] for each in planned)
        kept = replace(
            load,
            questions=tuple(question for question, _, _ in planned),
            weights=tuple(each / weight for _, each, _ in planned),
        )
        return LoadCost(kept, tuple(cost for _, _, cost in planned if cost is not None))

    def _ask(self, questions: Sequence[Question], configuration: Configuration) -> tuple[float | None, ...]:
        if self.explains + len(questions) > self._most_explains:
            raise EndOfSearchError(f"{self._most_explains} EXPLAINs were asked for")
        self.explains += len(questions)
        return self.planner.costs(questions, configuration) if questions else ()
