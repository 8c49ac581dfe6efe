"""Arrays of any number of dimensions in PostgreSQL's text form, element by element.

Manual, "Array Input and Output Syntax". https://www.postgresql.org/docs/current/arrays.html#ARRAYS-IO
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import cast

# Nothing is tried twice: a quote that is not closed would else be looked for its end from each quote in it.
_PART = re.compile(r'"(?P<quoted>[^"\\]*+(?:\\.[^"\\]*+)*+)"|(?P<mark>[{},])|(?P<plain>[^{},"]++)', re.DOTALL)
_NEEDS_QUOTES = re.compile(r'[{},"\\\s]|^$|^null$', re.IGNORECASE)
_QUOTED = r'"[^"\\]*+(?:\\.[^"\\]*+)*+"'
_FLAT = re.compile(rf'\{{(?:{_QUOTED}|[^{{}},"\s]++)(?:,(?:{_QUOTED}|[^{{}},"\s]++))*+\}}', re.DOTALL)
_FLAT_PART = re.compile(r'"([^"\\]*+(?:\\.[^"\\]*+)*+)"|([^,]++)', re.DOTALL)
_MAY_NEED_QUOTES = re.compile(r'[{}"\\\s]|null', re.IGNORECASE)
_UNLIKE_FLAT = re.compile(r"[{}\s]")


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
            text = plain.strip() if quoted is None else _unescaped(quoted)
            pieces.append(element(change(text) or ""))
    return None if depth else "".join(pieces)


def flat_elements(literal: str) -> list[str | None] | None:
    """The elements of an array of one dimension as the server writes it, of which NULL is None.

    None for any other text, which may still be an array: this is the fast way for nearly all of them.
    """
    parts: list[str | None]
    if '"' not in literal:
        body = literal[1:-1]
        if literal[:1] != "{" or literal[-1:] != "}" or len(literal) < 2 or _UNLIKE_FLAT.search(body):
            return None
        plain = body.split(",") if body else []
        if "" in plain:
            return None
        parts = [*plain]
    elif _FLAT.fullmatch(literal) is None:
        return None
    else:
        found = _FLAT_PART.findall(literal, 1, len(literal) - 1)
        if "\\" not in literal:
            parts = [part or quoted for quoted, part in found]
        else:
            parts = [part or (_unescaped(quoted)) for quoted, part in found]
        if "null" in literal.lower():
            return [None if part.upper() == "NULL" else text for text, (_, part) in zip(parts, found, strict=True)]
        return parts
    return [None if part.upper() == "NULL" else part for part in plain] if "null" in body.lower() else parts


def flat_array(parts: Sequence[str | None]) -> str:
    """An array of one dimension with these elements."""
    if None not in parts:
        texts = cast("Sequence[str]", parts)
        body = ",".join(texts)
        # One look at all of them tells for nearly every array that none has to be quoted.
        if "" not in texts and body.count(",") == max(len(texts) - 1, 0) and not _MAY_NEED_QUOTES.search(body):
            return "{" + body + "}"
        if '"' not in body and "\\" not in body:
            return "{" + ",".join([f'"{text}"' if " " in text else element(text) for text in texts]) + "}"
    return "{" + ",".join(["NULL" if part is None else element(part) for part in parts]) + "}"


def elements(literal: str) -> list[str]:
    """The elements of all dimensions in their order, without NULLs; none where the text is no array."""
    flat = flat_elements(literal)
    if flat is not None:
        return [text for text in flat if text is not None]
    found: list[str] = []

    def note(text: str | None) -> str | None:
        if text is not None:
            found.append(text)
        return text

    return found if mapped_array(literal, note) is not None else []


def _unescaped(quoted: str) -> str:
    """What stands between quotes, without the backslashes that take the meaning from what follows."""
    if "\\" not in quoted:
        return quoted
    return "\\".join(part.replace("\\", "") for part in quoted.split("\\\\"))


def element(text: str) -> str:
    """A text as the element of an array, quoted where the server would."""
    if _NEEDS_QUOTES.search(text) is None:
        return text
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'
