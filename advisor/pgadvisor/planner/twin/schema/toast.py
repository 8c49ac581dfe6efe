"""Tables without TOAST tables: a third of the files, and half the time to make them.

Plans know nothing of TOAST tables, and a hollow table has no value to put into one.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import psycopg

_STORED_OUT_OF_LINE = """
SELECT pg_catalog.array_agg(oid), pg_catalog.array_agg(typstorage)
FROM pg_catalog.pg_type
WHERE typstorage <> 'p'
"""
_NONE = "UPDATE pg_catalog.pg_type SET typstorage = 'p' WHERE oid = ANY (%s)"
_AS_BEFORE = """
UPDATE pg_catalog.pg_type AS t
SET typstorage = before.typstorage
FROM ROWS FROM (pg_catalog.unnest(%s::oid[]), pg_catalog.unnest(%s::"char"[])) AS before (oid, typstorage)
WHERE t.oid = before.oid
"""


@contextmanager
def no_toast_tables(admin: psycopg.Connection[Any]) -> Iterator[None]:
    """As long as it is open, columns get the storage "plain", whatever their type, and their tables no TOAST table.

    https://www.postgresql.org/docs/current/storage-toast.html
    Raises psycopg.OperationalError where the server is gone.
    """
    row = admin.execute(_STORED_OUT_OF_LINE.encode()).fetchone()
    oids, storages = row if row else ([], [])
    admin.execute(_NONE.encode(), [oids])
    try:
        yield
    finally:
        if not admin.closed:
            admin.execute(_AS_BEFORE.encode(), [oids, storages])
