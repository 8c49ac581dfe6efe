"""Collects snapshots: the only step that sees the server. What is cut short is kept and said."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from pgadvisor.collecting.look import Look, session_on
from pgadvisor.collecting.one import OneStatement, take_statement
from pgadvisor.collecting.tour import Tour, take
from pgadvisor.collecting.watch import intervals, take_numbers, wait
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
    config = msgspec.structs.replace(config, all_databases=False)
    (snapshot,) = _looked(dsn, Workload(config, ServerStatements()), progress)
    return snapshot


def collect_all(
    dsn: str | None, config: CollectConfig, progress: Progress = silent, files: Sequence[Path] = ()
) -> tuple[Snapshot, ...]:
    """One look at each database of the server, one after the other; at that of the DSN alone unless configured.

    The first is the one that the DSN leads to, the others follow by name. Statements of all are read once, over the
    first of them that has pg_stat_statements. A database that cannot be looked at, or that Ctrl-C left no time for, is
    a gap of the first snapshot. files are read as more statements. Raises ConnectError where none can be connected to,
    SourceError where a file cannot be used.
    """
    return _looked(dsn, Workload(config, ServerStatements(), files=tuple(files)), progress)


def collect_watched(
    dsn: str | None, config: CollectConfig, wait_s: float, progress: Progress = silent, files: Sequence[Path] = ()
) -> tuple[Snapshot, ...]:
    """Two looks so many seconds apart, as snapshots of the time in between.

    The first is at what is counted alone; Ctrl-C ends the wait for the second, which is as `collect_all` takes it.
    No connection stays open in between. Raises as that does, and KeyboardInterrupt where the first look was cut short.
    """
    first = _looked(dsn, Workload(config, ServerStatements()), progress, take_numbers)
    if any(snapshot.coverage.interrupted for snapshot in first):
        raise KeyboardInterrupt
    wait(wait_s, progress)
    earlier = {each.server.database_oid: each.statements.rows for each in first if each.statements is not None}
    second = Workload(config, ServerStatements(), earlier, files=tuple(files))
    return intervals(first, _looked(dsn, second, progress))


def _looked(
    dsn: str | None,
    workload: Workload,
    progress: Progress,
    take: Callable[[Look, Workload, Progress], None] = take,
) -> tuple[Snapshot, ...]:
    """One look at each database; at that of the DSN alone unless configured."""
    config = workload.config
    if config.all_databases:
        return tuple(_within(snapshot, config) for snapshot in Tour(dsn, workload, progress, take).snapshots())
    progress("Connecting")
    with session_on(dsn, config) as session:
        look = Look(session)
        take(look, workload, progress)
    return (_within(look.snapshot(), config),)


def collect_statement(
    dsn: str | None, config: CollectConfig, text: str, progress: Progress = silent, *, as_role: str = ""
) -> tuple[Snapshot, str | None]:
    """One look at one database for the sake of one statement, whose query id is returned with it.

    text is the statement's, or its query id: then None is returned where the server has no such statement. One that was
    never counted has a row without calls. as_role is the role that it is taken to run as, "" for the one that took the
    most time for it. Raises ConnectError, and NoSuchRole.
    """
    config = msgspec.structs.replace(config, all_databases=False)
    workload = OneStatement(config, ServerStatements(), sought=text, as_role=as_role)
    (snapshot,) = _looked(dsn, workload, progress, take_statement)
    return snapshot, workload.query_id


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
