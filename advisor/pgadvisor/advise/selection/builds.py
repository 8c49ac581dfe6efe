"""What building an index takes: milliseconds and bytes of WAL.

Figures are measured by benchmarks/indexes/write_costs.py, but where it says otherwise.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

from pgadvisor.advise.selection.write_costs import elements_of, is_fixed_width
from pgadvisor.indexes.sizes.attributes import KeyStatistics
from pgadvisor.model.catalog import IndexDefinition

# CREATE INDEX CONCURRENTLY looks at every row of the table twice (manual, "Building Indexes Concurrently").
_SCANS = 2
_PAGE_US = 4.0
_ROW_US = 0.1
# A row sorted and written, of 200,000 rows, by its first key, and what each key after it takes more.
_INTEGER_US, _LONG_US, _ANOTHER_KEY_US = 0.4, 2.2, 0.5
_KIND_US = {"uuid": 0.65, "numeric": 0.55}
_EXPRESSION_US = 0.8
_METHOD_US = {"hash": 1.8, "gist": 9.5, "spgist": 2.0, "brin": 0.0}
_GIN_ELEMENT_US = 0.9
_MEASURED_ROWS = 200_000.0
# Bytes of WAL for each byte of the index.
_WAL = {"btree": 0.9, "hash": 2.2, "gin": 0.55, "brin": 1.0}
# What a modest disk gives and takes; not measured.
_DISK_BYTES_PER_S = 200e6


def build_ms(
    definition: IndexDefinition,
    columns: Mapping[str, KeyStatistics],
    *,
    table_rows: float,
    table_bytes: float,
    entries: float,
    size_bytes: float,
    cache_bytes: float,
    block_size_bytes: int,
) -> float:
    """Milliseconds to build it concurrently, by one worker, nobody in the way."""
    scan_us = _SCANS * (table_bytes / block_size_bytes * _PAGE_US + table_rows * _ROW_US)
    sort_us = entries * _row_us(definition, columns)
    if definition.access_method in ("btree", "gist"):
        sort_us *= max(math.log2(max(entries, 2.0)) / math.log2(_MEASURED_ROWS), 0.3)
    read_bytes = _SCANS * table_bytes if table_bytes > cache_bytes else 0.0
    return (scan_us + sort_us) / 1000 + (read_bytes + size_bytes) / _DISK_BYTES_PER_S * 1000


def build_wal_bytes(definition: IndexDefinition, size_bytes: float) -> int:
    """Bytes of WAL that the build writes: the pages of the index, without the room in them."""
    return round(_WAL.get(definition.access_method, 1.0) * size_bytes)


def _row_us(definition: IndexDefinition, columns: Mapping[str, KeyStatistics]) -> float:
    known = [columns.get(key.column) if key.column is not None else None for key in definition.keys]
    expressions_us = _EXPRESSION_US * sum(key.column is None for key in definition.keys)
    if definition.access_method == "gin":
        classes = [key.operator_class for key in definition.keys]
        return _GIN_ELEMENT_US * sum(map(elements_of, known, classes)) + expressions_us
    if definition.access_method in _METHOD_US:
        return _METHOD_US[definition.access_method] + expressions_us
    first = known[0] if known else None
    if first is not None and is_fixed_width(first):
        first_us = _INTEGER_US
    else:
        first_us = _LONG_US if first is None else _KIND_US.get(first.type_name, _LONG_US)
    return first_us + _ANOTHER_KEY_US * (len(known) - 1) + expressions_us
