"""Reads a database: several short read-only transactions, what we would disturb first."""

from __future__ import annotations

import msgspec
import psycopg

from pgadvisor.model.coverage import Fact, Presence
from pgadvisor.postgres.activity import read_activity
from pgadvisor.postgres.catalog import read_catalog
from pgadvisor.postgres.counters import read_counters, read_sizes
from pgadvisor.postgres.extended_statistics import read_extended_statistics
from pgadvisor.postgres.gaps import raise_if_lost
from pgadvisor.postgres.objects import read_objects
from pgadvisor.postgres.reader import Collected, Reader, Scope
from pgadvisor.postgres.replication import read_replication
from pgadvisor.postgres.server import read_server
from pgadvisor.postgres.server_views import read_server_views
from pgadvisor.postgres.session import Session
from pgadvisor.postgres.statements import ServerStatements, read_statements
from pgadvisor.postgres.statistics import read_statistics
from pgadvisor.progress import Progress

__all__ = ["Collected", "Scope", "read", "read_numbers"]


def read(
    session: Session, config: Scope, into: Collected, progress: Progress, statements: ServerStatements | None = None
) -> None:
    """Fills `into`, part by part; a part that could not be read is a gap.

    statements: what was read of the server's statements before, or where that goes.

    Raises psycopg.OperationalError where the connection is lost, KeyboardInterrupt; what was complete stays.
    """
    reader = Reader(session, config, into, progress)
    try:
        _read_numbers(reader, ServerStatements() if statements is None else statements)
        _read_the_rest(reader)
        _explain(reader)
    except psycopg.Error as error:
        raise_if_lost(session, error)
        raise


def read_numbers(
    session: Session, config: Scope, into: Collected, progress: Progress, statements: ServerStatements
) -> None:
    """Fills in what is counted, and who the server is, and nothing else. Raises as `read` does."""
    reader = Reader(session, config, into, progress)
    try:
        _read_numbers(reader, statements)
    except psycopg.Error as error:
        raise_if_lost(session, error)
        raise


def _read_numbers(reader: Reader, statements: ServerStatements) -> None:
    reader.probe()
    read_counters(reader)
    read_server_views(reader)
    read_statements(reader, statements)
    read_server(reader)


# What is read by another fact, or is in part what another fact is.
_BASIS = {
    Fact.DEFINITIONS: Fact.CATALOG,
    Fact.COLUMN_STATISTICS: Fact.CATALOG,
    Fact.SIZES: Fact.CATALOG,
    Fact.SESSIONS: Fact.ACTIVITY,
    Fact.PROGRESS: Fact.ACTIVITY,
    Fact.REPLICATION: Fact.ACTIVITY,
    Fact.INDEX_COUNTERS: Fact.TABLE_COUNTERS,
    Fact.DATABASE_COUNTERS: Fact.TABLE_COUNTERS,
    Fact.SERVER_COUNTERS: Fact.SERVER,
}


def _explain(reader: Reader) -> None:
    """Gives each fact that lacks something for want of another that one's gap."""
    into, basis_of = reader.into, dict(_BASIS)
    if not reader.queries.available:
        # Nobody knows which columns there are: what only some versions have was asked for of none.
        for fact in (fact for fact, presence in into.presence.items() if presence is Presence.PRESENT):
            if fact is not Fact.CONNECTION:
                reader.present(fact, Presence.PARTIAL)
                basis_of[fact] = Fact.SERVER
    explained = {gap.fact: gap for gap in reversed(into.gaps)}
    into.gaps += [
        msgspec.structs.replace(explained[basis], fact=fact, scope="", reason=f"It goes by {basis.value}: {reason}")
        for fact, basis in basis_of.items()
        if into.presence.get(fact) is not Presence.PRESENT and fact not in explained and basis in explained
        for reason in (explained[basis].reason,)
    ]


def _read_the_rest(reader: Reader) -> None:
    read_catalog(reader)
    read_objects(reader)
    read_statistics(reader)
    read_extended_statistics(reader)
    read_sizes(reader)
    read_activity(reader)
    read_replication(reader)
