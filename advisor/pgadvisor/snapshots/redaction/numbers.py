"""Numbers take the places of others: their order, sign and number of digits stay, and where they lay between does not.

All that is used of a number is its rank among those of the same length, so nothing can be computed back. Range
estimates move by less than one bin of a histogram, since bounds and constants move together.
"""

from __future__ import annotations

import re
from array import array
from bisect import bisect_left, bisect_right
from collections import defaultdict
from collections.abc import Iterable, Sequence
from decimal import Decimal, InvalidOperation

# Whole numbers below are kept: they say how many, which of a few, or yes and no, and a rank among them hides nothing.
SMALL = 100
# No type of PostgreSQL's shows an ordinary number longer than this (numeric may hold more digits; they are cut).
MAX_DIGITS = 400
# Where a number would come to lie on another one of the snapshot it steps aside, so often at most.
_STEPS = 64
_NUMBER = re.compile(r"\d[\d_]*(?:\.[\d_]*)?(?:[eE][+-]?\d+)?|\.\d[\d_]*(?:[eE][+-]?\d+)?")
# So many digits are a whole number without further ado.
PLAIN_DIGITS = 18
_PLAIN_FRACTION = re.compile(r"(?:0|[1-9][0-9]*)\.[0-9]*[1-9]")
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


def spread(ranks: int, low: int, high: int, taken: Sequence[int] = ()) -> list[int]:
    """So many whole numbers, ascending and evenly from low up to below high, off the taken ones where there is room.

    The taken ones ascend as well.
    """
    return [place_of(rank, ranks, low, high, taken) for rank in range(ranks)]


def place_of(rank: int, ranks: int, low: int, high: int, taken: Sequence[int] = ()) -> int:
    """The number at a rank among those of `spread`."""
    width, twice = high - low, 2 * ranks
    place = low + (2 * rank + 1) * width // twice
    at = bisect_left(taken, place)
    if at == len(taken) or taken[at] != place:
        return place
    end = low + (2 * rank + 3) * width // twice if rank + 1 < ranks else high
    for free in range(place, min(end, place + _STEPS)):
        if at == len(taken) or taken[at] != free:
            return free
        at += 1
    return place


class Numbers:
    """Numbers of none below zero: all are noted first, then each has another one, as text.

    Those made up ascend with the numbers, and have as many digits before the point.
    """

    def __init__(self) -> None:
        self._wholes: set[int] = set()
        # Below what each class ends, and from what to what it reaches, with its members in their order.
        self._ends: list[int] = []
        self._classes: list[tuple[int, int, Sequence[int]]] = []
        # The digits behind the point as first spelt, and then what stands for the number, by its shortest spelling.
        self._fractions: dict[str, str] = {}

    def note(self, text: str) -> bool:
        """Remembers a number; False where the text is none."""
        if text.isdecimal() and len(text) <= PLAIN_DIGITS:
            self._wholes.add(int(text))
            return True
        if _is_plain_fraction(text):
            whole, _, part = text.partition(".")
            self._wholes.add(int(whole))
            self._fractions.setdefault(text, part)
            return True
        value = number(text)
        if value is not None:
            self.add(value)
        return value is not None

    def note_all(self, texts: Iterable[str]) -> list[str]:
        """Remembers the whole numbers among many texts; the rest, which may hold numbers of other spelling."""
        rest = []
        add = self._wholes.add
        for text in texts:
            if text.isdecimal() and len(text) <= PLAIN_DIGITS:
                add(int(text))
            else:
                rest.append(text)
        return rest

    def add(self, value: Decimal) -> None:
        """Remembers a number."""
        whole = int(value)
        self._wholes.add(whole)
        if value != whole:
            part = f"{value - whole:f}"[2:]
            self._fractions.setdefault(_shortest(whole, part), part)

    def settle(self) -> None:
        """Makes up the numbers; none is noted after."""
        ordered = sorted(self._wholes)
        start = bisect_left(ordered, SMALL)
        self._wholes = set(ordered[:start])
        while start < len(ordered):
            low, high = _class(ordered[start])
            end = bisect_left(ordered, high, start)
            members = ordered[start:end]
            self._ends.append(high)
            self._classes.append((low, high, array("q", members) if high <= _LIMITS[-1] else members))
            start = end
        by_whole: dict[str, list[str]] = defaultdict(list)
        for shortest in self._fractions:
            whole, _, part = shortest.partition(".")
            by_whole[whole].append(part)
        for whole, parts in by_whole.items():
            self._settle_fractions(whole, sorted(parts))

    def _settle_fractions(self, whole: str, parts: list[str]) -> None:
        shortest = [f"{whole}.{part}" for part in parts]
        digits = max([len(self._fractions[each]) for each in shortest])
        own = [int(part.ljust(digits, "0")) for part in parts]
        before = self.whole(int(whole))
        for rank, each in enumerate(shortest):
            place = place_of(rank, len(own), 1, 10**digits, own)
            self._fractions[each] = f"{before}.{place:0{digits}d}"

    def whole(self, value: int) -> str:
        """What stands for a whole number; 0 for one that was not noted."""
        if value < SMALL:
            return str(value) if value in self._wholes else "0"
        index = bisect_right(self._ends, value)
        if index == len(self._classes):
            return "0"
        low, high, members = self._classes[index]
        rank = bisect_left(members, value)
        if rank == len(members) or members[rank] != value:
            return "0"
        return str(place_of(rank, len(members), low, high, members))

    def made(self, text: str) -> str | None:
        """What stands for a number; None for a text that is none."""
        if text.isdecimal() and len(text) <= PLAIN_DIGITS:
            return self.whole(int(text))
        if text in self._fractions:
            return self._fractions[text]
        value = number(text)
        return None if value is None else self.of(value)

    def of(self, value: Decimal) -> str:
        """What stands for a number."""
        whole = int(value)
        return (
            self.whole(whole)
            if value == whole
            else self._fractions.get(_shortest(whole, f"{value - whole:f}"[2:]), "0")
        )


def _is_plain_fraction(text: str) -> bool:
    """Whether a text is a number with a point, none of whose digits could be left out, and not a long one."""
    return len(text) <= PLAIN_DIGITS and _PLAIN_FRACTION.fullmatch(text) is not None


def _shortest(whole: int, part: str) -> str:
    return f"{whole}.{part.rstrip('0')}"


def _class(value: int) -> tuple[int, int]:
    """The numbers of the same length, on the same side of what the integer types can hold: from, and up to below."""
    low, high = 10 ** (len(str(value)) - 1), 10 ** len(str(value))
    for limit in _LIMITS:
        if low < limit < high:
            return (low, limit) if value < limit else (limit, high)
    return low, high
