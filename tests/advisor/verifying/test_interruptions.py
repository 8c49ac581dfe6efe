"""Whatever ends a trial, and wherever: nothing of it is left on the copy."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from pgadvisor.config import Config
from pgadvisor.model.catalog import IndexKey
from pgadvisor.model.report import Report
from pgadvisor.model.verification import Verdict
from pgadvisor.postgres.connect import ConnectError
from pgadvisor.verify import TrialOptions, verify
from support.audits import pgadvisor
from support.databases import Database
from support.trials import create, mark, recommended, relations_of, statement, trial_report, written

pytestmark = pytest.mark.server
QUICK = TrialOptions(runs=1, values=1)
OURS = "FROM pg_stat_activity WHERE application_name = 'pgadvisor' AND datname = current_database()"
SESSIONS = f"SELECT count(*) = 0 {OURS}"

# Long enough to be interrupted; planned by nobody's rights but its owner's, a superuser's.
SLOW = """
CREATE FUNCTION slow(n int) RETURNS int LANGUAGE plpgsql IMMUTABLE AS
$$DECLARE i int; BEGIN FOR i IN 1..1000000 LOOP END LOOP; RETURN n; END$$
"""


def prepare(database: Database) -> Report:
    mark(database)
    database.execute(
        "CREATE TABLE t (a int, b int); INSERT INTO t SELECT i, i FROM generate_series(1, 5000) i; ANALYZE t"
    )
    text = "SELECT count(*) FROM t WHERE a = $1"
    indexes = (
        recommended(1, create("t", "a"), {"1": 0.5}),
        recommended(2, create("t", IndexKey(expression="(b + 1)")), {"1": 0.5}),
    )
    return trial_report(indexes, (statement("1", text, "public.t"),))


def steps_of(report: Report, database: Database) -> list[str]:
    seen: list[str] = []

    def note(step: str, done: int = 0, total: int | None = None) -> None:
        if step not in seen:
            seen.append(step)

    verify(report, database.dsn, Config(), QUICK, note)
    return seen


def cut_at(report: Report, database: Database, step: str, cut: Callable[[], None]) -> Report:
    done = False

    def progress(now: str, _done: int = 0, total: int | None = None) -> None:
        nonlocal done
        if now == step and not done and _done in (0, 1):
            done = True
            cut()

    return verify(report, database.dsn, Config(), QUICK, progress)


def interrupt() -> None:
    raise KeyboardInterrupt


@pytest.mark.parametrize("kind", ["interrupted", "connection lost"])
def test_cut_at_every_step(database: Database, kind: str) -> None:
    report = prepare(database)
    before = relations_of(database)

    def terminate() -> None:
        database.execute(f"SELECT pg_terminate_backend(pid, 5000) {OURS}")

    steps = steps_of(report, database)
    # What is read before is read as by any look, and a test of those cuts it everywhere.
    steps = steps[steps.index("Building indexes on the copy") :]
    assert len(steps) >= 3
    kept = 0
    for step in ["Connecting", *steps]:
        try:
            tried = cut_at(report, database, step, interrupt if kind == "interrupted" else terminate)
        except (ConnectError, KeyboardInterrupt):
            continue
        finally:
            database.wait_until(SESSIONS)
            assert relations_of(database) == before, step
        assert tried.verification is not None
        if tried.verification.cut_short:
            kept += 1
            assert tried.verification.interrupted is (kind == "interrupted")
    assert kept >= 2


def started(report: Report, database: Database, folder: Path, *options: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "pgadvisor", "verify", str(written(report, folder)), database.dsn, *options]
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PG")}
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment)


@pytest.mark.parametrize("where", ["CREATE INDEX%", "EXPLAIN (ANALYZE%"])
def test_ctrl_c_and_kill_while_the_copy_is_busy(database: Database, where: str, tmp_path: Path) -> None:
    report = prepare(database)
    database.execute(SLOW)
    if where.startswith("CREATE"):
        slow = create("t", IndexKey(expression="public.slow(a)"))
        report = trial_report((recommended(1, slow, {"1": 0.5}),), report.statements)
    else:
        text = "SELECT count(*) FROM t WHERE public.slow(b) > 0 AND a > 0"
        report = trial_report(report.recommendations[:1], (statement("1", text, "public.t"),))
    before = relations_of(database)
    busy = (
        "SELECT count(*) > 0 FROM pg_stat_activity WHERE query LIKE %s AND state = 'active' AND pid <> pg_backend_pid()"
    )
    for end in (signal.SIGINT, signal.SIGKILL):
        process = started(report, database, tmp_path, "--json", str(tmp_path / "out.json"))
        try:
            database.wait_until(busy, [where])
            time.sleep(0.2)
            assert relations_of(database) == before
            process.send_signal(end)
            out, err = process.communicate(timeout=20)
        finally:
            process.kill()
            process.wait()
        if end is signal.SIGINT:
            assert process.returncode == 130, out + err
            assert (tmp_path / "out.json").is_file()
            database.wait_until(SESSIONS)
        else:
            # The server looks every second; it would else find out when it is done with what it does.
            database.wait_until(SESSIONS)
        assert relations_of(database) == before


def test_time_that_is_over_ends_the_trial(database: Database, tmp_path: Path) -> None:
    report = prepare(database)
    database.execute(SLOW)
    text = "SELECT count(*) FROM t WHERE public.slow(b) > 0 AND a > 0"
    report = trial_report(report.recommendations[:1], (statement("1", text, "public.t"),))
    before = relations_of(database)
    tried = verify(report, database.dsn, Config(), TrialOptions(runs=1, values=1, max_time_s=2))
    assert tried.verification is not None
    assert "Raise --max-time" in tried.verification.cut_short
    options = TrialOptions(runs=1, values=1, statement_timeout_ms=300)
    tried = verify(report, database.dsn, Config(), options)
    assert tried.verification is not None
    (each,) = tried.verification.statements
    assert each.timed_out_before
    assert each.timed_out_after
    assert each.before_ms == 300
    assert each.verdict is Verdict.NOT_RUN
    assert "Raise --statement-timeout" in each.reason
    assert (tried.verification.before_ms, tried.verification.not_run) == (None, 1)
    limits = ("--runs", "1", "--values", "1", "--statement-timeout", "0.3s")
    ran = pgadvisor("verify", written(report, tmp_path), database.dsn, *limits)
    assert ran.code == 3
    assert "nothing could be measured" in ran.err
    assert "1 statement: It takes longer than the timeout" in ran.out
    assert relations_of(database) == before
