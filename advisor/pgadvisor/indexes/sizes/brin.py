"""BRIN: a summary for every range of pages, and the map that leads to it.

Sources: brin_form_tuple (brin_tuple.c), REVMAP_PAGE_MAXITEMS (brin_page.h), and of the summaries brin_minmax.c,
brin_inclusion.c, brin_bloom.c and brin_minmax_multi.c.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from pgadvisor.indexes.sizes.attributes import KeyStatistics
from pgadvisor.indexes.sizes.layout import LINE_POINTER_BYTES, PAGE_HEADER_BYTES, aligned
from pgadvisor.indexes.sizes.result import IndexEstimate

DEFAULT_PAGES_PER_RANGE = 128
_SPECIAL_BYTES = 8
_MAP_ENTRY_BYTES = 6
_HEADER_BYTES = 8
# BLOOM_DEFAULT_FALSE_POSITIVE_RATE, BLOOM_DEFAULT_NDISTINCT_PER_RANGE and BLOOM_MIN_NDISTINCT_PER_RANGE.
_FALSE_POSITIVES = 0.01
_DISTINCT_SHARE = 0.1
_LEAST_DISTINCT = 16
_BLOOM_HEADER_BYTES = 16
# MINMAX_MULTI_DEFAULT_VALUES_PER_PAGE; after a merge of ranges some of the room is free again.
_VALUES = 32
_VALUES_USED = 0.9
_MULTI_HEADER_BYTES = 20
# Types whose default operator class keeps what includes all values, with two flags.
_INCLUDED = frozenset({"inet", "cidr", "box"})


def brin_estimate(
    keys: Sequence[tuple[KeyStatistics, str]], table_pages: int, pages_per_range: int, block_size_bytes: int
) -> IndexEstimate:
    """keys are statistics with the operator class's name, "" for the default."""
    ranges = math.ceil(table_pages / pages_per_range)
    usable = block_size_bytes - PAGE_HEADER_BYTES - _SPECIAL_BYTES
    rows_per_range = pages_per_range * _heap_rows(block_size_bytes)
    content = sum(_summary_bytes(key, name, rows_per_range) for key, name in keys)
    nulls = any(key.null_fraction > 0 for key, _ in keys)
    header = aligned(5 + math.ceil(len(keys) / 4)) if nulls else _HEADER_BYTES
    entry = min(aligned(header + content) + LINE_POINTER_BYTES, usable)
    revmap = max(math.ceil(ranges / (usable // _MAP_ENTRY_BYTES)), 1)
    pages = 1 + revmap + max(math.ceil(ranges / (usable // entry)), 1 if ranges else 0)
    return IndexEstimate(pages=pages, entries=float(ranges), revmap_pages=revmap)


def _summary_bytes(key: KeyStatistics, operator_class: str, rows_per_range: int) -> float:
    width = key.average_width_bytes
    if operator_class.endswith("bloom_ops"):
        distinct = max(_DISTINCT_SHARE * rows_per_range, _LEAST_DISTINCT)
        return _BLOOM_HEADER_BYTES + math.ceil(-distinct * math.log(_FALSE_POSITIVES) / math.log(2) ** 2 / 8)
    if operator_class.endswith("minmax_multi_ops"):
        return _MULTI_HEADER_BYTES + _VALUES * _VALUES_USED * width
    included = operator_class.endswith("inclusion_ops") or key.type_name.endswith("range")
    if included or (key.type_name in _INCLUDED and not operator_class.endswith("minmax_ops")):
        return width + 2
    return 2 * (width if key.length_bytes < 0 else aligned(width, min(key.length_bytes, 8)))


def _heap_rows(block_size_bytes: int) -> int:
    """MaxHeapTuplesPerPage."""
    return (block_size_bytes - PAGE_HEADER_BYTES) // (24 + LINE_POINTER_BYTES)
