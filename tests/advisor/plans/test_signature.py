from __future__ import annotations

from itertools import pairwise

from pgadvisor.model.plan_nodes import PlanNode
from pgadvisor.model.plan_reading import parse_plan
from pgadvisor.plans.signature import differences, signature
from pgadvisor.plans.text import parse_text_plan
from support.plan_files import plan_files

NESTED = """
Nested Loop
  ->  Index Scan using orders_status_idx on public.orders o
        Index Cond: (status = 'rare'::text)
  ->  Index Scan using customers_pkey on public.customers c
"""
HASHED = """
Hash Join
  ->  Seq Scan on public.orders o
        Filter: (status = 'common'::text)
  ->  Hash
        ->  Seq Scan on public.customers c
"""


def plan(text: str) -> PlanNode:
    return parse_plan(parse_text_plan(text))


def test_values_and_costs_are_no_part_of_the_shape() -> None:
    same = NESTED.replace("rare", "other").replace("orders o\n", "orders o  (cost=1.00..2.00 rows=3 width=4)\n")
    assert signature(plan(NESTED)) == signature(plan(same))
    assert differences(plan(NESTED), plan(same)) == ()
    assert len({signature(plan(text)) for text in (NESTED, HASHED, NESTED.replace("o\n", "p\n"))}) == 3


def test_differences_are_told_by_table_first() -> None:
    assert differences(plan(NESTED), plan(HASHED)) == (
        "Index Scan using orders_status_idx instead of Seq Scan on public.orders o",
        "Index Scan using customers_pkey instead of Seq Scan on public.customers c",
        "Nested Loop instead of Hash Join",
    )
    turned = "\n".join(["Hash Join", "  ->  Seq Scan on b", "  ->  Hash", "        ->  Seq Scan on a"])
    straight = turned.replace("on b", "on x").replace("on a", "on b").replace("on x", "on a")
    assert differences(plan(turned), plan(straight)) == ("b, a in this order instead of a, b",)
    bitmap = "Bitmap Heap Scan on t\n  ->  Bitmap Index Scan on t_i"
    assert differences(plan(bitmap), plan("Sort\n  Sort Key: a\n  ->  Seq Scan on t")) == (
        "Bitmap Heap Scan using t_i instead of Seq Scan on t",
        "without Sort",
    )


def test_names_cannot_forge_a_shape() -> None:
    two = tuple(PlanNode(node_type="Seq Scan", relation=name) for name in ("a", "b"))
    forged = PlanNode(node_type="Seq Scan", relation="a')('Seq Scan on b")
    assert signature(PlanNode(node_type="Append", children=two)) != signature(
        PlanNode(node_type="Append", children=(forged,))
    )


def test_plans_that_differ_are_told_apart_in_words() -> None:
    roots = [parse_plan(each) for each in plan_files()[:60]]
    for one, other in pairwise(roots):
        assert bool(differences(one, other)) == (signature(one) != signature(other))
