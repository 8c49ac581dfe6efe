"""Rows of counters subtracted and added, field by field."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from datetime import datetime
from functools import cache
from typing import Any, NamedTuple, TypeVar

import msgspec

from pgadvisor.model.base import Model
from pgadvisor.model.counters import (
    DatabaseCounters,
    FunctionCounters,
    IndexCounters,
    SequenceCounters,
    TableCounters,
)
from pgadvisor.model.statements import StatementRow

Row = TypeVar("Row", bound=Model)

# What identifies a row, and what is a state at the moment of the look, which does not add up over time.
_STATES: Mapping[type[Model], frozenset[str]] = {
    TableCounters: frozenset(
        {"relation_oid", "live_rows", "dead_rows", "modified_since_analyze", "inserted_since_vacuum"}
    ),
    IndexCounters: frozenset({"index_oid"}),
    SequenceCounters: frozenset({"sequence_oid"}),
    FunctionCounters: frozenset({"function_oid"}),
    DatabaseCounters: frozenset({"frozen_xid_age", "multixact_age"}),
    StatementRow: frozenset({"query_id", "user_oid", "toplevel", "min_ms", "max_ms", "mean_ms", "stddev_ms"}),
}
# The server has no such counters: they are what is left of blocks asked for without those found in the cache, which it
# may not report in the same instant. So they can go back a little without any reset.
_DERIVED = frozenset({"heap_blocks_read", "toast_blocks_read", "blocks_read"})


class Fields(NamedTuple):
    """counted: what only grows between resets. sure: those of them of which a smaller value means a reset."""

    counted: tuple[str, ...]
    sure: tuple[str, ...]
    moments: tuple[str, ...]


@cache
def fields(type_: type[Model]) -> Fields:
    """The counters and the points in time among the fields of a row."""
    hints = msgspec.structs.fields(type_)
    moments = tuple(field.name for field in hints if field.type == datetime | None)
    besides = _STATES[type_].union(moments)
    counted = tuple(field.name for field in hints if field.name not in besides)
    return Fields(counted, tuple(name for name in counted if name not in _DERIVED), moments)


def went_back(old: Row, new: Row) -> bool:
    """Whether a counter is smaller than before, which only a reset makes it."""
    for name in fields(type(new)).sure:
        before, after = getattr(old, name), getattr(new, name)
        if before is not None and after is not None and after < before:
            return True
    return False


def difference(old: Row, new: Row) -> Row:
    """What was counted between two looks at the same row; states and points in time are those of the new one.

    None where one of the two servers did not count it.
    """
    changed: dict[str, Any] = {}
    for name in fields(type(new)).counted:
        before, after = getattr(old, name), getattr(new, name)
        changed[name] = None if before is None or after is None else max(after - before, type(after)(0))
    return msgspec.structs.replace(new, **changed)


def added(row: Row, others: Iterable[Row], besides: Collection[str] = ()) -> Row:
    """Counters of one row and others added up, points in time the latest; everything else is the first one's.

    besides: fields that stay the first one's as well. A sum is None where one part of it is.
    """
    kinds = fields(type(row))
    changed: dict[str, Any] = {}
    for other in others:
        for name in kinds.counted:
            if name not in besides:
                mine, theirs = changed.get(name, getattr(row, name)), getattr(other, name)
                changed[name] = None if mine is None or theirs is None else mine + theirs
        for name in kinds.moments:
            if name not in besides:
                known = [m for m in (changed.get(name, getattr(row, name)), getattr(other, name)) if m is not None]
                changed[name] = max(known, default=None)
    return msgspec.structs.replace(row, **changed) if changed else row
