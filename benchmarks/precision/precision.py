"""Builds databases, puts their workload on them, audits them as a role without privileges, and keeps the findings.

    python benchmarks/precision/precision.py tracker rental
    python benchmarks/precision/precision.py tpch tpch_bare --data FOLDER  # what tpchgen-cli wrote

Findings go to results/NAME.json beside this file; --reports FOLDER keeps the whole reports, --hold leaves each server
up for a while, to try what was recommended.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import time
from pathlib import Path

import psycopg

sys.path.insert(0, str(Path(__file__).parent))

import apps
import tpch

from pgadvisor.localserver import LocalServer

RESULTS = Path(__file__).parent / "results"
SETTINGS = {
    "shared_preload_libraries": "pg_stat_statements",
    "shared_buffers": "256MB",
    "max_wal_size": "4GB",
    "track_io_timing": "on",
    "random_page_cost": "1.1",
}
TPCH = {"tpch": True, "tpch_bare": False}  # with the usual indexes, and with keys alone
# The grants of the README.
ROLE = """
CREATE ROLE pgadvisor LOGIN PASSWORD 'choose one';
GRANT CONNECT ON DATABASE {name} TO pgadvisor;
GRANT pg_monitor TO pgadvisor;
GRANT pg_read_all_data TO pgadvisor;
"""
KEPT = ("key", "rule", "severity", "confidence", "sentence")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="+", choices=["tracker", "rental", *TPCH])
    parser.add_argument("--data", type=Path, metavar="FOLDER", help="the tables of TPC-H")
    parser.add_argument("--reports", type=Path, metavar="FOLDER", help="keep the whole reports here")
    parser.add_argument("--hold", type=float, default=0, metavar="SECONDS", help="leave each server up afterwards")
    arguments = parser.parse_args()
    if not arguments.data and TPCH.keys() & set(arguments.names):
        parser.error("TPC-H needs --data")
    for name in arguments.names:
        with LocalServer(settings=SETTINGS) as server:
            _prepare(server, name, arguments.data)
            _audit(server, name, arguments.reports)
            if arguments.hold:
                print(f"{name}: {server.dsn(name)}", flush=True)
                time.sleep(arguments.hold)


def _prepare(server: LocalServer, name: str, data: Path | None) -> None:
    with psycopg.connect(server.dsn(), autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}")
    dsn = server.dsn(name)
    with psycopg.connect(dsn, autocommit=True) as connection:
        connection.execute("CREATE EXTENSION pg_stat_statements")
        connection.execute(ROLE.format(name=name))
    start = time.perf_counter()
    if name in TPCH:
        assert data is not None
        tpch.build(dsn, data, indexed=TPCH[name])
    else:
        apps.build(server, name)
    print(f"{name}: built in {time.perf_counter() - start:.0f} s", flush=True)
    _forget_the_load(dsn)
    start = time.perf_counter()
    if name in TPCH:
        tpch.work(dsn)
    else:
        apps.work(server, name)
    print(f"{name}: worked for {time.perf_counter() - start:.0f} s", flush=True)


def _forget_the_load(dsn: str) -> None:
    """Statements only: counters of tables keep the load, as they do on any database that was once restored."""
    with psycopg.connect(dsn, autocommit=True) as connection:
        connection.execute("SELECT pg_stat_statements_reset()")


def _audit(server: LocalServer, name: str, reports: Path | None) -> None:
    folder = reports or Path(server.folder.path)
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{name}.json"
    options = [] if name in TPCH else ["--set", "unused_index.min_window_days=0"]
    command = [
        sys.executable,
        "-m",
        "pgadvisor",
        "audit",
        server.dsn(name, "pgadvisor"),
        "--fail-on",
        "never",
        "--quiet",
    ]
    command += ["--json", str(path), "--html", str(path.with_suffix(".html")), *options]
    start = time.perf_counter()
    answer = subprocess.run(command, capture_output=True, text=True, check=False)
    if answer.returncode:
        sys.exit(f"{name}: the audit ended with {answer.returncode}: {answer.stderr.strip()}")
    report = json.loads(path.read_text(encoding="utf-8"))
    findings = [{key: finding[key] for key in KEPT} for finding in report["findings"]]
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / f"{name}.json").write_text(json.dumps(findings, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    print(f"{name}: {len(findings)} findings in {time.perf_counter() - start:.1f} s", flush=True)


if __name__ == "__main__":
    main()
