"""Collects a snapshot: the only step that sees the server. What is cut short is kept and said."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

import msgspec
import psycopg

from pgadvisor import __version__
from pgadvisor.facts import Facts
from pgadvisor.model.coverage import Coverage, Fact, FactCoverage, Gap, GapKind, Presence
from pgadvisor.model.plans import PlanMethod
from pgadvisor.model.shape import StatementKind, StatementShape
from pgadvisor.model.snapshot import Snapshot
from pgadvisor.planner.observe import Candidate, Observation, observe
from pgadvisor.postgres.connect import ConnectError, connect
from pgadvisor.postgres.identity import ServerChanged
from pgadvisor.postgres.read import Collected, read
from pgadvisor.postgres.session import Session
from pgadvisor.postgres.texts import read_texts
from pgadvisor.progress import Progress, silent
from pgadvisor.workload.choose import choose
from pgadvisor.workload.schema import SchemaView
from pgadvisor.workload.shapes import understand_all

if TYPE_CHECKING:
    from pgadvisor.config import CollectConfig

# Statements left out that took a smaller share of the time, all together, are not worth a word.
NEGLIGIBLE_SHARE = 0.01


def collect(dsn: str | None, config: CollectConfig, progress: Progress = silent) -> Snapshot:
    """One look at one database.

    A lost connection or Ctrl-C leaves a partial snapshot with a gap that says so. Raises ConnectError where no
    connection can be had, or where it was lost before the server had told who it is.
    """
    progress("Connecting")
    connection = connect(dsn, connect_timeout_s=config.connect_timeout_s)
    session = Session(
        connection,
        statement_timeout_ms=config.statement_timeout_ms,
        lock_timeout_ms=config.lock_timeout_ms,
        max_server_time_s=config.max_server_time_s,
    )
    collected = Collected()
    observation = Observation()
    try:
        with _kept(collected, connection):
            read(session, config, collected, progress)
            _read_workload(session, config, collected, observation, progress)
    finally:
        connection.close()
    return _snapshot(collected, observation, session)


def collect_all(dsn: str | None, config: CollectConfig, progress: Progress = silent) -> tuple[Snapshot, ...]:
    """One look at each database of the server, as collect takes it; at the one of the DSN alone unless configured.

    Raises ConnectError where no database can be connected to.
    """
    return (collect(dsn, config, progress),)


@contextmanager
def _kept(collected: Collected, connection: psycopg.Connection[object]) -> Iterator[None]:
    """Turns what ends a run early into a gap, once there is something to keep."""
    collected.presence[Fact.CONNECTION] = Presence.PARTIAL
    try:
        yield
        collected.presence[Fact.CONNECTION] = Presence.PRESENT
    except KeyboardInterrupt:
        if collected.server is None:
            raise
        collected.gaps.append(
            Gap(
                fact=Fact.CONNECTION,
                scope="interrupted",
                reason="The run was interrupted",
                remedy="Run it again to the end.",
                kind=GapKind.CUT_SHORT,
            )
        )
    except ServerChanged as change:
        if collected.server is None:
            raise ConnectError(str(change)) from change
        collected.gaps.append(
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
        if collected.server is None:
            raise ConnectError("The server closed the connection before it could be asked anything.") from error
        collected.gaps.append(
            Gap(
                fact=Fact.CONNECTION,
                scope="",
                reason="The connection to the server was lost before everything was collected",
                remedy="Look into the server's log for why it ended the session, then run again.",
                kind=GapKind.CUT_SHORT,
            )
        )


def _read_workload(
    session: Session, config: CollectConfig, collected: Collected, observation: Observation, progress: Progress
) -> None:
    """Texts of the chosen statements, their shapes, and the plans the server shows for them."""
    if collected.statements is None or collected.server is None:
        return
    progress("Choosing statements")
    chosen = choose(collected.statements, config.statements)
    progress("Reading statement texts", 0, len(chosen))
    texts = read_texts(session, collected.statements, chosen)
    collected.statements = msgspec.structs.replace(collected.statements, texts=texts)
    hidden = [text for text in texts if text.text is None]
    collected.gaps += [
        Gap(fact=Fact.STATEMENT_TEXTS, scope=f"statement {text.query_id}", reason=text.reason) for text in hidden
    ]
    collected.presence[Fact.STATEMENT_TEXTS] = _presence(len(texts) - len(hidden), len(texts))
    _note_the_rest(collected, chosen)
    snapshot = _snapshot(collected, observation, session)
    schema = SchemaView(snapshot.catalog, snapshot.server.search_path)
    shapes, _ = understand_all(texts, schema, progress)
    collected.presence[Fact.SHAPES] = _presence(len(shapes), len(texts) - len(hidden))
    facts = Facts(snapshot, shapes)
    candidates = [
        Candidate(
            query_id=statement.query_id,
            text=statement.text,
            shape=shapes.get(statement.query_id),
            calls=statement.calls,
            mean_ms=statement.mean_ms,
            max_ms=statement.max_ms,
        )
        for statement in facts.statements.values()
        if statement.text is not None and not _is_utility(shapes.get(statement.query_id))
    ]
    if not config.max_explains:
        collected.gaps.append(
            Gap(fact=Fact.PLANS, scope="", reason="No EXPLAIN was allowed", remedy="Raise --max-explains.")
        )
        return
    try:
        observe(session, candidates, facts, config, progress, observation)
    finally:
        plans = observation.plans
        planned = {plan.query_id for plan in plans}
        executed = {plan.query_id for plan in plans if plan.method is PlanMethod.EXECUTED}
        wanted = len(candidates) + len(hidden)
        collected.presence[Fact.PLANS] = _presence(len(planned), wanted)
        collected.presence[Fact.EXECUTED_PLANS] = _presence(len(executed), wanted)


def _note_the_rest(collected: Collected, chosen: Sequence[str]) -> None:
    """A gap for the statements that were not chosen, if they took time worth speaking of."""
    rows = () if collected.statements is None else collected.statements.rows
    looked_into = frozenset(chosen)
    rest = {row.query_id for row in rows} - looked_into
    rest_ms = sum(row.total_ms for row in rows if row.query_id in rest)
    total_ms = sum(row.total_ms for row in rows)
    if rest and rest_ms > NEGLIGIBLE_SHARE * total_ms:
        collected.gaps.append(
            Gap(
                fact=Fact.PLANS,
                scope=f"{len(rest)} statements",
                reason=f"They are not among the {len(chosen)} costliest, but took {rest_ms / total_ms:.0%} of the time",
                remedy="Raise --statements.",
            )
        )


def _is_utility(shape: StatementShape | None) -> bool:
    """Whether a statement has no plan, so that not seeing one is no gap."""
    return shape is not None and shape.kind is StatementKind.UTILITY


def _presence(seen: int, wanted: int) -> Presence:
    if seen == wanted:
        return Presence.PRESENT
    return Presence.PARTIAL if seen else Presence.ABSENT


def _snapshot(collected: Collected, observation: Observation, session: Session) -> Snapshot:
    if collected.server is None:
        raise ConnectError("The server did not tell who it is; nothing was collected.")
    presence = collected.presence
    cost = session.footprint()
    footprint = msgspec.structs.replace(
        cost,
        explained=observation.explained,
        executed=observation.executed,
        executed_ms=round(observation.executed_ms, 1),
        statement_entries=cost.statement_entries + observation.statement_entries,
        scans_added=dict(sorted(observation.scans_added.items())),
        peak_locks=collected.peak_locks,
    )
    coverage = Coverage(
        facts=tuple(FactCoverage(fact=fact, presence=presence[fact]) for fact in Fact if fact in presence),
        gaps=(*collected.gaps, *observation.gaps),
        footprint=footprint,
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
