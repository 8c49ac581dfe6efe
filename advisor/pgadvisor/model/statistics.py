"""Column statistics: what the view pg_stats shows to the role that looked."""

from __future__ import annotations

from pgadvisor.model.base import Model


class ColumnStatistics(Model, frozen=True, kw_only=True):
    """One row of pg_stats.

    n_distinct keeps the catalog's convention: above zero a count, below zero minus the share of rows.
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
