"""Which sets of values a statement is worth planning with, from statistics alone."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from pgadvisor.facts import Facts
from pgadvisor.model.objects import ExtendedStatistics
from pgadvisor.model.plans import ValueChoice
from pgadvisor.model.statements import ParameterSample
from pgadvisor.planner.guard import ParameterType
from pgadvisor.planner.values import ValueSet, divergence, value_sets
from support.snapshots import facts

TEXT = ParameterType("text", is_array=False)
INT = ParameterType("integer", is_array=False)
INTS = ParameterType("integer[]", is_array=True)
TIME = ParameterType("timestamp with time zone", is_array=False)
INTERVAL = ParameterType("interval", is_array=False)
LIMIT = ParameterType("bigint", is_array=False)
DAYS = [f"2026-01-{day:02} 00:00:00+00" for day in range(1, 32)]
COLUMNS = [
    "id integer not null",
    "status text",
    "n integer",
    "at timestamptz",
    "name text",
    "payload jsonb",
    "city text",
]
STATS: dict[str, Any] = {
    "id": {"n_distinct": -1, "bounds": ["1", "50000", "100000"]},
    "status": {"n_distinct": 3, "values": ["done", "new", "it's"], "frequencies": [0.98, 0.019, 0.001]},
    "n": {
        "n_distinct": 200,
        "values": ["7", "8"],
        "frequencies": [0.5, 0.1],
        "bounds": [str(i) for i in range(9, 200)],
    },
    "at": {"n_distinct": -0.5, "bounds": DAYS},
    "name": {"n_distinct": -0.5, "values": ["Anna_%"], "frequencies": [0.2], "bounds": ["Abel", "Marta", "Zoe"]},
    "city": {"n_distinct": 10, "values": ["Rome"], "frequencies": [0.1]},
}


def known(text: str, rows: float = 100_000, **stats: Any) -> Facts:
    table = {"columns": COLUMNS, "rows": rows, "stats": STATS | stats}
    return facts({"tables": {"public.t": table}, "statements": [{"id": "1", "text": text}]})


def sets(text: str, *types: ParameterType, found: Facts | None = None, most: int = 9) -> list[ValueSet]:
    found = found or known(text)
    return value_sets(found.shapes["1"], types, found, text=text, most=most)


def chosen(text: str, *types: ParameterType, found: Facts | None = None) -> dict[ValueChoice, tuple[str | None, ...]]:
    return {each.choice: each.texts for each in sets(text, *types, found=found)}


def test_a_skewed_column_gives_a_common_a_rare_and_an_absent_value() -> None:
    text = "SELECT * FROM t WHERE status = $1 AND id > 5 LIMIT $2"
    assert chosen(text, TEXT, LIMIT) == {
        ValueChoice.COMMON: ("done", "10"),
        ValueChoice.RARE: ("it's", "10"),
        ValueChoice.ABSENT: ("no such value in pg_stats", "10"),
    }
    assert [each.choice for each in sets(text, TEXT, LIMIT, most=2)] == [ValueChoice.COMMON, ValueChoice.RARE]
    sources = [value.source for each in sets(text, TEXT, LIMIT) for value in each.values if value.position == 1]
    assert sources == [
        "common value, in 98% of the rows, of public.t.status",
        "rare value, in 0.10% of the rows, of public.t.status",
        "none of the values in the statistics of public.t.status",
    ]
    seldom = STATS["status"] | {"frequencies": [0.98, 0.019, 0.00003]}
    found = sets(text, TEXT, LIMIT, found=known(text, rows=1e6, status=seldom))
    assert found[1].values[0].source == "rare value, in less than 0.01% of the rows, of public.t.status"


@pytest.mark.parametrize(
    ("text", "types"),
    [
        ("SELECT * FROM t WHERE id = $1", (INT,)),
        ("SELECT * FROM t WHERE city = $1", (TEXT,)),
        ("SELECT * FROM t WHERE status <> $1", (TEXT,)),
        ("SELECT * FROM t LIMIT $1 OFFSET $2", (LIMIT, LIMIT)),
        ("INSERT INTO t (status) VALUES ($1)", (TEXT,)),
        ("SELECT * FROM t WHERE md5(status) = $1", (TEXT,)),
        ("SELECT $1", (TEXT,)),
    ],
)
def test_where_all_values_are_alike_none_is_worth_a_plan(text: str, types: tuple[ParameterType, ...]) -> None:
    assert sets(text, *types) == []
    assert divergence(known(text).shapes["1"], None, known(text)) < 3


def test_a_small_table_is_not_worth_a_plan() -> None:
    text = "SELECT * FROM t WHERE status = $1"
    assert sets(text, TEXT, found=known(text, rows=999)) == []


def test_two_bounds_of_a_column_go_together() -> None:
    found = chosen("SELECT * FROM t WHERE at >= $1 AND at < $2", TIME, TIME)
    assert found[ValueChoice.HIGH][:2] == (DAYS[1], DAYS[28])
    low, high = found[ValueChoice.LOW][:2]
    assert low is not None and high is not None and low < high
    assert chosen("SELECT * FROM t WHERE at BETWEEN $1 AND $2", TIME, TIME)[ValueChoice.HIGH] == (DAYS[1], DAYS[28])
    assert chosen("SELECT * FROM t WHERE at < $1", TIME)[ValueChoice.LOW] == (DAYS[0],)


def test_an_interval_reaches_back_from_the_collection() -> None:
    # The clock of these tests stands at the first of March.
    found = chosen("SELECT * FROM t WHERE at > now() - $1", INTERVAL)
    assert found[ValueChoice.HIGH] == ("56 days",)
    assert found[ValueChoice.LOW] == ("29 days",)


def test_arrays_differ_in_length_and_patterns_in_what_they_fix() -> None:
    arrays = chosen("SELECT * FROM t WHERE n = ANY ($1)", INTS)
    assert (arrays[ValueChoice.HIGH][0], arrays[ValueChoice.LOW][0]) == ('{"7","8"}', '{"104"}')
    patterns = chosen("SELECT * FROM t WHERE name LIKE $1", TEXT)
    assert patterns == {ValueChoice.HIGH: ("%nn%",), ValueChoice.LOW: ("Marta%",)}


def test_a_function_around_both_sides_is_applied_to_the_value() -> None:
    found = chosen("SELECT * FROM t WHERE lower(name) = lower($1)", TEXT)
    assert (found[ValueChoice.COMMON], found[ValueChoice.RARE]) == (("anna_%",), ("marta",))


def test_what_nothing_tells_of_is_a_constant_that_says_so() -> None:
    text = "SELECT date_trunc($1, at), $2 FROM t WHERE status = $3"
    (first, *_) = sets(text, TEXT, ParameterType("hstore", is_array=False), TEXT)
    assert [value.value for value in first.values] == ["day", None, "done"]
    assert [value.source for value in first.values[:2]] == [
        "a usual field of date_trunc", "NULL, for want of a value of type hstore",
    ]  # fmt: skip


def test_values_that_go_together_come_from_extended_statistics() -> None:
    text = "SELECT * FROM t WHERE city = $1 AND status = $2"
    found = known(text)
    (relation,) = found.relations
    together = ExtendedStatistics(
        oid=1, relation_oid=relation, schema="public", name="s", kinds=("mcv",), columns=("status", "city"),
        most_common_values='{{done,Rome},{NULL,Oslo},{"it\'s",Oslo}}', most_common_value_nulls="{{f,f},{t,f},{f,f}}",
        most_common_frequencies="{0.6,0.3,0.01}",
    )  # fmt: skip
    catalog = msgspec.structs.replace(found.snapshot.catalog, extended_statistics=(together,))
    with_them = Facts(msgspec.structs.replace(found.snapshot, catalog=catalog), found.shapes)
    assert chosen(text, TEXT, TEXT, found=with_them) == {
        ValueChoice.COMMON: ("Rome", "done"), ValueChoice.RARE: ("Oslo", "it's"),
    }  # fmt: skip


def test_real_calls_come_first_the_slowest_and_the_fastest() -> None:
    text = "SELECT * FROM t WHERE status = $1"
    found = known(text)
    samples = tuple(
        ParameterSample(query_id="1", values=(value,), source="log", duration_ms=ms)
        for value, ms in (("a", 5.0), ("b", 900.0), (None, 0.1), ("c", 7.0))
    )
    assert found.snapshot.statements is not None
    statements = msgspec.structs.replace(found.snapshot.statements, samples=samples)
    logged = Facts(msgspec.structs.replace(found.snapshot, statements=statements), found.shapes)
    both = sets(text, TEXT, found=logged)[:3]
    assert [(each.choice, each.texts[0]) for each in both] == [
        (ValueChoice.LOGGED, "b"), (ValueChoice.LOGGED, None), (ValueChoice.COMMON, "done"),
    ]  # fmt: skip
    assert both[0].values[0].source == "slowest call in a log"
    unknown = value_sets(logged.shapes["1"], (TEXT,), logged, text=text, most=9, logged=False)
    assert all(each.choice is not ValueChoice.LOGGED for each in unknown)
