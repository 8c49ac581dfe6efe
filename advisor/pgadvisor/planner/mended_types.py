"""Types for parameters that nothing but a lost constant told, from what they are compared with or stand in.

The server names the place: an operator or a function that several types would fit, or one that fits none.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

from pgadvisor.workload.lexer import Kind, Lexed
from pgadvisor.workload.words import words

Edit = tuple[int, int, str]
# Types of parameters, by position, of the columns that they are compared with.
Inferred = Callable[[], Mapping[int, str]]

_ARITHMETIC = frozenset("+-*/%^")
_MOMENTS = frozenset(("date", "timestamp without time zone", "timestamp with time zone"))
_NUMBERS = frozenset(("smallint", "integer", "bigint", "numeric", "real", "double precision"))
# What a difference to an unknown was taken for, by what it was compared with, and what the unknown was.
_DIFFERENCES = {
    ("date", "integer"): "integer",
    ("timestamp", "integer"): "integer",
    ("timestamp", "interval"): "interval",
}
_BETWEEN_CONDITIONS = words("where having on when then else or select set")
# Functions whose first arguments are no texts; of others they are taken for texts, as the server takes a literal.
_NUMERIC = words("abs ceil ceiling floor round trunc sign sqrt power pow mod exp ln log sum avg div")
_SERIES = words("generate_series")
_LATER_NUMBERS = words("substring substr overlay left right repeat lpad rpad split_part")
_CLOSING = {"from", "for"}


def typed_operator(lexed: Lexed, at: int, inferred: Mapping[int, str]) -> Iterator[Edit]:
    """Types for the parameters on both sides of an operator at a token."""
    operator = lexed.of(lexed.tokens[at])
    left, right = _number(lexed, at - 1), _number(lexed, at + 1)
    if operator not in _ARITHMETIC:
        for side, index in ((left, at - 1), (right, at + 1)):
            if side is not None:
                yield _cast(lexed, index, inferred.get(side, "text"))
        return
    sides = [side for side in (left, right) if side is not None]
    column = next((inferred[side] for side in sides if side in inferred), None)
    if left is not None:
        yield _cast(lexed, at - 1, _arithmetic_type(column, is_left=True))
    if right is not None and left is not None:
        yield _cast(lexed, at + 1, _arithmetic_type(column, is_left=False))
    elif right is not None:
        # A number could be told apart by what stands before: what is not unique is a moment.
        yield _cast(lexed, at + 1, "interval" if column is None or column not in _NUMBERS else column)


def typed_differences(lexed: Lexed, at: int, message: str) -> Iterator[Edit]:
    """Types for what is taken from a moment, or added, on both sides of a comparison at a token.

    The server took `current_date - $1` for the days between two dates, and says that it cannot compare a date with
    an integer: the constant that was lost was an integer. Of times it was an interval.
    """
    type_ = next((type_ for types, type_ in _DIFFERENCES.items() if all(each in message for each in types)), None)
    if type_ is None:
        return
    for step in (-1, 1):
        index = at + step
        while 0 <= index < len(lexed.tokens) and lexed.depths[index] >= lexed.depths[at]:
            if lexed.word(index) in _BETWEEN_CONDITIONS:
                break
            adds = index > 0 and lexed.of(lexed.tokens[index - 1]) in ("-", "+")
            if adds and _number(lexed, index) is not None and not _has_type(lexed, index):
                yield _cast(lexed, index, type_)
            index += step


def typed_arguments(lexed: Lexed, at: int, inferred: Mapping[int, str]) -> Iterator[Edit]:
    """Types for the parameters that are arguments of a function named at a token."""
    name = lexed.word(at)
    opening = next((index for index in range(at, min(at + 4, len(lexed.tokens))) if lexed.is_mark(index, "(")), None)
    if opening is None:
        return
    depth = lexed.depths[opening] + 1
    nth = 0
    for index in range(opening + 1, len(lexed.tokens)):
        if lexed.depths[index] < depth:
            break
        if lexed.depths[index] == depth and (lexed.is_mark(index, ",") or lexed.word(index) in _CLOSING):
            nth += 1
        number = _number(lexed, index)
        if number is None or lexed.depths[index] != depth or not _stands_alone(lexed, index):
            continue
        if name in _NUMERIC:
            yield _cast(lexed, index, inferred.get(number, "numeric"))
        elif name in _SERIES or (name in _LATER_NUMBERS and nth):
            yield _cast(lexed, index, "integer")
        else:
            yield _cast(lexed, index, "text")


def typed_results(lexed: Lexed, at: int) -> Iterator[Edit]:
    """Numbers for what CASE and COALESCE give where a function of numbers at a token is said to take texts.

    sum(CASE WHEN a THEN $1 ELSE $2 END) lost the numbers that told the server that it gives some.
    """
    if lexed.word(at) not in _NUMERIC or not lexed.is_mark(at + 1, "("):
        return
    depth = lexed.depths[at + 1]
    for index in range(at + 2, len(lexed.tokens)):
        if lexed.depths[index] <= depth:
            break
        before = lexed.word(index - 1) in ("then", "else") or lexed.is_mark(index - 1, ",")
        if before and _number(lexed, index) is not None and not _has_type(lexed, index):
            yield _cast(lexed, index, "numeric")


def typed_as_compared(lexed: Lexed, inferred: Mapping[int, str]) -> Iterator[Edit]:
    """The type of its column for each parameter whose column is known and that has no type yet."""
    for index, token in enumerate(lexed.tokens):
        number = _number(lexed, index) if token.kind is Kind.PARAMETER else None
        if number in inferred and number is not None and not _has_type(lexed, index):
            yield _cast(lexed, index, inferred[number])


def typed_neighbours(lexed: Lexed, number: int) -> Iterator[Edit]:
    """Text for a parameter whose type nothing tells, and for those in the same list, of which the like is true.

    jsonb_build_object($1, a, $2, b) would else be refused once for each.
    """
    own = [index for index in range(len(lexed.tokens)) if _number(lexed, index) == number]
    edited = set(own)
    for index in own[:1]:
        if not lexed.depths[index]:
            continue
        for other in _same_list(lexed, index):
            if _number(lexed, other) is not None and _stands_alone(lexed, other):
                edited.add(other)
    for index in sorted(edited):
        if not _has_type(lexed, index):
            yield _cast(lexed, index, "text")


def _same_list(lexed: Lexed, index: int) -> Iterator[int]:
    depth = lexed.depths[index]
    first, last = index, index
    while first > 0 and lexed.depths[first - 1] >= depth:
        first -= 1
    while last + 1 < len(lexed.tokens) and lexed.depths[last + 1] >= depth:
        last += 1
    name = lexed.word(first - 2)
    if name.startswith(("json", "concat", "format")):
        yield from (other for other in range(first, last + 1) if lexed.depths[other] == depth)


def _arithmetic_type(column: str | None, *, is_left: bool) -> str:
    if column in _MOMENTS and column is not None:
        return column if is_left else "interval"
    return column if column in _NUMBERS and column is not None else "numeric"


def _stands_alone(lexed: Lexed, index: int) -> bool:
    """Whether a parameter is a whole element of a list."""
    before = lexed.is_mark(index - 1, "(") or lexed.is_mark(index - 1, ",") or lexed.tokens[index - 1].kind is Kind.WORD
    after = lexed.is_mark(index + 1, ")") or lexed.is_mark(index + 1, ",") or lexed.word(index + 1) != ""
    return before and after


def _has_type(lexed: Lexed, index: int) -> bool:
    return lexed.is_mark(index + 1, "::") or (lexed.word(index - 2) == "cast" and lexed.word(index + 1) == "as")


def _number(lexed: Lexed, index: int) -> int | None:
    if not 0 <= index < len(lexed.tokens) or lexed.tokens[index].kind is not Kind.PARAMETER:
        return None
    return int(lexed.of(lexed.tokens[index])[1:])


def _cast(lexed: Lexed, index: int, type_: str) -> Edit:
    token = lexed.tokens[index]
    return token.start, token.end, f"CAST({lexed.of(token)} AS {type_})"
