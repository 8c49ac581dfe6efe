"""pg_stat_statements, wherever it is installed, and every way in which it is not."""

from __future__ import annotations

from collections.abc import Iterator

import psycopg
import pytest

from pgadvisor.localserver import LocalServer
from pgadvisor.model.coverage import Fact, Gap, Presence
from pgadvisor.model.statements import StatementRow
from pgadvisor.postgres import texts
from pgadvisor.postgres.texts import read_texts
from support.databases import Database
from support.reading import Seen, open_session, read_database

pytestmark = pytest.mark.server


def texts_of(dsn: str, seen: Seen) -> dict[str, StatementRow]:
    """The rows by their text."""
    statements = seen.collected.statements
    assert statements is not None
    with open_session(dsn) as session:
        found = read_texts(session, statements, [row.query_id for row in statements.rows])
    by_id = {row.query_id: row for row in statements.rows}
    return {text.text: by_id[text.query_id] for text in found if text.text is not None}


def only_gap(seen: Seen) -> Gap:
    (gap,) = seen.gaps(Fact.STATEMENTS)
    return gap


def test_numbers_and_texts_of_this_database(any_database: Database) -> None:
    any_database.execute("CREATE TABLE t (id int)")
    for number in range(7):
        any_database.execute("INSERT INTO t SELECT generate_series(1, %s)", [number])
    seen = read_database(any_database.dsn)
    statements = seen.collected.statements
    assert statements is not None
    rows = texts_of(any_database.dsn, seen)
    row = rows["INSERT INTO t SELECT generate_series($2, $1)"]
    assert (row.calls, row.rows) == (7, 21)
    assert row.total_ms == pytest.approx(7 * row.mean_ms) and row.min_ms <= row.mean_ms <= row.max_ms
    assert row.plans == 0 and row.wal_bytes is not None and row.wal_bytes > 0
    assert (row.toplevel is True) == (any_database.server.major >= 14)
    assert (row.jit_ms == 0) == (any_database.server.major >= 15)
    assert row.read_ms == 0 and row.shared_blocks_dirtied > 0
    assert statements.capacity == 10_000
    assert statements.extension_version is not None
    assert statements.other_databases_calls > 0
    assert seen.collected.presence[Fact.STATEMENTS] is Presence.PRESENT
    assert seen.gaps(Fact.STATEMENTS) == []
    assert statements.rows == tuple(sorted(statements.rows, key=lambda row: -row.total_ms))


def test_other_databases_are_summed_not_listed(database: Database) -> None:
    database.execute("SELECT 1 AS only_here")
    first = read_database(database.dsn)
    with database.server.connect() as connection:
        connection.execute("SELECT pg_sleep(0.05) AS elsewhere")
    second = read_database(database.dsn)
    assert not any("elsewhere" in text for text in texts_of(database.dsn, second))
    assert first.collected.statements is not None and second.collected.statements is not None
    assert second.collected.statements.other_databases_ms >= first.collected.statements.other_databases_ms + 50


def test_our_own_statements_are_left_out(any_database: Database) -> None:
    any_database.execute("SELECT 1 AS theirs")
    first = read_database(any_database.dsn)
    again = read_database(any_database.dsn)
    assert first.collected.statements is not None and again.collected.statements is not None
    assert first.collected.statements.own_entries < again.collected.statements.own_entries
    assert {row.query_id for row in again.collected.statements.rows} - {
        row.query_id for row in first.collected.statements.rows
    } == set()
    assert "SELECT $1 AS theirs" in texts_of(any_database.dsn, again)


def test_the_window_of_statements_is_their_own(any_database: Database) -> None:
    any_database.execute("SELECT pg_stat_statements_reset(0, 0, 0)")
    seen = read_database(any_database.dsn).collected
    assert seen.statements is not None and seen.counters is not None
    window = seen.statements.window
    if any_database.server.major == 13:
        assert (window.since, window.source, seen.statements.evicted) == (None, "unknown", None)
        return
    assert window.source == "reset of pg_stat_statements"
    assert seen.statements.evicted == 0
    assert window.since is not None and window.since > seen.counters.window.since  # type: ignore[operator]
    assert window.seconds is not None and 0 <= window.seconds < 60


@pytest.mark.parametrize("version", ["1.4", "1.7", "1.8", None])
def test_the_extension_s_own_version_decides(any_database: Database, version: str | None) -> None:
    any_database.execute("DROP EXTENSION pg_stat_statements")
    any_database.execute('CREATE SCHEMA "Stat\'s"')
    wanted = "" if version is None else f"VERSION '{version}'"
    any_database.execute(f'CREATE EXTENSION pg_stat_statements SCHEMA "Stat\'s" {wanted}')
    any_database.execute("SELECT 1 AS something")
    seen = read_database(any_database.dsn)
    assert seen.gaps(Fact.STATEMENTS) == []
    row = texts_of(any_database.dsn, seen)["SELECT $1 AS something"]
    assert row.calls == 1 and row.total_ms > 0
    assert (row.plans is None) == (version in {"1.4", "1.7"})
    assert seen.collected.statements is not None
    assert version in {None, seen.collected.statements.extension_version}


