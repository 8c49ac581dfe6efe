"""pg_stat_statements, wherever it is installed, and every way in which it is not."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import psycopg
import pytest

from pgadvisor.collect import collect
from pgadvisor.config import CollectConfig
from pgadvisor.localserver import LocalServer
from pgadvisor.model.coverage import Fact, Gap, GapKind, Presence
from pgadvisor.model.snapshot import Snapshot
from pgadvisor.model.statements import StatementRow
from pgadvisor.postgres import texts
from pgadvisor.postgres.session import Session
from pgadvisor.postgres.texts import Texts, read_texts
from support.databases import Database
from support.reading import Seen, open_session, read_database
from support.servers import Server

pytestmark = pytest.mark.server


ASKED = CollectConfig(max_explains=0, statements=5000)


def look_into(seen: Seen, session: Session, query_ids: Sequence[str], wanted: int = 5000) -> Texts:
    """One look at the texts of statements of the one database that was read."""
    server, statements = seen.collected.server, seen.collected.statements
    assert server is not None and statements is not None
    schema = next(e.schema for e in server.extensions if e.name == "pg_stat_statements")
    candidates = [(server.database_oid, query_id) for query_id in query_ids]
    return read_texts(session, schema, [server.database_oid], candidates, wanted)


def texts_of(dsn: str, seen: Seen) -> dict[str, StatementRow]:
    """The rows by their text."""
    server, statements = seen.collected.server, seen.collected.statements
    assert server is not None and statements is not None
    by_id = {row.query_id: row for row in statements.rows}
    with open_session(dsn) as session:
        found = look_into(seen, session, list(by_id))
    texts = {query_id: found.text((server.database_oid, query_id)).text for query_id in by_id}
    return {text: by_id[query_id] for query_id, text in texts.items() if text is not None}


def rows_of(snapshot: Snapshot) -> dict[str, StatementRow]:
    """The rows of a snapshot by their text."""
    assert snapshot.statements is not None
    by_id = {row.query_id: row for row in snapshot.statements.rows}
    return {text.text: by_id[text.query_id] for text in snapshot.statements.texts if text.text is not None}


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
    first = collect(any_database.dsn, ASKED)
    again = collect(any_database.dsn, ASKED)
    assert first.statements is not None and again.statements is not None
    assert first.statements.own_entries < again.statements.own_entries
    assert {row.query_id for row in again.statements.rows} - {row.query_id for row in first.statements.rows} == set()
    assert set(rows_of(again)) == set(rows_of(first)) >= {"SELECT $1 AS theirs"}
    # Of a choice of one the costliest is another's, though ours were the costliest entries.
    any_database.execute("SELECT pg_stat_statements_reset(0, 0, 0)")
    any_database.execute("SELECT 2 AS others")
    collect(any_database.dsn, ASKED)
    (text,) = collected_texts(any_database, statements=1)
    assert text is not None and text.startswith(("SELECT $1 AS others", "SELECT pg_stat_statements_reset("))


def collected_texts(database: Database, statements: int) -> list[str | None]:
    snapshot = collect(database.dsn, CollectConfig(max_explains=0, statements=statements))
    assert snapshot.statements is not None
    return [text.text for text in snapshot.statements.texts]


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


def test_a_reset_last_night(any_database: Database) -> None:
    """Another tool resets what is counted: of the whole server, or of this database alone."""
    any_database.execute("SELECT 1 AS early")
    any_database.execute("SELECT pg_stat_statements_reset()")
    (moment,) = any_database.execute("SELECT clock_timestamp()")[0]
    any_database.execute("SELECT 1 AS late")
    oid = any_database.execute("SELECT oid FROM pg_database WHERE datname = current_database()")[0][0]
    # To remove all entries there are is to reset all.
    with any_database.server.connect() as connection:
        connection.execute("SELECT 1 AS elsewhere")
    first = read_database(any_database.dsn).collected.statements
    any_database.execute(f"SELECT pg_stat_statements_reset(0, {oid}, 0)")
    any_database.execute("SELECT 1 AS latest")
    second = read_database(any_database.dsn).collected.statements
    assert first is not None and second is not None
    if any_database.server.major == 13:
        assert first.window.since is second.window.since is None
        return
    assert first.window.since is not None and abs((first.window.since - moment).total_seconds()) < 5
    assert first.window.seconds is not None and first.window.seconds < 60
    # The server's own moment stays, but entries have theirs.
    assert second.window.since == first.window.since
    begun = {row.since for row in second.rows}
    if any_database.server.major < 17:
        assert begun == {None}
    else:
        assert all(since is not None and since > first.window.until for since in begun)


def test_entries_that_were_pushed_out(server: Server) -> None:
    assert server.local is not None
    settings = {"shared_preload_libraries": "pg_stat_statements", "pg_stat_statements.max": "100"}
    with LocalServer(server.local.binaries, settings=settings) as small:
        with psycopg.connect(small.dsn(), autocommit=True) as connection:
            connection.execute("CREATE EXTENSION pg_stat_statements")
            for width in range(1, 200):
                connection.execute("SELECT " + ", ".join("1" * width))
        seen = read_database(small.dsn())
    statements = seen.collected.statements
    assert statements is not None and statements.capacity == 100
    assert statements.evicted is not None and statements.evicted > 0
    assert statements.window.since is not None
    assert all(row.since is not None and row.since >= statements.window.since for row in statements.rows)
    assert max(row.since for row in statements.rows if row.since) > statements.window.since


def test_reading_texts_writes_no_temporary_files(any_database: Database) -> None:
    """The server's own work_mem would not do for these."""
    for width in range(1, 301):
        any_database.execute(f"SELECT /* {'long' * 5000} */ {', '.join('1' * width)}")
    written = "SELECT temp_files FROM pg_stat_database WHERE datname = current_database()"
    before = any_database.execute(written)[0][0]
    assert sum(len(text) for text in texts_of(any_database.dsn, read_database(any_database.dsn))) > 4_500_000
    # What a session counted shows when it has ended.
    any_database.wait_until("SELECT count(*) = 0 FROM pg_stat_activity WHERE application_name = 'pgadvisor'")
    any_database.settle()
    assert any_database.execute(written)[0][0] == before


