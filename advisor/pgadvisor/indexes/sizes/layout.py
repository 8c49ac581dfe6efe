"""How many bytes an entry takes: alignment, NULL bitmap and the widths that values really have.

Sources: index_form_tuple (indextuple.c), att_align_nominal and the varlena headers (PostgreSQL manual, "Database Page
Layout"); numeric's format is that of utils/adt/numeric.c.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache

from pgadvisor.indexes.sizes.attributes import KeyStatistics

PAGE_HEADER_BYTES = 24
LINE_POINTER_BYTES = 4
TUPLE_HEADER_BYTES = 8
_NULL_BITMAP_BYTES = 8
# Longer values have a header of four bytes, aligned to four.
_SHORT_VALUE_BYTES = 126
_ALIGNMENTS = {"c": 1, "s": 2, "i": 4, "d": 8}
# Widths that stand for all widths of a column: enough for how they fall on multiples of eight.
_WIDTHS = 12
# Types of no fixed width whose values are nearly always of the same.
_ALIKE = frozenset({"inet", "cidr", "bit", "varbit"})
_TEXTS = frozenset({"text", "varchar", "bpchar", "citext", "name"})


@dataclass(frozen=True)
class Sizes:
    """Sizes of entries with their probabilities, which add up to 1; header and alignment included."""

    parts: tuple[tuple[int, float], ...]

    @property
    def mean(self) -> float:
        """Bytes of an entry on average."""
        return sum(size * share for size, share in self.parts)

    def at(self, share: float) -> int:
        """The size that this share of the entries stays below or has."""
        for size, part in self.parts:
            share -= part
            if share < 0:
                return size
        return self.parts[-1][0]


def aligned(width_bytes: float, to: int = 8) -> int:
    """The next multiple."""
    return math.ceil(width_bytes / to) * to


def entry_sizes(attributes: Iterable[KeyStatistics], *, widest: int | None = None) -> Sizes:
    """Entries of these columns in this order. An entry with a NULL has a bitmap; widest caps all."""
    ends: dict[tuple[int, bool], float] = {(0, False): 1.0}
    for attribute in attributes:
        following: defaultdict[tuple[int, bool], float] = defaultdict(float)
        for (start, has_null), share in ends.items():
            if attribute.null_fraction > 0:
                following[start, True] += share * attribute.null_fraction
            if attribute.null_fraction < 1:
                for width, part in widths(attribute):
                    end = _placed(start, width, attribute)
                    following[end, has_null] += share * part * (1 - attribute.null_fraction)
        ends = following
    sizes: defaultdict[int, float] = defaultdict(float)
    for (end, has_null), share in ends.items():
        size = TUPLE_HEADER_BYTES + (_NULL_BITMAP_BYTES if has_null else 0) + aligned(end)
        sizes[size if widest is None else min(size, widest)] += share
    return Sizes(tuple(sorted(sizes.items())))


def _placed(start: int, width: int, attribute: KeyStatistics) -> int:
    """Where a value ends that is put after so many bytes."""
    if attribute.length_bytes == -1 and width <= _SHORT_VALUE_BYTES + 1:
        return start + width
    return aligned(start, _ALIGNMENTS.get(attribute.alignment, 4)) + width


@lru_cache(maxsize=1024)
def widths(attribute: KeyStatistics) -> tuple[tuple[int, float], ...]:
    """Bytes of values that are not NULL, header included, with their probabilities, which add up to 1."""
    average = attribute.average_width_bytes
    if attribute.length_bytes > 0:
        return ((attribute.length_bytes, 1.0),)
    known = [width for width, share in _sampled(attribute) for _ in range(share)]
    if not known and (attribute.type_name in _ALIKE or attribute.type_name.endswith("range")):
        return ((max(round(average), 1), 1.0),)
    if not known:
        # pg_stats shows whole bytes; values around the average fall on either side of a multiple of eight.
        spread = [max(average + step, 1.0) for step in (-3.5, -2.5, -1.5, -0.5, 0.5, 1.5, 2.5, 3.5)]
        return tuple((max(round(width), 1), 1 / len(spread)) for width in spread)
    known.sort()
    chosen = [known[(2 * step + 1) * len(known) // (2 * _WIDTHS)] for step in range(_WIDTHS)]
    mean = sum(known) / len(known)
    # What is compressed, or moved out of line, is seen in the average only; what was rounded is not made worse.
    factor = average / mean if abs(average - mean) > max(1.5, 0.1 * mean) else 1.0
    return tuple((max(round(width * factor), 1), 1 / _WIDTHS) for width in chosen)


def _sampled(attribute: KeyStatistics) -> list[tuple[int, int]]:
    """Widths of the values known, each with how many of a thousand rows it stands for."""
    of = _text_width if attribute.type_name in _TEXTS else numeric_width if attribute.type_name == "numeric" else None
    if of is None or not attribute.values:
        return []
    common = attribute.values[: len(attribute.value_frequencies)]
    rest = attribute.values[len(common) :]
    found = [
        (of(value), max(round(frequency * 1000), 1))
        for value, frequency in zip(common, attribute.value_frequencies, strict=False)
    ]
    left = max(1.0 - attribute.null_fraction - sum(attribute.value_frequencies), 0.0)
    if rest and left > 0:
        found += [(of(value), max(round(left * 1000 / len(rest)), 1)) for value in rest]
    return found


def _text_width(value: str) -> int:
    length = len(value.encode("utf-8", "surrogatepass"))
    return length + (1 if length <= _SHORT_VALUE_BYTES else 4)


def numeric_width(value: str) -> int:
    """Bytes of a numeric by its text, without an exponent.

    One byte of varlena header, two of numeric's, two for every four decimal digits from the point.
    """
    whole, _, fraction = value.lstrip("-").partition(".")
    if not whole.isdecimal():
        return 3
    whole, fraction = whole.lstrip("0"), fraction.rstrip("0")
    digits = math.ceil(len(whole) / 4) + math.ceil(len(fraction) / 4)
    if not whole:
        digits -= (len(fraction) - len(fraction.lstrip("0"))) // 4
    if not fraction:
        digits -= (len(whole) - len(whole.rstrip("0"))) // 4
    return 3 + 2 * digits


def key_widths(attributes: Sequence[KeyStatistics]) -> float:
    """Bytes of the values of a row on average, those of NULLs being none, without alignment."""
    return sum((1 - each.null_fraction) * sum(width * share for width, share in widths(each)) for each in attributes)
