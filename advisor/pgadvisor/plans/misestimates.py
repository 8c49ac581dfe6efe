"""Where the planner expected other numbers of rows than came, and which node is to blame."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

from pgadvisor.model.base import Model
from pgadvisor.model.plan_nodes import PlanNode
from pgadvisor.plans.wording import described

# Under this an estimate is good enough: plans seldom turn on less.
MISJUDGED = 10.0
_GATHERS = frozenset(("Gather", "Gather Merge"))
# They read all of their input before they give anything, so that a LIMIT above them cuts nothing below.
_READ_ALL = frozenset(("Sort", "Aggregate", "Hash", "BitmapAnd", "BitmapOr", "Bitmap Index Scan"))
# The rows of these are not counted, or are not those of a result.
_NOT_COUNTED = frozenset(("BitmapAnd", "BitmapOr", "ModifyTable"))


class Misestimate(Model, frozen=True, kw_only=True):
    """How far the estimate of one executed node was off.

    place is its position in the order of root.walk(). Rows are those of one loop; for what processes share, of all of
    them together. factor is how many times more or fewer came, at least 1; own_factor what of it the node's children
    do not explain. repeats: it ran several times. guilty: the lowest node that explains those above it; at most one
    of a plan.
    """

    place: int
    node: PlanNode
    estimated_rows: float
    actual_rows: float
    factor: float
    more: bool
    own_factor: float
    repeats: bool = False
    guilty: bool = False


@dataclass
class _Visit:
    node: PlanNode
    parent: int | None
    divisor: float
    processes: float
    cut: bool
    repeated: bool
    error: float | None = None
    estimated: float = 0.0
    actual: float = 0.0
    children: list[int] = field(default_factory=list)


def misestimates(root: PlanNode) -> tuple[Misestimate | None, ...]:
    """The error of each node in the order of root.walk(); None where there is none to speak of.

    None: not executed, never executed, rows that are not counted, or fewer rows than expected where the node was
    stopped early (by a LIMIT, EXISTS, a semi join, a merge join whose other side ended) or read again in part.
    Linear in the number of nodes.
    """
    visits = _visits(root, frozenset())
    cut_ctes = frozenset(
        f"CTE {visit.node.cte_name}" for visit in visits if visit.cut and visit.node.node_type == "CTE Scan"
    )
    if cut_ctes:
        visits = _visits(root, cut_ctes)
    partial = _partial(visits)
    for visit, is_partial in zip(visits, partial, strict=True):
        _judge(visit, is_partial)
    own = [_own_error(visit, visits) for visit in visits]
    guilty = _guilty(visits, own)
    return tuple(
        None
        if visit.error is None
        else Misestimate(
            place=place,
            node=visit.node,
            estimated_rows=visit.estimated,
            actual_rows=visit.actual,
            factor=max(_ratio(visit), 1 / _ratio(visit)),
            more=visit.error > 0,
            own_factor=math.exp(min(abs(own[place]), 600.0)),
            repeats=(visit.node.loops or 0) > visit.processes,
            guilty=place == guilty,
        )
        for place, visit in enumerate(visits)
    )


def sentence(found: Misestimate, condition: str = "") -> str:
    """What is wrong, in words. condition is the node's (plans.wording.condition), masked if it must be."""
    times = f"{found.factor:,.0f}" if found.factor >= 10 else f"{found.factor:.1f}"
    loops = " each time" if found.repeats else ""
    kept = f", {condition}" if condition else ""
    return (
        f"{described(found.node)}{kept}: {_rows(found.estimated_rows)} expected{loops}, "
        f"{_rows(found.actual_rows)} came, {times} times {'more' if found.more else 'fewer'}"
    )


def _rows(rows: float) -> str:
    return f"{rows:,.0f} row" + ("" if round(rows) == 1 else "s") if rows >= 1 or rows == 0 else f"{rows:.2g} rows"


def _visits(root: PlanNode, cut_ctes: frozenset[str]) -> list[_Visit]:
    visits: list[_Visit] = []
    stack = [(root, _Visit(root, None, 1.0, 1.0, False, False))]
    while stack:
        node, visit = stack.pop()
        place = len(visits)
        visits.append(visit)
        if visit.parent is not None:
            visits[visit.parent].children.append(place)
        for child in reversed(node.children):
            below = _below(visit, child, place)
            if child.subplan_name in cut_ctes:
                below.cut = True
            stack.append((child, below))
    return visits


