"""Sets of words, written as prose is."""

from __future__ import annotations


def words(text: str) -> frozenset[str]:
    """The words that blanks separate."""
    return frozenset(text.split())
