"""Makes the shop: loaded once into a template database, from which each run gets a fresh copy."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from importlib.resources import files
from typing import TYPE_CHECKING, Any

import psycopg
from psycopg import sql

from pgadvisor.demo.size import Size
from pgadvisor.localserver.environment import of_our_own

if TYPE_CHECKING:
    from pgadvisor.localserver import LocalServer

DATABASE = "shop"
OWNER = "shop_owner"
AUDITOR = "pgadvisor"
# pg_read_all_data, which the auditor is granted, came with 14.
OLDEST_MAJOR = 14

# wal_level: what a transaction loads into tables of its own making is then written once, not twice.
SETTINGS = {
    "shared_preload_libraries": "pg_stat_statements",
    "shared_buffers": "256MB",
    "maintenance_work_mem": "128MB",
    "max_wal_size": "2GB",
    "wal_level": "minimal",
    "max_wal_senders": "0",
}

_TEMPLATE = "shop_template"
_LOADING = "shop_loading"
_ROLES = (OWNER, "shop_app", "shop_report", AUDITOR)
_MARK = "-- step: "
# The migration that users wrote duplicates against: its index stays behind, invalid.
_FAILING_STEP = "release: one review per customer and product"

Say = Callable[[str], None]


def content_hash(size: Size) -> str:
    """A name for what the template holds: it changes with the schema, the data and their size."""
    texts = [_read(name) for name in ("schema.sql", "data.sql", "keys.sql")]
    return hashlib.sha256("\0".join([*texts, str(size.scale)]).encode()).hexdigest()[:12]


def is_loaded(server: LocalServer) -> bool:
    """Whether the template is there, complete."""
    with _superuser(server, "postgres") as connection:
        return _exists(connection, _TEMPLATE)


def load(server: LocalServer, size: Size, say: Say) -> None:
    """Loads the template. Raises psycopg.Error where that fails; what is half loaded is not taken for it."""
    with _superuser(server, "postgres") as connection:
        _drop(connection, _LOADING)
        for role in _ROLES:
            if not connection.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", [role]).fetchone():
                connection.execute(sql.SQL("CREATE ROLE {} LOGIN").format(sql.Identifier(role)))
        connection.execute(
            sql.SQL("CREATE DATABASE {} OWNER {}").format(sql.Identifier(_LOADING), sql.Identifier(OWNER))
        )
    with psycopg.connect(of_our_own(server.dsn(_LOADING, OWNER)), autocommit=True) as connection:
        connection.execute("SELECT set_config('demo.scale', %s, false)", [str(size.scale)])
        with connection.transaction():
            connection.execute(_script("schema.sql"))
            for name, commands in _steps("data.sql"):
                say(f"Loading: {name}")
                connection.execute(commands)
        for name, commands in _steps("keys.sql"):
            say(f"Adding {name}")
            connection.execute(commands)
    with _superuser(server, _LOADING) as connection:
        say("Vacuuming")
        connection.execute("VACUUM (FREEZE, ANALYZE)")
    with _superuser(server, "postgres") as connection:
        connection.execute(
            sql.SQL("ALTER DATABASE {} RENAME TO {}").format(sql.Identifier(_LOADING), sql.Identifier(_TEMPLATE))
        )


def open_shop(server: LocalServer) -> None:
    """A fresh shop from the template, with statistics, and with counters that start now."""
    with _superuser(server, "postgres") as connection:
        _drop(connection, DATABASE)
        by_file = sql.SQL("STRATEGY file_copy") if server.binaries.major >= 15 else sql.SQL("")
        connection.execute(
            sql.SQL("CREATE DATABASE {} TEMPLATE {} OWNER {} ").format(
                sql.Identifier(DATABASE), sql.Identifier(_TEMPLATE), sql.Identifier(OWNER)
            )
            + by_file
        )
    with _superuser(server, DATABASE) as connection:
        connection.execute("CREATE EXTENSION pg_stat_statements")
        connection.execute(_script("monitor.sql"))
        # A copy starts without counters; this makes the server say so, and since when.
        connection.execute("SELECT pg_stat_reset()")
        connection.execute("ANALYZE")
        connection.execute("SELECT pg_stat_statements_reset()")


def release(server: LocalServer, say: Say) -> None:
    """The release in the middle of the day. Raises psycopg.Error where it fails in another way than it must."""
    with psycopg.connect(of_our_own(server.dsn(DATABASE, OWNER)), autocommit=True) as connection:
        for name, commands in _steps("release.sql"):
            say(f"The shop goes on: {name}")
            try:
                connection.execute(commands)
            except psycopg.errors.UniqueViolation as error:
                if name != _FAILING_STEP:
                    raise
                say(f"  failed: {error.diag.message_primary}")


def close_shop(server: LocalServer) -> None:
    """Removes the shop, and a template that was not finished; a finished one stays."""
    with _superuser(server, "postgres") as connection:
        _drop(connection, DATABASE)
        _drop(connection, _LOADING)


def _superuser(server: LocalServer, database: str) -> psycopg.Connection[Any]:
    return psycopg.connect(of_our_own(server.dsn(database)), autocommit=True)


def _exists(connection: psycopg.Connection[Any], database: str) -> bool:
    return connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", [database]).fetchone() is not None


def _drop(connection: psycopg.Connection[Any], database: str) -> None:
    connection.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(database)))


def _read(name: str) -> str:
    return (files("pgadvisor.demo") / name).read_text(encoding="utf-8")


def _script(name: str) -> bytes:
    return _read(name).encode()


def _steps(name: str) -> Iterator[tuple[str, bytes]]:
    """The parts of a script, each behind a comment that names it."""
    for part in _read(name).split(_MARK)[1:]:
        title, _, commands = part.partition("\n")
        yield title, commands.encode()
