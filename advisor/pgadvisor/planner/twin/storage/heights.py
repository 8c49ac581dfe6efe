"""Heights of B-trees: as plans of the audited server show them, else from pages and width of entries.

An index scan costs (height + 1) * 50 * cpu_operator_cost before its first row, and ceil(log2(rows)) * cpu_operator_cost
for the search within pages (btcostestimate, selfuncs.c, 13 to 18).
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterator

from pgadvisor.facts import Facts
from pgadvisor.indexes.sizes.attributes import KeyStatistics, of_column, of_type
from pgadvisor.model.catalog import Index
from pgadvisor.model.plan_nodes import PlanNode
from pgadvisor.planner.twin.storage.lengths import MOST_ROWS, Lengths

_DESCENT_OPERATORS = 50
_SCANS = frozenset({"Index Scan", "Index Only Scan"})
_OPERATOR_COST = "cpu_operator_cost"
_DEFAULT_OPERATOR_COST = 0.0025
# EXPLAIN prints two digits.
_ROUNDED = 0.0051
# How far the number of rows may be from today's when a plan was had, and what comparing with functions may cost.
_FEWER_DOUBLINGS, _MORE_OPERATORS = 3, 8
# Levels of a tree that cannot be filled.
_MOST_STEPS = 20
# Without knowing the rows: that many doublings at most.
_MOST_DOUBLINGS = 40

_PAGE_BYTES = 24 + 16
_POINTER_BYTES = 4
_ENTRY_HEADER_BYTES = 8
_ROW_NUMBER_BYTES = 8
# CREATE INDEX fills inner pages to 70 % (BTREE_NONLEAF_FILLFACTOR), and splits leave them about as full.
_FILL, _LEAST_FILL, _MOST_FILL = 0.7, 0.55, 0.85
# The metapage and a leaf, which is the root as well.
_LONE_LEAF_PAGES = 2
# Row numbers that one entry of a leaf has at most, where equal values share entries: a tenth of a page's.
_MOST_SHARED = 130


def observed_heights(facts: Facts) -> dict[int, int]:
    """Heights of indexes that plans show, by the snapshot's oid; those that plans disagree on are left out."""
    usual = next((s.value for s in facts.server.settings if s.name == _OPERATOR_COST), "")
    lengths = Lengths(facts)
    named: dict[str, list[Index]] = defaultdict(list)
    for index in facts.indexes.values():
        if index.definition.access_method == "btree":
            named[index.name].append(index)
    found: dict[int, set[int]] = defaultdict(set)
    for plan in (plan for query_id in facts.planned() for plan in facts.plans(query_id)):
        operator_cost = _number(plan.plan.settings.get(_OPERATOR_COST, usual))
        for node in plan.root.walk():
            scanned = _index_of(node, named)
            if scanned is None:
                continue
            of_partial = scanned.definition.predicate is not None
            rows = lengths.rows_now(scanned.oid if of_partial else scanned.table_oid)
            height = height_of_cost(node.startup_cost, operator_cost, rows)
            if height is not None:
                found[scanned.oid].add(height)
    return {oid: heights.pop() for oid, heights in found.items() if len(heights) == 1}


def height_of_cost(startup_cost: float, operator_cost: float, rows: float | None) -> int | None:
    """The height that a scan's startup cost has in it; None where something else must be in it as well."""
    step = _DESCENT_OPERATORS * operator_cost
    if not 4 * _ROUNDED < step < math.inf or not 0 < startup_cost < _MOST_STEPS * step:
        return None
    steps = math.floor((startup_cost + _ROUNDED) / step)
    doublings = None if rows is None else math.ceil(math.log2(rows)) if rows > 1 else 0
    least, most = (0, _MOST_DOUBLINGS) if doublings is None else (doublings - _FEWER_DOUBLINGS, doublings)
    rest = startup_cost - steps * step
    fits = least * operator_cost - _ROUNDED <= rest <= (most + _MORE_OPERATORS) * operator_cost + _ROUNDED
    return steps - 1 if steps and fits else None


def estimated_height(facts: Facts, index: Index, pages: int) -> tuple[int, bool]:
    """The height of an index of so many pages, and whether it is sure enough: not near where a level is added."""
    if pages <= _LONE_LEAF_PAGES:
        return 0, True
    room = facts.server.block_size_bytes - _PAGE_BYTES
    entry_bytes = max(_pivot_bytes(facts, index), _ENTRY_HEADER_BYTES) + _POINTER_BYTES
    low, likely, high = (
        height_of_pages(pages, math.ceil(room * fill / entry_bytes)) for fill in (_MOST_FILL, _FILL, _LEAST_FILL)
    )
    return likely, low == high


def height_of_pages(pages: int, fan_out: float) -> int:
    """The height of a B-tree of so many pages, each inner one of which leads to `fan_out` others.

    >>> [height_of_pages(pages, 285) for pages in (1, 2, 4, 285, 290, 82_000)]
    [0, 0, 1, 1, 2, 3]
    """
    fan_out = max(fan_out, 2.0)
    # All but the metapage and inner pages, of which there is one for fan_out of the level below.
    level = max(math.floor((pages - 1) * (1 - 1 / fan_out)), 1) if pages > _LONE_LEAF_PAGES else 1
    height = 0
    while level > 1:
        level = math.ceil(level / fan_out)
        height += 1
    return height


def _index_of(node: PlanNode, named: dict[str, list[Index]]) -> Index | None:
    """The one index that a scan goes through; None where it is none of ours, or its cost has other things in it."""
    if node.node_type not in _SCANS or node.children or node.index is None:
        return None
    fitting = [
        index
        for index in named.get(node.index, ())
        if index.definition.table == node.relation and node.schema in (None, index.schema)
    ]
    return fitting[0] if len(fitting) == 1 else None


def _pivot_bytes(facts: Facts, index: Index) -> float:
    """An inner page's entry: as many of the key columns as tell two neighbours apart, or all and a row number."""
    rows = min(max(facts.row_count(index.table_oid) or 0.0, 1.0), MOST_ROWS)
    keys = list(_keys(facts, index))
    distinct = [min(math.prod(key.distinct(rows) for key in keys[: n + 1]), rows) for n in range(len(keys))]
    entries = rows
    if all(key.shares_entries for key in keys) and not index.definition.include:
        entries = max(distinct[-1], rows / _MOST_SHARED)
    mean, told_apart, width = 0.0, 0.0, 0.0
    for key, count in zip(keys, distinct, strict=True):
        width += key.average_width_bytes * (1 - key.null_fraction)
        mean += (count / entries - told_apart) * (_ENTRY_HEADER_BYTES + math.ceil(width / 8) * 8)
        told_apart = count / entries
    return mean + (1 - told_apart) * (_ENTRY_HEADER_BYTES + math.ceil(width / 8) * 8 + _ROW_NUMBER_BYTES)


def _keys(facts: Facts, index: Index) -> Iterator[KeyStatistics]:
    for key in index.definition.keys:
        column = None if key.column is None else facts.column(index.table_oid, key.column)
        if column is None:
            yield of_type("", -1, "i", None)
        else:
            yield of_column(column, facts.statistics(index.table_oid, column.name))


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return _DEFAULT_OPERATOR_COST
