"""Advice on indexes tried on a copy: built there, the statements they are for run before and after.

Whatever ends it, nothing stays on the copy: all of it is one transaction that is never committed
(verifying/session.py).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import msgspec
import psycopg

from pgadvisor import __version__
from pgadvisor.advise.rewriting import rewritten
from pgadvisor.analyze import read_facts
from pgadvisor.collecting.look import Look, session_on
from pgadvisor.facts import Facts
from pgadvisor.model.counters import Window
from pgadvisor.model.coverage import Fact, Presence
from pgadvisor.model.report import Report
from pgadvisor.model.statements import Statements, StatementText
from pgadvisor.model.verification import MeasuredStatement, Verdict, Verification
from pgadvisor.planner.guard import Guard
from pgadvisor.planner.identity import Identity
from pgadvisor.planner.index_names import names_taken_by_schema
from pgadvisor.planner.questions import ask
from pgadvisor.planner.refusals import NotDone
from pgadvisor.postgres.bounds import ServerTimeSpent
from pgadvisor.postgres.connect import ConnectError, connect
from pgadvisor.postgres.identity import ServerIdentity
from pgadvisor.postgres.read import read
from pgadvisor.progress import Progress, silent
from pgadvisor.snapshots.sources import idle
from pgadvisor.verifying.building import Builder
from pgadvisor.verifying.foreign_keys import with_foreign_key_checks
from pgadvisor.verifying.place import NotACopyError, Place, check_place, place_of
from pgadvisor.verifying.running import Runner
from pgadvisor.verifying.session import CopySession
from pgadvisor.verifying.trial import Tried, build_all, measured_indexes, run_all
from pgadvisor.verifying.wanted import Plan, plan_of, runnable_text
from pgadvisor.workload.role_settings import split_path

if TYPE_CHECKING:
    from pgadvisor.config import CollectConfig, Config
    from pgadvisor.model.snapshot import Snapshot
    from pgadvisor.postgres.session import Session

__all__ = ["NotACopyError", "NothingToTryError", "TrialOptions", "verify"]

# One plan may take this share of what a copy's lock table has free: nobody else needs it there.
_LOCK_SHARE = 0.9
_INTERRUPTED = "It was interrupted."
_LOST = "The connection to the copy was lost. Look into its server's log for why."


class NothingToTryError(Exception):
    """The report recommends no index for the database; the message says what to do."""


@dataclass(frozen=True)
class TrialOptions:
    """Within which limits a trial is made.

    runs: how often a statement is measured each time, warm. values: with how many sets of values. statements: how many
    of the costliest. max_time_s bounds all that is done on the copy, statement_timeout_ms one execution. database is
    which of a report on several, "" for the one that the copy has the name of.
    """

    runs: int = 3
    values: int = 3
    statements: int = 100
    statement_timeout_ms: int = 60_000
    max_time_s: float = 1_800.0
    database: str = ""


def verify(
    report: Report, dsn: str, config: Config, options: TrialOptions | None = None, progress: Progress = silent
) -> Report:
    """The report, with what came of its recommended indexes on the copy that the DSN leads to.

    What was measured is kept where the connection is lost, the time is over or the user interrupts it. Raises
    ConnectError, NotACopyError, NothingToTryError.
    """
    options = options or TrialOptions()
    report = _untried(report)
    progress("Connecting")
    with session_on(dsn, config.collect) as session:
        place = _checked(session, report)
        database = _database(report, place, options)
        plan = plan_of(report, database, options.statements, config.indexes.max_regression)
        if not plan.indexes:
            raise NothingToTryError(
                "The report recommends no index to create or to drop"
                + (f" in the database {database}." if database else ".")
            )
        plan, facts = _facts(session, config.collect, plan, progress)
        identity = session.identity
    tried = Tried(plan)
    cut_short = _tried(tried, dsn, report, facts, config, options, identity, progress)
    return _with(report, database, tried, facts, place, options, cut_short)


def _untried(report: Report) -> Report:
    """A report that nobody has tried: what a file says was measured may have been measured anywhere, or never."""
    recommendations = tuple(msgspec.structs.replace(each, measured=None) for each in report.recommendations)
    return msgspec.structs.replace(report, recommendations=recommendations, verification=None)


def _checked(session: Session, report: Report) -> Place:
    """Where a session is. Raises NotACopyError, and ConnectError where the connection is lost."""
    try:
        place = place_of(session)
    except psycopg.Error as error:
        raise ConnectError(f"The copy did not say which server it is, SQLSTATE {error.sqlstate}.") from error
    check_place(place, report)
    return place


def _database(report: Report, place: Place, options: TrialOptions) -> str:
    """Which database of a report is tried; "" in a report on one alone. Raises NothingToTryError."""
    named = options.database or place.database
    if not report.databases:
        if options.database and options.database != report.source.database:
            raise NothingToTryError(f"The report is on the database {report.source.database}, not {options.database}.")
        return ""
    names = [source.database for source in report.databases]
    if named not in names:
        raise NothingToTryError(
            f"The report is not on a database {named}: say by --database which of {', '.join(names)} this is a copy of."
        )
    return named


def _facts(session: Session, config: CollectConfig, plan: Plan, progress: Progress) -> tuple[Plan, Facts]:
    """The copy's catalog and statistics with the shapes of what is to be run; checks of foreign keys are among that."""
    look = Look(session)
    with look.kept():
        read(session, config, look.collected, progress)
    if look.interrupted:
        raise KeyboardInterrupt
    snapshot = _along(look.snapshot(), config.session)
    if look.collected.presence.get(Fact.CATALOG) is Presence.ABSENT:
        raise ConnectError("The copy's catalog could not be read, so nothing can be tried there.")
    plan = with_foreign_key_checks(plan, Facts(snapshot, {}))
    texts: list[StatementText] = []
    for view in plan.statements:
        try:
            texts.append(StatementText(query_id=view.query_id, text=runnable_text(view).text))
        except NotDone:
            continue
    statements = Statements(
        window=Window(since=None, until=snapshot.server.collected_at, source="nothing was counted"),
        rows=tuple(idle(text.query_id) for text in texts),
        texts=tuple(texts),
    )
    facts, _ = read_facts(msgspec.structs.replace(snapshot, statements=statements, plans=()), progress)
    return plan, facts


