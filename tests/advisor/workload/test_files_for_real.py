"""Statements of files and logs, on real servers: planned, counted once, and the same findings as from the server."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psycopg

from pgadvisor.collect import collect, collect_all
from pgadvisor.config import CollectConfig, Execute
from pgadvisor.facts import Facts
from pgadvisor.model.plans import PlanMethod
from pgadvisor.model.snapshot import Snapshot
from pgadvisor.snapshots.file import read_snapshots
from pgadvisor.workload.fingerprint import fingerprint
from support.audits import audit, pgadvisor
from support.databases import Database, fresh_database
from support.servers import Server

SCHEMA = """
CREATE TABLE orders (id bigint PRIMARY KEY, customer_id bigint, note text, created timestamptz);
INSERT INTO orders SELECT n, n % 5000, 'note ' || n % 7, now() - n * interval '1 minute'
FROM generate_series(1, 20000) n;
CREATE TABLE users (id bigint PRIMARY KEY, password text);
ANALYZE;
"""
APP = """
-- calls: 1200
-- mean_ms: 30
SELECT * FROM orders WHERE customer_id = 42;
-- calls: 800, mean_ms: 35
select * from orders where customer_id = 43; -- of the next one
-- total_ms: 5
UPDATE orders SET note = 'canary' WHERE id = 7;
SELECT id FROM users WHERE password = 'hunter2';
"""
QUIET = CollectConfig(execute=Execute.OFF)
QUERIES = (
    *(f"SELECT * FROM orders WHERE customer_id IN ({', '.join(map(str, range(1, n)))})" for n in range(2, 7)),
    *(f"SELECT count(*) FROM orders WHERE note = 'note {n}' /* request {n} */" for n in range(5)),
    "SELECT * FROM orders WHERE created > now() - interval '1 hour' ORDER BY id LIMIT 5",
)


def facts(snapshot: Snapshot) -> Facts:
    return Facts(snapshot, {})


def statements_of(snapshot: Snapshot) -> dict[str, tuple[int, int]]:
    """Calls and rows by fingerprint, of statements on this table."""
    return {
        fingerprint(each.text): (each.calls, each.rows)
        for each in facts(snapshot).statements.values()
        if each.text is not None and " orders" in each.text.lower() and "insert" not in each.text.lower()
    }


def findings(report: dict[str, Any]) -> list[tuple[str, str]]:
    return sorted((finding["rule"], json.dumps(finding["subject"])) for finding in report["findings"])


def run(database: Database, queries: tuple[str, ...], times: int = 4) -> None:
    database.execute("SELECT pg_stat_statements_reset()")
    for query in queries * times:
        database.execute(query)


def test_what_a_file_says_of_itself_gets_nothing_executed(database: Database, tmp_path: Path) -> None:
    """Whoever wrote a file may have written any number of calls into it."""
    database.execute(SCHEMA)
    database.execute("SELECT pg_stat_statements_reset()")
    for number in range(20):
        database.execute(f"SELECT id FROM orders WHERE id = {number}")
    database.execute("SELECT note FROM orders WHERE id = 1")
    path = tmp_path / "app.sql"
    said = "-- calls: 1200, mean_ms: 1\n"
    path.write_text(
        f"{said}SELECT count(*) FROM orders;\n"
        f"{said}SELECT note FROM orders WHERE id = 1;\n"
        f"{said}SELECT id FROM orders WHERE id = 1;\n"
    )
    (snapshot,) = collect_all(database.dsn, CollectConfig(), files=[path])
    executed = {plan.query_id for plan in snapshot.plans if plan.method is PlanMethod.EXECUTED}
    statements = facts(snapshot).statements
    assert {statements[query_id].text for query_id in executed} == {"SELECT id FROM orders WHERE id = $1"}
    planned = {statements[plan.query_id].text for plan in snapshot.plans}
    assert {"SELECT count(*) FROM orders", "SELECT note FROM orders WHERE id = $1"} <= planned


def test_a_file_is_planned_and_its_secrets_are_not_kept(database: Database, tmp_path: Path) -> None:
    database.execute(SCHEMA)
    database.execute("SELECT pg_stat_statements_reset()")
    database.execute("SELECT * FROM orders WHERE customer_id = 1")
    path = tmp_path / "app.sql"
    path.write_text(APP, encoding="utf-8")
    (snapshot,) = collect_all(database.dsn, QUIET, files=[path])
    statements = snapshot.statements
    assert statements is not None
    numbers = {each.text: each for each in facts(snapshot).statements.values()}
    counted = numbers["SELECT * FROM orders WHERE customer_id = $1"]
    assert (counted.calls, not counted.query_id.startswith("f")) == (2001, True)
    assert 1200 * 30 + 800 * 35 <= counted.total_ms < 65_000
    update = numbers["UPDATE orders SET note = $1 WHERE id = $2"]
    assert (update.query_id[0], update.calls, update.total_ms) == ("f", 1, 5.0)
    planned = {plan.query_id for plan in snapshot.plans}
    assert {counted.query_id, update.query_id} <= planned
    samples = {(sample.query_id, sample.values, sample.duration_ms) for sample in statements.samples}
    assert {(counted.query_id, ("42",), 30.0), (counted.query_id, ("43",), 35.0)} <= samples
    assert (update.query_id, ("canary", "7"), 5.0) in samples
    (source,) = statements.sources
    assert (source.name, source.statements, source.calls, source.counted) == ("app.sql", 3, 2002, True)
    assert "hunter2" not in repr(snapshot)


def test_an_export_says_what_the_server_says(old_server: Callable[[int], Server], tmp_path: Path) -> None:
    for major, form in ((18, "csv"), (13, "json")):
        with fresh_database(old_server(major)) as database:
            database.execute(SCHEMA)
            run(database, QUERIES)
            direct = collect(database.dsn, QUIET)
            said = audit(database.dsn, "--execute", "off").report
            path = tmp_path / f"export.{form}"
            path.write_bytes(exported(database, form))
            database.execute("SELECT pg_stat_statements_reset()")
            (from_file,) = collect_all(database.dsn, QUIET, files=[path])
            assert statements_of(from_file) == statements_of(direct)
            # Five lengths of a list and five comments are two statements.
            assert sorted(calls for calls, _ in statements_of(direct).values()) == [4, 20, 20]
            assert findings(audit(database.dsn, "--execute", "off", "--workload", path).report) == findings(said)
            assert {plan.query_id for plan in from_file.plans if plan.query_id.startswith("f")}


def exported(database: Database, form: str) -> bytes:
    query = (
        "SELECT s.*, d.datname, r.rolname FROM pg_stat_statements s JOIN pg_database d ON d.oid = s.dbid "
        "JOIN pg_roles r ON r.oid = s.userid"
    )
    if form == "json":
        (row,) = database.execute(f"SELECT json_agg(row_to_json(x))::text FROM ({query}) x")
        return str(row[0]).encode()
    copied = f"COPY ({query}) TO STDOUT (FORMAT csv, HEADER)"
    with psycopg.connect(database.dsn) as connection, connection.cursor() as cursor, cursor.copy(copied) as copy:
        return b"".join(bytes(part) for part in copy)


def logged_line(database: Database, message: str) -> str:
    """A line of jsonlog."""
    line = {
        "timestamp": "2026-03-01 10:00:00.000 UTC", "user": "app", "dbname": database.name, "pid": 7,
        "session_id": "a.7", "line_num": 1, "error_severity": "LOG", "message": message, "query_id": 0,
    }  # fmt: skip
    return json.dumps(line) + "\n"


def test_a_log_counts_what_the_server_did_not(database: Database, tmp_path: Path) -> None:
    database.execute(SCHEMA)
    run(database, ("SELECT * FROM orders WHERE customer_id = 1",))
    plan = {"Query Text": "SELECT * FROM orders WHERE customer_id = 9", "Plan": {"Node Type": "Seq Scan"}}
    messages = (
        "duration: 950.5 ms  statement: SELECT * FROM orders WHERE customer_id = 9",
        f"duration: 950.5 ms  plan:\n{json.dumps(plan)}",
        "duration: 20.25 ms  statement: SELECT note FROM orders WHERE id = 5",
        "duration: 30.75 ms  statement: SELECT note FROM orders WHERE id = 6",
    )
    log = tmp_path / "postgresql.json"
    log.write_text("".join(logged_line(database, message) for message in messages), encoding="utf-8")
    file = tmp_path / "shop.json.gz"
    ran = pgadvisor("collect", database.dsn, "--execute", "off", "-o", file, "--workload", log)
    assert ran.code == 0, ran.err
    (snapshot,) = read_snapshots(file)
    assert snapshot.statements is not None
    numbers = {each.text: each for each in facts(snapshot).statements.values()}
    counted, logged = (
        numbers["SELECT * FROM orders WHERE customer_id = $1"],
        numbers["SELECT note FROM orders WHERE id = $1"],
    )
    assert (counted.calls, counted.total_ms < 900) == (4, True)
    assert (logged.calls, logged.total_ms) == (2, 51.0)
    assert [each.counted for each in snapshot.statements.sources] == [False]
    assert {sample.query_id for sample in snapshot.statements.samples} == {counted.query_id, logged.query_id}
    (seen,) = [each for each in snapshot.plans if each.method is PlanMethod.LOGGED]
    assert seen.query_id == counted.query_id
    # The same from a snapshot that was taken without the log.
    plain = tmp_path / "plain.json.gz"
    assert pgadvisor("collect", database.dsn, "--execute", "off", "-o", plain).code == 0
    later = pgadvisor("analyze", plain, "--workload", log, "--json", "-", "--planner", "none")
    texts = [each["text"] for each in later.report["statements"]]
    assert any(text and "SELECT note FROM orders" in text for text in texts), later.err


def test_bad_files_end_the_run_with_a_sentence(tmp_path: Path) -> None:
    missing = audit("dbname=x", "--workload", tmp_path / "none.sql")
    assert (missing.code, missing.err.count("\n")) == (2, 1)
    assert "none.sql: No such file or directory." in missing.err
    twice = audit("dbname=x", "--workload", "-", "--all-databases")
    assert (twice.code, "Standard input can be read once" in twice.err) == (2, True)
