"""A set of indexes under trial: what the workload would cost at most by the plans that are known."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from pgadvisor.advise.selection.evaluator import Evaluator, LoadCost
from pgadvisor.advise.selection.known_plans import INFINITY, KnownPlans, bits_of
from pgadvisor.advise.selection.objective import Objective
from pgadvisor.model.effects import LEAST_COST
from pgadvisor.planner.protocol import Question


@dataclass(frozen=True)
class Item:
    """An index that a search may have or not have: one to be added, or one that exists and may go.

    bit is the evaluator's, size_bytes None where nobody knows, writes what it counts to be written.
    """

    bit: int
    size_bytes: int | None
    writes: float
    exists: bool = False


@dataclass(frozen=True)
class Limits:
    """What a set may be: bytes more than now, None for any number; new indexes; how much more any values may cost."""

    max_bytes: int | None
    max_indexes: int
    max_regression: float


class _Weighed:
    """A load with what is known of each of its questions."""

    __slots__ = ("asked", "before", "cost", "known", "learnt", "relevant", "values")

    def __init__(self, cost: LoadCost, known: Sequence[KnownPlans], max_regression: float) -> None:
        self.cost = cost
        self.known = tuple(known)
        self.before = cost.mean
        self.relevant = 0
        self.values: dict[int, float] = {}
        self.learnt = 0
        most = (each * (1 + max_regression) + LEAST_COST for each in cost.costs)
        # With how much each counts, and the most that it may cost.
        self.asked = tuple(zip(self.known, cost.load.weights, most, strict=True))


class Trial:
    """Values of sets of indexes, as sets of bits.

    They are exact where the planner was asked. Elsewhere plans that it was not asked for may be better; with caution
    (planner/caution.py) also worse, where it takes them since it hopes for too much.
    """

    def __init__(self, evaluator: Evaluator, objective: Objective, items: Iterable[Item], limits: Limits) -> None:
        self.evaluator = evaluator
        self.objective = objective
        self.limits = limits
        self.items = {item.bit: item for item in items}
        self.as_is = evaluator.standing
        self._bytes: dict[int, float] = {}
        self._writes: dict[int, float] = {}
        ordered = sorted(evaluator.base, key=lambda each: each.load.query_id)
        self._loads = [
            _Weighed(each, [evaluator.known(question) for question in each.load.questions], limits.max_regression)
            for each in ordered
        ]
        self.refresh()

    def refresh(self) -> None:
        """Takes in what was learnt since."""
        self._touched: dict[int, list[int]] = defaultdict(list)
        self._together: dict[int, tuple[int, ...]] = {}
        self.sets: set[int] = set()
        self._sets_at: dict[int, list[int]] | None = None
        added = sum(bit for bit, item in self.items.items() if not item.exists)
        for place, load in enumerate(self._loads):
            bits = load.relevant = 0
            learnt = sum(known.learnt for known in load.known)
            if learnt != load.learnt:
                load.learnt = learnt
                load.values.clear()
            for known in load.known:
                load.relevant |= known.relevant
                for _, used, _, _ in known.useful():
                    bits |= used
                    if used & added:
                        self.sets.add(used & added)
                bits |= known.telling
            for bit in bits_of(bits):
                self._touched[bit].append(place)

    def touched(self, bits: int) -> tuple[int, ...]:
        """Places of the loads that may change where these indexes come or go, in their order."""
        found = self._together.get(bits)
        if found is None:
            found = tuple(sorted({place for bit in bits_of(bits) for place in self._touched.get(bit, ())}))
            self._together[bits] = found
        return found

    def sets_touching(self, places: Iterable[int]) -> set[int]:
        """The known sets whose worth may be another where loads at these places count otherwise."""
        if self._sets_at is None:
            self._sets_at = defaultdict(list)
            for some in self.sets:
                for place in self.touched(some):
                    self._sets_at[place].append(some)
        return {some for place in places for some in self._sets_at.get(place, ())}

    def load_value(self, place: int, there: int) -> float:
        """What one load counts under a set; infinity where some values cost more than they may."""
        load = self._loads[place]
        there &= load.relevant
        found = load.values.get(there)
        if found is None:
            found = load.values[there] = self._load_value(load, there)
        return found

    def _load_value(self, load: _Weighed, there: int) -> float:
        mean = 0.0
        for known, weight, most in load.asked:
            cost = known.at_most(there)
            if cost > most:
                return INFINITY
            mean += cost * weight
        return self.objective.of_load(load.cost.load.calls, load.cost.load.total_ms, load.before, mean)

    def slowed(self, there: int) -> tuple[str, float]:
        """The statement that some values cost more times as much under a set than they may, the worst of them."""
        worst = ("", 0.0)
        for load in self._loads:
            for (known, _, most), before in zip(load.asked, load.cost.costs, strict=True):
                cost = known.at_most(there)
                times = cost / max(before, LEAST_COST)
                if cost > most and times > worst[1]:
                    worst = (load.cost.load.query_id, times)
        return worst

    def values(self, there: int) -> list[float]:
        """What each load counts under a set."""
        return [self.load_value(place, there) for place in range(len(self._loads))]

    def writes(self, there: int) -> float:
        """What writing the indexes of a set counts more than it does now."""
        total = 0.0
        for bit, item in self.items.items():
            if item.exists:
                total -= 0.0 if there & bit else item.writes
            elif there & bit:
                total += item.writes
        return total

    def value(self, there: int) -> float:
        """What all of it counts under a set."""
        return sum(self.values(there)) + self.writes(there)

    def change(self, values: Sequence[float], there: int, then: int) -> float:
        """By how much the whole becomes more from one set, whose loads count so much, to another."""
        moved = there ^ then
        more = self.writes_of(moved & then) - self.writes_of(moved & there)
        for place in self.touched(moved):
            more += self.load_value(place, then) - values[place]
        return more

    def changed(self, values: list[float], there: int, then: int) -> list[float]:
        """What each load counts under another set."""
        found = list(values)
        for place in self.touched(there ^ then):
            found[place] = self.load_value(place, then)
        return found

    def writes_of(self, bits: int) -> float:
        """What writing these counts."""
        found = self._writes.get(bits)
        if found is None:
            found = self._writes[bits] = sum(self.items[bit].writes for bit in bits_of(bits) if bit in self.items)
        return found

    def bytes_of(self, bits: int) -> float:
        """Their bytes; infinitely many where a size is not known."""
        found = self._bytes.get(bits)
        if found is None:
            sizes = [self.items[bit].size_bytes for bit in bits_of(bits) if bit in self.items]
            found = self._bytes[bits] = sum(INFINITY if size is None else size for size in sizes)
        return found

    def added(self, there: int) -> int:
        """The new ones of a set."""
        return there & ~self.as_is

    def room(self, there: int) -> float:
        """Bytes that are left of the budget: new indexes are built before others go, whose bytes come back later."""
        if self.limits.max_bytes is None:
            return INFINITY
        return self.limits.max_bytes - self.bytes_of(self.added(there))

    def fits(self, there: int) -> bool:
        """Whether a set is within the budgets."""
        return self.added(there).bit_count() <= self.limits.max_indexes and self.room(there) >= 0

    def questions(self, places: Iterable[int] | None = None) -> Iterator[tuple[Question, KnownPlans]]:
        """Questions of all loads, or of those at these places, with what is known of each."""
        for place in range(len(self._loads)) if places is None else sorted(places):
            load = self._loads[place]
            yield from zip(load.cost.load.questions, load.known, strict=True)

    def counting(self, places: Iterable[int] | None = None) -> Iterator[tuple[Question, KnownPlans]]:
        """Those of them that what a load counts hangs on; the others only must not cost too much."""
        for place in self.places if places is None else sorted(places):
            load = self._loads[place]
            asked = zip(load.cost.load.questions, load.asked, strict=True)
            yield from ((question, known) for question, (known, weight, _) in asked if weight)

    def least_value(self, place: int, there: int) -> float:
        """What one load counts under a set at least, as far as anything is known of it."""
        load = self._loads[place]
        mean = sum(
            known.at_least(there) * weight for known, weight in zip(load.known, load.cost.load.weights, strict=True)
        )
        return self.objective.of_load(load.cost.load.calls, load.cost.load.total_ms, load.before, mean)

    @property
    def places(self) -> range:
        """The places of all loads, by query id."""
        return range(len(self._loads))
