"""A run that is cut short keeps what it had and says so, at whatever step it is cut."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from pgadvisor.analyze import analyze
from pgadvisor.collect import collect
from pgadvisor.config import Config, GateConfig
from pgadvisor.gate import ExitCode, gate
from pgadvisor.model.coverage import Fact, Presence
from pgadvisor.model.snapshot import Snapshot
from pgadvisor.postgres.connect import ConnectError
from pgadvisor.registry import load_rules
from support.databases import Database

pytestmark = pytest.mark.server
CONFIG = Config()


def steps_of(database: Database) -> list[str]:
    seen: list[str] = []

    def note(step: str, done: int = 0, total: int | None = None) -> None:
        if step not in seen:
            seen.append(step)

    collect(database.dsn, CONFIG.collect, note)
    return seen


def cut_at(database: Database, step: str, cut: Callable[[], None]) -> Snapshot:
    done = False

    def progress(now: str, _done: int = 0, total: int | None = None) -> None:
        nonlocal done
        if now == step and not done:
            done = True
            cut()

    return collect(database.dsn, CONFIG.collect, progress)


def fill(database: Database) -> None:
    database.execute("CREATE TABLE t (id int PRIMARY KEY, a int)")
    database.execute("INSERT INTO t SELECT i, i FROM generate_series(1, 1000) i")
    database.execute("ANALYZE t")
    for _ in range(3):
        database.execute("SELECT count(*) FROM t WHERE a = %s", [7])


def terminate(database: Database) -> None:
    database.execute(
        "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE application_name = 'pgadvisor'"
        " AND datname = current_database()"
    )


def interrupt() -> None:
    raise KeyboardInterrupt


@pytest.mark.parametrize("kind", ["connection lost", "interrupted"])
def test_cut_at_every_step(database: Database, kind: str) -> None:
    fill(database)
    kept = 0
    for step in steps_of(database):
        cut = interrupt if kind == "interrupted" else lambda: terminate(database)
        try:
            snapshot = cut_at(database, step, cut)
        except (ConnectError, KeyboardInterrupt):
            assert not kept, f"cut at {step!r} lost what was collected"
            continue
        if snapshot.coverage.presence(Fact.CONNECTION) is Presence.PRESENT:
            # Before the connection is made there is none to lose, and the last steps ask the server nothing more.
            assert kind == "connection lost"
            continue
        kept += 1
        report = analyze(snapshot, CONFIG, load_rules())
        assert report.trust.partial_reason
        assert report.trust.interrupted is (kind == "interrupted")
        assert gate(report, GateConfig()) in (ExitCode.INCOMPLETE, ExitCode.FINDINGS)
    assert kept > 3
