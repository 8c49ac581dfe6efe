"""How large an index would be, from statistics alone; None where nothing sound can be said.

Each access method has a module in `sizes`, which names its sources. Held against really built indexes by tests and by
benchmarks/index_sizes.py.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from pgadvisor.indexes.predicates import conditions
from pgadvisor.indexes.sizes import brin, btree, gin, hash_index, spatial
from pgadvisor.indexes.sizes.attributes import KeyStatistics
from pgadvisor.indexes.sizes.groups import Rows, distinct_keys, groups
from pgadvisor.indexes.sizes.layout import PAGE_HEADER_BYTES, entry_sizes
from pgadvisor.indexes.sizes.result import IndexEstimate
from pgadvisor.model.catalog import IndexDefinition

_BTREE_SPECIAL_BYTES = 16
_PIVOT_ROW_POINTER_BYTES = 8
# Rows on a page of a table of which nothing is known.
_ROWS_PER_PAGE = 50


@dataclass(frozen=True)
class _Index:
    """A definition with the statistics of all it holds, keys with their names."""

    definition: IndexDefinition
    names: tuple[str, ...]
    keys: tuple[KeyStatistics, ...]
    included: tuple[KeyStatistics, ...]
    rows: Rows
    table_rows: float
    distinct_counts: Mapping[frozenset[str], float]
    block_size_bytes: int

    @property
    def with_classes(self) -> list[tuple[KeyStatistics, str]]:
        return [(each, key.operator_class) for each, key in zip(self.keys, self.definition.keys, strict=True)]


def estimate(
    definition: IndexDefinition,
    *,
    row_count: float | None,
    columns: Mapping[str, KeyStatistics],
    expressions: Mapping[str, KeyStatistics] | None = None,
    selectivity: float | None = None,
    table_pages: int | None = None,
    distinct_counts: Mapping[frozenset[str], float] | None = None,
    major: int = 18,
    block_size_bytes: int = 8192,
) -> IndexEstimate | None:
    """The index as CREATE INDEX would build it now; None where nothing sound can be said.

    row_count and table_pages are the table's, columns its columns by name, expressions by their text as in the
    definition (sizes.attributes makes both). selectivity is the share of rows that a predicate admits; without it a
    partial index is unknown, but for one that only leaves out NULLs of one of its columns. table_pages are needed for
    BRIN and make GIN better. distinct_counts are numbers of distinct combinations of columns (and of expressions, by
    their text), as extended statistics know them (ndistinct), or the rows of a table that these columns refer to.
    major is that of the server which builds: some builds changed.
    """
    if row_count is None:
        return None
    rows = max(row_count, 0.0)
    if definition.access_method == "brin" and definition.keys and table_pages is not None:
        return _brin(definition, columns, expressions or {}, table_pages, block_size_bytes)
    known = _known(definition, columns, expressions or {})
    share = _share(definition, columns, selectivity)
    if share is None or known is None:
        return None
    index = _Index(
        definition=definition,
        names=tuple(_name(key.column, key.expression) for key in definition.keys),
        keys=known[: len(definition.keys)],
        included=known[len(definition.keys) :],
        rows=_rows(definition, columns, rows, share),
        table_rows=rows,
        distinct_counts=distinct_counts or {},
        block_size_bytes=block_size_bytes,
    )
    match definition.access_method:
        case "btree":
            return _btree(index)
        case "hash":
            return _hash(index)
        case "gin":
            return _gin(index, table_pages)
        case "gist" | "spgist":
            return _spatial(index, major)
    return None


def _rows(definition: IndexDefinition, columns: Mapping[str, KeyStatistics], rows: float, share: float) -> Rows:
    """The table's rows of which a share is in the index, without NULLs that the predicate leaves out.

    Those are out of the question; what it leaves is a part of the rest.
    """
    not_null = _never_null(definition)
    left = min([1.0 - columns[name].null_fraction for name in not_null if name in columns], default=1.0)
    return Rows(rows * left, min(max(share / left, 0.0), 1.0) if left > 0 else 0.0)


def estimated_size_bytes(
    definition: IndexDefinition,
    row_count: float | None,
    columns: Mapping[str, KeyStatistics],
    *,
    selectivity: float | None = None,
    table_pages: int | None = None,
    block_size_bytes: int = 8192,
) -> int | None:
    """Bytes of the index when just built; see `estimate`."""
    found = estimate(
        definition,
        row_count=row_count,
        columns=columns,
        selectivity=selectivity,
        table_pages=table_pages,
        block_size_bytes=block_size_bytes,
    )
    return None if found is None else found.pages * block_size_bytes


def _btree(index: _Index) -> IndexEstimate:
    definition = index.definition
    # Builds of unique indexes do not share entries (_bt_load), nor do those with included columns.
    shares = (
        not definition.unique
        and not definition.include
        and all(key.shares_entries for key in index.keys)
        and not any(option in definition.options for option in ("deduplicate_items=off", "deduplicate_items=false"))
    )
    found = list(groups(index.names, index.keys, index.rows, index.distinct_counts))
    tree = replace(
        _tree(index.keys, index.included, index.block_size_bytes),
        shares_entries=shares,
        fillfactor=_option(definition, "fillfactor", btree.DEFAULT_FILLFACTOR, range(10, 101)),
    )
    tree = replace(tree, pivot_bytes=_pivot_bytes(index, tree.item_count(found)))
    levels = tree.levels(found)
    empty = index.rows.count < 1
    return IndexEstimate(
        # An empty index is its metapage alone.
        pages=1 if empty else sum(levels) + 1,
        entries=index.rows.count,
        height=len(levels) - 1,
    )


def _tree(keys: tuple[KeyStatistics, ...], included: tuple[KeyStatistics, ...], block_size_bytes: int) -> btree.BTree:
    # Three entries must fit a page, wide values compressed or not; else the index could not be built.
    widest = (block_size_bytes - PAGE_HEADER_BYTES - _BTREE_SPECIAL_BYTES) // 3 // 8 * 8 - 8
    if len(keys) == 1:
        entries = entry_sizes((replace(keys[0], null_fraction=0.0), *included), widest=widest)
        nulls = entry_sizes((replace(keys[0], null_fraction=1.0), *included), widest=widest)
    else:
        entries = nulls = entry_sizes((*keys, *included), widest=widest)
    return btree.BTree(
        entries=entries,
        null_entries=nulls,
        pivot_bytes=entry_sizes(keys, widest=widest).mean,
        shares_entries=False,
        block_size_bytes=block_size_bytes,
    )


def _pivot_bytes(index: _Index, items: float) -> float:
    """Bytes of an entry of an internal page: what of the key tells two leaves apart, with the row where all is equal.

    items are the entries of the leaves: two neighbours differ in the first columns as often as these have other keys.
    """
    widest = (index.block_size_bytes - PAGE_HEADER_BYTES - _BTREE_SPECIAL_BYTES) // 3 // 8 * 8
    mean, differing = 0.0, 0.0
    for length in range(1, len(index.keys) + 1):
        keys = index.keys[:length]
        distinct = distinct_keys(index.names[:length], keys, index.rows, index.distinct_counts)
        now = max(min(distinct / max(items, 1.0), 1.0), differing)
        mean += (now - differing) * entry_sizes(keys, widest=widest).mean
        differing = now
    return mean + (1 - differing) * (entry_sizes(index.keys, widest=widest).mean + _PIVOT_ROW_POINTER_BYTES)


def _hash(index: _Index) -> IndexEstimate | None:
    if len(index.keys) != 1:
        return None
    found = [group for group in groups(index.names, index.keys, index.rows, {}) if not group.null]
    fillfactor = _option(index.definition, "fillfactor", hash_index.DEFAULT_FILLFACTOR, range(10, 101))
    pages = hash_index.hash_pages(found, index.table_rows, fillfactor, index.block_size_bytes)
    return IndexEstimate(pages=pages, entries=sum(group.keys * group.rows for group in found))


def _gin(index: _Index, table_pages: int | None) -> IndexEstimate | None:
    columns = [gin.postings(key, name, index.rows) for key, name in index.with_classes]
    known = [column for column in columns if column is not None]
    if len(known) < len(columns):
        return None
    pages = table_pages if table_pages else max(index.table_rows / _ROWS_PER_PAGE, 1.0)
    return gin.gin_estimate(known, pages, index.block_size_bytes)


def _spatial(index: _Index, major: int) -> IndexEstimate | None:
    included = list(index.included)
    if index.definition.access_method == "gist":
        pages = spatial.gist_pages(index.with_classes, included, index.rows.count, major, index.block_size_bytes)
    elif len(index.keys) == 1:
        key, name = index.with_classes[0]
        pages = spatial.spgist_pages(key, name, included, index.rows.count, index.block_size_bytes)
    else:
        return None
    return None if pages is None else IndexEstimate(pages=pages, entries=index.rows.count)


def _brin(
    definition: IndexDefinition,
    columns: Mapping[str, KeyStatistics],
    expressions: Mapping[str, KeyStatistics],
    table_pages: int,
    block_size_bytes: int,
) -> IndexEstimate | None:
    known = _known(definition, columns, expressions)
    if known is None:
        return None
    keys = [(each, key.operator_class) for each, key in zip(known, definition.keys, strict=True)]
    per_range = _option(definition, "pages_per_range", brin.DEFAULT_PAGES_PER_RANGE, range(1, 131_073))
    return brin.brin_estimate(keys, table_pages, per_range, block_size_bytes)


def _known(
    definition: IndexDefinition, columns: Mapping[str, KeyStatistics], expressions: Mapping[str, KeyStatistics]
) -> tuple[KeyStatistics, ...] | None:
    """Statistics of keys and included columns in order, without the NULLs that the predicate leaves out; or None."""
    found = [
        columns.get(key.column) if key.column is not None else expressions.get(key.expression or "")
        for key in definition.keys
    ]
    found += [columns.get(column) for column in definition.include]
    known = [each for each in found if each is not None]
    if len(known) < len(found):
        return None
    not_null = _never_null(definition)
    names = [*definition.key_columns, *definition.include]
    return tuple(_without_nulls(each) if name in not_null else each for name, each in zip(names, known, strict=True))


def _never_null(definition: IndexDefinition) -> frozenset[str]:
    """Columns that cannot be NULL in the rows that the predicate admits."""
    return frozenset() if definition.predicate is None else conditions(definition.predicate).not_null


def _share(
    definition: IndexDefinition, columns: Mapping[str, KeyStatistics], selectivity: float | None
) -> float | None:
    """The share of the rows that the index holds; unknown for predicates without selectivity but IS NOT NULL."""
    if selectivity is not None or definition.predicate is None:
        return 1.0 if selectivity is None else selectivity
    asked = conditions(definition.predicate)
    if asked.others or len(asked.not_null) != 1:
        return None
    (column,) = asked.not_null
    return 1.0 - columns[column].null_fraction if column in columns else None


def _without_nulls(key: KeyStatistics) -> KeyStatistics:
    """Statistics over the rows that are not NULL."""
    left = 1.0 - key.null_fraction
    if left <= 0:
        return replace(key, null_fraction=0.0)
    return replace(
        key,
        null_fraction=0.0,
        value_frequencies=tuple(share / left for share in key.value_frequencies),
        element_frequencies=tuple(share / left for share in key.element_frequencies),
        n_distinct=key.n_distinct / left if key.n_distinct < 0 else key.n_distinct,
    )


def _name(column: str | None, expression: str | None) -> str:
    return column if column is not None else expression or ""


def _option(definition: IndexDefinition, name: str, default: int, allowed: range) -> int:
    text = next((option.partition("=")[2] for option in definition.options if option.startswith(f"{name}=")), "")
    return int(text) if text.isdecimal() and len(text) < 8 and int(text) in allowed else default
