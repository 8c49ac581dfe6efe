"""Statements of strangers, as pg_stat_statements keeps them: each is handled, and none is run but as it should be."""

from __future__ import annotations

from pathlib import Path

import psycopg
import pytest

from support.audits import audit
from support.databases import Database

pytestmark = pytest.mark.server

TEXTS = (
    "SELECT note AS \"</script><script>alert(1)</script>\" FROM t WHERE note = '</script>'",
    'SELECT note AS "{{ 7*7 }}{% raw %}" FROM t',
    'SELECT note AS "\x1b]0;t\x07\u202e" FROM t /* \x1b[2J */',
    "SELECT id FROM t WHERE note = '" + "y" * 1_000_000 + "'",
    "SELECT 1 /* " + "z" * 1_000_000 + " */",
    "SELECT * FROM t WHERE " + " AND ".join(f"id <> {value}" for value in range(20_000)),
    "SELECT * FROM t WHERE id IN (" + ",".join(map(str, range(50_000))) + ")",
    "SELECT " + "(" * 5_000 + "1" + ")" * 5_000,
    "SELECT " + "NOT " * 3_000 + "true",
    "SELECT 1 -- end without a line feed",
    "SELECT 2 --",
    "/* a */ SELECT 3 /* b /* c */ */",
    "SELECT $$a$$, $tag$;COMMIT;DROP TABLE victim$tag$",
    'SELECT 4 AS "; COMMIT; DROP TABLE victim; --"',
    "SELECT 5 -- \\! touch victim\n",
    "EXPLAIN ANALYZE DELETE FROM victim WHERE false",
    "PREPARE p AS DELETE FROM victim",
    "DO $$ BEGIN END $$",
    "SELECT FROM victim FOR UPDATE",
    "WITH gone AS (DELETE FROM victim WHERE id < 0 RETURNING *) SELECT * FROM gone",
    "SELECT nextval('numbers')",
    "SELECT setval('numbers', 7)",
    "SELECT pg_try_advisory_lock(1)",
    "SELECT lo_create(4711)",
    "SELECT query_to_xml('DELETE FROM victim', true, true, '')",
    "SELECT pg_notify('a', 'b')",
    'SELECT U&"\\0069d" FROM t',
    "SET standard_conforming_strings = off",
    "SELECT 'a\\';COMMIT;DROP TABLE victim;--'",
    "SET standard_conforming_strings = on",
    "SELECT * FROM nowhere",
    "selec",
    "TABLE t",
    "VALUES (1), (2)",
)
CALLS = 12


@pytest.mark.parametrize("execute", ["off", "safe"])
def test_texts_are_handled_and_change_nothing(database: Database, execute: str, tmp_path: Path) -> None:
    database.execute("CREATE TABLE victim (id int); CREATE SEQUENCE numbers; CREATE TABLE t (id int, note text)")
    database.execute(
        "INSERT INTO t SELECT n, n FROM generate_series(1, 1000) n; INSERT INTO victim VALUES (1); ANALYZE"
    )
    with database.connect() as connection:
        for text in TEXTS:
            for _ in range(CALLS if len(text) < 1_000 else 1):
                try:
                    connection.execute(text.encode())
                except psycopg.Error:
                    break
    before = state(database)
    page = tmp_path / "page.html"
    ran = audit(database.dsn, "--execute", execute, "--html", page)
    assert ran.code in (0, 1), ran.err
    assert "<script>alert" not in page.read_text(encoding="utf-8")
    assert state(database) == before
    assert before[0] == (1, 1), "the texts themselves must have left the victim alone"


def state(database: Database) -> list[tuple[object, ...]]:
    return [
        *database.execute("SELECT count(*), max(id) FROM victim"),
        *database.execute("SELECT last_value, is_called FROM numbers"),
        *database.execute("SELECT count(*) FROM pg_largeobject_metadata"),
        *database.execute("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory'"),
    ]


def test_what_runs_sql_of_its_own_is_not_planned(database: Database) -> None:
    """Such functions of extensions call themselves STABLE, so that planning runs them."""
    database.execute("CREATE EXTENSION tablefunc")
    database.execute("SELECT * FROM crosstab('SELECT 1, 2, 3') AS c (a int, b int)")
    reasons = [gap["reason"] for gap in audit(database.dsn).report["trust"]["gaps"]]
    assert any("crosstab" in reason for reason in reasons), reasons
