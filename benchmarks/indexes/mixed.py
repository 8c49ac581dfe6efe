"""Mixed workloads: operations by weight, always the same ones in the same order, and what they take a server."""

from __future__ import annotations

import random
import re
import statistics
import subprocess
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg
from msgspec.structs import replace

from pgadvisor.analyze import read_facts
from pgadvisor.collect import collect
from pgadvisor.config import CollectConfig, Execute
from pgadvisor.facts import Facts
from pgadvisor.localserver import LocalServer, find_binaries
from pgadvisor.model.statements import ParameterSample

SETTINGS = {
    "shared_preload_libraries": "pg_stat_statements",
    "autovacuum": "off",
    "shared_buffers": "1GB",
    "effective_cache_size": "4GB",
    "random_page_cost": "1.1",
    "max_wal_size": "8GB",
    "checkpoint_timeout": "1h",
    "synchronous_commit": "off",
    "jit": "off",
    "max_parallel_workers_per_gather": "0",
}
COLLECT = CollectConfig(max_explains=1_000, execute=Execute.OFF)


@dataclass(frozen=True)
class Operation:
    """A statement, how often it comes among 10,000, and values for it. writes: it is counted as a write."""

    text: str
    weight: int
    values: Callable[[random.Random], Sequence[Any]]
    writes: bool = False


def schedule(operations: Sequence[Operation], count: int, seed: int) -> list[tuple[Operation, Sequence[Any]]]:
    """So many operations by their weights, exactly, in an order by chance."""
    generator = random.Random(seed)
    total = sum(each.weight for each in operations)
    made = [each for each in operations for _ in range(round(each.weight * count / total))]
    generator.shuffle(made)
    return [(each, each.values(generator)) for each in made]


def run(dsn: str, calls: Sequence[tuple[Operation, Sequence[Any]]], tables: Sequence[str]) -> dict[str, float]:
    """Runs operations one by one, then vacuums the tables.

    Seconds as they passed and operations for each of them; milliseconds of the backend's processor time, of reads, of
    writes and of the vacuum.
    """
    with psycopg.connect(dsn, autocommit=True, prepare_threshold=1) as connection:
        connection.execute("CHECKPOINT")
        clock = Path(f"/proc/{connection.info.backend_pid}/schedstat")

        def cpu_ms() -> float:
            return int(clock.read_text().split()[0]) / 1e6

        spent = {True: 0.0, False: 0.0}
        begun = time.monotonic()
        now = cpu_ms()
        for operation, values in calls:
            connection.execute(operation.text.encode(), values, prepare=True).rowcount  # noqa: B018
            before, now = now, cpu_ms()
            spent[operation.writes] += now - before
        seconds = time.monotonic() - begun
        for table in tables:
            connection.execute(f"VACUUM {table}".encode())
        return {
            "seconds": seconds,
            "operations_per_s": len(calls) / seconds,
            "read_ms": spent[False],
            "write_ms": spent[True],
            "vacuum_ms": cpu_ms() - now,
            "server_ms": cpu_ms() - now + spent[False] + spent[True],
        }


def recorded(server: LocalServer, database: str, calls: Sequence[Any], tables: Sequence[str]) -> Facts:
    """What a collection sees of a copy of the database after the operations."""
    copy(server, database, "recorded")
    dsn = server.dsn("recorded")
    with psycopg.connect(dsn, autocommit=True) as connection:
        connection.execute("CREATE EXTENSION IF NOT EXISTS pg_stat_statements")
        connection.execute("SELECT pg_stat_reset(), pg_stat_statements_reset()")
    run(dsn, calls, tables)
    return read_facts(collect(dsn, COLLECT))[0]


