"""Column statistics: what the view pg_stats shows to the role that looked, and as rules read it."""

from __future__ import annotations

from functools import cached_property

from pgadvisor.array_text import floats, texts
from pgadvisor.model.base import Model


class PgStats(Model, frozen=True, kw_only=True, dict=True):
    """One row of pg_stats. Arrays are the server's text output, which takes least room and can be restored as it is.

    n_distinct keeps the catalog's convention: above zero a count, below zero minus the share of rows. column is the
    name of the attribute: for an index on expressions that of the index's column, with the index's oid as relation_oid.
    """

    relation_oid: int
    column: str
    inherited: bool = False
    null_fraction: float
    average_width_bytes: int
    n_distinct: float
    most_common_vals: str | None = None
    most_common_freqs: str | None = None
    histogram: str | None = None
    correlation: float | None = None
    most_common_elems: str | None = None
    most_common_elem_freqs: str | None = None
    elem_count_histogram: str | None = None
    range_length_histogram: str | None = None
    range_empty_fraction: float | None = None
    range_bounds_histogram: str | None = None

    @cached_property
    def read(self) -> ColumnStatistics:
        """The row with its arrays taken apart, on first use."""
        common, bounds = self.most_common_vals, self.histogram
        return ColumnStatistics(
            relation_oid=self.relation_oid,
            column=self.column,
            inherited=self.inherited,
            null_fraction=self.null_fraction,
            average_width_bytes=self.average_width_bytes,
            n_distinct=self.n_distinct,
            most_common_values=None if common is None else texts(common),
            most_common_frequencies=None if self.most_common_freqs is None else floats(self.most_common_freqs),
            histogram_bounds=None if bounds is None else texts(bounds),
            correlation=self.correlation,
            most_common_elements=None if self.most_common_elems is None else texts(self.most_common_elems),
        )


class ColumnStatistics(Model, frozen=True, kw_only=True):
    """What rules see of a row of pg_stats.

    Values are the server's text output and may be None where the type has none.
    """

    relation_oid: int
    column: str
    inherited: bool = False
    null_fraction: float
    average_width_bytes: int
    n_distinct: float
    most_common_values: tuple[str, ...] | None = None
    most_common_frequencies: tuple[float, ...] | None = None
    histogram_bounds: tuple[str, ...] | None = None
    correlation: float | None = None
    most_common_elements: tuple[str, ...] | None = None
