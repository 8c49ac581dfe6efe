"""What an expression has of the column it is made from, where it has no statistics of its own."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import replace

from pgadvisor.indexes.sizes.attributes import KeyStatistics
from pgadvisor.indexes.sizes.elements import parsed

# Texts, quoted names, plain names; a name before a bracket is a function's, one after a cast a type's.
_TOKEN = re.compile(
    r"""'(?:[^']|'')*'|(?P<quoted>"(?:[^"]|"")+")|(?P<cast>::\s*)?(?P<plain>[a-z_][a-z0-9_$]*)(?P<call>\s*\()?"""
)
# One field of a document, as pg_get_expr writes it.
_FIELD = re.compile(r"""\(*[^'()]+ ->> '((?:[^']|'')*)'::text\)*""")
_SAME_WIDTH = frozenset({"lower", "upper", "initcap"})
_TEXTS = frozenset({"text", "varchar", "bpchar"})
_WORD = re.compile(r"\w+")
# Fields of a time that are numbers of up to four digits, which a numeric has in five bytes (sizes/layout.py).
_SMALL_FIELD = re.compile(
    r"EXTRACT\((year|isoyear|decade|century|quarter|month|week|day|dow|isodow|doy|hour|minute) FROM .*\)", re.DOTALL
)
_SMALL_NUMERIC_BYTES = 5.0


def of_expression(expression: str, typed: KeyStatistics, columns: Mapping[str, KeyStatistics]) -> KeyStatistics:
    """Statistics of an expression of one column; typed is what its type says, which stays where there are several.

    A function of one column has as many different values as the column, or fewer, and is NULL where that is (if it is
    strict, as most are). Only what changes the case of a text, or casts one, has the same widths. Of to_tsvector the
    lexemes are the words of the values known, whatever the language makes of them.
    """
    if typed.type_name == "numeric" and _SMALL_FIELD.fullmatch(expression):
        typed = replace(typed, average_width_bytes=_SMALL_NUMERIC_BYTES)
    names, calls = _names(expression, columns)
    if len(names) != 1:
        return typed
    (column,) = (columns[name] for name in names)
    found = replace(typed, null_fraction=column.null_fraction, n_distinct=column.n_distinct)
    if typed.type_name == "tsvector":
        return _with_words(replace(found, null_fraction=0.0 if "coalesce" in calls else column.null_fraction), column)
    field = _FIELD.fullmatch(expression) if column.type_name in ("json", "jsonb") else None
    if field is not None:
        return _with_field(found, column, field[1].replace("''", "'"))
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


def _with_field(found: KeyStatistics, column: KeyStatistics, name: str) -> KeyStatistics:
    """A field by the documents known; if none has a value twice, each row has one of its own."""
    documents = [document for document in map(parsed, column.values) if isinstance(document, dict)]
    values = [str(document[name]) for document in documents if document.get(name) is not None]
    if not values:
        return found
    counts = Counter(values)
    once, twice = (sum(count == times for count in counts.values()) for times in (1, 2))
    distinct = found.n_distinct if once == len(values) else len(counts) + once**2 / (2 * max(twice, 1))
    width = sum(len(value.encode("utf-8", "surrogatepass")) + 1 for value in values) / len(values)
    present = len(values) / len(documents) * (1 - column.null_fraction)
    return replace(
        found,
        n_distinct=distinct,
        null_fraction=1 - present,
        average_width_bytes=width,
        values=tuple(values),
        value_frequencies=(),
    )


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
