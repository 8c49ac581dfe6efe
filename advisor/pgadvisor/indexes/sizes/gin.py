"""GIN as gininsert.c builds it: a tree of elements, with lists of rows in the entries and trees of rows of their own.

Sources: ginCompressPostingList (ginpostinglist.c), GinFormTuple and entrySplitPage (ginentrypage.c: a page is split in
halves, and entries come in order), GinMaxItemSize (ginblock.h), createPostingTree (gindatapage.c).
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace

from pgadvisor.indexes.sizes.attributes import KeyStatistics
from pgadvisor.indexes.sizes.elements import (
    Postings,
    document_keys,
    document_paths,
    of_elements,
    of_samples,
    trigrams,
    unknown_trigrams,
)
from pgadvisor.indexes.sizes.groups import Rows, groups
from pgadvisor.indexes.sizes.layout import (
    LINE_POINTER_BYTES,
    PAGE_HEADER_BYTES,
    TUPLE_HEADER_BYTES,
    aligned,
    key_widths,
)
from pgadvisor.indexes.sizes.result import IndexEstimate

_SPECIAL_BYTES = 8
# A compressed list starts with its first row and its length; in a tree each is cut at this length.
_LIST_HEADER_BYTES = 8
_SEGMENT_BYTES = 256
_RIGHT_BOUND_BYTES = 8
_DOWNLINK_BYTES = 10
# A row pointer is its page times 2,048 and its place on it; seven bits of the distance go into a byte.
_PLACES = 2048
_COLUMN_NUMBER_BYTES = 2
_SCALARS = frozenset(
    {"int2", "int4", "int8", "float4", "float8", "numeric", "text", "varchar", "bpchar", "date", "timestamp"}
    | {"timestamptz", "time", "timetz", "interval", "bool", "uuid", "inet", "cidr", "macaddr", "oid", "bytea", "money"}
    | {"citext", "name", "bit", "varbit", "char", "enum"}
)


def postings(key: KeyStatistics, operator_class: str, rows: Rows) -> list[Postings] | None:
    """What the index holds of a column; None where its operator class is not known."""
    name = operator_class.rpartition(".")[2]
    count = rows.count
    if name.startswith("gin_trgm"):
        found = of_samples(key, count, trigrams) if key.values else unknown_trigrams(key, count)
        # A trigram is kept as a number.
        return _with_nulls([Postings(each.elements, each.rows, 4.0) for each in found], key, count)
    if key.type_name == "jsonb":
        if not key.values:
            return None
        if name == "jsonb_path_ops":
            found = of_samples(key, count, document_paths)
            return _with_nulls([Postings(each.elements, each.rows, 4.0) for each in found], key, count)
        return _with_nulls(of_samples(key, count, document_keys), key, count)
    if key.type_name == "tsvector" or key.type_name.startswith("_"):
        return _with_nulls(of_elements(key, count), key, count)
    if key.type_name in _SCALARS:
        width = key_widths([key]) / max(1 - key.null_fraction, 1e-9)
        return [Postings(each.keys, each.rows, width) for each in groups(("",), (key,), rows, {})]
    return None


def _with_nulls(found: list[Postings], key: KeyStatistics, rows: float) -> list[Postings]:
    nulls = key.null_fraction * rows
    return [*found, Postings(1.0, nulls, 0.0)] if nulls >= 1 else found


def gin_estimate(columns: Sequence[list[Postings]], table_pages: float, block_size_bytes: int) -> IndexEstimate:
    """Metapage, root of the pending list, entry tree and posting trees."""
    usable = block_size_bytes - PAGE_HEADER_BYTES - _SPECIAL_BYTES
    largest = (block_size_bytes - aligned(PAGE_HEADER_BYTES + 3 * LINE_POINTER_BYTES) - _SPECIAL_BYTES) // 3 // 8 * 8
    number = _COLUMN_NUMBER_BYTES if len(columns) > 1 else 0
    leaf_pages = data_pages = elements = pairs = 0.0
    for each in spread_out(posting for column in columns for posting in column):
        key_bytes = aligned(TUPLE_HEADER_BYTES + number + each.width_bytes)
        content = list_bytes(each.rows, table_pages)
        size = aligned(key_bytes + content)
        if size > largest:
            size = key_bytes
            data_pages += each.elements * _tree_pages(content, usable)
        # Split in halves; the entry in the middle goes to the left one.
        leaf_pages += each.elements * (size + LINE_POINTER_BYTES) / (usable / 2 + size / 2)
        elements += each.elements
        pairs += each.elements * each.rows
    leaves = max(math.ceil(leaf_pages), 1)
    if leaf_pages < 2:
        leaves = 1 if leaf_pages <= 1 else 2
    entry_pages, level = leaves, leaves
    while level > 1:
        level = math.ceil(level / (usable / 2 / 24))
        entry_pages += level
    return IndexEstimate(
        pages=2 + entry_pages + math.ceil(data_pages) - 1,
        entries=pairs,
        entry_pages=entry_pages,
        data_pages=math.ceil(data_pages),
        n_entries=math.ceil(elements),
    )


def spread_out(found: Iterable[Postings]) -> Iterable[Postings]:
    """Classes of many elements, with rows by chance more and less than the average: sizes depend on thresholds."""
    for each in found:
        if each.elements < 4 or each.rows < 4:
            yield from _whole(each)
            continue
        deviation = math.sqrt(each.rows)
        for step in (-1.2, 0.0, 1.2):
            yield Postings(each.elements / 3, max(each.rows + step * deviation, 1.0), each.width_bytes)


def _whole(found: Postings) -> Iterator[Postings]:
    """Elements with one row less and one more, so that they have as many together: lists have whole rows."""
    fewer = math.floor(found.rows)
    more = found.elements * (found.rows - fewer)
    for elements, rows in ((found.elements - more, fewer), (more, fewer + 1)):
        if elements > 0:
            yield replace(found, elements=elements, rows=rows)


def list_bytes(rows: float, table_pages: float) -> float:
    """A compressed list of so many rows, spread evenly over the pages of the table."""
    density = rows / max(table_pages, 1.0)
    # Shares of distances within a page, and beyond it of those of up to so many bytes.
    within = 1 - -math.expm1(-density) / density if density > 0 else 0.0
    beyond = sum(
        math.exp(-density * (2.0 ** (7 * size) / _PLACES - 1)) if 2 ** (7 * size) > _PLACES else 1.0
        for size in range(1, 6)
    )
    each = within + (1 - within) * (1 + beyond)
    return _LIST_HEADER_BYTES + math.ceil(max(rows - 1, 0) * each / 2) * 2


def _tree_pages(content_bytes: float, usable: int) -> int:
    """A tree of lists: one page, or full leaves with a level above."""
    content = content_bytes * (1 + _LIST_HEADER_BYTES / _SEGMENT_BYTES)
    pages = level = math.ceil(content / (usable - _RIGHT_BOUND_BYTES))
    while level > 1:
        level = math.ceil(level / ((usable - _RIGHT_BOUND_BYTES) // _DOWNLINK_BYTES))
        pages += level
    return pages
