"""Numbers as people read them: scaled units, grouped digits, and the full value beside them."""

from __future__ import annotations

import math
from datetime import UTC, datetime
from typing import NamedTuple

from pgadvisor.model.counters import Window
from pgadvisor.model.findings import Evidence, Unit
from pgadvisor.model.report import Rate, RateUnit, ReportImpact
from pgadvisor.model.spans import GROUP, UNKNOWN, span

__all__ = [
    "GROUP",
    "UNKNOWN",
    "Shown",
    "cost",
    "count",
    "count_rate",
    "duration",
    "evidence",
    "fraction",
    "grouped",
    "impact",
    "moment",
    "rate",
    "significant",
    "size",
    "span",
    "window_length",
]

_SECOND_MS = 1_000.0
_MINUTE_MS = 60 * _SECOND_MS
_HOUR_MS = 60 * _MINUTE_MS
_DAY_MS = 24 * _HOUR_MS
_SCALES = ((_MINUTE_MS, _SECOND_MS, "s"), (_HOUR_MS, _MINUTE_MS, "min"), (2 * _DAY_MS, _HOUR_MS, "h"))


class Shown(NamedTuple):
    """A value as text, and in full for whoever wants to know exactly."""

    text: str
    full: str


def grouped(value: float, decimals: int = 0) -> str:
    """Digits in groups of three.

    >>> grouped(1234567).replace(GROUP, " ")
    '1 234 567'
    """
    return f"{value:,.{decimals}f}".replace(",", GROUP)


def significant(value: float) -> str:
    """Three significant digits, without an exponent.

    >>> [significant(v) for v in (0, 0.01234, 1.5, 12.34, 123.4)]
    ['0', '0.0123', '1.5', '12.3', '123']
    """
    if value == 0:
        return "0"
    decimals = min(max(2 - math.floor(math.log10(abs(value))), 0), 6)
    text = grouped(value, decimals)
    return text.rstrip("0").rstrip(".") if "." in text else text


def _exact(value: float) -> str:
    """Up to three decimals, none that say nothing."""
    text = grouped(value, 3)
    return text.rstrip("0").rstrip(".")


def count(value: float | None) -> Shown:
    """A number of things; from a million on scaled, with the full number beside it."""
    if value is None or not math.isfinite(value):
        return Shown(UNKNOWN, UNKNOWN)
    full = grouped(value) if float(value).is_integer() or abs(value) >= 1_000 else significant(value)
    for limit, name in ((1e12, "trillion"), (1e9, "billion"), (1e6, "million")):
        if abs(value) >= limit:
            return Shown(f"{significant(value / limit)} {name}", full)
    return Shown(full, full)


def duration(ms: float | None) -> Shown:
    """A time given in milliseconds."""
    if ms is None or not math.isfinite(ms):
        return Shown(UNKNOWN, UNKNOWN)
    full = f"{_exact(ms)} ms"
    size = abs(ms)
    if size < _SECOND_MS:
        return Shown("< 0.001 ms" if 0 < size < 0.001 else f"{significant(ms)} ms", full)
    for limit, unit, name in _SCALES:
        if size < limit:
            return Shown(f"{significant(ms / unit)} {name}", full)
    return Shown(f"{significant(ms / _DAY_MS)} days", full)


def size(size_bytes: float | None) -> Shown:
    """A number of bytes, in PostgreSQL's units (1 kB is 1024 bytes)."""
    if size_bytes is None or not math.isfinite(size_bytes):
        return Shown(UNKNOWN, UNKNOWN)
    full = f"{grouped(size_bytes)} bytes"
    value, unit = float(size_bytes), "bytes"
    for name in ("kB", "MB", "GB", "TB", "PB"):
        if abs(value) < 1024:
            break
        value, unit = value / 1024, name
    return Shown(full if unit == "bytes" else f"{significant(value)} {unit}", full)


