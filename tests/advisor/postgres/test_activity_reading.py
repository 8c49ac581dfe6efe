"""Sessions that wait and make wait, long transactions, running commands, and what keeps vacuum back."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import psycopg
import pytest
from psycopg.conninfo import make_conninfo

from pgadvisor.localserver import LocalServer
from pgadvisor.model.activity import Activity, SessionState
from pgadvisor.model.coverage import Fact, GapKind, Presence
from pgadvisor.postgres import activity as reading
from support.databases import Database
from support.reading import Seen, read_database
from support.servers import SETTINGS, Server

pytestmark = pytest.mark.server

HOSTILE = """a'b" %s {x} </script>"""
SECRET = "s3cr3t value"


def activity_of(seen: Seen) -> Activity:
    assert seen.collected.activity is not None
    return seen.collected.activity


def noted(seen: Seen) -> dict[int, SessionState]:
    return {session.pid: session for session in activity_of(seen).noted_sessions}


def connect(database: Database, application: str) -> psycopg.Connection[tuple[object, ...]]:
    return psycopg.connect(make_conninfo(database.dsn, application_name=application), autocommit=True)


@contextmanager
def sent(dsn: str, connection: psycopg.Connection[tuple[object, ...]], command: str) -> Iterator[int]:
    """A command that waits for a lock; its pid."""
    connection.pgconn.send_query(command.encode())
    pid = connection.info.backend_pid
    deadline = time.monotonic() + 10
    with psycopg.connect(dsn, autocommit=True) as watcher:
        waiting = "SELECT wait_event_type FROM pg_stat_activity WHERE pid = %s"
        while watcher.execute(waiting, [pid]).fetchone() != ("Lock",):
            assert time.monotonic() < deadline, "it does not wait"
            time.sleep(0.02)
    yield pid
    connection.cancel_safe()
    while connection.pgconn.get_result() is not None:
        pass


def test_who_waits_for_whom(any_database: Database) -> None:
    any_database.execute("CREATE TABLE t (id int PRIMARY KEY, a text)")
    any_database.execute("INSERT INTO t VALUES (1, 'x')")
    with (
        connect(any_database, HOSTILE) as holder,
        connect(any_database, HOSTILE) as waiter,
        connect(any_database, "") as bystander,
    ):
        bystander.execute("BEGIN; SELECT 1")
        holder.execute(f"BEGIN; UPDATE t SET a = '{SECRET}'".encode())
        holder_pid = holder.info.backend_pid
        role = any_database.role("o'd\"d")
        with sent(any_database.dsn, waiter, f"DELETE FROM t WHERE a <> '{SECRET}'") as pid:
            seen = read_database(any_database.dsn)
            monitor = read_database(any_database.role(member_of=["pg_monitor"]).dsn)
            plain = read_database(role.dsn)
    check_whole(seen, any_database, holder_pid, pid)
    check_whole(monitor, any_database, holder_pid, pid)
    check_plain(plain, role.name, holder_pid, pid)
    after = read_database(any_database.dsn)
    assert noted(after) == {} and activity_of(after).waiting_sessions == 0


def check_whole(seen: Seen, database: Database, holder_pid: int, waiter_pid: int) -> None:
    sessions = noted(seen)
    assert set(sessions) == {holder_pid, waiter_pid}
    holder, waiter = sessions[holder_pid], sessions[waiter_pid]
    assert waiter.blocked_by == (holder_pid,) and holder.blocked_by == ()
    assert (waiter.state, waiter.wait_event_type) == ("active", "Lock")
    assert (holder.state, holder.backend_type) == ("idle in transaction", "client backend")
    assert holder.database == database.name and holder.role == "postgres" and holder.application == HOSTILE
    assert holder.transaction_s is not None and waiter.query_s is not None and waiter.state_s is not None
    assert 60 > holder.transaction_s >= waiter.query_s > 0 and waiter.state_s > 0
    assert holder.horizon_age is not None and holder.horizon_age >= 1
    assert (waiter.query_id is not None) == (database.server.major >= 14)
    assert SECRET not in str(seen.collected)
    assert activity_of(seen).waiting_sessions == 1
    assert seen.collected.presence[Fact.SESSIONS] is Presence.PRESENT and seen.gaps(Fact.SESSIONS) == []


