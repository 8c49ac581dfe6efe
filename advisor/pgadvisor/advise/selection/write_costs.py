"""What one entry of an index takes a server, by access method and keys: microseconds and bytes of WAL.

Every figure is measured by benchmarks/indexes/write_costs.py on PostgreSQL 18 and 15 (processor time, pages in memory,
200,000 rows), but where it says otherwise. Where the server measured its own writes, write_speed.py scales by these.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

from pgadvisor.indexes.sizes.attributes import KeyStatistics
from pgadvisor.indexes.sizes.gin import postings
from pgadvisor.indexes.sizes.groups import Rows
from pgadvisor.model.catalog import IndexDefinition

# A row inserted, without its indexes, and an INSERT beside its rows: what a measured INSERT is compared with.
ROW_US = 2.5
CALL_US = 20.0
# A foreign key is looked up for each row; measured by nobody, of the size of a statement by primary key.
FOREIGN_KEY_US = 8.0
# A byte of WAL takes a processor 1.2 ns, with the disk 2 (that was not measured).
WAL_BYTES_PER_MS = 500_000.0
# Rows for which the figures below were measured: a search takes one comparison more for every doubling.
_MEASURED_ROWS = 200_000.0
# An entry that goes where the last one went, and one that goes anywhere.
_IN_ORDER_US = 1.5
_ANYWHERE_US = 5.0
# What keys of a kind take more than an integer, and each key after the first.
_KIND_US = {"uuid": 1.0, "numeric": 2.0}
_LONG_US = 2.7
_EXPRESSION_US = 0.5
_ANOTHER_KEY_US = 1.6
_INCLUDED_US = 1.0
_HASH_US = 3.0
_GIST_US = 11.0
_BRIN_US = 0.5
# GIN, its pending list and the move from there: a row, and each of its elements.
_GIN_ROW_US, _GIN_ELEMENT_US = 4.0, 0.65
_GIN_ROW_WAL, _GIN_ELEMENT_WAL = 220.0, 25.0
# A predicate is looked at for rows that it leaves out, too.
PREDICATE_US = 0.5
# A record of WAL beside the entry in it; an entry that goes anywhere splits pages, of which a half is logged.
_RECORD_WAL = 50.0
_SPLIT_FACTOR = 2.4
_HASH_WAL, _BRIN_WAL = 75.0, 4.0
# Vacuum, for each dead row, where it comes as autovacuum does, at every fifth row.
_DEAD_US = 1.0
_DEAD_ELEMENT_US = 0.2
_FEW_VALUES_PER_PAGE = 0.1
_TUPLE_HEADER_BYTES = 8
_LINE_POINTER_BYTES = 4
_ELEMENTS_UNKNOWN = 8.0
_WIDTH_UNKNOWN = 32.0
# A key whose values come in the order of rows, as of a sequence or a clock; pg_stats.correlation says so.
_ORDERED = 0.9
_FIXED_WIDTH = frozenset(
    {"int2", "int4", "int8", "float4", "float8", "bool", "date", "timestamp", "timestamptz", "oid"}
)


@dataclass(frozen=True)
class EntryCost:
    """What an entry takes: us to write with its page in memory, wal_bytes logged, dead_us for vacuum to take it away.

    spread is the share of the index's pages that entries of a while are spread over: 0 where they go to one.
    """

    us: float
    wal_bytes: float
    dead_us: float
    spread: float


def entry_cost(
    definition: IndexDefinition, columns: Mapping[str, KeyStatistics], rows: float, pages: float
) -> EntryCost:
    """Of an index of so many rows and pages on columns of which these statistics are known, by name."""
    known = [columns.get(key.column) if key.column is not None else None for key in definition.keys]
    depth = max(math.log2(max(rows, 2.0)) / math.log2(_MEASURED_ROWS), 0.3)
    match definition.access_method:
        case "brin":
            return EntryCost(_BRIN_US, _BRIN_WAL, 0.0, 0.0)
        case "gin":
            elements = sum(map(elements_of, known, [key.operator_class for key in definition.keys]))
            return EntryCost(
                us=_GIN_ROW_US + _GIN_ELEMENT_US * elements + _expressions_us(definition),
                wal_bytes=_GIN_ROW_WAL + _GIN_ELEMENT_WAL * elements,
                dead_us=_DEAD_US + _DEAD_ELEMENT_US * elements,
                spread=1.0,
            )
        case "hash":
            return EntryCost(_HASH_US + _expressions_us(definition), _HASH_WAL, _DEAD_US, 1.0)
    spread = _spread(definition, known, rows, pages)
    width = _aligned(_TUPLE_HEADER_BYTES + sum(map(_width, known)) + _included_bytes(definition, columns))
    base = _IN_ORDER_US + (_ANYWHERE_US - _IN_ORDER_US) * spread if definition.access_method == "btree" else _GIST_US
    more = sum(map(_kind_us, known)) * (1.0 if spread else 0.5) + _ANOTHER_KEY_US * (len(known) - 1)
    return EntryCost(
        us=(base + more) * depth + _expressions_us(definition) + (_INCLUDED_US if definition.include else 0.0),
        wal_bytes=_RECORD_WAL + width + _SPLIT_FACTOR * spread * (width + _LINE_POINTER_BYTES),
        dead_us=_DEAD_US,
        spread=spread,
    )


def _spread(definition: IndexDefinition, known: list[KeyStatistics | None], rows: float, pages: float) -> float:
    """0 for a key that comes in order, less than 1 for one of few values, each of which has a place of its own."""
    first = known[0] if known else None
    if first is None or definition.access_method != "btree":
        return 1.0
    if first.correlation is not None and abs(first.correlation) >= _ORDERED and first.distinct(rows) > rows / 2:
        return 0.0
    if len(known) == 1:
        places = first.distinct(rows) / max(pages, 1.0)
        return 0.0 if places < _FEW_VALUES_PER_PAGE else min(places, 1.0)
    return 1.0


def _kind_us(key: KeyStatistics | None) -> float:
    if key is None:
        return _LONG_US
    if is_fixed_width(key):
        return 0.0
    return _KIND_US.get(key.type_name, _LONG_US)


def _expressions_us(definition: IndexDefinition) -> float:
    return _EXPRESSION_US * sum(key.column is None for key in definition.keys)


def _width(key: KeyStatistics | None) -> float:
    return _WIDTH_UNKNOWN if key is None else key.average_width_bytes


def _included_bytes(definition: IndexDefinition, columns: Mapping[str, KeyStatistics]) -> float:
    return sum(_width(columns.get(name)) for name in definition.include)


def elements_of(key: KeyStatistics | None, operator_class: str) -> float:
    """How many elements a row has in a GIN index."""
    found = None if key is None else postings(key, operator_class, Rows(_MEASURED_ROWS, 1.0))
    if not found:
        return _ELEMENTS_UNKNOWN
    return max(sum(each.elements * each.rows for each in found) / _MEASURED_ROWS, 1.0)


def is_fixed_width(key: KeyStatistics) -> bool:
    """Whether values are compared as numbers of the processor's."""
    return key.type_name in _FIXED_WIDTH


def _aligned(width: float) -> float:
    return math.ceil(width / 8) * 8.0
