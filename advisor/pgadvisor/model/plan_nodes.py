"""A typed view of EXPLAIN's JSON: the fields that rules read."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from pgadvisor.model.base import Model

# How many nodes deep a plan may be: all that walks plans down does it by recursion, of which Python allows little.
MAX_PLAN_DEPTH = 200


class PlanNode(Model, frozen=True, kw_only=True):
    """One node of a plan. Rows and times are per loop, as EXPLAIN gives them; None where not executed.

    Below a node with workers, rows and costs are those of one of the processes that share the work.
    """

    node_type: str
    parent_relationship: str | None = None
    subplan_name: str | None = None
    schema: str | None = None
    relation: str | None = None
    alias: str | None = None
    index: str | None = None
    join_type: str | None = None
    parallel_aware: bool = False
    workers_planned: int | None = None
    filter: str | None = None
    index_condition: str | None = None
    recheck_condition: str | None = None
    hash_condition: str | None = None
    merge_condition: str | None = None
    join_filter: str | None = None
    sort_keys: tuple[str, ...] = ()
    group_keys: tuple[str, ...] = ()
    startup_cost: float = 0.0
    total_cost: float = 0.0
    estimated_rows: float = 0.0
    width_bytes: int = 0
    actual_rows: float | None = None
    loops: float | None = None
    actual_total_ms: float | None = None
    rows_removed_by_filter: float | None = None
    shared_hit_blocks: int | None = None
    shared_read_blocks: int | None = None
    children: tuple[PlanNode, ...] = ()

    def walk(self) -> Iterator[PlanNode]:
        """This node and all below it, parents first."""
        stack = [self]
        while stack:
            node = stack.pop()
            yield node
            stack.extend(reversed(node.children))


def parse_plan(plan: dict[str, Any]) -> PlanNode:
    """The root of an EXPLAIN (FORMAT JSON) object, which holds it under "Plan"."""
    return _parse_node(plan["Plan"])


def _parse_node(node: dict[str, Any]) -> PlanNode:
    return PlanNode(
        node_type=node["Node Type"],
        parent_relationship=node.get("Parent Relationship"),
        subplan_name=node.get("Subplan Name"),
        schema=node.get("Schema"),
        relation=node.get("Relation Name"),
        alias=node.get("Alias"),
        index=node.get("Index Name"),
        join_type=node.get("Join Type"),
        parallel_aware=node.get("Parallel Aware", False),
        workers_planned=node.get("Workers Planned"),
        filter=node.get("Filter"),
        index_condition=node.get("Index Cond"),
        recheck_condition=node.get("Recheck Cond"),
        hash_condition=node.get("Hash Cond"),
        merge_condition=node.get("Merge Cond"),
        join_filter=node.get("Join Filter"),
        sort_keys=tuple(node.get("Sort Key", ())),
        group_keys=tuple(node.get("Group Key", ())),
        startup_cost=node.get("Startup Cost", 0.0),
        total_cost=node.get("Total Cost", 0.0),
        estimated_rows=node.get("Plan Rows", 0.0),
        width_bytes=node.get("Plan Width", 0),
        actual_rows=node.get("Actual Rows"),
        loops=node.get("Actual Loops"),
        actual_total_ms=node.get("Actual Total Time"),
        rows_removed_by_filter=node.get("Rows Removed by Filter"),
        shared_hit_blocks=node.get("Shared Hit Blocks"),
        shared_read_blocks=node.get("Shared Read Blocks"),
        children=tuple(_parse_node(child) for child in node.get("Plans", ())),
    )