def check_plain(seen: Seen, role: str, holder_pid: int, waiter_pid: int) -> None:
    """What is hidden is None, and said; that they wait, and how far back they reach, is not hidden."""
    sessions = noted(seen)
    assert set(sessions) == {holder_pid, waiter_pid}
    assert sessions[waiter_pid].blocked_by == (holder_pid,)
    for session in sessions.values():
        assert (session.state, session.transaction_s, session.query_s, session.state_s) == (None, None, None, None)
        assert (session.backend_type, session.wait_event, session.query_id) == (None, None, None)
    assert sessions[holder_pid].horizon_age is not None
    assert seen.collected.presence[Fact.SESSIONS] is Presence.PARTIAL
    (gap,) = seen.gaps(Fact.SESSIONS)
    assert gap.kind is GapKind.HIDDEN
    quoted = role.replace('"', '""')
    assert gap.remedy == f'GRANT pg_read_all_stats TO "{quoted}".'


def test_the_longest_transactions_are_noted(any_database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reading, "LONG_TRANSACTION_S", 0.2)
    monkeypatch.setattr(reading, "MAX_LONG", 2)
    with (
        connect(any_database, "pgadvisor") as ours,
        any_database.connect() as first,
        any_database.connect() as second,
        any_database.connect() as third,
    ):
        ours.execute("BEGIN; SELECT 1")
        pids = [connection.info.backend_pid for connection in (first, second, third)]
        for connection in (first, second, third):
            connection.execute("BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT count(*) FROM pg_class")
        any_database.execute("SELECT pg_sleep(0.3)")
        seen = read_database(any_database.dsn)
    assert set(noted(seen)) == set(pids[:2])
    oldest = noted(seen)[pids[0]]
    assert oldest.transaction_s is not None and 30 > oldest.transaction_s > 0.2
    assert oldest.transaction_s == pytest.approx(activity_of(seen).longest_transaction_s, abs=5)
    (gap,) = seen.gaps(Fact.SESSIONS)
    assert gap.kind is GapKind.LIMIT and "Of 3 sessions" in gap.reason and "only 2" in gap.reason
    assert seen.collected.presence[Fact.SESSIONS] is Presence.PARTIAL


def test_how_far_back_the_oldest_snapshot_reaches(any_database: Database) -> None:
    bare = any_database.role()
    with (
        any_database.connect() as reader,
        any_database.server.connect() as elsewhere,
        connect(any_database, "pgadvisor") as ours,
    ):
        ours.execute("BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT count(*) FROM pg_class")
        elsewhere.execute("BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT count(*) FROM pg_class")
        burn(any_database, 100)
        reader.execute("BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT count(*) FROM pg_class")
        burn(any_database, 50)
        assert activity_of(read_database(any_database.dsn)).oldest_horizon_age == 50
        # Not hidden from a bare role, to whom another role's session is a stranger's whatever it calls itself.
        assert activity_of(read_database(bare.dsn)).oldest_horizon_age == 150
        reader.execute("ROLLBACK")
        assert activity_of(read_database(any_database.dsn)).oldest_horizon_age == 0
        # With a number and no snapshot, as after a write.
        reader.execute("BEGIN; SELECT txid_current()")
        burn(any_database, 20)
        assert activity_of(read_database(any_database.dsn)).oldest_horizon_age == 21


def burn(database: Database, transactions: int) -> None:
    for _ in range(transactions):
        database.execute("SELECT txid_current()")


