"""The data of extended statistics as the server keeps it: bytes that none of its functions makes from text before 19.

The formats are those of src/backend/statistics/mvdistinct.c, dependencies.c and mcv.c of 13 to 18, all alike, in the
byte order of the machine, which is the twin's.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

_NDISTINCT_MAGIC, _DEPENDENCIES_MAGIC, _MCV_MAGIC = 0xA352BFA4, 0xB4549A2C, 0xE1A651C2
_BASIC = 1
# STATS_MAX_DIMENSIONS and STATS_MCVLIST_MAX_ITEMS: the server takes for granted that there are no more.
_MAX_DIMENSIONS, _MAX_ITEMS = 8, 10_000
_MAXALIGN = 8

_NUMBERS = r"-?\d{1,5}(?:, -?\d{1,5})*"
_NDISTINCT = re.compile(rf'"({_NUMBERS})": (-?\d{{1,15}})')
_DEPENDENCY = re.compile(rf'"({_NUMBERS}) => (-?\d{{1,5}})": ([01]\.\d{{1,15}})')


def ndistinct(text: str, numbers: Mapping[int, int]) -> bytes:
    """Numbers of distinct combinations, shown as {"1, 2": 11}. numbers: which column of the twin a column is.

    Raises ValueError for any other text, and for a column that the twin has not.
    """
    items = [(_numbers(columns, numbers), float(count)) for columns, count in _items(text, _NDISTINCT)]
    parts = [struct.pack("=III", _NDISTINCT_MAGIC, _BASIC, len(items))]
    for columns, count in items:
        parts.append(struct.pack(f"=di{len(columns)}h", count, len(columns), *columns))
    return b"".join(parts)


def dependencies(text: str, numbers: Mapping[int, int]) -> bytes:
    """Functional dependencies, shown as {"1 => 2": 0.990000}, so to six digits. As ndistinct."""
    found = _items(text, _DEPENDENCY)
    items = [(_numbers(f"{columns}, {implied}", numbers), float(degree)) for columns, implied, degree in found]
    parts = [struct.pack("=III", _DEPENDENCIES_MAGIC, _BASIC, len(items))]
    for columns, degree in items:
        parts.append(struct.pack(f"=dh{len(columns)}h", degree, len(columns), *columns))
    return b"".join(parts)


def _items(text: str, item: re.Pattern[str]) -> list[tuple[str, ...]]:
    found = list(item.finditer(text))
    if not found or "{" + ", ".join(match[0] for match in found) + "}" != text:
        raise ValueError("it is not written as the server writes it")
    return [match.groups() for match in found]


def _numbers(listed: str, numbers: Mapping[int, int]) -> list[int]:
    columns = [numbers.get(int(number)) for number in listed.split(", ")]
    known = [column for column in columns if column is not None]
    if len(known) < len(columns) or not 2 <= len(known) <= _MAX_DIMENSIONS:
        raise ValueError("it is of columns that the twin has not")
    return known


@dataclass(frozen=True)
class Dimension:
    """A column of common combinations. values are those that occur, as the server keeps them.

    length_bytes is pg_type.typlen: -1 variable, and then values are without their header.
    """

    type_oid: int
    length_bytes: int
    by_value: bool
    values: Sequence[bytes]

    @property
    def data(self) -> bytes:
        """The values one after the other, each with its length where that varies."""
        if self.length_bytes > 0:
            return b"".join(self.values)
        return b"".join(struct.pack("=I", len(value)) + value for value in self.values)

    @property
    def info(self) -> bytes:
        """A DimensionInfo: numbers of values and bytes, bytes when taken apart, length and how the type is passed."""
        header = 0 if self.length_bytes > 0 else 4
        apart = 0 if self.by_value else sum(_aligned(header + len(value)) for value in self.values)
        return struct.pack("=iiii?3x", len(self.values), len(self.data), apart, self.length_bytes, self.by_value)


@dataclass(frozen=True)
class Combination:
    """A common combination: of each dimension the position of its value, None for NULL."""

    positions: tuple[int | None, ...]
    frequency: float
    base_frequency: float


def common_values(dimensions: Sequence[Dimension], combinations: Sequence[Combination]) -> bytes:
    """A list of common combinations. Raises ValueError where there are more than the server can hold, or none."""
    width = len(dimensions)
    if not 2 <= width <= _MAX_DIMENSIONS or not 0 < len(combinations) <= _MAX_ITEMS:
        raise ValueError("the server cannot hold so many")
    parts = [
        struct.pack(f"=IIIh{width}I", _MCV_MAGIC, _BASIC, len(combinations), width, *(d.type_oid for d in dimensions))
    ]
    parts += [dimension.info for dimension in dimensions]
    parts += [dimension.data for dimension in dimensions]
    for combination in combinations:
        nulls = [position is None for position in combination.positions]
        positions = [position or 0 for position in combination.positions]
        frequencies = combination.frequency, combination.base_frequency
        parts.append(struct.pack(f"={width}?dd{width}H", *nulls, *frequencies, *positions))
    return b"".join(parts)


def _aligned(length: int) -> int:
    return -(-length // _MAXALIGN) * _MAXALIGN
