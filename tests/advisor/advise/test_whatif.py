"""What is made of a planner's answers: who gains, who loses, in what time, how far to believe it."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from pgadvisor.advise.whatif import Change, Unable, whatif_of
from pgadvisor.facts import Facts
from pgadvisor.model.effects import Effect, TimeRange
from pgadvisor.model.whatif import AS_IS, Configuration, Shortfall
from pgadvisor.planner.protocol import Question
from pgadvisor.workload.index_names import find_index
from pgadvisor.workload.index_text import read_index
from support.fake_planner import FakePlanner
from support.snapshots import facts

SHOP: dict[str, Any] = {
    "tables": {
        "public.orders": {
            "rows": 1e5,
            "columns": ["id bigint not null", "customer_id bigint", "status text", "note text"],
            "indexes": {"orders_pkey": "unique primary btree (id)", "orders_status_idx": "btree (status)"},
            "index_bytes": {"orders_status_idx": 1_000_000},
            "constraints": {"orders_pkey": "primary key (id)"},
            "counters": {"rows_inserted": 700, "rows_updated": 10},
        },
        "public.lines": {
            "columns": ["id bigint", "order_id bigint"],
            "constraints": {"lines_order_fk": "foreign key (order_id) references public.orders (id)"},
        },
    },
    "statements": [
        {
            "id": "1",
            "text": "SELECT note FROM orders WHERE customer_id = $1",
            "calls": 1000,
            "total_ms": 9000,
            "plans": [
                {"tree": "Seq Scan on public.orders cost=1000 rows=10 filter: (customer_id = $1)"},
                {
                    "tree": "Seq Scan on public.orders cost=1000 rows=900 filter: (customer_id = 'secret')",
                    "method": "values",
                    "values": "common",
                    "parameters": ["secret"],
                },
            ],
        },
        {
            "id": "2",
            "text": "SELECT id FROM orders WHERE status = $1",
            "calls": 10,
            "total_ms": 100,
            "plans": [{"tree": "Index Scan using orders_status_idx on public.orders cost=10 rows=1"}],
        },
        {
            "id": "3",
            "text": "SELECT count(*) FROM lines",
            "calls": 1,
            "total_ms": 50,
            "plans": [{"tree": "Seq Scan on public.lines cost=50 rows=1"}],
        },
        {"id": "4", "text": "SELECT gone('secret') FROM lines", "calls": 5, "total_ms": 1},
        {"id": "5", "text": "VACUUM orders", "calls": 5, "total_ms": 1},
        {
            "id": "7",
            "text": "SELECT 1 FROM pg_class",
            "total_ms": 0.5,
            "plans": [{"tree": "Seq Scan on pg_catalog.pg_class cost=7 rows=1"}],
        },
        {"id": "6", "calls": 5, "total_ms": 850},
    ],
}
CREATE = "CREATE INDEX ON orders (customer_id) WHERE status = 'secret'"


def tree(question: Question, configuration: Configuration) -> str:
    """By the index the first is a hundred times cheaper; without the other one the second a hundred times dearer."""
    match question.query_id:
        case "1" if configuration.create:
            return "Index Scan using idx on public.orders cost=10 rows=10 filter: (status = 'secret')"
        case "1":
            return "Seq Scan on public.orders cost=1000 rows=10"
        case "2" if configuration.drop:
            return "Seq Scan on public.orders cost=1000 rows=1"
        case "2":
            return "Index Scan using orders_status_idx on public.orders cost=10.2 rows=1"
        case "3":
            return "Index Only Scan using x on public.lines cost=49.9 rows=1"
        case _:
            return "!The server does not know a name in it: gone"


@pytest.fixture
def shop() -> Facts:
    return facts(SHOP)


def change(shop: Facts, create: str = CREATE, drop: str = "orders_status_idx") -> Change:
    return Change(
        (read_index(create, shop.snapshot.catalog, ("public",)),),
        (find_index(drop, shop.indexes.values(), ("public",)),),
        (("work_mem", "64MB"),),
    )


def test_who_gains_and_who_loses(shop: Facts) -> None:
    planner = FakePlanner(tree)
    result = whatif_of(shop, planner, change(shop))
    assert [(each.query_id, each.effect) for each in result.statements] == [
        ("2", Effect.LOSES),
        ("1", Effect.GAINS),
        ("3", Effect.STAYS),
        ("4", Effect.NOT_PLANNED),
        ("5", Effect.NOT_PLANNED),
        ("7", Effect.NOT_PLANNED),
    ]
    loses, gains, stays = result.statements[:3]
    assert (gains.cost_before, gains.cost_after, gains.factor) == (1000, 10, 0.01)
    assert gains.estimated is not None
    assert (gains.estimated.low_ms, round(gains.estimated.high_ms or 0, 6)) == (0, 900.0)
    assert loses.estimated is not None
    # Nothing bounds what it may lose, and so nothing all of them together.
    assert (round(loses.estimated.low_ms), loses.estimated.high_ms) == (990, None)
    assert stays.estimated == TimeRange(low_ms=50, high_ms=50)
    workload = result.workload
    assert (workload.statements, workload.gain, workload.lose, workload.stay, workload.not_planned) == (6, 1, 1, 1, 3)
    assert workload.cost_before == 1000 * 1000 + 10 * 10.2 + 49.9
    assert workload.cost_after == 1000 * 10 + 10 * 1000 + 49.9
    assert (workload.total_ms, round(workload.share, 3)) == (9150, 0.915)
    assert (round(workload.estimated.low_ms), workload.estimated.high_ms) == (990 + 50, None)
    assert [(each.reason, each.query_ids) for each in result.reasons] == [
        ("The server does not know a name in it: gone", ("4", "7")),
        ("It is a utility command; it is not planned, nor is a query in it.", ("5",)),
    ]
    assert result.left_out == 1
    assert {configuration for _, configuration in planner.asked} == {AS_IS, change(shop).configuration}


def test_the_configuration_with_sizes_prices_and_caveats(shop: Facts) -> None:
    result = whatif_of(shop, FakePlanner(tree), change(shop))
    (created,) = result.created
    assert (created.name, created.size_bytes) == ("idx_orders_customer_id", 8192)
    assert created.sql.endswith("WHERE (status = 'secret');")
    assert any(item.label.startswith("index entries written") for item in created.price)
    (dropped,) = result.dropped
    assert (dropped.name, dropped.size_bytes, dropped.caveats) == ("public.orders_status_idx", 1_000_000, ())
    assert [(each.name, each.after) for each in result.settings] == [("work_mem", "64MB")]
    (dropped,) = whatif_of(shop, FakePlanner(tree), change(shop, drop="orders_pkey")).dropped
    assert "primary key" in dropped.caveats[0]


def test_values_of_rows_are_masked_unless_shown(shop: Facts) -> None:
    # What the user gave of an index is no secret of the database's.
    result = whatif_of(shop, FakePlanner(tree), change(shop), asked=["4"])
    assert "secret" not in repr(msgspec.structs.replace(result, created=()))
    shown = whatif_of(shop, FakePlanner(tree), change(shop), show_values=True)
    assert "status = 'secret'" in shown.created[0].sql
    assert "gone('secret')" in repr(shown.statements)
    by_id = {each.query_id: each for each in shown.statements}
    plans = by_id["1"].plans
    assert plans is not None
    assert plans.after is not None
    assert plans.after.plan["Plan"]["Filter"] == "(status = 'secret')"
    assert plans.changes == ("Index Scan using idx instead of Seq Scan on public.orders",)
    (value,) = by_id["1"].by_values
    assert (value.label, value.cost_before, value.cost_after) == ("a common value", 1000, 10)
    assert (
        value.values == ("$1 = secret (text, most common value of public.orders.customer_id)",)
        or "secret" in value.values[0]
    )


def test_plans_of_those_asked_about_as_it_is(shop: Facts) -> None:
    planner = FakePlanner(tree)
    result = whatif_of(shop, planner, Change(), asked=["3"])
    assert not result.changes_anything
    assert {configuration for _, configuration in planner.asked} == {AS_IS}
    assert [each.effect for each in result.statements if each.effect is not Effect.NOT_PLANNED] == [Effect.STAYS] * 3
    asked = [each for each in result.statements if each.plans is not None]
    assert [(each.query_id, each.asked) for each in asked] == [("3", True)]
    assert asked[0].plans is not None
    assert asked[0].plans.after is None


def test_fidelity_is_told_by_plans_and_costs(shop: Facts) -> None:
    fidelity = whatif_of(shop, FakePlanner(tree), Change()).fidelity
    assert (fidelity.compared, fidelity.same, fidelity.near, fidelity.on_catalogs) == (3, 2, 1, 1)
    assert round(fidelity.largest, 6) == 0.02
    other_plan, other_cost = fidelity.differences
    assert (other_plan.query_id, other_plan.cost_observed, other_plan.cost_given) == ("3", 50, 49.9)
    assert other_plan.changes
    assert (other_cost.query_id, other_cost.cost_given, other_cost.changes) == ("2", 10.2, ())


def test_statements_are_marked_by_what_touches_them(shop: Facts) -> None:
    oid = next(oid for oid, relation in shop.relations.items() if relation.name == "lines")
    planner = FakePlanner(
        tree,
        shortfalls=(
            Shortfall(what="collation c", reason="It is another one.", relation_oids=(oid,)),
            Shortfall(what="function gone", reason="It is gone.", names=("gone",), prevents=True),
            Shortfall(what="extension z", reason="It is touched by nothing.", names=("zone",)),
        ),
    )
    result = whatif_of(shop, planner, Change())
    marks = {each.query_id: each.marks for each in result.statements}
    assert marks == {"1": (), "2": (), "3": (1,), "4": (1, 2), "5": (), "7": ()}
    assert [(each.number, each.what, each.statements) for each in result.shortcomings] == [
        (1, "collation c", 2),
        (2, "function gone", 1),
        (3, "extension z", 0),
    ]


def test_a_planner_that_is_unable_says_why(shop: Facts) -> None:
    with pytest.raises(Unable, match="no GIN here"):
        whatif_of(shop, FakePlanner(tree, unable_because="no GIN here"), change(shop))
