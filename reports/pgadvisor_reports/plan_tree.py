"""A plan as rows of a table: EXPLAIN's JSON read leniently, since a report may come from anywhere."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

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

    Rows and times are per loop, as EXPLAIN gives them. heaviest marks the node with the largest share.
    cut_short: it stands below a LIMIT, which may have asked for no more of its rows.
    """

    depth: int
    operation: str
    target: str
    role: str
    details: tuple[tuple[str, str], ...]
    share: float
    heaviest: bool
    cut_short: bool
    total_cost: float | None
    estimated_rows: float | None
    actual_rows: float | None
    loops: float | None
    total_ms: float | None

    @property
    def misjudged(self) -> float | None:
        """How many times more rows came than expected (under 1: fewer), where it is tenfold or worse."""
        if self.actual_rows is None or self.estimated_rows is None or self.loops == 0:
            return None
        ratio = max(self.actual_rows, 1.0) / max(self.estimated_rows, 1.0)
        return ratio if ratio >= 10 or (ratio <= 0.1 and not self.cut_short) else None


@dataclass(frozen=True)
class PlanTable:
    """A plan's nodes, parents first. left_out counts nodes beyond what a page shows."""

    rows: tuple[PlanRow, ...]
    executed: bool
    left_out: int
    planning_ms: float | None
    execution_ms: float | None


def plan_table(plan: dict[str, Any]) -> PlanTable:
    """The table of an EXPLAIN (FORMAT JSON) object, which holds its root under "Plan"."""
    found = _walk(plan.get("Plan"))
    executed = bool(found) and _number(found[0][2], "Actual Total Time") is not None
    weights = [_own(node, executed) for _, _, node in found]
    total = sum(weights)
    heaviest = weights.index(max(weights)) if total > 0 and len(weights) > 1 else -1
    rows = tuple(
        _row(depth, cut_short, node, weight / total if total > 0 else 0.0, number == heaviest)
        for number, ((depth, cut_short, node), weight) in enumerate(zip(found, weights, strict=True))
        if number < MAX_NODES or number == heaviest
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


def _own(node: dict[str, Any], executed: bool) -> float:
    """Time (over all loops) or cost of a node less that of its children; a child may cost more under a LIMIT."""
    children = [child for child in _children(node) if isinstance(child, dict)]
    return max(_spent(node, executed) - sum(_spent(child, executed) for child in children), 0.0)


def _spent(node: dict[str, Any], executed: bool) -> float:
    if executed:
        return (_number(node, "Actual Total Time") or 0.0) * (_number(node, "Actual Loops") or 0.0)
    return _number(node, "Total Cost") or 0.0


def _row(depth: int, cut_short: bool, node: dict[str, Any], share: float, heaviest: bool) -> PlanRow:
    return PlanRow(
        depth=depth,
        cut_short=cut_short,
        operation=_operation(node),
        target=_target(node),
        role=_text(node.get("Subplan Name")),
        details=tuple((label, text) for label in (*_CONDITIONS, *_NUMBERS) if (text := _text(node.get(label)))),
        share=share,
        heaviest=heaviest,
        total_cost=_number(node, "Total Cost"),
        estimated_rows=_number(node, "Plan Rows"),
        actual_rows=_number(node, "Actual Rows"),
        loops=_number(node, "Actual Loops"),
        total_ms=_number(node, "Actual Total Time"),
    )


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
