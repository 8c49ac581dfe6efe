"""All values of rows that a snapshot holds, by kind, and what stands for each.

A snapshot is gone through twice in the same way: first every value is remembered, then every value is replaced. So
equal values become equal ones wherever they stand, and the order among all of them is known before any is made up.
"""

from __future__ import annotations

import enum
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import lru_cache
from typing import Any

from pgadvisor.snapshots.redaction import moments, numbers, opaque
from pgadvisor.snapshots.redaction.names import Names


class ValueKind(enum.Enum):
    """What can be put in the place of a value: each kind has an order and a spelling of its own."""

    KEPT = "kept"
    NUMBER = "number"
    TEXT = "text"
    MOMENT = "moment"
    TIME = "time"
    INTERVAL = "interval"
    UUID = "uuid"
    BYTES = "bytes"
    ADDRESS = "address"
    JSON = "json"
    RANGE = "range"
    OPAQUE = "opaque"
    LABEL = "label"

    # Members are single, and enum's own hash of their names would be most of a look-up by kind.
    __hash__ = object.__hash__


_KINDS = {
    ValueKind.KEPT: "bool char regclass regproc regprocedure regtype regoper regoperator regconfig regdictionary "
    "regnamespace regrole regcollation",
    ValueKind.NUMBER: "int2 int4 int8 smallint integer bigint numeric decimal float4 float8 real oid xid xid8 cid",
    ValueKind.TEXT: "text varchar bpchar character name citext",
    ValueKind.MOMENT: "date timestamp timestamptz",
    ValueKind.TIME: "time timetz",
    ValueKind.INTERVAL: "interval",
    ValueKind.UUID: "uuid",
    ValueKind.BYTES: "bytea",
    ValueKind.ADDRESS: "inet",
    ValueKind.JSON: "json jsonb",
    ValueKind.RANGE: "int4range int8range numrange tsrange tstzrange daterange int4multirange int8multirange "
    "nummultirange tsmultirange tstzmultirange datemultirange",
}
_BY_TYPE = {name: kind for kind, names in _KINDS.items() for name in names.split()}
_WORDS_OF_TYPES = {
    "boolean": "bool",
    "double precision": "float8",
    "character varying": "varchar",
    "timestamp without time zone": "timestamp",
    "timestamp with time zone": "timestamptz",
    "time without time zone": "time",
    "time with time zone": "timetz",
    '"char"': "char",
}
_UUID = re.compile(r"[0-9A-Fa-f]{8}(?:-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}")
_RANGE = re.compile(r"([\[(])([^,]*),([^,]*)([\])])")
# How a text of a kind is read; None for what is not spelt like one.
_READERS: Mapping[ValueKind, Callable[[str], object]] = {
    ValueKind.MOMENT: moments.moment,
    ValueKind.TIME: moments.time_of_day,
    ValueKind.INTERVAL: moments.interval_seconds,
    ValueKind.UUID: lambda text: True if _UUID.fullmatch(text) else None,
    ValueKind.BYTES: lambda text: True if text.startswith("\\x") else None,
    ValueKind.ADDRESS: opaque.address,
}
_KEPT_WORDS = frozenset(("", "infinity", "-infinity", "NaN", "Infinity", "-Infinity", "empty", "{}"))
_TRUTHS = frozenset(("t", "f", "true", "false"))


@lru_cache(maxsize=4096)
def kind_of_type(name: str, category: str = "") -> ValueKind | None:
    """What values of a type are, by its bare name or its spelling in SQL; None where that has to be told by looks."""
    bare = re.sub(r"\(.*?\)", "", name).strip().removeprefix("pg_catalog.").lower()
    bare = _WORDS_OF_TYPES.get(" ".join(bare.split()), bare)
    if bare in _BY_TYPE:
        return _BY_TYPE[bare]
    return {
        "E": ValueKind.LABEL,
        "R": ValueKind.RANGE,
        "N": ValueKind.NUMBER,
        "S": ValueKind.TEXT,
        "B": ValueKind.KEPT,
    }.get(category)


def kind_of_looks(text: str) -> ValueKind:
    """What a value seems to be."""
    if text.isdecimal() and len(text) < numbers.MAX_DIGITS:
        return ValueKind.NUMBER
    if numbers.number(text.removeprefix("-")) is not None:
        return ValueKind.NUMBER
    if moments.moment(text) is not None:
        return ValueKind.MOMENT
    if _UUID.fullmatch(text):
        return ValueKind.UUID
    if text in _TRUTHS:
        return ValueKind.KEPT
    return ValueKind.TEXT


def kind_of_all(texts: Sequence[str]) -> ValueKind:
    """What the values of one column are, whose type says nothing: what all of them seem to be, else opaque."""
    kind = None
    for text in texts:
        if text not in _KEPT_WORDS:
            looks = kind_of_looks(text)
            if kind is not None and looks is not kind:
                return ValueKind.OPAQUE
            kind = looks
    return kind or ValueKind.OPAQUE


