"""How large an index would be that CREATE INDEX built now, on a table of the snapshot."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from functools import cached_property
from threading import Lock

from pgadvisor.facts import Facts
from pgadvisor.indexes.size import estimate
from pgadvisor.indexes.sizes.attributes import KeyStatistics, of_type
from pgadvisor.indexes.sizes.catalog import column_statistics, distinct_counts
from pgadvisor.indexes.sizes.expressions import of_expression
from pgadvisor.indexes.sizes.result import IndexEstimate
from pgadvisor.model.catalog import IndexDefinition
from pgadvisor.model.statistics import PgStats
from pgadvisor.planner.twin.storage.heights import height_of_pages
from pgadvisor.planner.twin.storage.lengths import MOST_PAGES_TOLD, MOST_ROWS, Lengths

# Where nothing is known of an index's content: what an entry of one takes, with the room that pages have left.
_ENTRY_BYTES = 48
_FAN_OUT = 150


class Predictions:
    """Sizes of indexes that do not exist, from statistics of the snapshot; each is worked out once, whoever asks."""

    def __init__(self, facts: Facts) -> None:
        self._lock = Lock()
        self._known: dict[tuple[int, IndexDefinition, float | None], IndexEstimate | None] = {}
        self._facts = facts
        self._lengths = Lengths(facts)
        self._columns: dict[int, dict[str, KeyStatistics]] = {}
        self._expressions: dict[int, Mapping[str, PgStats]] = {}
        self._distinct_counts: dict[int, Mapping[frozenset[str], float]] = {}

    def of(
        self,
        table_oid: int,
        definition: IndexDefinition,
        *,
        selectivity: float | None = None,
        expressions: Mapping[str, KeyStatistics] | None = None,
    ) -> IndexEstimate | None:
        """What the definition gives on a table, a partition of the definition's or itself; None where nobody knows.

        selectivity is the share of rows that its predicate admits. expressions are what their types say, by their text.
        """
        if expressions:
            return self._estimated(table_oid, definition, selectivity, expressions)
        key = (table_oid, definition, selectivity)
        # Twins that are built side by side ask for the same.
        with self._lock:
            if key not in self._known:
                self._known[key] = self._estimated(table_oid, definition, selectivity, {})
            return self._known[key]

    def _estimated(
        self,
        table_oid: int,
        definition: IndexDefinition,
        selectivity: float | None,
        expressions: Mapping[str, KeyStatistics],
    ) -> IndexEstimate | None:
        columns = self._columns_of(table_oid)
        found = estimate(
            definition,
            row_count=self.rows(table_oid),
            columns=columns,
            expressions={text: self._expression(table_oid, text, typed) for text, typed in expressions.items()},
            selectivity=selectivity,
            table_pages=self._lengths.of(table_oid),
            distinct_counts=self._distinct_counts_of(table_oid),
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
            columns = facts.columns(table_oid)
            stored = {each.name: facts.stored_statistics(table_oid, each.name) for each in columns}
            known = {name: row for name, row in stored.items() if row is not None}
            self._columns[table_oid] = column_statistics(columns, known, facts.snapshot.catalog.collations)
        return self._columns[table_oid]

    def _expression(self, table_oid: int, text: str, typed: KeyStatistics) -> KeyStatistics:
        """Of an expression: what an index that has it already says of it, else what its column says."""
        row = self._expressions_of(table_oid).get(text)
        if row is not None:
            return of_type(typed.type_name, typed.length_bytes, typed.alignment, row)
        return of_expression(text, typed, self._columns_of(table_oid))

    def _expressions_of(self, table_oid: int) -> Mapping[str, PgStats]:
        """Statistics of expressions by their text, from indexes on no more than one."""
        if table_oid not in self._expressions:
            found = {}
            for index in self._facts.indexes_of(table_oid):
                texts = [key.expression for key in index.definition.keys if key.expression is not None]
                rows = self._of_indexes.get(index.oid, ())
                # A partial index has statistics of a part of the rows alone.
                if len(texts) == len(rows) == 1 and index.definition.predicate is None:
                    found[texts[0]] = rows[0]
            self._expressions[table_oid] = found
        return self._expressions[table_oid]

    def _distinct_counts_of(self, table_oid: int) -> Mapping[frozenset[str], float]:
        if table_oid not in self._distinct_counts:
            facts = self._facts
            constraints = facts.constraints_of(table_oid)
            referenced = {each.referenced_oid for each in constraints if each.referenced_oid in facts.relations}
            counts = {oid: facts.row_count(oid) for oid in referenced if oid is not None}
            self._distinct_counts[table_oid] = distinct_counts(
                facts.columns(table_oid),
                self.rows(table_oid),
                constraints,
                [each for each in facts.snapshot.catalog.extended_statistics if each.relation_oid == table_oid],
                {oid: count for oid, count in counts.items() if count is not None},
            )
        return self._distinct_counts[table_oid]

    @cached_property
    def _of_indexes(self) -> Mapping[int, list[PgStats]]:
        """Rows of pg_stats of indexes' own columns, by the index."""
        found: dict[int, list[PgStats]] = {}
        for row in self._facts.snapshot.column_statistics:
            if row.relation_oid in self._facts.indexes:
                found.setdefault(row.relation_oid, []).append(row)
        return found
