"""A plan as rows of a table: EXPLAIN's JSON read leniently, since a report may come from anywhere."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from pgadvisor.model.plan_view import PlanNodeView
from pgadvisor_reports.formatting import grouped

MAX_NODES = 120
MAX_DEPTH = 60

_CONDITIONS = (
    "Filter",
    "Index Cond",
    "Recheck Cond",
    "Hash Cond",
    "Merge Cond",
    "Join Filter",
    "One-Time Filter",
    "TID Cond",
    "Order By",
    "Sort Key",
    "Presorted Key",
    "Group Key",
    "Cache Key",
)
_NUMBERS = ("Rows Removed by Filter", "Rows Removed by Index Recheck", "Rows Removed by Join Filter", "Heap Fetches")


@dataclass(frozen=True)
class PlanRow:
    """One node. share is its own part of the plan's time if executed, else of its cost, without its children's.

    Rows and times are per loop, as EXPLAIN gives them. heaviest marks the node with the largest share, guilty the one
    whose estimate led the others astray. own is what it took by itself, None where the report does not say.
    misjudged: how many times more rows came than expected (under 1: fewer), where it is tenfold or worse.
    """

    depth: int
    operation: str
    target: str
    role: str
    details: tuple[tuple[str, str], ...]
    share: float
    heaviest: bool
    total_cost: float | None
    estimated_rows: float | None
    actual_rows: float | None
    loops: float | None
    total_ms: float | None

    misjudged: float | None = None
    guilty: bool = False
    own: PlanNodeView | None = None


@dataclass(frozen=True)
class PlanTable:
    """A plan's nodes, parents first. left_out counts nodes beyond what a page shows."""

    rows: tuple[PlanRow, ...]
    executed: bool
    left_out: int
    planning_ms: float | None
    execution_ms: float | None


def plan_table(plan: dict[str, Any], nodes: Sequence[PlanNodeView] = ()) -> PlanTable:
    """The table of an EXPLAIN (FORMAT JSON) object, which holds its root under "Plan".

    nodes say what each took by itself, in the order of the plan; without them, as in a report that another made, it is
    worked out roughly: a node's time or cost less that of its children.
    """
    found = _walk(plan.get("Plan"))
    executed = bool(found) and _number(found[0][2], "Actual Total Time") is not None
    views: Sequence[PlanNodeView | None] = nodes if len(nodes) == len(found) else [None] * len(found)
    weights = [_weight(node, view, executed) for (_, _, node), view in zip(found, views, strict=True)]
    total = sum(weights)
    heaviest = weights.index(max(weights)) if total > 0 and len(weights) > 1 else -1
    marked = {heaviest, *(number for number, view in enumerate(views) if view is not None and view.guilty)}
    rows = tuple(
        _row(depth, node, weights[number] / total if total > 0 else 0.0, number == heaviest, cut_short, views[number])
        for number, (depth, cut_short, node) in enumerate(found)
        if number < MAX_NODES or number in marked
    )
    return PlanTable(
        rows=rows,
        executed=executed,
        left_out=len(found) - len(rows),
        planning_ms=_number(plan, "Planning Time"),
        execution_ms=_number(plan, "Execution Time"),
    )


def _walk(root: object) -> list[tuple[int, bool, dict[str, Any]]]:
    """Depth, whether below a LIMIT, and node; parents first."""
    found: list[tuple[int, bool, dict[str, Any]]] = []
    stack: list[tuple[int, bool, object]] = [(0, False, root)]
    while stack:
        depth, cut_short, node = stack.pop()
        if isinstance(node, dict):
            found.append((min(depth, MAX_DEPTH), cut_short, node))
            below = cut_short or node.get("Node Type") == "Limit"
            stack.extend((depth + 1, below, child) for child in reversed(_children(node)))
    return found


def _children(node: dict[str, Any]) -> list[object]:
    children = node.get("Plans")
    return children if isinstance(children, list) else []


def _weight(node: dict[str, Any], view: PlanNodeView | None, executed: bool) -> float:
    """Its own time or cost."""
    if view is None:
        return _own(node, executed)
    weight = view.own_ms if executed and view.own_ms is not None else view.own_cost
    return max(weight, 0.0) if math.isfinite(weight) else 0.0


def _misjudged(node: dict[str, Any], cut_short: bool, view: PlanNodeView | None) -> float | None:
    if view is not None:
        ratio = view.factor
    else:
        actual, estimated = _number(node, "Actual Rows"), _number(node, "Plan Rows")
        if actual is None or estimated is None or _number(node, "Actual Loops") == 0:
            return None
        ratio = max(actual, 1.0) / max(estimated, 1.0)
        if cut_short and ratio < 1:
            return None
    return ratio if ratio is not None and (ratio >= 10 or 0 < ratio <= 0.1) else None


