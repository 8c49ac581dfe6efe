"""When a record was written, as log_line_prefix, csvlog and jsonlog spell it."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta, timezone

_MOMENT = re.compile(r"(\d{4})-(\d\d)-(\d\d)[ T](\d\d):(\d\d):(\d\d)(?:[.,](\d{1,6})\d*)?\s?(\S*)")
_OFFSET = re.compile(r"([+-])(\d\d):?(\d\d)?$")
# Abbreviations that mean one zone alone, in minutes from UTC.
_ZONES = {
    "UTC": 0, "GMT": 0, "Z": 0, "WET": 0, "WEST": 60, "CET": 60, "CEST": 120, "MEZ": 60, "MESZ": 120, "EET": 120,
    "EEST": 180, "MSK": 180, "EDT": -240, "EST": -300, "CDT": -300, "MDT": -360, "MST": -420, "PDT": -420, "PST": -480,
    "JST": 540, "KST": 540, "AEST": 600, "AEDT": 660, "NZST": 720, "NZDT": 780,
}  # fmt: skip


def moment(text: bytes) -> datetime | None:
    """The moment a timestamp names; None where it names none, or its zone's abbreviation has several meanings.

    >>> moment(b"2026-01-02 03:04:05.678 CET").isoformat()
    '2026-01-02T02:04:05.678000+00:00'
    """
    spelled = text.decode("ascii", "replace")
    try:
        found = _MOMENT.match(spelled)
        if found is None:
            return datetime.fromtimestamp(float(spelled), UTC) if spelled else None
        zone = _zone(found[8])
        if zone is None:
            return None
        numbers = [int(found[n]) for n in range(1, 7)]
        micros = int((found[7] or "0").ljust(6, "0"))
        return datetime(*numbers, micros, tzinfo=zone).astimezone(UTC)  # type: ignore[arg-type,misc]
    except (ValueError, OverflowError, OSError):
        return None


def _zone(name: str) -> timezone | None:
    offset = _OFFSET.match(name)
    if offset is not None:
        minutes = int(offset[2]) * 60 + int(offset[3] or 0)
        return timezone(timedelta(minutes=-minutes if offset[1] == "-" else minutes))
    return timezone(timedelta(minutes=_ZONES[name])) if name in _ZONES else None
