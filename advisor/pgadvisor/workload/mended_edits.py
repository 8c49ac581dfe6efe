"""What the rewriting of a copy for the parser is made of: edits of runs of tokens, and small questions to tokens."""

from __future__ import annotations

from typing import NamedTuple

from pgadvisor.workload.lexer import Kind, Lexed
from pgadvisor.workload.words import words

# Words that no operand ends in: what follows them begins one.
NO_OPERAND = words(
    "all and any array as between both by case content distinct document else end except exists from group having "
    "ilike in intersect into is leading like limit not offset on or order passing placing returning row select set "
    "similar some symmetric then to trailing union using values variadic version when where"
)
VALUES = (Kind.STRING, Kind.PARAMETER)


class Edit(NamedTuple):
    """What stands in the copy for the tokens from an index up to `end`, exclusive."""

    text: str
    end: int


Edits = dict[int, Edit]


def ends_operand(lexed: Lexed, index: int) -> bool:
    """Whether the token at an index ends something that an operator may follow."""
    if index < 0:
        return False
    token = lexed.tokens[index]
    if token.kind is Kind.PUNCTUATION:
        return lexed.of(token) in (")", "]")
    return token.kind is not Kind.OPERATOR and (lexed.word(index) not in NO_OPERAND or lexed.word(index) == "end")


def is_value(lexed: Lexed, index: int) -> bool:
    """Whether the token at an index is a string or a parameter."""
    return index < len(lexed.tokens) and lexed.tokens[index].kind in VALUES


def is_name(lexed: Lexed, index: int) -> bool:
    """Whether the token at an index is a word or a quoted name."""
    return 0 <= index < len(lexed.tokens) and lexed.tokens[index].kind in (Kind.WORD, Kind.QUOTED)


def after_group(lexed: Lexed, index: int, closing: dict[int, int]) -> int:
    """The index after the token, or after the group in parentheses that begins, at an index."""
    return closing.get(index, index) + 1
