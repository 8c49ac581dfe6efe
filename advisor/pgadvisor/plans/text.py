"""EXPLAIN's text format to the object that FORMAT JSON gives: for logs of auto_explain and for what people paste."""

from __future__ import annotations

import json
import re
from typing import Any

from pgadvisor.model.plan_nodes import MAX_PLAN_DEPTH
from pgadvisor.plans.text_frames import unframed
from pgadvisor.plans.text_nodes import actual_of, has_cost, node_of, target_of
from pgadvisor.plans.text_properties import NO_SQL, amount, is_open, jit_part, put, top_level, trigger_of

_ARROW = "->  "
_PROPERTY = re.compile(r"([A-Z][A-Za-z/\- ]*?):(?: +(.*))?", re.DOTALL)
_WORKER = re.compile(r"Worker (\d+):  (.*)", re.DOTALL)
_SUBPLAN = re.compile(r"(InitPlan|SubPlan|CTE) ")
_COUNTS_IN_LIST = re.compile(r'\}\s*,((?:\s*"Tuples [A-Z][a-z]+": \d+,?)+)\s*\]')
_LISTED = frozenset(("Append", "Merge Append", "BitmapAnd", "BitmapOr"))
_BLOCKS = tuple(
    f"{kind} {name} Blocks"
    for kind, names in (
        ("Shared", ("Hit", "Read", "Dirtied", "Written")),
        ("Local", ("Hit", "Read", "Dirtied", "Written")),
        ("Temp", ("Read", "Written")),
    )
    for name in names
)
# Text before the plan, as auto_explain gives it, and the key of FORMAT JSON.
_HEADERS = ("Query Text", "Query Parameters")
# Lines with names that are not quoted, in which a quote opens nothing.
_UNQUOTED = ("Trigger ", "CTE ")
_REMOVED = {"Filter": "Rows Removed by Filter", "Join Filter": "Rows Removed by Join Filter"}


def parse_text_plan(text: str) -> dict[str, Any]:
    """The plan that a text shows, as EXPLAIN (FORMAT JSON) would give it: {"Plan": {...}, "Planning Time": ...}.

    Text of 13 to 18 with any options, as servers give it, as psql frames it or as auto_explain logs it; FORMAT JSON's
    own text is taken too. Figures that the text format leaves out because they are zero are zero. Text does not tell
    the parent relationship of a plan that changes rows in 13 ("Member" there, "Outer" here). Linear in the length.
    Raises ValueError, with a sentence, where the text is no plan, holds several, or one too deep.
    """
    lines = unframed(text)
    if lines and lines[0].lstrip()[:1] in ("{", "["):
        return _from_json("\n".join(lines))
    reader = _Reader(lines)
    reader.read()
    return reader.plan


def _from_json(text: str) -> dict[str, Any]:
    try:
        # Of a MERGE into a partitioned table, 15 to 18 give JSON that is none: its counts stand within a list.
        found = json.loads(_COUNTS_IN_LIST.sub(r"}],\1", text))
    except (ValueError, RecursionError):
        raise ValueError("the text begins like JSON but is none that can be read") from None
    if isinstance(found, list) and len(found) == 1:
        found = found[0]
    if not isinstance(found, dict) or not isinstance(found.get("Plan"), dict):
        raise ValueError("the JSON holds no single plan")
    return found


