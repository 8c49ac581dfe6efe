"""Conditions and expressions of plans as tokens: where their operators stand, and what is between parentheses.

How the server writes them: https://github.com/postgres/postgres/blob/master/src/backend/utils/adt/ruleutils.c
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from pgadvisor.workload.index_names import name_at
from pgadvisor.workload.lexer import Kind, Lexed
from pgadvisor.workload.words import words

# As the server names them in what EXPLAIN shows. It quotes names with capital letters, so that none is one of these.
_SUBPLAN, _INITPLAN = "SubPlan", "InitPlan"
_LITERALS = frozenset({Kind.STRING, Kind.NUMBER})
_FIXED_WORDS = words("array true false null")
FLIPPED = {"<": ">", "<=": ">=", ">": "<", ">=": "<=", "@>": "<@", "<@": "@>", "<<": ">>", ">>": "<<"}
# Words that are like those of a text (https://www.postgresql.org/docs/current/pgtrgm.html).
FLIPPED |= {"<%": "%>", "%>": "<%", "<<%": "%>>", "%>>": "<<%"}
_SYMMETRIC = frozenset({"=", "<>", "&&", "-|-", "@@", "<->", "%"})


def column_references(lexed: Lexed, start: int, end: int) -> Iterator[tuple[str, str, int]]:
    """Columns in tokens, each with its alias and the place where that stands."""
    place = start
    while place < end - 2:
        first, dot, name = lexed.tokens[place], lexed.is_mark(place + 1, "."), name_at(lexed, place + 2)
        if dot and first.kind in (Kind.WORD, Kind.QUOTED) and name is not None:
            is_type = lexed.is_mark(place - 1, "::") or lexed.word(place - 1) == "collate"
            is_call = place + 3 < len(lexed.tokens) and lexed.is_mark(place + 3, "(")
            in_operator = lexed.is_mark(place - 1, "(") and lexed.word(place - 2) == "operator"
            if not is_type and not is_call and not in_operator:
                yield name_at(lexed, place) or "", name, place
            place += 3
        else:
            place += 1


def text_between(lexed: Lexed, start: int, end: int, cuts: Mapping[int, int]) -> str:
    """The text of tokens without what is cut."""
    pieces: list[str] = []
    place = start
    while place < end:
        if place > start and lexed.tokens[place].start > lexed.tokens[place - 1].end:
            pieces.append(" ")
        place = cuts.get(place, place)
        pieces.append(lexed.of(lexed.tokens[place]))
        place += 1
    return "".join(pieces)


def closing(lexed: Lexed, place: int) -> int:
    """Where the parenthesis that stands at a place is closed; all of them are."""
    depth = lexed.depths[place]
    marks, depths = lexed.marks, lexed.depths
    return next(each for each in range(place + 1, len(marks)) if depths[each] == depth and marks[each] == ")")


def without_parentheses(lexed: Lexed, start: int, end: int) -> tuple[int, int]:
    """Tokens without the parentheses around all of them."""
    while end - start > 1 and lexed.is_mark(start, "(") and closing(lexed, start) == end - 1:
        start, end = start + 1, end - 1
    return start, end


def split_at(lexed: Lexed, start: int, end: int, word: str) -> list[tuple[int, int]]:
    """Tokens at each AND, or OR, outside parentheses; nothing is split where a CASE has such."""
    depth = lexed.depths[start]
    own = [place for place in range(start, end) if lexed.depths[place] == depth]
    if any(lexed.word(place) == "case" for place in own):
        return [(start, end)]
    at = [place for place in own if lexed.word(place) == word]
    return list(zip([start, *(place + 1 for place in at)], [*at, end], strict=True))


def tested_in(lexed: Lexed, start: int, end: int) -> tuple[int, int, str] | None:
    """Where a condition has no operator: what it tests, and for what."""
    for ending in (("is", "not", "null"), ("is", "null")):
        size = len(ending)
        if tuple(lexed.word(place) for place in range(end - size, end)) == ending and end - size > start:
            return start, end - size, " ".join(ending)
    if lexed.word(start) == "not":
        return start + 1, end, "is false"
    if end - start == 3 and lexed.is_mark(start + 1, "."):
        return start, end, "is true"
    return None


def operator_in(lexed: Lexed, start: int, end: int) -> int | None:
    """Where the one operator of a condition stands; None where there is none, or something else beside it."""
    depth = lexed.depths[start]
    own = [place for place in range(start, end) if lexed.depths[place] == depth]
    if any(lexed.word(place) in ("is", "case", "not") for place in own):
        return None
    found = [
        place
        for place in own
        if lexed.tokens[place].kind is Kind.OPERATOR
        or (lexed.word(place) == "operator" and lexed.is_mark(place + 1, "("))
    ]
    return found[0] if len(found) == 1 and start < found[0] < end - 1 else None


def operator_at(lexed: Lexed, place: int) -> tuple[str, int]:
    """An operator, without its schema, and where the tokens after it begin."""
    if lexed.tokens[place].kind is Kind.OPERATOR:
        return lexed.of(lexed.tokens[place]), place + 1
    close = closing(lexed, place + 1)
    return lexed.of(lexed.tokens[close - 1]), close + 1


def turned_operator(operator: str, turned: bool, quantifier: str) -> str:
    """The operator with the subject on its left; "" where there is none such."""
    if quantifier:
        return f"{quantifier} {operator}" if turned else f"{operator} {quantifier}"
    if turned:
        return operator if operator in _SYMMETRIC else FLIPPED.get(operator, "")
    return operator


def names_plan(lexed: Lexed, place: int) -> bool:
    """Whether a subplan is told of, other than as the value that a plan has computed before: `(InitPlan 1).col1`."""
    if _is_result(lexed, place):
        return False
    return _is_name_of_plan(lexed, place, _SUBPLAN) or _is_name_of_plan(lexed, place, _INITPLAN)


def has_parameter(lexed: Lexed, start: int, end: int) -> bool:
    """Whether there is a $n in tokens."""
    return any(lexed.tokens[place].kind is Kind.PARAMETER for place in range(start, end))


def has_result(lexed: Lexed, start: int, end: int) -> bool:
    """Whether tokens have the value that a plan has computed before, which is a $n before version 17."""
    return any(_is_result(lexed, place) for place in range(start, end))


def _is_result(lexed: Lexed, place: int) -> bool:
    return (
        _is_name_of_plan(lexed, place, _INITPLAN)
        and lexed.is_mark(place - 1, "(")
        and lexed.is_mark(place + 2, ")")
        and lexed.is_mark(place + 3, ".")
    )


def _is_name_of_plan(lexed: Lexed, place: int, name: str) -> bool:
    tokens = lexed.tokens
    return (
        tokens[place].kind is Kind.WORD
        and lexed.of(tokens[place]) == name
        and place + 1 < len(tokens)
        and tokens[place + 1].kind is Kind.NUMBER
    )


def is_fixed(lexed: Lexed, start: int, end: int) -> bool:
    """Whether nothing but literals, with the types they are cast to, is in tokens."""
    literals = False
    for place in range(start, end):
        kind = lexed.tokens[place].kind
        if kind in _LITERALS or lexed.word(place) in _FIXED_WORDS:
            literals = True
        elif kind in (Kind.PARAMETER, Kind.OPERATOR) or (
            kind in (Kind.WORD, Kind.QUOTED) and not in_type(lexed, start, place)
        ):
            return False
    return literals


def in_type(lexed: Lexed, start: int, place: int) -> bool:
    """Whether a name is of a type that is cast to: a cast stands before it, with names and dots alone between."""
    place -= 1
    while place >= start and (
        lexed.tokens[place].kind in (Kind.WORD, Kind.QUOTED) or lexed.marks[place] in (".", "(", ")", ",")
    ):
        place -= 1
    return place >= start and lexed.is_mark(place, "::")


def has_own_parentheses(lexed: Lexed, start: int, end: int) -> bool:
    """Whether ruleutils.c puts parentheses around an expression wherever it stands: casts and calls have none."""
    depth = lexed.depths[start]
    own = [place for place in range(start, end) if lexed.depths[place] == depth]
    if any(lexed.word(place) == "case" for place in own):
        return False
    words_of_operators = ("at", "collate", "operator", "is", "and", "or", "not")
    return any(
        lexed.tokens[place].kind is Kind.OPERATOR
        or (lexed.word(place) in words_of_operators and not _is_of_name(lexed, place))
        for place in own
    )


def is_at_time_zone(lexed: Lexed, start: int, end: int) -> bool:
    """What is a function to pg_get_indexdef though it looks otherwise: it gets no more parentheses than its own."""
    depth = lexed.depths[start]
    return any(
        lexed.word(place) == "at" and lexed.depths[place] == depth and not _is_of_name(lexed, place)
        for place in range(start, end)
    )


def _is_of_name(lexed: Lexed, place: int) -> bool:
    """Whether a word is an alias before a column, or the column: of those that are keywords not all are quoted."""
    return lexed.is_mark(place - 1, ".") or lexed.is_mark(place + 1, ".")


def is_call(lexed: Lexed, start: int, end: int) -> bool:
    """Whether tokens are one call, around which pg_get_indexdef puts no parentheses (looks_like_function)."""
    place = start
    while place < end and lexed.tokens[place].kind in (Kind.WORD, Kind.QUOTED):
        place += 1
        if not lexed.is_mark(place, "."):
            break
        place += 1
    return place > start and place < end and lexed.is_mark(place, "(") and closing(lexed, place) == end - 1
