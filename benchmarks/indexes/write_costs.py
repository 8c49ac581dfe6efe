"""What one more index takes of a server, by its kind: of INSERT, HOT updates lost, DELETE with its vacuum, and build.

A table of 200,000 rows gets one index of each kind in turn; what the same work takes more than without it, in processor
time of the backend (/proc/PID/schedstat, so that a busy machine matters little) and in bytes of WAL, is its price. Then
an index larger than shared_buffers, and page images after a checkpoint. The constants of
advisor/pgadvisor/advise/selection/write_costs.py are read off its results, in results/write_costs.json.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import sys
from collections import defaultdict
from pathlib import Path
from typing import Any

import psycopg

from pgadvisor import __version__
from pgadvisor.localserver import LocalServer

sys.path.insert(0, str(Path(__file__).parents[1] / "twin"))
from databases import binaries

RESULTS = Path(__file__).parent / "results"
ROWS = 200_000
INSERTED = 40_000
UPDATED = 30_000
DELETED = 30_000
SETTINGS = {
    "autovacuum": "off",
    "full_page_writes": "off",
    "shared_buffers": "512MB",
    "max_wal_size": "8GB",
    "checkpoint_timeout": "1h",
    "maintenance_work_mem": "256MB",
    "max_parallel_maintenance_workers": "0",
    "jit": "off",
}
SOURCE = """
CREATE EXTENSION pg_trgm;
CREATE EXTENSION btree_gist;
SELECT setseed(0.5);
CREATE TABLE source AS
SELECT n AS id, n AS n, (random() * 1e9)::int AS r, n % 12 AS k, md5(n::text)::uuid AS u, md5((n * 7)::text) AS t,
    (random() * 1e6)::numeric(12, 2) AS amount, 0 AS counter, n % 20 = 0 AS flag,
    ARRAY[(random() * 20000)::int, (random() * 20000)::int, (random() * 20000)::int, (random() * 20000)::int] AS tags,
    jsonb_build_object('id', n, 'kind', n % 12, 'name', 'item ' || (random() * 5000)::int, 'state', n % 5) AS doc
