"""How many rare elements there are, of which a few were seen.

Two things are known of them. How many were seen once and how many twice (A. Chao, "Nonparametric Estimation of the
Number of Classes in a Population", 1984). And how many there can be where they differ in their numbers alone, such as
"r17" and "r2044" or days: as many as there are numbers from the least to the greatest, and a few beyond those seen (the
estimate of a greatest number from a sample, known as the German tank problem).
"""

from __future__ import annotations

import math
import re
from collections import defaultdict
from collections.abc import Collection, Iterable

from pgadvisor.indexes.sizes.groups import occupied

_NUMBER = re.compile(r"([0-9]+)")
# Digits beyond which nothing is counted: no table has so many rows.
_MOST_DIGITS = 18
# Elements that tell a range of numbers, and the share of all that must be in such a range.
_TELLING, _NEARLY_ALL = 5, 0.9
# Numbers that are hardly fewer than the rows: each row has one of its own.
_EACH_ITS_OWN = 0.9
# How far, in deviations, Chao's estimate may be from the truth.
_DEVIATIONS = 3.0


def rare_elements(once: Collection[str], others: Collection[str], twice: int, rows: float) -> float:
    """How many elements there are in so many rows together, of which these were seen once.

    others are the elements of the same kind that were seen oftener, twice is how many of these exactly twice. Where the
    numbers between the least and the greatest are as many as Chao's estimate may well mean, they are taken; if none was
    seen twice, there are those, or each row has one of its own.
    """
    if not once:
        return 0.0
    room = max(places([*once, *others]) - len(others), float(len(once)))
    chao = len(once) ** 2 / (2 * twice) + len(once) if twice else 0.0
    farthest = chao * math.exp(_DEVIATIONS / math.sqrt(twice)) if twice else math.inf
    found = chao
    if room <= farthest:
        found = occupied(room, rows) if room < _EACH_ITS_OWN * rows else rows
    return min(max(found, float(len(once))), max(rows, 1.0))


def places(elements: Iterable[str]) -> float:
    """How many different elements there can be that differ from these in their numbers alone; infinity if in more."""
    alike: defaultdict[tuple[str, ...], set[tuple[int, ...]]] = defaultdict(set)
    for element in elements:
        parts = _NUMBER.split(element)
        if any(len(digits) > _MOST_DIGITS for digits in parts[1::2]):
            return math.inf
        alike[tuple(parts[::2])].add(tuple(map(int, parts[1::2])))
    count = sum(map(len, alike.values()))
    telling = [numbers for numbers in alike.values() if len(numbers) >= _TELLING]
    told = sum(map(len, telling))
    if told < _NEARLY_ALL * count:
        return math.inf
    found = sum(math.prod(map(_span, zip(*numbers, strict=True))) for numbers in telling)
    return found * count / told if told else math.inf


def _span(numbers: tuple[int, ...]) -> float:
    """Numbers from the least to the greatest that there may be, in the steps that all of these have in common."""
    least, greatest = min(numbers), max(numbers)
    if least == greatest:
        return 1.0
    step = math.gcd(*(number - least for number in numbers))
    if len(set(numbers)) == len(numbers) > (greatest - least) // step:
        # One at every step: bounds of a histogram are at equal distances where the numbers have no gaps.
        step = 1
    return math.floor((greatest - least) / step * (len(numbers) + 1) / (len(numbers) - 1)) + 1.0
