"""A constant of the right type, where no statistics tell of a parameter."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pgadvisor.planner.guard import ParameterType
from pgadvisor.planner.values.spelling import array_literal
from pgadvisor.workload.lexer import Kind, Lexed
from pgadvisor.workload.words import words

if TYPE_CHECKING:
    from pgadvisor.facts import Facts

_BY_TYPE = {
    "smallint": "1", "integer": "1", "bigint": "1", "numeric": "1", "real": "1", "double precision": "1", "money": "1",
    "oid": "1", "text": "a", "character varying": "a", "character": "a", "name": "a", '"char"': "a", "boolean": "true",
    "date": "2026-01-01", "timestamp without time zone": "2026-01-01", "timestamp with time zone": "2026-01-01 00:00Z",
    "time without time zone": "12:00", "time with time zone": "12:00Z", "interval": "1 day",
    "uuid": "00000000-0000-0000-0000-000000000000", "json": "{}", "jsonb": "{}", "jsonpath": "$", "xml": "<a/>",
    "bytea": "\\x00", "inet": "127.0.0.1", "cidr": "127.0.0.0/8", "macaddr": "00:00:00:00:00:00", "bit": "0",
    "bit varying": "0", "tsquery": "a", "tsvector": "a", "point": "(0,0)", "int4range": "[1,2)", "int8range": "[1,2)",
    "numrange": "[1,2)", "daterange": "[2026-01-01,2026-01-02)", "tsrange": "[2026-01-01,2026-01-02)",
    "tstzrange": "[2026-01-01 00:00Z,2026-01-02 00:00Z)",
}  # fmt: skip
_FIELD_FUNCTIONS = words("date_trunc date_part extract")
_FIELD, _ZONE, _FORMAT = "day", "UTC", "YYYY-MM-DD"
_FORMAT_FUNCTIONS = words("to_char to_date to_timestamp")


def constant(type_: ParameterType, facts: Facts) -> tuple[str | None, str]:
    """A value of a type, and where it is from; NULL where no value of the type is known."""
    name = type_.name
    known = _BY_TYPE.get(name.partition("(")[0])
    if known is None and type_.is_array:
        element = _BY_TYPE.get(name.removesuffix("[]"))
        known = None if element is None else array_literal([element])
    if known is not None:
        return known, f"a constant of type {name}"
    for user_type in facts.snapshot.catalog.types:
        if user_type.labels and name in (user_type.name, f"{user_type.schema}.{user_type.name}"):
            return user_type.labels[0], f"first label of the enum {user_type.schema}.{user_type.name}"
    return None, f"NULL, for want of a value of type {name}"


def places(lexed: Lexed) -> dict[int, tuple[str, str]]:
    """Parameters of which their place in the text tells what they may be: a value, and where it is from.

    They are the constants that date_trunc, extract, to_char and AT TIME ZONE are given.
    """
    found: dict[int, tuple[str, str]] = {}
    for index, token in enumerate(lexed.tokens):
        if token.kind is not Kind.PARAMETER:
            continue
        told = _told_by_place(lexed, index)
        if told is not None:
            found.setdefault(int(lexed.of(token)[1:]), told)
    return found


def _told_by_place(lexed: Lexed, index: int) -> tuple[str, str] | None:
    before = index - 2 if lexed.word(index - 1) == "" and lexed.is_mark(index - 1, "(") else index - 1
    if lexed.word(before) == "cast" and lexed.is_mark(before - 1, "("):
        before -= 2
    if before < index - 1 and lexed.word(before) in _FIELD_FUNCTIONS:
        return _FIELD, f"a usual field of {lexed.word(before)}"
    if tuple(lexed.word(index - back) for back in (3, 2, 1)) == ("at", "time", "zone"):
        return _ZONE, "a usual time zone"
    if lexed.word(before) == "interval" or _is_cast_to_interval(lexed, index):
        return "1 day", "a usual interval"
    if (
        lexed.is_mark(index - 1, ",")
        and lexed.is_mark(index + 1, ")")
        and _function_of(lexed, index) in (_FORMAT_FUNCTIONS)
    ):
        return _FORMAT, "a usual format"
    return None


def _is_cast_to_interval(lexed: Lexed, index: int) -> bool:
    typed = lexed.is_mark(index + 1, "::") or (lexed.word(index + 1) == "as" and lexed.word(index - 2) == "cast")
    return typed and lexed.word(index + 2) == "interval"


def _function_of(lexed: Lexed, index: int) -> str:
    """The word before the parenthesis that is open at a token."""
    depth = 0
    for at in range(index - 1, 0, -1):
        if lexed.is_mark(at, ")"):
            depth += 1
        elif lexed.is_mark(at, "("):
            if not depth:
                return lexed.word(at - 1)
            depth -= 1
    return ""