def with_samples(facts: Facts, calls: Sequence[tuple[Operation, Sequence[Any]]], each: int = 3) -> Facts:
    """The facts with values of some calls of each statement, as a log that shows them would have brought."""
    statements = facts.snapshot.statements
    assert statements is not None
    ids = {text.text: text.query_id for text in statements.texts}
    found: dict[str, list[ParameterSample]] = {}
    for operation, values in calls:
        numbers = iter(range(1, 100))
        query_id = ids.get(re.sub("%s", lambda _: f"${next(numbers)}", operation.text))  # noqa: B023 - used at once
        samples = found.setdefault(query_id or "", [])
        if query_id is not None and len(samples) < each and not any(isinstance(value, list) for value in values):
            samples.append(ParameterSample(query_id=query_id, values=tuple(map(str, values)), source="log"))
    all_samples = tuple(sample for group in found.values() for sample in group)
    return Facts(replace(facts.snapshot, statements=replace(statements, samples=all_samples)), facts.shapes)


def copy(server: LocalServer, source: str, target: str) -> None:
    """A database as a copy of another."""
    with psycopg.connect(server.dsn(), autocommit=True) as connection:
        connection.execute(f"DROP DATABASE IF EXISTS {target} WITH (FORCE)".encode())
        connection.execute(f"CREATE DATABASE {target} TEMPLATE {source} STRATEGY file_copy".encode())


def with_sets(server: LocalServer, database: str, sets: Mapping[str, Sequence[str]]) -> dict[str, str]:
    """A copy of the database for each set of commands, with them done; the copies' names."""
    made = {name: f"with_{number}" for number, name in enumerate(sets)}
    for name, commands in sets.items():
        copy(server, database, made[name])
        with psycopg.connect(server.dsn(made[name]), autocommit=True) as connection:
            for command in commands:
                connection.execute(command.encode())
            connection.execute("VACUUM ANALYZE")
    return made


def compared(
    server: LocalServer,
    databases: Mapping[str, str],
    calls: Sequence[tuple[Operation, Sequence[Any]]],
    tables: Sequence[str],
    rounds: int,
    once: frozenset[str] = frozenset(),
) -> dict[str, Any]:
    """What the operations take in each database, in turns, each time in a fresh copy; medians.

    once names those that take part in the first round alone.
    """
    found: dict[str, list[dict[str, float]]] = {name: [] for name in databases}
    for turn in range(rounds):
        for name, database in databases.items():
            if turn and name in once:
                continue
            copy(server, database, "measured")
            found[name].append(run(server.dsn("measured"), calls, tables))
    return {
        name: {
            "median": {key: round(statistics.median(each[key] for each in runs), 3) for key in runs[0]},
            "runs": runs,
        }
        for name, runs in found.items()
    }


def throughput(
    server: LocalServer, databases: Mapping[str, str], scripts: Mapping[str, int], rounds: int, seconds: int
) -> dict[str, Any]:
    """Transactions per second that two clients of pgbench reach in each database, in turns, each time in a fresh copy.

    scripts are its own, by weight.
    """
    pgbench = find_binaries(major=server.binaries.major).bin_dir / "pgbench"
    found: dict[str, list[float]] = {name: [] for name in databases}
    with tempfile.TemporaryDirectory() as folder:
        command: list[str | Path] = [pgbench, "--no-vacuum", "--protocol=prepared", "--client=2", "--random-seed=5"]
        for number, (text, weight) in enumerate(scripts.items()):
            file = Path(folder) / f"{number}.sql"
            file.write_text(f"{text};\n", encoding="utf-8")
            command.append(f"--file={file}@{weight}")
        for _ in range(rounds):
            for name, database in databases.items():
                copy(server, database, "measured")
                with psycopg.connect(server.dsn("measured"), autocommit=True) as connection:
                    connection.execute("CHECKPOINT")
                done = subprocess.run(
                    [*command, f"--time={seconds}", server.dsn("measured")], check=True, capture_output=True, text=True
                )
                (tps,) = re.findall(r"^tps = ([\d.]+)", done.stdout, re.MULTILINE)
                found[name].append(float(tps))
    return {name: {"median_tps": round(statistics.median(runs), 1), "runs": runs} for name, runs in found.items()}
