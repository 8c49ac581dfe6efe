"""Arrays of any number of dimensions in PostgreSQL's text form, element by element.

Manual, "Array Input and Output Syntax". https://www.postgresql.org/docs/current/arrays.html#ARRAYS-IO
"""

from __future__ import annotations

import re
from collections.abc import Callable

_PART = re.compile(r'"(?P<quoted>(?:[^"\\]|\\.)*)"|(?P<mark>[{},])|(?P<plain>[^{},"]+)', re.DOTALL)
_ESCAPED = re.compile(r"\\(.)", re.DOTALL)
_NEEDS_QUOTES = re.compile(r'[{},"\\\s]|^$|^null$', re.IGNORECASE)


def mapped_array(literal: str, change: Callable[[str | None], str | None]) -> str | None:
    """The array with every element changed, of which NULL is None and stays so; None where the text is no array."""
    opening = literal.find("{")
    if opening < 0 or (opening > 0 and not re.fullmatch(r"[\[\]\d:-]+=", literal[:opening])):
        return None
    pieces = [literal[:opening]]
    position, depth = opening, 0
    while position < len(literal):
        part = _PART.match(literal, position)
        if part is None or (depth == 0 and position > opening):
            return None
        position = part.end()
        mark, quoted, plain = part["mark"], part["quoted"], part["plain"]
        if mark is not None:
            depth += (mark == "{") - (mark == "}")
            pieces.append(mark)
        elif plain is not None and not plain.strip():
            pieces.append(plain)
        elif plain is not None and plain.strip().upper() == "NULL":
            change(None)
            pieces.append("NULL")
        else:
            text = plain.strip() if quoted is None else _ESCAPED.sub(r"\1", quoted)
            pieces.append(element(change(text) or ""))
    return None if depth else "".join(pieces)


def elements(literal: str) -> list[str]:
    """The elements of all dimensions in their order, without NULLs; none where the text is no array."""
    found: list[str] = []

    def note(text: str | None) -> str | None:
        if text is not None:
            found.append(text)
        return text

    return found if mapped_array(literal, note) is not None else []


def element(text: str) -> str:
    """A text as the element of an array, quoted where the server would."""
    if _NEEDS_QUOTES.search(text) is None:
        return text
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'
