"""What the planner takes pages of block ranges to cost, and what they do.

A BRIN index gives whole ranges of pages, which are read one after the other. cost_bitmap_heap_scan in costsize.c knows
not of what index a bitmap is, and spreads the rows in it over the whole table: of a hundredth of all rows each seems to
be on a page of its own, and a scan that takes a hundredth of the time costs a third of reading all
(benchmarks/indexes/block_ranges.py).
"""

from __future__ import annotations

from collections.abc import Mapping
from math import sqrt
from typing import NamedTuple

_SEQUENTIAL, _RANDOM = 1.0, 4.0


class PageCosts(NamedTuple):
    """Costs of a page that is read in order, and of one that is not, as settings have them."""

    sequential: float
    random: float

    @classmethod
    def of(cls, settings: Mapping[str, str | None]) -> PageCosts:
        """Those of a server's settings, or as PostgreSQL has them by default."""
        return cls(
            float(settings.get("seq_page_cost") or _SEQUENTIAL), float(settings.get("random_page_cost") or _RANDOM)
        )

    def too_much(self, pages: int, rows: float, rows_in_ranges: float) -> float:
        """What the planner counts too much for a scan of ranges that hold so many of a table's pages and rows.

        >>> round(PageCosts(1.0, 4.0).too_much(18_383, 2_500_000, 17_361))
        18707
        """
        table_pages = max(pages, 1)
        spread = min(2.0 * table_pages * rows_in_ranges / (2.0 * table_pages + rows_in_ranges), table_pages)
        each = self.random - (self.random - self.sequential) * sqrt(spread / table_pages)
        together = table_pages * min(rows_in_ranges / rows, 1.0)
        return max(spread * each - together * self.sequential, 0.0)