# What each version of the extension was the first to have; those since 1.4 can be created from the files of any server.
FIRST_HAD = {
    "1.8": ("plans", "plan_ms", "wal_records", "wal_full_page_images", "wal_bytes"),
    "1.9": ("toplevel",),
    "1.10": ("temp_read_ms", "temp_write_ms", "jit_functions", "jit_ms"),
    "1.11": ("since",),
    "1.12": ("parallel_workers_to_launch", "parallel_workers_launched"),
}


def test_the_extension_s_own_version_decides(any_database: Database) -> None:
    offered = [
        version
        for (version,) in any_database.execute(
            "SELECT version FROM pg_available_extension_versions WHERE name = 'pg_stat_statements'"
            " AND string_to_array(version, '.')::int[] >= '{1,4}' ORDER BY string_to_array(version, '.')::int[]"
        )
    ]
    newest = {13: "1.8", 14: "1.9", 15: "1.10", 16: "1.10", 17: "1.11", 18: "1.12"}[any_database.server.major]
    assert offered[0] == "1.4" and offered[-1] == newest
    any_database.execute('DROP EXTENSION pg_stat_statements; CREATE SCHEMA "Stat\'s %""; --"')
    any_database.execute('CREATE EXTENSION pg_stat_statements SCHEMA "Stat\'s %""; --" VERSION \'1.4\'')
    lacking = {field for fields in FIRST_HAD.values() for field in fields}
    for number, version in enumerate(offered, start=1):
        any_database.execute(f"ALTER EXTENSION pg_stat_statements UPDATE TO '{version}'")
        any_database.execute("SELECT 1 AS something")
        snapshot = collect(any_database.dsn, ASKED)
        assert snapshot.statements is not None and snapshot.statements.extension_version == version
        lacking -= set(FIRST_HAD.get(version, ()))
        row = rows_of(snapshot)["SELECT $1 AS something"]
        assert row.calls == number and row.total_ms > 0
        assert {field for field in row.__struct_fields__ if getattr(row, field) is None} == lacking, version
        assert (snapshot.statements.window.since is None) == (version in {"1.4", "1.5", "1.6", "1.7", "1.8"})
        assert snapshot.coverage.presence(Fact.STATEMENTS) is Presence.PRESENT
        gaps = [gap for gap in snapshot.coverage.gaps if gap.fact is Fact.STATEMENTS]
        if version == newest:
            assert gaps == []
        else:
            (gap,) = gaps
            assert f"version {version} though the server offers {newest}" in gap.reason
            assert gap.remedy == "Run ALTER EXTENSION pg_stat_statements UPDATE in this database."
            assert gap.kind is GapKind.NOT_OFFERED


