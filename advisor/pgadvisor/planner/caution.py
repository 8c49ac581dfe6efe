"""What a plan may take beyond its cost where a hope of the planner's does not come true.

Two of them fail by a great deal, and it is indexes that raise them. That rows which are fetched one by one from all
over a large table are in pages that were read before, so that they cost no more than rows read in order (cost_index in
costsize.c, after Mackert and Lohman, for the inner side of a nested loop): in memory too each takes about fifty times
as long, but where they are looked for again at once (consecutive.py; benchmarks/indexes, queries 5 and 9 of TPC-H). And
that the rows that a filter lets pass stand evenly among those of an ordered scan, so that LIMIT ends it early: where
they stand together, at its end, or are fewer, all of it is read.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping
from math import isfinite
from typing import TYPE_CHECKING, Any

from pgadvisor.model.catalog import IndexDefinition, Relation
from pgadvisor.planner.consecutive import consecutive, side

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
# What passes rows on as they come, in their order.
_STREAMING = frozenset(
    {
        *("Append", "Gather", "Gather Merge", "Group", "Incremental Sort", "LockRows", "Merge Append", "Nested Loop"),
        *("ProjectSet", "Result", "Subquery Scan", "Unique", "WindowAgg"),
    }
)

_Node = Mapping[str, Any]


class Caution:
    """Weighs plans of one database."""

    def __init__(self, facts: Facts) -> None:
        self._facts = facts
        self._scattered: dict[IndexDefinition, float] = {}
        self._row_counts: dict[tuple[str, str], dict[str, float]] = {}
        self._existing: dict[str, list[IndexDefinition]] = defaultdict(list)
        for index in facts.indexes.values():
            self._existing[index.name].append(index.definition)
        settings = {each.name: each.value for each in facts.server.settings}
        self._fetch_cost = _FETCH_ROWS * float(settings.get("cpu_tuple_cost") or _CPU_TUPLE_COST)

    def of(self, plan: _Node, created: Mapping[str, Collection[IndexDefinition]]) -> float:
        """What a plan's top node and those below may take more, in the unit of costs; created are indexes by name.

        What a node does not tell counts as nothing.
        """
        more = 0.0
        # With each node how often it is run, and the share of a run that a LIMIT above it leaves.
        stack = [(plan, 1.0, 1.0)]
        # How many times in a row scans are run for the same key.
        again: dict[int, float] = {}
        while stack:
            node, loops, share = stack.pop()
            kind = node.get("Node Type")
            if kind == "Index Scan":
                fetched = self._fetches(node, created) * self._fetch_cost / again.get(id(node), 1.0)
                more += loops * share * max(fetched - _number(node, "Total Cost"), 0.0)
            elif kind == "Limit":
                more += loops * share * _beyond_hope(node)
            elif kind == "Nested Loop" and (outer := side(node, "Outer")) and (inner := side(node, "Inner")):
                again[id(inner)] = consecutive(outer, inner)
            # How often a row is found in it again, the plan does not say.
            if kind != "Memoize":
                stack += _below(node, loops, share)
        return more if isfinite(more) else 0.0

    def _fetches(self, node: _Node, created: Mapping[str, Collection[IndexDefinition]]) -> float:
        """Rows of a table that an index scan reads out of order each time that it is run."""
        name = str(node.get("Index Name"))
        definitions = created.get(name) or self._existing.get(name) or ()
        return min((self._scatter(each) * self._rows(node, each) for each in definitions), default=0.0)

    def _rows(self, node: _Node, definition: IndexDefinition) -> float:
        """Rows that are read; a plan tells those alone that its filter lets pass."""
        passed = _number(node, "Plan Rows")
        table = self._facts.relation_named(definition.schema, definition.table)
        if table is None or "Filter" not in node:
            return passed
        rows = self._row_count(table, str(node.get("Relation Name")))
        values = 1.0
        for key in definition.keys[: str(node.get("Index Cond")).count(" = ")]:
            statistics = None if key.column is None else self._facts.statistics(table.oid, key.column)
            if statistics is None or not statistics.n_distinct:
                return passed
            values *= statistics.n_distinct if statistics.n_distinct > 0 else -statistics.n_distinct * rows
        return max(passed, rows / values) if 1.0 < values < rows else passed

    def _row_count(self, table: Relation, name: str) -> float:
        """Rows of the table, or of the partition of it, that a node reads."""
        key = (table.schema, table.name)
        if key not in self._row_counts:
            parts = (*self._facts.leaves(table.oid), table)
            self._row_counts[key] = {each.name: self._facts.row_count(each.oid) or 0.0 for each in parts}
        return self._row_counts[key].get(name, 0.0)

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


def _number(node: _Node, name: str) -> float:
    value = node.get(name)
    return float(value) if isinstance(value, int | float) else 0.0


def _below(node: _Node, loops: float, share: float) -> Iterator[tuple[_Node, float, float]]:
    """The nodes below one, with how often each is run, and the share of a run."""
    outer = side(node, "Outer")
    kind = node.get("Node Type")
    for child in node.get("Plans", ()):
        # It has to be done before the first row comes.
        ahead = _number(child, "Total Cost") <= _number(node, "Startup Cost")
        part = 1.0 if ahead else share
        match child.get("Parent Relationship"):
            case "Inner" if kind == "Nested Loop" and outer is not None:
                yield child, loops * max(_number(outer, "Plan Rows"), 1.0), share
            case "Outer" if kind == "Limit":
                yield child, loops, part * _part(node, child)
            case "InitPlan":
                yield child, loops, 1.0
            case "SubPlan" if not ahead:
                yield child, loops * max(_number(node, "Plan Rows"), 1.0), part
            case _:
                yield child, loops, part


def _part(limit: _Node, child: _Node) -> float:
    """The share of what is below a LIMIT that the planner expects to be run."""
    startup = _number(child, "Startup Cost")
    whole = _number(child, "Total Cost") - startup
    return min(max((_number(limit, "Total Cost") - startup) / whole, 0.0), 1.0) if whole > 0 else 1.0


def _beyond_hope(limit: _Node) -> float:
    """What an ordered scan below a LIMIT may take more than the planner hopes; 0 where it filters nothing."""
    child = side(limit, "Outer")
    if child is None or not _hopes(child):
        return 0.0
    whole, limited = _number(child, "Total Cost"), _number(limit, "Total Cost")
    return max(min((_UNEVEN - 1) * (limited - _number(child, "Startup Cost")), whole - limited), 0.0)


def _hopes(child: _Node) -> bool:
    """Whether rows come in order from an index, and not all of them pass."""
    stack = [(child, False)]
    while stack:
        node, filters = stack.pop()
        kind = node.get("Node Type")
        filters = filters or "Filter" in node or "Join Filter" in node
        if kind in _ORDERED and filters:
            return True
        outer = side(node, "Outer")
        if kind in ("Append", "Merge Append"):
            stack += [(each, filters) for each in node.get("Plans", ())]
        elif outer is not None and (kind in _STREAMING or node.get("Strategy") == "Sorted"):
            stack.append((outer, filters or _joins_fewer(node, outer)))
    return False


def _joins_fewer(node: _Node, outer: _Node) -> bool:
    """Whether a join lets not all rows pass, wherever it is said what it joins by."""
    return node.get("Node Type") == "Nested Loop" and _number(node, "Plan Rows") < _number(outer, "Plan Rows")
