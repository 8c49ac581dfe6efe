"""What a large workload or catalog may take of questions and of time."""

from __future__ import annotations

import time

from pgadvisor.advise.index_advice import advise_indexes
from pgadvisor.config import IndexesConfig
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


def test_all_that_a_planner_is_asked_counts_to_the_bound_whoever_asks() -> None:
    """Candidates that are read off plans, checks of foreign keys, and plans that are shown, beside the search."""
    known = facts(
        {
            "tables": {
                "public.t": {
                    "columns": ["id int not null", "a int", "b int"],
                    "rows": 1e6,
                    "indexes": {"t_pkey": "unique primary btree (id)"},
                    "constraints": {"t_pkey": "primary key (id)"},
                    "counters": {"rows_deleted": 1_000},
                },
                "public.u": {
                    "columns": ["t_id int"],
                    "rows": 1e6,
                    "constraints": {"u_fk": "foreign key (t_id) references public.t (id)"},
                },
            },
            "statements": [{"id": "q", "text": "select b from public.t where a = 1", "total_ms": 1000.0}],
            "statements_days": 0.1,
        }
    )
    check = "foreign key public.u.u_fk"
    world = World({"q": {"": 1000.0, "a": 10.0}, check: {"": 10.0}}, ["a"], facts=known)
    planner = world.planner()
    decided = advise_indexes(known, planner, IndexesConfig())
    (created,) = decided.created
    assert check in {question.query_id for question, _ in planner.asked}
    assert created.effects[0].plans is not None
    assert decided.advice.explains == len(planner.asked)
    for most in range(1, len(planner.asked)):
        limited = world.planner()
        found = advise_indexes(known, limited, IndexesConfig(max_explains=most))
        assert found.advice.explains == len(limited.asked) <= most
