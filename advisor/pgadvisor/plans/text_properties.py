"""Lines below a node of EXPLAIN's text format, as the keys that FORMAT JSON gives them.

The wording is that of https://github.com/postgres/postgres/blob/master/src/backend/commands/explain.c, 13 to 18.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from pgadvisor.plans.text_nodes import read_number

_AMOUNT = re.compile(r"(-?\d+(?:\.\d+)?)(?: ?(?:kB|b|bytes|ms))?")
_KEY_VALUE = re.compile(r"([a-z](?:[a-z ]*[a-z])?)=([\d.]+)")
_TOKENS = re.compile(r"'[^']*+'?|\"[^\"]*+\"?|[\[({]|[\])}]|, |.", re.DOTALL)
_ORIGINALLY = re.compile(r"(\d+)(?: \(originally (\d+)\))?")
_SETTING = re.compile(r"(?:^|(?<=', ))([\w.]+) = '")
_LISTS = frozenset(("Output", "Sort Key", "Presorted Key", "Group Key", "Params Evaluated"))
# Names without quotes, joined by commas.
_NAMES = frozenset(("Conflict Arbiter Indexes",))
_FLAGS = frozenset(("Inner Unique", "Single Copy", "Disabled"))
# The first words of lines that hold several figures, parted by two spaces.
_SEVERAL = frozenset(("Sort Method", "Buckets", "Batches", "Planned Partitions", "Hits", "Storage", "Memory Usage"))
_GROUPS = {
    "Full-sort Groups": "Full-sort Groups",
    "Pre-sorted Groups": "Pre-sorted Groups",
    "Presorted Groups": "Pre-sorted Groups",
}
_PLAIN_FIGURES = {
    "Hits": "Cache Hits",
    "Misses": "Cache Misses",
    "Evictions": "Cache Evictions",
    "Overflows": "Cache Overflows",
    "Memory Usage": "Peak Memory Usage",
}
_CHANGED = {"inserted": "Tuples Inserted", "updated": "Tuples Updated", "deleted": "Tuples Deleted",
            "skipped": "Tuples Skipped"}  # fmt: skip
_WAL = {"records": "WAL Records", "fpi": "WAL FPI", "bytes": "WAL Bytes", "buffers full": "WAL Buffers Full"}
# Values that are no SQL, in which a quote closes nothing.
NO_SQL = frozenset(("Conflict Arbiter Indexes", "Foreign File", "Foreign Program"))


def put(node: dict[str, Any], label: str, value: str) -> None:
    """Puts what "Label: value" says into a node, a worker or a section, by the keys of FORMAT JSON."""
    if label in _LISTS:
        node[label] = top_level(value)
    elif label in _NAMES:
        node[label] = value.split(", ")
    elif label in _FLAGS:
        node[label] = value == "true"
    elif label in _GROUPS:
        node[_GROUPS[label]] = _incremental(value)
    elif label in _SEVERAL:
        _put_several(node, f"{label}: {value}")
    elif label in _SPECIAL:
        _SPECIAL[label](node, value)
    else:
        node[label] = amount(value)


def amount(value: str) -> str | float | int:
    """A number, its unit left out; else the text itself."""
    match = _AMOUNT.fullmatch(value)
    return value if match is None else read_number(match[1])


def top_level(text: str) -> list[str]:
    """The parts of a list, parted by ", " outside of quotes and brackets."""
    parts: list[str] = []
    part: list[str] = []
    depth = 0
    for match in _TOKENS.finditer(text):
        piece = match[0]
        if piece == ", " and depth <= 0:
            parts.append("".join(part))
            part = []
            continue
        depth += (piece in "([{") - (piece in ")]}")
        part.append(piece)
    return [*parts, "".join(part)]


def is_open(text: str) -> bool:
    """Whether a string or a quoted name is not closed at the end, so that the next line belongs to it."""
    quote = ""
    for match in _QUOTES.finditer(text):
        token = match[0]
        quote = token if not quote else "" if token == quote else quote
    return bool(quote)


_QUOTES = re.compile(r"['\"]")


def _put_buffers(node: dict[str, Any], value: str) -> None:
    for part in value.split(", "):
        kind, _, figures = part.partition(" ")
        for name, blocks in _KEY_VALUE.findall(figures):
            node[f"{kind.title()} {name.title()} Blocks"] = read_number(blocks)


def _put_io(node: dict[str, Any], value: str) -> None:
    """Up to 14 shared and local blocks are counted together, 15 and 16 say so, 17 and later tell them apart."""
    for part in value.split(", "):
        words = part.split(" ")
        kind = {"shared": "Shared ", "local": "Local ", "temp": "Temp "}.get(words[0], "")
        for name, ms in _KEY_VALUE.findall(part):
            node[f"{kind}I/O {name.rpartition(' ')[2].title()} Time"] = float(ms)


def _put_wal(node: dict[str, Any], value: str) -> None:
    _put_figures(node, value, _WAL)


def _put_heap_blocks(node: dict[str, Any], value: str) -> None:
    _put_figures(node, value, {"exact": "Exact Heap Blocks", "lossy": "Lossy Heap Blocks"})


def _put_changed(node: dict[str, Any], value: str) -> None:
    _put_figures(node, value, _CHANGED)


def _put_memory(node: dict[str, Any], value: str) -> None:
    _put_figures(node, value.replace("kB", ""), {"used": "Memory Used", "allocated": "Memory Allocated"})


def _put_figures(node: dict[str, Any], value: str, names: dict[str, str]) -> None:
    for name, figure in _KEY_VALUE.findall(value):
        node[names.get(name, name)] = read_number(figure)


def _put_sampling(node: dict[str, Any], value: str) -> None:
    method, _, rest = value.partition(" (")
    parameters, repeatable, seed = rest.removesuffix(")").partition(") REPEATABLE (")
    node["Sampling Method"] = method
    node["Sampling Parameters"] = top_level(parameters)
    if repeatable:
        node["Repeatable Seed"] = seed


def _put_settings(node: dict[str, Any], value: str) -> None:
    """The server puts values between quotes and does not double those in them."""
    starts = list(_SETTING.finditer(value))
    ends = [start.start() - 2 for start in starts[1:]] + [len(value)]
    node["Settings"] = {
        start[1]: value[start.end() : end].removesuffix("'") for start, end in zip(starts, ends, strict=True)
    }


def _put_several(node: dict[str, Any], line: str) -> None:
    """ "Buckets: 1024  Batches: 1  Memory Usage: 9kB": what some labels stand for depends on the node."""
    is_aggregate = "HashAgg Batches" in node or node.get("Node Type") not in ("Hash", None)
    for label, value in _pairs(line):
        if label in ("Buckets", "Batches") and (label == "Buckets" or not (is_aggregate or "Hash Buckets" not in node)):
            match = _ORIGINALLY.fullmatch(value)
            if match is not None:
                node[f"Hash {label}"] = int(match[1])
                node[f"Original Hash {label}"] = int(match[2] or match[1])
        elif label == "Batches":
            node["HashAgg Batches"] = amount(value)
        elif label in ("Memory", "Disk"):
            node["Sort Space Used"] = amount(value)
            node["Sort Space Type"] = label
        else:
            node[_PLAIN_FIGURES.get(label, label)] = amount(value)


def _incremental(value: str) -> dict[str, Any]:
    """ "2  Sort Method: quicksort  Average Memory: 26kB  Peak Memory: 26kB"."""
    count, _, rest = value.partition("  ")
    group: dict[str, Any] = {"Group Count": amount(count), "Sort Methods Used": []}
    for label, text in _pairs(rest):
        if label in ("Sort Method", "Sort Methods"):
            group["Sort Methods Used"] = text.split(", ")
            continue
        which, _, where = label.partition(" ")
        space = group.setdefault(f"Sort Space {where}", {})
        space[f"{which} Sort Space Used"] = amount(text)
    return group


def _pairs(line: str) -> list[tuple[str, str]]:
    parts = (part.partition(": ") for part in line.split("  ") if ": " in part)
    return [(label.strip(), value) for label, _, value in parts]


def trigger_of(line: str) -> dict[str, Any]:
    """The keys of "Trigger name for constraint c on t: time=0.1 calls=3", its first word taken off."""
    head, _, figures = line.rpartition(": ")
    found: dict[str, Any] = {}
    head, on, relation = head.rpartition(" on ")
    if not on:
        head, relation = relation, ""
    name, constraint_of, constraint = head.partition("for constraint ")
    if name.strip():
        found["Trigger Name"] = name.rstrip()
    if constraint_of:
        found["Constraint Name"] = constraint
    if relation:
        found["Relation"] = relation
    for key, value in _KEY_VALUE.findall(figures):
        found[key.title()] = float(value) if key == "time" else read_number(value)
    return found


def jit_part(jit: dict[str, Any], label: str, value: str) -> None:
    """Puts a line below "JIT:" into the object that FORMAT JSON gives."""
    if label == "Options":
        pairs = (part.rpartition(" ") for part in value.split(", "))
        jit[label] = {name: flag == "true" for name, _, flag in pairs}
    elif label == "Timing":
        jit[label] = _jit_timing(value)
    else:
        jit[label] = amount(value)


def _jit_timing(value: str) -> dict[str, Any]:
    """ "Generation 1.2 ms (Deform 0.3 ms), Inlining 0.0 ms, ...": 17 and later say what deforming took of it."""
    timing: dict[str, Any] = {}
    for part, deform in re.findall(r"([A-Z][a-z]+ [\d.]+ ms)(?: \(Deform ([\d.]+) ms\))?", value):
        name, ms, _ = part.split(" ")
        timing[name] = {"Deform": float(deform), "Total": float(ms)} if deform else float(ms)
    return timing


_SPECIAL: dict[str, Callable[[dict[str, Any], str], None]] = {
    "Buffers": _put_buffers,
    "I/O Timings": _put_io,
    "WAL": _put_wal,
    "Heap Blocks": _put_heap_blocks,
    "Tuples": _put_changed,
    "Memory": _put_memory,
    "Sampling": _put_sampling,
    "Settings": _put_settings,
}