def fraction(value: float | None) -> Shown:
    """A share of one, as a percentage."""
    if value is None or not math.isfinite(value):
        return Shown(UNKNOWN, UNKNOWN)
    percent = value * 100
    full = f"{_exact(percent)}%"
    if 0 < abs(percent) < 0.1:
        return Shown("< 0.1%", full)
    return Shown(f"{percent:.0f}%" if abs(percent) >= 99.95 or percent == round(percent) else f"{percent:.1f}%", full)


def cost(value: float | None) -> Shown:
    """The planner's cost, which has no unit."""
    if value is None or not math.isfinite(value):
        return Shown(UNKNOWN, UNKNOWN)
    text = grouped(value, 2 if abs(value) < 100 else 0)
    return Shown(text, text if float(value).is_integer() else grouped(value, 2))


def moment(value: datetime | None) -> Shown:
    """A point in time, in UTC, to the minute."""
    if value is None:
        return Shown(UNKNOWN, UNKNOWN)
    utc = value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)
    return Shown(f"{utc:%Y-%m-%d %H:%M} UTC", utc.isoformat())


def window_length(window: Window | None) -> str:
    """How long a window is, in words that also fit an unknown one."""
    if window is None:
        return "not collected"
    return "length unknown" if window.seconds is None else span(window.seconds)


def rate(value: Rate | None, window: Window | None, several: bool = False) -> Shown:
    """Time per day or hour, or in all over a window that is stated.

    several: servers are added up, each of which has counted over a window of its own.
    """
    if value is None:
        return Shown(UNKNOWN, UNKNOWN)
    return _rate(duration(value.value).text, duration(value.total).full, value, _over(value, window, several))


def count_rate(value: Rate | None, noun: str, window: Window | None, several: bool = False) -> Shown:
    """A number of things per day or hour, or in all, as `rate` has it."""
    if value is None:
        return Shown(UNKNOWN, UNKNOWN)
    return _rate(
        f"{count(value.value).text} {noun}", f"{count(value.total).full} {noun}", value, _over(value, window, several)
    )


def _over(value: Rate, window: Window | None, several: bool) -> str:
    """In which time a total came about."""
    if several:
        return "in all, over the hosts' windows"
    seconds = None if window is None else window.seconds
    return "since an unknown time" if seconds is None else f"in {span(seconds)}{' or more' if value.at_most else ''}"


def _rate(amount: str, total: str, value: Rate, over: str) -> Shown:
    if value.per is RateUnit.TOTAL:
        return Shown(f"{amount} {over}", f"{total} {over}")
    bound = "at most " if value.at_most else ""
    return Shown(f"{bound}{amount} {value.per.value}", f"{total} {over}")


def evidence(item: Evidence) -> Shown:
    """A piece of evidence in its unit. Text, also where a number was masked, is shown as it is."""
    value = item.value
    if value is None:
        return Shown(UNKNOWN, UNKNOWN)
    if isinstance(value, str):
        return Shown(value, value)
    match item.unit:
        case Unit.BYTES:
            return size(value)
        case Unit.MILLISECONDS:
            return duration(value)
        case Unit.SECONDS:
            return Shown(span(value) if value >= 60 else duration(value * 1_000).text, f"{_exact(value)} s")
        case Unit.FRACTION:
            return fraction(value)
        case Unit.COST:
            return cost(value)
        case Unit.ROWS:
            shown = count(value)
            unit = "row" if value == 1 else "rows"
            return Shown(f"{shown.text} {unit}", f"{shown.full} {unit}")
        case _:
            return count(value)


def impact(
    value: ReportImpact, statements: Window | None, counters: Window | None, several: bool = False
) -> list[Shown]:
    """What a finding costs, time first; figures that are unknown or nought are left out. several: as for `rate`."""
    shown = []
    if value.time is not None and value.time.total:
        time = rate(value.time, statements, several)
        if value.time_share is not None:
            time = Shown(f"{time.text} ({fraction(value.time_share).text} of the time)", time.full)
        shown.append(time)
    if value.bytes:
        disk = size(value.bytes)
        shown.append(Shown(f"{disk.text} on disk", disk.full))
    if value.writes is not None and value.writes.total:
        shown.append(count_rate(value.writes, "writes", counters, several))
    return shown
