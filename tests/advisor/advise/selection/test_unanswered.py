"""A planner that gives no plan any more says nothing of an index."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import pytest

from pgadvisor.advise.selection.evaluator import Evaluator, LoadCost
from pgadvisor.advise.selection.known_plans import INFINITY
from pgadvisor.advise.verdicts import REFUTED
from pgadvisor.model.index_advice import WhyNot
from pgadvisor.model.whatif import AS_IS, Configuration
from pgadvisor.planner.protocol import Answer, Question
from support.fake_planner import FakePlanner
from support.worlds import World, chosen, index_on


@dataclass
class _Limited(World):
    """A planner that stops after so many plans; it says that it reached its limit, or not."""

    most: int = 0
    tells: bool = True
    planners: list[FakePlanner] = field(default_factory=list)

    def planner(self) -> FakePlanner:
        planner = super().planner()
        plan = planner.plan

        def limited(question: Question, configuration: Configuration = AS_IS) -> Answer:
            if len(planner.asked) >= self.most:
                return Answer(None, "The limit was reached before it.", limit=self.tells)
            return plan(question, configuration)

        planner.plan = limited  # type: ignore[method-assign]
        return planner


_STATEMENTS = {f"q{number}": {"": 1000.0, "a": 990.0 if number % 2 else 10.0} for number in range(20)}


@pytest.mark.parametrize("most", [20, 25, 35])
@pytest.mark.parametrize("tells", [True, False])
def test_what_was_not_answered_is_no_lack_of_gain(most: int, tells: bool) -> None:
    world = _Limited(_STATEMENTS, ["a", "b"], most=most, tells=tells)
    selection = world.select()
    assert chosen(selection) == (["a"] if most > 20 and tells else [])
    assert {each.why for each in selection.left} == {WhyNot.NOT_EXAMINED}
    assert WhyNot.NOT_EXAMINED not in REFUTED
    assert selection.cut_short == ("The limit was reached before it" if tells else "")
    enough = _Limited(_STATEMENTS, ["a", "b"], most=1000).select()
    assert (chosen(enough), enough.left[0].why, enough.cut_short) == (["a"], WhyNot.NO_GAIN, "")


def test_a_statement_without_a_plan_is_a_slower_one() -> None:
    without_a_plan = frozenset({"a"})
    world = World({"q": {"": 10.0, "a": 10.0, "b": 5.0}}, ["a", "b"])
    planner = world.planner()
    evaluator = Evaluator(planner, world.loads(), 1_000)
    tree = planner.tree

    def refusing(question: Question, configuration: Configuration) -> str:
        there = {key.column for each in configuration.create for key in each.keys}
        return "!It cannot be planned." if there & without_a_plan else tree(question, configuration)

    planner.tree = refusing
    refused, also = (Configuration(create=tuple(map(index_on, each))) for each in (["a"], ["a", "b"]))
    assert evaluator.costs(refused)[0].costs == (INFINITY,)
    assert evaluator.slows(AS_IS, refused, 0.1) == "q"
    assert evaluator.slows(refused, also, 0.1) == "q"
    assert evaluator.slows(AS_IS, Configuration(create=(index_on("b"),)), 0.1) == ""


def test_a_statement_that_may_not_be_asked_about_is_a_slower_one() -> None:
    evaluator = World({"q": {"": 10.0, "a": 5.0}}, ["a"]).evaluator(max_explains=1)
    assert evaluator.slows(AS_IS, Configuration(create=(index_on("a"),)), 0.1) == "q"


def test_values_that_do_not_count_leave_the_mean_as_it_is() -> None:
    (load,) = World({"q": {"": 10.0}}, values={"q": [{"": 20.0}]}).loads()
    assert LoadCost(replace(load, weights=(1.0, 0.0)), (4.0, INFINITY)).mean == 4.0