class _Reader:
    """Reads the lines from the first to the last; open is the path from the root to the node that is being read."""

    def __init__(self, lines: list[str]) -> None:
        self.plan: dict[str, Any] = {}
        self._lines = lines
        self._at = 0
        self._joins_lines = True
        self._base = 0
        self._open: list[tuple[int, dict[str, Any]]] = []
        self._subplan: tuple[int, str] | None = None
        self._worker: dict[str, Any] | None = None
        self._section: dict[str, Any] | None = None
        self._jit: tuple[int, dict[str, Any]] | None = None
        self._nodes: list[dict[str, Any]] = []

    def read(self) -> None:
        self._read_header()
        while self._at < len(self._lines):
            line = self._take()
            if line.strip():
                self._read_line(line)
        _complete(self._nodes)

    def _read_header(self) -> None:
        """What auto_explain says first, and the root."""
        label = ""
        headed = [line.partition(":")[0] in _HEADERS for line in self._lines[:1]] == [True]
        while self._at < len(self._lines):
            line = self._lines[self._at]
            if not headed or (has_cost(line) and not line.lstrip().startswith(_ARROW)):
                break
            self._at += 1
            head, colon, rest = line.partition(":")
            if colon and head in _HEADERS and head not in self.plan:
                label, self.plan[head] = head, [rest.strip()]
            else:
                self.plan[label].append(line)
        for head in _HEADERS:
            if head in self.plan:
                self.plan[head] = "\n".join(self.plan[head])
        if self._at == len(self._lines):
            raise ValueError("the text holds no plan")
        line = self._take()
        self._base = _indent(line)
        if line.lstrip().startswith(_ARROW):
            raise ValueError("the text begins in the middle of a plan")
        self._open = [(self._base + 2, self._node(line.strip()))]
        self.plan["Plan"] = self._open[0][1]

    def _take(self) -> str:
        """The next line, with those that a string with line feeds in it goes on in."""
        line = self._lines[self._at]
        self._at += 1
        content = line.lstrip()
        if not self._joins_lines or not is_open(line):
            return line
        if content.startswith(_UNQUOTED) or content.partition(":")[0] in NO_SQL:
            return line
        parts, quoted = [line], line
        for end in range(self._at, len(self._lines)):
            parts.append(self._lines[end])
            quoted = _last_open(quoted) + "\n" + self._lines[end]
            if not is_open(quoted):
                self._at = end + 1
                return "\n".join(parts)
        # Nothing closes it: this must not be looked for again from each line.
        self._joins_lines = False
        return line

    def _read_line(self, line: str) -> None:
        indent, content = _indent(line), line.strip()
        if content.startswith(_ARROW) and self._section is None:
            self._read_child(indent, content.removeprefix(_ARROW).lstrip())
        elif indent <= self._base:
            self._read_plan_line(content)
        elif self._section is not None:
            self._read_section_line(indent, content)
        elif self._is_subplan_name(indent, content):
            self._subplan = (indent, content)
        else:
            self._read_property(indent, content)

    def _is_subplan_name(self, indent: int, content: str) -> bool:
        """Such a name alone is followed by a node two columns further in."""
        following = self._lines[self._at] if self._at < len(self._lines) else ""
        after = _indent(following)
        return following.lstrip().startswith(_ARROW) and after == indent + 2 and not content.startswith("Group Key:")

    def _read_child(self, indent: int, content: str) -> None:
        node = self._node(content)
        subplan = self._subplan
        self._subplan = self._worker = self._jit = None
        column = indent if subplan is None else subplan[0]
        while self._open and self._open[-1][0] > column:
            self._open.pop()
        if not self._open or self._open[-1][0] != column:
            raise ValueError(f"the indent of {content[:80]!r} fits no node above it")
        if len(self._open) >= MAX_PLAN_DEPTH:
            raise ValueError(f"the plan is more than {MAX_PLAN_DEPTH} nodes deep")
        parent = self._open[-1][1]
        children = parent.setdefault("Plans", [])
        if subplan is not None:
            match = _SUBPLAN.match(subplan[1])
            is_subplan = match is not None and match[1] == "SubPlan"
            node["Parent Relationship"] = "SubPlan" if is_subplan else "InitPlan"
            node["Subplan Name"] = subplan[1]
        else:
            node["Parent Relationship"] = _relationship(parent, children)
        children.append(node)
        self._open.append((indent + 6, node))

    def _node(self, content: str) -> dict[str, Any]:
        node = node_of(content)
        self._nodes.append(node)
        return node

    def _read_property(self, indent: int, content: str) -> None:
        while len(self._open) > 1 and self._open[-1][0] > indent:
            self._open.pop()
        column, node = self._open[-1]
        if worker := _WORKER.fullmatch(content):
            self._worker, self._jit = {"Worker Number": int(worker[1])}, None
            node.setdefault("Workers", []).append(self._worker)
            self._read_of_worker(indent, worker[2])
        elif self._worker is not None and indent > column:
            self._read_of_worker(indent, content)
        else:
            self._worker = None
            self._put(node, indent > column, content)

    def _read_of_worker(self, indent: int, content: str) -> None:
        worker = self._worker if self._worker is not None else {}
        if content.startswith("actual "):
            worker.update(actual_of(content.removeprefix("actual ").rstrip()))
        elif content == "JIT:":
            self._jit = (indent, worker.setdefault("JIT", {}))
        else:
            label, value = _label(content)
            if self._jit is not None and label in ("Functions", "Options", "Timing"):
                jit_part(self._jit[1], label, value)
            else:
                put(worker, label, value)

    def _put(self, node: dict[str, Any], nested: bool, content: str) -> None:
        target = None
        if node["Node Type"] == "ModifyTable":
            operation, on, rest = content.partition(" on ")
            if on and operation.removeprefix("Foreign ") in ("Insert", "Update", "Delete", "Merge"):
                target = target_of(f" on {rest}")
        if target is not None:
            node.setdefault("Target Tables", []).append(target)
            return
        label, value = _label(content)
        if node["Node Type"] == "ModifyTable" and nested and node.get("Target Tables"):
            put(node["Target Tables"][-1], label, value)
        elif label in ("Hash Key", "Group Key") or (label == "Sort Key" and node["Node Type"] == "Aggregate"):
            _put_grouping(node, label, value, nested)
        else:
            put(node, label, value)

    def _read_plan_line(self, content: str) -> None:
        """What follows the nodes: settings, planning, JIT, triggers, times."""
        if has_cost(content):
            raise ValueError("the text holds more than one plan")
        if content.startswith("Trigger "):
            self._section = {}
            self.plan.setdefault("Triggers", []).append(trigger_of(content.removeprefix("Trigger ")))
            return
        label, value = _label(content)
        if label in ("Planning", "JIT"):
            self._section = self.plan.setdefault(label, {})
        elif label == "Serialization":
            self._section = self.plan.setdefault(label, {})
            _put_serialization(self._section, value)
        else:
            self._section = {}
            put(self.plan, label, value)

    def _read_section_line(self, indent: int, content: str) -> None:
        section = self._section if self._section is not None else {}
        label, value = _label(content)
        if section is self.plan.get("JIT"):
            jit_part(section, label, value)
        else:
            put(section, label, value)


