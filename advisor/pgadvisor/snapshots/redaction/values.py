"""All values of rows that a snapshot holds, by kind, and what stands for each.

A snapshot is gone through twice in the same way: first every value is remembered, then every value is replaced. So
equal values become equal ones wherever they stand, and the order among all of them is known before any is made up.
"""

from __future__ import annotations

import enum
import re
from collections import defaultdict
from collections.abc import Sequence
from decimal import Decimal

from pgadvisor.snapshots.redaction import moments, numbers, opaque
from pgadvisor.snapshots.redaction.moments import Moment
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
_KEPT_WORDS = frozenset(("", "infinity", "-infinity", "NaN", "Infinity", "-Infinity", "empty", "{}"))
_TRUTHS = frozenset(("t", "f", "true", "false"))


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
    kinds = {kind_of_looks(text) for text in texts if text not in _KEPT_WORDS}
    return kinds.pop() if len(kinds) == 1 else ValueKind.OPAQUE


class Values:
    """Remembers values until `settle`, and replaces them from then on."""

    def __init__(self, names: Names) -> None:
        self._names = names
        self._settled = False
        self._chains: list[tuple[str, ...]] = []
        self._found: dict[ValueKind, dict[str, None]] = defaultdict(dict)
        self._numbers: dict[Decimal, str] = {}
        self._moments: dict[Moment, Moment] = {}
        self._times: dict[int, int] = {}
        self._made: dict[ValueKind, dict[str, str]] = {}
        self._codes: dict[str, str] = {}
        self._known: dict[ValueKind, frozenset[str]] = {}

    def note_columns(self) -> None:
        """Says that the values met so far are all that columns hold: what follows are constants in texts."""
        self._known = {kind: frozenset(self._found[kind]) for kind in (ValueKind.TEXT, ValueKind.INTERVAL)}

    def is_text(self, text: str) -> bool:
        """Whether a column of texts holds it."""
        return text in self._known.get(ValueKind.TEXT, ())

    def is_interval(self, text: str) -> bool:
        """Whether a column of intervals holds it."""
        return text in self._known.get(ValueKind.INTERVAL, ())

    def wants_order(self, kind: ValueKind) -> bool:
        """Whether the order of values of a kind is the server's alone to tell, and has not been told yet."""
        return not self._known and kind in (ValueKind.TEXT, ValueKind.OPAQUE)

    def in_order(self, texts: Sequence[str]) -> None:
        """Remembers the order in which the server sorted texts."""
        self._chains.append(tuple(text for text in texts if text not in _KEPT_WORDS))

    def replaced(self, kind: ValueKind, text: str) -> str:
        """What stands for a value; itself until all are known."""
        if kind is ValueKind.LABEL:
            return self._names.of("label", text)
        if kind is ValueKind.KEPT or text in _KEPT_WORDS:
            return text
        if kind is ValueKind.RANGE:
            return self._range(text)
        kind = self._fitting(kind, text)
        if not self._settled:
            self._found[kind][text] = None
            return text
        return self._replacement(kind, text)

    def _fitting(self, kind: ValueKind, text: str) -> ValueKind:
        """The kind itself, if the text is spelt like one of it."""
        fits = True
        match kind:
            case ValueKind.NUMBER:
                fits = numbers.number(text.removeprefix("-")) is not None
            case ValueKind.MOMENT:
                fits = moments.moment(text) is not None
            case ValueKind.TIME:
                fits = moments.time_of_day(text) is not None
            case ValueKind.INTERVAL:
                fits = moments.interval_seconds(text) is not None
            case ValueKind.UUID:
                fits = _UUID.fullmatch(text) is not None
            case ValueKind.ADDRESS:
                fits = opaque.address(text) is not None
            case ValueKind.BYTES:
                fits = text.startswith("\\x")
        return kind if fits else ValueKind.OPAQUE

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
        """Makes up what stands for each value met so far."""
        found = self._found
        absolutes = (numbers.number(text.removeprefix("-")) for text in found[ValueKind.NUMBER])
        self._numbers = numbers.made_up_numbers(value for value in absolutes if value is not None)
        known = (moments.moment(text) for text in found[ValueKind.MOMENT])
        self._moments = moments.made_up_moments(each for each in known if each is not None)
        times = (moments.time_of_day(text) for text in found[ValueKind.TIME])
        self._times = moments.made_up_times(each for each in times if each is not None)
        lengths = {text: moments.interval_seconds(text) or 0 for text in found[ValueKind.INTERVAL]}
        seconds = numbers.made_up_numbers(Decimal(each) for each in lengths.values())
        self._made = {
            ValueKind.UUID: opaque.uuids(found[ValueKind.UUID]),
            ValueKind.BYTES: opaque.byte_strings(found[ValueKind.BYTES]),
            ValueKind.ADDRESS: opaque.addresses(found[ValueKind.ADDRESS]),
            ValueKind.INTERVAL: {text: f"{seconds[Decimal(each)]} seconds" for text, each in lengths.items()},
        }
        coded = [*found[ValueKind.TEXT], *found[ValueKind.OPAQUE], *found[ValueKind.JSON]]
        self._codes = opaque.codes((*coded, *(text for chain in self._chains for text in chain)), self._chains)
        self._settled = True

    def _replacement(self, kind: ValueKind, text: str) -> str:
        match kind:
            case ValueKind.NUMBER:
                value = numbers.number(text.removeprefix("-"))
                sign = "-" if text.startswith("-") else ""
                return sign + ("0" if value is None else self._numbers.get(value, "0"))
            case ValueKind.MOMENT:
                found = moments.moment(text)
                return "epoch" if found is None else moments.spelled_like(text, self._moments[found])
            case ValueKind.TIME:
                return moments.time_like(text, self._times[moments.time_of_day(text) or 0])
            case ValueKind.UUID:
                return self._made[kind][text.lower()]
            case ValueKind.TEXT | ValueKind.OPAQUE:
                return self._codes[text]
            case ValueKind.JSON:
                return f'{{"{opaque.LETTER}": "{self._codes[text].rstrip(opaque.FILLING)}"}}'
        return self._made[kind][text]