def _own(node: dict[str, Any], executed: bool) -> float:
    """Time (over all loops) or cost of a node less that of its children; a child may cost more under a LIMIT."""
    children = [child for child in _children(node) if isinstance(child, dict)]
    return max(_spent(node, executed) - sum(_spent(child, executed) for child in children), 0.0)


def _spent(node: dict[str, Any], executed: bool) -> float:
    if executed:
        return (_number(node, "Actual Total Time") or 0.0) * (_number(node, "Actual Loops") or 0.0)
    return _number(node, "Total Cost") or 0.0


def _row(
    depth: int, node: dict[str, Any], share: float, heaviest: bool, cut_short: bool, view: PlanNodeView | None
) -> PlanRow:
    return PlanRow(
        depth=depth,
        operation=_operation(node),
        target=_target(node),
        role=_text(node.get("Subplan Name")),
        details=(*_details(node), *_buffers(view)),
        share=share,
        heaviest=heaviest,
        total_cost=_number(node, "Total Cost"),
        estimated_rows=_number(node, "Plan Rows"),
        actual_rows=_number(node, "Actual Rows"),
        loops=_number(node, "Actual Loops"),
        total_ms=_number(node, "Actual Total Time"),
        misjudged=_misjudged(node, cut_short, view),
        guilty=view is not None and view.guilty,
        own=view,
    )


def _details(node: dict[str, Any]) -> tuple[tuple[str, str], ...]:
    found = [(label, text) for label in (*_CONDITIONS, *_NUMBERS) if (text := _text(node.get(label)))]
    planned, launched = _number(node, "Workers Planned"), _number(node, "Workers Launched")
    if planned is not None:
        found.append(("Workers", f"{planned:g} planned" + ("" if launched is None else f", {launched:g} launched")))
    method, space = _text(node.get("Sort Method")), _number(node, "Sort Space Used")
    if method and space is not None:
        found.append(("Sort", f"{method}, {space:g} kB {_text(node.get('Sort Space Type')).lower()}"))
    batches = _number(node, "Hash Batches") or _number(node, "HashAgg Batches") or 0
    if batches > 1:
        found.append(("Batches", f"{batches:g}, as the memory for one was too small"))
    removed = _number(node, "Subplans Removed") or 0
    if removed:
        found.append(("Partitions left out", f"{removed:g}"))
    return tuple((label, text) for label, text in found if text != "0")


def _buffers(view: PlanNodeView | None) -> tuple[tuple[str, str], ...]:
    """Blocks that the node itself asked for."""
    if view is None:
        return ()
    counts = (("Own blocks", view.own_blocks), ("Own temporary blocks", view.own_temp_blocks))
    return tuple((label, grouped(count)) for label, count in counts if count)


def _operation(node: dict[str, Any]) -> str:
    """The node as EXPLAIN's text format words it: "Parallel Hash Left Join", "Index Scan Backward"."""
    name = _text(node.get("Node Type")) or "Unknown node"
    join_type = _text(node.get("Join Type"))
    if join_type not in {"", "Inner"}:
        name = f"{name.removesuffix(' Join')} {join_type} Join"
    strategy, command = _text(node.get("Strategy")), _text(node.get("Operation"))
    if name == "Aggregate" and strategy in {"Hashed", "Sorted", "Mixed"}:
        name = {"Hashed": "HashAggregate", "Sorted": "GroupAggregate", "Mixed": "MixedAggregate"}[strategy]
    if name == "ModifyTable" and command:
        name = command
    if node.get("Scan Direction") == "Backward":
        name += " Backward"
    return f"Parallel {name}" if node.get("Parallel Aware") is True else name


def _target(node: dict[str, Any]) -> str:
    """What the node reads: "orders_pkey on public.orders o"."""
    relation, schema, alias = (_text(node.get(name)) for name in ("Relation Name", "Schema", "Alias"))
    if not relation:
        relation = _text(node.get("CTE Name")) or _text(node.get("Function Name"))
    parts = [_text(node.get("Index Name"))]
    if relation:
        qualified = f"{schema}.{relation}" if schema else relation
        parts.append(f"on {qualified}" + (f" {alias}" if alias and alias != relation else ""))
    return " ".join(part for part in parts if part)


def _text(value: object) -> str:
    if isinstance(value, list):
        return ", ".join(item for item in value if isinstance(item, str))
    if isinstance(value, bool):
        return ""
    return str(value) if isinstance(value, str | int | float) else ""


def _number(node: dict[str, Any], name: str) -> float | None:
    value = node.get(name)
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        return None
    return float(value)
