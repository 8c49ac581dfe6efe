"""Every key of EXPLAIN's JSON has a field, or is kept as it is."""

from __future__ import annotations

from typing import Any

import pytest

from pgadvisor.model.plan_nodes import PlanNode, Resources, SortGroups
from pgadvisor.model.plan_reading import FLAGS, INTEGERS, LISTS, NUMBERS, TEXTS, parse_plan, read_plan
from support.plan_files import plan_file, plan_files

# Objects within a plan, which have structs of their own.
_OBJECTS = {
    "Plan", "Plans", "Workers", "Triggers", "Settings", "Planning", "JIT", "Query Identifier", "Grouping Sets",
    "Full-sort Groups", "Pre-sorted Groups", "Target Tables", "Serialization",
}  # fmt: skip


def keys(part: object) -> set[str]:
    """The keys of nodes, workers and the plan itself."""
    if isinstance(part, list):
        return {key for each in part for key in keys(each)}
    if not isinstance(part, dict):
        return set()
    below = ("Plan", "Plans", "Workers", "Triggers", "Planning")
    return set(part) | {key for name in below for key in keys(part.get(name))}


def test_all_keys_of_197_plans_are_typed() -> None:
    seen = {key for plan in plan_files() for key in keys(plan) if not key.startswith("_")}
    typed = {*TEXTS, *FLAGS, *NUMBERS, *INTEGERS, *LISTS, *_OBJECTS}
    assert len(seen) > 90
    assert seen <= typed
    for plan in plan_files():
        read = read_plan(plan)
        assert {*read.other} == {"_sql", "_set", "_from", "_file"}
        assert not any(node.other or any(worker.other for worker in node.workers) for node in read.root.walk())


def test_what_a_plan_says_of_itself_is_read() -> None:
    plan = next(plan for plan in plan_files() if "JIT" in plan and plan["Triggers"] == [] and "Workers" in str(plan))
    read = read_plan(plan)
    assert read.jit is not None
    assert read.jit.total_ms == plan["JIT"]["Timing"]["Total"]
    assert read.jit.generation_ms == plan["JIT"]["Timing"]["Generation"]
    assert read.settings == plan["Settings"]
    assert read.query_id == str(plan["Query Identifier"])
    assert (read.planning_ms, read.execution_ms) == (plan["Planning Time"], plan["Execution Time"])
    assert read.planning.shared_hit_blocks == plan["Planning"]["Shared Hit Blocks"]
    sort = read_plan(plan_file("003")).root.children[0]
    assert [worker.sort_space_kb for worker in sort.workers] == [25, 25, 25]
    assert read_plan(plan_file("003")).root.workers_launched == 3


def test_newer_and_older_names_and_foreign_keys() -> None:
    node: dict[str, Any] = {
        "Node Type": "Custom Scan",
        "Custom Plan Provider": "Columnar",
        "Columnar Chunk Groups": {"read": 3},
        "Actual Rows": 0.33,
        "Disabled": True,
        "Index Searches": 4,
        "I/O Read Time": 1.5,
        "Full-sort Groups": {
            "Group Count": 2,
            "Sort Methods Used": ["quicksort"],
            "Sort Space Memory": {"Average Sort Space Used": 25, "Peak Sort Space Used": 26},
        },
    }
    newer = {**node, "Shared I/O Read Time": 2.5}
    del newer["I/O Read Time"]
    jit = {"Timing": {"Generation": {"Deform": 0.1, "Total": 0.4}, "Total": 3}}
    read = read_plan({"Plan": newer, "JIT": jit, "Serialization": {"Time": 0.5, "Output Volume": 12, "Format": "text"}})
    assert parse_plan({"Plan": node}).shared_io_read_ms == 1.5
    assert (read.root.shared_io_read_ms, read.root.actual_rows, read.root.disabled) == (2.5, 0.33, True)
    assert read.root.other == {"Columnar Chunk Groups": {"read": 3}}
    assert read.root.full_sort_groups == SortGroups(groups=2, methods=("quicksort",), peak_memory_kb=26)
    assert read.jit is not None
    assert (read.jit.deform_ms, read.jit.generation_ms, read.jit.total_ms) == (0.1, 0.4, 3)
    assert read.serialization is not None
    assert (read.serialization.time_ms, read.serialization.output_kb) == (0.5, 12)


@pytest.mark.parametrize("value", [None, "dear", True, [1], {"a": 1}, float("nan"), 10**400])
def test_a_value_of_another_type_is_kept_and_not_read(value: object) -> None:
    node = {"Node Type": "Seq Scan", "Total Cost": value, "Heap Fetches": value, "Sort Key": value, "Parallel Aware": 3}
    read = parse_plan({"Plan": node})
    assert (read.total_cost, read.heap_fetches, read.sort_keys, read.parallel_aware) == (0.0, None, (), False)
    assert set(read.other) == {"Total Cost", "Heap Fetches", "Sort Key", "Parallel Aware"}


def test_every_field_is_filled_by_a_key() -> None:
    filled = {*TEXTS.values(), *FLAGS.values(), *NUMBERS.values(), *INTEGERS.values(), *LISTS.values()}
    own = {"children", "workers", "other", "grouping_sets", "target_tables", "full_sort_groups", "presorted_groups"}
    assert set(PlanNode.__struct_fields__) - filled == own
    assert set(Resources.__struct_fields__) <= filled
