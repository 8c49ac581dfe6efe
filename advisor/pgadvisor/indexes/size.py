"""How large an index would be, from statistics alone; None where nothing sound can be said.

Sources: PostgreSQL manual, "Page Layout" (page and tuple headers, alignment) and "B-Tree Structure" (deduplication,
13 and later); the limits of posting lists are those of nbtree's build. Held against really built indexes by tests.
"""

from __future__ import annotations

import math
from collections.abc import Container, Iterator, Mapping

from msgspec.structs import replace

from pgadvisor.indexes.predicates import conjuncts, not_null_column
from pgadvisor.indexes.sizes.attributes import KeyStatistics
from pgadvisor.indexes.sizes.result import IndexEstimate
from pgadvisor.model.catalog import IndexDefinition
from pgadvisor.model.statistics import ColumnStatistics

_PAGE_HEADER_BYTES = 24
_LINE_POINTER_BYTES = 4
_TUPLE_HEADER_BYTES = 8
_BTREE_SPECIAL_BYTES = 16
_ROW_POINTER_BYTES = 6
_HASH_ENTRY_BYTES = 16 + _LINE_POINTER_BYTES
# Buckets double in four steps and are seldom full: between half and three quarters.
_HASH_FILL = 0.65
# Row numbers are compressed, and each element is kept once: half of what the column holds is amid a wide range.
_GIN_SHARE = 0.5
_DEFAULT_PAGES_PER_RANGE = 128