def _along(snapshot: Snapshot, settings: Mapping[str, str]) -> Snapshot:
    """The copy as statements see it under the settings of the configuration: with their search_path, if they have one.

    Names are then looked up for values where the server looks them up for plans.
    """
    path = next((value for name, value in settings.items() if name.lower() == "search_path"), None)
    if path is None:
        return snapshot
    server = msgspec.structs.replace(snapshot.server, search_path=split_path(path, snapshot.server.role))
    return msgspec.structs.replace(snapshot, server=server)


def _tried(
    tried: Tried,
    dsn: str,
    report: Report,
    facts: Facts,
    config: Config,
    options: TrialOptions,
    identity: ServerIdentity | None,
    progress: Progress,
) -> str:
    """Tries what is wanted, over a connection of its own; why that ended early, "" where it did not."""
    collect = config.collect
    session = CopySession(
        connect(dsn, connect_timeout_s=collect.connect_timeout_s),
        statement_timeout_ms=options.statement_timeout_ms,
        lock_timeout_ms=collect.lock_timeout_ms,
        max_time_s=options.max_time_s,
    )
    try:
        with session.trial():
            # Asked again where it is built: behind a balancer this may be another server.
            check_place(place_of(session), report)
            guard = Guard(
                session, facts, silent=_may_silence(session), lock_share=_LOCK_SHARE, trust=collect.trust_owners
            )
            as_us = Identity(session=collect.session)
            build_all(tried, Builder(session, guard, facts, as_us), progress)
            runner = Runner(session, guard, facts, as_us, runs=options.runs, values=options.values)
            run_all(tried, runner, facts.shapes, progress)
    except KeyboardInterrupt:
        return _INTERRUPTED
    except ServerTimeSpent:
        return f"The limit of {options.max_time_s:g} s for all of it was reached. Raise --max-time."
    except psycopg.Error as error:
        if not session.lost:
            return f"The copy refused what no trial can do without, SQLSTATE {error.sqlstate} ({type(error).__name__})."
        if not tried.standing:
            raise ConnectError(f"{_LOST} SQLSTATE {error.sqlstate}.") from error
        return _LOST
    return ""


def _may_silence(session: CopySession) -> bool:
    with session.transaction() as transaction:
        rows = ask(transaction, "statistics_of_ours")
    return bool(rows and rows[0]["may_silence"])


def _with(
    report: Report, database: str, tried: Tried, facts: Facts, place: Place, options: TrialOptions, cut_short: str
) -> Report:
    """The report with what was measured, and with no command but those that what it proposes makes."""
    measured, taken = measured_indexes(tried), names_taken_by_schema(facts)
    statements = tuple(tried.together.values())
    run = [each for each in statements if each.verdict is not Verdict.NOT_RUN]
    built = [each.built for each in tried.standing if each.built is not None]
    verification = Verification(
        tool_version=__version__,
        server_version=place.server_version,
        database=place.database,
        measured_at=place.now,
        runs=options.runs,
        values=options.values,
        statement_timeout_ms=options.statement_timeout_ms,
        statements=statements,
        before_ms=_of_calls([(each.before_ms, each) for each in run]),
        after_ms=_of_calls([(each.after_ms, each) for each in run]),
        build_ms=sum(each.build_ms for each in built) if built else None,
        size_bytes=sum(each.size_bytes for each in built) if built else None,
        analyzed=tuple(tried.analyzed),
        not_run=len(tried.plan.statements) + len(tried.plan.left_out) - len(run),
        not_tried=tried.plan.other,
        cut_short=cut_short,
        interrupted=cut_short == _INTERRUPTED,
    )
    recommendations = tuple(
        msgspec.structs.replace(
            rewritten(each, facts, taken) if each.database == database else rewritten(each, None, {}),
            measured=measured.get((each.database, each.key)),
        )
        for each in report.recommendations
    )
    return msgspec.structs.replace(report, recommendations=recommendations, verification=verification)


def _of_calls(times: Sequence[tuple[float | None, MeasuredStatement]]) -> float | None:
    """What all calls of statements would take; None where none was run."""
    return sum((ms or 0.0) * each.calls for ms, each in times) if times else None
