"""What a change does to a statement, by its costs for unknown values and for those that are known."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from pgadvisor.model.effects import LEAST_COST, STAYS_WITHIN, Effect, TimeRange
from pgadvisor.model.whatif_result import ValuesCost

# Where what costs change by differs by more times than this between values, it matters which ones come.
PARTED = 3.0
# Less than this share of what it costs for unknown values is next to nothing.
_NOTHING = 0.01
# Settings that say what a cost is: the same plan has another one under another value of theirs, and no two such costs
# can be compared.
_UNITS = """
    seq_page_cost random_page_cost cpu_tuple_cost cpu_index_tuple_cost cpu_operator_cost parallel_tuple_cost
    parallel_setup_cost effective_cache_size
"""
UNITS_OF_COST = frozenset(_UNITS.split())


@dataclass(frozen=True)
class Costs:
    """Costs of one statement for the same values before and after; None where it could not be planned.

    other_plan says whether the plan is another one, where that is to tell the effect since costs cannot be compared.
    """

    before: float | None
    after: float | None
    other_plan: bool | None = None

    @property
    def effect(self) -> Effect:
        """What becomes of it."""
        if self.before is None or self.after is None:
            return Effect.NOT_PLANNED
        if self.other_plan is not None:
            return Effect.OTHER_PLAN if self.other_plan else Effect.STAYS
        if abs(self.after - self.before) <= STAYS_WITHIN * self.before:
            return Effect.STAYS
        return Effect.GAINS if self.after < self.before else Effect.LOSES

    @property
    def most(self) -> float:
        """The greater of the two, 0 where neither is known."""
        return max(self.before or 0.0, self.after or 0.0)

    @property
    def ratio(self) -> float | None:
        """Cost after over cost before, 1 where it stays; None where they are not known, or cannot be compared."""
        if self.before is None or self.after is None or self.other_plan is not None:
            return None
        if self.effect is Effect.STAYS:
            return 1.0
        return max(self.after, LEAST_COST) / max(self.before, LEAST_COST)


def judged(first: Costs, others: Sequence[Costs], *, alone: bool = False) -> tuple[Effect, bool]:
    """The effect on a statement, and whether what becomes of it depends on the values.

    first are the costs that the question is about: they decide, unless they stay; then the values do that do not, but
    for alone. It depends on the values where the effect for others is another, or ratios part.
    """
    effects = {each.effect for each in others} - {Effect.NOT_PLANNED}
    ratios = [each.ratio for each in (first, *others) if each.ratio is not None]
    effect = first.effect
    parted = bool(ratios) and max(ratios) > PARTED * min(ratios)
    by_value = effect is not Effect.NOT_PLANNED and (bool(effects - {effect}) or parted)
    if effect is Effect.STAYS and effects - {effect} and not alone:
        effect = next(each for each in (Effect.LOSES, Effect.GAINS, Effect.OTHER_PLAN) if each in effects)
    return effect, by_value


def greatest(costs: Sequence[ValuesCost]) -> ValuesCost:
    """The values, of at least one set of them, whose cost changes by the most times."""

    def times(each: ValuesCost) -> float:
        ratio = Costs(each.cost_before, each.cost_after).ratio
        return 1.0 if ratio is None else max(ratio, 1 / ratio)

    return max(costs, key=times)


def estimated(total_ms: float, costs: Sequence[Costs]) -> TimeRange | None:
    """What the time of a statement would become; None where it could not be planned, or costs cannot be compared.

    The time was spent on values that nobody knows: whatever they were, costs weighted by them change by something
    between the least and the greatest ratio. Costs order plans well and measure them badly. That a gain is the root of
    its ratio at least held for all that was measured (docs/twin.md); the ratio itself bounds nothing, since rows that
    the planner expects too many of, and functions that it takes to be cheap, make gains a hundred times greater. Losses
    are gains the other way round.
    """
    dearest = max((each.most for each in costs[:1]), default=0.0)
    # Values that cost next to nothing before and after, such as some that are not there, were not what took the time.
    ratios = [each.ratio for each in costs if each.ratio is not None and each.most >= _NOTHING * dearest]
    if not ratios:
        return None
    least, most = min(ratios), max(ratios)
    return TimeRange(
        low_ms=0.0 if least < 1 else total_ms * least**0.5, high_ms=None if most > 1 else total_ms * most**0.5
    )