def _indent(line: str) -> int:
    return len(line) - len(line.lstrip(" "))


def _label(content: str) -> tuple[str, str]:
    match = _PROPERTY.fullmatch(content)
    if match is None:
        raise ValueError(f"{content[:80]!r} is no line of a plan")
    return match[1], (match[2] or "")


def _last_open(text: str) -> str:
    """The quote that is open at the end of a text."""
    quote = ""
    for character in text:
        if character in "'\"":
            quote = character if not quote else "" if character == quote else quote
    return quote


def _relationship(parent: dict[str, Any], children: list[dict[str, Any]]) -> str:
    kind = parent["Node Type"]
    if kind in _LISTED:
        return "Member"
    if kind == "Subquery Scan":
        return "Subquery"
    if kind == "ModifyTable":
        return "Outer"
    if kind == "Custom Scan":
        return "child"
    return "Inner" if any(child["Parent Relationship"] == "Outer" for child in children) else "Outer"


def _put_serialization(section: dict[str, Any], value: str) -> None:
    """ "time=0.1 ms  output=12kB  format=text"."""
    names = {"time": "Time", "output": "Output Volume", "format": "Format"}
    for part in value.split("  "):
        name, _, figure = part.partition("=")
        section[names.get(name, name)] = amount(figure)


def _put_grouping(node: dict[str, Any], label: str, value: str, nested: bool) -> None:
    """Several keys, or none at all, make grouping sets. A hashed key is a set of its own; sorted ones share a sort."""
    keys = [] if value == "()" else top_level(value)
    sets: list[dict[str, Any]] = node.get("Grouping Sets", [])
    if label == "Sort Key":
        sets.append({"Sort Key": keys, "Group Keys": []})
    elif label == "Hash Key":
        sets.append({"Hash Keys": [keys]})
    elif sets and (nested or ("Group Keys" in sets[-1] and "Sort Key" not in sets[-1])):
        sets[-1].setdefault("Group Keys", []).append(keys)
    elif sets or "Group Key" in node or value == "()":
        first = node.pop("Group Key", None)
        sets.append({"Group Keys": [*([first] if first is not None else []), keys]})
    else:
        node["Group Key"] = keys
        return
    if "Group Key" in node and label != "Group Key":
        sets.insert(0, {"Group Keys": [node.pop("Group Key")]})
    node["Grouping Sets"] = sets


def _complete(nodes: list[dict[str, Any]]) -> None:
    """Puts in the zeros that the text format leaves out."""
    parts = [part for node in nodes for part in (node, *node.get("Workers", ()))]
    if any(name in part for part in parts for name in _BLOCKS):
        for part in parts:
            for name in _BLOCKS:
                part.setdefault(name, 0)
    verbose = any("Output" in node for node in nodes)
    for node in nodes:
        if verbose and "Function Name" in node and "Schema" not in node:
            # Only several functions at once are shown without a schema, by their alias.
            del node["Function Name"]
        for condition, removed in _REMOVED.items():
            if condition in node and "Actual Loops" in node:
                node.setdefault(removed, 0)
