"""Texts that pg_stat_statements has made unreadable to the server, made readable again.

It puts $n for every constant, also where the grammar wants one (interval $1, extract($1 from x)), and gives each its
own number, so that GROUP BY f($2, x) no longer is what SELECT f($1, x) shows. Everything else of a text stays as it is.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

import psycopg
from psycopg import errors

from pgadvisor.planner.mended_types import (
    Inferred,
    typed_arguments,
    typed_as_compared,
    typed_differences,
    typed_neighbours,
    typed_operator,
    typed_results,
)
from pgadvisor.workload.lexer import Kind, Lexed, lex
from pgadvisor.workload.words import words

_TYPES = words(
    "bigint bit bool boolean bytea char character cidr date daterange decimal float float4 float8 inet int int2 "
    "int4 int4range int8 int8range integer interval json jsonb jsonpath macaddr money numeric numrange point real "
    "regclass smallint text time timestamp timestamptz timetz tsquery tsrange tstzrange tsvector uuid varchar xml"
)
_ZONED = frozenset((("with", "time", "zone"), ("without", "time", "zone")))
_TWO_WORDS = words("double character bit")
_SECOND_WORDS = words("precision varying")
# Words that an expression may follow: what comes after any other word is a constant of the type that it names.
_BEFORE_EXPRESSIONS = words(
    "all and any as asc between both by case collate cross cube current default desc distinct do else end escape "
    "except false fetch filter first following for from full group grouping having if ilike in inner insert "
    "intersect into is isnull join last leading left like limit natural next not nothing notnull null nulls of off "
    "offset on only or order outer over overlaps overlay partition placing preceding range recursive returning "
    "right rollup rows select set sets similar some symmetric asymmetric table tablesample then to trailing true "
    "type union unknown update using value values variadic when where window with within without zone"
)
_FIELDS = words("year month day hour minute second to")
_AFTER_LIST = words("having order limit offset fetch window union intersect except for on returning")
_AFTER_ITEM = words("asc desc nulls using")
_PARAMETER = re.compile(r"\$(\d+)")
# EXTRACT has been a function of that name since 14, before it was date_part.
_EXTRACT_SINCE = 140000

# Longer texts are left as they are: what is done here takes more than linear time.
_MAX_TOKENS = 5_000

_Edit = tuple[int, int, str]


def mended(text: str, error: psycopg.Error, server_version: int, inferred: Inferred | None = None) -> str | None:
    """The text changed so that what the server objected to is no longer there; None where nothing can be done.

    inferred tells the types of parameters by the columns that they are compared with, and is asked where that helps.
    """
    lexed = lex(text)
    if not lexed.balanced or len(lexed.tokens) > _MAX_TOKENS:
        return None
    edits = list(_edits(lexed, error, server_version, inferred or _nothing))
    # One edit for each place: a parameter may be found in two ways.
    changed = _edited(text, list({edit[0]: edit for edit in edits}.values()))
    return None if changed == text else changed


def _nothing() -> Mapping[int, str]:
    return {}


def _edits(lexed: Lexed, error: psycopg.Error, server_version: int, inferred: Inferred) -> Iterator[_Edit]:
    """What the class of an error, and the place that it names, ask for."""
    if isinstance(error, errors.IndeterminateDatatype):
        match = _PARAMETER.search(error.diag.message_primary or "")
        yield from typed_neighbours(lexed, int(match[1])) if match else ()
    elif isinstance(error, errors.GroupingError):
        yield from _unified(lexed, ("group", "by"))
    elif isinstance(error, errors.InvalidColumnReference):
        # SELECT DISTINCT shows what ORDER BY sorts by.
        yield from _unified(lexed, ("order", "by"))
    elif isinstance(error, errors.SyntaxError):
        yield from _typed_constants(lexed)
        yield from _extracts(lexed, server_version)
    elif isinstance(error, (errors.AmbiguousFunction, errors.UndefinedFunction, errors.DatatypeMismatch)):
        at = _place(lexed, error)
        ambiguous = isinstance(error, errors.AmbiguousFunction)
        if at is None or not ambiguous:
            yield from typed_as_compared(lexed, inferred())
            yield from typed_results(lexed, at) if at is not None else ()
            yield from typed_differences(lexed, at, error.diag.message_primary or "") if at is not None else ()
        elif lexed.tokens[at].kind is Kind.OPERATOR:
            yield from typed_operator(lexed, at, inferred())
        else:
            yield from typed_arguments(lexed, at, inferred())


def _place(lexed: Lexed, error: psycopg.Error) -> int | None:
    """The token that an error is about; the server counts characters from one."""
    position = error.diag.statement_position
    if position is None:
        return None
    start = int(position) - 1
    return next((index for index, token in enumerate(lexed.tokens) if token.start <= start < token.end), None)


def _edited(text: str, edits: list[_Edit]) -> str:
    for start, end, replacement in sorted(edits, reverse=True):
        text = text[:start] + replacement + text[end:]
    return text


def _typed_constants(lexed: Lexed) -> Iterator[_Edit]:
    """date $1 becomes CAST($1 AS date), numeric(10,2) $1 becomes CAST($1 AS numeric(10,2))."""
    for index, token in enumerate(lexed.tokens):
        if not _names_a_type(lexed, index):
            continue
        at = _after_modifiers(lexed, index + 1)
        if tuple(lexed.word(at + ahead) for ahead in range(3)) in _ZONED:
            at += 3
        if at >= len(lexed.tokens) or lexed.tokens[at].kind is not Kind.PARAMETER:
            continue
        parameter = lexed.tokens[at]
        type_ = lexed.text[token.start : lexed.tokens[at - 1].end]
        end = at
        while lexed.word(index) == "interval" and lexed.word(end + 1) in _FIELDS:
            end = _after_modifiers(lexed, end + 2) - 1
        fields = lexed.text[parameter.end : lexed.tokens[end].end]
        yield token.start, lexed.tokens[end].end, f"CAST({lexed.of(parameter)} AS {type_}{fields})"


def _names_a_type(lexed: Lexed, index: int) -> bool:
    """Whether a type begins at a token: one of the system's, or a word that a constant alone can follow."""
    word = lexed.word(index)
    if not word or lexed.is_mark(index - 1, ".") or (lexed.word(index - 1) in _TWO_WORDS and word in _SECOND_WORDS):
        return False
    if word in _TYPES or (word in _TWO_WORDS and lexed.word(index + 1) in _SECOND_WORDS):
        return True
    ahead = index + 1
    follows = ahead < len(lexed.tokens) and lexed.tokens[ahead].kind is Kind.PARAMETER
    return follows and word not in _BEFORE_EXPRESSIONS


