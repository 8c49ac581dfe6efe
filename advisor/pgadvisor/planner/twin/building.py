"""A twin that is being built: what each step needs, and what it leaves behind.

Two connections with different rights. `admin` is a superuser's: it writes catalogs and never names, calls or evaluates
anything of the snapshot's own, since that would run a stranger's code with its rights. `builder` has no rights beyond
its own database: all that the snapshot says as SQL goes through it, one command at a time by the extended protocol,
which refuses a text of several.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from itertools import groupby
from typing import Any

import psycopg
from psycopg import sql

from pgadvisor.facts import Facts
from pgadvisor.localserver import LocalServer
from pgadvisor.model.whatif import Shortfall
from pgadvisor.planner.protocol import PlannerError
from pgadvisor.planner.twin.deadline import deadline
from pgadvisor.planner.wire import run_one
from pgadvisor.progress import Progress, silent

# Commands in one transaction; where one of them fails, each is done again on its own.
_BATCH = 200
# For a batch, and for each command of one that failed: what a snapshot has the server evaluate may never end. Where
# something had to be cancelled, what comes next has half the time, so that many such things do not add up.
_PATIENCE_S = 20.0
_LEAST_PATIENCE_S = 0.5
# In all: from then on a command that has to be cancelled costs the rest of its batch, and at last the twin.
_LOST_S = 35.0
_MOST_LOST_S = 120.0
_CATALOGS_ONLY = "-c search_path=pg_catalog"


@dataclass(frozen=True)
class Command:
    """One command for the builder, run as the role `owner`, as the builder itself where it is "".

    missing makes of the server's refusal what the twin lacks without it; where it gives None, or is None, that is
    nothing, or is told by others.
    """

    text: str
    owner: str = ""
    missing: Callable[[psycopg.Error], Shortfall | None] | None = None


@dataclass
class Building:
    """What the steps of building share.

    oids maps relations and indexes of the snapshot to the twin's, as far as they were made. failed are objects of the
    snapshot, by oid, that could not be made.
    """

    facts: Facts
    server: LocalServer
    database: str
    admin_dsn: str
    builder_dsn: str
    progress: Progress = silent
    oids: dict[int, int] = field(default_factory=dict)
    failed: set[int] = field(default_factory=set)
    shortfalls: list[Shortfall] = field(default_factory=list)
    admin: psycopg.Connection[Any] = field(init=False)
    builder: psycopg.Connection[Any] = field(init=False)
    _patience_s: float = field(init=False, default=_PATIENCE_S)
    _lost_s: float = field(init=False, default=0.0)

    def __post_init__(self) -> None:
        """Connects. Raises psycopg.OperationalError."""
        self.admin = _catalogs_only(self.admin_dsn)
        self.builder = psycopg.connect(self.builder_dsn, autocommit=True)

    @property
    def major(self) -> int:
        """The twin's major version."""
        return self.admin.info.server_version // 10_000

    def connect(self) -> None:
        """Makes both connections anew, as after a restart. Raises psycopg.OperationalError."""
        self.close()
        # What a stranger's code may have set for the database, which is the builder's, or for its roles: it would hold
        # for the superuser's connection, too. No such setting holds for the database that this one is to.
        with psycopg.connect(self.server.dsn(), autocommit=True, options=_CATALOGS_ONLY) as connection:
            connection.execute("DELETE FROM pg_catalog.pg_db_role_setting")
        self.admin = _catalogs_only(self.admin_dsn)
        self.builder = psycopg.connect(self.builder_dsn, autocommit=True)

    def close(self) -> None:
        """Closes both connections; closing twice is no error."""
        self.admin.close()
        self.builder.close()

    def run(self, commands: Iterable[Command]) -> list[bool]:
        """Runs commands in their order, and says of each whether the server took it; what it refuses is a shortfall.

        Raises psycopg.OperationalError where the server is gone, PlannerError where too many commands do not end.
        """
        done: list[bool] = []
        for owner, group in groupby(commands, key=lambda command: command.owner):
            self._become(owner)
            same = list(group)
            for start in range(0, len(same), _BATCH):
                batch = same[start : start + _BATCH]
                is_done = len(batch) > 1 and self._all_at_once(batch)
                done += [True] * len(batch) if is_done else self._one_by_one(batch)
        self._become("")
        return done

    def refusal(self, text: str) -> psycopg.Error | None:
        """Why the server would not take a command, None where it would; nothing is done.

        Raises psycopg.OperationalError where the server is gone.
        """
        try:
            with (
                self._deadline(),
                self.builder.transaction(force_rollback=True),
            ):
                run_one(self.builder, text)
        except psycopg.Error as error:
            self._heed(error)
            return error
        return None

    def _deadline(self) -> AbstractContextManager[object]:
        return deadline(self.builder, self._patience_s, self.server.quit)

    def _become(self, owner: str) -> None:
        if owner:
            self.builder.execute(sql.SQL("SET ROLE {}").format(sql.Identifier(owner)))
        else:
            # A stranger's code may have taken locks of the session, for which the server has room for so many only.
            self.builder.execute("RESET ROLE; SELECT pg_catalog.pg_advisory_unlock_all()")

    def _all_at_once(self, batch: Sequence[Command]) -> bool:
        """Whether all of a batch could be done, in one transaction, which is much faster than one for each."""
        try:
            with self._deadline(), self.builder.transaction():
                for command in batch:
                    run_one(self.builder, command.text)
        except psycopg.Error as error:
            self._heed(error)
            return False
        return True

    def _one_by_one(self, batch: Sequence[Command]) -> list[bool]:
        """What the server takes of a batch; once too much time is lost, what follows a lengthy command goes with it."""
        done = []
        given_up: psycopg.Error | None = None
        for command in batch:
            error = given_up or self._one(command)
            if isinstance(error, psycopg.errors.QueryCanceled) and self._lost_s >= _LOST_S:
                given_up = error
            shortfall = None if error is None or command.missing is None else command.missing(error)
            if shortfall is not None:
                self.shortfalls.append(shortfall)
            done.append(error is None)
        return done

    def _one(self, command: Command) -> psycopg.Error | None:
        """Why the server refused a command, None where it took it."""
        try:
            with self._deadline():
                run_one(self.builder, command.text)
        except psycopg.Error as error:
            self._heed(error)
            return error
        return None

    def _heed(self, error: psycopg.Error) -> None:
        if self.builder.closed:
            raise error
        if isinstance(error, psycopg.errors.QueryCanceled):
            self._lost_s += self._patience_s
            if self._lost_s >= _MOST_LOST_S:
                raise PlannerError(
                    f"the twin cannot be built: {self._lost_s:.0f} s went into what the snapshot has a server evaluate "
                    "and does not end, as in bounds of partitions and expressions of indexes"
                ) from error
            self._patience_s = max(self._patience_s / 2, _LEAST_PATIENCE_S)


def _catalogs_only(dsn: str) -> psycopg.Connection[Any]:
    """A connection that finds nothing but the system's own objects by a bare name."""
    return psycopg.connect(dsn, autocommit=True, options=_CATALOGS_ONLY)
