"""Values as the server keeps them in memory, which it writes into lists of common combinations as they are."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Any

import psycopg
from psycopg import sql

from pgadvisor.planner.twin.statistics.types import TwinTypes

# Types of a fixed length that are passed by reference: how their binary output, in network order, is made of numbers.
_FIXED = {"uuid": (), "macaddr": (), "macaddr8": (), "interval": (8, 4, 4), "timetz": (8, 4)}
_NAME_BYTES = 64
_TYPE = """
SELECT t.typname::text, format_type(t.oid, NULL), t.typsend::regproc::text, t.typalign = 'i', t.oid < 16384
FROM pg_type AS t WHERE t.oid = %s
"""
_CAST = "SELECT castmethod::text FROM pg_cast WHERE castsource = %s AND casttarget = 'bytea'::regtype"


class UnkeptError(Exception):
    """Values of this type cannot be had as the server keeps them; the message says why."""


def kept_values(admin: psycopg.Connection[Any], types: TwinTypes, type_oid: int, texts: Sequence[str]) -> list[bytes]:
    """Values given as text, as the server keeps them; those of variable length without their header.

    Only in a transaction that is rolled back: it may make a cast. Raises UnkeptError, and psycopg.Error for a text that
    is no value; the transaction is then of no more use.
    """
    base = types.base(type_oid)
    row = types[base]
    if refusal := types.refusal(base):
        raise UnkeptError(refusal)
    if row.typtype == "e":
        return _labels(admin, base, texts)
    if row.typtype != "b" or row.is_array:
        raise UnkeptError("the twin cannot make values of ranges, arrays and rows for it")
    ((name, spelled, send, is_aligned, is_systems),) = admin.execute(_TYPE.encode(), [base]).fetchall()
    if row.length == -1:
        if not is_aligned:
            raise UnkeptError("the twin cannot make values of this type for it")
        return _contents(admin, base, spelled, texts)
    if not is_systems or not (row.by_value or name in _FIXED or name == "name"):
        raise UnkeptError("the twin cannot make values of this type for it")
    sent = _asked(admin, f"pg_catalog.{send}(v::{spelled})", texts)
    if name == "name":
        return [value.ljust(_NAME_BYTES, b"\0") for value in sent]
    numbers = (row.length,) if row.by_value else _FIXED[name]
    return [_in_order(value, numbers) for value in sent]


def _labels(admin: psycopg.Connection[Any], enum_oid: int, labels: Sequence[str]) -> list[bytes]:
    rows = admin.execute(b"SELECT enumlabel::text, oidsend(oid) FROM pg_enum WHERE enumtypid = %s", [enum_oid])
    known = {label: _in_order(oid, (4,)) for label, oid in rows}
    if not known.keys() >= set(labels):
        raise UnkeptError("the twin's type has other labels")
    return [known[label] for label in labels]


def _contents(admin: psycopg.Connection[Any], type_oid: int, spelled: str, texts: Sequence[str]) -> list[bytes]:
    """Of a type that is kept as bytea is."""
    methods = [method for (method,) in admin.execute(_CAST.encode(), [type_oid])]
    if not methods and spelled != "bytea":
        admin.execute(f"CREATE CAST ({spelled} AS bytea) WITHOUT FUNCTION".encode())
    elif methods != ["b"] and spelled != "bytea":
        raise UnkeptError("the twin cannot make values of this type for it")
    return _asked(admin, f"v::{spelled}::bytea", texts)


def _asked(admin: psycopg.Connection[Any], expression: str, texts: Sequence[str]) -> list[bytes]:
    query = sql.SQL("SELECT {} FROM unnest(%s::text[]) WITH ORDINALITY AS t (v, n) ORDER BY n")
    return [value for (value,) in admin.execute(query.format(sql.SQL(expression)), [list(texts)])]


def _in_order(value: bytes, lengths: Sequence[int]) -> bytes:
    """Numbers in network order as the machine keeps them."""
    parts = []
    for length in lengths:
        parts.append(int.from_bytes(value[:length], "big").to_bytes(length, sys.byteorder))
        value = value[length:]
    return b"".join(parts) + value
