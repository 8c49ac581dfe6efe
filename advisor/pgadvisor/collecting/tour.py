"""A run over all databases of a server: one connection at a time, statements read once for all."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from functools import partial
from typing import TYPE_CHECKING

from pgadvisor.collecting.databases import (
    MAINTENANCE_DATABASE,
    DatabaseName,
    databases,
    dsn_of,
    has_statements,
    named_database,
    not_looked_at,
)
from pgadvisor.collecting.look import Look, interruption, session_on
from pgadvisor.collecting.workload import Workload, read_workload
from pgadvisor.model.coverage import Gap, GapKind
from pgadvisor.model.snapshot import Snapshot
from pgadvisor.postgres.connect import ConnectError
from pgadvisor.postgres.read import read

if TYPE_CHECKING:
    from pgadvisor.postgres.identity import ServerIdentity
    from pgadvisor.postgres.session import Session
    from pgadvisor.progress import Progress


def take(look: Look, workload: Workload, progress: Progress) -> None:
    """Takes one look at one database: everything there is to read, then the plans of its statements."""
    workload.statements.then = partial(workload.choose, progress=progress)
    with look.kept():
        read(look.session, workload.config, look.collected, progress, workload.statements)
        workload.add_files(look, progress)
        read_workload(look, workload, progress)


class Tour:
    """One run. Each database is looked at over a connection of its own; take is what a look at one does."""

    def __init__(
        self,
        dsn: str | None,
        workload: Workload,
        progress: Progress,
        take: Callable[[Look, Workload, Progress], None] = take,
    ) -> None:
        self._dsn = dsn
        self._config = workload.config
        self._progress = progress
        self._workload = workload
        self._take = take
        self._identity: ServerIdentity | None = None
        # Those still to come, in the order of visits; and all, in the order of snapshots.
        self._to_come: dict[str, DatabaseName] = {}
        self._order: list[str] = []
        self._looks: dict[str, Look] = {}
        self._asked_before: dict[str, tuple[Session, ...]] = {}
        self._gaps: list[Gap] = []
        self._missed: dict[tuple[str, GapKind], list[str]] = {}
        self._interrupted = False

    def snapshots(self) -> tuple[Snapshot, ...]:
        """All of the run. Raises ConnectError, or KeyboardInterrupt, where there is nothing to keep."""
        try:
            self._begin()
            while self._to_come and not self._interrupted:
                self._visit(next(iter(self._to_come)))
        except KeyboardInterrupt:
            if not self._useful():
                raise
            self._interrupted = True
            self._gaps.append(interruption())
        looks = self._useful()
        if not looks:
            (reason, _), *_ = self._missed
            raise ConnectError(reason)
        if self._interrupted and self._to_come:
            self._missed["The run was interrupted before.", GapKind.CUT_SHORT] = list(self._to_come)
        first = looks[0]
        first.collected.gaps += self._gaps
        for (reason, kind), names in self._missed.items():
            first.cut_short(not_looked_at(names, reason, "", kind))
        return tuple(look.snapshot() for look in looks)

    def _useful(self) -> list[Look]:
        return [self._looks[name] for name in self._order if name in self._looks and self._looks[name].is_of_use]

    def _begin(self) -> None:
        """Lists the databases, and looks at the one connected to if statements can be read over it."""
        self._progress("Connecting")
        with ExitStack() as stack:
            session, allowed, self._gaps = self._listed(stack)
            self._identity = session.identity
            self._order = [database.name for database in allowed]
            failed = {name for names in self._missed.values() for name in names}
            self._to_come = {database.name: database for database in allowed if database.name not in failed}
            self._workload.statements.databases = tuple(database.oid for database in self._to_come.values())
            if has_statements(session):
                try:
                    self._look(self._order[0], session)
                except ConnectError as error:
                    self._missing(self._order[0], error)
                return
            self._asked_before[self._order[0]] = (session,)
        self._find_statements()

    def _listed(self, stack: ExitStack) -> tuple[Session, list[DatabaseName], list[Gap]]:
        """The databases, over the one that the DSN leads to, else over the one that nearly every server has."""
        try:
            session = stack.enter_context(session_on(self._dsn, self._config))
            return session, *databases(session)
        except ConnectError as error:
            if not error.answered:
                raise
            try:
                session = stack.enter_context(session_on(dsn_of(self._dsn, MAINTENANCE_DATABASE), self._config))
                allowed, gaps = databases(session)
            except ConnectError:
                raise error from None
            if name := named_database(self._dsn):
                self._missed[str(error), GapKind.OTHER] = [name]
            return session, allowed, gaps

    def _find_statements(self) -> None:
        """Puts the first database that has pg_stat_statements in front of the others."""
        for name in self._order[1:]:
            self._progress(f"Looking for pg_stat_statements in {_shown(name)}")
            try:
                with session_on(dsn_of(self._dsn, name), self._config, self._identity) as session:
                    found = has_statements(session)
                    self._asked_before[name] = (session,)
            except ConnectError:
                # It is tried again in its turn, and told then.
                continue
            if found:
                self._to_come = {name: self._to_come[name]} | self._to_come
                return

    def _visit(self, name: str) -> None:
        """Looks at a database over a connection of its own; one that cannot be had is noted."""
        self._progress(f"Connecting to {_shown(name)}")
        try:
            with session_on(dsn_of(self._dsn, name), self._config, self._identity) as session:
                self._look(name, session)
        except ConnectError as error:
            self._missing(name, error)

    def _missing(self, name: str, error: ConnectError) -> None:
        """Notes that a database could not be looked at."""
        self._looks.pop(name, None)
        self._workload.skip(self._to_come.pop(name).oid)
        self._missed.setdefault((str(error), GapKind.OTHER), []).append(name)
        if not error.answered:
            # The server is gone; to wait for it once more for each database would take long.
            self._missed[str(error), GapKind.OTHER] += self._to_come
            self._to_come.clear()

    def _look(self, name: str, session: Session) -> None:
        look = Look(session, asked_before=self._asked_before.get(name, ()))

        def progress(step: str, done: int = 0, total: int | None = None) -> None:
            self._progress(f"{step}, in {_shown(name)}", done, total)

        self._looks[name] = look
        try:
            self._take(look, self._workload, progress)
        finally:
            self._interrupted = look.interrupted
        self._workload.skip(self._to_come.pop(name).oid)


def _shown(name: str) -> str:
    """A name for a line of progress, which a terminal shows as it is."""
    return "".join(character if character.isprintable() else "?" for character in name)
