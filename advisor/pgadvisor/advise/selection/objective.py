"""What a workload and its indexes are worth: the sum that a search makes small.

Where time is the goal it is milliseconds over the window: those that statements are sure to take at most, by what they
took and the ratio of their costs, and those that indexes take to be written. Where cost is, it is the planner's units
of all calls, and what writing takes as much of them as the workload spends in that time.
"""

from __future__ import annotations

from collections.abc import Sequence

from pgadvisor.advise.selection.evaluator import LoadCost
from pgadvisor.model.effects import LEAST_COST
from pgadvisor.model.index_advice import Goal


def remaining_ms(total_ms: float, before: float, after: float) -> float:
    """What is sure to remain, at most, of a statement's time when its cost becomes another.

    That a gain is the root of its ratio at least held for all that was measured (advise/whatif_judging.py); of a loss
    the ratio itself is feared.
    """
    ratio = max(after, LEAST_COST) / max(before, LEAST_COST)
    return float(total_ms * (ratio**0.5 if ratio < 1 else ratio))


class Objective:
    """How statements and indexes of one workload count, by its costs as it is."""

    def __init__(self, base: Sequence[LoadCost], goal: Goal) -> None:
        self._goal = goal
        cost = sum(each.mean * max(each.load.calls, 1) for each in base)
        took_ms = sum(each.load.total_ms for each in base)
        self._cost_of_ms = cost / took_ms if took_ms > 0 else 0.0
        self.whole = cost if goal is Goal.COST else took_ms

    def of_load(self, calls: int, total_ms: float, before: float, after: float) -> float:
        """What a statement counts that costs so much now, of what it cost before."""
        return after * max(calls, 1) if self._goal is Goal.COST else remaining_ms(total_ms, before, after)

    def of_writes(self, write_ms: float | None) -> float:
        """What the writing of an index counts."""
        return (write_ms or 0.0) * (self._cost_of_ms if self._goal is Goal.COST else 1.0)

    def in_ms(self, amount: float) -> float:
        """An amount of it as milliseconds."""
        if self._goal is Goal.TIME:
            return amount
        return amount / self._cost_of_ms if self._cost_of_ms else 0.0