class Values:
    """Remembers values until `settle`, and replaces them from then on."""

    def __init__(self, names: Names) -> None:
        self._names = names
        self._settled = False
        self._numbers = numbers.Numbers()
        self._codes = opaque.Codes()
        # What each text of a kind with an order of its own says, and then what stands for it.
        self._found: dict[ValueKind, dict[str, Any]] = {kind: {} for kind in _READERS}
        self._made: dict[ValueKind, dict[str, str]] = self._found
        self._only_columns = True
        self._texts_of_columns: set[str] = set()
        self._intervals_of_columns: frozenset[str] = frozenset()

    def note_columns(self) -> None:
        """Says that the values met so far are all that columns hold: what follows are constants in texts."""
        self._only_columns = False
        self._intervals_of_columns = frozenset(self._found[ValueKind.INTERVAL])

    def is_text(self, text: str) -> bool:
        """Whether a column of texts holds it."""
        return not self._only_columns and text in self._texts_of_columns

    def is_interval(self, text: str) -> bool:
        """Whether a column of intervals holds it."""
        return text in self._intervals_of_columns

    def wants_order(self, kind: ValueKind) -> bool:
        """Whether the order of values of a kind is the server's alone to tell, and has not been told yet."""
        return self._only_columns and kind in (ValueKind.TEXT, ValueKind.OPAQUE)

    def in_order(self, texts: Iterable[str | None]) -> None:
        """Remembers the order in which the server sorted texts."""
        self._codes.note_chain(text for text in texts if text is not None and text not in _KEPT_WORDS)

    def replaced(self, kind: ValueKind, text: str) -> str:
        """What stands for a value; itself until all are known."""
        if kind is ValueKind.LABEL:
            return self._names.of("label", text)
        if kind is ValueKind.KEPT or text in _KEPT_WORDS:
            return text
        if kind is ValueKind.RANGE:
            return self._range(text)
        if self._settled:
            return self._replacement(kind, text)
        self._note(kind, text)
        return text

    def all_replaced(self, kind: ValueKind, texts: Sequence[str | None]) -> Sequence[str | None]:
        """What stands for each of many values, of which NULL is None and stays so."""
        if not self._settled:
            self._note_all(kind, [text for text in texts if text is not None])
            return texts
        if kind is ValueKind.NUMBER:
            whole, replaced = self._numbers.whole, self._replacement
            return [
                whole(int(text))
                if text is not None and text.isdecimal() and len(text) <= numbers.PLAIN_DIGITS
                else (text if text is None or text in _KEPT_WORDS else replaced(kind, text))
                for text in texts
            ]
        if kind is ValueKind.TEXT or kind is ValueKind.OPAQUE:
            code = self._codes.of
            return [text if text is None or text in _KEPT_WORDS else code(text) for text in texts]
        made = self._made.get(kind, {})
        return [None if text is None else made.get(text) or self.replaced(kind, text) for text in texts]

    def _note_all(self, kind: ValueKind, texts: list[str]) -> None:
        """Remembers many values."""
        if kind is ValueKind.TEXT or kind is ValueKind.OPAQUE:
            known = [text for text in texts if text not in _KEPT_WORDS]
            self._codes.note(known)
            if kind is ValueKind.TEXT and self._only_columns:
                self._texts_of_columns.update(known)
            return
        found = self._found.get(kind, {})
        for text in self._numbers.note_all(texts) if kind is ValueKind.NUMBER else texts:
            if text not in found:
                self.replaced(kind, text)

    def _note(self, kind: ValueKind, text: str) -> None:
        """Remembers a value as one of the kind if it is spelt like one, else as a text of no order known here."""
        found = self._found.get(kind)
        if found is not None:
            if text in found:
                return
            meaning = _READERS[kind](text)
            if meaning is not None:
                found[text] = meaning
                return
        elif kind is ValueKind.NUMBER and self._numbers.note(text.removeprefix("-")):
            return
        elif kind is ValueKind.TEXT and self._only_columns:
            self._texts_of_columns.add(text)
        self._codes.note((text,))

    def _range(self, text: str) -> str:
        """Ranges and multiranges by their bounds."""

        def bound(part: str) -> str:
            bare = part.strip('"')
            made = self.replaced(kind_of_looks(bare), bare)
            return part.replace(bare, made) if bare else part

        if _RANGE.search(text) is None:
            return self.replaced(ValueKind.OPAQUE, text)
        return _RANGE.sub(lambda match: match[1] + bound(match[2]) + "," + bound(match[3]) + match[4], text)

    def settle(self) -> None:
        """Makes up what stands for each value met so far. It takes the place of what was found, to save the room."""
        self._numbers.settle()
        self._codes.settle()
        found = self._found
        known = moments.made_up_moments(found[ValueKind.MOMENT].values())
        _put(found[ValueKind.MOMENT], lambda text, moment: moments.spelled_like(text, moment, known))
        times = moments.made_up_times(found[ValueKind.TIME].values())
        _put(found[ValueKind.TIME], lambda text, micros: moments.time_like(text, times[micros]))
        seconds = numbers.Numbers()
        for length in found[ValueKind.INTERVAL].values():
            seconds.note(str(length))
        seconds.settle()
        _put(found[ValueKind.INTERVAL], lambda _, length: f"{seconds.whole(length)} seconds")
        uuids = opaque.uuids(found[ValueKind.UUID])
        _put(found[ValueKind.UUID], lambda text, _: uuids[text.lower()])
        found[ValueKind.BYTES] = opaque.byte_strings(found[ValueKind.BYTES])
        found[ValueKind.ADDRESS] = opaque.addresses(found[ValueKind.ADDRESS])
        self._settled = True

    def _replacement(self, kind: ValueKind, text: str) -> str:
        if kind in self._made:
            made = self._made[kind].get(text)
            return self._codes.of(text) if made is None else made
        if kind is ValueKind.NUMBER:
            made = self._numbers.made(text.removeprefix("-"))
            if made is not None:
                return "-" + made if text.startswith("-") else made
        elif kind is ValueKind.JSON:
            return f'{{"{opaque.LETTER}": "{self._codes.of(text).rstrip(opaque.FILLING)}"}}'
        return self._codes.of(text)


def _put(found: dict[str, Any], make: Callable[[str, Any], str]) -> None:
    for text, meaning in found.items():
        found[text] = make(text, meaning)
