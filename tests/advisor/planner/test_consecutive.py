"""How many times in a row a nested loop looks for the same key."""

from __future__ import annotations

from collections.abc import Mapping
from textwrap import dedent, indent

import pytest

from pgadvisor.planner.consecutive import consecutive
from support.plan_text import explain

# 1,000 parts with four offers each.
OFFERED = """
    Nested Loop rows=4000
      Seq Scan on public.parts p rows=1000
      Index Scan using offers_key on public.offers "o's" rows=4 index cond: (part = p.id)"""
BY_OFFER = 'index cond: (part = "o\'s".part)'


def times(outer: str, texts: str) -> float:
    below = indent(dedent(outer).strip("\n"), "  ")
    plan = explain(f"Nested Loop rows=9\n{below}\n  Index Scan using new on public.lines l rows=30 {texts}".rstrip())
    first, second = plan["Plan"]["Plans"]
    return consecutive(first, second)


@pytest.mark.parametrize(
    ("outer", "texts", "expected"),
    [
        # By the column that offers were found by, or by that of the part itself.
        (OFFERED, BY_OFFER, 4),
        (OFFERED, "index cond: (part = p.id)", 4),
        (OFFERED, "index cond: ((part = p.id) AND (kind = 7))", 4),
        # Each offer has a supplier of its own, and what is computed says nothing.
        (OFFERED, 'index cond: (supplier = "o\'s".supplier)', 1),
        (OFFERED, 'index cond: ((part = p.id) AND (supplier = "o\'s".supplier))', 1),
        (OFFERED, "index cond: (part = (p.id + 1))", 1),
        (OFFERED, "index cond: ((part = p.id) AND (kind > (p.kind)::bigint))", 1),
        (OFFERED, "index cond: (part = 7)", 1),
        (OFFERED, "index cond: (part = x.id)", 1),
        (OFFERED, "", 1),
        ("Seq Scan on public.parts p rows=1000", "index cond: (part = p.id)", 1),
    ],
)
def test_rows_of_a_join_stand_together_by_the_row_that_they_belong_to(outer: str, texts: str, expected: float) -> None:
    assert times(outer, texts) == expected


@pytest.mark.parametrize(
    ("outer", "expected"),
    [
        # A hash join passes on what it probes with, here a half of it; of what it has hashed nobody knows the order.
        ("    Hash Join rows=2000\n{}\n      Hash rows=10\n        Seq Scan on public.x rows=10", 2),
        ("    Hash Join rows=2000\n      Seq Scan on public.x rows=10\n      Hash rows=4000\n  {}", 1),
        # More of each where a join multiplies, and never less than once.
        ("    Nested Loop rows=12000\n{}\n      Seq Scan on public.x rows=3", 12),
        ("    Nested Loop rows=40\n{}\n      Seq Scan on public.x rows=3", 1),
        ("    Gather rows=4000\n{}", 4),
        ("    Sort rows=4000\n{}", 1),
    ],
)
def test_what_is_between_passes_rows_on_in_order_or_not(outer: str, expected: float) -> None:
    assert times(outer.format(indent(OFFERED.strip("\n"), "  ")), BY_OFFER) == expected


@pytest.mark.parametrize("plan", [{}, {"Plans": [{}]}, {"Node Type": "Nested Loop", "Alias": "p", "Plans": [{}]}])
def test_what_a_plan_does_not_tell_counts_once(plan: Mapping[str, object]) -> None:
    assert consecutive(plan, {"Index Cond": "(part = p.id)"}) == 1


def test_a_plan_however_deep_is_looked_through() -> None:
    plan: dict[str, object] = {"Node Type": "Seq Scan", "Alias": "p"}
    for kind in ["Sort", "Nested Loop"] * 250:
        plan = {"Node Type": kind, "Parent Relationship": "Outer", "Plan Rows": 1, "Plans": [plan]}
    assert consecutive(plan, {"Index Cond": "(part = p.id)"}) == 1
    plan = {"Node Type": "Nested Loop", "Parent Relationship": "Outer", "Plan Rows": 6, "Plans": [plan]}
    for _ in range(3000):
        plan = {"Node Type": "Limit", "Parent Relationship": "Outer", "Plan Rows": 1, "Plans": [plan]}
    assert consecutive(plan, {"Index Cond": "(part = p.id)"}) == 6
