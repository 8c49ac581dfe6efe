"""Runs plain SELECTs on a copy, in read-only parts of a trial, with values that its statistics call typical."""

from __future__ import annotations

import time
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import psycopg

from pgadvisor.model.plans import ParameterValue, ValueChoice
from pgadvisor.planner.execute import analyze_options, nodes, require_reading_plan, require_select
from pgadvisor.planner.questions import ask
from pgadvisor.planner.refusals import NotDone
from pgadvisor.planner.values import ValueSet, choose_values, real_call, value_sets
from pgadvisor.planner.values.spread import spread_of
from pgadvisor.planner.wire import explain_command, explain_with
from pgadvisor.postgres.bounds import ServerTimeSpent
from pgadvisor.postgres.gaps import raise_if_lost
from pgadvisor.verifying.readable import MENDINGS, Mender

if TYPE_CHECKING:
    from pgadvisor.facts import Facts
    from pgadvisor.model.shape import StatementShape
    from pgadvisor.planner.guard import Guard, Opened, ParameterType
    from pgadvisor.planner.identity import Identity
    from pgadvisor.verifying.session import CopySession

_PLAIN = "VERBOSE, FORMAT JSON"
# Once runs for one set of values have taken so long, those there are must do.
_ENOUGH_MS = 5_000.0
# What is over sooner is measured more often, up to so many times as often: its fastest run is then nobody's luck.
_SHORT_MS, _MORE = 40.0, 8
_NAMED = 5
_NOT_TOLD = "They stand in what statistics of columns do not tell of, such as $1 % $2."
_UNKNOWN_NAMES = (psycopg.errors.UndefinedTable, psycopg.errors.UndefinedFunction, psycopg.errors.InvalidSchemaName)
_ON_PATH = (
    "If it is there in another schema, set search_path in [session] of the configuration, or run "
    "ALTER DATABASE ... SET search_path on the copy."
)


@dataclass(frozen=True)
class Runnable:
    """A statement to run. equivalent: text is the SELECT that finds the rows which the statement itself writes."""

    query_id: str
    text: str
    shape: StatementShape | None
    equivalent: bool = False


@dataclass(frozen=True)
class Chosen:
    """Sets of values to run a statement with, whose text is one that the server has read."""

    statement: Runnable
    sets: tuple[ValueSet, ...]

    @property
    def labels(self) -> tuple[str, ...]:
        """What each set stands for; none of a statement without parameters."""
        return tuple(each.choice.value for each in self.sets if each.values)


@dataclass(frozen=True)
class Run:
    """What came of one set of values: the fastest run, or that it ran into the timeout, which is best_ms then.

    indexes are the names of those in its plan.
    """

    best_ms: float
    cost: float
    indexes: frozenset[str]
    runs: int
    timed_out: bool = False


