"""What a twin needs, and how fast it answers: build time, disk, memory, and EXPLAINs per second.

For TPC-H, the demo and a database of 10,000 tables with 50,000 indexes (that of ../collection.py); and what-if
questions on PostgreSQL 15 asked of a twin and of HypoPG in turns, in one run. Results go to results/footprint.json.
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
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import psycopg
from databases import SETTINGS, Source, binaries, demo_source, run_tpch, running, snapshot_of, tpch, tpch_source

from pgadvisor import __version__
from pgadvisor.analyze import read_facts
from pgadvisor.collecting.look import session_on
from pgadvisor.config import CollectConfig
from pgadvisor.indexes.ddl import create_index
from pgadvisor.localserver import LocalServer
from pgadvisor.model.catalog import IndexDefinition, IndexKey
from pgadvisor.model.whatif import AS_IS, Configuration
from pgadvisor.planner.protocol import Planner, Question
from pgadvisor.planner.twin.twin import Twin
from pgadvisor.snapshots.file import read_snapshots, write_snapshots

RESULTS = Path(__file__).parent / "results"
ROUNDS = 3
KEYS = (
    ("lineitem", ("l_shipdate", "l_discount")), ("lineitem", ("l_partkey", "l_quantity")), ("orders", ("o_custkey",)),
    ("part", ("p_brand", "p_container")), ("customer", ("c_mktsegment",)), ("orders", ("o_orderdate", "o_custkey")),
    ("lineitem", ("l_receiptdate", "l_shipmode")), ("partsupp", ("ps_supplycost",)),
)  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--scale", type=float, default=1.0)
    parser.add_argument("--tables", type=int, default=10_000)
    parser.add_argument("--only", nargs="+", default=["tpch", "demo", "large", "hypopg"])
    parser.add_argument("--one", type=Path, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.one:
        print(json.dumps(one(arguments.one)))
        return
    file = RESULTS / "footprint.json"
    # Parts that are not measured now stay as they were.
    results: dict[str, Any] = json.loads(file.read_text()) if file.exists() else {}
    results |= {"tool": __version__, "python": platform.python_version(), "cores": os.cpu_count()}
    with running(18) as server:
        if "tpch" in arguments.only:
            source = tpch_source(server, arguments.scale)
            run_tpch(source)
            results["tpch"] = measure(source)
        if "demo" in arguments.only:
            results["demo"] = measure(demo_source(server))
    if "large" in arguments.only:
        with LocalServer(binaries(18), settings=SETTINGS) as server:
            # One of it says enough, and the costliest of its 5,000 statements.
            results["large"] = measure(large_source(server, arguments.tables), rounds=1, statements=500)
    if "hypopg" in arguments.only:
        with running(15) as server:
            results["hypopg"] = beside_hypopg(tpch_source(server, 0.2))
    RESULTS.mkdir(exist_ok=True)
    file.write_text(json.dumps(results, indent=2) + "\n")


def large_source(server: LocalServer, tables: int) -> Source:
    sys.path.insert(0, str(Path(__file__).parents[1]))
    import collection

    collection.make(server.dsn("postgres"), tables)
    return Source("large", server.dsn("postgres"), server.dsn("postgres"), server)


def measure(source: Source, *, rounds: int = ROUNDS, statements: int = 5_000) -> dict[str, Any]:
    """Builds twins in fresh processes."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "snapshot.json.gz"
        write_snapshots(file, [snapshot_of(source, statements)])
        command = [sys.executable, __file__, "--one", str(file)]
        runs = [json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout) for _ in range(rounds)]
    result = {key: statistics.median(run[key] for run in runs) for key in runs[0]}
    print(source.name, json.dumps(result), flush=True)
    return {"median": result, "runs": runs}


def one(file: Path) -> dict[str, float]:
    """One twin of a file: seconds, megabytes, and EXPLAINs per second over the whole workload."""
    (snapshot,) = read_snapshots(file)
    facts, _ = read_facts(snapshot)
    before_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    begun = time.monotonic()
    with Twin(facts) as twin:
        build_s = time.monotonic() - begun
        data = twin.data_folder
        questions = [
            Question(query_id=each.query_id, text=each.text, shape=facts.shapes.get(each.query_id))
            for each in facts.statements.values()
            if each.text is not None
        ]
        begun = time.monotonic()
        costs = twin.costs(questions)
        costs_s = time.monotonic() - begun
        answered = sum(cost is not None for cost in costs)
        again = [question for question, cost in zip(questions, costs, strict=True) if cost is not None]
        begun = time.monotonic()
        twin.costs(again)
        again_s = time.monotonic() - begun
        measured = {
            "build_s": build_s,
            "disk_mb": _disk_mb(data),
            "server_mb": _server_mb(twin),
            "tool_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024 - before_mb,
            "statements": len(questions),
            "answered": answered,
            "first_explains_per_s": len(questions) / costs_s,
            "explains_per_s": len(again) / again_s if again else 0.0,
            "tables": len(facts.relations),
            "indexes": len(facts.indexes),
        }
        begun = time.monotonic()
    return {**measured, "stop_s": time.monotonic() - begun}


