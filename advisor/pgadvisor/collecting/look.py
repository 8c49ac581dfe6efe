"""One look at one database: what it has got so far, what is kept when it is cut short, and the snapshot of it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import msgspec
import psycopg

from pgadvisor import __version__
from pgadvisor.indexes.quoting import quote_identifier
from pgadvisor.model.coverage import Coverage, Fact, FactCoverage, Footprint, Gap, GapKind, Presence
from pgadvisor.model.snapshot import Snapshot
from pgadvisor.planner.observe import Observation
from pgadvisor.postgres.connect import ConnectError, connect
from pgadvisor.postgres.identity import ServerChanged, ServerIdentity
from pgadvisor.postgres.read import Collected
from pgadvisor.postgres.session import Session

if TYPE_CHECKING:
    from pgadvisor.config import CollectConfig

# What the run is said to be that the user ended: readers of a snapshot know it by this scope.
INTERRUPTED = "interrupted"
_LOST_AT_ONCE = (
    "The server closed the connection before it could be asked anything. Look into its log for why; timeouts of the "
    "database itself (ALTER DATABASE ... SET idle_session_timeout, transaction_timeout) end every session in it."
)


@contextmanager
def session_on(dsn: str | None, config: CollectConfig, identity: ServerIdentity | None = None) -> Iterator[Session]:
    """A session over a connection of its own, within the limits of the configuration.

    identity: the server that it must be on, if that is known. Raises ConnectError.
    """
    connection = connect(dsn, connect_timeout_s=config.connect_timeout_s)
    try:
        session = Session(
            connection,
            statement_timeout_ms=config.statement_timeout_ms,
            lock_timeout_ms=config.lock_timeout_ms,
            max_server_time_s=config.max_server_time_s,
        )
        session.identity = identity
        yield session
    finally:
        connection.close()


@dataclass
class Look:
    """What one look has got so far; asked_before are sessions that this database was asked over earlier in the run."""

    session: Session
    collected: Collected = field(default_factory=Collected)
    observation: Observation = field(default_factory=Observation)
    asked_before: tuple[Session, ...] = ()
    interrupted: bool = False

    @property
    def is_of_use(self) -> bool:
        """Whether enough is known for a snapshot."""
        return self.collected.server is not None

    @contextmanager
    def kept(self) -> Iterator[None]:
        """Turns what ends a look early into a gap, once there is something to keep.

        Raises ConnectError where the connection was lost, and KeyboardInterrupt, before there was.
        """
        collected, connection = self.collected, self.session.connection
        collected.presence[Fact.CONNECTION] = Presence.PARTIAL
        try:
            yield
            collected.presence[Fact.CONNECTION] = Presence.PRESENT
        except KeyboardInterrupt:
            self.interrupted = True
            if not self.is_of_use:
                raise
            self.cut_short(interruption())
        except ServerChanged as change:
            if not self.is_of_use:
                raise ConnectError(str(change)) from change
            self.cut_short(
                Gap(
                    fact=Fact.CONNECTION,
                    scope="",
                    reason=change.reason,
                    remedy=change.remedy,
                    kind=GapKind.CUT_SHORT,
                )
            )
        except psycopg.Error as error:
            if not connection.closed and not connection.broken:
                raise
            if not self.is_of_use:
                # It answered just now, and may do so for other databases: their settings can end every session.
                raise ConnectError(_LOST_AT_ONCE, answered=True) from error
            self.cut_short(
                Gap(
                    fact=Fact.CONNECTION,
                    scope="",
                    reason="The connection to the server was lost before everything was collected",
                    remedy="Look into the server's log for why it ended the session, then run again.",
                    kind=GapKind.CUT_SHORT,
                )
            )

    def cut_short(self, gap: Gap) -> None:
        """Notes that not all of what was asked for is in it."""
        self.collected.presence[Fact.CONNECTION] = Presence.PARTIAL
        self.collected.gaps.append(gap)

    def snapshot(self) -> Snapshot:
        """What it has got. Raises ConnectError where that is nothing."""
        collected, observation = self.collected, self.observation
        if collected.server is None:
            why = next((f" {gap.reason}. {gap.remedy}" for gap in collected.gaps if gap.fact is Fact.SERVER), "")
            raise ConnectError(f"The server did not tell who it is, so nothing was collected.{why.rstrip()}")
        presence = collected.presence
        coverage = Coverage(
            facts=tuple(FactCoverage(fact=fact, presence=presence[fact]) for fact in Fact if fact in presence),
            gaps=tuple(_to_run(gap, collected.server.role) for gap in (*collected.gaps, *observation.gaps)),
            footprint=self._footprint(),
        )
        return Snapshot(
            tool_version=__version__,
            server=collected.server,
            catalog=collected.catalog,
            column_statistics=tuple(collected.column_statistics),
            counters=collected.counters,
            activity=collected.activity,
            statements=collected.statements,
            plans=tuple(observation.plans),
            coverage=coverage,
        )

    def _footprint(self) -> Footprint:
        """What this look has cost, over all sessions in its database; those of other databases are theirs."""
        observation = self.observation
        costs = [session.footprint() for session in (*self.asked_before, self.session)]
        return Footprint(
            server_ms=round(sum(cost.server_ms for cost in costs) + observation.watch_ms, 1),
            transactions=sum(cost.transactions for cost in costs),
            queries=sum(cost.queries for cost in costs) + observation.watch_queries,
            longest_transaction_ms=max(cost.longest_transaction_ms for cost in costs),
            explained=observation.explained,
            executed=observation.executed,
            executed_ms=round(observation.executed_ms, 1),
            statement_entries=sum(cost.statement_entries for cost in costs) + observation.statement_entries,
            scans_added=dict(sorted(observation.scans_added.items())),
            peak_locks=self.collected.peak_locks,
        )


def _to_run(gap: Gap, role: str) -> Gap:
    """The gap, with a GRANT as its remedy that can be run as it stands."""
    if not gap.remedy.startswith("GRANT "):
        return gap
    return msgspec.structs.replace(gap, remedy=gap.remedy.replace(" to the role", f" TO {quote_identifier(role)}"))


def interruption() -> Gap:
    """The gap of a run that the user ended."""
    return Gap(
        fact=Fact.CONNECTION,
        scope=INTERRUPTED,
        reason="The run was interrupted",
        remedy="Run it again to the end.",
        kind=GapKind.CUT_SHORT,
    )
