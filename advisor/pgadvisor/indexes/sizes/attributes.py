"""One column of an index, a key or an included one: what of its values decides how large the index is."""

from __future__ import annotations

import math
from dataclasses import dataclass

from msgspec import structs

from pgadvisor.array_text import floats
from pgadvisor.model.catalog import Column
from pgadvisor.model.statistics import ColumnStatistics, PgStats

# Types whose B-tree entries are never shared: their operator classes have no support function "equalimage" (manual,
# "B-Tree Structure"; a test asks pg_amproc). Arrays, ranges and composites are none of them either.
NEVER_SHARED = frozenset(
    {"numeric", "float4", "float8", "jsonb", "interval", "tsvector", "tsquery", "citext", "hstore", "ltree"}
)
_COMPOSED = frozenset("ACR")
# What get_typavgwidth (lsyscache.c) takes for a type of any length that nothing is known of.
_WIDTH_UNKNOWN = 32.0
# Up to twelve digits; more are rare.
_NUMERIC_WIDTH_UNKNOWN = 9.0


@dataclass(frozen=True, kw_only=True)
class KeyStatistics:
    """Statistics of one column or expression of a table, over all its rows.

    type_name is the bare name in pg_type, length_bytes, alignment are its typlen and typalign. average_width_bytes,
    null_fraction, n_distinct (above zero a count, below minus the share of rows), frequencies and correlation are
    those of pg_stats. shares_entries: a B-tree may keep equal values in one entry. values are some of its values as
    text, common ones first, value_frequencies how frequent the common ones are; the values after these stand for the
    rest of the rows in equal parts. elements are common ones of an array, or lexemes of a tsvector, element_frequencies
    in what share of the rows each is; elements_per_value is how many different ones a value has on average.
    """

    type_name: str
    length_bytes: int = -1
    alignment: str = "i"
    average_width_bytes: float
    null_fraction: float = 0.0
    n_distinct: float = -1.0
    correlation: float | None = None
    shares_entries: bool = True
    values: tuple[str, ...] = ()
    value_frequencies: tuple[float, ...] = ()
    element_frequencies: tuple[float, ...] = ()
    elements: tuple[str, ...] = ()
    elements_per_value: float | None = None

    def distinct(self, row_count: float) -> float:
        """How many different values there are among so many rows, NULL not counted; at least 1."""
        count = self.n_distinct if self.n_distinct > 0 else -self.n_distinct * row_count
        # 0 is what ANALYZE writes where it does not know.
        return max(count if self.n_distinct else min(200.0, row_count), 1.0)


def of_column(
    column: Column, statistics: PgStats | ColumnStatistics | None, *, deterministic: bool = True
) -> KeyStatistics:
    """Statistics of a column; where there are none, what its type says. deterministic is its collation's."""
    shared = deterministic and column.type_category not in _COMPOSED
    return of_type(column.type_name, column.length_bytes, column.alignment, statistics, deterministic=shared)


def of_type(
    type_name: str,
    length_bytes: int,
    alignment: str,
    statistics: PgStats | ColumnStatistics | None,
    *,
    deterministic: bool = True,
) -> KeyStatistics:
    """Statistics of anything of a type, such as an expression; statistics are of the index's column, if there are."""
    unknown = _NUMERIC_WIDTH_UNKNOWN if type_name == "numeric" else _WIDTH_UNKNOWN
    width = unknown if length_bytes < 0 else float(length_bytes)
    shared = deterministic and not type_name.startswith("_") and type_name not in NEVER_SHARED
    if statistics is None:
        return KeyStatistics(
            type_name=type_name,
            length_bytes=length_bytes,
            alignment=alignment,
            average_width_bytes=width,
            shares_entries=shared,
        )
    counts: tuple[float, ...] = ()
    element_frequencies: tuple[float, ...] = ()
    if isinstance(statistics, PgStats):
        counts = _numbers(statistics.elem_count_histogram)
        element_frequencies = _numbers(statistics.most_common_elem_freqs, most=1.0)
    row = statistics if isinstance(statistics, ColumnStatistics) else _readable(statistics)
    return KeyStatistics(
        type_name=type_name,
        length_bytes=length_bytes,
        alignment=alignment,
        average_width_bytes=max(float(row.average_width_bytes), 0.0) if length_bytes < 0 else width,
        null_fraction=min(max(row.null_fraction, 0.0), 1.0),
        n_distinct=row.n_distinct,
        correlation=row.correlation,
        shares_entries=shared,
        values=(*(row.most_common_values or ()), *(row.histogram_bounds or ())),
        value_frequencies=_within(row.most_common_frequencies or (), 1.0),
        # The last ones are the least and greatest frequency (and that of NULL elements), not an element's.
        element_frequencies=element_frequencies[: len(row.most_common_elements or ())],
        elements=row.most_common_elements or (),
        # Its last entry is the average number of different elements (array_typanalyze.c).
        elements_per_value=counts[-1] if counts else None,
    )


def _readable(statistics: PgStats) -> ColumnStatistics:
    """A row of pg_stats taken apart, without its arrays where one of them is none that a server writes."""
    try:
        return statistics.read
    except ValueError:
        kept = structs.replace(
            statistics, most_common_vals=None, most_common_freqs=None, histogram=None, most_common_elems=None
        )
        return kept.read


def _numbers(literal: str | None, most: float = math.inf) -> tuple[float, ...]:
    """The elements of an array of numbers, from 0 to `most`; none where it is not what a server writes."""
    try:
        return () if literal is None else _within(floats(literal), most)
    except ValueError:
        return ()


def _within(found: tuple[float, ...], most: float) -> tuple[float, ...]:
    """The numbers, if all are from 0 to `most`, as a server's are; a snapshot may say anything."""
    return found if all(0 <= number <= most and number < math.inf for number in found) else ()
