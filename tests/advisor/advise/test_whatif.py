"""What is made of a planner's answers: who gains, who loses, in what time, how far to believe it."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from pgadvisor.advise.whatif import Change, Refused, Unable, whatif_of
from pgadvisor.advise.whatif_given import meant
from pgadvisor.advise.whatif_totals import total_of
from pgadvisor.analyze import read_facts
from pgadvisor.collecting.one import put_in_as_well
from pgadvisor.facts import Facts
from pgadvisor.model.effects import Effect, TimeRange
from pgadvisor.model.whatif import AS_IS, Configuration, Shortfall
from pgadvisor.model.whatif_result import WhatIfResult
from pgadvisor.planner.protocol import Question
from pgadvisor.registry import load_whatif, load_whatif_terminal
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
    assert workload.estimated is not None
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
    # Numbered as a reader meets them, whatever the planner names first.
    planner.shortfalls = planner.shortfalls[::-1]
    result = whatif_of(shop, planner, Change())
    assert [(each.number, each.what, each.statements) for each in result.shortcomings] == [
        (1, "collation c", 2),
        (2, "function gone", 1),
        (3, "extension z", 0),
    ]


def test_a_planner_that_is_unable_says_why(shop: Facts) -> None:
    with pytest.raises(Unable, match="no GIN here"):
        whatif_of(shop, FakePlanner(tree, unable_because="no GIN here"), change(shop))


def test_settings_that_are_units_of_cost_are_judged_by_plans_alone(shop: Facts) -> None:
    def other(question: Question, configuration: Configuration) -> str:
        if not configuration.settings:
            return tree(question, AS_IS)
        if question.query_id == "2" or question.values:
            return "Index Only Scan using x on public.orders cost=1 rows=1"
        return tree(question, AS_IS).replace("cost=", "cost=9")

    change = Change(settings=(("random_page_cost", "1.1"),))
    result = whatif_of(shop, FakePlanner(other), change)
    by_id = {each.query_id: each for each in result.statements}
    assert [(each, by_id[each].effect) for each in "123"] == [
        # Only for a common value is it another one.
        ("1", Effect.OTHER_PLAN),
        ("2", Effect.OTHER_PLAN),
        ("3", Effect.STAYS),
    ]
    assert [each.query_id for each in result.statements[:2]] == ["1", "2"]
    assert all(each.estimated is None for each in result.statements)
    assert by_id["2"].plan_changes == (
        "Index Only Scan using x instead of Index Scan using orders_status_idx on public.orders",
    )
    assert by_id["1"].plans is not None
    assert (by_id["1"].by_value, by_id["1"].plans.planned_for) == (True, "a common value")
    work = result.workload
    assert (work.gain, work.lose, work.stay, work.other_plan, work.estimated) == (0, 0, 1, 2, None)
    text = told(result)
    page = load_whatif("html")(result).decode()
    for said in (text, page):
        assert "2 with another plan, 1 with the same plan, 3 that could not be planned." in said
        assert "costs before and after cannot be compared, no time can be estimated" in said
        assert "Index Only Scan using x instead of Index Scan using orders_status_idx" in said
        for untrue in ("times less", "times more", "Gain", "Lose", "or less"):
            assert untrue not in said
    assert "9.15 s measured" in text
    as_it_is = facts(SHOP | {"settings": {"random_page_cost": "1.1"}})
    assert not whatif_of(as_it_is, FakePlanner(tree), change).workload.units_differ


def test_what_cannot_be_planned_any_more_is_said(shop: Facts) -> None:
    def lost(question: Question, configuration: Configuration) -> str:
        return "!No such table." if configuration.settings else tree(question, configuration)

    result = whatif_of(shop, FakePlanner(lost), Change(settings=(("search_path", "x"),)))
    work = result.workload
    assert (work.lost, work.not_planned, work.stay) == (3, 6, 0)
    assert result.reasons[0].reason == "Planned as it is, but not after the change: No such table."
    text = told(result)
    page = load_whatif("html")(result).decode()
    for said in (text, page):
        assert "3 planned before that cannot be planned after, 3 that could not be planned." in said
        assert "Planned as it is, but not after the change: No such table." in said
        assert "0, the same" not in said
    assert "measured" not in text


def test_totals_are_bounded_on_one_side_in_one_unit(shop: Facts) -> None:
    result = whatif_of(shop, FakePlanner(tree), Change(change(shop).create))
    work = result.workload
    assert work.estimated is not None
    assert (work.estimated.low_ms, round(work.estimated.high_ms or 0)) == (0, 900 + 100 + 50)
    assert "9.15 s measured → estimated 1.05 s or less (8.71 times less)" in told(result)
    near = [TimeRange(low_ms=0, high_ms=53_700), TimeRange(low_ms=50, high_ms=50)]
    after = msgspec.structs.replace(work, total_ms=66_000, estimated=total_of(near))
    assert "1.1 min measured → estimated 0.896 min or less (18.6% less)" in told(
        msgspec.structs.replace(result, workload=after)
    )


def test_a_text_is_shown_as_it_was_typed_and_refused_where_it_has_no_plan(shop: Facts) -> None:
    text = "SELECT gone('my own')  FROM lines -- mine"
    shown = whatif_of(shop, FakePlanner(tree), Change(), asked=["3"], typed={"3": text})
    assert next(each.text for each in shown.statements if each.asked) == text
    assert text in told_exactly(shown)
    snapshot, query_id = put_in_as_well(shop.snapshot, "SELECT total FROM ordrs")
    given, _ = read_facts(snapshot)
    planner = FakePlanner(lambda *_: '!The server does not know a name in it: relation "ordrs" does not exist')
    with pytest.raises(Refused, match="does not know a name in it"):
        whatif_of(given, planner, Change(), asked=[query_id])
    assert meant('relation "ordrs" does not exist', given) == " Did you mean orders?"
    assert meant("column o.statu does not exist", given) == " Did you mean status?"
    # What it lacks itself is no fault of the text's.
    planner.shortfalls = (Shortfall(what="extension z", reason="Gone.", names=("ordrs",), prevents=True),)
    assert whatif_of(given, planner, Change(), asked=[query_id]).workload.not_planned == 7


def told_exactly(result: WhatIfResult) -> str:
    return load_whatif_terminal()(result, 80, False)


def told(result: WhatIfResult) -> str:
    return " ".join(told_exactly(result).replace("\N{NARROW NO-BREAK SPACE}", " ").split())


def test_what_is_not_known_of_an_index_is_said() -> None:
    bare = facts({"tables": SHOP["tables"]})
    (created,) = whatif_of(bare, FakePlanner(tree), Change(change(bare).create)).created
    assert created.size_guessed
    assert [each.partition(":")[0] for each in created.caveats] == [
        "Its size is a guess, by types alone",
        "No statements are known, so nobody knows what would use it. Ask by --query",
    ]
    tables = {"public.orders": SHOP["tables"]["public.orders"] | {"stats": {"customer_id": {"n_distinct": 5}}}}
    known = facts({"tables": tables})
    (created,) = whatif_of(known, FakePlanner(tree), Change(change(known).create)).created
    assert (created.size_guessed, len(created.caveats)) == (False, 1)
