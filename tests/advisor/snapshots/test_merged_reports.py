"""Reports of a primary and its standby, and of two looks, by the commands and over real servers."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest

from pgadvisor.localserver import LocalServer
from support.audits import Ran, pgadvisor
from support.databases import Database
from support.servers import SETTINGS, Standby, standby_of

pytestmark = pytest.mark.server

ANY_WINDOW = ("--set", "unused_index.min_window_days=0", "--set", "unused_index.min_size_bytes=1")
# A twin of each database of each report takes longer than all else.
ALONE = (*ANY_WINDOW, "--fail-on", "never", "--planner", "none")
CAVEAT = "none was asked"


@pytest.fixture
def pair() -> Iterator[tuple[LocalServer, Standby]]:
    """A primary with three indexes of a table, and a standby that streams from it."""
    with LocalServer(settings=SETTINGS) as primary:
        with psycopg.connect(primary.dsn(), autocommit=True) as connection:
            connection.execute("CREATE EXTENSION pg_stat_statements")
            connection.execute("CREATE TABLE held AS SELECT i AS a, i AS b, i AS c FROM generate_series(1, 30000) i")
            for column in "abc":
                connection.execute(f"CREATE INDEX held_{column} ON held ({column})".encode())
            connection.execute("ANALYZE held")
            connection.execute("SELECT pg_stat_statements_reset()")
        with standby_of(primary) as standby:
            standby.catch_up()
            yield primary, standby


def use(server: LocalServer, column: str, times: int) -> None:
    """So many lookups over one of the indexes, counted before it returns."""
    with psycopg.connect(server.dsn(), autocommit=True) as connection:
        for _ in range(times):
            connection.execute(f"SELECT count(*) FROM held WHERE {column} = 7".encode())
        connection.execute("SELECT pg_stat_force_next_flush()")


def collected(dsn: str, path: Path) -> Path:
    ran = pgadvisor("collect", dsn, "-o", path, "--execute", "off")
    assert ran.code == 0, ran.err
    return path


def analyzed(*files: Path, html: Path | None = None) -> Ran:
    pages = () if html is None else ("--html", html)
    ran = pgadvisor("analyze", *files, "--json", "-", *pages, *ALONE)
    assert ran.code == 0, ran.err
    return ran


def unused(report: dict[str, Any]) -> dict[str, str]:
    """Indexes said to be unused, with the severity."""
    return {f["subject"]["name"]: f["severity"] for f in report["findings"] if f["rule"] == "unused_index"}


def caveats(report: dict[str, Any]) -> list[str]:
    (outcome,) = (outcome for outcome in report["outcomes"] if outcome["rule"] == "unused_index")
    return [gap["reason"] for gap in outcome["gaps"] if CAVEAT in gap["reason"]]


def calls(report: dict[str, Any], text: str) -> int:
    return sum(each["calls"] for each in report["statements"] if text in (each["text"] or ""))


@pytest.mark.slow
def test_unused_is_what_neither_uses(pair: tuple[LocalServer, Standby], tmp_path: Path) -> None:
    primary, standby = pair
    use(primary, "a", 3)
    use(standby, "b", 4)
    one = collected(primary.dsn(), tmp_path / "primary.json.gz")
    two = collected(standby.dsn(), tmp_path / "standby.json.gz")
    page = tmp_path / "report.html"
    report = analyzed(one, two, html=page).report
    assert set(unused(report)) == {"held_c"}
    assert caveats(report) == []
    assert (calls(report, "WHERE a ="), calls(report, "WHERE b =")) == (3, 4)
    hosts = report["source"]["hosts"]
    assert [host["in_recovery"] for host in hosts] == [False, True]
    assert len({host["name"] for host in hosts}) == 2
    assert all(host["counters_window"]["until"] and host["statements_window"]["until"] for host in hosts)
    shown = page.read_text(encoding="utf-8")
    assert all(host["name"] in shown for host in hosts)
    assert analyzed(two, one).report == report
    alone = analyzed(one).report
    assert set(unused(alone)) == {"held_b", "held_c"}
    assert set(unused(alone).values()) == {"info"}
    assert len(caveats(alone)) == 1
    assert calls(alone, "WHERE b =") == 0


def test_two_looks_count_what_lies_between(database: Database, tmp_path: Path) -> None:
    database.execute("CREATE TABLE held AS SELECT i AS a, i AS b FROM generate_series(1, 30000) i")
    database.execute("CREATE INDEX held_a ON held (a); CREATE INDEX held_b ON held (b); ANALYZE held")

    def work(column: str, times: int) -> None:
        for _ in range(times):
            database.execute(f"SELECT count(*) FROM held WHERE {column} = %s", [7])
        database.settle()

    work("a", 9)
    old = collected(database.dsn, tmp_path / "old.json.gz")
    work("b", 4)
    database.execute("SELECT 'fresh' FROM held LIMIT 1")
    database.settle()
    new = collected(database.dsn, tmp_path / "new.json.gz")
    page = tmp_path / "report.html"
    report = analyzed(old, new, html=page).report
    change = report["trust"]["change"]
    assert change["since"] < change["until"]
    assert (calls(report, "WHERE a ="), calls(report, "WHERE b =")) == (0, 4)
    assert set(unused(report)) == {"held_a"}, "it was not used in between"
    texts = {each["query_id"]: each["text"] or "" for each in report["statements"]}
    fresh = [texts.get(query_id, "") for query_id in change["new"]]
    assert any("FROM held LIMIT" in text for text in fresh)
    assert change["vanished"] == []
    assert analyzed(new, old).report == report
    terminal = pgadvisor("analyze", old, new, *ALONE)
    assert "Between two looks" in terminal.out
