from __future__ import annotations

from pgadvisor.advise.plan_views import plan_view
from pgadvisor.model.plan_reading import read_plan
from pgadvisor.model.plan_view import PlanView
from pgadvisor.model.plans import ObservedPlan, PlanMethod
from pgadvisor.plans.text import parse_text_plan
from pgadvisor.statement_facts import StatementPlan
from support.plan_files import plan_file

TEXT = """
Gather  (cost=0..100 rows=24 width=4) (actual time=0.5..40.0 rows=3000 loops=1)
  Workers Planned: 2
  Workers Launched: 2
  Buffers: shared hit=60
  ->  Parallel Seq Scan on public.orders  (cost=0..90 rows=10 width=4) (actual time=0.1..30.0 rows=1000 loops=3)
        Filter: (status = 'secret'::text)
        Buffers: shared hit=40 read=10, temp written=5
Planning Time: 2.0 ms
Trigger for constraint orders_fk on orders: time=0.250 calls=3
JIT:
  Functions: 4
  Timing: Generation 1.0 ms, Inlining 0.0 ms, Optimization 0.1 ms, Emission 1.0 ms, Total 2.1 ms
Execution Time: 42.0 ms
"""


def view(text: str, *, show_values: bool = False) -> PlanView:
    plan = parse_text_plan(text)
    observed = ObservedPlan(query_id="1", method=PlanMethod.EXECUTED, plan=plan, planner="18")
    return plan_view(StatementPlan(observed=observed, plan=read_plan(plan)), show_values)


def test_a_plan_to_show_says_what_each_node_took_and_who_is_to_blame() -> None:
    shown = view(TEXT)
    gather, scan = shown.nodes
    assert (gather.own_ms, gather.own_blocks, gather.processes) == (10.0, 10, 1.0)
    assert (scan.own_ms, scan.own_blocks, scan.own_temp_blocks, scan.processes) == (30.0, 50, 5, 3.0)
    assert (scan.guilty, gather.guilty, scan.factor) == (True, False, 125.0)
    assert (shown.planning_ms, shown.jit_ms, shown.execution_ms) == (2.0, 2.1, 42.0)
    assert [(each.name, each.calls, each.time_ms) for each in shown.triggers] == [("orders_fk on orders", 3, 0.25)]


def test_values_of_rows_are_hidden_in_what_is_said() -> None:
    assert view(TEXT).misjudged == (
        "Parallel Seq Scan on public.orders, (status = '…'::text): 24 rows expected, 3,000 rows came, 125 times more"
    )
    assert "secret" not in str(view(TEXT))
    assert "secret" in view(TEXT, show_values=True).misjudged


def test_a_plan_that_was_not_executed_has_costs_alone() -> None:
    (node,) = view("Seq Scan on t  (cost=0.00..9.00 rows=1 width=4)").nodes
    assert (node.own_cost, node.own_ms, node.own_blocks, node.factor) == (9.0, None, None, None)
    assert len(plan_view_of("003").nodes) == 10


def plan_view_of(name: str) -> PlanView:
    plan = plan_file(name)
    observed = ObservedPlan(query_id="1", method=PlanMethod.EXECUTED, plan=plan, planner="15")
    return plan_view(StatementPlan(observed=observed, plan=read_plan(plan)), False)
