"""What collecting a very large database costs: time, server time, temporary files, memory, the size of the file.

Makes a database of 10,000 tables, 50,000 indexes, 100,000 columns with statistics and 5,000 statements, of which ten
are 1 MB long, on a private server; collects, writes, loads and analyzes it in fresh processes, and prints medians. Raw
results go to benchmarks/results/collection.json. With --keep the server stays, for --dsn of later runs.
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
import tempfile
import time
from collections import defaultdict
from pathlib import Path

import psycopg

from pgadvisor import __version__
from pgadvisor.localserver import LocalServer

RESULTS = Path(__file__).parent / "results"
SCHEMAS = 20
ROWS = 200
SETTINGS = {
    "shared_preload_libraries": "pg_stat_statements",
    "pg_stat_statements.max": "20000",
    "autovacuum": "off",
    "fsync": "off",
    "full_page_writes": "off",
    "max_wal_size": "8GB",
}
STATEMENTS = 5_000
LONG_STATEMENTS = 10
# As pg_stat_statements keeps them, with $n for each value, they are just below the 1 MiB that are read of a text.
LONG_ROWS = 57_900
ADDED = (
    "seconds", "cpu_s", "write_s", "load_s", "analyze_s", "server_ms", "temp_files", "temp_mb", "collect_mb", "load_mb",
    "analyze_mb", "file_mb", "longest_transaction_ms", "peak_locks",
)  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tables", type=int, default=10_000)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--keep", action="store_true", help="make the database, print its DSN, and wait")
    parser.add_argument("--dsn", help="measure this database and write no result")
    parser.add_argument("--one", nargs=2, metavar=("STEP", "DSN_AND_FILE"), help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.one:
        step, given = arguments.one
        dsn, _, file = given.partition("\n")
        print(json.dumps(collect_one(dsn, Path(file)) if step == "collect" else load_one(Path(file))))
        return
    if arguments.dsn:
        show([run(arguments.dsn) for _ in range(arguments.runs)])
        return
    with LocalServer(settings=SETTINGS) as server:
        dsn = server.dsn("postgres")
        started = time.perf_counter()
        make(dsn, arguments.tables)
        print(f"Made in {time.perf_counter() - started:.0f} s", file=sys.stderr)
        if arguments.keep:
            print(dsn, flush=True)
            sys.stdin.read()
            return
        runs = [run(dsn) for _ in range(arguments.runs)]
    result = {
        "tool": __version__,
        "python": platform.python_version(),
        "machine": f"{os.cpu_count()} cores",
        "tables": arguments.tables,
        "runs": runs,
    }
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / "collection.json").write_text(json.dumps(result, indent=2) + "\n")
    show(runs)


def make(dsn: str, tables: int) -> None:
    """Tables of ten columns with a key, a foreign key and five indexes, in twenty schemas."""
    with psycopg.connect(dsn, autocommit=True) as connection:
        connection.execute("CREATE EXTENSION pg_stat_statements")
        for number in range(SCHEMAS):
            connection.execute(f"CREATE SCHEMA s{number}")
        for n in range(tables):
            name = f"s{n % SCHEMAS}.t{n}"
            parent = f"REFERENCES s{(n - 1) % SCHEMAS}.t{n - 1}" if n else ""
            connection.execute(f"""
                CREATE TABLE {name} (id bigint PRIMARY KEY, parent_id bigint {parent}, kind text DEFAULT 'kind 1',
                    other int CHECK (other >= 0), amount numeric, label text, created_at timestamptz DEFAULT now(),
                    code uuid, day date, flag bool);
                INSERT INTO {name}
                    SELECT i, i, 'kind ' || i % 7, i * 7 % 199, i * 1.5, 'a label that is as long as labels are ' || i,
                        '2026-01-01'::timestamptz + i * '1s'::interval, md5(i::text)::uuid,
                        date '2026-01-01' + i, i % 2 = 0
                    FROM generate_series(1, {ROWS}) i;
                CREATE INDEX ON {name} (parent_id);
                CREATE INDEX ON {name} (kind, created_at DESC);
                CREATE INDEX ON {name} (lower(label));
                CREATE INDEX ON {name} (amount) WHERE amount > 10;
                ANALYZE {name};
            """)
        run_statements(connection, tables)


def run_statements(connection: psycopg.Connection[object], tables: int) -> None:
    """What pg_stat_statements is to hold, and nothing else."""
    connection.execute("SELECT pg_stat_statements_reset()")
    for n in range(STATEMENTS - LONG_STATEMENTS):
        # PostgreSQL 18 tells tables apart by their alias alone when it computes a query id.
        table = f"s{n % SCHEMAS}.t{n % tables}"
        text = f"SELECT a{n}.label FROM {table} a{n} WHERE a{n}.kind = %s ORDER BY a{n}.created_at"
        for _ in range(3):
            connection.execute(text, ["kind 3"])
    values = ", ".join(f"({i}, {i})" for i in range(LONG_ROWS))
    for n in range(LONG_STATEMENTS):
        connection.execute(f"SELECT count(*) AS long_{n} FROM (VALUES {values}) v{n} (a, b)".encode())


def run(dsn: str) -> dict[str, object]:
    """One collection in a process of its own, then loading and analysis in another."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "snapshot.pgadvisor"
        before = counters(dsn)
        result = child("collect", dsn, file)
        after = counters(dsn)
        result |= {
            "server_ms": round(after[0] - before[0], 1),
            "temp_files": after[1] - before[1],
            "temp_mb": round((after[2] - before[2]) / 1e6, 1),
            "file_mb": round(file.stat().st_size / 1e6, 1),
        }
        return result | child("load", dsn, file)


