"""Names that try to break out, from the catalogs to the terminal, the page, and commands that a reader would run."""

from __future__ import annotations

import json
import re
import unicodedata
from pathlib import Path
from typing import Any

import psycopg
import pytest

from pgadvisor.registry import load_rules
from support.audits import pgadvisor
from support.databases import Database

pytestmark = pytest.mark.server

NAMES = (
    'x\';-- \\! id\n$1 "b"',
    "\x1b[31m\x1b]0;t\x07\u202ertl\u202c\tselect",
    "</script><script>alert(1)</script>",
    "{{ 7*7 }}{% raw %}%s[/red]\\*/ x /*",
    "é" * 30 + "x",
)
# Holds back nothing for how little was seen.
EAGER = (
    "unused_index.min_window_days=0",
    "unused_index.min_size_bytes=0",
    "redundant_index.min_size_bytes=0",
    "sequential_scan_with_filter.min_total_ms=0",
    "sequential_scan_with_filter.min_share=0",
    "low_cardinality_index.min_window_days=0",
    "plan_depends_on_value.min_total_ms=0",
    "plan_depends_on_value.min_share=0",
    "plan_depends_on_value.min_cost=10",
)
_MAX_NAME_BYTES = 63


def quoted(name: str, ending: str = "") -> str:
    """A quoted identifier that ends in the given word, cut as the server would cut it."""
    kept = name.encode()[: _MAX_NAME_BYTES - len(ending)].decode("utf-8", "ignore")
    return '"' + (kept + ending).replace('"', '""') + '"'


def make_problems(database: Database, name: str) -> None:
    """A problem for every rule, all of whose objects bear the name."""
    n, flag, number, note, child = (quoted(name, ending) for ending in ("", "2", "3", "4", "5"))
    database.execute(f"""
        CREATE SCHEMA {n};
        CREATE TABLE {n}.{n} ({n} bigint NOT NULL, {flag} boolean NOT NULL, {number} bigint, {note} text,
            CONSTRAINT {quoted(name, "pk")} PRIMARY KEY ({n}));
        CREATE TABLE {n}.{child} ({n} bigint NOT NULL, {number} bigint, {note} text,
            CONSTRAINT {quoted(name, "fk")} FOREIGN KEY ({n}) REFERENCES {n}.{n} ON DELETE CASCADE);
        INSERT INTO {n}.{n} SELECT i, i % 2 = 0, i, 'v' FROM generate_series(1, 20000) i;
        INSERT INTO {n}.{child} SELECT 100 + i % 2500, i, 'w' || i FROM generate_series(1, 20000) i;
        CREATE INDEX {quoted(name, "d1")} ON {n}.{n} ({number});
        CREATE INDEX {quoted(name, "d2")} ON {n}.{n} ({number});
        CREATE INDEX {quoted(name, "r1")} ON {n}.{n} ({note});
        CREATE INDEX {quoted(name, "r2")} ON {n}.{n} ({note}, {number});
        CREATE INDEX {quoted(name, "lc")} ON {n}.{n} ({flag});
        CREATE INDEX {quoted(name, "px")} ON {n}.{n} ({number}, lower({note})) WHERE {note} <> 'x';
        CREATE TABLE {n}.{quoted(name, "sk")} ({n} text NOT NULL, b text);
        INSERT INTO {n}.{quoted(name, "sk")}
            SELECT CASE WHEN i % 1000 = 0 THEN 'rare' ELSE 'common' END, 'x' FROM generate_series(1, 20000) i;
        CREATE INDEX {quoted(name, "sx")} ON {n}.{quoted(name, "sk")} ({n});
        CREATE INDEX {quoted(name, "iv")} ON {n}.{child} ({note}, {number});
        UPDATE pg_index SET indisvalid = false
        WHERE indexrelid = (SELECT max(indexrelid) FROM pg_index JOIN pg_class c ON c.oid = indexrelid
                            WHERE c.relname LIKE '%iv' AND c.oid >= 16384);
        CREATE TABLE {n}.{quoted(name, "to")} ({n} int, {note} text);
        INSERT INTO {n}.{quoted(name, "to")} SELECT i * 7919 % 20011, 'x' FROM generate_series(1, 20000) i;
        ANALYZE;
        CREATE TABLE {n}.{quoted(name, "na")} ({n} int PRIMARY KEY, b text);
        INSERT INTO {n}.{quoted(name, "na")} SELECT i, 'x' FROM generate_series(1, 5000) i;
    """)
    for value in range(12):
        database.execute(f"SELECT * FROM {n}.{child} WHERE {number} = {value}")
        database.execute(f"SELECT * FROM {n}.{quoted(name, 'na')} WHERE {n} = {value}")
        database.execute(f"SELECT * FROM {n}.{n} AS {n} WHERE {n}.{flag} AND {n} < {value}")
        database.execute(f"SELECT {note} FROM {n}.{quoted(name, 'to')} ORDER BY {n} DESC LIMIT 5")
        database.execute(f"SELECT count(b) FROM {n}.{quoted(name, 'sk')} WHERE {n} = 'rare'")
    database.execute(f"DELETE FROM {n}.{n} WHERE {n} <= 60")
    database.settle()


def run_all(database: Database, report: dict[str, Any]) -> int:
    """Runs every recommended step as printed, then every undo; the number of steps."""
    steps = [step for recommendation in report["recommendations"] for step in recommendation["steps"]]
    undos = [command for step in reversed(steps) for command in step["undo"].split(";\n") if command.strip()]
    with database.connect() as connection:
        for command in [*(step["sql"] for step in steps), *undos]:
            try:
                connection.execute(command.encode())
            except psycopg.Error as error:
                raise AssertionError(command) from error
    return len(steps)


@pytest.mark.parametrize("name", NAMES, ids=range(len(NAMES)))
def test_every_rule_fires_and_what_it_recommends_runs(database: Database, name: str, tmp_path: Path) -> None:
    make_problems(database, name)
    page, data = tmp_path / "page.html", tmp_path / "report.json"
    options = [part for option in EAGER for part in ("--set", option)]
    ran = pgadvisor("audit", database.dsn, "--show-values", "--html", page, "--json", data, *options)
    assert ran.code == 1, ran.err
    report = json.loads(data.read_text(encoding="utf-8"))
    fired = {finding["rule"] for finding in report["findings"]}
    assert fired == {rule.name for rule in load_rules()}
    assert "<script>alert" not in page.read_text(encoding="utf-8")
    assert control_characters(re.sub(r"\x1b\[[0-9;]*m", "", ran.out)) == set()
    assert run_all(database, report) >= len(fired)


def control_characters(shown: str) -> set[str]:
    """What moves the cursor, hides or turns text, of what the terminal was sent."""
    return {c for c in shown if c != "\n" and unicodedata.category(c) in ("Cc", "Cf", "Zl", "Zp")}
