"""The statistics views of the whole server: which there are, and that their numbers are the server's."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from psycopg import sql

from pgadvisor.model.counters import ViewRow
from pgadvisor.model.coverage import Fact, Presence
from pgadvisor.postgres.server_views import view_row
from pgadvisor.postgres.sqlfiles import Queries, parse
from support.databases import Database
from support.reading import Seen, read_database

SINCE = {
    "pg_stat_archiver": 13, "pg_stat_bgwriter": 13, "pg_stat_slru": 13, "pg_stat_wal": 14, "pg_stat_io": 16,
    "pg_stat_checkpointer": 17,
}  # fmt: skip


def test_a_row_is_read_as_its_file_says() -> None:
    file = parse("v", "-- view: pg_stat_v\n-- key: b, a\nSELECT 1")
    row = {"a": "x", "n": 2**53, "none": None, "b": "y", "stats_reset": datetime(2000, 1, 1, tzinfo=UTC)}
    assert view_row(file, row) == ViewRow(
        view="pg_stat_v", key=("y", "x"), values={"n": 2.0**53, "none": None}, reset_at=None
    )


def rows_of(seen: Seen) -> dict[str, dict[tuple[str, ...], ViewRow]]:
    assert seen.collected.counters is not None
    views: dict[str, dict[tuple[str, ...], ViewRow]] = {}
    for row in seen.collected.counters.server_views:
        assert row.key not in views.setdefault(row.view, {})
        views[row.view][row.key] = row
    return views


@pytest.mark.server
def test_the_views_of_this_version(any_database: Database) -> None:
    major = any_database.server.major
    checkpoints = ("pg_stat_checkpointer", "num_requested") if major >= 17 else ("pg_stat_bgwriter", "checkpoints_req")
    before = rows_of(read_database(any_database.dsn))
    any_database.execute("CREATE TABLE t AS SELECT i FROM generate_series(1, 5000) i")
    any_database.execute("CHECKPOINT")
    any_database.settle()
    view, column = checkpoints
    counted = sql.SQL("SELECT {} > {} FROM {}").format(
        sql.Identifier(column), sql.Literal(before[view][()].values[column]), sql.Identifier(view)
    )
    any_database.wait_until(counted.as_string())
    seen = read_database(any_database.role().dsn)
    after = rows_of(seen)
    assert set(before) == set(after) == {name for name, since in SINCE.items() if major >= since}
    assert (seen.collected.presence[Fact.SERVER_COUNTERS], seen.gaps(Fact.SERVER_COUNTERS)) == (Presence.PRESENT, [])
    assert len(after["pg_stat_slru"]) >= 8
    for name, rows in after.items():
        numbers = number_columns(any_database, name)
        for row in rows.values():
            assert set(row.values) == numbers and row.reset_at is not None
            assert all(value is None or value >= 0 for value in row.values.values())
    if major >= 14:
        assert grown(before, after, "pg_stat_wal", (), "wal_records") >= 5000
    if major >= 16:
        key = ("client backend", "relation", "normal")
        assert grown(before, after, "pg_stat_io", key, "hits") > 0
        assert after["pg_stat_io"][("checkpointer", *key[1:])].values["hits"] is None


def number_columns(database: Database, view: str) -> set[str]:
    rows = database.execute(
        "SELECT attname FROM pg_attribute JOIN pg_type t ON t.oid = atttypid"
        " WHERE attrelid = %s::regclass AND attnum > 0 AND t.typcategory = 'N'",
        [view],
    )
    return {row[0] for row in rows}


def grown(
    before: dict[str, dict[tuple[str, ...], ViewRow]],
    after: dict[str, dict[tuple[str, ...], ViewRow]],
    view: str,
    key: tuple[str, ...],
    column: str,
) -> float:
    first, second = before[view][key].values[column], after[view][key].values[column]
    assert first is not None and second is not None
    return second - first


@pytest.mark.server
def test_a_view_that_fails_costs_no_other(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    original = Queries.__getitem__

    def broken(queries: Queries, name: str) -> object:
        return sql.SQL("SELECT 1 / 0 AS stats_reset") if name == "pg_stat_wal" else original(queries, name)

    monkeypatch.setattr(Queries, "__getitem__", broken)
    seen = read_database(database.dsn)
    assert set(rows_of(seen)) == set(SINCE) - {"pg_stat_wal"}
    assert seen.collected.presence[Fact.SERVER_COUNTERS] is Presence.PARTIAL
    (gap,) = seen.gaps(Fact.SERVER_COUNTERS)
    assert "pg_stat_wal" in gap.reason