def child(step: str, dsn: str, file: Path) -> dict[str, object]:
    output = subprocess.run(
        [sys.executable, __file__, "--one", step, f"{dsn}\n{file}"], check=True, capture_output=True, text=True
    ).stdout
    result: dict[str, object] = json.loads(output)
    return result


def counters(dsn: str) -> tuple[float, int, int]:
    """Time in statements as pg_stat_statements has it (asked without texts), temporary files and their bytes."""
    with psycopg.connect(dsn) as connection:
        row = connection.execute(
            "SELECT (SELECT sum(total_exec_time) FROM pg_stat_statements(false)), temp_files, temp_bytes "
            "FROM pg_stat_database WHERE datname = current_database()"
        ).fetchone()
        assert row is not None
        return float(row[0]), int(row[1]), int(row[2])


def collect_one(dsn: str, file: Path) -> dict[str, object]:
    """Seconds by step, and peak memory of this process."""
    started = time.perf_counter()
    from pgadvisor.collect import collect
    from pgadvisor.config import Config
    from pgadvisor.snapshots.file import write_snapshots

    steps: dict[str, float] = defaultdict(float)
    current: list[object] = ["Importing", started]

    def progress(step: str, done: int = 0, total: int | None = None) -> None:
        now = time.perf_counter()
        steps[str(current[0])] += now - float(str(current[1]))
        current[:] = [step, now]

    snapshot = collect(dsn, Config().collect, progress)
    progress("Writing the file")
    collected = time.perf_counter()
    write_snapshots(file, (snapshot,))
    progress("End")
    footprint = snapshot.coverage.footprint
    return {
        "seconds": round(time.perf_counter() - started, 2),
        "cpu_s": round(time.process_time(), 2),
        "write_s": round(time.perf_counter() - collected, 2),
        "collect_mb": peak_mb(),
        "steps": {name: round(seconds, 3) for name, seconds in steps.items()},
        "tables": len(snapshot.catalog.relations),
        "indexes": len(snapshot.catalog.indexes),
        "statistics": len(snapshot.column_statistics),
        "statements": 0 if snapshot.statements is None else len(snapshot.statements.rows),
        "gaps": len(snapshot.coverage.gaps),
        "longest_transaction_ms": footprint.longest_transaction_ms,
        "peak_locks": footprint.peak_locks,
        "footprint_server_ms": footprint.server_ms,
    }


def load_one(file: Path) -> dict[str, object]:
    from pgadvisor.analyze import analyze_all
    from pgadvisor.config import Config
    from pgadvisor.registry import load_rules
    from pgadvisor.snapshots.file import read_snapshots

    started = time.perf_counter()
    snapshots = read_snapshots(file)
    loaded = time.perf_counter()
    load_mb = peak_mb()
    report = analyze_all(snapshots, Config(), load_rules())
    return {
        "load_s": round(loaded - started, 2),
        "load_mb": load_mb,
        "analyze_s": round(time.perf_counter() - loaded, 2),
        "analyze_mb": peak_mb(),
        "findings": dict(report.severity_counts),
    }


def peak_mb() -> int:
    return round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)


def show(runs: list[dict[str, object]]) -> None:
    for name in ADDED:
        values = [float(str(run[name])) for run in runs if run[name] is not None]
        if values:
            print(f"{name:>24} {statistics.median(values):>10.1f}   ({min(values):.1f} to {max(values):.1f})")
    first = runs[0]["steps"]
    assert isinstance(first, dict)
    for step, seconds in sorted(first.items(), key=lambda item: -item[1])[:14]:
        print(f"{step:>40} {seconds:>8.2f} s")


if __name__ == "__main__":
    main()
