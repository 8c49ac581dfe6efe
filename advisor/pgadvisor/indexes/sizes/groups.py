"""How many different keys an index holds and with how many rows each: what decides how far entries are shared."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from pgadvisor.indexes.sizes.attributes import KeyStatistics


@dataclass(frozen=True)
class Group:
    """So many different keys with so many rows each on average; even: each has exactly as many. null: the key is."""

    keys: float
    rows: float
    null: bool = False


@dataclass(frozen=True)
class Rows:
    """The rows that an index holds: in_table of them there are, of which it has a share."""

    in_table: float
    share: float

    @property
    def count(self) -> float:
        """Rows in the index."""
        return self.in_table * self.share


def groups(
    names: Sequence[str], attributes: Sequence[KeyStatistics], rows: Rows, combined: Mapping[frozenset[str], float]
) -> Iterator[Group]:
    """The groups of equal keys of some columns or expressions, by name, NULLs being equal."""
    left = rows.count
    distinct = distinct_keys(names, attributes, rows, combined)
    if len(attributes) == 1:
        (attribute,) = attributes
        nulls = attribute.null_fraction * rows.count
        if nulls >= 1:
            yield Group(1.0, nulls, null=True)
            left -= nulls
        for frequency in attribute.value_frequencies:
            repeats = min(frequency * rows.count, left)
            if repeats >= 1:
                yield Group(1.0, repeats)
                left -= repeats
                distinct -= 1
    if left >= 1:
        distinct = min(max(distinct, 1.0), left)
        yield Group(distinct, left / distinct)


def distinct_keys(
    names: Sequence[str], attributes: Sequence[KeyStatistics], rows: Rows, combined: Mapping[frozenset[str], float]
) -> float:
    """How many different keys, at least 1.

    Columns of which nothing is known together are taken as independent: of so many possible combinations as many occur
    as so many rows hit at random (the same formula tells how many keys a part of the rows still has).
    """
    counts: list[float] = []
    rest = dict(zip(names, attributes, strict=True))
    for columns in sorted(combined, key=lambda each: (-len(each), sorted(each))):
        if len(columns) > 1 and columns <= rest.keys():
            counts.append(max(combined[columns], 1.0))
            for column in columns:
                del rest[column]
    counts += [each.distinct(rows.in_table) + (each.null_fraction > 0) for each in rest.values()]
    if len(attributes) > 1 and max(counts) >= 0.99 * rows.in_table:
        return max(rows.count, 1.0)
    total = math.prod(counts)
    if len(counts) > 1:
        total = occupied(min(total, 1e18), rows.in_table)
    if rows.share < 1:
        total = occupied_share(total, rows)
    return max(total, 1.0)


def occupied(places: float, balls: float) -> float:
    """How many of so many places have at least one of so many balls, thrown at random."""
    return -places * math.expm1(-balls / places) if places > 0 else 0.0


def occupied_share(keys: float, rows: Rows) -> float:
    """How many of the keys of the table a random part of its rows still has."""
    each = max(rows.in_table / keys, 1.0) if keys > 0 else 1.0
    return keys * (1 - math.pow(1 - min(rows.share, 1.0), each))