def estimate(
    definition: IndexDefinition,
    *,
    row_count: float | None,
    columns: Mapping[str, KeyStatistics],
    expressions: Mapping[str, KeyStatistics] = {},
    selectivity: float | None = None,
    table_pages: int | None = None,
    distinct_counts: Mapping[frozenset[str], float] = {},
    major: int = 18,
    block_size_bytes: int = 8192,
) -> IndexEstimate | None:
    """The index as CREATE INDEX would build it now; None where nothing sound can be said.

    row_count and table_pages are the table's, columns its columns by name, expressions by their text as in the
    definition (sizes.attributes makes both). selectivity is the share of rows that a predicate admits; without it a
    partial index is unknown, but for one that only leaves out NULLs of one of its columns. table_pages are needed for
    BRIN and make GIN better. distinct_counts are numbers of distinct combinations of columns, as extended statistics
    know them (ndistinct). major is that of the server which builds: some builds changed.
    """
    statistics = {
        name: ColumnStatistics(
            relation_oid=0,
            column=name,
            null_fraction=row.null_fraction,
            average_width_bytes=round(row.average_width_bytes),
            n_distinct=row.n_distinct,
            most_common_frequencies=row.value_frequencies,
        )
        for name, row in columns.items()
    }
    size = estimated_size_bytes(
        definition,
        row_count,
        statistics,
        selectivity=selectivity,
        not_deduplicated=[name for name, row in columns.items() if not row.shares_entries],
        table_pages=table_pages,
        block_size_bytes=block_size_bytes,
    )
    return None if size is None else IndexEstimate(pages=size // block_size_bytes, entries=row_count or 0.0)


def estimated_size_bytes(
    definition: IndexDefinition,
    row_count: float | None,
    statistics: Mapping[str, ColumnStatistics],
    *,
    selectivity: float | None = None,
    not_deduplicated: Container[str] = (),
    table_pages: int | None = None,
    block_size_bytes: int = 8192,
) -> int | None:
    """Bytes of the index when just built.

    statistics are by column name. selectivity is the share of rows that a predicate admits; without it the size of a
    partial index is unknown, but for one that only leaves out NULLs of one column. not_deduplicated are columns
    whose type never shares entries (numeric, float4, float8, jsonb, arrays of them, text under a nondeterministic
    collation). table_pages are needed for BRIN. GiST, SP-GiST and expressions are unknown; GIN is rough, within
    a factor of four or so.
    """
    share = _share(definition, statistics, selectivity)
    if row_count is None or share is None:
        return None
    rows = max(row_count, 0.0) * share
    if definition.access_method == "brin":
        return _brin_bytes(definition, table_pages, block_size_bytes)
    if definition.access_method == "hash":
        return _pages(rows * _HASH_ENTRY_BYTES / _HASH_FILL, block_size_bytes, extra=4) * block_size_bytes
    columns = (*definition.key_columns, *definition.include)
    if selectivity is None and definition.predicate is not None:
        statistics = {
            column: _without_nulls(row) if _is_not_null(definition.predicate, column) else row
            for column, row in statistics.items()
        }
    known = [statistics.get(column) if column is not None else None for column in columns]
    found = [row for row in known if row is not None]
    if len(found) != len(columns):
        return None
    if definition.access_method == "gin":
        content_bytes = rows * _GIN_SHARE * sum(row.average_width_bytes for row in found)
        return _pages(content_bytes, block_size_bytes, extra=2) * block_size_bytes
    if definition.access_method != "btree":
        return None
    shares_entries = (
        not definition.include
        and not any(column in not_deduplicated for column in definition.key_columns)
        and "deduplicate_items=off" not in definition.options
    )
    return _btree_bytes(definition, rows, found, row_count, shares_entries, block_size_bytes)


def _share(
    definition: IndexDefinition, statistics: Mapping[str, ColumnStatistics], selectivity: float | None
) -> float | None:
    if selectivity is not None or definition.predicate is None:
        return 1.0 if selectivity is None else selectivity
    for column in definition.key_columns:
        if column is not None and column in statistics and _is_not_null(definition.predicate, column):
            return 1.0 - statistics[column].null_fraction
    return None


def _without_nulls(row: ColumnStatistics) -> ColumnStatistics:
    """Statistics over the rows that are not null."""
    left = 1.0 - row.null_fraction
    frequencies = row.most_common_frequencies
    if left <= 0 or frequencies is None:
        return replace(row, null_fraction=0.0)
    return replace(row, null_fraction=0.0, most_common_frequencies=tuple(share / left for share in frequencies))


def _is_not_null(predicate: str, column: str) -> bool:
    parts = conjuncts(predicate)
    return len(parts) == 1 and not_null_column(parts[0]) == column


def _btree_bytes(
    definition: IndexDefinition,
    rows: float,
    columns: list[ColumnStatistics],
    table_rows: float,
    shares_entries: bool,
    block_size_bytes: int,
) -> int:
    width = _TUPLE_HEADER_BYTES + _aligned(sum(row.average_width_bytes * (1 - row.null_fraction) for row in columns))
    # Three entries must fit a page, wide values compressed or not; else the index could not be built.
    width = min(width, (block_size_bytes - _PAGE_HEADER_BYTES - _BTREE_SPECIAL_BYTES) // 3 - _LINE_POINTER_BYTES)
    if shares_entries:
        leaf_bytes = sum(
            values * _posting_bytes(width, repeats, block_size_bytes)
            for values, repeats in _groups(columns, rows, table_rows)
        )
    else:
        leaf_bytes = rows * (width + _LINE_POINTER_BYTES)
    usable = (block_size_bytes - _PAGE_HEADER_BYTES - _BTREE_SPECIAL_BYTES) * _fillfactor(definition)
    leaves = max(math.ceil(leaf_bytes / usable), 1)
    pages = leaves
    level = leaves
    while level > 1:
        level = math.ceil(level * (width + _LINE_POINTER_BYTES) / (usable * 0.7 / _fillfactor(definition)))
        pages += level
    return (pages + 1) * block_size_bytes


def _groups(columns: list[ColumnStatistics], rows: float, table_rows: float) -> Iterator[tuple[float, float]]:
    """How many distinct keys there are with how many rows each: common values one by one, the rest on average."""
    distinct = 1.0
    for row in columns:
        count = row.n_distinct if row.n_distinct >= 0 else -row.n_distinct * table_rows
        distinct *= max(count, 1.0)
    left = rows
    if len(columns) == 1:
        frequencies = [columns[0].null_fraction, *(columns[0].most_common_frequencies or ())]
        for frequency in frequencies:
            repeats = min(frequency * rows, left)
            if repeats >= 1:
                yield 1.0, repeats
                left -= repeats
                distinct -= 1
    if left >= 1:
        distinct = min(max(distinct, 1.0), left)
        yield distinct, left / distinct


def _posting_bytes(key_bytes: float, repeats: float, block_size_bytes: int) -> float:
    """Leaf bytes of one key with so many rows: posting lists of at most a tenth of a page each."""
    if repeats < 2:
        return repeats * (key_bytes + _LINE_POINTER_BYTES)
    fits = (block_size_bytes / 10 - key_bytes) // _ROW_POINTER_BYTES
    lists = math.ceil(repeats / max(fits, 1))
    return lists * (key_bytes + _LINE_POINTER_BYTES) + repeats * _ROW_POINTER_BYTES


def _brin_bytes(definition: IndexDefinition, table_pages: int | None, block_size_bytes: int) -> int | None:
    if table_pages is None:
        return None
    option = next((o.partition("=")[2] for o in definition.options if o.startswith("pages_per_range=")), "")
    per_range = int(option) if option.isdecimal() and int(option) > 0 else _DEFAULT_PAGES_PER_RANGE
    ranges = math.ceil(table_pages / per_range)
    entry = 8 + 16 * len(definition.keys) + _LINE_POINTER_BYTES
    return (3 + math.ceil(ranges * entry / block_size_bytes) - (ranges * entry < block_size_bytes)) * block_size_bytes


def _pages(content_bytes: float, block_size_bytes: int, *, extra: int) -> int:
    return math.ceil(content_bytes / (block_size_bytes - _PAGE_HEADER_BYTES - _BTREE_SPECIAL_BYTES)) + extra


def _fillfactor(definition: IndexDefinition) -> float:
    option = next((o.partition("=")[2] for o in definition.options if o.startswith("fillfactor=")), "")
    return int(option) / 100 if option.isdecimal() and 10 <= int(option) <= 100 else 0.9


def _aligned(width_bytes: float) -> float:
    return math.ceil(width_bytes / 8) * 8
