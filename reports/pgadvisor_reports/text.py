"""Text of strangers made fit to show: no character in it may steer a terminal or rearrange a line."""

from __future__ import annotations

import re
import unicodedata

REPLACEMENT = "\N{REPLACEMENT CHARACTER}"

# Control, format (bidirectional overrides, zero width, soft hyphen, tags), surrogate, line and paragraph separator.
_UNFIT = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp"})

_BLANKS = re.compile(r"(?:(?!(?<=\d)\u202f(?=\d))\s)+")


def is_fit(character: str) -> bool:
    """Whether a character may be shown as it is; line break and tab may."""
    return character in "\n\t" or unicodedata.category(character) not in _UNFIT


def visible(text: str) -> str:
    """The text with every character that acts instead of showing replaced by a visible one.

    >>> visible("a\\x1b[31mb\\u202ec")
    'a�[31mb�c'
    """
    if text.isascii() and text.isprintable():
        return text
    text = text.replace("\r\n", "\n")
    return "".join(character if is_fit(character) else REPLACEMENT for character in text)


def one_line(text: str) -> str:
    """The visible text with runs of white space made one space, but for what groups the digits of a number.

    >>> one_line("1\\u202f024\\n rows")
    '1\\u202f024 rows'
    """
    return _BLANKS.sub(" ", visible(text)).strip()


def clip(text: str, limit: int) -> str:
    """The text, or its first `limit` characters and how many were left out.

    >>> clip("abcdef", 4)
    'abcd… (2 more characters not shown)'
    """
    left = len(text) - limit
    if left <= 0:
        return text
    return f"{text[:limit]}… ({left:,} more {'character' if left == 1 else 'characters'} not shown)"
