"""Which literals of a text are hidden because it names something that is a secret."""

from __future__ import annotations

import re
from collections.abc import Iterator

from pgadvisor.workload.lexer import Kind, Lexed, lex
from pgadvisor.workload.string_tokens import string_value
from pgadvisor.workload.telling_names import is_telling

_OF_FIELDS = frozenset(("->", "->>", "#>", "#>>"))
_JSON_ARROWS = _OF_FIELDS | {"?"}
# A field's name, or a path of such; a secret that looks so is no name of one.
_FIELD = re.compile(r"[A-Za-z_]+|\{[A-Za-z_]+(?:,[A-Za-z_]+)*\}")
# Types whose literals are no secrets, and without which a definition is not worth much.
_HARMLESS_TYPES = re.compile(
    r"reg(?:class|type|proc|procedure|config|dictionary|namespace|role)|date|time|timetz|timestamp|timestamptz|interval"
    r"|bool|boolean"
)
_COMPARISONS = re.compile(r"in|like|ilike|between|is|any|all|some|values|default")
_ENDS_OF_CONDITIONS = re.compile(
    r"and|or|where|group|order|limit|offset|fetch|then|else|end|when|returning|union|intersect|except|having"
    r"|select|from|set|by|on|using"
)


def told(lexed: Lexed, *, telling: bool, numbers: bool) -> Iterator[int]:
    """The literals of a text that names anything telling, wherever it names it: a secret may stand at any distance.

    Of numbers those in the same condition or assignment. telling: what the text belongs to has such a name. numbers:
    all numbers are hidden.
    """
    tokens = lexed.tokens
    strings = [index for index, token in enumerate(tokens) if token.kind is Kind.STRING]
    named = {
        index for index in range(len(tokens)) if is_telling(name_at(lexed, index)) and not _only_null(lexed, index)
    }
    named |= {index for index in strings if _is_telling_key(lexed, index)}
    if telling or named or any(_is_telling_code(lexed, index) for index in strings):
        yield from (index for index in strings if not (_is_harmless(lexed, index) or _names_field(lexed, index)))
    if numbers:
        yield from (index for index, token in enumerate(tokens) if token.kind is Kind.NUMBER)
    elif named:
        yield from _compared_numbers(lexed, named)


def names_secrets(text: str) -> bool:
    """Whether a text names anything telling, so that its strings are hidden."""
    lexed = lex(text)
    return any(is_telling(name_at(lexed, index)) for index in range(len(lexed.tokens)))


def name_at(lexed: Lexed, index: int) -> str:
    """A word, or a name with its quotes taken off, at a token index; "" where there is another token, or none."""
    if not 0 <= index < len(lexed.tokens):
        return ""
    token = lexed.tokens[index]
    text = lexed.of(token) if token.kind in (Kind.WORD, Kind.QUOTED) else ""
    # One with escapes stays as it is spelt.
    return text[1:-1].replace('""', '"') if text.startswith('"') else text


def is_empty(lexed: Lexed, index: int) -> bool:
    """Whether a token is the string that holds nothing: password <> ''."""
    return lexed.tokens[index].kind is Kind.STRING and not string_value(lexed.of(lexed.tokens[index]))


def _only_null(lexed: Lexed, index: int) -> bool:
    """Whether something is only asked for NULL."""
    after = index + 2 if lexed.word(index + 2) != "not" else index + 3
    return lexed.word(index + 1) == "is" and lexed.word(after) == "null"


def _is_telling_key(lexed: Lexed, index: int) -> bool:
    """Whether a string is the name of a field of JSON: data->>'password'."""
    before = lexed.of(lexed.tokens[index - 1]) if index else ""
    return before in _JSON_ARROWS and is_telling(string_value(lexed.of(lexed.tokens[index])).strip("{}"))


def _names_field(lexed: Lexed, index: int) -> bool:
    """Whether a string does no more than name the field of a document that a secret is in, as a column's name does.

    What is looked up by it in something telling may be a secret itself: tokens -> 'x'.
    """
    if not _is_telling_key(lexed, index) or lexed.of(lexed.tokens[index - 1]) not in _OF_FIELDS:
        return False
    named = _FIELD.fullmatch(string_value(lexed.of(lexed.tokens[index]))) is not None
    return named and not is_telling(name_at(lexed, index - 2))


def _is_telling_code(lexed: Lexed, index: int) -> bool:
    """Whether a string is the body of a function that names anything telling and holds literals itself."""
    if lexed.word(index - 1) != "as" or lexed.first_keyword != "create":
        return False
    body = lex(string_value(lexed.of(lexed.tokens[index])))
    if body.unterminated or body.cut:
        return True
    has_literals = any(token.kind in (Kind.STRING, Kind.NUMBER) for token in body.tokens)
    return has_literals and any(is_telling(name_at(body, at)) for at in range(len(body.tokens)))


def _is_harmless(lexed: Lexed, index: int) -> bool:
    """Whether a string is that of a type that no secret is of, as the server writes it: '2026-01-01'::date."""
    return lexed.is_mark(index + 1, "::") and _HARMLESS_TYPES.fullmatch(lexed.word(index + 2)) is not None


def _compared_numbers(lexed: Lexed, named: set[int]) -> Iterator[int]:
    """The numbers of each condition or assignment that something telling stands in, and those called by its name."""
    numbers: list[int] = []
    tells = compares = between = False
    inserts = False
    for index, token in enumerate(lexed.tokens):
        word = lexed.word(index)
        inserts = inserts or word == "insert"
        is_end = _ENDS_OF_CONDITIONS.fullmatch(word) is not None and not (between and word == "and")
        if (is_end and not (word == "from" and lexed.word(index - 1) == "distinct")) or lexed.is_mark(index, ";"):
            if tells and compares:
                yield from numbers
            numbers, tells, compares = [], inserts and tells and word == "select", False
        between = word == "between" or (between and word != "and")
        compares = compares or token.kind is Kind.OPERATOR or lexed.is_mark(index, ":=")
        compares = compares or (bool(word) and _COMPARISONS.fullmatch(word) is not None)
        if index in named:
            tells = True
            before = index - 2 if lexed.word(index - 1) == "as" else index - 1
            yield from (at for at in (before,) if at >= 0 and lexed.tokens[at].kind is Kind.NUMBER)
        if token.kind is Kind.NUMBER:
            numbers.append(index)
    if tells and compares:
        yield from numbers
