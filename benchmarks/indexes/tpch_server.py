"""TPC-H on a PostgreSQL 15 of its own, as tpch.py and tpch_best.py load, ask and time it."""

from __future__ import annotations

import sys
import tempfile
import time
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psycopg
from msgspec.structs import replace

sys.path.insert(0, str(Path(__file__).parents[1] / "twin"))

from databases import SETTINGS as SETTINGS_OF_SERVERS
from databases import running, tpch, tpch_files

from pgadvisor.analyze import read_facts
from pgadvisor.collect import collect
from pgadvisor.config import CollectConfig, Execute
from pgadvisor.facts import Facts
from pgadvisor.localserver import LocalServer
from pgadvisor.model.catalog import IndexDefinition, IndexKey
from pgadvisor.progress import silent
from pgadvisor.snapshots.sources import put_in
from pgadvisor.workload.sources.read import read_source

QUERIES = {f"Q{number}": text for number, text in enumerate(tpch.QUERIES, start=1)}
# What the literature leaves out: they cost so much that they would drown the rest.
LEFT_OUT = frozenset({"Q2", "Q17", "Q20"})
MB = 1_000_000
SETTINGS = """
    random_page_cost = 1.1; effective_cache_size = '12GB'; work_mem = '64MB'; jit = off;
    max_parallel_workers_per_gather = 0
"""


@contextmanager
def loaded(
    scale: float, extensions: Sequence[str] = (), settings: Mapping[str, str] | None = None
) -> Iterator[tuple[LocalServer, psycopg.Connection]]:
    """A server with TPC-H, primary keys alone, settled, and a connection to it."""
    SETTINGS_OF_SERVERS.update(settings or {})
    with running(15) as server:
        with psycopg.connect(server.dsn("postgres"), autocommit=True) as connection:
            connection.execute("CREATE DATABASE tpch")
            for setting in SETTINGS.split(";"):
                connection.execute(f"ALTER DATABASE tpch SET {setting}".encode())
        tpch.build(server.dsn("tpch"), tpch_files(scale), indexed=False)
        # A plan that is kept would not be made again where an index comes or goes by its mark alone.
        with psycopg.connect(server.dsn("tpch"), autocommit=True, prepare_threshold=None) as connection:
            for extension in extensions:
                connection.execute(f"CREATE EXTENSION IF NOT EXISTS {extension}".encode())
            connection.execute("VACUUM ANALYZE")
            yield server, connection


def facts_of(dsn: str, queries: Mapping[str, str], times: Mapping[str, float]) -> Facts:
    """What collection sees of it, with the queries from a file of SQL that says how long each took."""
    config = CollectConfig(max_explains=0, execute=Execute.OFF)
    snapshot = collect(dsn, config)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "workload.sql"
        path.write_text(
            "".join(f"-- calls: 1 mean_ms: {times[name] * 1000:.3f}\n{text};\n" for name, text in queries.items())
        )
        # The load of the tables is no part of the workload.
        snapshot = replace(snapshot, statements=None)
        snapshot = put_in(snapshot, [read_source(path, snapshot.server.database, silent)], len(queries))
    return read_facts(snapshot)[0]


def of_every_column(facts: Facts) -> list[IndexDefinition]:
    """An index on each column alone, but for comments."""
    return [
        IndexDefinition(schema=table.schema, table=table.name, keys=(IndexKey(column=column.name),))
        for table in facts.relations.values()
        if facts.constraints_of(table.oid)
        for column in facts.columns(table.oid)
        if not column.name.endswith("comment")
    ]


def show(connection: psycopg.Connection, shown: Collection[int], every: Collection[int]) -> None:
    """Has the planner see some of the indexes, by their oids, and none of the others."""
    connection.execute(
        "UPDATE pg_index SET indisvalid = indexrelid = ANY (%s) WHERE indexrelid = ANY (%s)",
        (list(shown), sorted(every)),
    )


def newest_index(connection: psycopg.Connection) -> int:
    return scalar(connection, "SELECT max(indexrelid::bigint) FROM pg_index")


def size_bytes(connection: psycopg.Connection, oid: int) -> int:
    return scalar(connection, f"SELECT pg_relation_size({oid})")


def cost(connection: psycopg.Connection, text: str) -> float:
    return float(scalar(connection, f"EXPLAIN (FORMAT JSON) {text}")[0]["Plan"]["Total Cost"])


def plan(connection: psycopg.Connection, text: str) -> str:
    return "\n".join(line for (line,) in connection.execute(f"EXPLAIN (COSTS OFF) {text}".encode()))


def scalar(connection: psycopg.Connection, command: str) -> Any:  # noqa: ANN401
    row = connection.execute(command.encode()).fetchone()
    assert row is not None
    return row[0]


def timed(connection: psycopg.Connection, text: str) -> tuple[float, float]:
    """Seconds of one run, all rows fetched, and of the server's process in it: others that run do not add to these."""
    begun, ran = time.monotonic(), processor_seconds(connection)
    connection.execute(text.encode()).fetchall()
    return time.monotonic() - begun, processor_seconds(connection) - ran


def processor_seconds(connection: psycopg.Connection) -> float:
    """Seconds that the process of a connection has run (https://docs.kernel.org/scheduler/sched-stats.html)."""
    return int(Path(f"/proc/{connection.info.backend_pid}/schedstat").read_text().split()[0]) / 1e9
