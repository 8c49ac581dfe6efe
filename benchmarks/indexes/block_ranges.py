"""Ranges of a table in order, found by a B-tree and by BRIN: what the planner says they cost, and what they take.

2.5 million readings in the order of their times on PostgreSQL 15, all in memory; shares of the table are read by time.
planner/block_range_pages.py puts right what the planner says of BRIN. Results go to results/block_ranges.json.
"""

from __future__ import annotations

import json
import platform
import statistics
from pathlib import Path
from typing import Any

import psycopg

from pgadvisor import __version__
from pgadvisor.localserver import LocalServer, find_binaries
from pgadvisor.planner.block_range_pages import PageCosts

RESULTS = Path(__file__).parent / "results" / "block_ranges.json"
SETTINGS = {"shared_buffers": "512MB", "max_parallel_workers_per_gather": "0", "jit": "off", "autovacuum": "off"}
ROWS = 2_500_000
READINGS = f"""
CREATE TABLE readings (device int NOT NULL, at timestamptz NOT NULL, metric int NOT NULL, value float8 NOT NULL);
INSERT INTO readings SELECT n * 7919::bigint % 2000, '2026-01-01'::timestamptz + n * interval '1 s', n % 4, n % 997
    FROM generate_series(1, {ROWS}) n;
"""
INDEXES = {
    "none": "",
    "B-tree": "(at)",
    "BRIN": "USING brin (at)",
    "BRIN, 32 pages a range": "USING brin (at) WITH (pages_per_range = 32)",
    "BRIN, 8 pages a range": "USING brin (at) WITH (pages_per_range = 8)",
}
SHARES = (0.0001, 0.001, 0.005, 0.02, 0.1, 0.3)
RUNS = 9


def main() -> None:
    with (
        LocalServer(find_binaries(major=15), settings=SETTINGS) as server,
        psycopg.connect(server.dsn(), autocommit=True) as connection,
    ):
        connection.execute(READINGS)
        connection.execute("VACUUM ANALYZE readings")
        results: dict[str, Any] = {name: measured(connection, index) for name, index in INDEXES.items()}
        results |= {"tool": __version__, "python": platform.python_version(), "server": server.binaries.version}
    RESULTS.write_text(json.dumps(results, indent=2) + "\n", encoding="utf-8")
    for share in SHARES:
        cells = [results[name]["shares"][str(share)] for name in INDEXES]
        told = [f"{each['cost']:,.0f} ({each['put_right']:,.0f}) {each['ms']:.2f} ms" for each in cells]
        print(f"{share:.2%}", *told, sep=" | ")


def measured(connection: psycopg.Connection, index: str) -> dict[str, Any]:
    """Of each share of the table the scan's cost as the planner has it, as it is put right, and milliseconds."""
    if index:
        connection.execute(f"CREATE INDEX tried ON readings {index}".encode())
    row = connection.execute("SELECT pg_relation_size(to_regclass('tried'))").fetchone()
    found = {str(share): of_share(connection, share) for share in SHARES}
    connection.execute("DROP INDEX IF EXISTS tried")
    return {"size_bytes": row[0] if row else None, "shares": found}


def of_share(connection: psycopg.Connection, share: float) -> dict[str, float]:
    query = (
        "SELECT count(value) FROM readings WHERE at >= '2026-01-10' "
        f"AND at < '2026-01-10'::timestamptz + interval '{round(share * ROWS)} s'"
    )
    scan = explained(connection, "EXPLAIN (FORMAT JSON)", query)["Plan"]["Plans"][0]
    runs = [explained(connection, "EXPLAIN (ANALYZE, TIMING OFF, FORMAT JSON)", query) for _ in range(RUNS)]
    less = 0.0
    if scan["Node Type"] == "Bitmap Heap Scan":
        row = connection.execute("SELECT relpages, reltuples FROM pg_class WHERE relname = 'readings'").fetchone()
        assert row is not None
        less = PageCosts(1.0, 4.0).too_much(row[0], row[1], scan["Plans"][0]["Plan Rows"])
    return {
        "cost": scan["Total Cost"],
        "put_right": scan["Total Cost"] - less,
        "ms": statistics.median(each["Execution Time"] for each in runs),
    }


def explained(connection: psycopg.Connection, how: str, query: str) -> dict[str, Any]:
    row = connection.execute(f"{how} {query}".encode()).fetchone()
    assert row is not None
    plan: dict[str, Any] = row[0][0]
    return plan


if __name__ == "__main__":
    main()
