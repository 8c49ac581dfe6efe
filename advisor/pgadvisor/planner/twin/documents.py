"""What a search asks of a plan, read from EXPLAIN's JSON as it comes, which takes less time than to decode it."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

import msgspec

# What a string of the statement's cannot look like: quotes in it are escaped. The first is the top node's.
_TOTAL_COST = re.compile(rb'"Total Cost": ([0-9.eE+-]+|Infinity|NaN)')
_ROWS = re.compile(rb'"Plan Rows": ([0-9]+)')
# What planner/caution.py has to look at: nothing else is worth the decoding.
_RISKY = re.compile(rb'"Node Type": "(?:Index Scan|Index Only Scan|Bitmap Heap Scan|Hash Join|Aggregate|Limit)"')
_INDEX_NAME = re.compile(rb'"Index Name": ("(?:[^"\\]|\\.)*")')


def total_cost(document: bytes) -> float | None:
    """The cost of the whole plan; None where the document is of none."""
    match = _TOTAL_COST.search(document)
    return float(match[1]) if match else None


def expected_rows(document: bytes) -> float:
    """The rows that the planner expects of the whole plan, at least one."""
    match = _ROWS.search(document)
    return max(float(match[1]), 1.0) if match else 1.0


def index_names(document: bytes) -> frozenset[str]:
    """Names of the indexes that the plan reads."""
    return frozenset(map(json.loads, _INDEX_NAME.findall(document)))


def risky_plan(document: bytes) -> Mapping[str, Any] | None:
    """The plan's top node, where the planner may hope for too much in it; None where it does not, or cannot be read."""
    if not _RISKY.search(document):
        return None
    try:
        plan: Mapping[str, Any] = msgspec.json.decode(document)[0]["Plan"]
    except (msgspec.DecodeError, RecursionError):
        # Some versions write JSON that is none (EXPLAIN of MERGE), and a plan can be of any depth.
        return None
    return plan
