"""What a statement loses when an index goes: how much, for which values, and whether the server would ever run it so.

PostgreSQL plans a prepared statement for the values of each call at least five times. A plan for unknown values it
keeps only while that costs less than those did on average, each with what planning took (choose_custom_plan and
cached_plan_cost in plancache.c), unless plan_cache_mode is force_generic_plan. So a plan for unknown values that gets
dearer than those for values is not run: the values are planned for, at what these plans cost.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import inf, isfinite
from typing import TYPE_CHECKING

from pgadvisor.advise.statement_words import as_much, called
from pgadvisor.advise.whatif_values import ValueSets
from pgadvisor.indexes.algebra import covers
from pgadvisor.model.effects import LEAST_COST

if TYPE_CHECKING:
    from pgadvisor.advise.remaining import Remaining
    from pgadvisor.advise.selection.evaluator import LoadCost
    from pgadvisor.facts import Facts
    from pgadvisor.model.catalog import Index
    from pgadvisor.model.proposals import DropIndex

# The server's own defaults.
_RANDOM_PAGE_COST, _CPU_OPERATOR_COST = 4.0, 0.0025
# cached_plan_cost: planning is taken for so many operators, for each relation and one more.
_PLANNING_OPERATORS = 1000


@dataclass(frozen=True)
class Loss:
    """A statement that costs so many times as much, for some values of it.

    real: real calls had them, or it is planned without any. unknown: it is planned for none, where some are known.
    """

    query_id: str
    times: float
    real: bool
    unknown: bool

    @property
    def rank(self) -> tuple[bool, bool, float]:
        """What is told first: real calls, then other values, then unknown ones; of these what is worst."""
        return (self.real, not self.unknown, self.times)


class Losses:
    """Weighs and tells what statements of a database lose."""

    def __init__(self, facts: Facts, remaining: Remaining) -> None:
        self._remaining = remaining
        self._value_sets = ValueSets(facts, show_values=False)
        self._real: dict[str, frozenset[tuple[str | None, ...] | None]] = {}
        settings = {each.name: each.value for each in facts.server.settings}
        self._page_cost = float(settings.get("random_page_cost") or _RANDOM_PAGE_COST)
        self._operator_cost = float(settings.get("cpu_operator_cost") or _CPU_OPERATOR_COST)
        modes = [settings.get("plan_cache_mode"), *(_mode(each.name, each.value) for each in facts.server.overrides)]
        self._generic = "force_generic_plan" in modes

    def times(self, after: float, before: float, least: float) -> float:
        """How many times as much as the least that was had some values cost; 1 where a drop is not to blame.

        One page more that is read, or less, is what two indexes of different sizes always differ by.
        """
        if not isfinite(after):
            # Also where it was not known before: what no plan is known of may be any loss.
            return inf
        least = min(before, least)
        return 1.0 if after <= before or after - least <= self._page_cost else after / max(least, LEAST_COST)

    def of(self, cost: LoadCost, number: int, times: float) -> Loss:
        """The loss of a statement, for its question with this number."""
        questions = cost.load.questions
        values = questions[number].values
        only = len(questions) == 1
        real = values in self._of_calls(cost.load.query_id) or (only and values is None)
        return Loss(cost.load.query_id, times, real, unknown=values is None and not only)

    def _of_calls(self, query_id: str) -> frozenset[tuple[str | None, ...] | None]:
        """Values of a statement that real calls had."""
        if query_id not in self._real:
            self._real[query_id] = frozenset(each.values for each in self._value_sets.of(query_id) if each.real)
        return self._real[query_id]

    def kept(self, cost: LoadCost, number: int) -> bool:
        """Whether the server may run the plan for unknown values: it does not where those of real calls cost less."""
        load = cost.load
        calls = self._of_calls(load.query_id)
        real = [each for question, each in zip(load.questions, cost.costs, strict=True) if question.values in calls]
        if self._generic or not real or not isfinite(cost.costs[number]):
            return True
        relations = 1 if load.shape is None else max(len(load.shape.relations), 1)
        planning = _PLANNING_OPERATORS * self._operator_cost * (relations + 1)
        return cost.costs[number] < sum(real) / len(real) + planning

    def told(self, loss: Loss, drop: DropIndex) -> str:
        """Why an index stays, in one or two sentences."""
        query_id, calls = loss.query_id, self._of_calls(loss.query_id)
        if loss.times == inf:
            return f"Without it no plan of {called(query_id)} is known."
        if loss.unknown:
            text = f"Without it only a plan of {called(query_id)} for unknown values would cost {as_much(loss.times)}"
            if self._generic:
                return f"{text}, and plan_cache_mode makes such plans."
            kept = "which the server keeps only while it costs less than those for values do"
            return f"{text}, {kept}{'' if calls else ': values of real calls, which are not known, would tell'}."
        text = f"{called(query_id)} would cost {as_much(loss.times)}"
        if not loss.real:
            named = "for values that no known call had" if calls else "for values that are assumed"
            text = f"{text} {named}"
        wide = self._stand_in(drop)
        if wide is None:
            return f"Without it {text}."
        # btcostestimate in selfuncs.c: indexCorrelation = varCorrelation * 0.75.
        why = (
            " It takes rows to stand less in the order of an index that has more than one key, by a quarter."
            if drop.definition.access_method == "btree" and len(drop.definition.keys) == 1 < len(wide.definition.keys)
            else ""
        )
        return (
            f"By its keys it is redundant beside {drop.because_of}, and only the planner's estimate speaks for it: "
            f"without it {text}.{why} A trial on a copy would tell."
        )

    def _stand_in(self, drop: DropIndex) -> Index | None:
        """The index that covers one that was to go because of it."""
        wide = None if drop.because_of is None else self._remaining.named(drop.because_of)
        return wide if wide is not None and covers(wide.definition, drop.definition) else None


def _mode(name: str, value: str) -> str | None:
    return value if name == "plan_cache_mode" else None
