"""Arrays in PostgreSQL's text form, taken apart (manual, "Array Input and Output Syntax")."""

from __future__ import annotations

import re

# A quoted element, with what a backslash takes the meaning from, or one as it stands. One that is not closed goes to
# the end: were it tried again from each quote in it, a long one would take hours.
_ELEMENT = re.compile(r'"((?:[^"\\]|\\.)*+)(?:"|\\?\Z)|([^,{}"]+)', re.DOTALL)
_ESCAPED = re.compile(r"\\(.)", re.DOTALL)


def texts(literal: str) -> tuple[str, ...]:
    """The elements of a one-dimensional array without NULLs, as text.

    >>> texts('{a,"b, c","say \\\\"hi\\\\""}')
    ('a', 'b, c', 'say "hi"')
    """
    return tuple(
        _ESCAPED.sub(r"\1", quoted) if plain == "" else plain for quoted, plain in _ELEMENT.findall(_body(literal))
    )


def floats(literal: str) -> tuple[float, ...]:
    """The elements of a one-dimensional array of numbers."""
    return tuple(map(float, texts(literal)))


def array_literal(elements: tuple[str, ...] | list[str]) -> str:
    """An array of texts as a literal, every element quoted."""
    escaped = (element.replace("\\", "\\\\").replace('"', '\\"') for element in elements)
    return "{" + ",".join(f'"{element}"' for element in escaped) + "}"


def _body(literal: str) -> str:
    """What stands between the outer braces; bounds such as [0:2]= may stand before them."""
    return literal[literal.index("{") + 1 : -1]
