"""Dates and times take the places of others of the same month, in the same order.

The month stays, so that what is recent stays recent and partitions by time stay plausible. Within it days are dealt out
by rank, and times within their day.
"""

from __future__ import annotations

import calendar
import re
from collections import defaultdict
from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import NamedTuple

from pgadvisor.snapshots.redaction.numbers import spread

_MOMENT = re.compile(
    r"(?P<year>\d{4})-(?P<month>\d\d)-(?P<day>\d\d)"
    r"(?P<time>[ T](?P<hour>\d\d):(?P<minute>\d\d)(?::(?P<second>\d\d)(?:\.(?P<fraction>\d{1,6}))?)?)?"
    r"(?P<zone>\s?(?:[+-]\d\d(?::?\d\d){0,2}|Z|UTC))?"
)
_TIME = re.compile(r"(?P<hour>\d\d):(?P<minute>\d\d):(?P<second>\d\d)(?:\.(?P<fraction>\d{1,6}))?(?P<zone>[+-][\d:]+)?")
_INTERVAL_PART = re.compile(r"([+-]?\d+(?:\.\d+)?) ?(year|mon|day|hour|min|sec)\w*")
_CLOCK = re.compile(r"([+-]?)(\d+):(\d\d)(?::(\d\d))?")
_SECONDS = {"year": 31_557_600, "mon": 2_592_000, "day": 86_400, "hour": 3_600, "min": 60, "sec": 1}
_DAY_S = 86_400
_MICRO = 1_000_000


class Moment(NamedTuple):
    """A date with a time of day; equal for a date and the midnight it begins with."""

    year: int
    month: int
    day: int
    micros: int


class MadeUpDay(NamedTuple):
    """What stands for a day: another date, and for its times of day in microseconds other ones."""

    date: str
    times: dict[int, int]


def moment(text: str) -> Moment | None:
    """A date or timestamp in ISO style, its zone aside; None for other texts."""
    match = _MOMENT.fullmatch(text)
    if match is None:
        return None
    date = _date(text[:10])
    if date is None:
        return None
    micros = _micros(match) if match["time"] else 0
    return None if micros is None else Moment(*date, micros)


@lru_cache(maxsize=65_536)
def _date(text: str) -> tuple[int, int, int] | None:
    """Year, month and day of an ISO date; None for a day that there is not."""
    year, month, day = map(int, text.split("-"))
    if year >= 1 and 1 <= month <= 12 and 1 <= day <= calendar.monthrange(year, month)[1]:
        return year, month, day
    return None


def time_of_day(text: str) -> int | None:
    """A time of day in microseconds, its zone aside; None for other texts."""
    match = _TIME.fullmatch(text)
    return None if match is None else _micros(match)


def interval_seconds(text: str) -> int | None:
    """About how long an interval in PostgreSQL's own style is, in seconds; None for other texts and negative ones."""
    total = 0.0
    rest = text
    for amount, unit in _INTERVAL_PART.findall(text):
        total += float(amount) * _SECONDS[unit]
    rest = _INTERVAL_PART.sub("", rest).strip()
    clock = _CLOCK.match(rest)
    if clock is not None:
        hours, minutes, seconds = int(clock[2]), int(clock[3]), int(clock[4] or 0)
        total += (hours * 3600 + minutes * 60 + seconds) * (-1 if clock[1] == "-" else 1)
    elif rest or not text:
        return None
    return int(total) if total >= 0 else None


def _micros(match: re.Match[str]) -> int | None:
    hours, minutes, seconds, fractions = match.group("hour", "minute", "second", "fraction")
    hour, minute, second = int(hours), int(minutes), int(seconds or 0)
    if hour > 24 or minute > 59 or second > 60:
        return None
    fraction = int(fractions.ljust(6, "0")) if fractions else 0
    return min((hour * 3600 + minute * 60 + second) * _MICRO + fraction, _DAY_S * _MICRO - 1)


def made_up_moments(moments: Iterable[Moment]) -> dict[tuple[int, int, int], MadeUpDay]:
    """For each day another one of its month, ascending, with its times; midnight stays midnight."""
    times: dict[tuple[int, int, int], set[int]] = defaultdict(set)
    for year, month, day, micros in moments:
        times[year, month, day].add(micros)
    days: dict[tuple[int, int], list[int]] = defaultdict(list)
    for year, month, day in sorted(times):
        days[year, month].append(day)
    made = {}
    for (year, month), members in days.items():
        places = spread(len(members), 1, calendar.monthrange(year, month)[1] + 1, members)
        for day, new_day in zip(members, places, strict=True):
            new_times = made_up_times(times[year, month, day])
            made[year, month, day] = MadeUpDay(f"{year:04d}-{month:02d}-{new_day:02d}", new_times)
    return made


def made_up_times(times: Iterable[int]) -> dict[int, int]:
    """For each time of day, in microseconds, another one, ascending; midnight stays, others get whole seconds."""
    found = sorted(set(times) - {0})
    unit = _MICRO if len(found) < _DAY_S else 1
    taken = sorted({micros // unit for micros in found})
    places = spread(len(found), 1, _DAY_S * _MICRO // unit, taken)
    return {0: 0, **{micros: place * unit for micros, place in zip(found, places, strict=True)}}


def spelled_like(text: str, found: Moment, made: Mapping[tuple[int, int, int], MadeUpDay]) -> str:
    """What stands for a moment, in the style of its text: with a time or without, with the same zone."""
    date, times = made[found[:3]]
    if len(text) == len(date):
        return date
    match = _MOMENT.fullmatch(text)
    time, zone = ("", "") if match is None else match.group("time", "zone")
    return f"{date}{time[0]}{clock(times[found.micros])}{zone or ''}" if time else date + (zone or "")


def time_like(text: str, micros: int) -> str:
    """A time of day with the zone of the text it replaces."""
    match = _TIME.fullmatch(text)
    return clock(micros) + ((match and match["zone"]) or "")


def clock(micros: int) -> str:
    """Microseconds as hours, minutes and seconds."""
    seconds, fraction = divmod(micros, _MICRO)
    text = f"{seconds // 3600:02d}:{seconds // 60 % 60:02d}:{seconds % 60:02d}"
    return f"{text}.{fraction:06d}" if fraction else text
