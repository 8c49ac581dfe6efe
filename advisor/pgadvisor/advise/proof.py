"""What each chosen index does, alone and together with the others, statement by statement, with plans side by side."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import replace
from math import isfinite
from typing import TYPE_CHECKING

import msgspec

from pgadvisor.advise.keys import anchor
from pgadvisor.advise.selection.evaluator import LoadCost
from pgadvisor.advise.selection.readers import Readers
from pgadvisor.advise.whatif_judging import Costs, estimated, judged
from pgadvisor.advise.whatif_plans import Plans
from pgadvisor.advise.whatif_shortcomings import Shortcomings
from pgadvisor.advise.whatif_values import ValueSets
from pgadvisor.model.effects import LEAST_COST, STAYS_WITHIN, Effect, PlanPair, TimeRange
from pgadvisor.model.index_advice import StatementEffect, WorkloadEffect
from pgadvisor.model.whatif import AS_IS

if TYPE_CHECKING:
    from pgadvisor.advise.selection.evaluator import Evaluator
    from pgadvisor.facts import Facts
    from pgadvisor.model.catalog import IndexDefinition
    from pgadvisor.model.whatif import Configuration

# Plans are shown of so many of the statements that one index changes most, and of so many in all.
PAIRS_OF_EACH = 3
MAX_PAIRS = 40
# A statement that gains less than this share of what it costs is not told of, though some values gain.
_LEAST_SHARE = 0.001


class Proof:
    """A set of indexes, with what becomes of the workload under it and under it without one of them.

    names are those that new indexes are to have. for_known_values are query ids of statements whose plans for unknown
    values are no matter, as long as others are known.
    """

    def __init__(
        self,
        facts: Facts,
        evaluator: Evaluator,
        whole: Configuration,
        names: Mapping[IndexDefinition, str],
        *,
        show_values: bool,
        for_known_values: Collection[str] = (),
    ) -> None:
        self.whole = whole
        self._facts = facts
        self._evaluator = evaluator
        self._for_known_values = for_known_values
        self.base = self._told(evaluator.base)
        self.together = self._told(evaluator.costs(whole))
        self._readers = Readers(facts, evaluator, evaluator.loads)
        self._known_effects: dict[tuple[int, tuple[float, ...], tuple[float, ...]], StatementEffect] = {}
        planner = evaluator.planner
        self.shortcomings = Shortcomings(planner.shortfalls, facts)
        called = dict(zip(planner.names(whole.create), (names[each] for each in whole.create), strict=True))
        self._plans = Plans(facts, planner, whole, called, show_values)
        self._value_sets = ValueSets(facts, show_values)
        self._pairs: dict[str, PlanPair] = {}
        self._texts = {load.query_id: load.questions[0].text for load in evaluator.loads}

    def workload(self) -> WorkloadEffect:
        """What becomes of all statements by the whole set."""
        return workload_effect(self.base, self.together)

    def effects(self) -> tuple[StatementEffect, ...]:
        """What becomes of each statement by the whole set."""
        return effects_of(self.base, self.together)

    def alone(self, only: Configuration) -> WorkloadEffect:
        """What a change does if it is the only one."""
        return summed(self._effects(self.base, self._costs(only, AS_IS, self.base)))

    def against(self, without: Configuration) -> tuple[WorkloadEffect, tuple[StatementEffect, ...]]:
        """What the whole set does more than another one, and to which statements."""
        effects = self._effects(self._costs(without, self.whole, self.together), self.together)
        return summed(effects), tuple(self._with_plans([self._marked(each) for each in _touched(effects)]))

    def _costs(
        self, configuration: Configuration, other: Configuration, under_other: Sequence[LoadCost]
    ) -> Sequence[LoadCost]:
        """Costs under a configuration, which of most statements are what they are under another one like it."""
        differing = {*configuration.create}.symmetric_difference(other.create)
        places = self._readers.of((*differing, *{*configuration.drop}.symmetric_difference(other.drop)))
        costs = list(under_other)
        for at, cost in zip(places, self._told(self._readers.costs(places, configuration)), strict=True):
            costs[at] = cost
        return costs

    def _effects(self, before: Sequence[LoadCost], after: Sequence[LoadCost]) -> list[StatementEffect]:
        """What becomes of each statement by a change; the time that was measured is that of all as it is."""
        found = []
        for at, (was, now) in enumerate(zip(before, after, strict=True)):
            key = (at, was.costs, now.costs)
            effect = self._known_effects.get(key)
            if effect is None:
                effect = self._known_effects[key] = _effect(was, now, self.base[at])
            found.append(effect)
        return found

    def _told(self, costs: Sequence[LoadCost]) -> tuple[LoadCost, ...]:
        """Costs as they are told: of some statements for their known values alone."""
        return tuple(
            _for_known_values(each) if each.load.query_id in self._for_known_values else each for each in costs
        )

    def _marked(self, effect: StatementEffect) -> StatementEffect:
        marks = self.shortcomings.touching(effect.query_id, self._texts[effect.query_id])
        return msgspec.structs.replace(effect, marks=marks)

    def _with_plans(self, effects: Sequence[StatementEffect]) -> Iterator[StatementEffect]:
        for number, effect in enumerate(effects):
            known = self._pairs.get(effect.query_id)
            if known is None and number < PAIRS_OF_EACH and len(self._pairs) < MAX_PAIRS:
                known = self._pairs[effect.query_id] = self._pair(effect)
            elif number:
                # Plans are large: they stand with each index that changes them most, and once with another.
                known = None
            yield msgspec.structs.replace(effect, plans=known)

    def _pair(self, effect: StatementEffect) -> PlanPair:
        """The plans as it is and under the whole set, for the values by which the statement changes most."""
        place = next(at for at, each in enumerate(self.base) if each.load.query_id == effect.query_id)
        ratios = [each.ratio or 1.0 for each in _pairs(self.base[place], self.together[place])]
        losing = effect.effect is Effect.LOSES
        most = max(range(len(ratios)), key=lambda at: (ratios[at] if losing else -ratios[at], -at))
        question = self.base[place].load.questions[most]
        label = next(
            (each.label for each in self._value_sets.of(effect.query_id) if each.values == question.values), ""
        )
        return self._plans.side_by_side(replace(question), label)


def effects_of(
    before: Sequence[LoadCost], after: Sequence[LoadCost], base: Sequence[LoadCost] | None = None
) -> tuple[StatementEffect, ...]:
    """What becomes of each statement that a change touches, the greatest change of time first.

    base are costs as it is, where before is something else: the time that was measured is that of base.
    """
    return _touched(_effects(before, after, base))


def _touched(effects: Sequence[StatementEffect]) -> tuple[StatementEffect, ...]:
    """The effects that are any, the greatest change of time first."""
    touched = [each for each in effects if each.effect in (Effect.GAINS, Effect.LOSES)]
    return tuple(
        sorted(touched, key=lambda e: (-e.total_ms * abs(1 - e.cost_after / max(e.cost_before, 0.01)), e.query_id))
    )


def workload_effect(
    before: Sequence[LoadCost], after: Sequence[LoadCost], base: Sequence[LoadCost] | None = None
) -> WorkloadEffect:
    """What becomes of all of them together; base as in effects_of."""
    return summed(_effects(before, after, base))


def summed(effects: Sequence[StatementEffect]) -> WorkloadEffect:
    """Effects on statements as the effect on all of them."""
    ranges = [each.estimated for each in effects if each.estimated is not None]
    unbounded = any(each.high_ms is None for each in ranges)
    return WorkloadEffect(
        gain=sum(1 for each in effects if each.effect is Effect.GAINS),
        lose=sum(1 for each in effects if each.effect is Effect.LOSES),
        cost_before=sum(each.cost_before * each.calls for each in effects),
        cost_after=sum(each.cost_after * each.calls for each in effects),
        before_ms=sum(each.total_ms for each in effects),
        estimated=TimeRange(
            low_ms=sum(each.low_ms for each in ranges),
            high_ms=None if unbounded else sum(each.high_ms or 0.0 for each in ranges),
        ),
    )


def _for_known_values(cost: LoadCost) -> LoadCost:
    """A load without its question for unknown values, where there are others."""
    load = cost.load
    kept = [at for at, question in enumerate(load.questions) if question.values is not None]
    whole = sum(load.weights[at] for at in kept)
    if not whole:
        return cost
    known = replace(
        load,
        questions=tuple(load.questions[at] for at in kept),
        weights=tuple(load.weights[at] / whole for at in kept),
    )
    return LoadCost(
        known, tuple(cost.costs[at] for at in kept), tuple(cost.cautions[at] for at in kept if cost.cautions)
    )


def remaining(was: LoadCost, now: LoadCost, total_ms: float) -> TimeRange | None:
    """What some time of a statement would become, by the values that count of it; None where costs cannot say."""
    costs = zip(_pairs(was, now), was.load.weights, strict=True)
    return estimated(total_ms, [each for each, weight in costs if weight])


def _pairs(was: LoadCost, now: LoadCost) -> list[Costs]:
    """Costs before and after by the values that they are for; no plan that is not known has one."""
    return [Costs(_known(before), _known(after)) for before, after in zip(was.costs, now.costs, strict=True)]


def _known(cost: float) -> float | None:
    return cost if isfinite(cost) else None


def _effects(
    before: Sequence[LoadCost], after: Sequence[LoadCost], base: Sequence[LoadCost] | None
) -> list[StatementEffect]:
    first = before if base is None else base
    return [_effect(was, now, measured) for was, now, measured in zip(before, after, first, strict=True)]


def _effect(was: LoadCost, now: LoadCost, measured: LoadCost) -> StatementEffect:
    pairs = _pairs(was, now)
    effect = Effect.STAYS if was.costs == now.costs else judged(pairs[0], pairs[1:])[0]
    before, after = _means(pairs, was.load.weights, measured)
    if effect is Effect.GAINS and before - after < _LEAST_SHARE * before:
        effect = Effect.LOSES if after - before > STAYS_WITHIN * before else Effect.STAYS
    # What others of a set gain is theirs: of a gain the root of the ratio is sure (whatif_judging.estimated).
    ratio = max(before, LEAST_COST) / max(measured.mean, LEAST_COST)
    total_ms = was.load.total_ms * min(ratio, 1.0) ** 0.5
    return StatementEffect(
        query_id=was.load.query_id,
        anchor=anchor(f"statement:{was.load.query_id}"),
        calls=was.load.calls,
        total_ms=total_ms,
        effect=effect,
        cost_before=before,
        cost_after=after,
        worst=max(each.ratio or 1.0 for each in pairs),
        caution=sum(more * weight for more, weight in zip(now.cautions, now.load.weights, strict=False)),
        estimated=remaining(was, now, total_ms),
    )


def _means(pairs: Sequence[Costs], weights: Sequence[float], measured: LoadCost) -> tuple[float, float]:
    """Costs of one call before and after, of the values that have a plan in both; as it is where none has."""
    known = [
        (weight, each.before, each.after)
        for each, weight in zip(pairs, weights, strict=True)
        if weight and each.before is not None and each.after is not None
    ]
    whole = sum(weight for weight, _, _ in known)
    if not whole:
        return measured.mean, measured.mean
    return sum(weight * cost for weight, cost, _ in known) / whole, sum(w * cost for w, _, cost in known) / whole
