"""What each node of a plan took by itself: time, blocks, WAL and cost without its children's, adding up to the root's.

How EXPLAIN counts: times and rows are averages per loop; below a Gather loops are those of all processes together.
Blocks and WAL are sums over all loops and processes. A node's figures hold those of the nodes it runs: its children,
its SubPlans, and of InitPlans and CTEs those that it is the first to need, wherever in the plan they are attached.
https://www.postgresql.org/docs/current/using-explain.html#USING-EXPLAIN-ANALYZE
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from pgadvisor.model.base import Model
from pgadvisor.model.plan_nodes import PlanNode, Resources

# Half of the last digit that is shown of a time, three decimals of a millisecond.
ROUNDING_MS = 0.0005
_RESOURCES = tuple(Resources.__struct_fields__)
_GATHERS = frozenset(("Gather", "Gather Merge"))
# Their inner side is read once and kept.
_KEEPS = frozenset(("Materialize", "Memoize", "Hash", "Sort"))
_PARAMETER = re.compile(r"\$\d+|InitPlan \d+")
_RETURNS = re.compile(r"\$\d+|InitPlan \d+")


class NodeOwn(Model, frozen=True, kw_only=True):
    """What one node took by itself, and how deep it stands (0: the root).

    total_ms is its time with its children's over all loops, averaged over the processes that share the work; own_ms
    is without theirs; tolerance_ms is how far own_ms may be off by rounding, so that it can be as far below 0. Both
    times are None where no times were taken. processes is how many shared the work. own_cost is its part of the root's
    cost. own holds blocks, times of I/O and WAL.
    """

    node: PlanNode
    depth: int
    processes: float
    total_ms: float | None
    own_ms: float | None
    tolerance_ms: float
    own_cost: float
    own: Resources


@dataclass
class _Visit:
    """A node on the way; place is its position in the order of a walk, end that of the last node below it."""

    node: PlanNode
    depth: int
    place: int
    parent: int | None
    processes: float
    end: int = 0
    children: list[int] = field(default_factory=list)

    @property
    def total_ms(self) -> float:
        if self.node.actual_total_ms is None or not self.node.loops:
            return 0.0
        return self.node.actual_total_ms * self.node.loops / self.processes

    @property
    def rounding_ms(self) -> float:
        return ROUNDING_MS * (self.node.loops or 0.0) / self.processes


def exclusive(root: PlanNode) -> tuple[NodeOwn, ...]:
    """What each node took by itself, in the order of root.walk(); linear in the number of nodes.

    Times add up to the root's time (within the sum of the tolerances), but for CTEs that change rows: what of them no
    node reads runs after the root is done, and adds to the sum. Costs add up to the root's cost.
    """
    visits = _visits(root)
    timed = root.actual_total_ms is not None
    holders = _holders(visits)
    own_ms, tolerances = _times(visits, holders)
    own: dict[str, list[Any]] = {
        name: _amounts(visits, holders, name) for name in _RESOURCES if _is_counted(visits, name)
    }
    costs = _costs(visits)
    return tuple(
        NodeOwn(
            node=visit.node,
            depth=visit.depth,
            processes=visit.processes,
            total_ms=visit.total_ms if timed else None,
            own_ms=own_ms[place] if timed else None,
            tolerance_ms=tolerances[place],
            own_cost=costs[place],
            own=Resources(**{name: values[place] for name, values in own.items()}),
        )
        for place, visit in enumerate(visits)
    )


def _visits(root: PlanNode) -> list[_Visit]:
    """All nodes, parents first."""
    visits: list[_Visit] = []
    stack: list[tuple[PlanNode, int, int | None, float]] = [(root, 0, None, 1.0)]
    while stack:
        node, depth, parent, processes = stack.pop()
        place = len(visits)
        visits.append(_Visit(node, depth, place, parent, processes, place))
        if parent is not None:
            visits[parent].children.append(place)
        for child in reversed(node.children):
            shared = processes
            if node.node_type in _GATHERS and child.parent_relationship == "Outer":
                shared = _processes(node, child)
            elif child.parent_relationship == "InitPlan":
                # The leader runs it, before or while the others work.
                shared = 1.0
            stack.append((child, depth + 1, place, shared))
    for visit in reversed(visits):
        if visit.parent is not None:
            parent_visit = visits[visit.parent]
            parent_visit.end = max(parent_visit.end, visit.end)
    return visits


def _processes(gather: PlanNode, child: PlanNode) -> float:
    """How many processes ran what is below a Gather: the leader takes part or not, and fewer may have been launched."""
    if not gather.loops or not child.loops:
        return 1.0
    return max(child.loops / gather.loops, 1.0)


def _holders(visits: Sequence[_Visit]) -> dict[int, list[int]]:
    """For InitPlans and CTEs the nodes that may have run them, by whose figures they are held, the likeliest first."""
    named: dict[str, list[int]] = defaultdict(list)
    inits = [visit.place for visit in visits if visit.node.parent_relationship == "InitPlan"]
    if not inits:
        return {}
    for visit in visits:
        if visit.node.node_type == "CTE Scan" and visit.node.cte_name:
            named[f"CTE {visit.node.cte_name}"].append(visit.place)
        for name in {each for text in _texts(visit.node) for each in _PARAMETER.findall(text)}:
            named[name].append(visit.place)
    holders = {}
    for place in inits:
        visit = visits[place]
        above = visits[visit.parent or 0]
        name = visit.node.subplan_name or ""
        names = [name] if name.startswith("CTE ") else _RETURNS.findall(name)
        found = dict.fromkeys(
            each
            for known in names
            for each in named.get(known, ())
            if above.place <= each <= above.end and not place <= each <= visit.end
        )
        holders[place] = list(found)
    return holders


def _texts(node: PlanNode) -> list[str]:
    """Where a node may show that it needs the result of an InitPlan."""
    texts = (
        node.filter, node.index_condition, node.recheck_condition, node.join_filter, node.hash_condition,
        node.merge_condition, node.one_time_filter, node.tid_condition, node.function_call, node.cache_key,
        node.order_by, node.run_condition, node.table_function_call,
    )  # fmt: skip
    return [text for text in (*texts, *node.parameters_evaluated, *node.output, *node.sort_keys) if text]


def _times(visits: Sequence[_Visit], holders: dict[int, list[int]]) -> tuple[list[float], list[float]]:
    """Own time of each node, and how far it may be off."""
    own = [visit.total_ms for visit in visits]
    tolerances = [visit.rounding_ms for visit in visits]
    _take_children(visits, own, [visit.total_ms for visit in visits])
    for visit in visits:
        if visit.parent is not None and visit.place not in holders:
            tolerances[visit.parent] += visit.rounding_ms
    for place in holders:
        for taken in _take_held(visits, holders, own, place, visits[place].total_ms):
            tolerances[taken] += visits[place].rounding_ms
    return own, tolerances


def _amounts(visits: Sequence[_Visit], holders: dict[int, list[int]], name: str) -> list[float]:
    """Own blocks or WAL of each node."""
    totals = [getattr(visit.node, name) or 0 for visit in visits]
    own = list(totals)
    _take_children(visits, own, totals)
    for place in holders:
        _take_held(visits, holders, own, place, totals[place])
    return own


def _is_counted(visits: Sequence[_Visit], name: str) -> bool:
    return any(getattr(visit.node, name) is not None for visit in visits)


def _take_children(visits: Sequence[_Visit], own: list[float], totals: Sequence[float]) -> None:
    for visit in visits:
        if visit.parent is not None and visit.node.parent_relationship != "InitPlan":
            own[visit.parent] -= totals[visit.place]


def _take_held(
    visits: Sequence[_Visit], holders: dict[int, list[int]], own: list[float], place: int, amount: float
) -> list[int]:
    """Takes what an InitPlan or CTE took off the nodes that ran it; where from. Nothing is taken that nobody holds."""
    visit = visits[place]
    parent = visit.parent or 0
    places: dict[int, None] = {}
    for holder in holders[place]:
        # Where partitions are chosen by the result, the node above those that name it was the first to need it.
        at: int | None = holder
        while at is not None and at >= parent:
            places[at] = None
            at = visits[at].parent
    places[parent] = None
    runs_to_its_end = visit.node.node_type == "ModifyTable"
    candidates = holders[place] if runs_to_its_end else list(places)
    taken = []
    left = amount
    for at in candidates:
        part = min(left, max(own[at], 0.0))
        if part > 0:
            own[at] -= part
            left -= part
            taken.append(at)
    if left > 0 and not runs_to_its_end:
        own[parent] -= left
        taken.append(parent)
    return taken


def _costs(visits: Sequence[_Visit]) -> list[float]:
    """Each node's part of the root's cost.

    A node's cost holds its children's, times how often it runs them, or less where it need not read them to the end.
    """
    given = [0.0] * len(visits)
    own = [0.0] * len(visits)
    given[0] = visits[0].node.total_cost
    for visit in visits:
        charges = [visits[child].node.total_cost * _runs(visits, visit, child) for child in visit.children]
        charged, cost = sum(charges), visit.node.total_cost
        whole = max(charged, cost)
        own[visit.place] = given[visit.place] * (1 - charged / whole) if whole > 0 else given[visit.place]
        for child, charge in zip(visit.children, charges, strict=True):
            given[child] = given[visit.place] * charge / whole if whole > 0 else 0.0
    return own


def _runs(visits: Sequence[_Visit], parent: _Visit, place: int) -> float:
    """How often a node runs a child, by the planner's estimates."""
    child = visits[place].node
    node = parent.node
    if child.parent_relationship == "SubPlan":
        hashed = any(f"hashed {child.subplan_name}" in text for text in _texts(node))
        return 1.0 if hashed else max(node.estimated_rows, 1.0)
    if node.node_type == "Nested Loop" and child.parent_relationship == "Inner" and child.node_type not in _KEEPS:
        outer = next((visits[each].node for each in parent.children), None)
        return 1.0 if outer is None else max(outer.estimated_rows, 1.0)
    return 1.0
