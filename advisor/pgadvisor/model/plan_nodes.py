"""A typed view of EXPLAIN's JSON, PostgreSQL 13 to 18: what rules, reports and our analysis of plans read.

https://www.postgresql.org/docs/current/using-explain.html; the keys are those of src/backend/commands/explain.c.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from pgadvisor.model.base import Model

# How many nodes deep a plan may be: all that walks plans down does it by recursion, of which Python allows little.
MAX_PLAN_DEPTH = 200


class Resources(Model, frozen=True, kw_only=True):
    """Blocks, time of I/O and WAL of all loops together, children included; None where not measured.

    Up to 16, shared_io_read_ms and shared_io_write_ms hold local blocks as well. WAL in bytes; fpi: full page images.
    """

    shared_hit_blocks: int | None = None
    shared_read_blocks: int | None = None
    shared_dirtied_blocks: int | None = None
    shared_written_blocks: int | None = None
    local_hit_blocks: int | None = None
    local_read_blocks: int | None = None
    local_dirtied_blocks: int | None = None
    local_written_blocks: int | None = None
    temp_read_blocks: int | None = None
    temp_written_blocks: int | None = None
    shared_io_read_ms: float | None = None
    shared_io_write_ms: float | None = None
    local_io_read_ms: float | None = None
    local_io_write_ms: float | None = None
    temp_io_read_ms: float | None = None
    temp_io_write_ms: float | None = None
    wal_records: int | None = None
    wal_fpi: int | None = None
    wal_bytes: int | None = None
    wal_buffers_full: int | None = None


class Jit(Model, frozen=True, kw_only=True):
    """Just-in-time compilation, milliseconds. deform_ms (17 and later) is a part of generation_ms."""

    functions: int | None = None
    options: dict[str, bool] = {}
    generation_ms: float | None = None
    deform_ms: float | None = None
    inlining_ms: float | None = None
    optimization_ms: float | None = None
    emission_ms: float | None = None
    total_ms: float | None = None


class PlanWorker(Resources, frozen=True, kw_only=True):
    """What one parallel worker did in a node; sizes in kB. other: keys of the server's that have no field."""

    number: int | None = None
    actual_startup_ms: float | None = None
    actual_total_ms: float | None = None
    actual_rows: float | None = None
    loops: float | None = None
    sort_method: str | None = None
    sort_space_kb: int | None = None
    sort_space_type: str | None = None
    aggregate_batches: int | None = None
    peak_memory_kb: int | None = None
    disk_kb: int | None = None
    cache_hits: int | None = None
    cache_misses: int | None = None
    cache_evictions: int | None = None
    cache_overflows: int | None = None
    exact_heap_blocks: int | None = None
    lossy_heap_blocks: int | None = None
    index_searches: int | None = None
    jit: Jit | None = None
    other: dict[str, Any] = {}


class SortGroups(Model, frozen=True, kw_only=True):
    """Groups that an incremental sort sorted; peaks in kB, None where nothing was kept there."""

    groups: int | None = None
    methods: tuple[str, ...] = ()
    peak_memory_kb: int | None = None
    peak_disk_kb: int | None = None


class TargetTable(Model, frozen=True, kw_only=True):
    """One of several tables that a node changes."""

    schema: str | None = None
    relation: str | None = None
    alias: str | None = None


