"""What is known of one statement's plans under all configurations that it was asked about, and what follows from it.

A configuration is a set of indexes, a bit each: those added, and those that exist and might go. A plan that uses some
of them can be had wherever these are there, at the same cost: so the cheapest known one bounds the cost from above. The
planner takes the best of more plans where more indexes are there: so a cost under more bounds it from below, and where
that plan uses none of those that are missing, it is the plan. (The idea is that of INUM: Papadomanolakis,
Dash and Ailamaki, "Efficient Use of the Query Optimizer for Automated Physical Design", VLDB 2007.)
"""

from __future__ import annotations

from bisect import insort
from collections.abc import Iterator

INFINITY = float("inf")

# Cost, indexes used, telling ones that are there, what it is counted as.
_Plan = tuple[float, int, int, float]


class KnownPlans:
    """Plans of one statement for one set of values.

    relevant are the indexes that can bear on it. telling are those of them that bear on it even where they are not
    used, by the statistics of their expressions: nothing follows from one configuration for another that differs there.
    plans are (cost, indexes used, telling ones that are there, what it is counted as), the cheapest first: the planner
    takes the cheapest, whatever that then may take more (planner/caution.py).
    """

    __slots__ = ("_asked", "_at_most", "_bearing", "_followed", "_least", "learnt", "plans", "relevant", "telling")

    def __init__(self, relevant: int, telling: int) -> None:
        self.relevant = relevant
        self.telling = telling & relevant
        # How often something was.
        self.learnt = 0
        self.plans: list[_Plan] = []
        self._asked: dict[int, tuple[float, int, float]] = {}
        self._followed: dict[int, float] = {}
        # Under sets of those alone that a plan uses or that tell.
        self._at_most: dict[int, float] = {}
        self._bearing = 0
        # Plans that no cheaper one makes needless by asking for no more indexes.
        self._least: list[_Plan] | None = None

    def learn(self, there: int, cost: float, used: int, caution: float = 0.0) -> None:
        """The planner's answer under a configuration; a cost of infinity for one that it refuses.

        caution is what it counts more, or less, in the unit of costs.
        """
        self.learnt += 1
        # What is used is relevant, whatever was thought of it.
        if used & ~self.relevant:
            self.relevant |= used
            self._followed.clear()
        counted = cost + caution
        self._asked[there] = (cost, used, counted)
        self._followed[there & self.relevant] = counted
        self._at_most.clear()
        if cost < INFINITY:
            plan = (cost, used, there & self.telling, counted)
            if plan not in self.plans:
                insort(self.plans, plan)
                self._least = None
                self._bearing |= used | self.telling

    def exactly(self, there: int) -> float | None:
        """What it counts under a configuration as far as it is certain; None where the planner must be asked."""
        there &= self.relevant
        known = self._followed.get(there)
        if known is not None:
            return known
        relevant, telling = self.relevant, self.telling
        for asked, (cost, used, counted) in self._asked.items():
            more = asked & relevant
            if more == there or (
                more & there == there and not used & ~there and not (more ^ there) & telling and cost < INFINITY
            ):
                if counted != self.at_most(there):
                    # A planner that does worse with more: it counts otherwise from now on.
                    self.learnt += 1
                self._followed[there] = counted
                return counted
        return None

    def at_most(self, there: int) -> float:
        """What it counts by the cheapest plan that is known and can be had; infinity where none is known.

        Where expressions would have other statistics than under all that was asked, it is what such a plan cost there.
        """
        there &= self.relevant
        known = self._followed.get(there)
        if known is None:
            # The cheapest known plan is what would follow: so it is not looked for what does, which takes long.
            there &= self._bearing
            known = self._at_most.get(there)
            if known is None:
                known = self._at_most[there] = self._most(there)
        return known

    def caution(self, there: int) -> float:
        """What of that the planner does not cost it."""
        there &= self.relevant
        telling = there & self.telling
        useful = self.useful()
        fitting = (counted - cost for cost, used, told, counted in useful if not used & ~there and told == telling)
        return next(fitting, 0.0)

    def at_least(self, there: int) -> float:
        """What it costs at least: as much as under any configuration that has more.

        What is counted may be less where a plan is (planner/caution.py): it is no more than what is known to be had.
        """
        there &= self.relevant
        relevant, telling = self.relevant, self.telling
        least = max(
            (
                min(cost, counted)
                for asked, (cost, _, counted) in self._asked.items()
                if asked & there == there and not (asked & relevant ^ there) & telling and cost < INFINITY
            ),
            default=0.0,
        )
        return min(least, self.at_most(there))

    def plan_under(self, there: int) -> int | None:
        """The indexes used by the plan that was given under a configuration; None where it was not asked about."""
        asked = self._asked.get(there)
        return None if asked is None else asked[1]

    def _most(self, there: int) -> float:
        telling = there & self.telling
        guess = INFINITY
        for _, used, told, counted in self.useful():
            if used & ~there:
                continue
            if told == telling:
                return counted
            # Under other statistics the cost is a guess, better than none as long as it is asked for in the end.
            guess = min(guess, counted)
        return guess

    def useful(self) -> list[_Plan]:
        """The plans that are the cheapest somewhere."""
        if self._least is None:
            self._least = []
            for plan in self.plans:
                _, used, told, _ = plan
                if not any(not other & ~used and there == told for _, other, there, _ in self._least):
                    self._least.append(plan)
        return self._least


def bits_of(bits: int) -> Iterator[int]:
    """The single bits of a set, the lowest first."""
    while bits:
        bit = bits & -bits
        yield bit
        bits ^= bit
