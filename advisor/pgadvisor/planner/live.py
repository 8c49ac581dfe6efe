"""The audited server itself as a planner: what is, under other settings at most, as safely as plans are observed."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import psycopg

from pgadvisor.model.catalog import IndexDefinition
from pgadvisor.model.coverage import GapKind
from pgadvisor.model.whatif import AS_IS, Configuration, IndexSize, PlannerIdentity, PlannerKind, Shortfall
from pgadvisor.planner.generic import plan_generic
from pgadvisor.planner.guard import Guard, Opened
from pgadvisor.planner.identity import WHY_REFUSED, Identities, Identity, NotAssumed
from pgadvisor.planner.index_names import names_in_order
from pgadvisor.planner.limits import Limits
from pgadvisor.planner.observation import Candidate, Observation
from pgadvisor.planner.protocol import Answer, Asked, PlannerError, Question, Use
from pgadvisor.planner.questions import ask
from pgadvisor.planner.readable import Readable, as_asked, changed, original_numbers
from pgadvisor.planner.refusals import NotDone, refused_by_server
from pgadvisor.planner.used import uses_by_plans
from pgadvisor.planner.watcher import Watcher
from pgadvisor.planner.wire import explain_command, explain_with
from pgadvisor.postgres.gaps import raise_if_lost
from pgadvisor.workload.role_settings import bears_on_plans

if TYPE_CHECKING:
    from pgadvisor.facts import Facts
    from pgadvisor.postgres.session import Session

ONLY_ITS_OWN = "The live server plans with the indexes that it has. Leave out --planner live: a twin imagines others."
_OPTIONS = "VERBOSE, SETTINGS, FORMAT JSON"


class Live:
    """A Planner (planner/protocol.py) that asks the audited server what is.

    Each question is asked in a read-only transaction of its own, through the guard (planner/guard.py): a text that may
    run a stranger's code with our rights is not planned, nobody is kept waiting. Every EXPLAIN is counted in `into`,
    and no more than config.max_explains are made, those that were made before among them. Raises PlannerError where
    the connection is lost.
    """

    kind = PlannerKind.LIVE

    def __init__(self, session: Session, facts: Facts, config: Limits, into: Observation | None = None) -> None:
        self._session = session
        self._facts = facts
        self._config = config
        self._into = into or Observation()
        with self._unless_lost():
            self._silent = self._may_silence()
        self._watcher = Watcher(session, silent=self._silent)
        self._guard = Guard(
            session,
            facts,
            silent=self._silent,
            lock_share=config.lock_share,
            trust=config.trust_owners,
            watcher=self._watcher,
        )
        self._identities = Identities(session, facts, config.session)
        self._readable: dict[str, Readable] = {}
        # Query ids by the role that runs them and why it could not be put on.
        self._as_another: dict[tuple[str, str], dict[str, None]] = {}
        self._closed = False

    @property
    def identity(self) -> PlannerIdentity:
        """Which planner this is."""
        version = self._facts.server.version.split()[0]
        return PlannerIdentity(kind=self.kind, version=version, server_version=version)

    @property
    def shortfalls(self) -> tuple[Shortfall, ...]:
        """Roles as which it could not plan what they run; all else is the audited server's own."""
        return tuple(
            Shortfall(
                what=f"role {role}",
                reason=f"Statements that it runs are planned as the collecting role: {reason}. Policies or settings of "
                "the role may give them other plans.",
                query_ids=tuple(query_ids),
            )
            for (role, reason), query_ids in self._as_another.items()
        )

    def unable(self, configuration: Configuration) -> str:
        """Why it cannot say what a configuration would do, in one sentence; "" where it can."""
        if configuration.create or configuration.drop:
            return ONLY_ITS_OWN
        return self._unable_to_set(configuration)

    def sizes(self, definitions: Sequence[IndexDefinition]) -> tuple[IndexSize, ...]:
        """How large it takes indexes to be that do not exist: it has no idea."""
        return tuple(IndexSize(definition=definition, size_bytes=None) for definition in definitions)

    def names(self, definitions: Sequence[IndexDefinition]) -> tuple[str, ...]:
        """What indexes that do not exist are called in its plans, where a configuration has them in this order."""
        return names_in_order(definitions, self._facts)

    def plan(self, question: Question, configuration: Configuration = AS_IS) -> Answer:
        """The plan of one statement. Raises PlannerError where the connection is lost, not where it is refused."""
        if self._closed:
            raise PlannerError("The planner is closed.")
        try:
            with self._unless_lost():
                reason = self.unable(configuration)
                return Answer(None, reason) if reason else Answer(self._plan(question, configuration))
        except NotDone as refusal:
            return Answer(None, f"{refusal.reason}.", limit=refusal.kind is GapKind.LIMIT)

    def costs(self, questions: Sequence[Question], configuration: Configuration = AS_IS) -> tuple[float | None, ...]:
        """Total costs of statements, in their order, each asked on its own; None where one is refused.

        Raises PlannerError where the connection is lost.
        """
        return tuple(self.plan(question, configuration).cost for question in questions)

    def uses(self, asked: Sequence[Asked]) -> tuple[Use | None, ...]:
        """What statements cost and which indexes they use, by their plans; None where one is refused.

        Raises PlannerError where the planner is gone.
        """
        return uses_by_plans(self, asked, self._facts)

    def close(self) -> None:
        """Ends the watch, and counts what it cost; the session goes on."""
        if self._closed:
            return
        self._closed = True
        self._watcher.close()
        self._into.watch_queries += self._watcher.queries
        self._into.watch_ms += self._watcher.ms
        self._into.statement_entries += self._watcher.entries

    @contextmanager
    def _arranged(self, opened: Opened, configuration: Configuration) -> Iterator[None]:
        """Within it the indexes of a configuration are there, or gone, for an open transaction."""
        with nullcontext():
            yield

    @contextmanager
    def _unless_lost(self) -> Iterator[None]:
        """Raises PlannerError where the connection is lost in it."""
        try:
            yield
        except psycopg.OperationalError as error:
            try:
                raise_if_lost(self._session, error)
            except psycopg.OperationalError:
                raise PlannerError("The connection to the audited server is lost.") from error
            raise

    def _may_silence(self) -> bool:
        """Whether what is planned can be kept out of pg_stat_statements."""
        try:
            with self._session.transaction() as transaction:
                rows = ask(transaction, "statistics_of_ours")
        except psycopg.Error as error:
            raise_if_lost(self._session, error)
            return False
        return bool(rows and rows[0]["may_silence"])

    def _unable_to_set(self, configuration: Configuration) -> str:
        for name, _ in configuration.settings:
            if not bears_on_plans(name):
                return f"{name} is no setting that a session may make and that plans hang on."
        return ""

    def _plan(self, question: Question, configuration: Configuration) -> dict[str, Any]:
        """Raises NotDone, psycopg.OperationalError where the connection is lost."""
        readable: Readable | None = self._readable.get(question.text) or as_asked(question)
        while readable is not None:
            try:
                plan = self._plan_as_anyone(readable, question, configuration)
            except psycopg.Error as error:
                raise_if_lost(self._session, error)
                refusal = refused_by_server(error, self._session)
                version = self._session.connection.info.server_version
                readable = changed(readable, error, question, self._facts, version)
            else:
                self._readable[question.text] = readable
                return plan
        raise refusal

    def _plan_as_anyone(self, readable: Readable, question: Question, configuration: Configuration) -> dict[str, Any]:
        """As the role that runs it, or where the server does not let us, as ourselves."""
        candidate = _candidate(question)
        identity = self._identities.of(candidate)
        missed = (identity.missed, identity.reason)
        try:
            plan = self._plan_as(identity, readable, question, configuration)
        except NotAssumed as refusal:
            identity = self._identities.refused(candidate, refusal)
            missed = ("" if question.role is None else question.role.name, refusal.reason)
            plan = self._plan_as(identity, readable, question, configuration)
        if missed[0]:
            self._as_another.setdefault(missed, {})[question.query_id] = None
        return plan

    def _plan_as(
        self, identity: Identity, readable: Readable, question: Question, configuration: Configuration
    ) -> dict[str, Any]:
        self._count()
        with self._guard.open(readable.text, identity=identity) as opened:
            _set(opened, configuration)
            read = replace(readable, parameters=len(opened.parameters))
            with self._arranged(opened, configuration):
                if question.values is None:
                    plan, explains = plan_generic(self._session, opened)
                    self._into.explained += explains - 1
                    return plan
                values = replace(read, numbers=original_numbers(question.text, read)).values(question.values)
                opened.bound()
                return explain_with(self._session, explain_command(_OPTIONS, opened.text), values)

    def _count(self) -> None:
        """Raises NotDone where no EXPLAIN is left."""
        most = self._config.max_explains
        if self._into.explained + self._into.executed >= most:
            raise NotDone(
                f"The limit of {most} EXPLAINs was reached before it", "Raise collect.max_explains.", GapKind.LIMIT
            )
        self._into.explained += 1


def _candidate(question: Question) -> Candidate:
    """A question as what plans are observed of; how it ran is not asked for."""
    return Candidate(
        query_id=question.query_id,
        text=question.text,
        shape=question.shape,
        calls=0,
        mean_ms=0.0,
        max_ms=0.0,
        role=question.role,
    )


def _set(opened: Opened, configuration: Configuration) -> None:
    """Makes the settings of a configuration. Raises NotDone where the server refuses one, by its name alone."""
    for name, value in configuration.settings:
        try:
            opened.transaction.set_local(**{name: value})
        except psycopg.Error as error:
            if opened.session.connection.closed:
                raise
            why, remedy = WHY_REFUSED.get(error.sqlstate or "", ("", ""))
            raise NotDone(f"The server refused the setting {name}: {why}SQLSTATE {error.sqlstate}", remedy) from error
