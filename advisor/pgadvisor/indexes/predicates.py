"""Predicates of partial indexes, as pg_get_expr writes them; what is not understood implies nothing."""

from __future__ import annotations

import re
from bisect import bisect_left
from collections import defaultdict
from functools import lru_cache
from typing import NamedTuple

# Longer predicates are not taken apart: each stands for itself, and implies only what reads the same.
MAX_LENGTH = 65_536
# Predicates whose conditions are remembered: a database has few different ones, and compares each with many.
_REMEMBERED = 4_096

_IDENTIFIER = r'(?:"(?:[^"]|"")+"|[a-z_][a-z0-9_$]*)'
_LITERAL = r"(?:-?\d+(?:\.\d+)?|'(?:[^']|'')*'|true|false)(?:::[a-z_][a-z0-9_ ]*(?:\(\d+(?:,\d+)?\))?(?:\[\])?)?"
_ARRAY = rf"ARRAY\[{_LITERAL}(?:, {_LITERAL})*\]"
_NOT_NULL = re.compile(rf"(?P<column>{_IDENTIFIER}) IS NOT NULL")
# Comparisons with a constant are never true of NULL. A cast that only relabels ((name)::text) hides nothing.
_STRICT = re.compile(
    rf"(?:\((?P<cast>{_IDENTIFIER})\)::[a-z_][a-z0-9_ ]*|(?P<column>{_IDENTIFIER}))"
    rf" (?:(?:=|<>|<|>|<=|>=) \(?{_LITERAL}\)?|= ANY \(\(?(?:{_LITERAL}|{_ARRAY})\)?(?:::[a-z_][a-z0-9_ ]*\[\])?\))"
)
_MARKS = re.compile(r"""'[^']*'?|"[^"]*"?|[()]|\b(?:AND|OR|NOT|BETWEEN)\b""")


class Conditions(NamedTuple):
    """What a predicate asks for, whatever way it is written; no predicate asks for nothing.

    not_null are the columns that cannot be NULL in its rows, others all conditions but "IS NOT NULL".
    """

    others: frozenset[str]
    not_null: frozenset[str]


def predicate_implies(stronger: str | None, weaker: str | None) -> bool:
    """Whether every row that satisfies the first predicate surely satisfies the second; None admits every row."""
    given, asked = conditions(stronger), conditions(weaker)
    return asked.others <= given.others and asked.not_null <= given.not_null


def only_not_null(predicate: str | None, columns: tuple[str | None, ...]) -> bool:
    """Whether a predicate asks for nothing but that some of these columns are not null."""
    asked = conditions(predicate)
    return not asked.others and all(column in columns for column in asked.not_null)


@lru_cache(_REMEMBERED)
def conditions(predicate: str | None) -> Conditions:
    """What a predicate asks for: two that imply each other ask for the same."""
    if predicate is None:
        return Conditions(frozenset(), frozenset())
    if len(predicate) > MAX_LENGTH:
        return Conditions(frozenset((predicate,)), frozenset())
    parts = conjuncts(predicate)
    others = frozenset(part for part in parts if not_null_column(part) is None)
    columns = (*map(not_null_column, parts), *map(_strict_column, others))
    return Conditions(others, frozenset(column for column in columns if column is not None))


def not_null_column(part: str) -> str | None:
    """The column of a condition "column IS NOT NULL"; None for any other."""
    match = _NOT_NULL.fullmatch(part)
    return None if match is None else _unquoted(match["column"])


def conjuncts(predicate: str) -> tuple[str, ...]:
    """The conditions that AND joins at the top, without the brackets around them; too long a predicate is one."""
    if len(predicate) > MAX_LENGTH:
        return (predicate,)
    layout = _Layout(predicate)
    found = []
    waiting = [(0, len(predicate), 0)]
    while waiting:
        inner = layout.without_brackets(*waiting.pop())
        parts = layout.split(*inner)
        if len(parts) == 1:
            found.append(predicate[inner[0] : inner[1]])
        else:
            waiting += reversed(parts)
    return tuple(found)


def without_brackets(text: str) -> str:
    """An expression without the brackets around all of it; too long a one is left as it is."""
    if len(text) > MAX_LENGTH:
        return text
    start, end, _ = _Layout(text).without_brackets(0, len(text), 0)
    return text[start:end]


def _strict_column(part: str) -> str | None:
    match = _STRICT.fullmatch(part)
    return None if match is None else _unquoted(match["column"] or match["cast"])


def _unquoted(name: str) -> str:
    return name[1:-1].replace('""', '"') if name.startswith('"') else name


class _Layout:
    """Where a predicate's brackets close and its words stand, all found in one pass: a stranger's may be very deep.

    What does not close its brackets is no predicate of PostgreSQL's, and is not taken apart.
    """

    def __init__(self, text: str) -> None:
        self._text = text
        self._closing: dict[int, int] = {}
        # By depth, in the order of the text.
        self._words: dict[int, list[tuple[int, str]]] = defaultdict(list)
        open_at: list[int] = []
        for match in _MARKS.finditer(text):
            position, mark = match.start(), match[0]
            if mark == "(":
                open_at.append(position)
            elif mark == ")" and open_at:
                self._closing[open_at.pop()] = position
            elif mark == ")":
                open_at = [position]
                break
            elif mark[0] not in "'\"":
                self._words[len(open_at)].append((position, mark))
        if open_at:
            self._closing.clear()
            self._words.clear()

    def without_brackets(self, start: int, end: int, depth: int) -> tuple[int, int, int]:
        """The range without the spaces and the pairs of brackets around it, and how deep it then is."""
        while True:
            while start < end and self._text[start].isspace():
                start += 1
            while start < end and self._text[end - 1].isspace():
                end -= 1
            if start == end or self._closing.get(start) != end - 1:
                return start, end, depth
            start, end, depth = start + 1, end - 1, depth + 1

    def split(self, start: int, end: int, depth: int) -> list[tuple[int, int, int]]:
        """At every AND outside brackets and quotes; a range with an OR or a BETWEEN there stays whole."""
        parts = []
        after = start
        words = self._words.get(depth, [])
        for position, word in words[bisect_left(words, (start, "")) : bisect_left(words, (end, ""))]:
            if word in ("OR", "BETWEEN") or (word == "NOT" and not self._text.endswith("IS ", start, position)):
                return [(start, end, depth)]
            if word == "AND":
                parts.append((after, position, depth))
                after = position + len(word)
        return [*parts, (after, end, depth)]
