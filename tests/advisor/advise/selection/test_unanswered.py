"""A planner that gives no plan any more says nothing of an index."""

from __future__ import annotations

from contextlib import nullcontext
from dataclasses import dataclass, field, replace

import pytest

from pgadvisor.advise.advising import advice_on
from pgadvisor.advise.candidates.candidate import Candidate
from pgadvisor.advise.index_advice import advise_indexes
from pgadvisor.advise.selection.evaluator import Evaluator, LoadCost
from pgadvisor.advise.selection.known_plans import INFINITY
from pgadvisor.advise.verdicts import REFUTED
from pgadvisor.config import Config, IndexesConfig
from pgadvisor.facts import Facts
from pgadvisor.model.coverage import Gap
from pgadvisor.model.index_advice import IndexDecisions, WhyNot
from pgadvisor.model.whatif import AS_IS, Configuration
from pgadvisor.planner.protocol import Answer, Question
from pgadvisor.progress import silent
from support.fake_planner import FakePlanner
from support.snapshots import facts
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


_NO_DROPS = "It leaves no index out."


@dataclass
class _WithoutDrops(World):
    """A planner that leaves no existing index out, as HypoPG before 1.4."""

    def planner(self) -> FakePlanner:
        planner = super().planner()
        tree = planner.tree
        planner.tree = lambda question, there: f"!{_NO_DROPS}" if there.drop else tree(question, there)
        planner.unable = lambda configuration: _NO_DROPS if configuration.drop else ""  # type: ignore[method-assign]
        return planner


def _shop() -> Facts:
    return facts(
        {
            "tables": {
                "public.t": {"columns": ["a int", "b int"], "rows": 1e6, "indexes": {"t_a": "btree (a)"}},
                "public.u": {"columns": ["x int", "y int"], "rows": 1e6, "indexes": {"u_x": "btree (x)"}},
            },
            "statements": [
                {"id": "q", "text": "select * from public.t where a = 1 and b = 2", "total_ms": 1000.0},
                {"id": "r", "text": "select * from public.u where y = 1", "total_ms": 1000.0},
            ],
            "statements_days": 0.1,
        }
    )


def test_indexes_that_exist_are_there_where_the_planner_can_leave_none_out() -> None:
    known = _shop()
    world = _WithoutDrops({"q": {"": 1000.0, "a": 500.0, "a,b": 10.0}, "r": {"": 10.0}}, ["a,b"], facts=known)
    world.existing = {"t_a": "a", "u_x": "x"}
    planner = world.planner()
    decided = advise_indexes(known, planner, IndexesConfig())
    assert [each.name for each in decided.created] == ["idx_t_a_b"]
    assert decided.dropped == ()
    assert WhyNot.NOT_EXAMINED not in {each.why for each in decided.left}
    assert [there for _, there in planner.asked if there.drop] == []


def _advice(*refused: str) -> IndexDecisions | Gap:
    """What is advised where a planner gives no plan with new indexes of some tables."""
    known = _shop()
    plans = {"q": {"": 1000.0, "a": 500.0, "a,b": 10.0}, "r": {"": 10.0}}
    planner = World(plans, ["a,b"], existing={"t_a": "a"}, facts=known).planner()
    tree = planner.tree

    def refusing(question: Question, there: Configuration) -> str:
        if any(each.table in refused for each in there.create):
            return "!Nobody may imagine it."
        return tree(question, there)

    planner.tree = refusing
    return advice_on(known, [], Config(), lambda *_: nullcontext(planner), silent)


def test_what_has_no_plan_is_left_with_the_reason_and_others_are_examined() -> None:
    advice = _advice("u")
    assert not isinstance(advice, Gap)
    assert [each.name for each in advice.created] == ["idx_t_a_b"]
    said = {each.sentence for each in advice.left if each.definition.table == "u"}
    assert said == {"The planner gave no plan of a statement that might use it: Nobody may imagine it."}


def test_no_plan_at_all_is_a_gap_and_its_reason_told() -> None:
    advice = _advice("t", "u")
    assert isinstance(advice, Gap)
    assert advice.reason == "The planner gave no plan with other indexes than there are: Nobody may imagine it"
    assert "so that a twin is asked" in advice.remedy


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


def test_of_what_statements_without_a_plan_want_nothing_is_said() -> None:
    """That none of them would use it is not known."""
    table = {"columns": ["a int", "b int"], "rows": 1e6}
    texts = {"q": "SELECT 1 FROM t WHERE a = 1", "r": "SELECT 1 FROM t WHERE b = 1"}
    rows = [{"id": name, "text": text, "calls": 9, "total_ms": 9000} for name, text in texts.items()]
    known = facts({"tables": {"public.t": table}, "statements": rows})
    planner = FakePlanner(lambda asked, _: "!It is refused." if asked.query_id == "q" else "Seq Scan cost=9 rows=1")
    wished = [Candidate(definition=index_on(each), query_ids=frozenset({query}), findings=frozenset({f"f:{each}"}))
              for each, query in (("a", "q"), ("b", "r"))]  # fmt: skip
    left = {each.definition: each for each in advise_indexes(known, planner, IndexesConfig(), wished).left}
    assert left[index_on("a")].why is WhyNot.NOT_EXAMINED
    assert left[index_on("a")].sentence == "The statements that it is for were not planned."
    assert left[index_on("b")].why is WhyNot.NO_GAIN