def test_not_installed_here(any_database: Database) -> None:
    any_database.execute("DROP EXTENSION pg_stat_statements")
    seen = read_database(any_database.dsn)
    assert seen.collected.statements is None
    assert seen.collected.presence[Fact.STATEMENTS] is Presence.ABSENT
    assert "not installed in this database, though its library is loaded" in only_gap(seen).reason
    assert only_gap(seen).kind is GapKind.NOT_INSTALLED
    assert only_gap(seen).remedy == (
        "Run CREATE EXTENSION pg_stat_statements in this database; where another database of the server has it, "
        "--all-databases reads them over that one."
    )
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
    assert only_gap(seen).remedy == f'Run GRANT USAGE ON SCHEMA closed TO "{role.name}".'
    any_database.execute("GRANT USAGE ON SCHEMA closed TO PUBLIC")
    any_database.execute("REVOKE EXECUTE ON FUNCTION closed.pg_stat_statements(boolean) FROM PUBLIC")
    refused = only_gap(read_database(role.dsn))
    assert refused.remedy == f'Run GRANT EXECUTE ON FUNCTION closed.pg_stat_statements(boolean) TO "{role.name}".'
    assert refused.kind is GapKind.HIDDEN
    any_database.execute(refused.remedy.removeprefix("Run ").removesuffix("."))
    assert read_database(role.dsn).gaps(Fact.STATEMENTS) == []


def test_views_that_the_role_may_not_read(any_database: Database) -> None:
    """The functions below them are what we ask, and what their owner can open."""
    role = any_database.role(member_of=["pg_monitor"])
    any_database.execute("REVOKE ALL ON pg_stat_statements FROM PUBLIC")
    if any_database.server.major < 14:
        assert read_database(role.dsn).gaps(Fact.STATEMENTS) == []
        return
    any_database.execute("REVOKE ALL ON pg_stat_statements_info FROM PUBLIC")
    assert read_database(role.dsn).gaps(Fact.STATEMENTS) == []
    any_database.execute("REVOKE ALL ON FUNCTION pg_stat_statements_info() FROM PUBLIC")
    seen = read_database(role.dsn)
    assert only_gap(seen).remedy == f'Run GRANT EXECUTE ON FUNCTION public.pg_stat_statements_info() TO "{role.name}".'
    assert seen.collected.statements is not None and seen.collected.statements.window.since is None
    assert seen.collected.presence[Fact.STATEMENTS] is Presence.PRESENT


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
    assert seen.collected.server is not None
    oid = seen.collected.server.database_oid
    rows = texts_of(database.dsn, seen)
    short, long = rows["SELECT $1 AS short"].query_id, rows[f"SELECT $1, $2 AS {'long' * 10}"].query_id
    monkeypatch.setattr(texts, "MAX_TEXT_BYTES", 30)
    with open_session(database.dsn) as session:
        found = look_into(seen, session, [long, short, "12345"])
        assert found.text((oid, short)).text == "SELECT $1 AS short"
        assert (found.text((oid, long)).reason, found.text((oid, long)).source_bytes) == (
            "The text is longer than 30 bytes",
            57,
        )
        assert "dropped the entry" in found.text((oid, "12345")).reason
        # No more than wanted are sent.
        assert len(look_into(seen, session, [short, long], wanted=1).answers) == 1
        database.execute("DROP EXTENSION pg_stat_statements")
        refused = look_into(seen, session, [short]).text((oid, short))
        assert refused.text is None and "refused" in refused.reason


def test_texts_that_the_server_refuses(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    """One gap for all; which entries are this tool's own is then not known either."""
    for _ in range(2):
        database.execute("SELECT 1 AS theirs")
        collect(database.dsn, ASKED)
    monkeypatch.setattr(texts, "WORK_MEM", "no size")
    snapshot = collect(database.dsn, CollectConfig(statements=10))
    assert snapshot.statements is not None and snapshot.statements.own_entries == 0
    assert len(snapshot.statements.texts) == 10
    assert all(text.text is None and "refused" in text.reason for text in snapshot.statements.texts)
    (gap,) = (gap for gap in snapshot.coverage.gaps if gap.fact is Fact.STATEMENT_TEXTS)
    assert "work_mem" in gap.reason and "this tool itself" in gap.reason
    assert snapshot.coverage.presence(Fact.STATEMENT_TEXTS) is Presence.ABSENT
    assert snapshot.coverage.presence(Fact.STATEMENTS) is Presence.PARTIAL
    assert snapshot.coverage.presence(Fact.CATALOG) is Presence.PRESENT
