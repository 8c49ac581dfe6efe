"""EXPLAIN's text and JSON say the same, all keys are typed, own figures add up: on every supported server."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from pgadvisor.model.plan_reading import read_plan
from pgadvisor.plans.text import parse_text_plan
from support.databases import Database
from support.plan_statements import SCHEMA, STATEMENTS, explained
from support.plan_sums import wrong_sums

# Text format leaves these out where they are zero, false or as always.
_ZEROS: tuple[Any, ...] = (0, False, [], "NoMovement")
_MEASURED = ("Time", "Memory", "Space", "Generation", "Inlining", "Optimization", "Emission", "Deform", "Total")
_BLOCKS = ("Shared ", "Local ", "WAL ")
# How processes shared the work differs from run to run, as do dead rows that an index finds.
_SHARED = ("Actual Rows", "Blocks", "Actual Loops", "Removed by Filter", "Space Used", "Space Type", "Sort Method",
           "Usage", "Batches", "Fetches", "Searches", "Hash Buckets", "Index Recheck", "Join Filter")  # fmt: skip


def flat(part: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Any]]:
    """Each value with its path; what the text format cannot tell is left out."""
    if isinstance(part, dict):
        for key, value in part.items():
            yield from flat(value, (*path, key))
    elif isinstance(part, list) and any(isinstance(each, dict) for each in part):
        for number, value in enumerate(part):
            yield from flat(value, (*path, str(number)))
    elif part not in _ZEROS:
        yield path, part


def told(plan: dict[str, Any], options: str) -> dict[tuple[str, ...], Any]:
    """What both formats tell. Without VERBOSE a function's name cannot be told from the alias of several functions."""
    found = {}
    values = dict(flat(plan))
    executed, verbose = "ANALYZE" in options, "VERBOSE" in options
    parallel = any(path[-1] == "Workers Planned" for path in values)
    for path, value in values.items():
        key = path[-1]
        if not verbose and (key in ("Inner Unique", "Trigger Name") or (key == "Function Name" and value == "several")):
            continue
        if path[0] == "Triggers" and key == "Relation":
            continue
        if executed and (path[0] in ("Planning", "JIT") or key.endswith(_MEASURED) or key.startswith(_BLOCKS)):
            continue
        is_bitmap = values.get((*path[:-1], "Node Type")) == "Bitmap Index Scan"
        if executed and (("Workers" in path) or ((parallel or is_bitmap) and key.endswith(_SHARED))):
            continue
        if executed and key in ("Startup Cost", "Total Cost", "Plan Rows", "Heap Fetches"):
            # What is written grows its table, though it is rolled back; costs are compared without executing.
            continue
        found[path] = "Outer" if key == "Parent Relationship" and value == "Member" else value
    return found


def untyped(plan: dict[str, Any]) -> dict[tuple[str, ...], Any]:
    """Keys that no field of the model takes."""
    read = read_plan(plan)
    nodes = list(read.root.walk())
    parts = [read.other, *(node.other for node in nodes), *(each.other for node in nodes for each in node.workers)]
    return {("untyped", key): (value, None) for part in parts for key, value in part.items()}


def test_plans_of_servers_are_read_whole_from_text_and_json_and_add_up(newest_database: Database) -> None:
    newest_database.execute(SCHEMA)
    major = newest_database.server.major
    modes = ["VERBOSE, SETTINGS", "COSTS OFF", "ANALYZE, VERBOSE, BUFFERS, WAL"]
    if major >= 17:
        modes[2] += ", SERIALIZE, MEMORY"
    differing = []
    with newest_database.connect() as connection:
        for planned in STATEMENTS:
            for options in modes if planned.since <= major else ():
                text = explained(connection, planned, options)
                expected = parse_text_plan(explained(connection, planned, options + ", FORMAT JSON"))
                got, want = told(parse_text_plan(text), options), told(expected, options)
                wrong = {key: (got.get(key), want.get(key)) for key in got | want if got.get(key) != want.get(key)}
                wrong |= untyped(expected)
                if "ANALYZE" in options and (sums := wrong_sums(read_plan(expected))):
                    wrong[("sums",)] = (sums, None)
                if wrong:
                    differing.append(f"{options}\n{text}\n{wrong}")
    assert not differing, "\n\n".join(differing)
