"""What stands on the twin for a function: its own body where the planner looks into that, else a stub.

The planner puts the body of a function in SQL in place of a call if that is one plain expression, or, where a call
stands in FROM, one query (inline_function and inline_set_returning_function in
https://github.com/postgres/postgres/blob/master/src/backend/optimizer/util/clauses.c). Of every other function it
knows no more than what a stub has as well: result, volatility, cost and rows. But while planning it also runs an
IMMUTABLE function whose arguments are constants, and for estimates a STABLE one.

All texts here are a stranger's: they are taken apart and put together anew, so that what is sent has no language but
ours and no body but the one meant.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from itertools import pairwise

from pgadvisor.indexes.quoting import qualified, quote_literal
from pgadvisor.model.objects import Function
from pgadvisor.workload.lexer import Kind, Lexed, lex

VOLATILITY = {"i": "IMMUTABLE", "s": "STABLE", "v": "VOLATILE"}
_PARALLEL = {"s": "SAFE", "r": "RESTRICTED", "u": "UNSAFE"}
# A query of these is not an expression, outside of brackets; a second SELECT or the like is not anywhere.
_CLAUSES = "distinct except fetch for group having intersect into limit offset order union where window"
_OF_QUERIES = frozenset(_CLAUSES.split())
_SUBQUERIES = frozenset(("select", "values", "with", "table", "over"))
_DOLLARS = re.compile(r"\$([^$]*)\$(.*)\$\1\$", re.DOTALL)
# What a STABLE stub gives while an estimate is made: nothing of note. A comparison with it is then estimated as one
# with a value that is not among the most common ones.
_PLAIN_VALUES = {
    "0": ("smallint", "integer", "bigint", "numeric", "real", "double precision", "oid"),
    "''": ("text", "character varying", "character", "name"),
    "false": ("boolean",),
    "'{}'": ("json", "jsonb"),
    "'00000000-0000-0000-0000-000000000000'": ("uuid",),
    "pg_catalog.now()": ("date", "timestamp without time zone", "timestamp with time zone"),
}
_PLAIN_VALUE = {type_name: value for value, type_names in _PLAIN_VALUES.items() for type_name in type_names}


@dataclass(frozen=True)
class _Parts:
    """A CREATE FUNCTION taken apart: what is between the brackets, the body, and the query in it."""

    arguments: str
    body: str
    query: str


def with_own_body(function: Function) -> str | None:
    """The function with its own body; None where the planner would not look into that, or its text is not known.

    Raises ValueError for a name that cannot be one.
    """
    if not _may_be_inlined(function) or function.definition is None:
        return None
    parts = _taken_apart(function.definition)
    if parts is None or not _is_inlined(function, parts.query):
        return None
    return _text(function, parts.arguments, "sql", parts.body)


def stub(function: Function) -> str | None:
    """The function without its body; None where it is of a kind that has no stub.

    Raises ValueError for a name or a signature that cannot be one.
    """
    if function.kind != "f" or function.result is None:
        return None
    parts = None if function.definition is None else _taken_apart(function.definition)
    arguments = _with_defaults(function) if parts is None else parts.arguments
    value = plain_value(function)
    name = f"{function.schema}.{function.name}"
    said = quote_literal(f"the body of function {name} is not on the twin")
    body = f"BEGIN RETURN {value}; END" if value else f"BEGIN RAISE feature_not_supported USING MESSAGE = {said}; END"
    return _text(function, arguments, "plpgsql", f"AS {quote_literal(body)}")


def plain_value(function: Function) -> str | None:
    """What its stub gives, as SQL; None where the stub raises an error."""
    if function.volatility != "s" or function.returns_set or function.result is None:
        return None
    return _PLAIN_VALUE.get(function.result)


def aggregate_stub(function: Function) -> tuple[str, str]:
    """A function that raises an error, and an aggregate that would call it for each row.

    Raises ValueError for a name or a signature that cannot be one.
    """
    result, arguments = _bracketless(function.result or ""), _bracketless(function.arguments)
    step = qualified(function.schema, f"{function.name} step")
    said = quote_literal(f"the body of aggregate {function.schema}.{function.name} is not on the twin")
    body = quote_literal(f"BEGIN RAISE feature_not_supported USING MESSAGE = {said}; END")
    takes = f"{result}, {arguments}" if arguments.strip() else result
    cost = f"COST {function.cost:.9g}" if function.cost > 0 else ""
    return (
        f"CREATE FUNCTION {step}({takes}\n) RETURNS {result}\n LANGUAGE plpgsql {cost} PARALLEL SAFE AS {body}",
        f"CREATE AGGREGATE {qualified(function.schema, function.name)}({arguments if arguments.strip() else '*'}\n) "
        f"(SFUNC = {step}, STYPE = {result}\n, PARALLEL = {_PARALLEL.get(function.parallel, 'UNSAFE')})",
    )


def _text(function: Function, arguments: str, language: str, body: str) -> str:
    parts = [
        f"CREATE FUNCTION {qualified(function.schema, function.name)}({_bracketless(arguments)}\n)",
        f"RETURNS {_bracketless(function.result or 'void')}\n",
        f"LANGUAGE {language} {VOLATILITY.get(function.volatility, 'VOLATILE')}",
        f"PARALLEL {_PARALLEL.get(function.parallel, 'UNSAFE')}",
    ]
    if function.strict:
        parts.append("STRICT")
    if function.cost > 0:
        parts.append(f"COST {function.cost:.9g}")
    if function.returns_set and function.rows > 0:
        parts.append(f"ROWS {function.rows:.9g}")
    return " ".join((*parts, body))


def _bracketless(text: str) -> str:
    """A part of a signature that cannot end before its end. Raises ValueError where it could."""
    lexed = lex(text)
    if "\0" in text or not lexed.balanced or lexed.commands > 1 or ";" in lexed.marks:
        raise ValueError("its signature is not what a server writes")
    return text


def _with_defaults(function: Function) -> str:
    """The arguments with a default where they have one, whichever: a stub looks at none."""
    lexed = lex(_bracketless(function.arguments))
    commas = [
        token.start
        for token, mark, depth in zip(lexed.tokens, lexed.marks, lexed.depths, strict=True)
        if mark == "," and not depth
    ]
    edges = [0, *commas, len(function.arguments)]
    arguments = [function.arguments[start:end] for start, end in pairwise(edges)]
    first = len(arguments) - function.argument_defaults
    return "".join(f"{text} DEFAULT NULL" if position >= first else text for position, text in enumerate(arguments))


def _may_be_inlined(function: Function) -> bool:
    return (
        function.language == "sql"
        and function.kind == "f"
        and not function.security_definer
        and not function.configuration
        and function.result is not None
        and not (function.returns_set and (function.volatility == "v" or function.strict))
    )


def _is_inlined(function: Function, query: str) -> bool:
    """Whether the query may be put in place of a call; where that is not seen from the text alone, it may."""
    lexed = lex(query)
    if not lexed.balanced or lexed.commands != 1:
        return False
    if function.returns_set:
        return lexed.first_keyword in ("select", "with", "values")
    return lexed.word(0) == "select" and _is_expression_alone(lexed)


def _is_expression_alone(lexed: Lexed) -> bool:
    for index, depth in enumerate(lexed.depths):
        word = lexed.word(index)
        if index and word in _SUBQUERIES:
            return False
        if depth == 0 and (word in _OF_QUERIES or word == "from") and lexed.word(index - 1) != "is":
            # "IS DISTINCT FROM", "IS NOT DISTINCT FROM"
            of_comparison = word == "distinct" and lexed.word(index - 1) == "not"
            if not of_comparison and not (word == "from" and lexed.word(index - 1) == "distinct"):
                return False
    return True


def _taken_apart(definition: str) -> _Parts | None:
    """A definition as pg_get_functiondef writes it; None where it is something else."""
    lexed = lex(definition)
    if not lexed.balanced or [lexed.word(index) for index in range(4)] != ["create", "or", "replace", "function"]:
        return None
    opening = next((index for index, mark in enumerate(lexed.marks) if mark == "("), None)
    if opening is None:
        return None
    closing = next(index for index in range(opening + 1, len(lexed.tokens)) if _closes(lexed, index))
    body = next((index for index in range(closing, len(lexed.tokens)) if _begins_body(lexed, index)), None)
    if body is None:
        return None
    arguments = definition[lexed.tokens[opening].end : lexed.tokens[closing].start]
    return _with_body(arguments, lex(definition[lexed.tokens[body].start :]))


def _with_body(arguments: str, body: Lexed) -> _Parts | None:
    if body.word(0) == "as":
        query = _string(body)
        return None if query is None else _Parts(arguments, f"AS {quote_literal(query)}", query)
    if body.word(0) == "return":
        return _Parts(arguments, body.text, f"SELECT {body.text[body.tokens[0].end :]}")
    if len(body.tokens) < 3:
        return None
    # BEGIN ATOMIC ... END
    return _Parts(arguments, body.text, body.text[body.tokens[1].end : body.tokens[-1].start])


def _closes(lexed: Lexed, index: int) -> bool:
    return lexed.depths[index] == 0 and lexed.marks[index] == ")"


def _begins_body(lexed: Lexed, index: int) -> bool:
    word = lexed.word(index)
    return lexed.depths[index] == 0 and (
        word in ("as", "return") or (word == "begin" and lexed.word(index + 1) == "atomic")
    )


def _string(lexed: Lexed) -> str | None:
    """The string of a body "AS $$...$$" and nothing more; None where it is written in another way."""
    if len(lexed.tokens) != 2 or lexed.tokens[1].kind is not Kind.STRING:
        return None
    match = _DOLLARS.fullmatch(lexed.of(lexed.tokens[1]))
    return None if match is None else match[2]