FROM generate_series(1, {rows}) n;
"""
# Its name, and what follows CREATE INDEX ON w.
KINDS = {
    "none": "",
    "integer, ascending": "(n)",
    "integer, anywhere": "(r)",
    "integer, few values": "(k)",
    "uuid": "(u)",
    "text": "(t)",
    "numeric": "(amount)",
    "two integers": "(k, r)",
    "integer including text": "(r) INCLUDE (t)",
    "expression lower(text)": "(lower(t))",
    "partial, 5 %": "(r) WHERE flag",
    "hash": "USING hash (r)",
    "brin": "USING brin (n)",
    "gin, array of 4": "USING gin (tags)",
    "gin, jsonb": "USING gin (doc)",
    "gin, jsonb_path_ops": "USING gin (doc jsonb_path_ops)",
    "gin, trigrams": "USING gin (t gin_trgm_ops)",
    "gist, integer": "USING gist (r)",
}
COLUMNS = "id, n, r, k, u, t, amount, counter, flag, tags, doc"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--majors", type=int, nargs="+", default=[18, 15])
    parser.add_argument("--rounds", type=int, default=3)
    arguments = parser.parse_args()
    results: dict[str, Any] = {"tool": __version__, "python": platform.python_version(), "cores": os.cpu_count()}
    results["settings"] = SETTINGS
    for major in arguments.majors:
        with LocalServer(binaries(major), settings=SETTINGS) as server:
            version = server.binaries.version
            results[version] = {"kinds": kinds(server, arguments.rounds)}
        small = SETTINGS | {"shared_buffers": "32MB", "full_page_writes": "on"}
        with LocalServer(binaries(major), settings=small) as server:
            results[version]["large"] = large(server, arguments.rounds)
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / "write_costs.json").write_text(json.dumps(results, indent=2) + "\n")


class Meter:
    """Processor time of one backend, and WAL of the server."""

    def __init__(self, connection: psycopg.Connection) -> None:
        self._connection = connection
        self._file = Path(f"/proc/{connection.info.backend_pid}/schedstat")

    def run(self, *commands: str) -> tuple[float, float]:
        """Milliseconds and bytes of WAL."""
        ms, wal = self._now()
        for command in commands:
            self._connection.execute(command.encode())
        after_ms, after_wal = self._now()
        return after_ms - ms, after_wal - wal

    def _now(self) -> tuple[float, float]:
        row = self._connection.execute("SELECT pg_current_wal_insert_lsn() - '0/0'::pg_lsn").fetchone()
        assert row is not None
        return int(self._file.read_text().split()[0]) / 1e6, float(row[0])


def kinds(server: LocalServer, rounds: int) -> dict[str, Any]:
    """What each kind costs more than none, medians over the rounds, with the rounds."""
    measured: dict[str, dict[str, list[float]]] = defaultdict(lambda: defaultdict(list))
    with psycopg.connect(server.dsn(), autocommit=True) as connection:
        for command in SOURCE.format(rows=ROWS + INSERTED).split(";\n"):
            connection.execute(command.encode())
        for number in range(rounds):
            base: dict[str, float] = {}
            for kind, definition in KINDS.items():
                found = one(server, definition)
                if kind == "none":
                    base = found
                for what, value in found.items():
                    measured[kind][what].append(value - base.get(what, 0.0) if kind != "none" else value)
            print(f"round {number + 1} of {server.binaries.version} done", flush=True)
    result = {
        kind: {what: round(statistics.median(values), 3) for what, values in each.items()}
        for kind, each in measured.items()
    }
    for kind, each in result.items():
        print(f"{kind:24}", json.dumps(each))
    return {"median": result, "rounds": measured}


def one(server: LocalServer, definition: str) -> dict[str, float]:
    """One table with one index more than its key: microseconds and bytes for each row."""
    with psycopg.connect(server.dsn(), autocommit=True) as connection:
        for command in (
            "DROP TABLE IF EXISTS w",
            "CREATE TABLE w (LIKE source) WITH (fillfactor = 60)",
            f"INSERT INTO w SELECT {COLUMNS} FROM source WHERE id <= {ROWS}",
            "ALTER TABLE w ADD PRIMARY KEY (id)",
            "VACUUM ANALYZE w",
            "SET max_parallel_maintenance_workers = 0",
        ):
            connection.execute(command.encode())
        meter = Meter(connection)
        found: dict[str, float] = {}
        clean = "SELECT 1"
        if definition:
            ms, wal = meter.run(f"CREATE INDEX x ON w {definition}")
            row = connection.execute("SELECT pg_relation_size('x')").fetchone()
            assert row is not None
            found |= {"build_us": ms * 1000 / ROWS, "build_wal": wal / row[0], "size_mb": row[0] / 1e6}
            if " gin " in definition:
                clean = "SELECT gin_clean_pending_list('x')"
        ms, wal = meter.run(f"INSERT INTO w SELECT {COLUMNS} FROM source WHERE id > {ROWS}", clean)
        found |= {"insert_us": ms * 1000 / INSERTED, "insert_wal": wal / INSERTED}
        connection.execute("VACUUM w")
        # Below: every other row, so that the pages are all touched. A column of no index, then the indexed one.
        ms, wal = meter.run(f"UPDATE w SET counter = 1 WHERE id <= {2 * UPDATED} AND id % 2 = 0")
        found |= {"hot_us": ms * 1000 / UPDATED, "hot_wal": wal / UPDATED}
        connection.execute("VACUUM w")
        ms, wal = meter.run(f"UPDATE w SET r = -r WHERE id <= {2 * UPDATED} AND id % 2 = 0", clean)
        found |= {"update_us": ms * 1000 / UPDATED, "update_wal": wal / UPDATED}
        connection.execute("VACUUM w")
        step = ROWS // DELETED
        ms, wal = meter.run(f"DELETE FROM w WHERE id <= {ROWS} AND id % {step} = 0", "VACUUM (PARALLEL 0) w")
        found |= {"delete_us": ms * 1000 / (ROWS // step), "delete_wal": wal / (ROWS // step)}
        return found


def large(server: LocalServer, rounds: int) -> dict[str, Any]:
    """An index of twice shared_buffers: what an entry takes whose page is not there, and images after a checkpoint."""
    rows, inserted = 4_000_000, 20_000
    found: dict[str, list[float]] = defaultdict(list)
    with psycopg.connect(server.dsn(), autocommit=True) as connection:
        meter = Meter(connection)
        connection.execute("SELECT setseed(0.5)")
        connection.execute("CREATE TABLE big (id int, r int)")
        for number in range(rounds):
            for kind, column in (("ascending", "id"), ("anywhere", "r")):
                connection.execute("TRUNCATE big")
                connection.execute(f"INSERT INTO big SELECT n, (random() * 1e9)::int FROM generate_series(1, {rows}) n")
                ms, _ = meter.run(f"CREATE INDEX big_{column} ON big ({column})")
                found[f"build_us, {kind}"].append(ms * 1000 / rows)
                connection.execute("CHECKPOINT")
                row = connection.execute(f"SELECT pg_relation_size('big_{column}') / 8192").fetchone()
                assert row is not None
                found[f"pages, {kind}"].append(row[0])
                for state in ("after a checkpoint", "once more"):
                    more = f"SELECT n, (random() * 1e9)::int FROM generate_series({rows} + 1, {rows + inserted}) n"
                    if state == "once more":
                        more = more.replace(
                            f"{rows} + 1, {rows + inserted}", f"{rows} + 30001, {rows + 30000 + inserted}"
                        )
                    ms, wal = meter.run(f"INSERT INTO big {more}")
                    found[f"insert_us, {kind}, {state}"].append(ms * 1000 / inserted)
                    found[f"insert_wal, {kind}, {state}"].append(wal / inserted)
                connection.execute(f"DROP INDEX big_{column}")
            print(f"large: round {number + 1} of {server.binaries.version} done", flush=True)
    result = {what: round(statistics.median(values), 3) for what, values in found.items()}
    print(json.dumps(result, indent=1))
    return {"median": result, "rounds": found}


if __name__ == "__main__":
    main()
