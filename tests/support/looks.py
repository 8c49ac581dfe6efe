"""Snapshots of one database at several moments and on several servers, from the data of `support.snapshots`."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

import msgspec

from pgadvisor.model.counters import IndexCounters, TableCounters, Window
from pgadvisor.model.snapshot import Snapshot
from pgadvisor.model.statements import StatementRow
from support.snapshots import NOW, snapshot

STARTED = NOW - timedelta(days=90)


def at(minutes: float) -> datetime:
    """So many minutes after NOW."""
    return NOW + timedelta(minutes=minutes)


def look(data: Mapping[str, Any], minutes: float = 0, **server: Any) -> Snapshot:
    """The snapshot of the data, taken so many minutes after NOW; server replaces fields of its server.

    Windows begin where they would have for a look at NOW.
    """
    made = snapshot(data)
    known = {"system_identifier": "7", "host": "db1.example.org", "port": 5432, "started_at": STARTED}
    changed = msgspec.structs.replace(made.server, collected_at=at(minutes), **(known | server))
    counters, statements = made.counters, made.statements
    if counters is not None:
        counters = msgspec.structs.replace(counters, window=_until(counters.window, minutes))
    if statements is not None:
        statements = msgspec.structs.replace(statements, window=_until(statements.window, minutes))
    return msgspec.structs.replace(made, server=changed, counters=counters, statements=statements)


def _until(window: Window, minutes: float) -> Window:
    return msgspec.structs.replace(window, until=at(minutes))


def reset(made: Snapshot, *, counters: datetime | None = None, statements: datetime | None = None) -> Snapshot:
    """The same with windows that begin at these moments."""
    if counters is not None and made.counters is not None:
        window = Window(since=counters, until=made.counters.window.until, source="a reset")
        made = msgspec.structs.replace(made, counters=msgspec.structs.replace(made.counters, window=window))
    if statements is not None and made.statements is not None:
        window = Window(since=statements, until=made.statements.window.until, source="a reset")
        made = msgspec.structs.replace(made, statements=msgspec.structs.replace(made.statements, window=window))
    return made


def entries(made: Snapshot, **changed: Any) -> Snapshot:
    """The same with fields of all entries of statements replaced."""
    assert made.statements is not None
    rows = tuple(msgspec.structs.replace(row, **changed) for row in made.statements.rows)
    return msgspec.structs.replace(made, statements=msgspec.structs.replace(made.statements, rows=rows))


def table(made: Snapshot, name: str) -> TableCounters:
    """The counters of a table."""
    oid = next(relation.oid for relation in made.catalog.relations if relation.name == name)
    assert made.counters is not None
    return next(row for row in made.counters.tables if row.relation_oid == oid)


def index(made: Snapshot, name: str) -> IndexCounters | None:
    """The counters of an index; None where it has none."""
    oid = next(index.oid for index in made.catalog.indexes if index.name == name)
    assert made.counters is not None
    return next((row for row in made.counters.indexes if row.index_oid == oid), None)


def entry(made: Snapshot, query_id: str) -> StatementRow:
    """The only entry of a statement."""
    assert made.statements is not None
    (row,) = (row for row in made.statements.rows if row.query_id == query_id)
    return row
