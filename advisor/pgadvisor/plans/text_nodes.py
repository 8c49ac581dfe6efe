"""The first line of a node in EXPLAIN's text format, as the keys that FORMAT JSON gives it.

The wording is that of ExplainNode in https://github.com/postgres/postgres/blob/master/src/backend/commands/explain.c.
"""

from __future__ import annotations

import re
from typing import Any

_NUMBER = r"(-?[\d.]+(?:e[+-]?\d+)?|-?inf(?:inity)?|nan)"
_COST = re.compile(
    rf"\(cost={_NUMBER}\.\.{_NUMBER} rows={_NUMBER} width=(\d+)\)(?P<actual> .*)?", re.IGNORECASE | re.DOTALL
)
_ACTUAL = re.compile(rf"\(actual (?:time={_NUMBER}\.\.{_NUMBER} )?rows={_NUMBER} loops={_NUMBER}\)", re.IGNORECASE)
_NEVER = "(never executed)"
_IDENTIFIER = r'(?:"(?:[^"]|"")*+"|[^\s".]++)'
_TARGET = re.compile(rf" on ({_IDENTIFIER})(?:\.({_IDENTIFIER}))?(?: ({_IDENTIFIER}))?")
_INDEX = re.compile(rf" using ({_IDENTIFIER})")
_JOIN = re.compile(r"(Nested Loop|Hash|Merge)(?: ([A-Z][A-Za-z ]*))? Join")
_AGGREGATE = re.compile(r"(?:(Partial|Finalize) )?(Aggregate|GroupAggregate|HashAggregate|MixedAggregate)")
_STRATEGY = {"Aggregate": "Plain", "GroupAggregate": "Sorted", "HashAggregate": "Hashed", "MixedAggregate": "Mixed"}
_CUSTOM = re.compile(r"Custom Scan \(([^()]*)\)")
_FOREIGN = re.compile(r"Foreign (Scan|Insert|Update|Delete)")
_CHANGES = re.compile(r"(Insert|Update|Delete|Merge)(?= on )")
_NAMED = re.compile(r"([A-Z][A-Za-z]*(?: [A-Z][A-Za-z]*)*)")
# Which key names what a scan reads, where that is no relation; None: it has an alias alone.
_READS = {
    "Function Scan": "Function Name",
    "Table Function Scan": "Table Function Name",
    "CTE Scan": "CTE Name",
    "WorkTable Scan": "CTE Name",
    "Named Tuplestore Scan": "Tuplestore Name",
    "Subquery Scan": None,
    "Values Scan": None,
}


def read_number(text: str) -> float | int:
    """An integer where it is one; ValueError where it is no number."""
    try:
        return int(text)
    except ValueError:
        return float(text)


def has_cost(line: str) -> bool:
    """Whether a line looks like a node's."""
    return "  (cost=" in line or " (actual " in line or line.endswith(_NEVER)


def node_of(line: str) -> dict[str, Any]:
    """The keys of a node's first line, its indent and arrow taken off; ValueError where it is none."""
    head, figures = _split(line)
    node: dict[str, Any] = {}
    node["Parallel Aware"] = head.startswith("Parallel ")
    head = head.removeprefix("Parallel ")
    node["Async Capable"] = head.startswith("Async ")
    head = head.removeprefix("Async ")
    named = _named(head)
    if named is None:
        raise ValueError(f"{line[:80]!r} is no node of a plan")
    return named | node | figures


def target_of(text: str, node_type: str = "") -> dict[str, Any] | None:
    """The keys that name what a node reads or writes, from " on schema.relation alias"; None where it is none."""
    match = _TARGET.fullmatch(text)
    if match is None:
        return None
    first, second, alias = (None if part is None else _unquoted(part) for part in match.groups())
    name, schema = (first, None) if second is None else (second, first)
    key = _READS.get(node_type, "Relation Name")
    found: dict[str, Any] = {}
    if key is not None:
        found[key] = name
    if schema is not None:
        found["Schema"] = schema
    found["Alias"] = alias if alias is not None else name
    return found


