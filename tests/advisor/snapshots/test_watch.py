"""Two looks in one run."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import click
import pytest

from pgadvisor.cli._durations import Duration
from pgadvisor.collect import collect_watched
from pgadvisor.collecting import watch
from pgadvisor.config import CollectConfig, Execute
from pgadvisor.model.coverage import Fact
from pgadvisor.progress import silent
from pgadvisor.snapshots.file import read_snapshots
from support.audits import pgadvisor
from support.databases import Database, fresh_database
from support.looks import entry, look, table
from support.servers import Server


@pytest.mark.parametrize(("text", "seconds"), [("30s", 30.0), ("10m", 600.0), ("2h", 7_200.0), ("1.5m", 90.0)])
def test_lengths_of_time(text: str, seconds: float) -> None:
    assert Duration().convert(text, None, None) == seconds


@pytest.mark.parametrize("text", ["", "10", "0s", "-3m", "10 m", "1d", "m", "1e3s", "9" * 30 + "h"])
def test_other_texts_are_no_length_of_time(text: str) -> None:
    with pytest.raises(click.BadParameter, match="such as 30s, 10m or 2h"):
        Duration().convert(text, None, None)


def test_the_wait_is_told_now_and_then_and_ends_on_request() -> None:
    told: list[str] = []
    slept: list[float] = []

    def sleep(seconds: float) -> None:
        slept.append(seconds)
        if len(slept) == 3:
            raise KeyboardInterrupt

    watch.wait(600.0, lambda step, done=0, total=None: told.append(step), sleep)
    assert slept[:2] == [10.0, 10.0]
    assert told[0] == "Waiting 10 min for the second look; Ctrl-C takes it now"
    assert told[-1] == "Taking the second look now"


def test_an_interval_needs_the_same_server_twice() -> None:
    data = {"statements": [{"id": "1", "text": "select 1", "calls": 5}]}
    (made,) = watch.intervals(
        [look(data)], [look(data, 1, host="other", started_at=look(data, -9).server.collected_at)]
    )
    assert made.change is None
    assert any(gap.fact is Fact.SERVER and "different servers" in gap.reason for gap in made.coverage.gaps)
    (alone,) = watch.intervals([], [look(data)])
    assert any("first look did not see" in gap.reason for gap in alone.coverage.gaps)


def scanned(database: Database, times: int) -> None:
    database.settle()
    database.wait_until("SELECT seq_scan >= %s FROM pg_stat_user_tables WHERE relname = 'watched'", [times])


@pytest.mark.server
@pytest.mark.parametrize("major", [13, 18])
def test_what_is_done_while_it_waits_is_what_it_counts(
    major: int, old_server: Callable[[int], Server], monkeypatch: pytest.MonkeyPatch
) -> None:
    with fresh_database(old_server(major)) as database:
        database.execute("CREATE TABLE watched AS SELECT generate_series(1, 100) AS a")
        database.execute("SELECT count(*) FROM watched")
        for number in range(4):
            # Costly, but not while it waits.
            database.execute(f"SELECT pg_sleep(0.1){', a' * number} FROM watched LIMIT 1")
        scanned(database, 5)
        sessions: list[int] = []

        def meanwhile(seconds: float) -> None:
            count = "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'pgadvisor'"
            sessions.append(database.execute(count)[0][0])
            for _ in range(3):
                database.execute("SELECT count(*) FROM watched")
            database.execute("SELECT max(a) FROM watched")
            scanned(database, 9)
            raise KeyboardInterrupt

        monkeypatch.setattr("pgadvisor.collect.wait", lambda seconds, told: watch.wait(seconds, told, meanwhile))
        config = CollectConfig(execute=Execute.OFF, max_explains=0, statements=4)
        (made,) = collect_watched(database.dsn, config, 600.0, silent)
    assert sessions == [0], "nothing stays open while it waits"
    assert made.change is not None
    assert made.statements is not None
    texts = {text.text: text.query_id for text in made.statements.texts}
    assert entry(made, texts["SELECT count(*) FROM watched"]).calls == 3
    assert texts["SELECT max(a) FROM watched"] in made.change.new
    assert table(made, "watched").seq_scans == 4
    assert made.catalog.relations
    assert made.change.notes == ()
    assert made.change.vanished == (), "what the first look asked is this tool's own"


@pytest.mark.server
def test_the_command_takes_the_second_look_on_ctrl_c(database: Database, tmp_path: Path) -> None:
    database.execute("CREATE TABLE watched AS SELECT 1 AS a")
    file = tmp_path / "interval.json.gz"
    command = [sys.executable, "-m", "pgadvisor", "collect", database.dsn, "-o", str(file), "--watch", "1h"]
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PG")}
    with subprocess.Popen(
        [*command, "--execute", "off"], env=environment, stdin=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stderr is not None
        deadline = time.monotonic() + 60
        while "Waiting 1 h" not in process.stderr.readline():
            assert time.monotonic() < deadline
        process.send_signal(signal.SIGINT)
        rest = process.stderr.read()
    assert process.returncode == 0, rest
    (made,) = read_snapshots(file)
    assert made.change is not None
    assert not made.coverage.interrupted
    said = pgadvisor("analyze", file, "--planner", "none")
    assert "Between two looks: " in said.out
