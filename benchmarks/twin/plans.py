"""Plans of the source itself, and how far another planner's are the same."""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import psycopg

GENERIC_PLAN_SINCE = 160_000
_NODE = ("Node Type", "Join Type", "Strategy", "Partial Mode", "Relation Name", "Index Name", "Workers Planned")
NO_SETTINGS: Mapping[str, str] = {}
# What a plan is, without what it costs and what it names for itself.
# "Disabled" is new in 18.
_NOT_STRUCTURE = frozenset(("Startup Cost", "Total Cost", "Plan Rows", "Plan Width", "Output", "Disabled", "Plans"))


def source_plan(
    connection: psycopg.Connection, text: str, *, role: str = "", settings: Mapping[str, str] = NO_SETTINGS
) -> dict[str, Any]:
    """The plan that the source gives a text, its parameters unknown if it has any. Raises psycopg.Error."""
    options = "VERBOSE, FORMAT JSON"
    with connection.transaction(force_rollback=True):
        for name, value in {**({"role": role} if role else {}), **settings}.items():
            connection.execute("SELECT set_config(%s, %s, true)", (name, value))
        if "$1" not in text:
            row = connection.execute(f"EXPLAIN ({options}) {text}".encode()).fetchone()
        elif connection.info.server_version >= GENERIC_PLAN_SINCE:
            row = connection.execute(f"EXPLAIN (GENERIC_PLAN, {options}) {text}".encode()).fetchone()
        else:
            connection.execute("SET LOCAL plan_cache_mode = force_generic_plan")
            connection.execute(f"PREPARE benchmark AS {text}".encode())
            try:
                types = connection.execute(
                    "SELECT cardinality(parameter_types) FROM pg_prepared_statements WHERE name = 'benchmark'"
                ).fetchone()
                nulls = ", ".join(["NULL"] * types[0])
                command = f"EXPLAIN ({options}) EXECUTE benchmark ({nulls})"
                row = connection.execute(command).fetchone()
                if "'Subplans Removed': 0" not in str(row) and "Subplans Removed" in str(row):
                    # NULLs prune every partition, which no real value does.
                    connection.execute("SET LOCAL enable_partition_pruning = off")
                    connection.execute("DISCARD PLANS")
                    row = connection.execute(command).fetchone()
            finally:
                connection.execute("DEALLOCATE ALL")
    return row[0][0]


class Compared(NamedTuple):
    """One statement on both sides: error is |twin - source| / source of the total cost."""

    name: str
    same_plan: bool
    error: float
    source_cost: float
    cost: float
    difference: str = ""
    same_nodes: bool = True


def compare(name: str, source: dict[str, Any], other: dict[str, Any]) -> Compared:
    ours, theirs = source["Plan"], other["Plan"]
    cost = theirs["Total Cost"]
    error = abs(cost - ours["Total Cost"]) / max(ours["Total Cost"], 0.01)
    difference = first_difference(ours, theirs)
    same_nodes = nodes(ours) == nodes(theirs)
    return Compared(name, not difference, error, ours["Total Cost"], cost, difference, same_nodes)


def nodes(node: dict[str, Any]) -> tuple[Any, ...]:
    """Which nodes on which relations by which index, without conditions, which majors spell differently."""
    return tuple(node.get(key) for key in _NODE), tuple(nodes(child) for child in node.get("Plans", ()))


def first_difference(source: dict[str, Any], other: dict[str, Any]) -> str:
    """Where two plans part, in words; "" where they are the same."""
    for key in sorted((source.keys() | other.keys()) - _NOT_STRUCTURE):
        if source.get(key) != other.get(key):
            return f"{source['Node Type']}: {key} is {source.get(key)!r}, {other.get(key)!r} on the twin"
    children, others = source.get("Plans", ()), other.get("Plans", ())
    if len(children) != len(others):
        return f"{source['Node Type']}: {len(children)} nodes below it, {len(others)} on the twin"
    return next(filter(None, map(first_difference, children, others)), "")


def summary(compared: Sequence[Compared]) -> dict[str, Any]:
    errors = sorted(each.error for each in compared)
    return {
        "statements": len(compared),
        "same_plan": sum(each.same_plan for each in compared),
        "same_nodes": sum(each.same_nodes for each in compared),
        "equal_cost": sum(each.source_cost == each.cost for each in compared),
        "within_0.1_percent": sum(each.error <= 0.001 for each in compared),
        "within_1_percent": sum(each.error <= 0.01 for each in compared),
        "median_error": statistics.median(errors),
        "largest_error": errors[-1],
        "exceptions": [each._asdict() for each in compared if not each.same_plan or each.error > 0],
    }


def line(label: str, result: dict[str, Any]) -> str:
    return (
        f"{label:28} {result['statements']:5} statements  same plan {result['same_plan']:5}  same nodes "
        f"{result['same_nodes']:5}  equal cost "
        f"{result['equal_cost']:5}  within 0.1 % {result['within_0.1_percent']:5}  "
        f"largest error {result['largest_error']:.4%}"
    )
