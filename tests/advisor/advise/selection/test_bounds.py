"""What a large workload or catalog may take of questions and of time."""

from __future__ import annotations

import time

from pgadvisor.model.whatif import Configuration, IndexName
from support.snapshots import facts
from support.worlds import World, chosen, index_on


def test_values_are_asked_about_once_it_is_known_which_statements_count() -> None:
    statements = {f"q{number:03}": {"": 1000.0 - number, "a": 10.0} for number in range(300)}
    values = {query_id: [plans] * 6 for query_id, plans in statements.items()}
    world = World(statements, ["a"], values=values)
    evaluator = world.evaluator(max_explains=1_000, most_loads=20)
    # One question of each, and six more of those that are searched for.
    assert evaluator.explains == 300 + 20 * 6
    assert [len(each.costs) for each in evaluator.base] == [7] * 20
    assert {round(sum(load.weights), 9) for load in evaluator.loads} == {1.0}
    assert {len(each.costs) for each in evaluator.others} == {1}
    assert chosen(world.select(evaluator)) == ["a"]
    # What the others cost for values is asked once something is to go.
    assert sum(len(load.questions) for load in evaluator.every) > 300 + 20 * 6
    assert evaluator.explains <= 1_000


def test_values_leave_room_for_the_search() -> None:
    statements = {f"q{number:03}": {"": 1000.0, "a": 10.0} for number in range(100)}
    world = World(statements, ["a"], values={query_id: [plans] * 6 for query_id, plans in statements.items()})
    evaluator = world.evaluator(max_explains=200)
    assert len(evaluator.loads) == 100
    assert evaluator.explains == 125


def test_a_statement_whose_first_values_have_no_plan_is_asked_about_with_others() -> None:
    world = World({"q": {"": 10.0}}, values={"q": [{"": 20.0}]})
    planner = world.planner()
    tree = planner.tree
    planner.tree = lambda question, there: "!No." if question.values is None else tree(question, there)
    world.planner = lambda: planner  # type: ignore[method-assign]
    evaluator = world.evaluator()
    assert [each.costs for each in evaluator.base] == [(20.0,)]
    assert evaluator.loads[0].weights == (1.0,)


def test_a_configuration_of_a_large_catalog_takes_no_time() -> None:
    names = {f"t_{number}": "btree (a)" for number in range(5_000)}
    data = {"tables": {"public.t": {"columns": ["a int", "b int"], "indexes": names}}}
    evaluator = World({"q": {"": 10.0}}, facts=facts(data)).evaluator()
    given = Configuration(create=(index_on("b"),), drop=(IndexName(schema="public", name="t_7"),))
    there = evaluator.there(given)
    assert evaluator.configuration(there) == given
    assert evaluator.configuration(evaluator.standing) == Configuration()
    began = time.perf_counter()
    for _ in range(200):
        evaluator.configuration(there)
    # 0.3 s and more where each index of the catalog is looked at.
    assert time.perf_counter() - began < 0.1
