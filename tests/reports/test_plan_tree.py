from __future__ import annotations

from typing import Any

import pytest

from pgadvisor.model.plan_view import PlanNodeView
from pgadvisor_reports.plan_tree import MAX_NODES, plan_table
from support.reports import scan_plan


def node(name: str, cost: float, *children: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"Node Type": name, "Total Cost": cost, "Plan Rows": 10, "Plans": list(children), **more}


def test_shares_are_each_nodes_own_and_the_heaviest_is_marked() -> None:
    table = plan_table({"Plan": node("Sort", 100.0, node("Seq Scan", 80.0))})
    assert [row.share for row in table.rows] == [pytest.approx(0.2), pytest.approx(0.8)]
    assert [row.heaviest for row in table.rows] == [False, True]
    assert [row.depth for row in table.rows] == [0, 1]
    assert not table.executed


def test_an_executed_plan_is_weighed_by_time_over_all_loops() -> None:
    inner = node("Index Scan", 1.0, **{"Actual Total Time": 2.0, "Actual Loops": 40, "Actual Rows": 1})
    outer = node("Nested Loop", 90.0, inner, **{"Actual Total Time": 100.0, "Actual Loops": 1, "Actual Rows": 40})
    table = plan_table({"Plan": outer})
    assert table.executed
    assert [row.share for row in table.rows] == [pytest.approx(0.2), pytest.approx(0.8)]


def test_a_child_dearer_than_its_parent_leaves_it_no_share_below_zero() -> None:
    table = plan_table({"Plan": node("Limit", 1.0, node("Seq Scan", 100.0))})
    assert [row.share for row in table.rows] == [0.0, 1.0]


def test_words_of_a_node() -> None:
    scan = {
        "Node Type": "Index Scan",
        "Scan Direction": "Backward",
        "Index Name": "orders_pkey",
        "Relation Name": "orders",
        "Schema": "public",
        "Alias": "o",
        "Index Cond": "(id = $1)",
        "Sort Key": ["a", "b DESC"],
    }
    join = {"Node Type": "Hash Join", "Join Type": "Left", "Parallel Aware": True, "Plans": [scan]}
    rows = plan_table({"Plan": join}).rows
    assert rows[0].operation == "Parallel Hash Left Join"
    assert rows[1].operation == "Index Scan Backward"
    assert rows[1].target == "orders_pkey on public.orders o"
    assert rows[1].details == (("Index Cond", "(id = $1)"), ("Sort Key", "a, b DESC"))


def test_rows_that_came_otherwise_than_expected_are_told_but_not_fewer_below_a_limit() -> None:
    executed = plan_table(scan_plan("orders", "(a = $1)", 2007.0, executed=True))
    limit, gather, scan = executed.rows
    assert limit.misjudged is None
    assert gather.misjudged is None
    assert scan.misjudged == pytest.approx(42)
    bare = node("Seq Scan", 1.0, **{"Plan Rows": 500, "Actual Rows": 5, "Actual Loops": 1, "Actual Total Time": 1.0})
    assert plan_table({"Plan": bare}).rows[0].misjudged == pytest.approx(0.01)


def test_what_the_report_says_of_nodes_goes_before_what_can_be_guessed() -> None:
    """Of an InitPlan that a node far below needs first, say."""
    inner = node("Seq Scan", 1.0, **{"Actual Total Time": 9.0, "Actual Loops": 3, "Actual Rows": 500, "Plan Rows": 10})
    outer = node("Gather", 9.0, inner, **{"Actual Total Time": 10.0, "Actual Loops": 1, "Workers Planned": 2})
    said = (
        PlanNodeView(own_cost=8.0, own_ms=1.0, own_blocks=0),
        PlanNodeView(own_cost=1.0, own_ms=9.0, own_blocks=1234, processes=3.0, factor=50.0, guilty=True),
    )
    gather, scan = plan_table({"Plan": outer}, said).rows
    assert [gather.share, scan.share] == [pytest.approx(0.1), pytest.approx(0.9)]
    assert (scan.guilty, scan.misjudged, gather.misjudged) == (True, 50.0, None)
    assert ("Workers", "2 planned") in gather.details
    assert [label for label, _ in scan.details] == ["Own blocks"]
    assert plan_table({"Plan": outer}, said[:1]).rows[1].own is None


def test_a_large_plan_is_capped_and_keeps_its_heaviest_node() -> None:
    children = [node("Seq Scan", 1.0) for _ in range(1_000)] + [node("Seq Scan", 900.0, Alias="guilty")]
    table = plan_table({"Plan": node("Append", 2_000.0, *children[:-1], children[-1])})
    heaviest = plan_table({"Plan": node("Append", 1_900.0, *children)}).rows[-1]
    assert len(table.rows) + table.left_out == 1_002
    assert table.left_out >= 1_002 - MAX_NODES - 1
    assert heaviest.heaviest


@pytest.mark.parametrize(
    "plan",
    [
        {},
        {"Plan": None},
        {"Plan": "Seq Scan"},
        {"Plan": {"Plans": "none", "Total Cost": "dear", "Plan Rows": True, "Filter": {"a": 1}, "Node Type": 7}},
        {"Plan": {"Plans": [None, 3, {"Plans": [[]]}], "Total Cost": float("nan"), "Sort Key": [[["deep"]]]}},
    ],
)
def test_a_plan_that_is_none_does_no_harm(plan: dict[str, Any]) -> None:
    table = plan_table(plan)
    assert all(row.total_cost is None for row in table.rows)
    assert not table.executed
