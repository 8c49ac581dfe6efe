"""Which expressions keep what ANALYZE found in the column that they are made from.

An expression is read as pg_get_indexdef writes it for a role whose search_path is pg_catalog alone: a function without
a schema is then the system's.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

from pgadvisor.model.statistics import PgStats

_TOKEN = re.compile(r"""\s*(?:(?P<text>'(?:[^']|'')*')|"(?P<quoted>(?:[^"]|"")+)"|(?P<word>[^\W\d][\w$]*)|(::|\S))""")
# Texts that differ seldom give the same: in case, or in spaces around them. The check says which ones are left as they
# are; of others all are changed.
_UNCHANGED: Mapping[str, Callable[[str], bool]] = {
    "lower": lambda text: text == text.lower(),
    "upper": lambda text: text == text.upper(),
    "initcap": lambda _: False,
    "btrim": lambda text: text == text.strip(" "),
    "ltrim": lambda text: text == text.lstrip(" "),
    "rtrim": lambda text: text == text.rstrip(" "),
    "md5": lambda _: False,
    "reverse": lambda _: False,
}
_SIDES = {"BOTH": "btrim", "LEADING": "ltrim", "TRAILING": "rtrim"}
# Types by the words that SQL has for them; their bare names in pg_type.
_TYPES = {
    "text": "text",
    "character varying": "varchar",
    "smallint": "int2",
    "integer": "int4",
    "bigint": "int8",
    "numeric": "numeric",
    "real": "float4",
    "double precision": "float8",
    "timestamp without time zone": "timestamp",
    "uuid": "uuid",
    "inet": "inet",
}
_TYPE_WORDS = frozenset(word for name in _TYPES for word in name.split())
_TEXTS = frozenset({"text", "varchar"})
_WHOLE = frozenset({"int2", "int4", "int8"})
# Casts that lose nothing and keep the order, and the text of each value can be read as the type that it is cast to.
_WIDER = frozenset(
    {
        *((source, target) for source in _WHOLE for target in (*_WHOLE, "numeric", "float8")),
        ("numeric", "float8"),
        ("date", "timestamp"),
    }
)
# Types of which a value has one text and is one text, in another order.
_WRITTEN = frozenset({*_WHOLE, "numeric", "uuid"})


@dataclass(frozen=True)
class Kept:
    """An expression of one column whose values are as many as the column's, and NULL where that is.

    type_name is the expression's, bare. functions are those that may change a text. has_texts: else each value has the
    text that its column's has. has_order: values are in the order of the column's.
    """

    column: str
    type_name: str
    functions: tuple[str, ...] = ()
    has_texts: bool = True
    has_order: bool = True


def kept_of(expression: str, columns: Mapping[str, str]) -> Kept | None:
    """What an expression keeps; None where it may have fewer values than its column, or nobody knows.

    columns are the bare names of their types.
    """
    reader = _Reader(expression, columns)
    try:
        found = reader.value()
    except (_Unreadable, RecursionError):
        return None
    return found if reader.is_done else None


def statistics_of(kept: Kept, row: PgStats, *, same_collation: bool) -> PgStats:
    """The column's row as that of the expression: values too where all that are known would be the same there.

    same_collation: both are sorted alike.
    """
    known = [*(row.read.most_common_values or ()), *(row.read.histogram_bounds or ())]
    is_same = kept.has_texts and all(_UNCHANGED[name](value) for name in kept.functions for value in known)
    has_order = is_same and kept.has_order and (same_collation or kept.type_name not in _TEXTS)
    return PgStats(
        relation_oid=row.relation_oid,
        column=row.column,
        null_fraction=row.null_fraction,
        average_width_bytes=row.average_width_bytes,
        n_distinct=row.n_distinct,
        most_common_vals=row.most_common_vals if is_same else None,
        most_common_freqs=row.most_common_freqs if is_same else None,
        histogram=row.histogram if has_order else None,
        correlation=row.correlation if has_order else None,
    )


class _Unreadable(Exception):  # noqa: N818 - it never leaves this module
    """The expression is none of those that keep what their column has."""


class _Reader:
    """Reads one expression from its start to its end."""

    def __init__(self, expression: str, columns: Mapping[str, str]) -> None:
        self._columns = columns
        self._tokens = list(_TOKEN.finditer(expression.strip()))
        self._place = 0

    @property
    def is_done(self) -> bool:
        """Whether all has been read."""
        return self._place == len(self._tokens)

    def value(self) -> Kept:
        """A column, or what is made of one, with the casts after it. Raises _Unreadable."""
        if self._take("("):
            found = self.value()
            self._need(")")
        elif self._ahead(1) == "(" and self._ahead() in {*_UNCHANGED, "TRIM"}:
            found = self._call()
        else:
            found = self._column()
        while self._take("::"):
            found = _cast(found, self._type())
        return found

    def _column(self) -> Kept:
        token = self._next()
        name = token["word"] or (token["quoted"] or "").replace('""', '"')
        if name not in self._columns:
            raise _Unreadable
        return Kept(name, self._columns[name])

    def _call(self) -> Kept:
        """A function of a text; the second argument of those that trim says which characters."""
        name = self._ahead()
        self._place += 2
        if name == "TRIM":
            name = _SIDES.get(self._ahead(), "")
            self._place += 1
            self._constant()
            self._need("FROM")
            found = self.value()
        else:
            found = self.value()
            if self._take(","):
                self._constant()
        self._need(")")
        if name not in _UNCHANGED or found.type_name not in _TEXTS:
            raise _Unreadable
        return replace(found, type_name="text", functions=(*found.functions, name))

    def _constant(self) -> None:
        """Passes a constant by, if there is one. Others than spaces are not looked for in the values known."""
        if self._ahead() != "FROM":
            token = self._next()
            if token["text"] != "' '":
                raise _Unreadable
            if self._take("::"):
                self._type()

    def _type(self) -> str:
        """The bare name of a type without a length or precision, which would cut values off."""
        words = []
        while self._ahead() in _TYPE_WORDS:
            words.append(self._next()["word"])
        return _TYPES.get(" ".join(words), "")

    def _ahead(self, distance: int = 0) -> str:
        place = self._place + distance
        return self._tokens[place][0].strip() if place < len(self._tokens) else ""

    def _next(self) -> re.Match[str]:
        if self.is_done:
            raise _Unreadable
        self._place += 1
        return self._tokens[self._place - 1]

    def _take(self, token: str) -> bool:
        is_next = self._ahead() == token
        self._place += is_next
        return is_next

    def _need(self, token: str) -> None:
        if not self._take(token):
            raise _Unreadable


def _cast(found: Kept, target: str) -> Kept:
    source = found.type_name
    if source == target or {source, target} <= _TEXTS or (source, target) in _WIDER:
        return replace(found, type_name=target)
    if target in _TEXTS:
        return replace(found, type_name=target, has_texts=found.has_texts and source in _WRITTEN, has_order=False)
    if source in _TEXTS and target:
        return replace(found, type_name=target, has_texts=False, has_order=False)
    raise _Unreadable
