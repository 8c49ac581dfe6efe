"""The slots of a row of pg_statistic, from what pg_stats shows of them (src/include/catalog/pg_statistic.h)."""

from __future__ import annotations

import enum
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

from pgadvisor.model.statistics import PgStats
from pgadvisor.planner.twin.statistics.types import FLOAT8, TEXT, TSVECTOR, TwinTypes

# text = text and float8 < float8, and the collation "default", by their object ids.
_TEXT_EQUAL, _FLOAT8_LESS, _DEFAULT_COLLATION = 98, 672, 100

SLOTS = 5


class Kind(enum.IntEnum):
    """pg_statistic.stakindN."""

    COMMON_VALUES = 1
    HISTOGRAM = 2
    CORRELATION = 3
    COMMON_ELEMENTS = 4
    ELEMENT_COUNTS = 5
    RANGE_LENGTHS = 6
    RANGE_BOUNDS = 7


@dataclass(frozen=True)
class Subject:
    """A column or expression that statistics are of: its type and collation on the twin."""

    type_oid: int
    collation: int


class Slot(NamedTuple):
    """One slot. numbers and values are array literals, element is the type that the values are parsed as."""

    kind: Kind
    operator: int
    collation: int
    numbers: str | None = None
    values: str | None = None
    element: int = 0


class Slots(NamedTuple):
    """The slots that can be filled. lost says why not all are, in one sentence; "" where they are."""

    slots: tuple[Slot, ...]
    lost: str = ""


_NO_OPERATOR = "its type has other operators on the twin, which has no use for the values"
_OTHER_TYPE = "its type is another one on the twin"
_NO_NUMBERS = "not all of its numbers are finite, as a server's are"
# Infinity, NaN, NULL, which the planner would take for a cost.
_NOT_FINITE = re.compile("[IN]", re.IGNORECASE)


def slots_of(row: PgStats, subject: Subject, types: TwinTypes) -> Slots:
    """The slots of a row in the order in which ANALYZE fills them. The types have been read."""
    slots: list[Slot] = []
    lost = ""
    for slot in _present(row, subject, types):
        if slot.element and (refusal := types.refusal(slot.element)):
            lost = lost or refusal
        elif slot.kind is not Kind.RANGE_BOUNDS and not slot.operator:
            lost = lost or _NO_OPERATOR
        elif slot.values is not None and not slot.element:
            lost = lost or _OTHER_TYPE
        elif slot.numbers is not None and _NOT_FINITE.search(slot.numbers):
            lost = lost or _NO_NUMBERS
        else:
            slots.append(slot)
    return Slots(tuple(slots[:SLOTS]), lost)


def _present(row: PgStats, subject: Subject, types: TwinTypes) -> list[Slot]:
    """All that a row holds, also what the type has no operator for (0)."""
    oid, collation = subject.type_oid, subject.collation
    # A value of a domain is one of its base type, whose input function checks nothing.
    base = types.base(oid)
    slots = []
    if row.most_common_vals is not None:
        numbers, values = row.most_common_freqs, row.most_common_vals
        slots.append(Slot(Kind.COMMON_VALUES, types.equal(oid), collation, numbers, values, base))
    if row.histogram is not None:
        slots.append(Slot(Kind.HISTOGRAM, types.less(oid), collation, None, row.histogram, base))
    if row.correlation is not None:
        # Costs follow from its square, and a snapshot may say anything.
        correlation = min(max(row.correlation, -1.0), 1.0)
        slots.append(Slot(Kind.CORRELATION, types.less(oid), collation, f"{{{correlation!r}}}"))
    return slots + _elements(row, subject, types) + _ranges(row, types.range(oid))


def _elements(row: PgStats, subject: Subject, types: TwinTypes) -> list[Slot]:
    """Of arrays and of documents, whose lexemes are compared as texts."""
    element = types.element(subject.type_oid)
    operator, collation = (types.equal(element), subject.collation) if element else (0, 0)
    element = types.base(element) if element else 0
    if types.base(subject.type_oid) == TSVECTOR:
        element, operator, collation = TEXT, _TEXT_EQUAL, _DEFAULT_COLLATION
    slots = []
    if row.most_common_elems is not None:
        numbers, values = row.most_common_elem_freqs, row.most_common_elems
        slots.append(Slot(Kind.COMMON_ELEMENTS, operator, collation, numbers, values, element))
    if row.elem_count_histogram is not None:
        slots.append(Slot(Kind.ELEMENT_COUNTS, operator, collation, row.elem_count_histogram))
    return slots


def _ranges(row: PgStats, range_type: int) -> list[Slot]:
    """Of ranges and multiranges; the bounds are ranges in both. Without two ranges there is no more than the share."""
    slots = []
    if row.range_bounds_histogram is not None:
        slots.append(Slot(Kind.RANGE_BOUNDS, 0, 0, None, row.range_bounds_histogram, range_type))
    if row.range_empty_fraction is not None:
        numbers = f"{{{row.range_empty_fraction!r}}}"
        slots.append(Slot(Kind.RANGE_LENGTHS, _FLOAT8_LESS, 0, numbers, row.range_length_histogram, FLOAT8))
    return slots


def of_expression(shown: Mapping[str, str | None]) -> PgStats:
    """A row of pg_stats_ext_exprs, as text by column name, as one of pg_stats. Raises ValueError for a bad number."""

    def number(name: str) -> float:
        return float(shown.get(name) or 0)

    correlation = shown.get("correlation")
    return PgStats(
        relation_oid=0,
        column="",
        null_fraction=number("null_frac"),
        average_width_bytes=int(shown.get("avg_width") or 0),
        n_distinct=number("n_distinct"),
        most_common_vals=shown.get("most_common_vals"),
        most_common_freqs=shown.get("most_common_freqs"),
        histogram=shown.get("histogram_bounds"),
        correlation=None if correlation is None else float(correlation),
        most_common_elems=shown.get("most_common_elems"),
        most_common_elem_freqs=shown.get("most_common_elem_freqs"),
        elem_count_histogram=shown.get("elem_count_histogram"),
    )
