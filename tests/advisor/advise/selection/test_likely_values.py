"""Which values a statement's calls had, by the rows that it returned."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest

from pgadvisor.advise.selection.likely_values import with_likely_values
from pgadvisor.advise.selection.loads import Load, loads_of
from pgadvisor.facts import Facts
from pgadvisor.model.whatif import AS_IS, Configuration
from pgadvisor.planner.counted import Counted
from support.fake_planner import FakePlanner
from support.snapshots import facts

SEARCH = "select id from t where state = $1"
# Rows that the planner expects for each value, and for unknown ones.
ROWS = {None: 500_000, "done": 999_000, "late": 2400, "open": 600}
# The same of a queue, planned for ten at most, and for a tenth where it is unknown how many; of none it expects one.
QUEUE = "select id from t where state = $1 order by id limit $2"
TAKEN = {None: 2500, "done": 10, "ready": 10, "none": 1}


def known(text: str = SEARCH, rows: int = 60_300, calls: int = 100, plans: Any = None) -> Facts:
    values = [{"tree": "Seq Scan on t cost=9", "parameters": [value]} for value in ROWS if value]
    statement = {"id": "q", "text": text, "calls": calls, "rows": rows, "total_ms": 1e5, "plans": plans or values}
    return facts(
        {
            "tables": {"public.t": {"columns": ["id int", "state text"], "rows": 1e6}},
            "statements": [statement, {"id": "r", "text": "select id from t", "total_ms": 1e5}],
        }
    )


def queue(rows: int, text: str = QUEUE, limit: str = "10") -> Facts:
    plans = [
        {
            "tree": "Seq Scan on t cost=9",
            "parameters": [value, limit],
            "values": "absent" if value == "none" else "rare",
        }
        for value in TAKEN
        if value
    ]
    return known(text, rows, plans=plans)


def weights(
    given: Facts, load: Load | None = None, expected: Mapping[str | None, int] | None = None
) -> dict[str | None, float]:
    rows: Mapping[str | None, int] = ROWS if expected is None else expected
    planner = FakePlanner(
        lambda question, _: f"Seq Scan on t cost=1 rows={rows[question.values[0] if question.values else None]}"
    )
    loads = [each if load is None or each.query_id != "q" else load for each in loads_of(given)]
    (found,) = (each for each in with_likely_values(given, loads, planner) if each.query_id == "q")
    return {
        question.values[0] if question.values else None: round(weight, 2)
        for question, weight in zip(found.questions, found.weights, strict=True)
    }


def test_values_that_return_far_more_than_was_returned_were_not_called() -> None:
    # 603 rows a call: all may be open, a quarter may be late, and one in a thousand done.
    assert weights(known()) == {None: 0.0, "done": 0.0, "late": 0.2, "open": 0.8}


@pytest.mark.parametrize(
    "given",
    [
        # No values explain so few rows, or so many.
        known(rows=1000),
        known(rows=10**9),
        known(rows=6_000_000),
        # What was written is not what is returned.
        known(text="delete from t where state = $1"),
        known(calls=0),
    ],
)
def test_without_a_word_of_what_was_called_all_values_count(given: Facts) -> None:
    assert weights(given) == dict.fromkeys(ROWS, 0.25)


def test_values_that_return_far_fewer_were_called_as_often_as_others_make_up_for() -> None:
    # None returns more than was returned on average.
    assert weights(known(rows=99_900_000)) == {None: 0.5, "done": 0.5, "late": 0.0, "open": 0.0}
    # 496 rows a call: a tenth of them may be for the one of ten rows, if all others are for one of 550.
    few = {None: 550, "done": 550, "late": 550, "open": 10}
    assert weights(known(rows=49_600), expected=few) == {None: 0.32, "done": 0.32, "late": 0.32, "open": 0.04}


@pytest.mark.parametrize(
    ("rows", "there", "none"),
    [
        # Each call took one, or each ten, or each fifty, of which a plan for ten says nothing.
        (100, 0.33, 0.0),
        (1000, 0.33, 0.0),
        (5000, 0.33, 0.0),
        # One in twenty found nothing; and nine in ten.
        (95, 0.33, 0.02),
        (10, 0.08, 0.75),
        # Calls that never return anything are for what is not there.
        (0, 0.0, 1.0),
    ],
)
def test_a_value_that_is_not_there_returns_nothing(rows: int, there: float, none: float) -> None:
    assert weights(queue(rows), expected=TAKEN) == {None: there, "done": there, "ready": there, "none": none}


def test_a_value_of_fewer_rows_than_the_limit_returns_those() -> None:
    few = {**TAKEN, "ready": 4}
    assert weights(queue(5000), expected=few) == {None: 0.5, "done": 0.5, "ready": 0.0, "none": 0.0}


def test_a_limit_further_down_says_nothing() -> None:
    """By which the statement itself may return more rows than that."""
    below = "select t.id from t, lateral (select 1 from t u where u.id > t.id limit $2) v where state = $1"
    many = {None: 500_000, "done": 1_000_000, "ready": 12, "none": 12}
    assert weights(queue(1200, below), expected=many) == {None: 0.0, "done": 0.0, "ready": 0.5, "none": 0.5}


def test_a_limit_of_any_length_is_read() -> None:
    assert sum(weights(queue(100, limit="9" * 5000), expected=TAKEN).values()) == pytest.approx(1.0, abs=0.02)


@pytest.mark.parametrize("text", ["select count(*) from t where state = $1 limit $2", SEARCH])
def test_what_returns_one_row_for_any_value_says_nothing_of_them(text: str) -> None:
    assert set(weights(queue(100, text), expected=dict.fromkeys(TAKEN, 1)).values()) == {0.25}


def test_calls_that_were_seen_count_as_they_are() -> None:
    given = known()
    (load,) = (each for each in loads_of(given) if each.query_id == "q")
    seen = replace(load, weights=(0.0, 1.0, 0.0, 0.0))
    assert sorted(weights(given, seen).values()) == [0.0, 0.0, 0.0, 1.0]


def test_what_takes_next_to_nothing_is_not_asked_about() -> None:
    given = known()
    loads = [replace(each, total_ms=1.0 if each.query_id == "q" else 1e5) for each in loads_of(given)]
    planner = FakePlanner(lambda *_: "Seq Scan on t cost=1 rows=600")
    assert with_likely_values(given, loads, planner)
    assert {question.query_id for question, _ in planner.asked} <= {"r"}


def test_no_more_is_asked_than_a_part_of_what_may_be_and_each_plan_counts_once() -> None:
    given = known()
    planner = FakePlanner(lambda *_: "Seq Scan on t cost=1 rows=600")
    # Four questions are too many of 39.
    for most, explains in ((39, 0), (40, 4)):
        counted = Counted(planner, most)
        planner.asked.clear()
        loads = with_likely_values(given, loads_of(given), counted)
        assert counted.explains == len(planner.asked) == explains
    asked = [(question, AS_IS) for load in loads for question in load.questions]
    assert all(counted.uses(asked))
    assert all(counted.costs([question for question, _ in asked]))
    assert counted.explains == len(planner.asked) == 5
    # Otherwise than as it is nothing is remembered.
    changed = Configuration(settings=(("work_mem", "1GB"),))
    assert all(counted.costs([asked[0][0]], changed))
    assert counted.explains == 6