def _after_modifiers(lexed: Lexed, at: int) -> int:
    """The token after the second word of a type and what stands in parentheses behind it."""
    if lexed.word(at) in _SECOND_WORDS:
        at += 1
    if lexed.is_mark(at, "("):
        depth = lexed.depths[at]
        at += 1
        while at < len(lexed.tokens) and lexed.depths[at] > depth:
            at += 1
        at += 1
    return at


def _extracts(lexed: Lexed, server_version: int) -> Iterator[_Edit]:
    """extract($1 from x) becomes the function that it stands for."""
    function = "extract" if server_version >= _EXTRACT_SINCE else "date_part"
    for index, token in enumerate(lexed.tokens):
        called = lexed.word(index) == "extract" and lexed.is_mark(index + 1, "(") and lexed.word(index + 3) == "from"
        if called and lexed.tokens[index + 2].kind is Kind.PARAMETER:
            field = lexed.of(lexed.tokens[index + 2])
            yield token.start, lexed.tokens[index + 3].end, f"pg_catalog.{function}(CAST({field} AS text),"


def _unified(lexed: Lexed, clause: tuple[str, str]) -> Iterator[_Edit]:
    """Gives parameters in GROUP BY or ORDER BY the numbers they have where the same expression stands before.

    The numbers are then closed up: the server refuses one that is not used.
    """
    forms = [_form(lexed, index) for index in range(len(lexed.tokens))]
    same: dict[int, int] = {}
    for first, last in _items(lexed, clause):
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


def _items(lexed: Lexed, clause: tuple[str, str]) -> Iterator[tuple[int, int]]:
    """The expressions of each GROUP BY, or ORDER BY, as indexes of tokens."""
    for index in range(len(lexed.tokens)):
        if (lexed.word(index), lexed.word(index + 1)) != clause:
            continue
        depth, first = lexed.depths[index], index + 2
        for at in range(first, len(lexed.tokens) + 1):
            inside = at < len(lexed.tokens) and lexed.depths[at] >= depth
            same_level = inside and lexed.depths[at] == depth
            ends = not inside or (same_level and (lexed.word(at) in _AFTER_LIST or lexed.is_mark(at, ";")))
            if (ends or (same_level and lexed.is_mark(at, ","))) and first <= at:
                last = next((end for end in range(first, at) if lexed.word(end) in _AFTER_ITEM), at)
                yield first, last
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
