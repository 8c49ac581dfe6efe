"""Reads a database: several short read-only transactions, what we would disturb first."""

from __future__ import annotations

import psycopg

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


def _read_the_rest(reader: Reader) -> None:
    read_catalog(reader)
    read_objects(reader)
    read_statistics(reader)
    read_extended_statistics(reader)
    read_sizes(reader)
    read_activity(reader)
    read_replication(reader)
