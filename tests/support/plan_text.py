"""Plans as indented text, one node a line, turned into what EXPLAIN (FORMAT JSON) returns.

    Limit cost=12.5 rows=10
      Seq Scan on public.orders o cost=1000 rows=50 actual=2 removed=99998 ms=8.5 filter: (customer_id = $1)
      [InitPlan 1] Seq Scan on public."Order" cost=10 rows=1

Numbers: startup, cost (total), rows, width, actual (rows), loops, ms (actual total), removed (by filter),
workers (planned).
Texts come last, each as `name: text`, several parted by ` ; `: filter, index cond, recheck, hash cond, join filter,
sort.
"""

from __future__ import annotations

import re
from typing import Any

from support.notation import split_name

NUMBERS = {
    "startup": "Startup Cost",
    "cost": "Total Cost",
    "rows": "Plan Rows",
    "width": "Plan Width",
    "actual": "Actual Rows",
    "loops": "Actual Loops",
    "ms": "Actual Total Time",
    "removed": "Rows Removed by Filter",
    "workers": "Workers Planned",
}
TEXTS = {
    "filter": "Filter",
    "index cond": "Index Cond",
    "recheck": "Recheck Cond",
    "hash cond": "Hash Cond",
    "join filter": "Join Filter",
    "sort": "Sort Key",
}
LINE = re.compile(
    r"""^(?P<indent>\ *)
        (?:\[(?P<subplan>[^\]]+)\]\ )?
        (?P<node>[A-Z][A-Za-z ]*?)
        (?:\ using\ (?P<index>\S+))?
        (?:\ on\ (?P<relation>(?:"(?:[^"]|"")*"|[^\s".]+)(?:\.(?:"(?:[^"]|"")*"|[^\s".]+))?)
           (?:\ (?P<alias>"(?:[^"]|"")*"|[a-z_][\w]*)(?=\ |$))?)?
        (?P<numbers>(?:\ [a-z]+=[-\d.e+]+)*)
        (?:\ (?P<texts>[a-z ]+:\ .*))?$""",
    re.VERBOSE,
)


def explain(tree: str) -> dict[str, Any]:
    """EXPLAIN's JSON object for a plan in the notation above. Raises ValueError for a line that is not in it."""
    stack: list[tuple[int, dict[str, Any]]] = []
    root: dict[str, Any] | None = None
    for line in tree.splitlines():
        if not line.strip():
            continue
        indent, node = _node(line)
        while stack and stack[-1][0] >= indent:
            stack.pop()
        if stack:
            siblings = stack[-1][1].setdefault("Plans", [])
            # An InitPlan stands before what rows come from.
            outer = not any(each["Parent Relationship"] == "Outer" for each in siblings)
            node.setdefault("Parent Relationship", "Outer" if outer else "Inner")
            siblings.append(node)
        elif root is None:
            root = node
        else:
            raise ValueError(f"a plan has one root: {line!r}")
        stack.append((indent, node))
    if root is None:
        raise ValueError("a plan has at least one node")
    return {"Plan": root}


def _node(line: str) -> tuple[int, dict[str, Any]]:
    match = LINE.match(line)
    if match is None:
        raise ValueError(f"not a plan node: {line!r}")
    node: dict[str, Any] = {"Node Type": match["node"].removeprefix("Parallel ")}
    if match["node"].startswith("Parallel "):
        node["Parallel Aware"] = True
    if match["subplan"]:
        node["Subplan Name"] = match["subplan"]
        node["Parent Relationship"] = match["subplan"].split()[0]
    if match["index"]:
        node["Index Name"] = match["index"]
    if match["relation"]:
        node["Schema"], node["Relation Name"] = split_name(match["relation"])
        node["Alias"] = (match["alias"] or node["Relation Name"]).strip('"')
    for number in match["numbers"].split():
        name, _, value = number.partition("=")
        if name not in NUMBERS:
            raise ValueError(f"{name!r} in {line!r} is none of {', '.join(NUMBERS)}")
        node[NUMBERS[name]] = int(value) if name == "workers" else float(value)
    if "Actual Rows" in node:
        node.setdefault("Actual Loops", 1.0)
    for text in (match["texts"] or "").split(" ; ") if match["texts"] else ():
        name, _, value = text.partition(": ")
        if name.strip() not in TEXTS:
            raise ValueError(f"{name!r} in {line!r} is none of {', '.join(TEXTS)}")
        key = TEXTS[name.strip()]
        node[key] = value.split(", ") if key == "Sort Key" else value
    return len(match["indent"]), node
