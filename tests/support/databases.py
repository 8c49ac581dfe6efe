"""A fresh database for one test, and roles that may do just what the test says."""

from __future__ import annotations

import secrets
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import psycopg
from psycopg import sql

from support.servers import Server

_WAIT_S = 10


@dataclass(frozen=True)
class Role:
    """A login role and how it connects to the database it was made for; dsn_tcp asks for the password."""

    name: str
    password: str
    dsn: str
    dsn_tcp: str

    def connect(self) -> psycopg.Connection[Any]:
        """A connection in autocommit mode."""
        return psycopg.connect(self.dsn, autocommit=True)


class Database:
    """One database of one server, with pg_stat_statements; `execute` runs as superuser over one connection."""

    def __init__(self, server: Server, name: str) -> None:
        self.server = server
        self.name = name
        self.dsn = server.dsn(name)
        self.dsn_tcp = server.tcp_dsn(name)
        self.roles: list[str] = []
        self._connection: psycopg.Connection[Any] | None = None

    def connect(self) -> psycopg.Connection[Any]:
        """Another superuser's connection, in autocommit mode."""
        return psycopg.connect(self.dsn, autocommit=True)

    def execute(
        self, query: str | sql.SQL | sql.Composed, parameters: Sequence[object] | None = None
    ) -> list[tuple[Any, ...]]:
        """Runs SQL, several commands if there are no parameters; the rows of the last."""
        if self._connection is None:
            self._connection = self.connect()
        text = query.encode() if isinstance(query, str) else query
        with self._connection.cursor() as cursor:
            cursor.execute(text, parameters)
            while cursor.nextset():
                pass
            return cursor.fetchall() if cursor.description else []

    def role(
        self, name: str = "tester", *, grants: Sequence[str] = (), member_of: Sequence[str] = (), attributes: str = ""
    ) -> Role:
        """A new login role: its name made unique; grants such as "SELECT ON ALL TABLES IN SCHEMA public"."""
        unique, password = f"{name} {secrets.token_hex(4)}", secrets.token_urlsafe(12)
        role = sql.Identifier(unique)
        self.execute(
            sql.SQL("CREATE ROLE {} LOGIN {} PASSWORD {}").format(role, sql.SQL(attributes), sql.Literal(password))
        )
        self.roles.append(unique)
        for grant in grants:
            self.execute(sql.SQL("GRANT {} TO {}").format(sql.SQL(grant), role))
        for group in member_of:
            self.execute(sql.SQL("GRANT {} TO {}").format(sql.Identifier(group), role))
        credentials = {"user": unique, "password": password}
        server = self.server
        return Role(unique, password, server.dsn(self.name, **credentials), server.tcp_dsn(self.name, **credentials))

    def settle(self) -> None:
        """Makes the counters of `execute` visible to others; other connections show theirs when they are closed."""
        if self.server.major >= 15:
            self.execute("SELECT pg_stat_force_next_flush()")
            return
        self.disconnect()

    def wait_until(self, condition: str, parameters: Sequence[object] | None = None) -> None:
        """Waits until the first value of a query is true, such as one on counters; AssertionError after 10 s."""
        deadline = time.monotonic() + _WAIT_S
        while not self.execute(condition, parameters)[0][0]:
            assert time.monotonic() < deadline, f"still not true: {condition}"
            time.sleep(0.02)

    def drop(self) -> None:
        """Drops the database and the roles made for it, whoever is connected."""
        self.disconnect()
        with self.server.connect() as connection:
            connection.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(self.name)))
            for role in self.roles:
                connection.execute(sql.SQL("DROP ROLE IF EXISTS {}").format(sql.Identifier(role)))

    def disconnect(self) -> None:
        """Closes the connection of `execute`, which opens another when it is next called."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None


@contextmanager
def fresh_database(server: Server) -> Iterator[Database]:
    """A new, empty database, dropped in the end. Its name needs quoting, so that whoever forgets that fails."""
    database = Database(server, f'test\'s "{secrets.token_hex(4)}"')
    with server.connect() as connection:
        connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(database.name)))
    try:
        database.execute("CREATE EXTENSION pg_stat_statements")
        yield database
    finally:
        database.drop()
