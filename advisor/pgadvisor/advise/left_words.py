"""What is said of indexes that are left, without the constants of the expressions that it names."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from msgspec.structs import replace

from pgadvisor.advise.selection.reasons import described
from pgadvisor.indexes.identity import masked_definition
from pgadvisor.model.catalog import IndexDefinition
from pgadvisor.model.index_advice import LeftIndex, WhyNot


def without_values(left: Sequence[LeftIndex], named: Iterable[IndexDefinition] = ()) -> tuple[LeftIndex, ...]:
    """Indexes that are left, their sentences without constants of each other and of others that they may name.

    Their definitions stay: decisions are found by them, and a report masks them itself.
    """
    words: dict[str, str] = {}
    for definition in (*named, *(each.definition for each in left)):
        raw, masked = described(definition), described(masked_definition(definition))
        if raw != masked:
            words[raw] = masked
    if not words:
        return tuple(left)
    # The longest first: one may be the beginning of another.
    ordered = sorted(words.items(), key=lambda each: (-len(each[0]), each[0]))
    return tuple(
        replace(each, sentence=_replaced(each.sentence, ordered), served_by=_replaced(each.served_by, ordered))
        for each in left
    )


def without_server_words(left: Sequence[LeftIndex]) -> tuple[LeftIndex, ...]:
    """Those that a planner refused, without what it said where that may quote constants of the index."""
    return tuple(
        replace(each, sentence="The planner cannot have it.")
        if each.why is WhyNot.IMPOSSIBLE and masked_definition(each.definition) != each.definition
        else each
        for each in left
    )


def _replaced(text: str, words: Sequence[tuple[str, str]]) -> str:
    for raw, masked in words:
        text = text.replace(raw, masked)
    return text
