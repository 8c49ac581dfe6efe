"""Asks the live server for the plans of statements: in which order, how many, and at what price."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

import msgspec
import psycopg

from pgadvisor.model.coverage import Fact, Gap, GapKind
from pgadvisor.model.plans import ObservedPlan, ParameterValue, PlanMethod, ValueChoice
from pgadvisor.model.shape import StatementShape
from pgadvisor.planner.compared_types import compared_types
from pgadvisor.planner.execute import Executor, check_history
from pgadvisor.planner.generic import is_refusal_of_rights, plan_generic
from pgadvisor.planner.guard import Guard
from pgadvisor.planner.identity import Identities, Identity, NotAssumed
from pgadvisor.planner.limits import Limits
from pgadvisor.planner.mended import mended
from pgadvisor.planner.numbering import renumbered_plan, renumbered_values
from pgadvisor.planner.observation import Candidate, Observation
from pgadvisor.planner.order import most_telling
from pgadvisor.planner.questions import ask
from pgadvisor.planner.refusals import LIMITS, NotDone, limit_reached, refused_by_server
from pgadvisor.planner.trouble import trouble
from pgadvisor.planner.value_plans import Readable, not_planned_yet, plans_for, sets_for, worth_asking
from pgadvisor.planner.watcher import Watcher
from pgadvisor.postgres.bounds import ServerTimeSpent
from pgadvisor.postgres.gaps import raise_if_lost, server_message
from pgadvisor.progress import Progress
from pgadvisor.workload.equivalent import equivalent_select
from pgadvisor.workload.lexer import Kind, first_keyword, lex
from pgadvisor.workload.schema import SchemaView
from pgadvisor.workload.understand import understand

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
_MENDINGS = 8


def observe(
    session: Session,
    candidates: Sequence[Candidate],
    facts: Facts,
    config: Limits,
    progress: Progress,
    into: Observation,
) -> Observation:
    """Plans of the candidates, the most important first, put into the given observation as they are had.

    First a plan for unknown values of each, then, if the configuration allows, executions of some with typical values,
    then plans for the values on which plans may depend. Whatever is refused becomes a gap. Only KeyboardInterrupt and a
    lost connection (psycopg.OperationalError) leave it; what was observed until then is in `into`, which is also
    returned.
    """
    observer = _Observer(session, facts, config, into)
    try:
        observer.plan_all(candidates, progress)
        if config.execute != "off":
            observer.execute_all(candidates, progress)
        observer.plan_values(progress)
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
        silent = bool(self._counted["may_silence"])
        self._watcher = Watcher(session, silent=silent)
        self._guard = Guard(
            session,
            facts,
            silent=silent,
            lock_share=config.lock_share,
            trust=config.trust_owners,
            watcher=self._watcher,
        )
        self._identities = Identities(session, facts, config.session)
        self._server = f"PostgreSQL {facts.server.version} (live)"
        self._explained_before = into.explained + into.executed
        self._readable: dict[str, Readable] = {}
        self._schema: SchemaView | None = None
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
        """Executes what may be executed of those that were planned, by the text that the server could read."""
        planned = [self._readable[each.query_id] for each in candidates if each.query_id in self._readable]
        suitable = [each.candidate for each in planned if not each.equivalent and self._may_run(each.candidate)]
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

    def plan_values(self, progress: Progress) -> None:
        """Plans for values of the statements whose plans may depend on them, as far as the caps go."""
        cap = self._config.max_value_explains
        worth = worth_asking(list(self._readable.values()), self._facts) if cap else []
        before = self._into.value_explains
        for done, each in enumerate(worth):
            left = cap - (self._into.value_explains - before)
            if left <= 0 or self._left() <= 0:
                name = "max_explains" if self._left() <= 0 else "max_value_explains"
                reason = f"The limit of {getattr(self._config, name)} EXPLAINs was reached before its plans for values"
                rest = [other.candidate for other in worth[done:]]
                self._refuse(Fact.PLANS, rest, NotDone(reason, f"Raise collect.{name}.", GapKind.LIMIT))
                break
            progress("Planning with values", done, len(worth))
            self._plan_values_of(each, min(left, self._left()))
        if worth:
            progress("Planning with values", len(worth), len(worth))

    def _plan_values_of(self, each: Readable, most: int) -> None:
        candidate = each.candidate
        try:
            identity = self._identities.of(candidate)
            with self._guard.open(candidate.text, identity=identity) as opened:
                sets = sets_for(each, opened.parameters, self._facts, most)
                sets = not_planned_yet(sets, candidate.query_id, self._into.plans)
                for chosen, plan in plans_for(opened, sets, self._into):
                    self._keep(candidate, PlanMethod.VALUES, plan, identity, values=chosen.values, choice=chosen.choice)
        except NotDone as refusal:
            self._refuse(Fact.PLANS, [candidate], refusal)
        except psycopg.Error as error:
            raise_if_lost(self._session, error)
            # The message may hold values.
            reason = f"The server refused to plan it with values, SQLSTATE {error.sqlstate} ({type(error).__name__})"
            if isinstance(error, psycopg.DataError):
                reason = f"A value that it was to be planned with is none of the type wanted, SQLSTATE {error.sqlstate}"
            refused = limit_reached(error) if isinstance(error, LIMITS) else NotDone(reason)
            self._refuse(Fact.PLANS, [candidate], refused)

    def close(self) -> None:
        """Ends the watch, says what was refused, and adds up what was added to pg_stat_statements at most."""
        self._watcher.close()
        self._into.watch_queries += self._watcher.queries
        self._into.watch_ms += self._watcher.ms
        for (fact, reason, remedy, kind), query_ids in self._refused.items():
            gap = Gap(fact=fact, scope=_scope(query_ids), reason=reason, remedy=remedy, kind=kind)
            self._into.gaps.append(gap)
        if not self._counted["may_silence"] and self._counted["track"] != "none":
            # With track = all the statement within an EXPLAIN may be counted on its own.
            each = int(self._counted["track_utility"]) + int(self._counted["track"] == "all")
            self._into.statement_entries += (self._config.max_explains - self._left()) * each
            self._into.statement_entries += self._watcher.entries

    def _plan(self, candidate: Candidate) -> None:
        """Plans a statement as it is, else mended, else as the SELECT that finds its rows; a gap if all fails."""
        each, mendings = Readable(candidate), 0
        refusal, error = self._try(each)
        while error is not None and self._left() > 0:
            text, changed = each.candidate.text, None
            if is_refusal_of_rights(error) and not each.equivalent:
                select = equivalent_select(text)
                each, changed = replace(each, equivalent=True), None if select is None else select.text
                each = each if select is None else replace(each, positions=select.positions)
                if changed is None and first_keyword(text) in _WRITES:
                    refusal = self._identities.may_not_write(candidate)
            elif mendings < _MENDINGS:
                mendings += 1
                version = self._session.connection.info.server_version
                changed = mended(text, error, version, partial(compared_types, each.candidate.shape, self._facts))
                each = replace(each, rewritten=True)
            if changed is None:
                break
            each = self._changed(each, changed)
            refusal, error = self._try(each)
        if refusal is not None:
            self._refuse(Fact.PLANS, [candidate], refusal)

    def _changed(self, each: Readable, text: str) -> Readable:
        """The statement with another text, and the shape that this one has."""
        if self._schema is None:
            self._schema = SchemaView(self._facts.snapshot.catalog, self._facts.server.search_path)
        shape = understand(each.candidate.query_id, text, self._schema)
        understood = shape if isinstance(shape, StatementShape) else None
        renumbered = each.renumbered or _parameters(text) != _parameters(each.candidate.text)
        candidate = msgspec.structs.replace(each.candidate, text=text, shape=understood)
        return replace(each, candidate=candidate, renumbered=renumbered)

    def _try(self, each: Readable) -> tuple[NotDone | None, psycopg.Error | None]:
        """Keeps the generic plan of a text, or says why there is none."""
        candidate, text = each.candidate, each.candidate.text
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
        self._readable[candidate.query_id] = each
        self._keep(candidate, PlanMethod.GENERIC, plan, identity)
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
        generic = {plan.query_id: plan.plan for plan in self._into.plans if plan.method is PlanMethod.GENERIC}
        suitable = most_telling(suitable, generic, self._facts)
        most = min(len(suitable), config.execute_max_statements)
        each_ms = min(config.execute_timeout_ms, self._session.lock_timeout_ms)
        step = (
            f"Executing up to {most} statements, read-only, at most {each_ms} ms each "
            f"and {config.execute_total_ms} ms in all"
        )
        runs = config.execute_runs + int(config.execute_warm_up)
        executed_before = self._into.executed
        for done, candidate in enumerate(suitable):
            # Statements, each of which may be run several times.
            executed = math.ceil((self._into.executed - executed_before) / runs)
            progress(step, min(executed, most), most)
            if executed >= most or executor.left_ms < 1 or self._left() < 1 + runs:
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
        values = trial.values.values
        choice = trial.values.choice if values else None
        self._keep(candidate, trial.method, trial.plan, identity, values=values, choice=choice, run_ms=trial.run_ms)
        if trial.not_executed is not None:
            self._refuse(Fact.EXECUTED_PLANS, [candidate], trial.not_executed)

    def _may_run(self, candidate: Candidate) -> bool:
        try:
            check_history(candidate, self._config)
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
        values: tuple[ParameterValue, ...] = (),
        choice: ValueChoice | None = None,
        run_ms: tuple[float, ...] = (),
    ) -> None:
        each = self._readable[candidate.query_id]
        if each.positions:
            plan, values = renumbered_plan(plan, each.positions), renumbered_values(values, each.positions)
        observed = ObservedPlan(
            query_id=candidate.query_id,
            method=method,
            plan=plan,
            planner=self._server,
            equivalent_select=each.equivalent,
            parameters=values,
            values=choice,
            rewritten=each.rewritten,
            role=identity.role,
            role_missed=identity.missed,
            run_ms=run_ms,
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


def _parameters(text: str) -> list[str]:
    lexed = lex(text)
    return [lexed.of(token) for token in lexed.tokens if token.kind is Kind.PARAMETER]


def _scope(query_ids: Sequence[str]) -> str:
    if not query_ids:
        return ""
    if len(query_ids) == 1:
        return f"statement {query_ids[0]}"
    more = len(query_ids) - _NAMED
    named = ", ".join(query_ids[:_NAMED])
    return f"statements {named}" + (f" and {more} more" if more > 0 else "")
