"""What a plan may take beyond its cost: rows from all over a table or a hash, and LIMIT that is not reached soon."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from pgadvisor.model.catalog import IndexDefinition, IndexKey
from pgadvisor.planner.caution import Caution
from pgadvisor.planner.twin.documents import risky_plan
from support.plan_text import explain
from support.snapshots import facts

LINES = "public.lines"


def on(*columns: str) -> IndexDefinition:
    return IndexDefinition(schema="public", table="lines", keys=tuple(IndexKey(column=each) for each in columns))


NEW = {"new": [on("supplier")], "wide": [on("supplier", "part")], "ordered": [on("id")]}


def more(tree: str, rows: float = 6_000_000, created: Mapping[str, list[IndexDefinition]] = NEW) -> float:
    seen = facts(
        {
            "tables": {
                LINES: {
                    "columns": ["id int", "supplier int", "part int"],
                    "rows": rows,
                    "stats": {
                        "id": {"n_distinct": -1, "correlation": 1.0},
                        "supplier": {"n_distinct": 10_000, "correlation": 0.0},
                        "part": {"n_distinct": 200_000, "correlation": 0.5},
                    },
                    "indexes": {"old": "btree (part)"},
                }
            }
        }
    )
    return sum(Caution(seen).of(explain(tree)["Plan"], created))


def looped(scan: str, loops: int = 1000) -> str:
    return f"""
        Nested Loop cost=20000 rows=10
          Seq Scan on public.suppliers cost=10 rows={loops}
          {scan}"""


@pytest.mark.parametrize(
    ("tree", "expected"),
    [
        # 600 rows from all over, at 0.65 each, of which the planner counts 20 of all.
        (looped("Index Scan using new on public.lines cost=20 rows=600"), 1000 * (390 - 20)),
        # Those that a filter keeps back are read too: 6,000,000 rows of 10,000 suppliers.
        (
            looped("Index Scan using new on public.lines cost=20 rows=5 filter: (id > 7) ; index cond: (supplier = s)"),
            1000 * (390 - 20),
        ),
        # Of both keys there are 0.003 rows, so that what passes is what is read.
        (
            looped(
                "Index Scan using wide on public.lines cost=20 rows=100 filter: (id > 7) ; "
                "index cond: ((supplier = s) AND (part = p))"
            ),
            1000 * (65 - 20),
        ),
        # A quarter stands in order by a correlation of a half.
        (looped("Index Scan using old on public.lines cost=20 rows=600"), 1000 * (0.75 * 390 - 20)),
        (looped("Index Scan using ordered on public.lines cost=20 rows=600"), 0),
        (looped("Index Only Scan using new on public.lines cost=20 rows=600"), 0),
        (looped("Index Scan using new on public.lines cost=700 rows=600"), 0),
        (looped("Index Scan using nobodys on public.lines cost=20 rows=600"), 0),
        (looped("Memoize cost=1 rows=600\n            Index Scan using new on public.lines cost=20 rows=600"), 0),
        # For each row of a statement that has it as a part, unless that is done before the first of them.
        (
            """
            Seq Scan on public.a startup=0 cost=1 rows=10
              [SubPlan 1] Index Scan using new on public.lines cost=20 rows=600""",
            10 * 370,
        ),
        (
            """
            Seq Scan on public.a startup=20 cost=1 rows=10
              [SubPlan 1] Index Scan using new on public.lines cost=20 rows=600""",
            370,
        ),
        # Below LIMIT as far as it is run: a hundredth, or all of it where it is sorted first.
        (
            """
            Limit startup=0 cost=100 rows=1
              Nested Loop startup=0 cost=10000 rows=1000
                Seq Scan on public.a startup=0 cost=1 rows=1000
                Index Scan using new on public.lines startup=0 cost=20 rows=600""",
            10 * 370,
        ),
        (
            """
            Limit startup=10000 cost=10001 rows=1
              Sort startup=10000 cost=10100 rows=1000
                Nested Loop startup=0 cost=10000 rows=1000
                  Seq Scan on public.a startup=0 cost=1 rows=1000
                  Index Scan using new on public.lines startup=0 cost=20 rows=600""",
            1000 * 370,
        ),
        # Looked for four times in a row, rows are fetched once.
        (
            """
            Nested Loop cost=1 rows=1
              Nested Loop cost=1 rows=400
                Seq Scan on public.a cost=1 rows=100
                Seq Scan on public.b cost=1 rows=4
              Index Scan using new on public.lines cost=20 rows=600 index cond: (supplier = a.id)""",
            400 * (390 / 4 - 20),
        ),
        # In loops of loops.
        (
            """
            Nested Loop cost=1 rows=1
              Seq Scan on public.a cost=1 rows=10
              Nested Loop cost=1 rows=1
                Seq Scan on public.b cost=1 rows=10
                Index Scan using new on public.lines cost=20 rows=600""",
            100 * 370,
        ),
    ],
)
def test_rows_from_all_over_a_large_table_cost_more_than_rows_in_order(tree: str, expected: float) -> None:
    assert more(tree) == pytest.approx(expected)
    # In a small table they are all at hand.
    assert more(tree, rows=10_000) == 0


def test_rows_looked_for_in_a_large_hash_cost_more_than_in_a_small_one() -> None:
    def joined(rows: int, width: int, hashed: str = "Seq Scan on public.b") -> float:
        return more(
            f"""
            Hash Join cost=1000 rows=10
              Seq Scan on public.a cost=10 rows=1000000
              Hash cost=10 rows={rows} width={width}
                {hashed} cost=10 rows={rows} width={width}"""
        )

    # Five rows read in order each.
    assert joined(100_000, 8) == pytest.approx(1_000_000 * 0.05)
    assert joined(50_000, 100) == pytest.approx(1_000_000 * 0.05)
    assert joined(50_000, 8) == joined(1_000, 400) == 0
    assert more("Hash Join cost=1 rows=1\n  Seq Scan on public.a cost=10 rows=1000000") == 0


def test_rows_grouped_in_a_large_hash_cost_more_than_in_a_small_one() -> None:
    def grouped(groups: int, strategy: str) -> tuple[float, float]:
        scan = {"Node Type": "Seq Scan", "Parent Relationship": "Outer", "Plan Rows": 1_000_000, "Total Cost": 10.0}
        aggregate = {"Node Type": "Aggregate", "Strategy": strategy, "Plan Rows": groups, "Plan Width": 8}
        return Caution(facts({})).of(aggregate | {"Total Cost": 20.0, "Plans": [scan]}, {})

    # It is certain, and no hope.
    assert grouped(100_000, "Hashed") == pytest.approx((50_000, 0))
    assert grouped(1_000, "Hashed") == grouped(100_000, "Sorted") == (0, 0)


def test_look_ups_out_of_order_cost_more_where_the_table_is_in_order() -> None:
    def looked_up(scan: str, by: str = "part", rows: float = 6_000_000) -> float:
        return more(
            f"""
            Nested Loop cost=1 rows=1
              {scan} on public.lines x cost=1 rows=1000
              Index Scan using ordered on public.lines l cost=20 rows=4 index cond: (l.id = x.{by})""",
            rows,
        )

    # 0.65 units of cost each, a quarter of them in order by a correlation of a half.
    assert looked_up("Seq Scan") == pytest.approx(1000 * 0.75 * 0.65)
    assert looked_up("Seq Scan", "supplier") == pytest.approx(1000 * 0.65)
    assert looked_up("Seq Scan", "id") == looked_up("Seq Scan", "unknown") == 0
    assert looked_up("Seq Scan", rows=10_000) == 0
    # An ordered read has an order of its own, and so have the rows of each of its keys.
    assert looked_up("Index Only Scan using old") == 0
    assert looked_up("Index Only Scan using old", "id") == pytest.approx(1000 * 0.75 * 0.65)
    assert looked_up("Index Only Scan using wide", "id") == pytest.approx(1000 * 0.65)
    assert looked_up("Bitmap Heap Scan", "id") == 0
    # Of several keys rows come by the first that has no one value.
    several = "Index Only Scan using wide on public.lines x cost=1 rows=1000 index cond: "
    for condition, order in (
        ("(supplier = ANY ('{1,2}'::int[]))", 0),
        ("((supplier > 3) AND (part = 7))", 0),
        ("(supplier = 7)", 1),
        ("((supplier = 7) AND (part = 8))", 0.25),
    ):
        tree = f"""
            Nested Loop cost=1 rows=1
              {several}{condition}
              Index Scan using ordered on public.lines l cost=20 rows=4 index cond: (l.id = x.part)"""
        assert more(tree) == pytest.approx(1000 * (1 - order) * 0.65)
    # A sort is judged as what it sorts would be by an index.
    for key, order in (("part", 1), ("supplier", 0), ("id", 0.25), ("unknown", 1)):
        tree = f"""
            Nested Loop cost=1 rows=1
              Sort cost=1 rows=1000 sort: x.{key}
                Seq Scan on public.lines x cost=1 rows=1000
              Index Scan using ordered on public.lines l cost=20 rows=4 index cond: (l.id = x.part)"""
        assert more(tree) == pytest.approx(1000 * (1 - order) * 0.65)
    by_key = "Index Scan using wide on public.lines x cost=1 rows=1000 index cond: (supplier = 7)"
    tree = f"""
        Nested Loop cost=1 rows=1
          {by_key}
          Index Only Scan using ordered on public.lines l cost=20 rows=4 index cond: (l.id = x.part)"""
    # Of one supplier they come by part, by which the 1,000 rows themselves are out of order.
    assert more(tree) == pytest.approx(1000 * 0.65 - 1)


@pytest.mark.parametrize(
    ("tree", "expected"),
    [
        # 20 of 10,000 rows for 100 of 50,000: ten times as many may have to be read.
        (
            """
            Limit startup=0 cost=100 rows=20
              Index Scan using ordered on public.lines startup=0 cost=50000 rows=10000 filter: (a = 1)""",
            900,
        ),
        # No more than all of it.
        (
            """
            Limit startup=0 cost=100 rows=20
              Index Only Scan using ordered on public.lines startup=0 cost=150 rows=30 filter: (a = 1)""",
            50,
        ),
        # What is planned first is not what rows come from.
        (
            """
            Limit startup=0 cost=100 rows=20
              [InitPlan 1] Seq Scan on public.b startup=0 cost=1 rows=1
              Index Scan using ordered on public.lines startup=0 cost=50000 rows=10000 filter: (a = 1)""",
            900,
        ),
        # Rows of equal keys are sorted as they come, and one of several parts in order is enough.
        (
            """
            Limit startup=1 cost=101 rows=20
              Incremental Sort startup=1 cost=50000 rows=10000
                Index Scan using ordered on public.lines startup=0 cost=50000 rows=10000 filter: (a = 1)""",
            900,
        ),
        (
            """
            Limit startup=0 cost=100 rows=20
              Merge Append startup=0 cost=50000 rows=10000
                Seq Scan on public.b startup=0 cost=1 rows=1
                Index Scan using ordered on public.lines startup=0 cost=50000 rows=10000 filter: (a = 1)""",
            900,
        ),
        # A join filters too, and what passes rows on is looked through.
        (
            """
            Limit startup=0 cost=100 rows=20
              LockRows startup=0 cost=50000 rows=10000
                Nested Loop startup=0 cost=50000 rows=10000 join filter: (a = b)
                  Index Scan using ordered on public.lines startup=0 cost=40000 rows=10000
                  Seq Scan on public.b startup=0 cost=1 rows=1""",
            900,
        ),
        (
            """
            Limit startup=0 cost=100 rows=20
              Nested Loop startup=0 cost=50000 rows=5000
                Index Scan using ordered on public.lines startup=0 cost=40000 rows=10000
                Index Scan using old on public.lines startup=0 cost=1 rows=1 index cond: ((a = b) AND (c = 1))""",
            900,
        ),
        # One that joins to each row at least one is none.
        (
            """
            Limit startup=0 cost=100 rows=20
              Nested Loop startup=0 cost=50000 rows=10000
                Index Scan using ordered on public.lines startup=0 cost=40000 rows=10000
                Seq Scan on public.b startup=0 cost=1 rows=1 filter: (c = 1)""",
            0,
        ),
        # Without a filter it comes as hoped, a sort has read all already, and a table has no order.
        (
            """
            Limit startup=0 cost=100 rows=20
              Index Scan using ordered on public.lines startup=0 cost=50000 rows=10000""",
            0,
        ),
        (
            """
            Limit startup=0 cost=100 rows=20
              Sort startup=0 cost=50000 rows=10000
                Index Scan using ordered on public.lines startup=0 cost=50000 rows=10000 filter: (a = 1)""",
            0,
        ),
        (
            """
            Limit startup=0 cost=100 rows=20
              Seq Scan on public.lines startup=0 cost=50000 rows=10000 filter: (a = 1)""",
            0,
        ),
    ],
)
def test_a_limit_over_rows_in_order_may_not_be_reached_as_soon_as_hoped(tree: str, expected: float) -> None:
    assert more(tree) == pytest.approx(expected)


def test_of_a_partition_its_own_rows_count() -> None:
    columns = {"columns": ["id int", "customer int"], "stats": {"customer": {"n_distinct": 100, "correlation": 0.0}}}
    tables: dict[str, dict[str, object]] = {"public.log": {**columns, "partition_by": "range (id)"}}
    for number, rows in enumerate((4_000_000, 1_000)):
        tables[f"public.log_{number}"] = {**columns, "rows": rows, "partition_of": "public.log"}
    created = {"part": [IndexDefinition(schema="public", table="log", keys=(IndexKey(column="customer"),))]}
    tree = "Index Scan using part on public.log_{} cost=0 rows=1 filter: (a = 1) ; index cond: (customer = 1)"
    weighed = Caution(facts({"tables": tables}))
    assert [weighed.of(explain(tree.format(number))["Plan"], created).caution for number in (0, 1)] == [26_000, 6.5]


@pytest.mark.parametrize(
    "plan",
    [
        {},
        {"Node Type": "Limit"},
        {"Node Type": "Limit", "Plans": [{"Node Type": "Index Scan", "Filter": "x", "Parent Relationship": "Outer"}]},
        {"Node Type": "Index Scan", "Index Name": "new", "Plan Rows": float("inf"), "Total Cost": "much"},
    ],
)
def test_what_a_plan_does_not_tell_counts_as_nothing(plan: Mapping[str, object]) -> None:
    assert Caution(facts({})).of(plan, NEW) == (0, 0)


def test_a_plan_is_decoded_where_there_is_something_to_look_at() -> None:
    scan = b'[{"Plan": {"Node Type": "Index Scan", "Index Name": "new"}}]'
    assert risky_plan(scan) == {"Node Type": "Index Scan", "Index Name": "new"}
    for kind in ("Index Only Scan", "Bitmap Heap Scan", "Hash Join", "Aggregate", "Limit"):
        assert risky_plan(scan.replace(b"Index Scan", kind.encode())) is not None
    assert risky_plan(b'[{"Plan": {"Node Type": "Seq Scan"}}]') is None
    assert risky_plan(scan[:-1]) is None
    deep = b'[{"Plan": {"Node Type": "Limit", "Plans": [' + b'{"Plans": [' * 100_000
    assert risky_plan(deep) is None
