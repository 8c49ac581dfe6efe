"""What an expression has of the column it is made from, where it has no statistics of its own."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import replace

from pgadvisor.indexes.sizes.attributes import KeyStatistics

# Texts, quoted names, plain names; a name before a bracket is a function's, one after a cast a type's.
_TOKEN = re.compile(
    r"""'(?:[^']|'')*'|(?P<quoted>"(?:[^"]|"")+")|(?P<cast>::\s*)?(?P<plain>[a-z_][a-z0-9_$]*)(?P<call>\s*\()?"""
)
_SAME_WIDTH = frozenset({"lower", "upper", "initcap"})
_TEXTS = frozenset({"text", "varchar", "bpchar"})
_WORD = re.compile(r"\w+")


def of_expression(expression: str, typed: KeyStatistics, columns: Mapping[str, KeyStatistics]) -> KeyStatistics:
    """Statistics of an expression of one column; typed is what its type says, which stays where there are several.

    A function of one column has as many different values as the column, or fewer, and is NULL where that is (if it is
    strict, as most are). Only what changes the case of a text, or casts one, has the same widths. Of to_tsvector the
    lexemes are the words of the values known, whatever the language makes of them.
    """
    names, calls = _names(expression, columns)
    if len(names) != 1:
        return typed
    (column,) = (columns[name] for name in names)
    found = replace(typed, null_fraction=column.null_fraction, n_distinct=column.n_distinct)
    if typed.type_name == "tsvector":
        return _with_words(replace(found, null_fraction=0.0 if "coalesce" in calls else column.null_fraction), column)
    if typed.type_name in _TEXTS and column.type_name in _TEXTS and calls <= _SAME_WIDTH:
        return replace(
            found,
            average_width_bytes=column.average_width_bytes,
            values=column.values,
            value_frequencies=column.value_frequencies,
        )
    return found


def _names(expression: str, columns: Mapping[str, KeyStatistics]) -> tuple[set[str], set[str]]:
    """Columns and functions that an expression names."""
    names: set[str] = set()
    calls: set[str] = set()
    for match in _TOKEN.finditer(expression):
        name = match["plain"]
        if match["quoted"] is not None:
            name = match["quoted"][1:-1].replace('""', '"')
        elif match["call"] is not None and match["cast"] is None:
            calls.add(name.lower())
            continue
        if name in columns and match["cast"] is None:
            names.add(name)
    return names, calls


def _with_words(found: KeyStatistics, column: KeyStatistics) -> KeyStatistics:
    texts = [set(_WORD.findall(value.lower())) for value in column.values]
    if not texts:
        return found
    counts = Counter(word for words in texts for word in words)
    # What occurs once among so few stands for all that is rare; how rare, the number of all words tells.
    common = [(word, count) for word, count in sorted(counts.items()) if count > 1]
    return replace(
        found,
        elements=tuple(word for word, _ in common),
        element_frequencies=tuple(count / len(texts) * (1 - found.null_fraction) for _, count in common),
        elements_per_value=counts.total() / len(texts),
    )
