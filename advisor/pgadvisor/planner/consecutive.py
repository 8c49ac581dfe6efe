"""How many times in a row a nested loop looks for the same key.

Rows that a join brings stand together by the row of its outer side that they belong to: what is looked for next by a
column of that side is looked for as often as there are such rows, and found in the processor's cache but for the first
time. (Query 9 of TPC-H: parts, their four offers each, and for each of these again all lines of the part.)
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

# With quotes or without.
NAME = r'(?:"(?:[^"]|"")+"|[^\W\d][\w$]*)'
# "(key = alias.column)".
_BY_COLUMN = re.compile(rf"\(+(?:{NAME}\.)?({NAME}) = ({NAME})\.({NAME})\)+")
_ANY_COLUMN = re.compile(rf"{NAME}\.{NAME}")
# What passes rows on in the order in which they come.
_PASSING = frozenset({"Gather", "Limit", "Result", "Subquery Scan"})
_JOINS = frozenset({"Nested Loop", "Hash Join", "Merge Join"})

_Node = Mapping[str, Any]


def consecutive(outer: _Node, inner: _Node) -> float:
    """How many times in a row the inner side of a nested loop, an index scan, is run for the same key; 1 if not known.

    outer and inner are nodes of EXPLAIN (FORMAT JSON).
    """
    condition = str(inner.get("Index Cond", ""))
    times = []
    for part in condition.split(" AND "):
        found = _BY_COLUMN.fullmatch(part)
        if found is not None:
            times.append(_in_a_row(outer, unquoted(found[2]), found[3]))
        elif _ANY_COLUMN.search(part):
            return 1.0
    return max(min(times, default=1.0), 1.0)


def _in_a_row(node: _Node, alias: str, column: str) -> float:
    """Rows in a row that a node gives for one value of a column; 0 where it does not have it."""
    above: list[tuple[_Node, _Node]] = []
    while node.get("Node Type") in _JOINS | _PASSING and (outer := side(node, "Outer")) is not None:
        above.append((node, outer))
        node = outer
    times = 1.0 if _has(node, alias) else 0.0
    # From below upwards, however deep a plan is.
    for each, outer in reversed(above):
        if not times:
            times = _of_inner(each, alias, column)
        elif each.get("Node Type") in _JOINS:
            # More rows of each where a join multiplies them, fewer where it filters.
            times *= _rows(each) / max(_rows(outer), 1.0)
    return times


def _of_inner(node: _Node, alias: str, column: str) -> float:
    """As _in_a_row, of a node whose outer side does not have the column."""
    inner = side(node, "Inner")
    if inner is None or not _has(inner, alias):
        return 0.0
    # Found by that column itself: all rows of one run have the same.
    by_it = node.get("Node Type") == "Nested Loop" and inner.get("Alias") == alias and column in _equal(inner)
    return max(_rows(inner), 1.0) if by_it else 1.0


def unquoted(name: str) -> str:
    """A name as the catalog has it."""
    return name[1:-1].replace('""', '"') if name.startswith('"') else name


def _equal(scan: _Node) -> Iterator[str]:
    """Columns of an index scan that are found by equality with a column of another node."""
    for part in str(scan.get("Index Cond", "")).split(" AND "):
        found = _BY_COLUMN.fullmatch(part)
        if found is not None:
            yield found[1]


def _has(node: _Node, alias: str) -> bool:
    stack = [node]
    while stack:
        one = stack.pop()
        if one.get("Alias") == alias:
            return True
        stack += one.get("Plans", ())
    return False


def side(node: _Node, relationship: str) -> _Node | None:
    """The first of the nodes below one that stands so to it."""
    return next((each for each in node.get("Plans", ()) if each.get("Parent Relationship") == relationship), None)


def _rows(node: _Node) -> float:
    rows = node.get("Plan Rows")
    return float(rows) if isinstance(rows, int | float) else 0.0
