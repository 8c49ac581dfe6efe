"""What a plan may take beyond its cost where a hope of the planner's does not come true.

Some fail by a great deal, and it is indexes that raise them. That rows which are fetched one by one from all
over a large table are in pages that were read before, so that they cost no more than rows read in order (cost_index in
costsize.c, after Mackert and Lohman, for the inner side of a nested loop): in memory too each takes some sixty times
as long, but where they are looked for again at once (consecutive.py; benchmarks/indexes, queries 5 and 9 of TPC-H);
where the table is in order, it is look-ups out of order that take longer (lookup_order.py; query 3). And that the rows
that a filter lets pass stand evenly among those of an ordered scan, so that LIMIT ends it early: where they stand
together, at its end, or are fewer, all of it is read.

Two things are no hopes but errors of the planner's, which count of every plan, also of the one as it is: that a row of
a large hash is found as fast as one of a small one (queries 3, 5 and 18), and that rows of block ranges are spread over
the whole table (block_range_pages.py).
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping
from functools import partial
from math import isfinite, prod
from typing import TYPE_CHECKING, Any, NamedTuple

from pgadvisor.model.catalog import IndexDefinition, Relation
from pgadvisor.planner.block_range_pages import PageCosts
from pgadvisor.planner.consecutive import NAME, consecutive, side, unquoted
from pgadvisor.planner.lookup_order import disorder

if TYPE_CHECKING:
    from pgadvisor.facts import Facts

# Of a row fetched out of order, or a look-up, in rows read in order, as cpu_tuple_cost has them
# (benchmarks/indexes/lookups.py).
_FETCH_ROWS = 65
# Of a look-up in a hash of more bytes than a processor keeps at hand, in the same; and what a row takes in it beside
# its width: its place in the hash, and the headers of HashJoinTuple and MinimalTuple.
_PROBE_ROWS = 5
_LEAST_HASH_BYTES = 4 * 1024**2
_HASHED_ROW_BYTES = 40
_CPU_TUPLE_COST = 0.01
# From so many pages on a table is in no cache of a processor's.
_LEAST_PAGES = 4_096
# So many times as many rows as the planner hopes for may have to be read before LIMIT is reached.
_UNEVEN = 10
# What is left of a plan's cost at least, whatever it takes less.
_LEAST_LEFT = 0.01
_ORDERED = frozenset({"Index Scan", "Index Only Scan"})
_HASHING = frozenset({"Hash Join", "Aggregate"})
# What passes rows on as they come, in their order.
_STREAMING = frozenset(
    {
        *("Append", "Gather", "Gather Merge", "Group", "Incremental Sort", "LockRows", "Merge Append", "Nested Loop"),
        *("ProjectSet", "Result", "Subquery Scan", "Unique", "WindowAgg"),
    }
)

# "(table.column = value)", of which ANY has several.
_CONSTANT = re.compile(rf"\(+(?:{NAME}\.)?({NAME}) = (?!ANY \().*", re.DOTALL)

_Node = Mapping[str, Any]
_Created = Mapping[str, Collection[IndexDefinition]]


class Beyond(NamedTuple):
    """What a plan takes beyond its cost, in the unit of costs: certainly, and where hopes of the planner's fail.

    toll is less than 0 where it takes less.
    """

    toll: float
    caution: float


class Caution:
    """Weighs plans of one database."""

    def __init__(self, facts: Facts) -> None:
        self._facts = facts
        self._order_of: dict[IndexDefinition, float | None] = {}
        self._orders: dict[tuple[str, str], float | None] = {}
        self._row_counts: dict[tuple[str, str], dict[str, float]] = {}
        self._existing: dict[str, list[IndexDefinition]] = defaultdict(list)
        for index in facts.indexes.values():
            self._existing[index.name].append(index.definition)
        self._named: dict[str, list[Relation]] = defaultdict(list)
        for relation in facts.relations.values():
            self._named[relation.name].append(relation)
        settings = {each.name: each.value for each in facts.server.settings}
        row_cost = float(settings.get("cpu_tuple_cost") or _CPU_TUPLE_COST)
        self._fetch_cost, self._probe_cost = _FETCH_ROWS * row_cost, _PROBE_ROWS * row_cost
        self._page_costs = PageCosts.of(settings)

    def of(self, plan: _Node, created: _Created) -> Beyond:
        """What a plan's top node and those below take more, or may; created are indexes by name.

        What a node does not tell counts as nothing.
        """
        more = toll = 0.0
        # With each node how often it is run, and the share of a run that a LIMIT above it leaves.
        stack = [(plan, 1.0, 1.0)]
        # How many times in a row scans are run for the same key, and what is the outer side of theirs.
        again: dict[int, float] = {}
        outer_of: dict[int, _Node] = {}
        while stack:
            node, loops, share = stack.pop()
            kind = node.get("Node Type")
            if kind in _ORDERED:
                fetched, looked_up = self._out_of_order(node, created, outer_of.get(id(node)))
                runs = loops / again.get(id(node), 1.0)
                more += share * max(runs * fetched - loops * _number(node, "Total Cost"), runs * looked_up, 0.0)
            elif kind in _HASHING:
                toll += loops * share * _probes(node) * self._probe_cost
            elif kind == "Bitmap Heap Scan" and loops == 1:
                toll -= share * self._of_ranges(node, created)
            elif kind == "Limit":
                more += loops * share * _beyond_hope(node)
            elif kind == "Nested Loop" and (outer := side(node, "Outer")) and (inner := side(node, "Inner")):
                again[id(inner)] = consecutive(outer, inner)
                outer_of[id(inner)] = outer
            # How often a row is found in it again, the plan does not say.
            if kind != "Memoize":
                stack += _below(node, loops, share)
        toll = max(toll, (_LEAST_LEFT - 1) * _number(plan, "Total Cost"))
        return Beyond(*(each if isfinite(each) else 0.0 for each in (toll, more)))

    def _of_ranges(self, node: _Node, created: _Created) -> float:
        """What a scan of block ranges costs less than the planner says; 0 for other scans."""
        inner = side(node, "Outer")
        indexes = () if inner is None else self._indexes(inner, created)
        if inner is None or not indexes or any(each.access_method != "brin" for each in indexes):
            return 0.0
        first = next(iter(indexes))
        table = self._facts.relation_named(first.schema, first.table)
        name = str(node.get("Relation Name"))
        rows = 0.0 if table is None else self._row_count(table, name)
        if table is None or not rows:
            return 0.0
        pages = next((each.pages for each in (*self._facts.leaves(table.oid), table) if each.name == name), 0)
        return self._page_costs.too_much(pages, rows, _number(inner, "Plan Rows"))

    def _out_of_order(self, node: _Node, created: _Created, outer: _Node | None) -> tuple[float, float]:
        """Costs of a run of an index scan: of rows that stand elsewhere than those before, and of going there.

        outer is the other side of the nested loop that runs it, if one does.
        """
        orders = {each: self._order(each) for each in self._indexes(node, created)}
        known = {each: order for each, order in orders.items() if order is not None}
        if len(known) < len(orders) or not known:
            return 0.0, 0.0
        order_of_scan = partial(self._order_of_scan, created)
        looked_up = 0.0 if outer is None else disorder(outer, node, order_of_scan) * self._fetch_cost
        if node.get("Node Type") == "Index Only Scan":
            return 0.0, looked_up
        fetched = min((1 - order) * self._rows(node, each) for each, order in known.items())
        return fetched * self._fetch_cost, min(known.values()) * looked_up

    def _indexes(self, node: _Node, created: _Created) -> Collection[IndexDefinition]:
        """Those that a scan may be of, since names are told without their schemas."""
        name = str(node.get("Index Name"))
        return created.get(name) or self._existing.get(name) or ()

    def _order_of_scan(self, created: _Created, node: _Node, column: str, sorted_by: str | None) -> float:
        """In how far rows of a scan, if sorted by another column then, come in the order of a column: 0 to 1.

        Where it is not known it is 1.
        """
        table = str(node.get("Relation Name"))
        if sorted_by is not None:
            return self._order_by(table, column, sorted_by)
        found = [self._order_of_read(node, each, column) for each in self._indexes(node, created)]
        return max(found, default=self._order_by(table, column, None))

    def _order_of_read(self, node: _Node, index: IndexDefinition, column: str) -> float:
        """As _order_of_scan, of one that reads this index."""
        constant = set(_constants(node))
        others = [key.column for key in index.keys if key.column not in constant]
        if index.access_method != "btree" or (others and others[0] is None):
            return 1.0
        # Rows of the same keys come as they stand in the table.
        return self._order_by(index.table, column, others[0] if others else None)

    def _order_by(self, table: str, column: str, by: str | None) -> float:
        """In how far a table's rows come in the order of a column, when read by another one, or as they stand."""
        if by == column:
            return 1.0
        orders = [self._order_of_column(table, each) for each in (column, by) if each is not None]
        known = [each for each in orders if each is not None]
        return prod(known) if len(known) == len(orders) else 1.0

    def _order_of_column(self, table: str, column: str) -> float | None:
        """In how far rows stand in the order of a column; None where that is not known."""
        key = (table, column)
        if key not in self._orders:
            found = [
                statistics.correlation**2
                for relation in self._named.get(table, ())
                if (statistics := self._facts.statistics(relation.oid, column)) and statistics.correlation is not None
            ]
            self._orders[key] = min(max(found), 1.0) if found else None
        return self._orders[key]

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

    def _order(self, definition: IndexDefinition) -> float | None:
        """The share of an index's rows that stand in the table after the row before; None if not known, or at hand."""
        if definition not in self._order_of:
            self._order_of[definition] = self._order_by_statistics(definition)
        return self._order_of[definition]

    def _order_by_statistics(self, definition: IndexDefinition) -> float | None:
        """As the planner goes from what is in order to what is not: by the square of the correlation."""
        table = self._facts.relation_named(definition.schema, definition.table)
        column = definition.keys[0].column if definition.keys else None
        if table is None or column is None:
            return None
        if sum(leaf.pages for leaf in self._facts.leaves(table.oid)) < _LEAST_PAGES:
            return None
        statistics = self._facts.statistics(table.oid, column)
        if statistics is None or statistics.correlation is None:
            return None
        return min(statistics.correlation**2, 1.0)


def _constants(scan: _Node) -> Iterator[str]:
    """Columns that an index scan finds by one value."""
    for part in str(scan.get("Index Cond", "")).split(" AND "):
        found = _CONSTANT.fullmatch(part)
        if found is not None:
            yield unquoted(found[1])


def _probes(node: _Node) -> float:
    """Rows that are looked for in a hash, of a join or of groups, of which a processor has but a part at hand."""
    outer, hashed = side(node, "Outer"), side(node, "Inner")
    if node.get("Strategy") == "Hashed":
        hashed = node
    if outer is None or hashed is None:
        return 0.0
    hashed_bytes = _number(hashed, "Plan Rows") * (_number(hashed, "Plan Width") + _HASHED_ROW_BYTES)
    return _number(outer, "Plan Rows") if hashed_bytes >= _LEAST_HASH_BYTES else 0.0


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