class Runner:
    """Runs statements in the one transaction of a trial, through the guard (planner/guard.py) each time.

    runs: how often each is measured, values: with how many sets of values. Every method raises NotDone where a
    statement must not be run or the server refuses it, ServerTimeSpent where the trial's time is over, and
    psycopg.OperationalError where the connection is lost.
    """

    def __init__(
        self, session: CopySession, guard: Guard, facts: Facts, identity: Identity, *, runs: int, values: int
    ) -> None:
        self._session = session
        self._guard = guard
        self._facts = facts
        self._mender = Mender(facts, session.connection.info.server_version)
        self._identity = identity
        self._runs = runs
        self._values = values

    def chosen(self, statement: Runnable, mendings: int = MENDINGS) -> Chosen:
        """The values to run a statement with, whose text is changed so often where the server cannot read it."""
        try:
            return self._chosen(statement)
        except psycopg.Error as error:
            refusal = self._refusal(error, only_read=True)
            changed = self._mender.changed(statement, error) if mendings else None
            if changed is None:
                raise refusal from error
        return self.chosen(changed, mendings - 1)

    def _chosen(self, statement: Runnable) -> Chosen:
        require_select(statement.text)
        with self._guard.open(statement.text, with_volatile=True, identity=self._identity) as opened:
            _require_harmless(opened)
            return Chosen(statement, self._sets(statement, opened.parameters))

    def run(self, chosen: Chosen, without: Sequence[str]) -> tuple[Run, ...]:
        """Runs of each set of values, with indexes taken away by the commands given."""
        self._session.without = without
        try:
            return tuple(self._run_set(chosen.statement, each.texts) for each in chosen.sets)
        finally:
            self._session.without = ()

    def _sets(self, statement: Runnable, types: Sequence[ParameterType]) -> tuple[ValueSet, ...]:
        """Typical values first, then those that plans may depend on the most."""
        called = real_call(statement.query_id, types, self._facts)
        if called is not None:
            first = called
        else:
            values, missing = choose_values(statement.shape, types, self._facts, statement.text)
            if missing:
                named = ", ".join(f"${position}" for position in missing[:_NAMED])
                remedy = "ANALYZE its tables there." if self._lacks_statistics(statement, missing) else _NOT_TOLD
                raise NotDone(f"The copy's statistics give no value for {named}", remedy)
            first = ValueSet(ValueChoice.TYPICAL, values)
        others: list[ValueSet] = []
        if statement.shape is not None and types:
            others = value_sets(
                statement.shape, types, self._facts, text=statement.text, most=self._values, logged=False
            )
        made_up = {value.position for value in first.values}
        sets = [first, *(each for each in others if each.texts != first.texts and _same_places(each.values, made_up))]
        return tuple(sets[: self._values])

    def _lacks_statistics(self, statement: Runnable, missing: Collection[int]) -> bool:
        """Whether a column that parameters without a value are compared with has no statistics."""
        predicates = () if statement.shape is None else statement.shape.predicates
        compared = [predicate for predicate in predicates if not set(missing).isdisjoint(predicate.parameters)]
        return any(spread_of(predicate, self._facts) is None for predicate in compared)

    def _run_set(self, statement: Runnable, texts: Sequence[str | None]) -> Run:
        cost, indexes, measured, only_read = 0.0, frozenset[str](), list[float](), True
        is_planned = False
        timeout_ms = float(self._session.statement_timeout_ms)
        try:
            with self._guard.open(statement.text, with_volatile=True, identity=self._identity) as opened:
                _require_harmless(opened)
                only_read = False
                opened.bound(most_ms=self._session.statement_timeout_ms)
                plan = explain_with(self._session, explain_command(_PLAIN, opened.text), texts)
                require_reading_plan(plan)
                is_planned = True
                cost = float(plan["Plan"]["Total Cost"])
                indexes = frozenset(str(node["Index Name"]) for node in nodes(plan) if "Index Name" in node)
                ask(opened.transaction, "limit_temporary_files")
                # Times are to be those of the role, JIT and all.
                opened.transaction.rows("SET LOCAL jit TO DEFAULT")
                self._measure(opened, texts, measured)
        except psycopg.errors.QueryCanceled as error:
            if not is_planned:
                raise self._refusal(error, only_read=only_read) from error
            if not measured:
                return Run(timeout_ms, cost, indexes, runs=1, timed_out=True)
        except psycopg.Error as error:
            raise self._refusal(error, only_read=only_read) from error
        return Run(min(measured), cost, indexes, runs=len(measured))

    def _measure(self, opened: Opened, texts: Sequence[str | None], measured: list[float]) -> None:
        """Adds times of warm runs; that of the first as well where it alone takes long enough."""
        options = analyze_options(self._session.connection.info.server_version, timing=False)
        command = explain_command(options, opened.text)
        started = time.perf_counter()
        for number in range(_MORE * self._runs + 1):
            opened.bound(most_ms=self._session.statement_timeout_ms)
            plan = explain_with(self._session, command, texts)
            spent_ms = (time.perf_counter() - started) * 1000
            if number or spent_ms > _ENOUGH_MS:
                measured.append(float(plan.get("Execution Time", 0.0)))
            if spent_ms > _ENOUGH_MS or (number >= self._runs and spent_ms > _SHORT_MS):
                break

    def _refusal(self, error: psycopg.Error, *, only_read: bool) -> NotDone:
        """What an error means for the reader, without values. Raises it again where it ends the trial.

        only_read: it was neither planned with values nor run. After that the server's own words may hold values of rows
        whatever the error: of b::regclass they do.
        """
        if isinstance(error, ServerTimeSpent):
            raise error
        raise_if_lost(self._session, error)
        if isinstance(error, psycopg.errors.LockNotAvailable):
            return NotDone("Another session of the copy holds a lock on its tables", "Leave the copy alone.")
        if isinstance(error, psycopg.errors.ConfigurationLimitExceeded):
            return NotDone("It needs more temporary files than temp_file_limit allows, which is 1 GB here at most")
        if isinstance(error, psycopg.errors.QueryCanceled):
            return NotDone("The copy took longer than the timeout to plan it", "Raise --statement-timeout.")
        code = error.sqlstate or ""
        message = error.diag.message_primary
        told = (
            message if only_read and message and code.startswith("42") else f"SQLSTATE {code} ({type(error).__name__})"
        )
        remedy = _ON_PATH if isinstance(error, _UNKNOWN_NAMES) else ""
        return NotDone(f"The copy refused it: {told}", remedy)


def _require_harmless(opened: Opened) -> None:
    if opened.volatile is not None:
        raise NotDone(f"It may run volatile code: {opened.volatile}")


def _same_places(values: Sequence[ParameterValue], places: set[int]) -> bool:
    return {value.position for value in values} == places
