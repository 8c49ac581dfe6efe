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

from pgadvisor.indexes.algebra import covers

if TYPE_CHECKING:
    from pgadvisor.advise.selection.evaluator import LoadCost
    from pgadvisor.facts import Facts
    from pgadvisor.model.catalog import Index
    from pgadvisor.model.proposals import DropIndex

_LEAST_COST = 0.01
# The server's own defaults.
_RANDOM_PAGE_COST, _CPU_OPERATOR_COST = 4.0, 0.0025
# cached_plan_cost: planning is taken for so many operators, for each relation and one more.
_PLANNING_OPERATORS = 1000


@dataclass(frozen=True)
class Loss:
    """A statement that costs so many times as much, for its question with this number."""

    cost: LoadCost
    number: int
    times: float

    @property
    def real(self) -> bool:
        """Whether real calls had the values, or it is planned without any."""
        load = self.cost.load
        return len(load.questions) == 1 or (calls_known(self.cost) and load.weights[self.number] > 0)

    @property
    def unknown(self) -> bool:
        """Whether it is planned for unknown values, where there are others."""
        return len(self.cost.load.questions) > 1 and self.cost.load.questions[self.number].values is None

    @property
    def rank(self) -> tuple[bool, bool, float]:
        """What is told first: real calls, then other values, then unknown ones; of these what is worst."""
        return (self.real, not self.unknown, self.times)


def calls_known(cost: LoadCost) -> bool:
    """Whether values of real calls are known, which alone count then (Load.weights)."""
    return any(not weight for weight in cost.load.weights)


class Losses:
    """Weighs and tells what statements of a database lose; most is what is allowed, as a share of the cost."""

    def __init__(self, facts: Facts, most: float) -> None:
        self._facts, self._most = facts, most
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
        return 1.0 if after <= before or after - least <= self._page_cost else after / max(least, _LEAST_COST)

    def kept(self, cost: LoadCost, number: int) -> bool:
        """Whether the server may run the plan for unknown values: it does not where those of real calls cost less."""
        load = cost.load
        if self._generic or not calls_known(cost) or not isfinite(cost.costs[number]):
            return True
        relations = 1 if load.shape is None else max(len(load.shape.relations), 1)
        planning = _PLANNING_OPERATORS * self._operator_cost * (relations + 1)
        return cost.costs[number] < cost.mean + planning

    def told(self, loss: Loss, drop: DropIndex) -> str:
        """Why an index stays, in one or two sentences."""
        query_id = loss.cost.load.query_id
        if loss.times == inf:
            return f"Without it no plan of the statement {query_id} is known."
        if loss.unknown:
            text = (
                f"Without it only a plan of the statement {query_id} for unknown values would cost {loss.times:.3g} "
                "times as much"
            )
            if self._generic:
                return f"{text}, and plan_cache_mode makes such plans."
            kept = "which the server keeps only while it costs less than those for values do"
            known = calls_known(loss.cost)
            return f"{text}, {kept}{'' if known else ': values of real calls, which are not known, would tell'}."
        text = f"the statement {query_id} would cost {loss.times:.3g} times as much"
        if not loss.real:
            named = "for values that no known call had" if calls_known(loss.cost) else "for values that are assumed"
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
        known = (each for each in self._facts.indexes.values() if f"{each.schema}.{each.name}" == drop.because_of)
        wide = next(known, None)
        return wide if wide is not None and covers(wide.definition, drop.definition) else None


def _mode(name: str, value: str) -> str | None:
    return value if name == "plan_cache_mode" else None
