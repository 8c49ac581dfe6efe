"""Amounts over an observation window, as the rates that window allows."""

from __future__ import annotations

from msgspec.structs import replace

from pgadvisor.facts import Facts
from pgadvisor.model.counters import SERVER_START, Window
from pgadvisor.model.report import Rate, RateUnit

SECONDS_PER_HOUR = 3_600.0
SECONDS_PER_DAY = 86_400.0
# Counts arrive up to a second late, so that in an interval of a minute a rate is off by a few percent at most.
MIN_INTERVAL_S = 60.0


def of_statements(total: float, facts: Facts) -> Rate:
    """An amount that statements took or did, over the time in which they were counted."""
    return rate(total, facts.snapshot.calls_window, is_interval=facts.snapshot.change is not None)


def of_writes(total: float, facts: Facts) -> Rate:
    """What was written to tables and indexes, over the time in which writes were counted, or at most so much."""
    window = facts.snapshot.writes_window
    found = rate(total, window, is_interval=facts.snapshot.change is not None)
    return replace(found, at_most=True) if outlives(window) else found


def outlives(window: Window | None) -> bool:
    """Whether what was counted in a window may be of longer.

    Counters outlive a clean stop (https://www.postgresql.org/docs/current/monitoring-stats.html), so that a window
    which nothing but the server's start begins is the least they cover. After a crash they begin anew, and their own
    reset begins the window.
    """
    return window is not None and window.source == SERVER_START


def writes_are_bounds(facts: Facts) -> bool:
    """Whether writes told for the statements' window are at most so many.

    They are shares of what tables have counted, for longer than their window where that began with the server. Where
    statements were counted for longer than that, nobody knows which of the two covers more.
    """
    calls, writes = facts.snapshot.calls_window, facts.snapshot.writes_window
    if not facts.counts_writes or calls is None or writes is None or calls.seconds is None or not outlives(writes):
        return False
    return writes.seconds is not None and calls.seconds <= writes.seconds


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
