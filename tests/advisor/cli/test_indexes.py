"""`indexes` as a user runs it: from a file, on a server, within limits, and where nothing can be proved."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import msgspec
import pytest

from pgadvisor.snapshots.file import write_snapshots
from support.audits import Ran, pgadvisor
from support.databases import Database
from support.snapshots import snapshot

pytestmark = pytest.mark.server

TABLE = '"Odd"."Order\'s"'
SCHEMA = f"""
CREATE SCHEMA "Odd";
CREATE TABLE {TABLE} (id int PRIMARY KEY, customer int, status text, note text);
INSERT INTO {TABLE}
SELECT i, i % 5000, CASE WHEN i % 1000 = 0 THEN 'rare' ELSE 'common' END, repeat('x', 50)
FROM generate_series(1, 20000) AS i;
CREATE INDEX status_idx ON {TABLE} (status);
CREATE INDEX status_again ON {TABLE} (status);
"""
BY_CUSTOMER = f"SELECT note FROM {TABLE} WHERE customer = 77"


@pytest.fixture
def shop(database: Database) -> Database:
    database.execute(SCHEMA)
    database.execute(f"VACUUM ANALYZE {TABLE}")
    for _ in range(20):
        database.execute(BY_CUSTOMER)
        database.execute(f"SELECT note FROM {TABLE} WHERE status = 'rare'")
    return database


def _collected(database: Database, path: Path) -> Path:
    assert pgadvisor("collect", database.dsn, "-o", path, "-q").code in (0, 3)
    return path


def _created(report: dict[str, Any]) -> list[dict[str, Any]]:
    return [each for each in report["recommendations"] if each["proposal"]["type"] == "create_index"]


def _said(ran: Ran) -> str:
    return " ".join(ran.out.replace("\N{NARROW NO-BREAK SPACE}", " ").split())


def test_from_a_file_as_an_audit_says_it_and_silent_once_done(shop: Database, tmp_path: Path) -> None:
    file, page = _collected(shop, tmp_path / "shop.json.gz"), tmp_path / "page.html"
    nowhere = {"PGHOST": str(tmp_path), "PGPORT": "1"}
    ran = pgadvisor("indexes", file, "--json", tmp_path / "report.json", "--html", page, env=nowhere)
    assert ran.code == 0, ran.err
    report = json.loads((tmp_path / "report.json").read_text())
    (index,) = _created(report)
    definition = index["proposal"]["definition"]
    assert (definition["schema"], definition["table"]) == ("Odd", "Order's")
    assert definition["keys"][0]["column"] == "customer"
    (effect,) = [each for each in index["advised"]["effects"] if each["effect"] == "gains"]
    assert effect["cost_before"] > 10 * effect["cost_after"]
    assert effect["plans"]["before"]["plan"]["Plan"]["Node Type"] == "Seq Scan"
    assert index["confidence"] == "proved"
    assert report["index_advice"]["workload"]["gain"] == 1
    # The page has it first, and the audit's report the same recommendations.
    text = page.read_text()
    assert text.index('<section id="indexes"') < text.index('<section id="trust"')
    whole = pgadvisor("analyze", file, "--json", "-", env=nowhere).report
    drops = ("create_index", "drop_index", "rebuild_index")
    assert [each for each in whole["recommendations"] if each["proposal"]["type"] in drops] == report["recommendations"]
    assert whole["index_advice"] == report["index_advice"]
    # And the terminal tells the same.
    told = _said(ran)
    assert told.startswith("1 index to create, 1 index to drop")
    assert "Planned by the twin, PostgreSQL 18" in told
    assert "Thought of and left" in told
    # What is recommended can be run, and once it is there nothing is to be created.
    for step in (step for each in report["recommendations"] for step in each["steps"]):
        shop.execute(step["sql"])
    shop.execute(f"VACUUM ANALYZE {TABLE}")
    done = pgadvisor("indexes", _collected(shop, tmp_path / "done.json.gz"), "--json", "-").report
    assert done["recommendations"] == []
    assert done["index_advice"]["created"] == done["index_advice"]["dropped"] == 0


def test_of_a_server_what_is_kept_says_the_same_within_limits(shop: Database, tmp_path: Path) -> None:
    kept = tmp_path / "kept.json.gz"
    live = pgadvisor("indexes", shop.dsn, "--save", kept, "--json", "-", "--no-drops")
    assert live.code == 0, live.err
    (index,) = live.report["recommendations"]
    assert index["proposal"]["type"] == "create_index"
    again = pgadvisor("indexes", kept, "--no-drops", "--json", "-").report
    assert again["recommendations"] == live.report["recommendations"]
    assert {left["why"] for left in again["index_advice"]["left"] if left["name"]} == {"to stay"}
    # A budget that it does not fit in; no time.
    for arguments in (["--budget", "64kB"], ["--max-seconds", "0.001"]):
        advice = pgadvisor("indexes", kept, "--json", "-", "--goal", "cost", *arguments).report["index_advice"]
        assert (advice["created"], advice["goal"]) == (0, "cost"), arguments
        assert advice["budget_bytes"] == (65_536 if "--budget" in arguments else None)
        assert bool(advice["cut_short"]) is ("--max-seconds" in arguments)


def test_without_a_planner_nothing_is_proved_and_the_code_says_so(shop: Database, tmp_path: Path) -> None:
    file = _collected(shop, tmp_path / "shop.json.gz")
    ran = pgadvisor("indexes", file, "--planner", "none")
    assert ran.code == 3
    assert "Exit code 3: nothing is proved. --planner none asks none." in ran.err
    assert "Not proved by a planner" in _said(ran)
    ran = pgadvisor("indexes", file, "--twin-server", tmp_path / "no-such-programs", "--json", "-")
    assert ran.code == 3
    assert "index_advice" not in ran.report or ran.report["index_advice"] is None
    # An audit goes on without: its findings are told all the same.
    assert "no planner" in pgadvisor("analyze", file, "--planner", "none").out.lower()


def test_what_cannot_be_used_is_said(tmp_path: Path) -> None:
    file, other = tmp_path / "one.json.gz", tmp_path / "two.json.gz"
    one = snapshot({"tables": {"public.orders": {"columns": ["id int"], "rows": 10}}})
    write_snapshots(file, (one,))
    write_snapshots(other, (msgspec.structs.replace(one, server=msgspec.structs.replace(one.server, database="x")),))
    for arguments, message in (
        ([file, "--save", tmp_path / "x.gz"], "--save keeps what is collected"),
        ([file, "--statements", "0"], "--statements says what is collected, and"),
        ([file, other, "--lock-timeout", "5"], "Give a DSN, or leave out --lock-timeout."),
        (["-", "--schema", "x"], "--schema says what is collected, and what standard input brings is collected"),
        (["dbname=shop", "--database", "shop"], "Name the database in the DSN, and leave out --database."),
        ([file, "dbname=shop"], "Give one database, or files of snapshots: argument 2 is no file."),
        ([file, other, "--database", "third"], "There is no snapshot of a database third; there are: shop, x."),
        ([file, "--budget", "12"], "'12' is no size; write one with its unit, such as 500MB or 2GB."),
        ([file, "--goal", "speed"], "Invalid value for '--goal'"),
        (["no-such.json.gz"], "There is no file no-such.json.gz"),
    ):
        ran = pgadvisor("indexes", *arguments)
        assert (ran.code, ran.out) == (2, ""), arguments
        assert message in " ".join(ran.err.split()), ran.err
    # Of files of statements so many count.
    sql = tmp_path / "app.sql"
    sql.write_text("SELECT id FROM orders;")
    assert pgadvisor("indexes", file, "--statements", "5", "--workload", sql, "--planner", "none").code == 3