class PlanNode(Resources, frozen=True, kw_only=True):
    """One node of a plan. Rows and times are per loop, as EXPLAIN gives them; None where not executed.

    Never executed: loops is 0. Below a node with workers, rows and costs are those of one of the processes that share
    the work, and loops counts processes. actual_rows is a fraction from 18 on, rounded before. Sizes are in kB.
    disabled, disabled_nodes: 18 alone. other holds the server's keys that have no field (extensions' and new ones),
    and those whose value is of an unexpected type.
    """

    node_type: str
    strategy: str | None = None
    partial_mode: str | None = None
    operation: str | None = None
    command: str | None = None
    parent_relationship: str | None = None
    subplan_name: str | None = None
    custom_provider: str | None = None
    parallel_aware: bool = False
    async_capable: bool = False
    disabled: bool = False
    disabled_nodes: int | None = None
    # What it reads or writes, and how
    schema: str | None = None
    relation: str | None = None
    alias: str | None = None
    index: str | None = None
    scan_direction: str | None = None
    cte_name: str | None = None
    function_name: str | None = None
    table_function_name: str | None = None
    tuplestore_name: str | None = None
    function_call: str | None = None
    table_function_call: str | None = None
    target_tables: tuple[TargetTable, ...] = ()
    join_type: str | None = None
    inner_unique: bool = False
    single_copy: bool = False
    subplans_removed: int | None = None
    output: tuple[str, ...] = ()
    # Conditions and keys
    filter: str | None = None
    index_condition: str | None = None
    recheck_condition: str | None = None
    hash_condition: str | None = None
    merge_condition: str | None = None
    join_filter: str | None = None
    one_time_filter: str | None = None
    tid_condition: str | None = None
    run_condition: str | None = None
    order_by: str | None = None
    cache_key: str | None = None
    cache_mode: str | None = None
    window: str | None = None
    sort_keys: tuple[str, ...] = ()
    presorted_keys: tuple[str, ...] = ()
    group_keys: tuple[str, ...] = ()
    parameters_evaluated: tuple[str, ...] = ()
    grouping_sets: tuple[dict[str, Any], ...] = ()
    sampling_method: str | None = None
    sampling_parameters: tuple[str, ...] = ()
    repeatable_seed: str | None = None
    remote_sql: str | None = None
    # The planner's estimates
    startup_cost: float = 0.0
    total_cost: float = 0.0
    estimated_rows: float = 0.0
    width_bytes: int = 0
    workers_planned: int | None = None
    planned_partitions: int | None = None
    # What came of it
    actual_startup_ms: float | None = None
    actual_total_ms: float | None = None
    actual_rows: float | None = None
    loops: float | None = None
    workers_launched: int | None = None
    workers: tuple[PlanWorker, ...] = ()
    rows_removed_by_filter: float | None = None
    rows_removed_by_join_filter: float | None = None
    rows_removed_by_index_recheck: float | None = None
    rows_removed_by_conflict_filter: float | None = None
    heap_fetches: int | None = None
    index_searches: int | None = None
    exact_heap_blocks: int | None = None
    lossy_heap_blocks: int | None = None
    sort_method: str | None = None
    sort_space_kb: int | None = None
    sort_space_type: str | None = None
    full_sort_groups: SortGroups | None = None
    presorted_groups: SortGroups | None = None
    hash_buckets: int | None = None
    original_hash_buckets: int | None = None
    hash_batches: int | None = None
    original_hash_batches: int | None = None
    aggregate_batches: int | None = None
    peak_memory_kb: int | None = None
    disk_kb: int | None = None
    storage: str | None = None
    maximum_storage_kb: int | None = None
    cache_hits: int | None = None
    cache_misses: int | None = None
    cache_evictions: int | None = None
    cache_overflows: int | None = None
    # Of what writes
    conflict_resolution: str | None = None
    conflict_arbiter_indexes: tuple[str, ...] = ()
    conflict_filter: str | None = None
    tuples_inserted: int | None = None
    tuples_updated: int | None = None
    tuples_deleted: int | None = None
    tuples_skipped: int | None = None
    conflicting_tuples: int | None = None
    other: dict[str, Any] = {}
    children: tuple[PlanNode, ...] = ()

    def walk(self) -> Iterator[PlanNode]:
        """This node and all below it, parents first."""
        stack = [self]
        while stack:
            node = stack.pop()
            yield node
            stack.extend(reversed(node.children))


class PlanTrigger(Model, frozen=True, kw_only=True):
    """A trigger that fired, all its calls together; constraint names the foreign key it watches over, if any."""

    name: str | None = None
    constraint: str | None = None
    relation: str | None = None
    time_ms: float | None = None
    calls: float | None = None


class Planning(Resources, frozen=True, kw_only=True):
    """What planning took besides time; memory in kB (MEMORY, 17 and later)."""

    memory_used_kb: int | None = None
    memory_allocated_kb: int | None = None


class Serialization(Resources, frozen=True, kw_only=True):
    """Turning the result into what is sent (SERIALIZE, 17 and later), which is not part of the root's time."""

    time_ms: float | None = None
    output_kb: int | None = None
    format: str | None = None


class Plan(Model, frozen=True, kw_only=True):
    """A whole plan: its nodes and what EXPLAIN says of all of it.

    execution_ms holds the root's time, triggers', start and end of execution and JIT; planning_ms comes on top.
    query_text and query_parameters are auto_explain's. other holds keys without a field.
    """

    root: PlanNode
    planning_ms: float | None = None
    execution_ms: float | None = None
    planning: Planning = Planning()
    serialization: Serialization | None = None
    triggers: tuple[PlanTrigger, ...] = ()
    jit: Jit | None = None
    settings: dict[str, str] = {}
    query_id: str | None = None
    query_text: str | None = None
    query_parameters: str | None = None
    other: dict[str, Any] = {}
