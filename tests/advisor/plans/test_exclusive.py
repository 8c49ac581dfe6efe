from __future__ import annotations

import time
from typing import Any

import pytest

from pgadvisor.model.plan_nodes import PlanNode
from pgadvisor.model.plan_reading import parse_plan, read_plan
from pgadvisor.plans.exclusive import exclusive
from pgadvisor.plans.misestimates import misestimates
from pgadvisor.plans.signature import signature
from pgadvisor.plans.text import parse_text_plan
from support.plan_files import plan_files
from support.plan_sums import wrong_sums


def own(text: str) -> list[tuple[str, float]]:
    """Each node with its own time."""
    root = parse_plan(parse_text_plan(text))
    return [(each.node.node_type, round(each.own_ms or 0.0, 3)) for each in exclusive(root)]


def test_own_figures_of_197_plans_add_up() -> None:
    wrong = {plan["_file"]: wrong_sums(read_plan(plan)) for plan in plan_files()}
    assert not {name: sums for name, sums in wrong.items() if sums}
    assert len(wrong) == 197


def test_loops_count_and_what_never_ran_took_nothing() -> None:
    assert own("""
Nested Loop  (cost=0..100 rows=9 width=4) (actual time=0.5..100.0 rows=9 loops=1)
  ->  Seq Scan on a  (cost=0..10 rows=40 width=4) (actual time=0.1..10.0 rows=40 loops=1)
  ->  Append  (cost=0..2 rows=1 width=4) (actual time=1.0..2.0 rows=1 loops=40)
        ->  Seq Scan on b  (cost=0..1 rows=1 width=4) (actual time=1.0..1.5 rows=1 loops=40)
        ->  Seq Scan on c  (cost=0..1 rows=1 width=4) (never executed)
""") == [("Nested Loop", 10.0), ("Seq Scan", 10.0), ("Append", 20.0), ("Seq Scan", 60.0), ("Seq Scan", 0.0)]


def test_processes_run_side_by_side() -> None:
    """Three processes, the leader among them, each 30 ms in the join, of which 10 loops of 2 ms each in the index."""
    assert own("""
Gather  (cost=0..100 rows=9 width=4) (actual time=0.5..40.0 rows=9 loops=1)
  Workers Planned: 2
  Workers Launched: 2
  ->  Nested Loop  (cost=0..90 rows=9 width=4) (actual time=0.5..30.0 rows=3 loops=3)
        ->  Parallel Seq Scan on a  (cost=0..10 rows=40 width=4) (actual time=0.1..4.0 rows=10 loops=3)
        ->  Index Scan using i on b  (cost=0..2 rows=1 width=4) (actual time=1.0..2.0 rows=1 loops=30)
""") == [
        ("Gather", 10.0),
        ("Nested Loop", 6.0),
        ("Parallel Seq Scan".removeprefix("Parallel "), 4.0),
        ("Index Scan", 20.0),
    ]


def test_an_initplan_lies_in_the_node_that_needs_it_first_and_a_cte_where_it_is_read() -> None:
    assert own("""
Aggregate  (cost=0..100 rows=1 width=4) (actual time=95.0..95.0 rows=1 loops=1)
  CTE c
    ->  Seq Scan on t  (cost=0..9 rows=9 width=4) (actual time=0.1..30.0 rows=9 loops=1)
  InitPlan 2 (returns $1)
    ->  Result  (cost=0..9 rows=1 width=4) (actual time=20.0..20.0 rows=1 loops=1)
  ->  Hash Join  (cost=0..90 rows=9 width=4) (actual time=2.0..90.0 rows=9 loops=1)
        Hash Cond: (c.id = a.id)
        ->  CTE Scan on c  (cost=0..9 rows=9 width=4) (actual time=0.1..32.0 rows=9 loops=1)
        ->  Hash  (cost=9..9 rows=9 width=4) (actual time=50.0..50.0 rows=9 loops=1)
              ->  Seq Scan on a  (cost=0..9 rows=9 width=4) (actual time=0.1..49.0 rows=9 loops=1)
                    Filter: (id > $1)
""") == [
        ("Aggregate", 5.0),
        ("Seq Scan", 30.0),
        ("Result", 20.0),
        ("Hash Join", 8.0),
        ("CTE Scan", 2.0),
        ("Hash", 1.0),
        ("Seq Scan", 29.0),
    ]


def test_what_a_changing_cte_does_after_all_else_is_not_taken_off_anybody() -> None:
    assert own("""
Result  (cost=0..1 rows=1 width=4) (actual time=0.1..0.2 rows=1 loops=1)
  CTE d
    ->  Delete on t  (cost=0..9 rows=9 width=4) (actual time=5.0..50.0 rows=0 loops=1)
          ->  Seq Scan on t  (cost=0..9 rows=9 width=4) (actual time=1.0..20.0 rows=9 loops=1)
""") == [("Result", 0.2), ("ModifyTable", 30.0), ("Seq Scan", 20.0)]


def test_costs_are_those_of_all_runs_and_never_below_nought() -> None:
    root = parse_plan(
        parse_text_plan("""
Limit  (cost=0.00..10.00 rows=1 width=4)
  ->  Nested Loop  (cost=0.00..1000.00 rows=100 width=4)
        ->  Seq Scan on a  (cost=0.00..200.00 rows=100 width=4)
        ->  Index Scan using i on b  (cost=0.00..7.00 rows=1 width=4)
""")
    )
    assert [round(each.own_cost, 2) for each in exclusive(root)] == [0.0, 1.0, 2.0, 7.0]


def test_ten_thousand_nodes_take_well_under_a_second() -> None:
    scan: dict[str, Any] = next(plan for plan in plan_files() if plan["_file"] == "003")["Plan"]["Plans"][0]
    scan = {**scan, "Workers": []}
    plan = {"Plan": {**scan, "Node Type": "Append", "Plans": [{**scan, "Plans": []} for _ in range(10_000)]}}
    started = time.process_time()
    root = parse_plan(plan)
    assert len(exclusive(root)) == len(misestimates(root)) == 10_001
    assert signature(root)
    assert time.process_time() - started < 4


@pytest.mark.parametrize("figure", [None, 0, 1e149, -5])
def test_figures_of_strangers_do_no_harm(figure: float | None) -> None:
    leaf = PlanNode(node_type="Seq Scan", parent_relationship="Outer", actual_total_ms=figure, loops=figure)
    nodes = (leaf, PlanNode(node_type="Result", parent_relationship="InitPlan", subplan_name="InitPlan 1"))
    root = PlanNode(node_type="Gather", total_cost=figure or 0, loops=figure, actual_rows=figure, children=nodes)
    assert len(exclusive(root)) == len(misestimates(root)) == 3
