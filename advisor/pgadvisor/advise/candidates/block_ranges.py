"""BRIN for large tables whose rows lie in the order of what they are searched by.

https://www.postgresql.org/docs/current/brin.html
"""

from __future__ import annotations

import math
from collections.abc import Iterator

from msgspec import structs

from pgadvisor.advise.candidates.candidate import Candidate
from pgadvisor.advise.candidates.searches import RANGES, Searched, key_of
from pgadvisor.facts import Facts
from pgadvisor.model.catalog import Relation

# Smaller tables are read whole, or searched by a B-tree that nobody minds.
MIN_BYTES = 100_000_000
# |correlation| (pg_stats) from which rows count as lying in order, and as lying so but for a few.
_IN_ORDER = 0.99
_NEARLY = 0.9
_MULTI_SINCE = 14
_MULTI = frozenset(
    {"int2", "int4", "int8", "float4", "float8", "numeric", "date", "time", "timetz", "timestamp", "timestamptz"}
    | {"interval", "uuid", "inet", "macaddr", "oid"}
)
_DEFAULT_PAGES = 128
_FEWEST_PAGES = 8
# What a range returns is to be so many times what is read beyond it.
_RANGES_RETURNED = 16


def block_ranges(searched: Searched, facts: Facts) -> Iterator[Candidate]:
    """Candidates for the columns by whose ranges one table is searched."""
    relation = searched.relation
    size_bytes = facts.size_bytes(relation.oid)
    if size_bytes is None:
        size_bytes = _pages(relation, facts) * facts.server.block_size_bytes
    if size_bytes < MIN_BYTES:
        return
    for search in searched.searches:
        column = None if search.subject.column is None else facts.column(relation.oid, search.subject.column)
        if column is None or search.operator not in RANGES:
            continue
        correlation = _correlation(relation, column.name, facts)
        if correlation is None or abs(correlation) < _NEARLY:
            continue
        operator_class = ""
        if abs(correlation) < _IN_ORDER:
            if facts.server.major < _MULTI_SINCE or column.type_name not in _MULTI:
                continue
            operator_class = f"{column.type_name}_minmax_multi_ops"
        pages = size_bytes / facts.server.block_size_bytes
        per_range = _pages_per_range(pages * min(search.rows / max(searched.rows, 1.0), 1.0))
        definition = searched.definition([key_of(search.subject, operator_class)], "brin")
        if per_range != _DEFAULT_PAGES:
            definition = structs.replace(definition, options=(f"pages_per_range={per_range}",))
        yield searched.candidate(definition, "ranges of a table in order")


def _correlation(relation: Relation, column: str, facts: Facts) -> float | None:
    """That of the column; of a partitioned table the weakest of its partitions'."""
    found = []
    for leaf in facts.leaves(relation.oid):
        if facts.row_count(leaf.oid):
            statistics = facts.statistics(leaf.oid, column)
            found.append(None if statistics is None else statistics.correlation)
    known = [each for each in found if each is not None]
    return min(known, key=abs) if known and len(known) == len(found) else None


def _pages(relation: Relation, facts: Facts) -> int:
    return sum(leaf.pages for leaf in facts.leaves(relation.oid))


def _pages_per_range(pages_returned: float) -> int:
    """A power of two, so that little is read beyond what is asked for, and the index is not larger than it need be."""
    wanted = max(pages_returned / _RANGES_RETURNED, 1.0)
    return int(min(max(2 ** math.floor(math.log2(wanted)), _FEWEST_PAGES), _DEFAULT_PAGES))
