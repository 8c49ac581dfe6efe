"""EXPLAIN's JSON objects read as typed plans: which key is which field, by kind of value."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pgadvisor.model.plan_nodes import (
    Jit,
    Plan,
    Planning,
    PlanNode,
    PlanTrigger,
    PlanWorker,
    Serialization,
    SortGroups,
    TargetTable,
)

# Estimates of rows end at 1e100 (costsize.c, MAXIMUM_ROWCOUNT); costs are their multiples.
_MOST = 1e150

_BLOCKS = {
    f"{kind.title()} {what.title()} Blocks": f"{kind}_{what}_blocks"
    for kind in ("shared", "local", "temp")
    for what in ("hit", "read", "dirtied", "written")
    if kind != "temp" or what in ("read", "written")
}
# Whole numbers of nodes, workers and sections.
INTEGERS: Mapping[str, str] = _BLOCKS | {
    "WAL Records": "wal_records",
    "WAL FPI": "wal_fpi",
    "WAL Bytes": "wal_bytes",
    "WAL Buffers Full": "wal_buffers_full",
    "Plan Width": "width_bytes",
    "Disabled Nodes": "disabled_nodes",
    "Workers Planned": "workers_planned",
    "Workers Launched": "workers_launched",
    "Subplans Removed": "subplans_removed",
    "Planned Partitions": "planned_partitions",
    "Heap Fetches": "heap_fetches",
    "Index Searches": "index_searches",
    "Exact Heap Blocks": "exact_heap_blocks",
    "Lossy Heap Blocks": "lossy_heap_blocks",
    "Sort Space Used": "sort_space_kb",
    "Hash Buckets": "hash_buckets",
    "Original Hash Buckets": "original_hash_buckets",
    "Hash Batches": "hash_batches",
    "Original Hash Batches": "original_hash_batches",
    "HashAgg Batches": "aggregate_batches",
    "Peak Memory Usage": "peak_memory_kb",
    "Disk Usage": "disk_kb",
    "Maximum Storage": "maximum_storage_kb",
    "Cache Hits": "cache_hits",
    "Cache Misses": "cache_misses",
    "Cache Evictions": "cache_evictions",
    "Cache Overflows": "cache_overflows",
    "Tuples Inserted": "tuples_inserted",
    "Tuples Updated": "tuples_updated",
    "Tuples Deleted": "tuples_deleted",
    "Tuples Skipped": "tuples_skipped",
    "Conflicting Tuples": "conflicting_tuples",
    "Worker Number": "number",
    "Memory Used": "memory_used_kb",
    "Memory Allocated": "memory_allocated_kb",
    "Output Volume": "output_kb",
}  # fmt: skip
NUMBERS: Mapping[str, str] = {
    "Startup Cost": "startup_cost",
    "Total Cost": "total_cost",
    "Plan Rows": "estimated_rows",
    "Actual Startup Time": "actual_startup_ms",
    "Actual Total Time": "actual_total_ms",
    "Actual Rows": "actual_rows",
    "Actual Loops": "loops",
    "Rows Removed by Filter": "rows_removed_by_filter",
    "Rows Removed by Join Filter": "rows_removed_by_join_filter",
    "Rows Removed by Index Recheck": "rows_removed_by_index_recheck",
    "Rows Removed by Conflict Filter": "rows_removed_by_conflict_filter",
    # Up to 16; from 17 on each kind of block has its own.
    "I/O Read Time": "shared_io_read_ms",
    "I/O Write Time": "shared_io_write_ms",
    "Shared I/O Read Time": "shared_io_read_ms",
    "Shared I/O Write Time": "shared_io_write_ms",
    "Local I/O Read Time": "local_io_read_ms",
    "Local I/O Write Time": "local_io_write_ms",
    "Temp I/O Read Time": "temp_io_read_ms",
    "Temp I/O Write Time": "temp_io_write_ms",
    "Planning Time": "planning_ms",
    "Execution Time": "execution_ms",
    "Time": "time_ms",
    "Calls": "calls",
}
TEXTS: Mapping[str, str] = {
    "Node Type": "node_type",
    "Strategy": "strategy",
    "Partial Mode": "partial_mode",
    "Operation": "operation",
    "Command": "command",
    "Parent Relationship": "parent_relationship",
    "Subplan Name": "subplan_name",
    "Custom Plan Provider": "custom_provider",
    "Schema": "schema",
    "Relation Name": "relation",
    "Alias": "alias",
    "Index Name": "index",
    "Scan Direction": "scan_direction",
    "CTE Name": "cte_name",
    "Function Name": "function_name",
    "Table Function Name": "table_function_name",
    "Tuplestore Name": "tuplestore_name",
    "Function Call": "function_call",
    "Table Function Call": "table_function_call",
    "Join Type": "join_type",
    "Filter": "filter",
    "Index Cond": "index_condition",
    "Recheck Cond": "recheck_condition",
    "Hash Cond": "hash_condition",
    "Merge Cond": "merge_condition",
    "Join Filter": "join_filter",
    "One-Time Filter": "one_time_filter",
    "TID Cond": "tid_condition",
    "Run Condition": "run_condition",
    "Order By": "order_by",
    "Cache Key": "cache_key",
    "Cache Mode": "cache_mode",
    "Window": "window",
    "Sampling Method": "sampling_method",
    "Repeatable Seed": "repeatable_seed",
    "Remote SQL": "remote_sql",
    "Sort Method": "sort_method",
    "Sort Space Type": "sort_space_type",
    "Storage": "storage",
    "Conflict Resolution": "conflict_resolution",
    "Conflict Filter": "conflict_filter",
    "Trigger Name": "name",
    "Constraint Name": "constraint",
    "Relation": "relation",
    "Format": "format",
    "Query Text": "query_text",
    "Query Parameters": "query_parameters",
}
FLAGS: Mapping[str, str] = {
    "Parallel Aware": "parallel_aware",
    "Async Capable": "async_capable",
    "Disabled": "disabled",
    "Inner Unique": "inner_unique",
    "Single Copy": "single_copy",
}
LISTS: Mapping[str, str] = {
    "Output": "output",
    "Sort Key": "sort_keys",
    "Presorted Key": "presorted_keys",
    "Group Key": "group_keys",
    "Params Evaluated": "parameters_evaluated",
    "Sampling Parameters": "sampling_parameters",
    "Conflict Arbiter Indexes": "conflict_arbiter_indexes",
}


def parse_plan(plan: dict[str, Any]) -> PlanNode:
    """The root of an EXPLAIN (FORMAT JSON) object, which holds it under "Plan".

    Raises KeyError or TypeError where it is none. Depth is not checked: see MAX_PLAN_DEPTH.
    """
    return _node(plan["Plan"])


def read_plan(plan: dict[str, Any]) -> Plan:
    """All of an EXPLAIN (FORMAT JSON) object; raises as `parse_plan`."""
    values, other = _values({key: value for key, value in plan.items() if key != "Plan"}, Plan)
    triggers, settings = other.pop("Triggers", ()), other.pop("Settings", None)
    query_id = other.pop("Query Identifier", None)
    return Plan(
        root=parse_plan(plan),
        planning=Planning(**_values(other.pop("Planning", None), Planning)[0]),
        serialization=_section(other.pop("Serialization", None)),
        triggers=tuple(PlanTrigger(**_values(each, PlanTrigger)[0]) for each in _objects(triggers)),
        jit=_jit(other.pop("JIT", None)),
        settings={name: str(value) for name, value in settings.items()} if isinstance(settings, dict) else {},
        query_id=None if query_id is None else str(query_id),
        other=other,
        **values,
    )


def _node(node: dict[str, Any]) -> PlanNode:
    """By recursion: plans deeper than MAX_PLAN_DEPTH are refused where they come in."""
    values, other = _values(node, PlanNode)
    values["node_type"] = str(node["Node Type"])
    children = other.pop("Plans", ())
    return PlanNode(
        children=tuple([_node(child) for child in _objects(children)]),
        workers=tuple([_worker(worker) for worker in _objects(other.pop("Workers", ()))]),
        full_sort_groups=_groups(other.pop("Full-sort Groups", None)),
        presorted_groups=_groups(other.pop("Pre-sorted Groups", None)),
        grouping_sets=tuple(_objects(other.pop("Grouping Sets", ()))),
        target_tables=tuple(
            [TargetTable(**_values(table, TargetTable)[0]) for table in _objects(other.pop("Target Tables", ()))]
        ),
        other=other,
        **values,
    )


def _worker(worker: dict[str, Any]) -> PlanWorker:
    values, other = _values(worker, PlanWorker)
    return PlanWorker(jit=_jit(other.pop("JIT", None)), other=other, **values)


def _values(found: object, kind: type[Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """The fields that keys stand for, and the keys that have none or whose value is of another type."""
    values: dict[str, Any] = {}
    other: dict[str, Any] = {}
    if not isinstance(found, dict):
        return values, other
    fields = _KEYS[kind]
    for key, value in found.items():
        known = fields.get(key)
        if known is None:
            other[key] = value
            continue
        field, types = known
        if type(value) not in types:
            other[key] = value
        elif types is _LIST_TYPES:
            if all(isinstance(each, str) for each in value):
                values[field] = tuple(value)
            else:
                other[key] = value
        elif types is _TEXT_TYPES or types is _FLAG_TYPES:
            values[field] = value
        elif -_MOST < value < _MOST:
            values[field] = int(value) if types is _INTEGER_TYPES else value
        else:
            other[key] = value
    return values, other


_Types = tuple[type[Any], ...]
_TEXT_TYPES: _Types = (str,)
_FLAG_TYPES: _Types = (bool,)
_NUMBER_TYPES: _Types = (float, int)
_INTEGER_TYPES: _Types = (int, float)
_LIST_TYPES: _Types = (list,)


def _keys_of(kind: type[Any]) -> Mapping[str, tuple[str, _Types]]:
    """The keys of a kind of object, each with its field and the types its value may have."""
    tables = (
        (TEXTS, _TEXT_TYPES),
        (FLAGS, _FLAG_TYPES),
        (NUMBERS, _NUMBER_TYPES),
        (INTEGERS, _INTEGER_TYPES),
        (LISTS, _LIST_TYPES),
    )
    return {
        key: (field, types)
        for table, types in tables
        for key, field in table.items()
        if field in kind.__struct_fields__
    }


_KEYS: Mapping[type[Any], Mapping[str, tuple[str, _Types]]] = {
    kind: _keys_of(kind) for kind in (Plan, PlanNode, PlanWorker, PlanTrigger, Planning, Serialization, TargetTable)
}


def _objects(found: object) -> list[dict[str, Any]]:
    return [each for each in found if isinstance(each, dict)] if isinstance(found, list) else []


def _section(found: object) -> Serialization | None:
    return Serialization(**_values(found, Serialization)[0]) if isinstance(found, dict) else None


def _groups(found: object) -> SortGroups | None:
    if not isinstance(found, dict):
        return None
    methods = found.get("Sort Methods Used")
    return SortGroups(
        groups=_whole(found.get("Group Count")),
        methods=tuple(each for each in methods if isinstance(each, str)) if isinstance(methods, list) else (),
        peak_memory_kb=_whole(_part(found, "Sort Space Memory").get("Peak Sort Space Used")),
        peak_disk_kb=_whole(_part(found, "Sort Space Disk").get("Peak Sort Space Used")),
    )


def _jit(found: object) -> Jit | None:
    if not isinstance(found, dict):
        return None
    timing = _part(found, "Timing")
    generation = timing.get("Generation")
    # From 17 on an object: what deforming took of it, and all of it.
    parts = generation if isinstance(generation, dict) else {"Total": generation}
    return Jit(
        functions=_whole(found.get("Functions")),
        options={name: value for name, value in _part(found, "Options").items() if isinstance(value, bool)},
        generation_ms=_number(parts.get("Total")),
        deform_ms=_number(parts.get("Deform")),
        inlining_ms=_number(timing.get("Inlining")),
        optimization_ms=_number(timing.get("Optimization")),
        emission_ms=_number(timing.get("Emission")),
        total_ms=_number(timing.get("Total")),
    )


def _part(found: dict[str, Any], key: str) -> dict[str, Any]:
    part = found.get(key)
    return part if isinstance(part, dict) else {}


def _number(value: object) -> float | None:
    fits = isinstance(value, int | float) and not isinstance(value, bool) and -_MOST < value < _MOST
    return float(value) if fits and isinstance(value, int | float) else None


def _whole(value: object) -> int | None:
    number = _number(value)
    return None if number is None else int(number)
