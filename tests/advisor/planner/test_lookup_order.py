"""Whether a nested loop looks for rows in the order in which they stand."""

from __future__ import annotations

from collections.abc import Mapping
from textwrap import dedent, indent
from typing import Any

import pytest

from pgadvisor.planner.lookup_order import disorder
from support.plan_text import explain

LINES = 'Index Scan using lines_pkey on public.lines l rows=4 index cond: (l."order" = o.id)'
ORDERS = "Seq Scan on public.orders o rows=1000"


def order_of_scan(node: Mapping[str, Any], column: str, sorted_by: str | None) -> float:
    """Orders stand in the order of id, as good as, and in no other; sorted by their number they are in a half."""
    if sorted_by is not None:
        return {"id": 1.0, "number": 0.5}.get(sorted_by, 0.0)
    return 0.75 if (node["Alias"], column) in (("o", "id"), ("e's", "Order")) else 0.0


def astray(outer: str, inner: str = LINES) -> float:
    below = indent(dedent(outer).strip("\n"), "  ")
    first, second = explain(f"Nested Loop rows=9\n{below}\n  {inner}")["Plan"]["Plans"]
    return disorder(first, second, order_of_scan)


@pytest.mark.parametrize(
    ("inner", "expected"),
    [
        (LINES, 0.25),
        ("Index Scan using lines_pkey on public.lines rows=4 index cond: ((kind = 7) AND (id = o.id))", 0.25),
        ("Index Scan using lines_pkey on public.lines l rows=4 index cond: (l.customer = o.customer)", 1),
        # Not by a column of another, nor by one that can be found.
        ("Index Scan using lines_pkey on public.lines l rows=4 index cond: (l.customer = 7)", 0),
        ("Index Scan using lines_pkey on public.lines l rows=4 index cond: (l.customer = (o.id + 1))", 0),
        ("Index Scan using lines_pkey on public.lines l rows=4 index cond: (l.customer = x.id)", 0),
        ("Seq Scan on public.lines l rows=4", 0),
    ],
)
def test_rows_are_looked_for_in_the_order_in_which_the_outer_side_comes(inner: str, expected: float) -> None:
    assert astray(ORDERS, inner) == expected


@pytest.mark.parametrize(
    ("outer", "expected"),
    [
        # What is probed with comes in its order, what is hashed in that of what it equals.
        (f"Hash Join rows=9\n  {ORDERS}\n  Hash rows=9\n    Seq Scan on public.x rows=9", 0.25),
        (f"Hash Join rows=9\n  Seq Scan on public.x rows=9\n  Hash rows=9\n    {ORDERS}", 1),
        (
            'Hash Join rows=9 hash cond: ("e\'s"."Order" = o.id)\n'
            f'  Seq Scan on public.entries "e\'s" rows=9\n  Hash rows=9\n    {ORDERS}',
            0.25,
        ),
        (
            'Nested Loop rows=9\n  Seq Scan on public.entries "e\'s" rows=9\n'
            '  Index Scan using orders_pkey on public.orders o rows=1 index cond: (id = "e\'s"."Order")',
            0.25,
        ),
        (
            'Nested Loop rows=9\n  Seq Scan on public.entries "e\'s" rows=9\n'
            '  Index Scan using orders_pkey on public.orders o rows=1 index cond: (code = "e\'s"."Order")',
            1,
        ),
        (f"Sort rows=9 sort: o.id DESC NULLS LAST\n  {ORDERS}", 0),
        (f"Sort rows=9 sort: id\n  {ORDERS}", 0),
        (f"Sort rows=9 sort: o.number\n  {ORDERS}", 0.5),
        (f"Incremental Sort rows=9 sort: o.at, o.id\n  {ORDERS}", 1),
        (f"Sort rows=9 sort: id\n  Sort rows=9 sort: o.at\n    {ORDERS}", 0),
        (f"Gather rows=9\n  Unique rows=9\n    {ORDERS}", 0.25),
        # Of groups, parts, others' scans and sorts, and keys that are no columns, nothing is known.
        (f"Sort rows=9 sort: x.id\n  {ORDERS}", 0),
        (f'Sort rows=9 sort: o.id COLLATE "C"\n  {ORDERS}', 0),
        (
            "Sort rows=9 sort: o.at\n  Hash Join rows=9\n    Seq Scan on public.x rows=9\n"
            f"    Hash rows=9\n      {ORDERS}",
            0,
        ),
        (f"Aggregate rows=9\n  {ORDERS}", 0),
        (f"Append rows=9\n  {ORDERS}\n  {ORDERS}", 0),
        ("Gather rows=9\n  Append rows=9\n    Seq Scan on public.orders_1 o_1 rows=9", 0),
        ("CTE Scan on public.x rows=9", 0),
        # What a loop further out brings is the same for all runs.
        ("Hash Join rows=9\n  Seq Scan on public.x rows=9\n  Hash rows=9\n    Seq Scan on public.y rows=9", 0),
    ],
)
def test_what_is_between_keeps_the_order_or_makes_one(outer: str, expected: float) -> None:
    assert astray(outer) == expected


@pytest.mark.parametrize("kind", ["Sort", "Append", "Seq Scan"])
def test_of_what_a_plan_does_not_tell_nothing_is_known(kind: str) -> None:
    scan = {"Alias": "o", "Parent Relationship": "Outer"}
    plans: tuple[dict[str, object], ...] = (
        {},
        {"Plans": [{}]},
        {"Sort Key": [], "Plans": [scan]},
        {"Plans": [scan | {"Alias": "x"}]},
    )
    for plan in plans:
        assert disorder({"Node Type": kind, **plan}, {"Index Cond": "(id = o.id)"}, order_of_scan) == 0


def test_a_plan_as_deep_as_can_be_read_is_looked_through() -> None:
    plan: dict[str, object] = {"Node Type": "Seq Scan", "Alias": "o", "Parent Relationship": "Outer"}
    for _ in range(900):
        plan = {"Node Type": "Nested Loop", "Parent Relationship": "Outer", "Plans": [plan]}
    assert disorder(plan, {"Index Cond": "(id = o.id)"}, order_of_scan) == 0.25
    assert disorder(plan, {"Index Cond": "(id = x.id)"}, order_of_scan) == 0
