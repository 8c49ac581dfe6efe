"""Plans that auto_explain wrote into a log, in JSON and as text."""

from __future__ import annotations

import re
from typing import Any

import msgspec

from pgadvisor.model.plan_nodes import MAX_PLAN_DEPTH
from pgadvisor.plans.text import parse_text_plan
from pgadvisor.workload.logs.streams import text_of
from pgadvisor.workload.secrets import without_secrets

# Longer plans are not kept, in bytes: kept are some thousand at most.
MAX_PLAN_BYTES = 256 << 10
_JSON_TEXT = re.compile(rb'"Query Text":\s*("(?:[^"\\]++|\\.)*+")')
_JSON_VALUES = re.compile(rb'"Query Parameters":\s*("(?:[^"\\]++|\\.)*+")')
_TEXT = b"Query Text: "
_TEXT_VALUES = re.compile(rb"\nQuery Parameters: ([^\n]*(?:\n(?! *+\S[^\n]*\(cost=)[^\n]*)*)\n")
# The root of a tree, which begins after the text.
_ROOT = re.compile(rb"\n(?=[A-Z][^\n]*  \(cost=\d+\.\d\d\.\.\d+\.\d\d rows=\d+ width=\d+\))")
# What names the statement, which is kept elsewhere, and holds its values.
_LEFT_OUT = ("Query Text", "Query Parameters")
_NAMES = frozenset(("Node Type", "Relation Name", "Schema", "Alias", "Index Name", "Function Name", "CTE Name"))


class LoggedPlan:
    """The parts of one plan, found but not yet read: the statement's text, its values and the plan itself."""

    __slots__ = ("body", "is_json", "text", "values")

    def __init__(self, text: bytes, values: bytes | None, body: bytes, is_json: bool) -> None:
        self.text = text
        self.values = values
        self.body = body
        self.is_json = is_json


def split_plan(body: bytes) -> LoggedPlan | None:
    """What stands after `plan:` in its parts; None where it is in another format, or cut before its text ended."""
    if body.startswith(b"{"):
        text = _json_string(_JSON_TEXT.search(body))
        return None if text is None else LoggedPlan(text, _json_string(_JSON_VALUES.search(body)), body, True)
    if not body.startswith(_TEXT):
        return None
    root = _ROOT.search(body)
    if root is None:
        return None
    end = root.start()
    values = _TEXT_VALUES.search(body, 0, end + 1)
    text = body[len(_TEXT) : values.start() if values else end]
    return LoggedPlan(text, values[1] if values else None, body[root.end() :], False)


def read_plan(body: bytes, is_json: bool) -> dict[str, Any] | None:
    """EXPLAIN's JSON object, without the statement's text; None where it is broken, or deeper than any plan."""
    try:
        plan = msgspec.json.decode(body) if is_json else parse_text_plan(text_of(body))
    except (ValueError, RecursionError):
        return None
    if not isinstance(plan, dict) or not _is_valid(plan.get("Plan")):
        return None
    return {key: part for key, part in plan.items() if key not in _LEFT_OUT}


def sealed_plan(plan: dict[str, Any], *, telling: bool) -> dict[str, Any]:
    """The plan with secrets taken out of its texts; telling: its statement names something that holds secrets."""
    return {key: _sealed(part, key, telling) for key, part in plan.items()}


def _sealed(part: object, key: str, telling: bool) -> object:
    if isinstance(part, dict):
        return {name: _sealed(each, name, telling) for name, each in part.items()}
    if isinstance(part, list):
        return [_sealed(each, key, telling) for each in part]
    if isinstance(part, str) and key not in _NAMES:
        return without_secrets(part, telling=telling, numbers=telling)
    return part


def _is_valid(root: object) -> bool:
    """Whether each node is an object with a type, and none is too deep."""
    level: list[object] = [root]
    for _ in range(MAX_PLAN_DEPTH):
        below: list[object] = []
        for node in level:
            if not isinstance(node, dict) or not isinstance(node.get("Node Type"), str):
                return False
            children = node.get("Plans", [])
            if not isinstance(children, list):
                return False
            below += children
        if not below:
            return True
        level = below
    return False


def _json_string(found: re.Match[bytes] | None) -> bytes | None:
    if found is None:
        return None
    try:
        return msgspec.json.decode(found[1], type=str, strict=True).encode("utf-8", "replace")
    except (msgspec.DecodeError, UnicodeError):
        return None
