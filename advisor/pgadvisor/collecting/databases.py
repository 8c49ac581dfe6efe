"""The databases of a server: which there are, and over which connection string each is reached."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass

import psycopg
from psycopg import conninfo

from pgadvisor.indexes.quoting import quote_identifier
from pgadvisor.model.coverage import Fact, Gap, GapKind
from pgadvisor.postgres.connect import ConnectError
from pgadvisor.postgres.gaps import server_message
from pgadvisor.postgres.reader import STATEMENTS_EXTENSION
from pgadvisor.postgres.session import Session
from pgadvisor.postgres.sqlfiles import Queries

# Where to begin at a server whose database of the DSN, or of the user's own name, does not exist.
MAINTENANCE_DATABASE = "postgres"
# A gap about many databases names this many of them.
_NAMED = 20


@dataclass(frozen=True)
class DatabaseName:
    """A database that may be looked at."""

    oid: int
    name: str


def databases(session: Session) -> tuple[list[DatabaseName], list[Gap]]:
    """The databases of the server, the one connected to first, then by name; and gaps for those that stay closed.

    Templates, service databases of managed services and those that allow no connections are left out, but for the one
    connected to. Raises ConnectError where the server does not tell, or not over this connection.
    """
    try:
        with session.transaction() as transaction:
            rows = transaction.rows(Queries((), {})["databases"])
    except psycopg.Error as error:
        reason = f"The server does not list its databases: {server_message(error)}."
        raise ConnectError(reason, answered=True) from error
    rows.sort(key=lambda row: (not row["is_current"], row["name"]))
    allowed = [DatabaseName(oid=row["oid"], name=row["name"]) for row in rows if row["may_connect"]]
    closed = [
        not_looked_at(
            [row["name"]],
            "The role may not connect.",
            f"GRANT CONNECT ON DATABASE {quote_identifier(row['name'])} TO {quote_identifier(row['role'])}.",
            GapKind.HIDDEN,
        )
        for row in rows
        if not row["may_connect"]
    ]
    return allowed, closed


def has_statements(session: Session) -> bool:
    """Whether pg_stat_statements is installed in the database connected to; false where that cannot be known."""
    try:
        with session.transaction() as transaction:
            rows = transaction.rows(Queries((), {})["extensions"])
    except psycopg.Error:
        # A connection that is lost is told when the database is looked at.
        return False
    return any(row["name"] == STATEMENTS_EXTENSION for row in rows)


def not_looked_at(names: Sequence[str], reason: str, remedy: str, kind: GapKind) -> Gap:
    """The gap of databases that are not among the snapshots. The reason names them, since it stands alone in places.

    reason is a sentence.
    """
    quoted = ", ".join('"' + name.replace('"', '""') + '"' for name in names[:_NAMED])
    databases = f"{'database' if len(names) == 1 else 'databases'} {quoted}"
    if len(names) > _NAMED:
        databases += f" and {len(names) - _NAMED} more"
    return Gap(
        fact=Fact.CONNECTION,
        scope=databases,
        reason=f"Not looked at: {databases}. {reason}",
        remedy=remedy,
        kind=kind,
    )


def dsn_of(dsn: str | None, database: str) -> str:
    """The connection string for another database of the same server, whatever form the given one has.

    A database named in it comes before those of service files and PGDATABASE.
    """
    return conninfo.make_conninfo(dsn or "", dbname=database)


def named_database(dsn: str | None) -> str | None:
    """The database that a connection string or PGDATABASE names; None where neither does."""
    return conninfo.conninfo_to_dict(dsn or "").get("dbname") or os.environ.get("PGDATABASE") or None  # type: ignore[return-value]