def test_not_installed_here(any_database: Database) -> None:
    any_database.execute("DROP EXTENSION pg_stat_statements")
    seen = read_database(any_database.dsn)
    assert seen.collected.statements is None
    assert seen.collected.presence[Fact.STATEMENTS] is Presence.ABSENT
    assert "not installed in this database, though its library is loaded" in only_gap(seen).reason
    assert only_gap(seen).remedy == "Run CREATE EXTENSION pg_stat_statements in this database."
    assert seen.collected.presence[Fact.CATALOG] is Presence.PRESENT


@pytest.fixture
def bare_server(any_server: object) -> Iterator[LocalServer]:
    """A server of its own without the library."""
    local = any_server.local  # type: ignore[attr-defined]
    assert local is not None
    with LocalServer(local.binaries, settings={}) as server:
        yield server


def test_the_library_is_not_loaded(bare_server: LocalServer) -> None:
    missing = read_database(bare_server.dsn())
    assert "its library is not loaded" in only_gap(missing).reason
    assert "shared_preload_libraries" in only_gap(missing).remedy and "CREATE EXTENSION" in only_gap(missing).remedy
    with psycopg.connect(bare_server.dsn(), autocommit=True) as connection:
        connection.execute("CREATE EXTENSION pg_stat_statements")
    idle = read_database(bare_server.dsn())
    assert "is installed, but its library is not loaded" in only_gap(idle).reason
    assert "shared_preload_libraries" in only_gap(idle).remedy and "CREATE EXTENSION" not in only_gap(idle).remedy
    assert idle.collected.presence[Fact.STATEMENTS] is Presence.ABSENT


def test_entries_of_others_are_counted_where_they_are_hidden(any_database: Database) -> None:
    any_database.execute("SELECT 1 AS secret")
    role = any_database.role()
    with role.connect() as connection:
        connection.execute("SELECT 1 AS own")
    seen = read_database(role.dsn)
    rows = texts_of(role.dsn, seen)
    assert "SELECT $1 AS own" in rows and "SELECT $1 AS secret" not in rows
    assert "entries of other roles" in only_gap(seen).reason and "pg_read_all_stats" in only_gap(seen).remedy
    assert seen.collected.presence[Fact.STATEMENTS] is Presence.PARTIAL
    allowed = any_database.role("allowed", member_of=["pg_read_all_stats"])
    assert read_database(allowed.dsn).gaps(Fact.STATEMENTS) == []


def test_a_schema_that_the_role_may_not_use(any_database: Database) -> None:
    any_database.execute("CREATE SCHEMA closed; ALTER EXTENSION pg_stat_statements SET SCHEMA closed")
    role = any_database.role(member_of=["pg_monitor"])
    seen = read_database(role.dsn)
    assert seen.collected.presence[Fact.STATEMENTS] is Presence.ABSENT
    assert "permission denied for schema closed" in only_gap(seen).reason
    assert "USAGE on schema closed" in only_gap(seen).remedy


@pytest.mark.parametrize(("setting", "value"), [("pg_stat_statements.track", "none"), ("compute_query_id", "off")])
def test_a_server_that_counts_nothing_says_so(database: Database, setting: str, value: str) -> None:
    role = database.role(member_of=["pg_monitor"])
    database.execute(f'ALTER ROLE "{role.name}" SET {setting} = {value}')
    seen = read_database(role.dsn)
    assert setting in only_gap(seen).reason
    assert seen.collected.presence[Fact.STATEMENTS] is Presence.PARTIAL


def test_why_a_text_cannot_be_had(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    database.execute("SELECT 1 AS short")
    database.execute(f"SELECT 1, 2 AS {'long' * 10}")
    seen = read_database(database.dsn)
    statements = seen.collected.statements
    assert statements is not None
    rows = texts_of(database.dsn, seen)
    short, long = rows["SELECT $1 AS short"].query_id, rows[f"SELECT $1, $2 AS {'long' * 10}"].query_id
    monkeypatch.setattr(texts, "MAX_TEXT_BYTES", 30)
    with open_session(database.dsn) as session:
        found = read_texts(session, statements, [long, short, "12345"])
        assert [(text.query_id, text.text) for text in found] == [(long, None), (short, "SELECT $1 AS short")]
        assert (found[0].reason, found[0].source_bytes) == ("The text is longer than 30 bytes", 57)
        session.connection.execute("SELECT pg_stat_statements_reset()")
        assert "dropped the entry" in read_texts(session, statements, [short])[0].reason
        database.execute("DROP EXTENSION pg_stat_statements")
        (refused,) = read_texts(session, statements, [short])
        assert refused.text is None and "refused" in refused.reason
        assert read_texts(session, statements, []) == ()
