"""What real servers write into their logs, in each format."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
import pytest

from pgadvisor.localserver import LocalServer
from pgadvisor.workload.logs.read import looks_like_log, read_log
from pgadvisor.workload.sources.source import SourceStatement, SourceWorkload
from support.runs import short_run
from support.servers import Server

pytestmark = pytest.mark.server

SETTINGS = {
    "logging_collector": "on",
    "log_filename": "server.log",
    "log_line_prefix": "%m [%p] %q%u@%d ",
    "log_min_duration_statement": "0",
    "compute_query_id": "on",
    "max_wal_size": "1GB",
    "full_page_writes": "off",
}
END = "SELECT 'the end'"
SECRET = "hunter2"
SET_UP = """
    CREATE TABLE t (a int, b text);
    INSERT INTO t SELECT i, 'b ' || i FROM generate_series(1, 100) i;
    CREATE FUNCTION f() RETURNS bigint LANGUAGE plpgsql AS $$ BEGIN RETURN (SELECT count(*) FROM t WHERE a > 3); END $$;
"""


@contextmanager
def logging_server(server: Server) -> Iterator[LocalServer]:
    assert server.local is not None
    settings = SETTINGS | {"log_destination": "stderr,csvlog" + (",jsonlog" if server.major >= 15 else "")}
    if server.major < 14:
        del settings["compute_query_id"]
    with LocalServer(server.local.binaries, settings=settings) as local:
        yield local


def workload(local: LocalServer) -> None:
    with psycopg.connect(local.dsn(), autocommit=True) as connection:
        connection.execute("CREATE DATABASE shop")
        connection.execute("SELECT 'elsewhere'")
    with psycopg.connect(local.dsn("shop"), autocommit=True) as connection:
        connection.execute(SET_UP)
        for text in ("SELECT b FROM t WHERE a = 1", "SELECT b FROM t -- why\n WHERE a = 22"):
            connection.execute(text.encode())
        for values in ([5, "it's, $1 = '"], [None, "two\nlines"]):
            connection.execute("SELECT a FROM t WHERE a = %s\n\tAND b = %s", values)
        connection.execute("PREPARE p (int) AS SELECT count(*) FROM t WHERE a < $1")
        connection.execute("EXECUTE p (7)")
        connection.execute(f"ALTER ROLE postgres PASSWORD '{SECRET}'".encode())
        with pytest.raises(psycopg.errors.UndefinedColumn):
            connection.execute("SELECT nothing FROM t")
        connection.execute("LOAD 'auto_explain'")
        connection.execute("SET auto_explain.log_min_duration = 0")
        connection.execute("SET auto_explain.log_analyze = on")
        connection.execute("SET auto_explain.log_nested_statements = on")
        for form in ("json", "text"):
            connection.execute(f"SET auto_explain.log_format = {form}".encode())
            connection.execute("SELECT max(a) FROM t\n WHERE b > %s", [f"b {form}"])
        connection.execute("SELECT f()")
        connection.execute("SET auto_explain.log_min_duration = -1")
        connection.execute("SET log_min_duration_statement = -1")
        connection.execute("SET log_statement = 'all'")
        connection.execute("SET log_duration = on")
        connection.execute("SELECT min(a) FROM t WHERE b = %s", ["announced"])
        connection.execute("SELECT min(a), 1 FROM t")
        connection.execute(END.encode())


def logs(local: LocalServer) -> dict[str, Path]:
    folder = local.folder.data / "log"
    found = {path.suffix: path for path in folder.iterdir()}
    deadline = time.monotonic() + 20
    while not all(END in path.read_text() for path in found.values()):
        assert time.monotonic() < deadline
        time.sleep(0.05)
    return found


def read(path: Path) -> SourceWorkload:
    assert looks_like_log(path.read_bytes()[: 1 << 16])
    with path.open("rb") as stream:
        return read_log(stream, path.name, "shop")


def statement(found: SourceWorkload, beginning: str) -> SourceStatement:
    (one,) = [each for each in found.statements.values() if each.text.startswith(beginning)]
    return one


@pytest.mark.parametrize("major", short_run(18, of=(13, 18)))
def test_logs_of_servers(old_server: Callable[[int], Server], major: int) -> None:
    with logging_server(old_server(major)) as local:
        workload(local)
        found = {kind: read(path) for kind, path in logs(local).items()}
    assert sorted(found) == ([".csv", ".json", ".log"] if major >= 15 else [".csv", ".log"])
    for each in found.values():
        check(each, major)
    first = found[".log"]
    for each in found.values():
        assert set(each.statements) == set(first.statements)
        for fingerprint, one in each.statements.items():
            same = first.statements[fingerprint]
            assert (one.calls, one.role) == (same.calls, same.role)
            assert one.total_ms == pytest.approx(same.total_ms)
            assert one.calls_seen == same.calls_seen
            assert one.plans == same.plans


def check(found: SourceWorkload, major: int) -> None:
    assert (found.source.unread, found.gaps) == (0, [])
    assert found.source.since is not None
    assert not [each for each in found.statements.values() if "elsewhere" in each.text or "nothing" in each.text]
    assert SECRET not in repr(found)
    simple = statement(found, "SELECT b FROM t")
    assert (simple.calls, simple.role) == (2, "postgres")
    assert simple.min_ms + simple.max_ms == pytest.approx(simple.total_ms)
    bound = statement(found, "SELECT a FROM t")
    assert bound.calls == 2
    assert {call.values for call in bound.calls_seen} == {("5", "it's, $1 = '"), (None, "two\nlines")}
    assert statement(found, "SELECT count(*) FROM t WHERE a <").calls == 1
    planned = statement(found, "SELECT max(a)")
    assert planned.calls == 2
    assert len(planned.plans) == 2
    for plan in planned.plans:
        root = plan["Plan"]
        assert root["Node Type"] == "Aggregate"
        assert root["Plans"][0]["Relation Name"] == "t"
        assert root["Plans"][0]["Actual Loops"] == 1
        assert not {"Query Text", "Query Parameters"} & set(plan)
    # In 13 the plans of bound statements name no values, but the durations do.
    assert {call.values for call in planned.calls_seen} == {("b json",), ("b text",)}
    (nested,) = [each for each in found.statements.values() if each.nested is not None]
    assert nested.nested is not None
    assert (nested.calls, nested.nested.calls, "count(*)" in nested.text) == (0, 1, True)
    assert statement(found, "SELECT min(a) FROM").calls_seen[0].values == ("announced",)
    assert statement(found, "SELECT min(a), 1").calls == 1
    if major >= 14:
        assert found.source.plans == 4
