"""The databases that twins are measured against, and the statements that are planned on both."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import psycopg

from pgadvisor.collect import collect
from pgadvisor.config import CollectConfig, Execute
from pgadvisor.demo import shop, workload
from pgadvisor.demo.size import Size
from pgadvisor.localserver import Binaries, LocalServer, find_binaries
from pgadvisor.model.snapshot import Snapshot

ROOT = Path(__file__).parents[2]
for folder in (ROOT / "benchmarks" / "precision", ROOT / "tests"):
    sys.path.insert(0, str(folder))

import tpch  # noqa: E402

from support.server_packages import packaged_binaries  # noqa: E402

AUDITOR = "auditor"
READS_ALL_SINCE = 14
SETTINGS = {
    "shared_preload_libraries": "pg_stat_statements",
    "pg_stat_statements.max": "20000",
    "autovacuum": "off",
    "full_page_writes": "off",
    "max_wal_size": "8GB",
    "maintenance_work_mem": "512MB",
    # The settings of the notes on TPC-H, so that plans are not those of an unset server.
    "shared_buffers": "1GB",
    "effective_cache_size": "4GB",
    "work_mem": "64MB",
    "random_page_cost": "1.1",
}


class Source(NamedTuple):
    """A database to make a twin of: its superuser's DSN and that of a role which may look and read."""

    name: str
    dsn: str
    auditor: str
    server: LocalServer


def binaries(major: int) -> Binaries:
    """Server programs of one major: installed, or else as packaged for the tests."""
    try:
        return find_binaries(major=major)
    except Exception:
        return packaged_binaries(major)


@contextmanager
def running(major: int) -> Iterator[LocalServer]:
    """A server of one major."""
    with LocalServer(binaries(major), settings=SETTINGS) as server:
        yield server


def tpch_files(scale: float) -> Path:
    """The tables of TPC-H as tpchgen-cli writes them, kept among the temporary files."""
    folder = Path(tempfile.gettempdir()) / f"pgadvisor-tpch-{scale:g}"
    if not (folder / "lineitem.tbl").exists():
        folder.mkdir(exist_ok=True)
        program = Path(sys.executable).parent / "tpchgen-cli"
        subprocess.run([program, "-s", f"{scale:g}", "--output-dir", str(folder)], check=True)
    return folder


def tpch_source(server: LocalServer, scale: float) -> Source:
    """TPC-H with keys, foreign keys and the usual indexes."""
    with _superuser(server, "postgres") as connection:
        connection.execute("CREATE DATABASE tpch")
    dsn = server.dsn("tpch")
    tpch.build(dsn, tpch_files(scale), indexed=True)
    return _audited(server, "tpch")


def run_tpch(source: Source) -> None:
    """Has pg_stat_statements note the 22, of which none is run for long: no row of them is asked for."""
    with psycopg.connect(source.dsn, autocommit=True) as connection:
        for query in tpch.QUERIES:
            connection.execute(b"SELECT * FROM (" + query.encode() + b") AS q LIMIT 0")


def demo_source(server: LocalServer) -> Source:
    """The shop of the demo after its day."""
    size = Size()
    shop.load(server, size, lambda _: None)
    shop.open_shop(server)
    for first, last in ((0.0, 0.5), (0.5, 1.0)):
        if first:
            shop.release(server, lambda _: None)
        calls = workload.schedule(size, first, last)
        workload.run(lambda role: server.dsn(shop.DATABASE, role), calls, lambda *_: None)
    return Source("demo", server.dsn(shop.DATABASE), server.dsn(shop.DATABASE, shop.AUDITOR), server)


def snapshot_of(source: Source, statements: int = 5_000) -> Snapshot:
    """What collection sees of it, as a role that may look and read; nothing is executed."""
    config = CollectConfig(
        statements=statements, max_explains=statements * 2, max_value_explains=0, execute=Execute.OFF
    )
    return collect(source.auditor, config)


def _audited(server: LocalServer, database: str) -> Source:
    with _superuser(server, database) as connection:
        connection.execute("CREATE EXTENSION IF NOT EXISTS pg_stat_statements")
        connection.execute(f"CREATE ROLE {AUDITOR} LOGIN")
        connection.execute(f"GRANT pg_monitor TO {AUDITOR}")
        if server.binaries.major >= READS_ALL_SINCE:
            connection.execute(f"GRANT pg_read_all_data TO {AUDITOR}")
        else:
            connection.execute(f"GRANT SELECT ON ALL TABLES IN SCHEMA public TO {AUDITOR}")
    return Source(database, server.dsn(database), server.dsn(database, AUDITOR), server)


def _superuser(server: LocalServer, database: str) -> psycopg.Connection:
    return psycopg.connect(server.dsn(database), autocommit=True)
