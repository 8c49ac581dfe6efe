"""A rate never claims more than its window allows."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from pgadvisor.advise.rates import rate
from pgadvisor.model.counters import Window
from pgadvisor.model.report import RateUnit

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
