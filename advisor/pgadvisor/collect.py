"""Collects snapshots: the only step that sees the server. What is cut short is kept and said."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from pgadvisor.collecting.look import Look, session_on
from pgadvisor.collecting.tour import Tour, take
from pgadvisor.collecting.workload import Workload
from pgadvisor.model.snapshot import Limits, Snapshot
from pgadvisor.postgres.read import read
from pgadvisor.postgres.statements import ServerStatements
from pgadvisor.progress import Progress, silent
from pgadvisor.snapshots.sealing import sealed

if TYPE_CHECKING:
    from pgadvisor.config import CollectConfig


def collect(dsn: str | None, config: CollectConfig, progress: Progress = silent) -> Snapshot:
    """One look at one database.

    A lost connection or Ctrl-C leaves a partial snapshot with a gap that says so. Raises ConnectError where no
    connection can be had, or where it was lost before the server had told who it is.
    """
    progress("Connecting")
    with session_on(dsn, config) as session:
        look = Look(session)
        take(look, Workload(config, ServerStatements()), progress)
    return _within(look.snapshot(), config)


def collect_all(dsn: str | None, config: CollectConfig, progress: Progress = silent) -> tuple[Snapshot, ...]:
    """One look at each database of the server, one after the other; at that of the DSN alone unless configured.

    The first is the one that the DSN leads to, the others follow by name. Statements of all are read once, over the
    first of them that has pg_stat_statements. A database that cannot be looked at, or that Ctrl-C left no time for, is
    a gap of the first snapshot. Raises ConnectError where none can be connected to.
    """
    if not config.all_databases:
        return (collect(dsn, config, progress),)
    return tuple(_within(snapshot, config) for snapshot in Tour(dsn, config, progress).snapshots())


def survey(dsn: str | None, config: CollectConfig, progress: Progress = silent) -> Snapshot:
    """What can be read of one database, without the texts and plans of statements. Raises ConnectError."""
    progress("Connecting")
    with session_on(dsn, config) as session:
        look = Look(session)
        with look.kept():
            read(session, config, look.collected, progress, ServerStatements())
    return _within(look.snapshot(), config)


def _within(snapshot: Snapshot, config: CollectConfig) -> Snapshot:
    """The snapshot, with the limits that it was collected under, without secrets, and saying what it holds."""
    limits = Limits(
        schemas=config.schemas,
        exclude_schemas=config.exclude_schemas,
        statements=config.statements,
        max_explains=config.max_explains,
        execute=config.execute.value,
    )
    return sealed(msgspec.structs.replace(snapshot, limits=limits))
