"""Plans of one statement for several values, set against each other and against the one for unknown values."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from pgadvisor.rules_api import Facts, PlanMethod, PlanNode, Relation, Statement, StatementPlan, ValueChoice, replace

_FOR_VALUES = (PlanMethod.VALUES, PlanMethod.EXECUTED)
# What does not exist is found missing fast by any plan, and a typical value is what other rules go by.
_TELLING = (ValueChoice.COMMON, ValueChoice.RARE, ValueChoice.LOW, ValueChoice.HIGH, ValueChoice.LOGGED)
_SCANS = frozenset(
    ("Seq Scan", "Index Scan", "Index Only Scan", "Bitmap Heap Scan", "Bitmap Index Scan", "Nested Loop", "Hash Join",
     "Merge Join")
)  # fmt: skip
# Those that leave most rows: where they are known, no values have a dearer plan of their own.
_MOST_ROWS = (ValueChoice.COMMON, ValueChoice.HIGH)
# What the server adds to a plan for one value, for each relation and once more: cached_plan_cost() of plancache.c.
_PLANNING_COST = 2.5
# What the planner takes for a page fetched out of order and in order, and for a row with its entry in an index.
_RANDOM_PAGE, _PAGE, _ROW = 4.0, 1.0, 0.015
_APPENDS = frozenset(("Append", "Merge Append"))
# Nodes that read all of their input before they give the first row.
_ALL_FIRST = frozenset(("Sort", "Incremental Sort", "Aggregate", "Hash", "WindowAgg"))


@dataclass(frozen=True)
class Difference:
    """How one plan is dearer than another for the same values, or for other ones.

    cost is that of the dearer plan for the values of `by`, which are those of the finding; generic: it is the plan for
    unknown values, and scaled: its cost for these values was worked out from its rows, or from the partitions that they
    are in. avoided: as long as the server chooses, it plans for each value, for that looks cheaper whatever the values
    are. relation is where they differ.
    """

    by: StatementPlan
    dearer: StatementPlan
    cost: float
    relation: tuple[str, str]
    generic: bool
    scaled: bool
    avoided: bool = False

    @property
    def ratio(self) -> float:
        """How many times as much the dearer one costs."""
        return self.cost / max(self.by.root.total_cost, 1.0)


def differences(facts: Facts, statement: Statement) -> Iterator[Difference]:
    """Where plans of a statement differ in shape, the plan for unknown values first."""
    plans = facts.plans(statement.query_id)
    generic = next((plan for plan in plans if plan.observed.method is PlanMethod.GENERIC), None)
    for_values = [plan for plan in plans if plan.observed.method in _FOR_VALUES and plan.observed.values in _TELLING]
    for plan in for_values if generic is not None else ():
        assert generic is not None  # noqa: S101  else there is nothing to go through
        run = without_pruned(facts, generic.root, plan.root)
        relation = _where(run, plan.root)
        if relation is not None:
            cost = generic_cost(facts, run, plan.root, relation)
            scaled = cost != generic.root.total_cost
            avoided = _is_avoided(generic.root, for_values)
            yield Difference(plan, generic, cost, relation, generic=True, scaled=scaled, avoided=avoided)
    for plan in for_values:
        for other in for_values:
            relation = _where(other.root, plan.root)
            if relation is not None and other.root.total_cost > plan.root.total_cost:
                yield Difference(plan, other, other.root.total_cost, relation, generic=False, scaled=False)


def generic_cost(facts: Facts, generic: PlanNode, plan: PlanNode, relation: tuple[str, str]) -> float:
    """What the plan for unknown values would cost for the values of another plan.

    A scan of the whole table costs what it costs. One by an index grows, or shrinks, with the rows that the values
    have, of which the other plan tells, and with it what a nested loop does for each of them; all else is taken to
    stay as it is, so that a growth is rather too small than too large.
    """
    path, other = _path(generic, relation), _scan(plan, relation)
    if not path or other is None or _ends_early(path):
        return generic.total_cost
    scan = path[-1]
    if scan.index_condition is None and scan.node_type != "Bitmap Heap Scan":
        return generic.total_cost
    looped = 0.0
    for above, below in itertools.pairwise(path):
        if above.node_type == "Nested Loop" and above.children[0] is below:
            looped += sum(inner.total_cost for inner in above.children[1:]) * max(below.estimated_rows, 1.0)
    before, after = max(scan.estimated_rows, 1.0), max(other.estimated_rows, 1.0)
    grown = _grown(scan, before, after, facts.relation_named(*relation)) - scan.total_cost
    return max(generic.total_cost + grown + (after / before - 1.0) * min(looped, generic.total_cost), 0.0)


def _grown(scan: PlanNode, before: float, after: float, table: Relation | None) -> float:
    """The cost of a scan by an index for other numbers of rows than it was made for.

    The first page of the index is read in any case. What is read of the table levels off as its pages have been read
    already: index_pages_fetched(), cost_index() and cost_bitmap_heap_scan() of costsize.c, with the default costs.
    """
    index, index_after = scan.startup_cost + _RANDOM_PAGE, scan.startup_cost + _RANDOM_PAGE
    if scan.node_type == "Bitmap Heap Scan":
        index = sum(child.total_cost for child in scan.children)
        index_after = max(index, index + (after - before) * _ROW)
    index = min(index, scan.total_cost)
    heap = _heap_cost(scan, after, table) / _heap_cost(scan, before, table)
    return max(index_after, index) + (scan.total_cost - index) * heap


def _heap_cost(scan: PlanNode, rows: float, table: Relation | None) -> float:
    """What so many rows cost to fetch: in the order of the index, in that of the table, or of pages not all visible."""
    pages = max(table.pages, 1) if table is not None else 1
    fetched = min(2.0 * pages * rows / (2.0 * pages + rows), pages)
    page = _RANDOM_PAGE
    if scan.node_type == "Bitmap Heap Scan":
        page -= (_RANDOM_PAGE - _PAGE) * math.sqrt(fetched / pages)
    if scan.node_type == "Index Only Scan" and table is not None:
        fetched *= 1.0 - min(table.all_visible_pages / pages, 1.0)
    return max(math.ceil(fetched), 1) * page + rows * _ROW


def without_pruned(facts: Facts, generic: PlanNode, plan: PlanNode) -> PlanNode:
    """The plan for unknown values as it is run for those of another plan: without the partitions that they rule out.

    EXPLAIN counts them in; the executor leaves them out as soon as it has the values.
    https://www.postgresql.org/docs/current/ddl-partitioning.html#DDL-PARTITION-PRUNING
    """
    unread = set(_relations(generic)) - set(_relations(plan))
    partitions = (facts.relation_named(*each) for each in unread)
    return _pruned(generic, frozenset((each.schema, each.name) for each in partitions if each and each.is_partition))


def _pruned(node: PlanNode, unread: frozenset[tuple[str, str]]) -> PlanNode:
    children = node.children
    if node.node_type in _APPENDS:
        children = tuple(child for child in children if not _relations(child) or set(_relations(child)) - unread)
    children = tuple(_pruned(child, unread) for child in children)
    if children == node.children:
        return node
    spared = _cost_of_children(node, node.children) - _cost_of_children(node, children)
    return replace(node, children=children, total_cost=max(node.total_cost - spared, 0.0))


def _cost_of_children(node: PlanNode, children: Sequence[PlanNode]) -> float:
    """What the children cost, those of a nested loop for each row of the first."""
    loops = max(children[0].estimated_rows, 1.0) if node.node_type == "Nested Loop" else 1.0
    return sum(child.total_cost * (loops if nth else 1.0) for nth, child in enumerate(children))


def _relations(root: PlanNode) -> list[tuple[str, str]]:
    return [(node.schema or "", node.relation) for node in root.walk() if node.relation is not None]


def _is_avoided(generic: PlanNode, for_values: Sequence[StatementPlan]) -> bool:
    """Whether the plan for unknown values looks dearer to the server than planning for each, whatever the values.

    From the sixth call on it takes that plan only where it costs less than those before it did on average.
    https://www.postgresql.org/docs/current/sql-prepare.html#SQL-PREPARE-NOTES
    """
    if not any(plan.observed.values in _MOST_ROWS for plan in for_values):
        return False
    planning = _PLANNING_COST * (len(_relations(generic)) + 1)
    return generic.total_cost > planning + max(plan.root.total_cost for plan in for_values)


def _ends_early(path: Sequence[PlanNode]) -> bool:
    """Whether a LIMIT stops the scan at the end of a path before it has read all that it would."""
    kinds = [node.node_type for node in path]
    return "Limit" in kinds and not _ALL_FIRST & set(kinds[kinds.index("Limit") :])


def shape(root: PlanNode) -> tuple[tuple[str, str, str], ...]:
    """How a plan reads and joins its relations; sorts, aggregates and processes that share work are left out."""
    return tuple(
        (node.node_type, f"{node.schema or ''}.{node.relation or ''}", node.index or "")
        for node in root.walk()
        if node.node_type in _SCANS
    )


def described(root: PlanNode) -> str:
    """How a plan reads its relations, in words."""
    parts = []
    for node in root.walk():
        if node.relation is not None:
            by = f" by {node.index}" if node.index else ""
            parts.append(f"{node.node_type} on {node.schema}.{node.relation}{by}")
        elif node.node_type == "Bitmap Index Scan" and node.index:
            parts.append(f"{node.node_type} by {node.index}")
    return ", ".join(parts)


def _where(one: PlanNode, other: PlanNode) -> tuple[str, str] | None:
    """The first relation that two plans read in different ways, or in another order; None where they are alike."""
    if shape(one) == shape(other):
        return None
    others = [_way(node) for node in other.walk() if node.relation is not None]
    nodes = [node for node in one.walk() if node.relation is not None]
    differing = [node for node in nodes if _way(node) not in others] or nodes
    return (differing[0].schema or "", differing[0].relation or "") if differing else None


def _way(node: PlanNode) -> tuple[str, str | None, str | None, str | None]:
    return node.node_type, node.schema, node.relation, node.index


def _path(root: PlanNode, relation: tuple[str, str]) -> list[PlanNode]:
    """The nodes from the root down to the scan of a relation; none where there is no scan of it."""
    if (root.schema or "", root.relation) == relation:
        return [root]
    below = (_path(child, relation) for child in root.children)
    found = next((path for path in below if path), None)
    return [root, *found] if found else []


def _scan(root: PlanNode, relation: tuple[str, str]) -> PlanNode | None:
    return next((node for node in root.walk() if (node.schema or "", node.relation) == relation), None)
