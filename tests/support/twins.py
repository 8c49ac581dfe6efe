"""Twins of databases of tests."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from pgadvisor.facts import Facts
from pgadvisor.model.plans import ObservedPlan
from pgadvisor.model.server import Server
from pgadvisor.model.shape import StatementShape
from pgadvisor.model.snapshot import Snapshot
from pgadvisor.planner.protocol import Question
from pgadvisor.planner.twin.twin import Twin
from pgadvisor.workload.schema import SchemaView
from pgadvisor.workload.understand import understand
from support.databases import Database
from support.reading import read_database


def snapshot_of(dsn: str, plans: tuple[ObservedPlan, ...] = ()) -> Snapshot:
    """What collection reads of a database, without statements."""
    collected = read_database(dsn).collected
    assert isinstance(collected.server, Server)
    return Snapshot(
        tool_version="test",
        server=collected.server,
        catalog=collected.catalog,
        column_statistics=collected.column_statistics,
        counters=collected.counters,
        activity=collected.activity,
        plans=plans,
    )


@contextmanager
def twin_of(database: Database, dsn: str | None = None, *, server: str = "auto") -> Iterator[Twin]:
    """A twin of what a database has now, as the superuser or whoever else the DSN is for sees it."""
    with Twin(Facts(snapshot_of(dsn or database.dsn), {}), server=server) as twin:
        yield twin


def question(text: str, snapshot: Snapshot | None = None, values: tuple[str | None, ...] | None = None) -> Question:
    """A statement of a test; with a snapshot its shape is known."""
    shape = None
    if snapshot is not None:
        found = understand(text, text, SchemaView(snapshot.catalog, snapshot.server.search_path))
        shape = found if isinstance(found, StatementShape) else None
    return Question(query_id=text, text=text, shape=shape, values=values)
