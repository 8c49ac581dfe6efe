"""Statements known again by their texts: the same statement has other ids in other versions, and other constants."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

from pgadvisor.model.statements import Statements, StatementText
from pgadvisor.workload.fingerprint import fingerprint
from pgadvisor.workload.folding import entries_of
from pgadvisor.workload.lexer import lex


def matched(old: Statements, new: Statements) -> Mapping[str, str]:
    """Old ids by new ones, of statements whose ids have changed and whose text has not.

    A text that several statements share (on tables of the same name in different schemas) tells nothing, nor does one
    that ends inside of something.
    """
    before, after = ids_of(old), ids_of(new)
    vanished, fresh = _by_text(old, before - after), _by_text(new, after - before)
    return {
        query_id: vanished[text].query_id
        for text, found in fresh.items()
        if text in vanished
        for query_id in entries_of(found)
    }


def ids_of(statements: Statements) -> frozenset[str]:
    """The ids of all entries."""
    return frozenset(row.query_id for row in statements.rows)


def _by_text(statements: Statements, ids: frozenset[str]) -> dict[str, StatementText]:
    found = [
        (fingerprint(text.text), text)
        for text in statements.texts
        if text.text is not None and text.query_id in ids and _is_whole(text.text)
    ]
    counts = Counter(made for made, _ in found)
    return {made: text for made, text in found if counts[made] == 1}


def _is_whole(text: str) -> bool:
    lexed = lex(text)
    return not lexed.unterminated and not lexed.cut
