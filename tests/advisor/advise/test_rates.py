"""A rate never claims more than its window allows."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import msgspec
import pytest

from pgadvisor.advise.index_advice import advise_indexes
from pgadvisor.advise.price import price_of_creation
from pgadvisor.advise.rates import of_statements, of_writes, rate
from pgadvisor.config import IndexesConfig
from pgadvisor.facts import Facts
from pgadvisor.model.catalog import IndexDefinition, IndexKey
from pgadvisor.model.counters import SERVER_START, Window
from pgadvisor.model.report import RateUnit
from support.fake_planner import FakePlanner
from support.snapshots import facts

NOW = datetime(2026, 1, 2, tzinfo=UTC)


def window(**span: float) -> Window:
    return Window(since=NOW - timedelta(**span), until=NOW, source="test")


@pytest.mark.parametrize(
    ("seen", "value", "per"),
    [
        (window(days=2), 50.0, RateUnit.PER_DAY),
        (window(hours=24), 100.0, RateUnit.PER_DAY),
        (window(hours=10), 10.0, RateUnit.PER_HOUR),
        (window(minutes=59), 100.0, RateUnit.TOTAL),
        (Window(since=None, until=NOW, source="unknown"), 100.0, RateUnit.TOTAL),
        (None, 100.0, RateUnit.TOTAL),
    ],
)
def test_rate(seen: Window | None, value: float, per: RateUnit) -> None:
    made = rate(100.0, seen)
    assert (made.value, made.per, made.total) == (value, per, 100.0)


@pytest.mark.parametrize(
    ("seen", "value", "per"),
    [
        (window(minutes=10), 600.0, RateUnit.PER_HOUR),
        (window(seconds=59), 100.0, RateUnit.TOTAL),
        (window(hours=23), 100.0 / 23, RateUnit.PER_HOUR),
        (window(days=2), 50.0, RateUnit.PER_DAY),
    ],
)
def test_an_interval_between_two_looks_is_a_rate_sooner_but_never_per_day_before_it_is_one(
    seen: Window, value: float, per: RateUnit
) -> None:
    made = rate(100.0, seen, is_interval=True)
    assert (made.value, made.per, made.total) == (value, per, 100.0)


def begun_by(source: str, counters_days: float = 10.0, statements_days: float = 2.0) -> Facts:
    """A table that is written to, whose counters' window begins by something."""
    table = {
        "rows": 100_000,
        "columns": ["id bigint", "state text"],
        "counters": {"rows_updated": 50_000, "rows_hot_updated": 0},
    }
    update = {"id": "1", "text": "UPDATE jobs SET state = $1 WHERE id = $2", "calls": 10, "rows": 10, "total_ms": 5.0}
    made = facts(
        {
            "tables": {"public.jobs": table},
            "statements": [update],
            "counters_days": counters_days,
            "statements_days": statements_days,
        }
    )
    assert made.snapshot.counters is not None
    window = msgspec.structs.replace(made.snapshot.counters.window, source=source)
    counters = msgspec.structs.replace(made.snapshot.counters, window=window)
    return Facts(msgspec.structs.replace(made.snapshot, counters=counters), made.shapes)


def labels(seen: Facts) -> list[str]:
    index = IndexDefinition(schema="public", table="jobs", keys=(IndexKey(column="state"),))
    return [line.label for line in price_of_creation(index, seen, size_bytes=3_000_000)]


def test_what_counters_kept_over_a_clean_restart_is_at_most_so_much_in_their_window() -> None:
    kept, reset = begun_by(SERVER_START), begun_by("reset of this database's counters")
    assert (of_writes(50_000.0, kept).value, of_writes(50_000.0, kept).at_most) == (5_000.0, True)
    assert (of_writes(50_000.0, reset).value, of_writes(50_000.0, reset).at_most) == (5_000.0, False)
    # Statements have a window of their own.
    assert not of_statements(50_000.0, kept).at_most


def test_prices_from_counters_kept_over_a_clean_restart_are_told_as_the_most() -> None:
    kept = labels(begun_by(SERVER_START))
    assert {"index entries written, at most, per day", "writes take longer, at most, per day"} <= {*kept}
    reset = labels(begun_by("reset of this database's counters"))
    assert {"index entries written, per day", "writes take longer, about, per day"} <= {*reset}
    # Of statements that were counted before the start nobody knows which of the two covers more.
    assert labels(begun_by(SERVER_START, counters_days=1.0)) == reset


@pytest.mark.parametrize(("source", "bound"), [(SERVER_START, True), ("reset of this database's counters", False)])
def test_advice_says_so_of_its_prices(source: str, bound: bool) -> None:
    planner = FakePlanner(lambda *_: "Result cost=1 rows=1")
    advised = advise_indexes(begun_by(source), planner, IndexesConfig())
    assert advised.advice.writes_at_most is bound
