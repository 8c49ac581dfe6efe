"""Amounts over an observation window, as the rates that window allows."""

from __future__ import annotations

from pgadvisor.model.counters import Window
from pgadvisor.model.report import Rate, RateUnit

SECONDS_PER_HOUR = 3_600.0
SECONDS_PER_DAY = 86_400.0


def rate(total: float, window: Window | None) -> Rate:
    """Per day over a day or more, per hour over an hour or more, else just the total.

    A window that is shorter says nothing about an hour, and an unknown one nothing about any span.
    """
    seconds = None if window is None else window.seconds
    if seconds is None or seconds < SECONDS_PER_HOUR:
        return Rate(total=total, value=total, per=RateUnit.TOTAL)
    if seconds < SECONDS_PER_DAY:
        return Rate(total=total, value=total / (seconds / SECONDS_PER_HOUR), per=RateUnit.PER_HOUR)
    return Rate(total=total, value=total / (seconds / SECONDS_PER_DAY), per=RateUnit.PER_DAY)
