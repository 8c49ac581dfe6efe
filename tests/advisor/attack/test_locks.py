"""Nobody waits for an audit, and an audit waits for nobody for long, while locks are held and tables change."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Iterator

import psycopg
import pytest

from support.audits import audit
from support.databases import Database

pytestmark = pytest.mark.server

# Longer than the default lock timeout nobody may wait.
LOCK_TIMEOUT_S = 0.5
_WAITING_FOR_US = """
    SELECT COALESCE(max(extract(epoch FROM clock_timestamp() - w.query_start)), 0)::float8
    FROM pg_stat_activity w
    WHERE EXISTS (
        SELECT FROM unnest(pg_blocking_pids(w.pid)) b JOIN pg_stat_activity p ON p.pid = b
        WHERE p.application_name = 'pgadvisor'
    )
"""


@contextlib.contextmanager
def in_background(work: object, stop: threading.Event) -> Iterator[None]:
    """Runs a function until the end of the block."""
    assert callable(work)
    thread = threading.Thread(target=work)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()


def test_nobody_waits_while_a_lock_is_held_another_queued_and_tables_change(database: Database) -> None:
    database.execute(
        "CREATE TABLE held (id int, note text); CREATE TABLE changing (id int); CREATE VIEW v AS TABLE held"
    )
    for number in range(20):
        database.execute(f"SELECT {', '.join('1' * (number + 1))} FROM held, changing, v")
    stop, waited = threading.Event(), [0.0]

    def watch() -> None:
        with database.connect() as connection:
            while not stop.wait(0.01):
                ((seconds,),) = connection.execute(_WAITING_FOR_US).fetchall()
                waited.append(seconds)

    def change() -> None:
        with database.connect() as connection:
            while not stop.is_set():
                connection.execute("ALTER TABLE changing ADD COLUMN more int")
                connection.execute("ALTER TABLE changing DROP COLUMN more")
                connection.execute("CREATE TABLE passing (id int PRIMARY KEY)")
                connection.execute("DROP TABLE passing")

    with database.connect() as queued, psycopg.connect(database.dsn) as holder:
        holder.execute("LOCK TABLE held IN ACCESS EXCLUSIVE MODE")
        queuing = threading.Thread(target=lambda: queued.execute("ALTER TABLE held ADD COLUMN more int"))
        queuing.start()
        try:
            with in_background(watch, stop), in_background(change, stop):
                started = time.monotonic()
                ran = audit(database.dsn)
                took = time.monotonic() - started
        finally:
            holder.rollback()
            queuing.join()
    assert ran.code in (0, 1), ran.err
    assert "public.held" in " ".join(gap["scope"] for gap in ran.report["trust"]["gaps"])
    assert max(waited) < LOCK_TIMEOUT_S
    # Twenty statements on the held table, none of which may cost the lock timeout twice.
    assert took < 20 * LOCK_TIMEOUT_S