def _disk_mb(folder: Path) -> float:
    return sum(path.lstat().st_blocks * 512 for path in folder.rglob("*")) / 1e6


def _server_mb(twin: Twin) -> float:
    """Memory of its processes that no other process shares."""
    total = 0
    for status in Path("/proc").glob("[0-9]*/smaps_rollup"):
        try:
            command = (status.parent / "cmdline").read_bytes().decode(errors="replace")
            parent = (status.parent / "stat").read_text().rsplit(")", 1)[1].split()[1]
            if int(status.parent.name) == twin.server_pid or int(parent) == twin.server_pid or not command:
                total += sum(int(line.split()[1]) for line in status.read_text().splitlines() if line[:4] == "Pss:")
        except OSError:
            continue
    return total / 1024


def beside_hypopg(source: Source) -> dict[str, Any]:
    """Milliseconds of one question, in turns: the 22 queries under each configuration of one new index."""
    from pgadvisor.planner.hypopg import HypoPG

    with psycopg.connect(source.dsn, autocommit=True) as connection:
        connection.execute("CREATE EXTENSION hypopg")
    facts, _ = read_facts(snapshot_of(source))
    questions = [Question(query_id=f"Q{number}", text=text) for number, text in enumerate(tpch.QUERIES, start=1)]
    configurations = [Configuration(create=(_index(table, columns),)) for table, columns in KEYS]
    times: dict[str, list[float]] = {"twin": [], "hypopg": [], "hypopg_bare": []}
    # The cap on EXPLAINs is for production.
    config = CollectConfig(max_explains=1_000_000)
    with (
        Twin(facts) as twin,
        session_on(source.auditor, config) as session,
        closing(HypoPG(session, facts, config)) as h,
        psycopg.connect(source.dsn, autocommit=True) as bare,
    ):
        planners: dict[str, Planner] = {"twin": twin, "hypopg": h}
        begun = time.monotonic()
        twin.sizes([index for configuration in configurations for index in configuration.create])
        adding_ms = (time.monotonic() - begun) * 1000 / len(configurations)
        for planner in planners.values():
            planner.costs(questions, AS_IS)
        for _ in range(ROUNDS):
            for configuration in configurations:
                for name, planner in planners.items():
                    times[name].append(_timed(lambda p=planner, c=configuration: p.costs(questions, c)))
                times["hypopg_bare"].append(_timed(lambda c=configuration: _bare_costs(bare, c)))
    result = {f"{name}_ms": statistics.median(taken) * 1000 / len(questions) for name, taken in times.items()}
    result["adding_an_index_ms"] = adding_ms
    print("what-if, ms per question:", json.dumps(result))
    return {**result, "raw": times, "server": source.server.binaries.version}


def _bare_costs(connection: psycopg.Connection, configuration: Configuration) -> tuple[float, ...]:
    """Costs as a script would ask HypoPG for them: no look at what a statement runs, locks or how long it takes."""
    connection.execute("SELECT hypopg_reset()")
    for definition in configuration.create:
        connection.execute("SELECT * FROM hypopg_create_index(%s)", [create_index(definition, "h", concurrently=False)])
    rows = [connection.execute(b"EXPLAIN (FORMAT JSON) " + text.encode()).fetchone() for text in tpch.QUERIES]
    return tuple(float(row[0][0]["Plan"]["Total Cost"]) for row in rows if row is not None)


def _timed(run: Callable[[], tuple[float | None, ...]]) -> float:
    begun = time.monotonic()
    costs = run()
    taken = time.monotonic() - begun
    assert None not in costs, costs
    return taken


def _index(table: str, columns: tuple[str, ...]) -> IndexDefinition:
    return IndexDefinition(schema="public", table=table, keys=tuple(IndexKey(column=column) for column in columns))


if __name__ == "__main__":
    main()
