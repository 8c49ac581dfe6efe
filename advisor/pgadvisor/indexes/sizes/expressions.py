"""What an expression has of the column it is made from, where it has no statistics of its own."""

from __future__ import annotations

import json
import math
import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from decimal import ROUND_HALF_UP, Decimal, DecimalException

from pgadvisor.indexes.sizes.attributes import KeyStatistics
from pgadvisor.indexes.sizes.elements import parsed, value_shares
from pgadvisor.indexes.sizes.layout import numeric_width
from pgadvisor.indexes.sizes.rare import rare_elements

# Texts, quoted names, plain names; a name before a bracket is a function's, one after a cast a type's.
_TOKEN = re.compile(
    r"""'(?:[^']|'')*'|(?P<quoted>"(?:[^"]|"")+")|(?P<cast>::\s*)?(?P<plain>[a-z_][a-z0-9_$]*)(?P<call>\s*\()?"""
)
# One field of a document, as pg_get_expr writes it, and what it is cast to; of a numeric the digits after the point.
_FIELD = re.compile(
    r"""\(*[^'()]+ ->> '((?:[^']|'')*)'::text\)*(?:::(?:numeric\([0-9]{1,4},(-?[0-9]{1,4})\)|[a-z ]+)\)*)?"""
)
# A part of a document that is one itself.
_PART = re.compile(r"""\(*[^'()]+ -> '((?:[^']|'')*)'::text\)*""")
_SAME_WIDTH = frozenset({"lower", "upper", "initcap"})
_TEXTS = frozenset({"text", "varchar", "bpchar"})
_WORD = re.compile(r"\w+")
# Fields of a time that are numbers of up to four digits, which a numeric has in five bytes (sizes/layout.py).
_SMALL_FIELD = re.compile(
    r"EXTRACT\((year|isoyear|decade|century|quarter|month|week|day|dow|isodow|doy|hour|minute) FROM .*\)", re.DOTALL
)
_SMALL_NUMERIC_BYTES = 5.0
# Digits before or after the point beyond which no number is worth writing out.
_MOST_DIGITS = 100
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
    are as many as between the first and the last moment known. Fields and parts of documents are those of the known;
    also fields that are cast, to numeric(10,2) too, but neither twice nor to a text of so many characters.
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
    if field is not None and (typed.type_name in _TEXTS | {"numeric"} or typed.length_bytes > 0):
        return _with_field(found, column, field[1].replace("''", "'"), None if field[2] is None else int(field[2]))
    part = _PART.fullmatch(expression) if column.type_name == typed.type_name == "jsonb" else None
    if part is not None:
        return _with_part(found, column, part[1].replace("''", "'"))
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


def _with_field(found: KeyStatistics, column: KeyStatistics, name: str, scale: int | None) -> KeyStatistics:
    """A field by the documents known; if nothing says how many values it has, as many as there are documents.

    scale is how many digits it has after the point, if it is cast to a numeric of so many.
    """
    read = [(parsed(value), share) for value, share in value_shares(column)]
    documents = [(document, share) for document, share in read if isinstance(document, dict)]
    having = [(str(document[name]), share) for document, share in documents if document.get(name) is not None]
    values = [value for value, _ in having]
    if found.type_name == "numeric":
        values = [number for number in (_numeric(value, scale) for value in values) if number is not None]
    known = sum(share for _, share in documents)
    if not values or len(values) < len(having) or not known:
        return found
    counts = Counter(values)
    once = [value for value, count in counts.items() if count == 1]
    others = [value for value, count in counts.items() if count > 1]
    # How many rows there are is nothing to be known here, and a number of values beyond it does no harm.
    distinct = len(others) + rare_elements(once, others, sum(count == 2 for count in counts.values()), math.inf)
    width_of = numeric_width if found.type_name == "numeric" else _text_bytes
    width = sum(map(width_of, values)) / len(values)
    present = sum(share for _, share in having) / known * (1 - column.null_fraction)
    return replace(
        found,
        n_distinct=found.n_distinct if math.isinf(distinct) else distinct,
        null_fraction=1 - present,
        average_width_bytes=width if found.length_bytes < 0 else found.average_width_bytes,
        values=tuple(values),
        value_frequencies=(),
    )


def _numeric(value: str, scale: int | None) -> str | None:
    """A number as a numeric of so many digits after the point is written; None where it is no number."""
    try:
        number = Decimal(value)
        rounded = number if scale is None else number.quantize(Decimal(1).scaleb(-scale), ROUND_HALF_UP)
    except DecimalException:
        return None
    return f"{rounded:f}" if rounded.is_finite() and abs(rounded.adjusted()) < _MOST_DIGITS else None


def _text_bytes(value: str) -> int:
    return len(value.encode("utf-8", "surrogatepass")) + 1


def _with_part(found: KeyStatistics, column: KeyStatistics, name: str) -> KeyStatistics:
    """A part of documents by those known; of common ones it is common."""
    parts = [(_part(value, name), share) for value, share in value_shares(column)]
    having = [(part, share) for part, share in parts if part is not None]
    if not having:
        return found
    frequent = [share for (part, _), share in zip(parts, column.value_frequencies, strict=False) if part is not None]
    # Documents without the part are taken to be as many among those of which nothing is known.
    present = sum(share for _, share in having)
    width = sum(_text_bytes(part) * share for part, share in having) / present if present else found.average_width_bytes
    return replace(
        found,
        n_distinct=_distinct_having(column, len(having), len(frequent)),
        null_fraction=min(max(1.0 - present, 0.0), 1.0),
        average_width_bytes=width,
        values=tuple(part for part, _ in having),
        value_frequencies=tuple(frequent),
    )


def _distinct_having(column: KeyStatistics, having: int, frequent: int) -> float:
    """How many different documents have a part, as n_distinct; of those known so many, and of the common ones."""
    common = min(len(column.value_frequencies), len(column.values))
    rest = len(column.values) - common
    share = (having - frequent) / rest if rest else frequent / common
    if column.n_distinct <= 0 and share:
        return column.n_distinct * share
    return max(frequent + max(column.n_distinct - common, 0.0) * share, 1.0)


def _part(value: str, name: str) -> str | None:
    """The text of what a document has under a key; None where it has nothing there, or is nothing of the kind."""
    document = parsed(value)
    if not isinstance(document, dict) or name not in document:
        return None
    return json.dumps(document[name], ensure_ascii=False)


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
