"""Two applications with their workload, as teams write them: a project tracker on Django, a video rental on Rails.

The schemas and their rows are in tracker.sql and rental.sql; the statements are what the ORMs send. The rental's
database also holds pgbench's tables, with its TPC-B-like script.
"""

from __future__ import annotations

from pathlib import Path

import psycopg
import rental
import tracker

from pgadvisor.localserver import LocalServer

HERE = Path(__file__).parent
PGBENCH_SCALE = 5


def build(server: LocalServer, name: str) -> None:
    with psycopg.connect(server.dsn(name), autocommit=True) as connection:
        for part in (HERE / f"{name}.sql").read_text(encoding="utf-8").split("\n\n"):
            connection.execute(part.encode())  # one transaction each
        if name == "rental":
            _pgbench(server, "-i", "-q", "-s", str(PGBENCH_SCALE))
        connection.execute("VACUUM ANALYZE")


def work(server: LocalServer, name: str) -> None:
    with psycopg.connect(server.dsn(name), autocommit=True) as connection:

        def run(statement: str, *values: object) -> list[tuple]:
            cursor = connection.execute(statement.encode(), values or None)
            return cursor.fetchall() if cursor.description else []

        {"tracker": tracker, "rental": rental}[name].work(connection, run)
    if name == "rental":
        _pgbench(server, "-n", "-c", "2", "-t", "1500")


def _pgbench(server: LocalServer, *options: str) -> None:
    sockets = str(server.folder.sockets)
    server.run("pgbench", "-h", sockets, "-p", str(server.port), "-U", "postgres", *options, "rental")
