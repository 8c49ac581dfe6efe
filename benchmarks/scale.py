"""How long an audit of a large database takes, what it needs, and what it costs the server.

Makes a database of 1,000 tables, 5,000 indexes and 5,000 statements on a private server, audits it three times in
fresh processes, and prints medians; raw results go to benchmarks/results/scale.json.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import resource
import statistics
import subprocess
import sys
import time
from collections import defaultdict
from pathlib import Path

import psycopg

from pgadvisor import __version__
from pgadvisor.localserver import LocalServer

RESULTS = Path(__file__).parent / "results"
INDEXES_PER_TABLE = 5
SETTINGS = {
    "shared_preload_libraries": "pg_stat_statements",
    "pg_stat_statements.max": "20000",
    "autovacuum": "off",
    "fsync": "off",
    "max_locks_per_transaction": "256",
}
QUERIES = (
    "SELECT * FROM s{s}.t{n} WHERE id = %s",
    "SELECT label FROM s{s}.t{n} WHERE kind = %s ORDER BY created_at DESC LIMIT 10",
    "SELECT count(*) FROM s{s}.t{n} WHERE parent_id = %s AND amount > 1",
    "UPDATE s{s}.t{n} SET amount = amount + 1 WHERE id = %s",
    # PostgreSQL 18 tells tables apart by their alias alone when it computes a query id.
    "SELECT a{n}.id, p.label FROM s{s}.t{n} a{n} JOIN s{p}.t{m} p ON p.id = a{n}.parent_id WHERE a{n}.other = %s",
)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tables", type=int, default=1000)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--one", metavar="DSN", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.one:
        print(json.dumps(measure(arguments.one)))
        return
    with LocalServer(settings=SETTINGS) as server:
        dsn = server.dsn("postgres")
        make(dsn, arguments.tables)
        runs = [run(dsn) for _ in range(arguments.runs)]
    result = {
        "tool": __version__,
        "python": platform.python_version(),
        "machine": f"{os.cpu_count()} cores",
        "tables": arguments.tables,
        "runs": runs,
    }
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / "scale.json").write_text(json.dumps(result, indent=2) + "\n")
    show(runs)


def make(dsn: str, tables: int) -> None:
    """Tables in ten schemas, each with a key, a foreign key and five indexes; one in twenty has 20,000 rows."""
    with psycopg.connect(dsn, autocommit=True) as connection:
        connection.execute("CREATE EXTENSION pg_stat_statements")
        for number in range(10):
            connection.execute(f"CREATE SCHEMA s{number}")
        for n in range(tables):
            rows = 20_000 if n % 20 == 0 else 50
            parent = f"REFERENCES s{(n - 1) % 10}.t{n - 1}" if n else ""
            connection.execute(f"""
                CREATE TABLE s{n % 10}.t{n} (id bigint PRIMARY KEY, parent_id bigint {parent}, kind text, other int,
                    amount numeric, label text, created_at timestamptz);
                INSERT INTO s{n % 10}.t{n}
                    SELECT i, 1 + i % 50, 'kind ' || i % 7, i % 1000, i, 'label ' || i,
                        '2026-01-01'::timestamptz + i * '1s'::interval
                    FROM generate_series(1, {rows}) i;
                CREATE INDEX ON s{n % 10}.t{n} (parent_id);
                CREATE INDEX ON s{n % 10}.t{n} (kind, created_at DESC);
                CREATE INDEX ON s{n % 10}.t{n} (created_at);
                CREATE INDEX ON s{n % 10}.t{n} (amount) WHERE amount > 10;
            """)
        connection.execute("ANALYZE")
        connection.execute("SELECT pg_stat_statements_reset()")
        for n in range(tables):
            for query in QUERIES:
                text = query.format(s=n % 10, n=n, p=max(n - 1, 0) % 10, m=max(n - 1, 0))
                value = "kind 3" if "kind" in text else 7
                for _ in range(12):
                    connection.execute(text, [value])


def run(dsn: str) -> dict[str, object]:
    """One audit in a process of its own, and the time the server says it spent meanwhile."""
    before = server_ms(dsn)
    output = subprocess.run([sys.executable, __file__, "--one", dsn], check=True, capture_output=True, text=True).stdout
    result: dict[str, object] = json.loads(output)
    result["server_ms"] = round(server_ms(dsn) - before, 1)
    return result


def server_ms(dsn: str) -> float:
    """What pg_stat_statements has counted, of every statement and of planning inside EXPLAIN."""
    with psycopg.connect(dsn) as connection:
        row = connection.execute("SELECT sum(total_exec_time) FROM pg_stat_statements").fetchone()
        return float(row[0]) if row else 0.0


def measure(dsn: str) -> dict[str, object]:
    """Seconds by step, and peak memory of this process."""
    started = time.perf_counter()
    from pgadvisor.analyze import analyze
    from pgadvisor.collect import collect
    from pgadvisor.config import Config
    from pgadvisor.registry import load_renderer, load_rules

    steps: dict[str, float] = defaultdict(float)
    current = ["Importing", started]

    def progress(step: str, done: int = 0, total: int | None = None) -> None:
        now = time.perf_counter()
        steps[str(current[0])] += now - float(current[1])
        current[:] = [step, now]

    config = Config()
    rules = load_rules()
    snapshot = collect(dsn, config.collect, progress)
    report = analyze(snapshot, config, rules, progress)
    progress("Rendering HTML")
    page = load_renderer("html")(report)
    progress("Rendering JSON")
    data = load_renderer("json")(report)
    progress("End")
    return {
        "seconds": round(time.perf_counter() - started, 2),
        "peak_mb": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024),
        "steps": {name: round(seconds, 3) for name, seconds in steps.items()},
        "html_kb": len(page) // 1024,
        "json_kb": len(data) // 1024,
        "tables": len(snapshot.catalog.relations),
        "indexes": len(snapshot.catalog.indexes),
        "statements": 0 if snapshot.statements is None else len(snapshot.statements.rows),
        "findings": dict(report.severity_counts),
        "explained": snapshot.coverage.footprint.explained,
        "executed": snapshot.coverage.footprint.executed,
        "longest_transaction_ms": snapshot.coverage.footprint.longest_transaction_ms,
        "peak_locks": snapshot.coverage.footprint.peak_locks,
    }


def show(runs: list[dict[str, object]]) -> None:
    for name in ("seconds", "server_ms", "peak_mb", "longest_transaction_ms", "peak_locks", "html_kb"):
        values = [float(str(run[name])) for run in runs if run[name] is not None]
        if values:
            print(f"{name:>24} {statistics.median(values):>10.1f}   ({min(values):.1f} to {max(values):.1f})")
    first = runs[0]["steps"]
    assert isinstance(first, dict)
    for step, seconds in sorted(first.items(), key=lambda item: -item[1])[:12]:
        print(f"{step:>40} {seconds:>8.2f} s")


if __name__ == "__main__":
    main()