def _below(visit: _Visit, child: PlanNode, place: int) -> _Visit:
    """What is to be known of a child from above."""
    node = visit.node
    divisor, processes = visit.divisor, visit.processes
    relationship = child.parent_relationship
    if node.node_type in _GATHERS and relationship == "Outer":
        divisor = _divisor(node.workers_planned or 0)
        processes = max((child.loops or 0) / node.loops, 1.0) if node.loops else 1.0
    if relationship == "InitPlan":
        divisor = processes = 1.0
    stops = (
        node.node_type == "Limit"
        or (node.join_type in ("Semi", "Anti", "Right Semi") and relationship == "Inner")
        or node.node_type == "Merge Join"
        or relationship in ("SubPlan", "InitPlan")
    )
    # Nothing to compare with: one row of the other side is enough to see that there is none.
    stops = stops or (node.node_type == "Hash Join" and relationship == "Outer" and _is_empty(node))
    repeated = node.node_type == "Merge Join" and relationship == "Inner"
    passes_on = node.node_type not in _READ_ALL
    return _Visit(
        child, place, divisor, processes, stops or (visit.cut and passes_on), repeated or (visit.repeated and passes_on)
    )


def _is_empty(join: PlanNode) -> bool:
    inner = (child for child in join.children if child.parent_relationship == "Inner")
    return any(child.actual_rows == 0 for child in inner)


def _divisor(workers: int) -> float:
    """By how much the planner divides rows among processes: the leader helps the less, the more workers there are.

    https://www.postgresql.org/docs/current/how-parallel-query-works.html; the figure is that of costsize.c.
    """
    return workers + max(1.0 - 0.3 * workers, 0.0)


def _partial(visits: Sequence[_Visit]) -> list[bool]:
    """Whether the processes share a node's rows; else each of them has all."""
    partial = [visit.node.parallel_aware and visit.processes >= 1 for visit in visits]
    for place in range(len(visits) - 1, 0, -1):
        visit = visits[place]
        above = visits[visit.parent or 0]
        shares = visit.node.parent_relationship in ("Outer", "Member", "Subquery")
        if partial[place] and shares and above.node.node_type not in _GATHERS:
            partial[visit.parent or 0] = True
    return partial


def _judge(visit: _Visit, is_partial: bool) -> None:
    node = visit.node
    if node.actual_rows is None or not node.loops or node.node_type in _NOT_COUNTED:
        return
    visit.estimated = node.estimated_rows * (visit.divisor if is_partial else 1.0)
    visit.actual = node.actual_rows * (visit.processes if is_partial else 1.0)
    error = math.log(_ratio(visit))
    if visit.repeated or (error < 0 and visit.cut):
        return
    visit.error = error


def _ratio(visit: _Visit) -> float:
    """Rows that came by rows expected. Estimates are never under one row, and averages were rounded until 17."""
    return max(visit.actual, 1.0) / max(visit.estimated, 1.0)


def _own_error(visit: _Visit, visits: Sequence[_Visit]) -> float:
    """What the children's errors do not explain: those of a join's sides multiply."""
    if visit.error is None:
        return 0.0
    explained = sum(
        visits[child].error or 0.0
        for child in visit.children
        if visits[child].node.parent_relationship not in ("InitPlan", "SubPlan")
    )
    if visit.error * explained > 0 and abs(visit.error) <= abs(explained):
        return 0.0
    return visit.error - explained


def _guilty(visits: Sequence[_Visit], own: Sequence[float]) -> int | None:
    """The lowest misjudged node that its children do not explain, of several the one that misleads most above it."""
    limit = math.log(MISJUDGED)
    below = [False] * len(visits)
    for place in range(len(visits) - 1, 0, -1):
        error = visits[place].error
        if below[place] or (error is not None and abs(error) >= limit):
            below[visits[place].parent or 0] = True
    misled = [0] * len(visits)
    best: tuple[tuple[int, float], int] | None = None
    for place, visit in enumerate(visits):
        above = 0 if visit.parent is None else misled[visit.parent]
        is_misjudged = visit.error is not None and abs(visit.error) >= limit
        misled[place] = above + is_misjudged
        if not is_misjudged or abs(own[place]) < limit / 2 or (below[place] and abs(own[place]) < limit):
            continue
        rank = (above, abs(own[place]))
        if best is None or rank > best[0]:
            best = rank, place
    return None if best is None else best[1]
