"""Expressions as a server writes them: whether a text is one and nothing besides, so that a command may hold it."""

from __future__ import annotations

import re

from pgadvisor.indexes.quoting import RESERVED
from pgadvisor.workload.lexer import Kind, Lexed, lex

# What PostgreSQL writes between the words of an expression, and the punctuation in it (ruleutils.c). All else is left
# to strings and quoted names: no comment, semicolon, backslash or brace, which a client acts on.
_BETWEEN = re.compile(r"[ \n]*")
_PUNCTUATION = frozenset((",", ".", ":", "::"))
# B'' and X'' hold digits alone; other prefixes are never written.
_STRINGS = re.compile(r"(?:[eE]?'.*|[bBxX]'[0-9a-fA-F]*')", re.DOTALL)
_APART = frozenset((Kind.WORD, Kind.QUOTED, Kind.STRING, Kind.NUMBER))


def is_expression(text: str) -> bool:
    """Whether a text is what a server may have written for an expression, so that it can stand inside a command.

    However a client or a server of any version and setting splits it: brackets balance, nothing goes on past its end,
    nothing in it ends the command or is a client's. What the server then makes of it is not looked at.

    >>> is_expression("(lower(email) = 'a;b'::text)"), is_expression("true; DROP TABLE t")
    (True, False)
    """
    lexed = lex(text)
    if not lexed.tokens or not lexed.balanced or "\0" in text:
        return False
    end = 0
    previous: Kind | None = None
    brackets: list[str] = []
    for index, token in enumerate(lexed.tokens):
        between = text[end : token.start]
        if _BETWEEN.fullmatch(between) is None or not _is_fit(lexed, index, brackets):
            return False
        # 1e'..' or 'a' 'b' are split otherwise by other versions, or where the first is an E''.
        touches = token.kind in _APART and previous in _APART
        if touches and (not between or (token.kind is Kind.STRING and previous is Kind.STRING)):
            return False
        end, previous = token.end, token.kind
    return _BETWEEN.fullmatch(text[end:]) is not None


def _is_fit(lexed: Lexed, index: int, brackets: list[str]) -> bool:
    """Whether a token may be there. brackets are those open around it, which it may open or close one of."""
    text, kind = lexed.of(lexed.tokens[index]), lexed.tokens[index].kind
    match kind:
        case Kind.WORD:
            return "$" not in text
        case Kind.QUOTED:
            return text.startswith('"')
        case Kind.STRING:
            return _STRINGS.fullmatch(text) is not None
        case Kind.PARAMETER:
            return False
        case Kind.PUNCTUATION if text in ("(", "["):
            brackets.append(text)
        case Kind.PUNCTUATION if text in (")", "]"):
            brackets.pop()
        case Kind.PUNCTUATION:
            return text in _PUNCTUATION and (text != ":" or (brackets[-1:] == ["["] and _is_slice(lexed, index)))
    return True


def _is_slice(lexed: Lexed, index: int) -> bool:
    """Whether a colon is that of a[1:b], and not a bare variable of psql: some of those hold names of strangers.

    What psql sets is called in capitals, in which the server writes keywords alone. A quoted variable stays one word.
    """
    following = lexed.tokens[index + 1]
    word = lexed.of(following)
    is_keyword = word.lower() in RESERVED and word.lower() != "user"
    return following.kind is not Kind.WORD or word == word.lower() or is_keyword
