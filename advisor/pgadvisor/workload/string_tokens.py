"""What a string token of SQL stands for, and how a text is spelt as one.

Manual, "String Constants": https://www.postgresql.org/docs/current/sql-syntax-lexical.html.
"""

from __future__ import annotations

import re

_DOLLAR = re.compile(r"\$[^$]*\$")
_ESCAPE = re.compile(
    r"\\(?:(?P<octal>[0-7]{1,3})|x(?P<hex>[0-9A-Fa-f]{1,2})|u(?P<u4>[0-9A-Fa-f]{4})|U(?P<u8>[0-9A-Fa-f]{8})|(?P<char>.))",
    re.DOTALL,
)
_UNICODE = re.compile(r"\\(?:\+(?P<six>[0-9A-Fa-f]{6})|(?P<four>[0-9A-Fa-f]{4})|(?P<char>\\))")
_NAMED = {"b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t"}
_ESCAPED_BODY = re.compile(r"(?:[^'\\]++|''|\\.)*+'?", re.DOTALL)


def string_value(token: str) -> str:
    """The text that a string token stands for, as far as it is closed; UESCAPE with another character is not heeded.

    >>> string_value("E'it\\\\'s'"), string_value("$a$x$a$"), string_value("'it''s'")
    ("it's", 'x', "it's")
    """
    if token.startswith("$"):
        tag = _DOLLAR.match(token)
        return token if tag is None else token[tag.end() :].removesuffix(tag[0])
    opening = token.find("'")
    prefix = token[:opening].lower()
    body = token[opening + 1 :].removesuffix("'").replace("''", "'")
    if prefix == "e":
        return _ESCAPE.sub(_escaped, body)
    if prefix == "u&":
        return _UNICODE.sub(_unicode, body)
    return body


def ends_in_doubt(token: str) -> bool:
    """Whether a plain string would end elsewhere if standard_conforming_strings were off, as it was for some client."""
    if not token.startswith(("'", "n'", "N'")) or "\\" not in token:
        return False
    body = _ESCAPED_BODY.match(token, token.index("'") + 1)
    ends = body is not None and body.end() == len(token)
    return not ends or token[:-1].endswith("\\")


def _escaped(match: re.Match[str]) -> str:
    if match["char"] is not None:
        return _NAMED.get(match["char"], match["char"])
    number = match["octal"]
    return _character(int(number, 8) if number else int(match["hex"] or match["u4"] or match["u8"], 16))


def _unicode(match: re.Match[str]) -> str:
    return "\\" if match["char"] else _character(int(match["six"] or match["four"], 16))


def _character(code: int) -> str:
    """A character by its number; nothing for numbers that are none, or surrogates, which no file can hold."""
    return chr(code) if code < 0x110000 and not 0xD800 <= code < 0xE000 else ""
