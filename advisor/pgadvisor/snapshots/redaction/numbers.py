"""Numbers take the places of others: their order, sign and number of digits stay, and where they lay between does not.

All that is used of a number is its rank among those of the same length, so nothing can be computed back. Range
estimates move by less than one bin of a histogram, since bounds and constants move together.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable
from decimal import Decimal, InvalidOperation

# Whole numbers below are kept: they say how many, which of a few, or yes and no, and a rank among them hides nothing.
SMALL = 100
# No type of PostgreSQL's shows an ordinary number longer than this (numeric may hold more digits; they are cut).
MAX_DIGITS = 400
# Where a number would come to lie on another one of the snapshot it steps aside, so often at most.
_STEPS = 64
_NUMBER = re.compile(r"\d[\d_]*(?:\.[\d_]*)?(?:[eE][+-]?\d+)?|\.\d[\d_]*(?:[eE][+-]?\d+)?")
_LIMITS = (32_768, 2_147_483_648, 9_223_372_036_854_775_808)


def number(text: str) -> Decimal | None:
    """An unsigned number as SQL spells it in decimals; None for other texts, and for those too long to be one."""
    match = _NUMBER.fullmatch(text)
    if match is None:
        return None
    try:
        value = Decimal(text.replace("_", ""))
    except InvalidOperation:
        return None
    return value if value == 0 or abs(value.adjusted()) < MAX_DIGITS else None


def spread(ranks: int, low: int, high: int, taken: frozenset[int] = frozenset()) -> list[int]:
    """So many whole numbers, ascending and evenly from low up to below high, off the taken ones where there is room."""
    places = [low + ((2 * rank + 1) * (high - low)) // (2 * ranks) for rank in range(ranks)]
    ends = [*places[1:], high] if places else []
    return [_beside(place, min(end, place + _STEPS), taken) for place, end in zip(places, ends, strict=True)]


def _beside(place: int, end: int, taken: frozenset[int]) -> int:
    return next((free for free in range(place, end) if free not in taken), place)


def made_up_numbers(values: Iterable[Decimal]) -> dict[Decimal, str]:
    """For each of the numbers (none below zero) another one, as text. Ascending, of as many digits before the point."""
    found = set(values)
    wholes = _wholes(sorted({int(value) for value in found}))
    fractions: dict[int, set[Decimal]] = defaultdict(set)
    for value in found:
        if value != int(value):
            fractions[int(value)].add(value - int(value))
    made = {value: str(wholes[int(value)]) for value in found if value == int(value)}
    for whole, parts in fractions.items():
        digits = max(len(f"{part:f}") - 2 for part in parts)
        own = [int(part.scaleb(digits)) for part in sorted(parts)]
        places = spread(len(own), 1, 10**digits, frozenset(own))
        for part, place in zip(sorted(parts), places, strict=True):
            made[whole + part] = f"{wholes[whole]}.{place:0{digits}d}"
    return made


def _wholes(values: list[int]) -> dict[int, int]:
    taken = frozenset(values)
    classes: dict[tuple[int, int], list[int]] = defaultdict(list)
    made = {}
    for value in values:
        if value < SMALL:
            made[value] = value
        else:
            classes[_class(value)].append(value)
    for (low, high), members in classes.items():
        made.update(zip(members, spread(len(members), low, high, taken), strict=True))
    return made


def _class(value: int) -> tuple[int, int]:
    """The numbers of the same length, on the same side of what the integer types can hold: from, and up to below."""
    low, high = 10 ** (len(str(value)) - 1), 10 ** len(str(value))
    for limit in _LIMITS:
        if low < limit < high:
            return (low, limit) if value < limit else (limit, high)
    return low, high
