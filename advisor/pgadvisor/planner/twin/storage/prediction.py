"""How large an index would be that CREATE INDEX built now, on a table of the snapshot."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from pgadvisor.facts import Facts
from pgadvisor.indexes.size import estimate
from pgadvisor.indexes.sizes.attributes import KeyStatistics, of_column
from pgadvisor.indexes.sizes.result import IndexEstimate
from pgadvisor.model.catalog import IndexDefinition
from pgadvisor.planner.twin.storage.heights import height_of_pages
from pgadvisor.planner.twin.storage.lengths import MOST_PAGES_TOLD, MOST_ROWS, Lengths

# Where nothing is known of an index's content: what an entry of one takes, with the room that pages have left.
_ENTRY_BYTES = 48
_FAN_OUT = 150


class Predictions:
    """Sizes of indexes that do not exist, from statistics of the snapshot."""

    def __init__(self, facts: Facts) -> None:
        self._facts = facts
        self._lengths = Lengths(facts)
        self._columns: dict[int, dict[str, KeyStatistics]] = {}

    def of(
        self,
        table_oid: int,
        definition: IndexDefinition,
        *,
        selectivity: float | None = None,
        expressions: Mapping[str, KeyStatistics] | None = None,
    ) -> IndexEstimate | None:
        """What the definition gives on a table, a partition of the definition's or itself; None where nobody knows.

        selectivity is the share of rows that its predicate admits. expressions are by their text.
        """
        found = estimate(
            definition,
            row_count=self.rows(table_oid),
            columns=self._columns_of(table_oid),
            expressions=expressions or {},
            selectivity=selectivity,
            table_pages=self._lengths.of(table_oid),
            distinct_counts={},
            major=self._facts.server.major,
            block_size_bytes=self._facts.server.block_size_bytes,
        )
        if found is None:
            return None
        return replace(found, pages=min(found.pages, MOST_PAGES_TOLD), entries=min(found.entries, MOST_ROWS))

    def rough(self, table_oid: int, selectivity: float | None) -> IndexEstimate:
        """What stands in for an index of which nothing is known but its rows."""
        rows = self.rows(table_oid) * (1.0 if selectivity is None else selectivity)
        pages = min(2 + int(rows * _ENTRY_BYTES / self._facts.server.block_size_bytes), MOST_PAGES_TOLD)
        return IndexEstimate(pages=pages, entries=rows, height=height_of_pages(pages, _FAN_OUT))

    def rows(self, table_oid: int) -> float:
        """How many rows a table has, as its planner counts them, or else as the counters do."""
        rows = self._lengths.rows_now(table_oid)
        return min(self._facts.row_count(table_oid) or 0.0 if rows is None else rows, MOST_ROWS)

    def _columns_of(self, table_oid: int) -> dict[str, KeyStatistics]:
        if table_oid not in self._columns:
            facts = self._facts
            self._columns[table_oid] = {
                column.name: of_column(column, facts.statistics(table_oid, column.name))
                for column in facts.columns(table_oid)
            }
        return self._columns[table_oid]