def test_an_index_that_is_being_built(any_database: Database) -> None:
    any_database.execute("CREATE TABLE t (id int)")
    with any_database.connect() as writer, any_database.connect() as builder:
        writer.execute("BEGIN; INSERT INTO t VALUES (1)")
        with sent(any_database.dsn, builder, "CREATE INDEX CONCURRENTLY waits ON t (id)") as pid:
            seen = read_database(any_database.dsn)
            elsewhere = read_database(any_database.server.dsn())
            plain = read_database(any_database.role().dsn)
        assert noted(seen)[pid].blocked_by == (writer.info.backend_pid,)
    (command,) = activity_of(seen).running
    assert (command.command, command.pid, command.database) == ("create index", pid, any_database.name)
    assert command.phase == "waiting for writers before build"
    assert (command.relation_oid, command.index_oid) == (seen.relations["t"].oid, seen.indexes["waits"].oid)
    assert (command.done, command.total) == (0, None)
    assert seen.collected.presence[Fact.PROGRESS] is Presence.PRESENT and seen.gaps(Fact.PROGRESS) == []
    (foreign,) = activity_of(elsewhere).running
    assert foreign.phase == command.phase and foreign.database == any_database.name
    assert (foreign.relation_oid, foreign.index_oid) == (None, None)
    (hidden,) = activity_of(plain).running
    assert (hidden.command, hidden.pid, hidden.phase, hidden.relation_oid) == ("create index", pid, None, None)
    assert plain.collected.presence[Fact.PROGRESS] is Presence.PARTIAL
    (gap,) = plain.gaps(Fact.PROGRESS)
    assert gap.kind is GapKind.HIDDEN and "GRANT pg_read_all_stats" in gap.remedy


def test_a_copy_that_is_running(any_database: Database) -> None:
    any_database.execute("CREATE TABLE t (a text)")
    with any_database.connect() as loader, loader.cursor() as cursor:
        pid = loader.info.backend_pid
        with cursor.copy("COPY t FROM STDIN") as copy:
            # More than the client and the server keep in their buffers.
            copy.write(b"abcdefg\n" * 50_000)
            offered = any_database.server.major >= 14
            if offered:
                any_database.wait_until("SELECT count(*) > 0 FROM pg_stat_progress_copy WHERE bytes_processed > 0")
            seen = read_database(any_database.dsn)
    running = activity_of(seen).running
    assert len(running) == offered
    for command in running:
        assert (command.command, command.pid, command.total) == ("copy", pid, None)
        assert command.relation_oid == seen.relations["t"].oid and command.done is not None
        assert 0 < command.done <= 400_000


@pytest.mark.parametrize("major", [13, 18])
def test_prepared_transactions(old_server: Callable[[int], Server], major: int) -> None:
    base = old_server(major).local
    assert base is not None
    with (
        LocalServer(base.binaries, settings=SETTINGS | {"max_prepared_transactions": "5"}) as server,
        psycopg.connect(server.dsn(), autocommit=True) as connection,
        psycopg.connect(server.dsn(), autocommit=True) as waiter,
    ):
        connection.execute("CREATE TABLE t (a int)")
        connection.execute(f"BEGIN; LOCK TABLE t; PREPARE TRANSACTION '{SECRET}'".encode())
        for _ in range(5):
            connection.execute("SELECT txid_current()")
        with sent(server.dsn(), waiter, "TABLE t") as pid:
            seen = read_database(server.dsn())
        # Without the snapshot of whoever waits, which reaches back as far.
        alone = read_database(server.dsn())
        connection.execute(f"ROLLBACK PREPARED '{SECRET}'".encode())
    (prepared,) = activity_of(seen).prepared_transactions
    assert (prepared.database, prepared.owner) == ("postgres", "postgres")
    assert 0 < prepared.age_s < 60
    assert prepared.horizon_age == activity_of(alone).oldest_horizon_age == 6
    assert noted(seen)[pid].blocked_by == (0,)
    assert SECRET not in str(seen.collected)
