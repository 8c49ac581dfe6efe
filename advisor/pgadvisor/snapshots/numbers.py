"""Numbers and moments of a snapshot, held against what PostgreSQL counts in."""

from __future__ import annotations

import types
import typing
from collections.abc import Callable, Iterable
from datetime import datetime
from functools import cache
from typing import Any, NamedTuple

from pgadvisor.model.base import Model
from pgadvisor.model.snapshot import Snapshot

# An oid has 32 bits and no sign, an integer 64 bits and one; no float is larger than float4's largest, of which a
# million can be added and two multiplied without leaving what a float8 holds.
_MOST_OID = 2**32 - 1
_MOST_INTEGER = 2**63 - 1
_MOST_FLOAT = 3.5e38
# Moments are compared, subtracted and shown in other zones, which those near the ends of the calendar do not survive.
_FIRST_YEAR, _LAST_YEAR = 1900, 9000
# What can be less than nothing: statistics below zero are shares, sequences go both ways, ages count from a moment or a
# transaction that others have passed, typlen and targets have words below zero, and some counts are differences of two
# that are not read at one instant. Everything else is counted, and only grows. Of the views of the server not even
# the columns are known.
_SIGNED = frozenset(
    (
        *("n_distinct", "correlation", "start", "minimum", "maximum", "increment", "last_value"),
        *("replay_lag_s", "sent_lag_bytes", "replay_lag_bytes", "retained_bytes"),
        *("transaction_s", "query_s", "state_s", "age_s", "longest_transaction_s"),
        *("horizon_age", "catalog_horizon_age", "oldest_horizon_age", "frozen_xid_age", "multixact_age"),
        *("length_bytes", "statistics_target", "toast_pages", "all_visible_pages", "all_frozen_pages"),
        *("heap_blocks_read", "toast_blocks_read", "blocks_read", "self_ms", "done", "total", "values"),
    )
)
_OID_LISTS = ("parents", "relation_oids", "strong_locks")


def number_out_of_range(snapshot: Snapshot) -> str | None:
    """The first number or moment that no server can have given, in words; None where all are possible.

    Fields are found by their annotations, so that a new one needs nothing here.
    """
    if not 80_000 <= snapshot.server.version_num <= 9_999_999:
        return "no PostgreSQL has the version number that it names"
    if not 512 <= snapshot.server.block_size_bytes <= 65_536:
        return "no PostgreSQL has blocks of the size that it names"
    return _wrong_in(snapshot)


class _Fields(NamedTuple):
    """The fields of a struct to look at: single values, several values, structs, and several structs."""

    single: tuple[tuple[str, Callable[[Any], bool]], ...]
    several: tuple[tuple[str, Callable[[Any], bool]], ...]
    parts: tuple[str, ...]
    rows: tuple[str, ...]


def _wrong_in(struct: Model) -> str | None:
    fields = _fields(type(struct))
    for name, is_possible in fields.single:
        value = getattr(struct, name)
        if value is not None and not is_possible(value):
            return _impossible(struct, name)
    for name, is_possible in fields.several:
        values = getattr(struct, name)
        each: Iterable[Any] = values.values() if isinstance(values, dict) else values
        if not all(value is None or is_possible(value) for value in each):
            return _impossible(struct, name)
    parts = [getattr(struct, name) for name in fields.parts]
    rows = [getattr(struct, name) for name in fields.rows]
    for part in (*(part for part in parts if part is not None), *(row for section in rows for row in section)):
        wrong = _wrong_in(part)
        if wrong is not None:
            return wrong
    return None


def _impossible(struct: Model, name: str) -> str:
    return f"{name} of a {type(struct).__name__} is not what a server can have given"


@cache
def _fields(struct: type[Model]) -> _Fields:
    single: list[tuple[str, Callable[[Any], bool]]] = []
    several: list[tuple[str, Callable[[Any], bool]]] = []
    parts: list[str] = []
    rows: list[str] = []
    for name, annotation in typing.get_type_hints(struct).items():
        kind, is_several = _kind(annotation)
        if kind is None or name not in struct.__struct_fields__:
            continue
        if isinstance(kind, type) and issubclass(kind, Model):
            (rows if is_several else parts).append(name)
        elif kind in (int, float, datetime):
            is_oid = kind is int and (name.endswith("_oid") or name in _OID_LISTS)
            possible = _POSSIBLE if name in _SIGNED else _COUNTED
            is_possible = _is_own_oid if name == "oid" else _is_oid if is_oid else possible[kind]
            (several if is_several else single).append((name, is_possible))
    return _Fields(tuple(single), tuple(several), tuple(parts), tuple(rows))


def _kind(annotation: Any) -> tuple[Any, bool]:  # noqa: ANN401  # an annotation is whatever stands there
    """What an annotation says the values are, None aside, and whether it stands for several of them."""
    origin, arguments = typing.get_origin(annotation), typing.get_args(annotation)
    if origin in (types.UnionType, typing.Union):
        kinds = [each for each in arguments if each is not types.NoneType]
        return _kind(kinds[0]) if len(kinds) == 1 else (None, False)
    if origin is tuple:
        return _kind(arguments[0])[0], True
    if origin is dict:
        return _kind(arguments[1])[0], True
    return annotation, False


def _is_own_oid(value: int) -> bool:
    """0 stands for no object: with one of that number, those without a parent would be its children."""
    return 1 <= value <= _MOST_OID


def _is_oid(value: int) -> bool:
    return 0 <= value <= _MOST_OID


def _is_integer(value: int) -> bool:
    return -_MOST_INTEGER - 1 <= value <= _MOST_INTEGER


def _is_float(value: float) -> bool:
    return -_MOST_FLOAT <= value <= _MOST_FLOAT


def _is_count(value: int) -> bool:
    return 0 <= value <= _MOST_INTEGER


def _is_amount(value: float) -> bool:
    return 0 <= value <= _MOST_FLOAT


def _is_moment(value: datetime) -> bool:
    return value.tzinfo is not None and _FIRST_YEAR <= value.year <= _LAST_YEAR


_POSSIBLE: dict[Any, Callable[[Any], bool]] = {int: _is_integer, float: _is_float, datetime: _is_moment}
_COUNTED = _POSSIBLE | {int: _is_count, float: _is_amount}
