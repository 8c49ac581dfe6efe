"""A change is judged by the values that are known, and by those given; what an index is not good for is told."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from pgadvisor.advise.whatif import Change, whatif_of
from pgadvisor.advise.whatif_judging import Costs, estimated, judged
from pgadvisor.advise.whatif_values import ValueSets
from pgadvisor.analyze import read_facts
from pgadvisor.collecting.one import put_in_as_well
from pgadvisor.facts import Facts
from pgadvisor.model.effects import Effect, TimeRange
from pgadvisor.model.statements import ParameterSample
from pgadvisor.model.whatif import Configuration
from pgadvisor.model.whatif_result import WhatIfResult, WhatIfStatement
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
            "columns": ["id bigint not null", "customer_id bigint", "status text", "total numeric"],
            "indexes": {"orders_pkey": "unique primary btree (id)", "orders_status_idx": "btree (status)"},
            "counters": {"rows_inserted": 60_000},
            "stats": {
                "customer_id": {"n_distinct": 25_000},
                "id": {"n_distinct": -1},
                "status": {"n_distinct": 3},
                "total": {"n_distinct": 900},
            },
        },
    },
    "statements": [
        {
            "id": "1",
            "text": "SELECT count(*) FROM orders WHERE status = $1",
            "calls": 100,
            "total_ms": 1000,
            "plans": [
                {"tree": "Seq Scan on public.orders cost=5000 rows=10"},
                *(
                    {
                        "tree": "Seq Scan on public.orders cost=5000 rows=10",
                        "method": method,
                        "values": values,
                        "parameters": [value],
                    }
                    for method, values, value in (
                        ("executed", "common", "done"),
                        ("values", "rare", "open"),
                        ("values", "absent", "gone"),
                    )
                ),
            ],
        },
        {"id": "2", "text": "SELECT id FROM orders WHERE id = $1", "calls": 5, "total_ms": 50},
    ],
}
TEXT = "SELECT * FROM orders WHERE status = 'open' AND total > 990"
PARTIAL = "CREATE INDEX ON orders (total) WHERE status = 'open'"


def tree(question: Question, configuration: Configuration) -> str:
    """The index made helps for open orders alone; without the one on status rare ones are a hundred times dearer."""
    if question.text.startswith("SELECT 1 FROM"):
        return f"Seq Scan on public.orders cost=1 rows={1_500 if 'WHERE' in question.text else 100_000}"
    values = question.values or ()
    if configuration.create and "open" in values:
        return "Index Scan using idx_orders_total on public.orders cost=50 rows=9"
    if question.query_id == "1" and "open" in values:
        return f"Index Scan using orders_status_idx on public.orders cost={8000 if configuration.drop else 500} rows=9"
    if question.query_id == "1" and "gone" in values:
        return f"Index Scan using orders_status_idx on public.orders cost={8000 if configuration.drop else 5} rows=9"
    if question.query_id == "1":
        return f"Seq Scan on public.orders cost={8000 if configuration.drop else 5000} rows=10"
    return f"Index Scan using orders_pkey on public.orders cost={500 if values else 5000} rows=1"


@pytest.fixture
def shop() -> Facts:
    return facts(SHOP)


def imagined(shop: Facts, *created: str, drop: tuple[str, ...] = ()) -> Change:
    return Change(
        tuple(read_index(text, shop.snapshot.catalog, ("public",)) for text in created),
        tuple(find_index(name, shop.indexes.values(), ("public",)) for name in drop),
    )


def row(result: WhatIfResult, query_id: str) -> WhatIfStatement:
    return next(each for each in result.statements if each.query_id == query_id)


def told(result: WhatIfResult) -> str:
    return " ".join(load_whatif_terminal()(result, 80, False).replace("\N{NARROW NO-BREAK SPACE}", " ").split())


def test_what_gains_for_some_values_alone_is_seen(shop: Facts) -> None:
    result = whatif_of(shop, FakePlanner(tree), imagined(shop, PARTIAL))
    first = row(result, "1")
    assert (first.effect, first.by_value, first.planned_for) == (Effect.GAINS, True, "")
    assert (first.cost_before, first.cost_after, result.workload.gain, result.workload.by_value) == (5000, 5000, 1, 1)
    # Nobody knows how many of its calls are for that value: it may stay as it is.
    assert first.estimated == TimeRange(low_ms=0, high_ms=1000)
    assert [(each.label, each.effect) for each in first.by_values] == [
        ("a common value", Effect.STAYS),
        ("a rare value", Effect.GAINS),
        ("a value that is not there", Effect.STAYS),
    ]
    assert first.plans is not None
    assert (first.plans.planned_for, len(first.plans.changes)) == ("a rare value", 1)
    assert result.statements[0] == first
    assert "Cost, weighted by calls: 525 000 → 525 000, the same" in told(result)
    assert (
        "It depends on the value: a common value 5 000 → 5 000 (the same), a rare value 500 → 50.00 (10 times"
        in told(result)
    )
    page = load_whatif("html")(result).decode()
    assert "For a rare value: Index Scan using idx_orders_total instead of" in page
    assert "It depends on the value" in page
    # The costs are those for the values that gain.
    assert '<td class="change">10 times less</td>' in page
    assert "100 500 50.00 10 times less 1 s → 1 s or less 1 for a rare value: SELECT" in told(result)


def test_what_loses_most_for_a_rare_value_has_no_upper_bound(shop: Facts) -> None:
    planner = FakePlanner(tree)
    result = whatif_of(shop, planner, imagined(shop, drop=("orders_status_idx",)))
    first = row(result, "1")
    assert (first.effect, first.by_value) == (Effect.LOSES, True)
    assert first.estimated is not None
    assert (round(first.estimated.low_ms), first.estimated.high_ms) == (round(1000 * 1.6**0.5), None)
    assert result.workload.estimated is not None
    assert (round(result.workload.estimated.low_ms), result.workload.estimated.high_ms) == (1315, None)
    assert "1 s → 1.26 s or more" in told(result)
    assert "a value that is not there 5.00 → 8 000 (1 600 times more)" in told(result)


def test_the_values_given_are_what_is_asked_about(shop: Facts) -> None:
    snapshot, query_id = put_in_as_well(shop.snapshot, TEXT)
    given, _ = read_facts(snapshot)
    result = whatif_of(given, FakePlanner(tree), imagined(given, PARTIAL), asked=[query_id])
    asked = row(result, query_id)
    assert (asked.effect, asked.planned_for, asked.cost_before, asked.cost_after) == (
        Effect.GAINS,
        "the values given",
        500,
        50,
    )
    assert asked.by_value
    assert [(each.label, each.given, each.cost_before) for each in asked.by_values] == [
        ("the values given", True, 500),
        ("unknown values", False, 5000),
    ]
    assert asked.plans is not None
    assert asked.plans.before is not None
    assert (asked.plans.before.method, asked.plans.planned_for) == ("values", "the values given")
    text = told(result)
    assert "for the values given, cost 500 → 50.00, 10 times less" in text
    assert "For the values given: Index Scan using idx_orders_total instead of" in text
    # The literals are masked but where their user gave them, in the index.
    assert "990" not in repr(msgspec.structs.replace(result, created=()))
    stays = whatif_of(given, FakePlanner(tree), imagined(given, drop=("orders_status_idx",)), asked=[query_id])
    assert row(stays, query_id).effect is Effect.STAYS
    as_it_is = row(whatif_of(given, FakePlanner(tree), Change(), asked=[query_id]), query_id)
    assert (as_it_is.cost_before, as_it_is.planned_for) == (500, "the values given")


def test_values_given_that_are_refused_are_told(shop: Facts) -> None:
    snapshot, query_id = put_in_as_well(shop.snapshot, TEXT)
    given, _ = read_facts(snapshot)
    planner = FakePlanner(lambda question, change: "!Not a number." if question.values else tree(question, change))
    result = whatif_of(given, planner, imagined(given, PARTIAL), asked=[query_id])
    asked = row(result, query_id)
    assert (asked.effect, asked.reason) == (Effect.NOT_PLANNED, "Not a number.")
    assert [(each.label, each.cost_before) for each in asked.by_values] == [
        ("the values given", None),
        ("unknown values", 5000),
    ]


def test_gains_and_losses_are_bounded_where_they_are_least() -> None:
    def range_of(*costs: tuple[float, float]) -> tuple[float, float | None]:
        found = estimated(100, [Costs(*each) for each in costs])
        assert found is not None
        return round(found.low_ms, 3), None if found.high_ms is None else round(found.high_ms, 3)

    assert range_of((100, 1)) == (0, 10)
    assert range_of((1, 100)) == (1000, None)
    assert range_of((100, 100.5)) == (100, 100)
    # The least of several, and either way where they part.
    assert range_of((100, 1), (100, 25)) == (0, 50)
    assert range_of((1, 4), (1, 100)) == (200, None)
    assert range_of((100, 1), (100, 900)) == (0, None)
    # What costs next to nothing was not what took the time.
    assert range_of((5000, 8), (4.9, 8)) == (0, 4)
    # Costs in other units cannot be compared.
    assert range_of((100, 50)) == (0, 70.711)
    assert estimated(100, [Costs(100, 50, other_plan=True)]) is None
    assert estimated(100, [Costs(None, None)]) is None


def test_values_decide_where_unknown_ones_stay() -> None:
    stays, gains, loses = Costs(100, 100), Costs(100, 50), Costs(100, 150)
    assert judged(stays, [gains, stays]) == (Effect.GAINS, True)
    assert judged(stays, [gains, loses]) == (Effect.LOSES, True)
    assert judged(gains, [loses]) == (Effect.GAINS, True)
    assert judged(gains, [gains]) == (Effect.GAINS, False)
    assert judged(gains, [Costs(100, 1)]) == (Effect.GAINS, True)
    assert judged(stays, [gains], alone=True) == (Effect.STAYS, True)
    assert judged(Costs(None, None), [gains]) == (Effect.NOT_PLANNED, False)


@pytest.mark.parametrize(
    ("created", "caveat"),
    [
        (["CREATE INDEX ON orders (status)"], "It exists already: public.orders_status_idx"),
        (["CREATE INDEX ON orders (total)"] * 2, "It is imagined twice"),
        (["CREATE UNIQUE INDEX ON orders (customer_id)"], "It cannot be unique: by the statistics about 4 rows share"),
        (["CREATE UNIQUE INDEX ON orders (id, customer_id)"], "No statement of the workload uses it"),
        (["CREATE INDEX ON orders (customer_id) WHERE total > 5"], "ask by --query with values"),
        ([PARTIAL], ""),
    ],
)
def test_what_is_to_be_minded_of_an_index(shop: Facts, created: list[str], caveat: str) -> None:
    result = whatif_of(shop, FakePlanner(tree), imagined(shop, *created))
    caveats = result.created[-1].caveats
    assert len(caveats) == bool(caveat), caveats
    if caveat:
        assert caveat in caveats[0]
        assert f"Mind: {caveat[:20]}" in told(result) or "Mind: No statement" in told(result)
        assert caveat in load_whatif("html")(result).decode()


def test_one_that_stands_in_for_a_dropped_one_does_not_exist_already(shop: Facts) -> None:
    change = imagined(shop, "CREATE INDEX ON orders (status)", drop=("orders_status_idx",))
    assert not any("exists" in each for each in whatif_of(shop, FakePlanner(tree), change).created[0].caveats)


def test_entries_of_a_partial_index_are_those_of_its_rows(shop: Facts) -> None:
    (index,) = whatif_of(shop, FakePlanner(tree), imagined(shop, PARTIAL)).created
    price = {each.label.partition(", ")[0]: each for each in index.price}
    assert price["index entries written"].value == 60_000 * 0.015 / 60
    assert price["index entries written"].label == "index entries written, about, per day"
    assert (price["time to build"].label, price["time to build"].value) == ("time to build, about", 0.1)


def test_values_of_real_calls_are_known_too() -> None:
    sample = ParameterSample(query_id="1", values=("lost",), source="log")
    snapshot = facts(SHOP).snapshot
    assert snapshot.statements is not None
    statements = msgspec.structs.replace(snapshot.statements, samples=(sample,))
    known = ValueSets(Facts(msgspec.structs.replace(snapshot, statements=statements), {}), show_values=False)
    assert [(each.label, each.values) for each in known.of("1")][-1] == ("call 1 in a log", ("lost",))
    assert known.of("1")[-1].shown == ("$1 = …",)
