"""What a plan may take beyond its cost where a hope of the planner's does not come true.

Two of them fail by a great deal, and it is indexes that raise them. That rows which are fetched one by one from all
over a large table are in pages that were read before, so that they cost no more than rows read in order (cost_index in
costsize.c, after Mackert and Lohman, for the inner side of a nested loop): in memory too each takes about fifty times
as long (benchmarks/indexes, query 5 of TPC-H). And that the rows that a filter lets pass stand evenly among those of an
ordered scan, so that LIMIT ends it early: where they stand together, at its end, or are fewer, all of it is read.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

from pgadvisor.model.catalog import IndexDefinition

if TYPE_CHECKING:
    from pgadvisor.facts import Facts

# Of a row fetched out of order, in rows read in order, as cpu_tuple_cost has them.
_FETCH_ROWS = 50
_CPU_TUPLE_COST = 0.01
# From so many pages on a table is in no cache of a processor's.
_LEAST_PAGES = 4_096
# So many times as many rows as the planner hopes for may have to be read before LIMIT is reached.
_UNEVEN = 10
_ORDERED = frozenset({"Index Scan", "Index Only Scan"})
# What passes rows on as they come.
_STREAMING = frozenset({"Append", "LockRows", "Merge Append", "Nested Loop", "Result", "Subquery Scan"})

_Node = Mapping[str, Any]


class Caution:
    """Weighs plans of one database."""

    def __init__(self, facts: Facts) -> None:
        self._facts = facts
        self._scattered: dict[IndexDefinition, float] = {}
        self._existing: dict[str, list[IndexDefinition]] = defaultdict(list)
        for index in facts.indexes.values():
            self._existing[index.name].append(index.definition)
        settings = {each.name: each.value for each in facts.server.settings}
        self._fetch_cost = _FETCH_ROWS * float(settings.get("cpu_tuple_cost") or _CPU_TUPLE_COST)

    def of(self, plan: _Node, created: Mapping[str, Collection[IndexDefinition]]) -> float:
        """What a plan's top node and those below may take more, in the unit of costs; created are indexes by name."""
        more = 0.0
        stack = [(plan, 1.0)]
        while stack:
            node, loops = stack.pop()
            kind = node["Node Type"]
            if kind == "Index Scan":
                more += loops * max(self._fetches(node, created) * self._fetch_cost - node["Total Cost"], 0.0)
            elif kind == "Limit":
                more += loops * _beyond_hope(node)
            # How often a row is found in it again, the plan does not say.
            if kind != "Memoize":
                stack += _below(node, loops)
        return more

    def _fetches(self, node: _Node, created: Mapping[str, Collection[IndexDefinition]]) -> float:
        """Rows of a table that an index scan reads out of order each time that it is run."""
        definitions = created.get(node["Index Name"]) or self._existing.get(node["Index Name"]) or ()
        return min((self._scatter(each) * self._rows(node, each) for each in definitions), default=0.0)

    def _rows(self, node: _Node, definition: IndexDefinition) -> float:
        """Rows that are read; a plan tells those alone that its filter lets pass."""
        passed = float(node["Plan Rows"])
        table = self._facts.relation_named(definition.schema, definition.table)
        rows = None if table is None else self._facts.row_count(table.oid)
        if table is None or not rows or "Filter" not in node:
            return passed
        values = 1.0
        for key in definition.keys[: node.get("Index Cond", "").count(" = ")]:
            statistics = None if key.column is None else self._facts.statistics(table.oid, key.column)
            if statistics is None or not statistics.n_distinct:
                return passed
            values *= statistics.n_distinct if statistics.n_distinct > 0 else -statistics.n_distinct * rows
        return max(passed, rows / values) if 1.0 < values < rows else passed

    def _scatter(self, definition: IndexDefinition) -> float:
        """The share of an index's rows that stand elsewhere in the table than the row before."""
        if definition not in self._scattered:
            self._scattered[definition] = self._scatter_by_statistics(definition)
        return self._scattered[definition]

    def _scatter_by_statistics(self, definition: IndexDefinition) -> float:
        """As the planner goes from what is in order to what is not: by the square of the correlation."""
        table = self._facts.relation_named(definition.schema, definition.table)
        column = definition.keys[0].column if definition.keys else None
        if table is None or column is None:
            return 0.0
        if sum(leaf.pages for leaf in self._facts.leaves(table.oid)) < _LEAST_PAGES:
            return 0.0
        statistics = self._facts.statistics(table.oid, column)
        if statistics is None or statistics.correlation is None:
            return 0.0
        return 1 - min(statistics.correlation**2, 1.0)


def _outer(node: _Node) -> _Node | None:
    """The node below one that it takes rows from first."""
    children: Iterable[_Node] = node.get("Plans", ())
    return next((each for each in children if each.get("Parent Relationship") in ("Outer", "Member", "Subquery")), None)


def _below(node: _Node, loops: float) -> Iterator[tuple[_Node, float]]:
    """The nodes below one, with how often each is run."""
    outer = _outer(node)
    for child in node.get("Plans", ()):
        if child.get("Parent Relationship") == "Inner" and node["Node Type"] == "Nested Loop" and outer is not None:
            yield child, loops * max(outer["Plan Rows"], 1.0)
        elif node["Node Type"] == "Limit" and outer is not None and child is outer:
            yield outer, loops * _part(node, outer)
        else:
            yield child, loops


def _part(limit: _Node, child: _Node) -> float:
    """The share of what is below a LIMIT that the planner expects to be run."""
    whole = child["Total Cost"] - child["Startup Cost"]
    return min(max((limit["Total Cost"] - child["Startup Cost"]) / whole, 0.0), 1.0) if whole > 0 else 1.0


def _beyond_hope(limit: _Node) -> float:
    """What an ordered scan below a LIMIT may take more than the planner hopes; 0 where it filters nothing."""
    child = node = _outer(limit)
    filters = False
    while node is not None and node["Node Type"] not in _ORDERED:
        if node["Node Type"] not in _STREAMING:
            return 0.0
        outer = _outer(node)
        filters = filters or _filters(node) or (outer is not None and _joins_fewer(node, outer))
        node = outer
    if child is None or node is None or not (filters or _filters(node)):
        return 0.0
    hoped = limit["Total Cost"] - child["Startup Cost"]
    return float(max(min((_UNEVEN - 1) * hoped, child["Total Cost"] - limit["Total Cost"]), 0.0))


def _filters(node: _Node) -> bool:
    return "Filter" in node or "Join Filter" in node


def _joins_fewer(node: _Node, outer: _Node) -> bool:
    """Whether a join lets not all rows pass, wherever it is said what it joins by."""
    return bool(node["Node Type"] == "Nested Loop" and node["Plan Rows"] < outer["Plan Rows"])
