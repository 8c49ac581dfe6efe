"""Texts of statements made comparable: the same statement has other ids in other versions, and other constants."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

from pgadvisor.model.statements import Statements
from pgadvisor.workload.lexer import Kind, Lexed, Token, lex

_CONSTANTS = frozenset({Kind.STRING, Kind.NUMBER, Kind.PARAMETER})
_CONSTANT = "?"


def comparable(text: str) -> tuple[str, ...] | None:
    """A text's tokens without comments and case, constants and parameters alike, and a list of them as one.

    From 18 on pg_stat_statements writes such a list as its first member. None where the text ends inside of something,
    so that nothing is known of its rest.
    """
    lexed = lex(text)
    if lexed.unterminated or lexed.cut:
        return None
    words: list[str] = []
    for token in lexed.tokens:
        word = _word(lexed, token)
        if word == _CONSTANT and words[-2:] == [_CONSTANT, ","]:
            words.pop()
        else:
            words.append(word)
    while words and words[-1] == ";":
        words.pop()
    return tuple(words)


def _word(lexed: Lexed, token: Token) -> str:
    if token.kind in _CONSTANTS:
        return _CONSTANT
    written = lexed.of(token)
    return written.lower() if token.kind is Kind.WORD else written


def matched(old: Statements, new: Statements) -> Mapping[str, str]:
    """Old ids by new ones, of statements whose id has changed and whose text has not.

    A text that several statements share (on tables of the same name in different schemas) tells nothing.
    """
    before, after = ids_of(old), ids_of(new)
    vanished, fresh = _by_text(old, before - after), _by_text(new, after - before)
    return {fresh[text]: vanished[text] for text in fresh if text in vanished}


def ids_of(statements: Statements) -> frozenset[str]:
    """The ids of all entries."""
    return frozenset(row.query_id for row in statements.rows)


def _by_text(statements: Statements, ids: frozenset[str]) -> dict[tuple[str, ...], str]:
    found = [
        (comparable(text.text), text.query_id)
        for text in statements.texts
        if text.text is not None and text.query_id in ids
    ]
    counts = Counter(words for words, _ in found)
    return {words: query_id for words, query_id in found if words and counts[words] == 1}
