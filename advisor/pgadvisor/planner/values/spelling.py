"""How values are spelled as the text of a parameter: patterns, arrays, documents, and what a function makes of them."""

from __future__ import annotations

import json
import re
from collections.abc import Callable

from pgadvisor.array_text import array_literal

_PATTERN_PREFIX = 3
_LONG_PREFIX = 12
_INFIX = 2

__all__ = ["array_literal", "change", "containment", "document_key", "family", "infix", "prefix", "regular_expression"]

_FAMILIES = {
    "smallint": "N", "integer": "N", "bigint": "N", "numeric": "N", "real": "N", "double precision": "N",
    "text": "S", "character varying": "S", "character": "S", "name": "S", '"char"': "S",
    "date": "D", "timestamp without time zone": "D", "timestamp with time zone": "D",
    "interval": "T", "boolean": "B",
}  # fmt: skip


def family(type_name: str) -> str:
    """The category of pg_type that types which convert to each other share; the name itself for any other type."""
    return _FAMILIES.get(type_name, type_name)


def change(hidden_by: str) -> Callable[[str], str] | None:
    """What makes a value of a column one of the expression it is compared through; None where that is not known."""
    if hidden_by == "function lower":
        return str.lower
    if hidden_by == "function upper":
        return str.upper
    known = not hidden_by or hidden_by.startswith("cast to ") or hidden_by == "leading wildcard"
    return str if known else None


def prefix(value: str, *, long: bool = False) -> str:
    """A LIKE pattern for what begins as a value does."""
    return f"{_literal(value[: _LONG_PREFIX if long else _PATTERN_PREFIX])}%"


def infix(value: str) -> str:
    """A LIKE pattern for what holds two characters of a value somewhere."""
    return f"%{_literal(value[1 : 1 + _INFIX] or value[:1])}%"


def regular_expression(value: str) -> str:
    """A regular expression for what begins as a value does."""
    return "^" + re.sub(r"(\W)", r"\\\1", value[:_PATTERN_PREFIX])


def containment(document: str) -> str:
    """A JSON document that is contained in another: its first key with its value, or all of it."""
    try:
        read = json.loads(document)
    except (ValueError, RecursionError):
        return document
    if isinstance(read, dict) and read:
        return json.dumps(dict([next(iter(read.items()))]), ensure_ascii=False)
    if isinstance(read, list) and read:
        return json.dumps(read[:1], ensure_ascii=False)
    return document


def document_key(document: str) -> str | None:
    """The first key of a JSON document; None where it has none."""
    try:
        read = json.loads(document)
    except (ValueError, RecursionError):
        return None
    return next(iter(read), None) if isinstance(read, dict) else None


def _literal(text: str) -> str:
    for special in ("\\", "%", "_"):
        text = text.replace(special, f"\\{special}")
    return text
