"""Whether a nested loop looks for rows in the order in which they stand in their table.

It does where its outer side comes in that order, as lines of orders that are read one after the other; by the planner
it costs the same where orders come by another column, and each look-up is for another page.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from pgadvisor.planner.consecutive import NAME, side, unquoted

# "(table.column = other.column)", of which the first has its table in statements of several.
_EQUAL = re.compile(rf"\(+(?:({NAME})\.)?({NAME}) = ({NAME})\.({NAME})\)+")
_SORT_KEY = re.compile(rf"(?:({NAME})\.)?({NAME})(?: DESC)?(?: NULLS (?:FIRST|LAST))?")
_JOINS = frozenset({"Nested Loop", "Hash Join", "Merge Join"})
_SORTS = frozenset({"Sort", "Incremental Sort"})
# What gives rows in the order of those below it, of its outer side where it has two.
_KEEPING = _JOINS | {
    *("Gather", "Gather Merge", "Group", "Limit", "LockRows", "Materialize", "Memoize", "ProjectSet", "Result"),
    *("Unique", "WindowAgg"),
}

_Node = Mapping[str, Any]
_Column = tuple[str, str]


# Of a scan, a column, and another one by which its rows are sorted then, if any: in how far they come in the order of
# the column, from 0 to 1.
OrderOfScan = Callable[[_Node, str, str | None], float]


def disorder(outer: _Node, inner: _Node, order_of_scan: OrderOfScan) -> float:
    """The share of runs of a nested loop's inner scan that look elsewhere than after the run before; 0 if not known.

    outer and inner are nodes of EXPLAIN (FORMAT JSON).
    """
    first = next(_equal(inner, "Index Cond"), None)
    if first is None:
        return 0.0
    _, (alias, column) = first
    path = _path(outer, alias)
    sorted_by: str | None = None
    node = outer
    while (below := side(node, "Outer")) is not None:
        kind = node.get("Node Type")
        if kind in _SORTS:
            sorted_by = sorted_by or _sort_key(node, alias)
            if sorted_by is None:
                return 0.0
        elif kind not in _KEEPING:
            return 0.0
        elif id(below) not in path:
            other = _counterpart(node, alias, column)
            if sorted_by is not None or id(side(node, "Inner")) not in path:
                return 0.0
            if other is None:
                return 1.0
            alias, column = other
            path = _path(below, alias)
        node = below
    return 1.0 - order_of_scan(node, column, sorted_by) if id(node) in path else 0.0


def _path(top: _Node, alias: str) -> frozenset[int]:
    """The nodes between one and the scan below it that goes by this alias, both with them; none if there is none."""
    above: dict[int, _Node | None] = {id(top): None}
    stack = [top]
    while stack:
        node: _Node | None = stack.pop()
        assert node is not None  # noqa: S101
        if node.get("Alias") == alias:
            found = set()
            while node is not None:
                found.add(id(node))
                node = above[id(node)]
            return frozenset(found)
        for each in node.get("Plans", ()):
            above[id(each)] = node
            stack.append(each)
    return frozenset()


def _equal(node: _Node, condition: str) -> Iterator[tuple[_Column, _Column]]:
    """Pairs of columns that a node joins by, each with the alias of its table."""
    for part in str(node.get(condition, "")).split(" AND "):
        found = _EQUAL.fullmatch(part)
        if found is not None:
            own = unquoted(found[1]) if found[1] else str(node.get("Alias"))
            yield (own, unquoted(found[2])), (unquoted(found[3]), unquoted(found[4]))


def _counterpart(join: _Node, alias: str, column: str) -> _Column | None:
    """The column of a join's outer side that equals one of its inner side."""
    inner = side(join, "Inner") or {}
    for one, other in (*_equal(join, "Hash Cond"), *_equal(join, "Merge Cond"), *_equal(inner, "Index Cond")):
        if (alias, column) in (one, other):
            return other if one == (alias, column) else one
    return None


def _sort_key(sort: _Node, alias: str) -> str | None:
    """The column that rows are sorted by first; None where it is an expression, or of another table."""
    found = _SORT_KEY.fullmatch(str((sort.get("Sort Key") or ("",))[0]))
    if found is None or (found[1] and unquoted(found[1]) != alias):
        return None
    return unquoted(found[2])
