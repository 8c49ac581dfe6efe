"""Reads the statistics views of the whole server: checkpoints, WAL, I/O, caches, archiving.

A view has a file of its own name, which says under ``-- view:`` what it is and under ``-- key:`` what tells its rows
apart; whatever other numbers it has in this version are its values. So a new view is one more file.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import msgspec

from pgadvisor.model.counters import ViewRow
from pgadvisor.model.coverage import Fact, Presence
from pgadvisor.postgres.reader import Reader
from pgadvisor.postgres.sqlfiles import NotOfferedError, SqlFile, sql_files

# What the server writes where nobody noted a reset.
_NEVER = datetime(2000, 1, 1, tzinfo=UTC)


def read_server_views(reader: Reader) -> None:
    """Every such view that this version has. What it does not have is no gap: no role and no setting brings it."""
    fact = Fact.SERVER_COUNTERS
    reader.present(fact, Presence.ABSENT)
    counters = reader.into.counters
    if counters is None:
        return
    reader.progress("Reading the server's counters")
    rows: list[ViewRow] = []
    files = view_files(reader)
    missing = 0
    for file in files:
        answer = reader.rows(fact, file.name, file.headers["view"])
        missing += answer is None
        rows += (view_row(file, row) for row in answer or ())
    reader.into.counters = msgspec.structs.replace(
        counters, server_views=tuple(sorted(rows, key=lambda row: (row.view, row.key)))
    )
    if missing < len(files):
        reader.present(fact, Presence.PARTIAL if missing else Presence.PRESENT)


def view_files(reader: Reader) -> list[SqlFile]:
    """The files about views that this server has, by name."""
    names = sorted({file.name for file in sql_files() if "view" in file.headers})
    files = []
    for name in names:
        try:
            files.append(reader.queries.choose(name))
        except NotOfferedError:
            continue
    return files


def view_row(file: SqlFile, row: Mapping[str, Any]) -> ViewRow:
    """A row of any view, as its file says to read it."""
    key = file.listed("key")
    reset_at = row["stats_reset"]
    return ViewRow(
        view=file.headers["view"],
        key=tuple(row[name] for name in key),
        values={
            name: None if value is None else float(value)
            for name, value in row.items()
            if name not in key and name != "stats_reset"
        },
        reset_at=None if reset_at == _NEVER else reset_at,
    )
