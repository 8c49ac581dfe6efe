"""Amounts over an observation window, as the rates that window allows."""

from __future__ import annotations

from pgadvisor.facts import Facts
from pgadvisor.model.counters import Window
from pgadvisor.model.report import Rate, RateUnit

SECONDS_PER_HOUR = 3_600.0
SECONDS_PER_DAY = 86_400.0
# Counts arrive up to a second late, so that in an interval of a minute a rate is off by a few percent at most.
MIN_INTERVAL_S = 60.0


def of_statements(total: float, facts: Facts) -> Rate:
    """An amount that statements took or did, over the time in which they were counted."""
    return rate(total, facts.snapshot.calls_window, is_interval=facts.snapshot.change is not None)


def of_writes(total: float, facts: Facts) -> Rate:
    """What was written to tables and indexes, over the time in which writes were counted."""
    return rate(total, facts.snapshot.writes_window, is_interval=facts.snapshot.change is not None)


def rate(total: float, window: Window | None, *, is_interval: bool = False) -> Rate:
    """Per day over a day or more, per hour over an hour or more, else just the total.

    A window that is shorter says nothing about an hour, and an unknown one nothing about any span. The interval
    between two looks was chosen, and both its ends are known: what was counted in ten minutes of the busiest hour is a
    rate per hour. It is never said per day.
    """
    seconds = None if window is None else window.seconds
    if seconds is None or seconds < (MIN_INTERVAL_S if is_interval else SECONDS_PER_HOUR):
        return Rate(total=total, value=total, per=RateUnit.TOTAL)
    if seconds < SECONDS_PER_DAY:
        return Rate(total=total, value=total / (seconds / SECONDS_PER_HOUR), per=RateUnit.PER_HOUR)
    return Rate(total=total, value=total / (seconds / SECONDS_PER_DAY), per=RateUnit.PER_DAY)
