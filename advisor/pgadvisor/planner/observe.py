"""Asks the live server for the plans of statements: in which order, how many, and at what price."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import psycopg

from pgadvisor.model.coverage import Fact, Gap, GapKind
from pgadvisor.model.plans import ObservedPlan, ParameterValue, PlanMethod
from pgadvisor.planner.execute import Executor, check_history
from pgadvisor.planner.generic import is_refusal_of_rights, plan_generic
from pgadvisor.planner.guard import Guard
from pgadvisor.planner.identity import Identities, Identity, NotAssumed
from pgadvisor.planner.limits import Limits
from pgadvisor.planner.mended import mended
from pgadvisor.planner.observation import Candidate, Observation
from pgadvisor.planner.questions import ask
from pgadvisor.planner.refusals import LIMITS, NotDone, limit_reached, refused_by_server
from pgadvisor.planner.trouble import trouble
from pgadvisor.postgres.bounds import ServerTimeSpent
from pgadvisor.postgres.gaps import raise_if_lost, server_message
from pgadvisor.progress import Progress
from pgadvisor.workload.equivalent import equivalent_select
from pgadvisor.workload.lexer import first_keyword

if TYPE_CHECKING:
    from pgadvisor.facts import Facts
    from pgadvisor.postgres.session import Session

__all__ = ["Candidate", "Observation", "observe"]

_WRITES = frozenset(("insert", "update", "delete", "merge"))
_NOT_COUNTED: dict[str, Any] = {"track": "none", "track_utility": False, "may_silence": False}
_ALL_COUNTED: dict[str, Any] = {"track": "all", "track_utility": True, "may_silence": False}
# A gap about many statements names this many of them.
_NAMED = 20
# A text may need more than one change until the server can read it.
_MENDINGS = 5


def observe(
    session: Session,
    candidates: Sequence[Candidate],
    facts: Facts,
    config: Limits,
    progress: Progress,
    into: Observation,
) -> Observation:
    """Plans of the candidates, the most important first, put into the given observation as they are had.

    First a plan for unknown values of each, then, if the configuration allows, executions of some. Whatever is
    refused becomes a gap. Only KeyboardInterrupt and a lost connection (psycopg.OperationalError) leave it; what was
    observed until then is in `into`, which is also returned.
    """
    observer = _Observer(session, facts, config, into)
    try:
        observer.plan_all(candidates, progress)
        if config.execute != "off":
            observer.execute_all(candidates, progress)
    finally:
        observer.close()
    return into


class _Observer:
    """One run over the candidates."""

    def __init__(self, session: Session, facts: Facts, config: Limits, into: Observation) -> None:
        self._session = session
        self._facts = facts
        self._config = config
        self._into = into
        self._counted = self._counting()
        self._guard = Guard(session, facts, silent=self._counted["may_silence"], lock_share=config.lock_share)
        self._identities = Identities(session, facts, config.session)
        self._server = f"PostgreSQL {facts.server.version} (live)"
        self._explained_before = into.explained + into.executed
        self._mended: set[str] = set()
        self._refused: dict[tuple[Fact, str, str, GapKind], list[str]] = {}

    def _counting(self) -> dict[str, Any]:
        """How far pg_stat_statements counts what we plan; to the full where that could not be asked."""
        try:
            with self._session.transaction() as transaction:
                (counted,) = ask(transaction, "statistics_of_ours") or (_NOT_COUNTED,)
        except psycopg.Error as error:
            raise_if_lost(self._session, error)
            if isinstance(error, ServerTimeSpent):
                # Then nothing will be planned either.
                return _NOT_COUNTED
            reason = (
                "How far pg_stat_statements counts the planning could not be found out, so the footprint assumes the "
                f"most: {server_message(error)}"
            )
            self._into.gaps.append(Gap(fact=Fact.PLANS, scope="footprint", reason=reason))
            return _ALL_COUNTED
        return counted

    def plan_all(self, candidates: Sequence[Candidate], progress: Progress) -> None:
        """A plan for unknown values of each candidate, as far as the cap goes."""
        for done, candidate in enumerate(candidates):
            if self._left() <= 0:
                reason = f"The limit of {self._config.max_explains} EXPLAINs was reached before it"
                self._refuse(
                    Fact.PLANS, candidates[done:], NotDone(reason, "Raise collect.max_explains.", GapKind.LIMIT)
                )
                break
            progress("Planning statements", done, len(candidates))
            self._plan(candidate)
        progress("Planning statements", len(candidates), len(candidates))

    def execute_all(self, candidates: Sequence[Candidate], progress: Progress) -> None:
        """Executes what may be executed of those that were planned as they are."""
        planned = {plan.query_id for plan in self._into.plans if not plan.equivalent_select}
        suitable = [candidate for candidate in candidates if candidate.query_id in planned and self._may_run(candidate)]
        if not suitable:
            return
        try:
            reason = trouble(self._session, self._facts)
        except psycopg.Error as error:
            raise_if_lost(self._session, error)
            if isinstance(error, LIMITS):
                self._refuse(Fact.EXECUTED_PLANS, suitable, limit_reached(error))
                return
            reason = "Whether the server is in trouble could not be found out"
        if reason is None:
            self._execute(suitable, progress)
        else:
            refusal = NotDone(f"Nothing was executed: {reason}", "Run again at another time.")
            self._refuse(Fact.EXECUTED_PLANS, (), refusal)

    def close(self) -> None:
        """Says what was refused, and adds up what the commands have added to pg_stat_statements at most."""
        for (fact, reason, remedy, kind), query_ids in self._refused.items():
            gap = Gap(fact=fact, scope=_scope(query_ids), reason=reason, remedy=remedy, kind=kind)
            self._into.gaps.append(gap)
        if not self._counted["may_silence"] and self._counted["track"] != "none":
            # With track = all the statement within an EXPLAIN may be counted on its own.
            each = int(self._counted["track_utility"]) + int(self._counted["track"] == "all")
            self._into.statement_entries += (self._config.max_explains - self._left()) * each

    def _plan(self, candidate: Candidate) -> None:
        """Plans a statement as it is, else mended, else as the SELECT that finds its rows; a gap if all fails."""
        text, equivalent, mendings = candidate.text, False, 0
        refusal, error = self._try(candidate, text, equivalent=False)
        while error is not None and self._left() > 0:
            changed = None
            if is_refusal_of_rights(error) and not equivalent:
                select = equivalent_select(text)
                equivalent, changed = True, None if select is None else select.text
                if changed is None and first_keyword(text) in _WRITES:
                    refusal = NotDone("Only a role that may write can see its plan, and no SELECT has a like one")
            elif mendings < _MENDINGS:
                mendings += 1
                changed = mended(text, error, self._session.connection.info.server_version)
                self._mended.add(candidate.query_id)
            if changed is None:
                break
            text = changed
            refusal, error = self._try(candidate, text, equivalent=equivalent)
        if refusal is not None:
            self._refuse(Fact.PLANS, [candidate], refusal)

    def _try(self, candidate: Candidate, text: str, *, equivalent: bool) -> tuple[NotDone | None, psycopg.Error | None]:
        """Keeps the generic plan of a text, or says why there is none."""
        identity = self._identities.of(candidate)
        try:
            try:
                plan = self._plan_as(identity, text)
            except NotAssumed as refusal:
                identity = self._identities.refused(candidate, refusal)
                plan = self._plan_as(identity, text)
        except NotDone as refusal:
            return refusal, None
        except psycopg.Error as error:
            raise_if_lost(self._session, error)
            return refused_by_server(error, self._session), error
        self._keep(candidate, PlanMethod.GENERIC, plan, identity, equivalent=equivalent)
        return None, None

    def _plan_as(self, identity: Identity, text: str) -> dict[str, Any]:
        with self._guard.open(text, identity=identity) as opened:
            self._into.explained += 1
            plan, explains = plan_generic(self._session, opened)
            self._into.explained += explains - 1
        return plan

    def _execute(self, suitable: Sequence[Candidate], progress: Progress) -> None:
        config = self._config
        executor = Executor(self._session, self._guard, self._facts, config, self._into)
        most = min(len(suitable), config.execute_max_statements)
        each_ms = min(config.execute_timeout_ms, self._session.lock_timeout_ms)
        step = (
            f"Executing up to {most} statements, read-only, at most {each_ms} ms each "
            f"and {config.execute_total_ms} ms in all"
        )
        executed_before = self._into.executed
        for done, candidate in enumerate(suitable):
            executed = self._into.executed - executed_before
            progress(step, min(executed, most), most)
            if executed >= most or executor.left_ms < 1 or self._left() < 2:
                caps = NotDone(
                    "The limits on executions were used up before it",
                    "Raise collect.execute_max_statements, collect.execute_total_ms or collect.max_explains.",
                    GapKind.LIMIT,
                )
                self._refuse(Fact.EXECUTED_PLANS, suitable[done:], caps)
                break
            self._execute_one(executor, candidate)
        progress(step, most, most)

    def _execute_one(self, executor: Executor, candidate: Candidate) -> None:
        try:
            identity = self._identities.of(candidate)
            trial = executor.run(candidate, identity)
        except NotDone as refusal:
            self._refuse(Fact.EXECUTED_PLANS, [candidate], refusal)
            return
        except psycopg.Error as error:
            raise_if_lost(self._session, error)
            if isinstance(error, LIMITS):
                self._refuse(Fact.EXECUTED_PLANS, [candidate], limit_reached(error))
                return
            # The message may hold values of rows, with which the statement was tried.
            reason = f"The server refused it with typical values, SQLSTATE {error.sqlstate} ({type(error).__name__})"
            self._refuse(Fact.EXECUTED_PLANS, [candidate], NotDone(reason))
            return
        self._keep(candidate, trial.method, trial.plan, identity, values=trial.values)
        if trial.not_executed is not None:
            self._refuse(Fact.EXECUTED_PLANS, [candidate], trial.not_executed)

    def _may_run(self, candidate: Candidate) -> bool:
        try:
            check_history(candidate, self._config)
            if candidate.query_id in self._mended:
                raise NotDone("Its text lacks constants for which the statistics give no value")
        except NotDone as refusal:
            self._refuse(Fact.EXECUTED_PLANS, [candidate], refusal)
            return False
        return True

    def _keep(
        self,
        candidate: Candidate,
        method: PlanMethod,
        plan: dict[str, Any],
        identity: Identity,
        *,
        equivalent: bool = False,
        values: tuple[ParameterValue, ...] = (),
    ) -> None:
        observed = ObservedPlan(
            query_id=candidate.query_id,
            method=method,
            plan=plan,
            planner=self._server,
            equivalent_select=equivalent,
            parameters=values,
            role=identity.role,
            role_missed=identity.missed,
        )
        self._into.plans.append(observed)
        if identity.missed and method is PlanMethod.GENERIC:
            self._refuse(Fact.PLANS, [candidate], identity.as_another())

    def _left(self) -> int:
        return self._config.max_explains - (self._into.explained + self._into.executed - self._explained_before)

    def _refuse(self, fact: Fact, candidates: Sequence[Candidate], refusal: NotDone) -> None:
        """Remembers a refusal; statements that share one share a gap."""
        query_ids = self._refused.setdefault((fact, refusal.reason, refusal.remedy, refusal.kind), [])
        query_ids.extend(candidate.query_id for candidate in candidates)


def _scope(query_ids: Sequence[str]) -> str:
    if not query_ids:
        return ""
    if len(query_ids) == 1:
        return f"statement {query_ids[0]}"
    more = len(query_ids) - _NAMED
    named = ", ".join(query_ids[:_NAMED])
    return f"statements {named}" + (f" and {more} more" if more > 0 else "")
