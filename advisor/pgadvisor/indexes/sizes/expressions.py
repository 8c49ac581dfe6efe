"""What an expression has of the column it is made from, where it has no statistics of its own."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime

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
# What makes one of all moments of a period, by how many seconds that lasts; months and years at their mean.
_TRUNCATED = re.compile(r"date_trunc\('(second|minute|hour|day|week|month|quarter|year)'::text, .*\)", re.DOTALL)
_PERIODS_S = {
    "second": 1.0,
    "minute": 60.0,
    "hour": 3_600.0,
    "day": 86_400.0,
    "week": 604_800.0,
    "month": 2_629_746.0,
    "quarter": 7_889_238.0,
    "year": 31_556_952.0,
}
_MOMENTS = frozenset({"timestamp", "timestamptz", "date"})


def of_expression(expression: str, typed: KeyStatistics, columns: Mapping[str, KeyStatistics]) -> KeyStatistics:
    """Statistics of an expression of one column; typed is what its type says, which stays where there are several.

    A function of one column has as many different values as the column, or fewer, and is NULL where that is (if it is
    strict, as most are). Only what changes the case of a text, or casts one, has the same widths. Of to_tsvector the
    lexemes are the words of the values known, whatever the language makes of them. Of days, hours and the like there
    are as many as between the first and the last moment known.
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
    period_s = _period_s(expression, typed, column)
    if period_s is not None:
        return _with_periods(found, column, period_s)
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


def _period_s(expression: str, typed: KeyStatistics, column: KeyStatistics) -> float | None:
    """How long a period is that an expression makes of all its moments; None where it makes something else."""
    if column.type_name not in _MOMENTS or typed.type_name not in _MOMENTS:
        return None
    if typed.type_name == "date":
        return _PERIODS_S["day"]
    truncated = _TRUNCATED.fullmatch(expression)
    return None if truncated is None else _PERIODS_S[truncated[1]]


def _with_periods(found: KeyStatistics, column: KeyStatistics, period_s: float) -> KeyStatistics:
    """No more different values than periods; where these are fewer than the moments, hardly one is empty."""
    moments = [moment for moment in map(_moment_s, column.values) if moment is not None]
    if len(moments) < 2 or len(moments) < len(column.values):
        return found
    periods = math.floor((max(moments) - min(moments)) / period_s) + 1.0
    return replace(found, n_distinct=min(periods, found.n_distinct) if found.n_distinct > 0 else periods)


def _moment_s(value: str) -> float | None:
    """Seconds of a moment as the server writes it (ISO); None where it is written otherwise, or is infinite."""
    try:
        moment = datetime.fromisoformat(value)
    except ValueError:
        return None
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()


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
