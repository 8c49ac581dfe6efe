"""Costs that count what the planner hopes to be spared, and a search among them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, cast

import pytest

from pgadvisor.advise.proof import effects_of
from pgadvisor.advise.selection.evaluator import Evaluator, LoadCost
from pgadvisor.model.effects import Effect
from pgadvisor.model.whatif import Configuration
from pgadvisor.planner.protocol import Asked, Use
from support.worlds import World, chosen, index_on

MORE = {index_on("a"): 500.0, index_on("b"): 5.0, index_on("c"): 50_000.0}


def cautious_evaluator(shop: World, *, cautious: bool = True) -> Evaluator:
    """Plans may take more by the indexes that they use."""
    planner = shop.planner()
    asked = planner.uses

    def uses(pairs: Sequence[Asked]) -> tuple[Use | None, ...]:
        return tuple(use and replace(use, caution=sum(MORE[each] for each in use.created)) for use in asked(pairs))

    cast("Any", planner).uses = uses
    return Evaluator(planner, shop.loads(), 1000, cautious=cautious)


def cost(shop: World, *columns: str, cautious: bool = True) -> LoadCost:
    evaluator = cautious_evaluator(shop, cautious=cautious)
    return evaluator.costs(Configuration(create=tuple(map(index_on, columns))))[0]


def test_what_a_plan_may_take_more_counts_and_is_told_beside_its_cost() -> None:
    shop = World({"q": {"": 1000.0, "a": 10.0, "b": 20.0, "c": 900.0}}, ["a", "b", "c"])

    def counted(*columns: str, cautious: bool = True) -> tuple[tuple[float, ...], tuple[float, ...]]:
        found = cost(shop, *columns, cautious=cautious)
        return found.costs, found.cautions

    assert counted("a") == ((510.0,), (500.0,))
    assert counted("b") == ((25.0,), (5.0,))
    # The planner takes the cheapest by its own cost.
    assert counted("a", "b") == ((510.0,), (500.0,))
    assert counted("a", cautious=False) == ((10.0,), ())
    base = cautious_evaluator(shop).base
    (effect,) = effects_of(base, [cost(shop, "a")])
    assert (effect.effect, effect.cost_after, effect.caution) == (Effect.GAINS, 510.0, 500.0)
    (effect,) = effects_of(base, [cost(shop, "c")])
    assert (effect.effect, effect.cost_after, effect.caution) == (Effect.LOSES, 50_900.0, 50_000.0)


def test_a_toll_counts_as_it_changes_the_ratio_to_the_plan_as_it_is() -> None:
    shop = World({"q": {"": 1000.0, "a": 900.0, "b": 500.0, "c": 996.0}}, ["a", "b", "c"])
    tolls = {"": 3000.0, "a": 0.0, "b": 3000.0, "c": 4000.0}
    planner = shop.planner()
    asked = planner.uses

    def uses(pairs: Sequence[Asked]) -> tuple[Use | None, ...]:
        names = (
            "".join(key.column or "" for each in use.created for key in each.keys) if use else ""
            for use in asked(pairs)
        )
        return tuple(use and replace(use, toll=tolls[name]) for use, name in zip(asked(pairs), names, strict=True))

    cast("Any", planner).uses = uses
    evaluator = Evaluator(planner, shop.loads(), 1000, cautious=True)
    assert evaluator.base[0].costs == (1000.0,)

    def counted(column: str) -> tuple[float, float]:
        (found,) = evaluator.costs(Configuration(create=(index_on(column),)))
        return found.costs[0], found.cautions[0]

    # 900 of 4,000, 3,500 of 4,000 and 4,996 of 4,000, each in the unit of the 1,000 that the planner says.
    assert counted("a") == pytest.approx((225.0, -675.0))
    assert counted("b") == pytest.approx((875.0, 375.0))
    assert counted("c") == pytest.approx((1249.0, 253.0))


@pytest.mark.parametrize("most_explains", [1000, 8, 6, 5])
def test_no_index_is_chosen_for_a_hope_that_would_cost_another_statement(most_explains: int) -> None:
    shop = World({"q": {"": 1000.0, "c": 10.0}, "r": {"": 1000.0, "b": 20.0}}, ["b", "c"])
    evaluator = cautious_evaluator(shop)
    evaluator._most_explains = most_explains
    assert set(chosen(shop.select(evaluator))) <= {"b"}
    if most_explains == 1000:
        assert chosen(shop.select(cautious_evaluator(shop))) == ["b"]
        assert set(chosen(shop.select(cautious_evaluator(shop, cautious=False)))) == {"b", "c"}


def test_behind_a_plan_that_is_not_trusted_another_index_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    """The planner prefers it wherever it is there, so that it hides what others gain."""
    monkeypatch.setitem(MORE, index_on("a"), 5_000.0)
    shop = World({"q": {"": 1000.0, "a": 10.0, "b": 20.0}}, ["a", "b"])
    assert chosen(shop.select(cautious_evaluator(shop))) == ["b"]