def _split(line: str) -> tuple[str, dict[str, Any]]:
    """What the node is, and its figures."""
    cost = line.rfind("  (cost=")
    if cost >= 0 and (match := _COST.fullmatch(line, cost + 2)) is not None:
        startup, total, rows, width = match.groups()[:4]
        figures: dict[str, Any] = {
            "Startup Cost": float(startup),
            "Total Cost": float(total),
            "Plan Rows": read_number(rows),
            "Plan Width": int(width),
        }
        return line[:cost], figures | _actual((match["actual"] or "").strip())
    if line.endswith(" " + _NEVER):
        return line.removesuffix(_NEVER).rstrip(), _actual(_NEVER)
    actual = line.rfind(" (actual ")
    if actual >= 0 and _ACTUAL.fullmatch(line, actual + 1):
        return line[:actual].rstrip(), _actual(line[actual + 1 :])
    return line, {}


def _actual(text: str) -> dict[str, Any]:
    if not text:
        return {}
    if text == _NEVER:
        return {"Actual Startup Time": 0.0, "Actual Total Time": 0.0, "Actual Rows": 0, "Actual Loops": 0}
    return actual_of(text.removeprefix("(actual ").removesuffix(")"))


def actual_of(text: str) -> dict[str, Any]:
    """The keys of "time=0.010..0.020 rows=1 loops=1"; ValueError where it is none."""
    match = _ACTUAL.fullmatch(f"(actual {text})")
    if match is None:
        raise ValueError(f"{text[:80]!r} does not say how a node was executed")
    startup, total, rows, loops = match.groups()
    times = {} if startup is None else {"Actual Startup Time": float(startup), "Actual Total Time": float(total)}
    return times | {"Actual Rows": read_number(rows), "Actual Loops": read_number(loops)}


def _named(head: str) -> dict[str, Any] | None:
    """The keys that a node's name stands for."""
    if match := _JOIN.fullmatch(head):
        kind = match[1] if match[1] == "Nested Loop" else f"{match[1]} Join"
        return {"Node Type": kind, "Join Type": match[2] or "Inner"}
    if head == "Nested Loop":
        return {"Node Type": head, "Join Type": "Inner"}
    if match := _AGGREGATE.fullmatch(head):
        return {"Node Type": "Aggregate", "Strategy": _STRATEGY[match[2]], "Partial Mode": match[1] or "Simple"}
    for prefix, strategy in (("HashSetOp ", "Hashed"), ("SetOp ", "Sorted")):
        if head.startswith(prefix):
            return {"Node Type": "SetOp", "Strategy": strategy, "Command": head.removeprefix(prefix)}
    if match := _CHANGES.match(head):
        return _with_target({"Node Type": "ModifyTable", "Operation": match[1]}, head[match.end() :])
    if match := _CUSTOM.match(head):
        return _with_target({"Node Type": "Custom Scan", "Custom Plan Provider": match[1]}, head[match.end() :])
    if match := _FOREIGN.match(head):
        operation = "Select" if match[1] == "Scan" else match[1]
        return _with_target({"Node Type": "Foreign Scan", "Operation": operation}, head[match.end() :])
    if match := _NAMED.match(head):
        return _scan(match[1], head[match.end() :])
    return None


def _scan(name: str, rest: str) -> dict[str, Any] | None:
    node: dict[str, Any] = {"Node Type": name}
    if name == "Recursive Union" and not rest:
        return node
    if name in ("Index Scan", "Index Only Scan", "Index Scan Backward", "Index Only Scan Backward"):
        node["Node Type"] = name.removesuffix(" Backward")
        node["Scan Direction"] = "Backward" if name.endswith(" Backward") else "Forward"
    if match := _INDEX.match(rest):
        node["Index Name"] = _unquoted(match[1])
        rest = rest[match.end() :]
    if name == "Bitmap Index Scan" and (target := target_of(rest)) is not None:
        return node | {"Index Name": target["Alias"]}
    return _with_target(node, rest)


def _with_target(node: dict[str, Any], rest: str) -> dict[str, Any] | None:
    if not rest:
        return node
    target = target_of(rest, node["Node Type"])
    return None if target is None else node | target


def _unquoted(identifier: str) -> str:
    return identifier[1:-1].replace('""', '"') if identifier.startswith('"') else identifier
