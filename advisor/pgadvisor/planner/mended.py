"""Texts that pg_stat_statements has made unreadable to the server, made readable again.

It puts $n for every constant, also where the grammar wants one (interval $1, extract($1 from x)), and gives each its
own number, so that GROUP BY f($2, x) no longer is what SELECT f($1, x) shows. Everything else of a text stays as it is.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

import psycopg
from psycopg import errors

from pgadvisor.workload.lexer import Kind, Lexed, lex
from pgadvisor.workload.words import words

_TYPES = words(
    "bigint bit bool boolean bytea char character cidr date daterange decimal float float4 float8 inet int int2 "
    "int4 int4range int8 int8range integer interval json jsonb jsonpath macaddr money numeric numrange point real "
    "regclass smallint text time timestamp timestamptz timetz tsquery tsrange tstzrange tsvector uuid varchar xml"
)
_ZONED = frozenset((("with", "time", "zone"), ("without", "time", "zone")))
_FIELDS = words("year month day hour minute second to")
_AFTER_GROUP_BY = words("having order limit offset fetch window union intersect except for on returning")
_PARAMETER = re.compile(r"\$(\d+)")
# EXTRACT has been a function of that name since 14, before it was date_part.
_EXTRACT_SINCE = 140000

# Longer texts are left as they are: what is done here takes more than linear time.
_MAX_TOKENS = 5_000

_Edit = tuple[int, int, str]


def mended(text: str, error: psycopg.Error, server_version: int) -> str | None:
    """The text changed so that what the server objected to is no longer there; None where nothing can be done."""
    lexed = lex(text)
    if not lexed.balanced or len(lexed.tokens) > _MAX_TOKENS:
        return None
    if isinstance(error, errors.IndeterminateDatatype):
        edits = list(_typed(lexed, error.diag.message_primary or ""))
    elif isinstance(error, errors.GroupingError):
        edits = list(_unified(lexed))
    elif isinstance(error, errors.SyntaxError):
        edits = [*_typed_constants(lexed), *_extracts(lexed, server_version)]
    else:
        return None
    changed = _edited(text, edits)
    return None if changed == text else changed


def _edited(text: str, edits: list[_Edit]) -> str:
    for start, end, replacement in sorted(edits, reverse=True):
        text = text[:start] + replacement + text[end:]
    return text


def _typed(lexed: Lexed, message: str) -> Iterator[_Edit]:
    """A parameter whose type nothing tells is taken for text, as the server takes a literal."""
    match = _PARAMETER.search(message)
    for token in lexed.tokens if match else ():
        if match and token.kind is Kind.PARAMETER and lexed.of(token) == match[0]:
            yield token.start, token.end, f"CAST({match[0]} AS text)"


def _typed_constants(lexed: Lexed) -> Iterator[_Edit]:
    """date $1 becomes CAST($1 AS date)."""
    for index, token in enumerate(lexed.tokens):
        if lexed.word(index) not in _TYPES or lexed.is_mark(index - 1, "."):
            continue
        at = index + 1
        if tuple(lexed.word(at + ahead) for ahead in range(3)) in _ZONED:
            at += 3
        if at >= len(lexed.tokens) or lexed.tokens[at].kind is not Kind.PARAMETER:
            continue
        parameter = lexed.tokens[at]
        type_ = lexed.text[token.start : lexed.tokens[at - 1].end]
        end = at
        while lexed.word(index) == "interval" and lexed.word(end + 1) in _FIELDS:
            end += 1
        fields = lexed.text[parameter.end : lexed.tokens[end].end]
        yield token.start, lexed.tokens[end].end, f"CAST({lexed.of(parameter)} AS {type_}{fields})"


def _extracts(lexed: Lexed, server_version: int) -> Iterator[_Edit]:
    """extract($1 from x) becomes the function that it stands for."""
    function = "extract" if server_version >= _EXTRACT_SINCE else "date_part"
    for index, token in enumerate(lexed.tokens):
        called = lexed.word(index) == "extract" and lexed.is_mark(index + 1, "(") and lexed.word(index + 3) == "from"
        if called and lexed.tokens[index + 2].kind is Kind.PARAMETER:
            field = lexed.of(lexed.tokens[index + 2])
            yield token.start, lexed.tokens[index + 3].end, f"pg_catalog.{function}(CAST({field} AS text),"


def _unified(lexed: Lexed) -> Iterator[_Edit]:
    """Gives parameters of an expression in GROUP BY the numbers they have where the same expression stands before.

    The numbers are then closed up: the server refuses one that is not used.
    """
    forms = [_form(lexed, index) for index in range(len(lexed.tokens))]
    same: dict[int, int] = {}
    for first, last in _group_items(lexed):
        item = forms[first:last]
        if "$" not in item:
            continue
        for start in range(first):
            if forms[start : start + len(item)] == item:
                for ahead, form in enumerate(item):
                    if form == "$":
                        same[_number(lexed, first + ahead)] = _number(lexed, start + ahead)
                break
    if not same:
        return
    used = sorted({same.get(n, n) for n in map(int, _PARAMETER.findall(_parameters(lexed)))})
    closed_up = {number: place for place, number in enumerate(used, start=1)}
    for index, token in enumerate(lexed.tokens):
        if token.kind is Kind.PARAMETER:
            number = _number(lexed, index)
            yield token.start, token.end, f"${closed_up[same.get(number, number)]}"


def _group_items(lexed: Lexed) -> Iterator[tuple[int, int]]:
    """The expressions of each GROUP BY, as indexes of tokens."""
    for index in range(len(lexed.tokens)):
        if (lexed.word(index), lexed.word(index + 1)) != ("group", "by"):
            continue
        depth, first = lexed.depths[index], index + 2
        for at in range(first, len(lexed.tokens) + 1):
            inside = at < len(lexed.tokens) and lexed.depths[at] >= depth
            same_level = inside and lexed.depths[at] == depth
            ends = not inside or (same_level and (lexed.word(at) in _AFTER_GROUP_BY or lexed.is_mark(at, ";")))
            if ends or (same_level and lexed.is_mark(at, ",")):
                yield first, at
                first = at + 1
            if ends:
                break


def _form(lexed: Lexed, index: int) -> str:
    token = lexed.tokens[index]
    return "$" if token.kind is Kind.PARAMETER else lexed.word(index) or lexed.of(token)


def _number(lexed: Lexed, index: int) -> int:
    return int(lexed.of(lexed.tokens[index])[1:])


def _parameters(lexed: Lexed) -> str:
    return " ".join(lexed.of(token) for token in lexed.tokens if token.kind is Kind.PARAMETER)
