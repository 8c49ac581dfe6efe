"""The values of a call by the numbers that the server's text of the statement gives them."""

from __future__ import annotations

from collections.abc import Sequence

from pgadvisor.workload.lexer import Kind, Lexed, lex
from pgadvisor.workload.string_tokens import string_value
from pgadvisor.workload.words import words

_WORDS_OF_CONSTANTS = words("false null true")


def values_by_number(numbered: str, call: str, bound: Sequence[str | None] = ()) -> tuple[str | None, ...] | None:
    """What each parameter of the server's text is in a call, as text; None where the two are not the same otherwise.

    bound are the values of the call's own parameters. pg_stat_statements numbers constants after these, in the order of
    the text, also such that no parameter could stand for, as the key in data ->> 'key'.

    >>> values_by_number("select data ->> $2 from t where a = $1 and b = $3",
    ...                  "SELECT data ->> 'k' FROM t WHERE a = $1 AND b = -5", ("7",))
    ('7', 'k', '-5')
    """
    server, own = lex(numbered), lex(call)
    found: dict[int, str | None] = {}
    at = 0
    for index, token in enumerate(server.tokens):
        if token.kind is Kind.PARAMETER:
            read = _value(own, at, bound)
            number = int(server.of(token)[1:])
            if read is None or found.get(number, read[0]) != read[0]:
                return None
            found[number], at = read
        elif _spelt(server, index) == _spelt(own, at):
            at += 1
        else:
            return None
    is_whole = all(own.is_mark(index, ";") for index in range(at, len(own.tokens)))
    if not is_whole or found.keys() != set(range(1, len(found) + 1)):
        return None
    return tuple(found[number] for number in sorted(found))


def _spelt(lexed: Lexed, index: int) -> str:
    """A token as it is compared; "" where there is none."""
    if index >= len(lexed.tokens):
        return ""
    return lexed.word(index) or lexed.of(lexed.tokens[index])


def _value(lexed: Lexed, index: int, bound: Sequence[str | None]) -> tuple[str | None, int] | None:
    """The constant or parameter that begins at a token, and the token after it; None where neither does."""
    sign = ""
    if _spelt(lexed, index) == "-":
        sign, index = "-", index + 1
    if index >= len(lexed.tokens):
        return None
    token = lexed.tokens[index]
    written = lexed.of(token)
    match token.kind:
        case Kind.NUMBER:
            return sign + written, index + 1
        case Kind.WORD if not sign and lexed.word(index) in _WORDS_OF_CONSTANTS:
            return (None if lexed.word(index) == "null" else lexed.word(index)), index + 1
        case Kind.PARAMETER if not sign and 0 < int(written[1:]) <= len(bound):
            return bound[int(written[1:]) - 1], index + 1
        case Kind.STRING if not sign and written[0] not in "bBxX":
            value = string_value(written)
            # A string may go on on the next line.
            while index + 1 < len(lexed.tokens) and lexed.tokens[index + 1].kind is Kind.STRING:
                index += 1
                value += string_value(f"'{lexed.of(lexed.tokens[index])[1:]}")
            return None if "\0" in value else (value, index + 1)
    return None
