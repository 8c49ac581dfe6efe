"""Plans as a report shows them."""

from __future__ import annotations

from typing import Any

from pgadvisor.model.base import Model


class PlanNodeView(Model, frozen=True, kw_only=True):
    """What one node of a plan took by itself, and how far its estimate was off.

    own_cost is its part of the root's cost; own_ms and total_ms (with what it runs) are over all loops, averaged over
    the processes that shared the work, None where no times were taken. own_blocks are read or found in cache,
    own_temp_blocks read from or written to temporary files. factor is how many times more rows came than expected
    (below 1: fewer), None where that says nothing. guilty marks the lowest node that explains those above it.
    """

    own_cost: float
    own_ms: float | None = None
    total_ms: float | None = None
    own_blocks: int | None = None
    own_temp_blocks: int | None = None
    processes: float = 1.0
    factor: float | None = None
    guilty: bool = False


class TriggerView(Model, frozen=True, kw_only=True):
    """A trigger that fired while a plan was executed, all calls together."""

    name: str
    calls: float | None = None
    time_ms: float | None = None


class PlanView(Model, frozen=True, kw_only=True):
    """A plan to show: EXPLAIN's JSON with row values masked, and how it was had.

    values says what the values stand for ("common", "rare", ...), "" where there are none. role and role_missed are
    those of the observed plan. run_ms are the times of all executions.
    nodes are in the order of the plan, parents first; misjudged tells of the guilty one, "" where there is none.
    execution_ms holds the nodes' time, triggers' and jit_ms, but not planning_ms.
    """

    method: str
    planner: str
    equivalent_select: bool
    parameters: tuple[str, ...]
    plan: dict[str, Any]
    values: str = ""
    role: str = ""
    role_missed: str = ""
    rewritten: bool = False
    run_ms: tuple[float, ...] = ()
    nodes: tuple[PlanNodeView, ...] = ()
    misjudged: str = ""
    triggers: tuple[TriggerView, ...] = ()
    jit_ms: float | None = None
    planning_ms: float | None = None
    execution_ms: float | None = None
