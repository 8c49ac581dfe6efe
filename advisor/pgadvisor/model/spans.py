"""Lengths of time in words, the same wherever one is told: in the report's data, on the page, in a terminal."""

from __future__ import annotations

import math

GROUP = "\N{NARROW NO-BREAK SPACE}"
UNKNOWN = "unknown"
_DAY_S = 86_400
# From so many on, hours do not matter.
_MANY_DAYS = 14


def span(seconds: float | None) -> str:
    """A length of time in words, in one or two units, rounded to whole seconds.

    >>> [span(s) for s in (5, 90, 7200, 100000, 2600000)]
    ['5 s', '1 min 30 s', '2 h', '1 day 3 h', '30 days']
    """
    if seconds is None or not math.isfinite(seconds):
        return UNKNOWN
    left = round(seconds)
    parts = []
    for length, name in ((_DAY_S, "day"), (3_600, "h"), (60, "min"), (1, "s")):
        amount, left = divmod(left, length)
        if amount:
            grouped = f"{amount:,}".replace(",", GROUP)
            parts.append(f"{grouped} {name}{'s' if name == 'day' and amount != 1 else ''}")
        elif parts:
            parts.append("")
    shown = parts[:1] if seconds >= _MANY_DAYS * _DAY_S else parts[:2]
    return " ".join(part for part in shown if part) or "0 s"
