"""Asks the twin's planner: configurations, values, roles, settings.

Each question is asked in a transaction that is rolled back, as a role without rights: planning runs a stranger's
functions. A text is sent by the extended protocol, which refuses several commands; what only the simple one can plan is
sent after the server has read it as one command (planner/wire.py), and read under the same settings.
"""

from __future__ import annotations

import re
from collections import OrderedDict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace
from functools import partial
from typing import Any

import psycopg
from psycopg import generators, pq

from pgadvisor.model.whatif import AS_IS, Configuration, Shortfall
from pgadvisor.planner.generic import GENERIC_PLAN_SINCE
from pgadvisor.planner.protocol import Answer, PlannerError, Question
from pgadvisor.planner.readable import Readable, changed
from pgadvisor.planner.refusals import NotDone
from pgadvisor.planner.twin.building import Building
from pgadvisor.planner.twin.configure import Configurations
from pgadvisor.planner.twin.database import PLANNER
from pgadvisor.planner.twin.deadline import deadline
from pgadvisor.planner.twin.documents import total_cost
from pgadvisor.planner.twin.schema.extensions import missing_extensions
from pgadvisor.planner.twin.schema.roles import role_of_twin
from pgadvisor.planner.twin.settings import Assumed, Environment, refused_setting, set_local
from pgadvisor.planner.twin.under_configuration import TIMEOUT_MS, Asking
from pgadvisor.planner.wire import checked, encoded, plan_of_json

# As observed plans are had.
_WHOLE = "VERBOSE, SETTINGS, FORMAT JSON"
_COST = "FORMAT JSON"
_PRUNED = re.compile(rb'"Subplans Removed": [1-9]')
# So many texts, each under its role and settings, are remembered, and on a server before 16 prepared.
_REMEMBERED = 5_000
# Of a statement's id in an error.
_ID_CHARACTERS = 40

# What decides where a string ends, and so how many commands a text is. The server reports both before it reads on
# (https://www.postgresql.org/docs/current/protocol-flow.html#PROTOCOL-ASYNC); code that it plans with can change them.
_READING = {b"standard_conforming_strings": b"on", b"client_encoding": b"UTF8"}
# A lock of a session's outlives what it was taken in: a stranger's code could take all that the server has room for.
_END = "ROLLBACK; SELECT pg_catalog.pg_advisory_unlock_all()"
# So often it is tried, since a cancel may come late.
_ENDINGS = 20

# Questions under one configuration, and the oids, on the twin, of the indexes that it adds.
Group = tuple[Sequence[Question], Configuration, Iterable[int]]

_Key = tuple[str, Assumed, tuple[tuple[str, str], ...]]


class Asker:
    """One connection of the planning role.

    session: settings of the configuration under which every statement is planned. shortfalls are settings of the
    audited server that the twin cannot have; refused are query ids of what names something that the twin lacks,
    perhaps of the extensions in lacking. Raises psycopg.OperationalError where the server is gone.
    """

    def __init__(self, building: Building, session: Mapping[str, str] | None = None) -> None:
        self._building = building
        self._facts = building.facts
        self._environment = Environment(building.facts.server, session or {}, named=partial(role_of_twin, building))
        self._configurations = Configurations(building)
        self._readable: OrderedDict[_Key, Readable | NotDone] = OrderedDict()
        self._settings_tried: dict[tuple[str, str], str] = {}
        self._prepared = 0
        self.lacking = missing_extensions(building)
        self.has_rules = bool(building.facts.snapshot.catalog.rules)
        self.refused: set[str] = set()
        self._asked = ""
        self._why_gone = ""
        self._discards = building.admin.info.server_version < GENERIC_PLAN_SINCE
        self._connection, self.shortfalls = self._connect()

    def reconnect(self) -> None:
        """A new connection, as it takes after files were changed: a session remembers lengths and metapages."""
        self.close()
        self._connection, _ = self._connect()

    def unable(self, configuration: Configuration) -> str:
        """Why a configuration cannot be put on, but for the indexes that it adds; "" where it can."""
        reason = self._configurations.unable(configuration)
        for name, value in () if reason else configuration.settings:
            if (name, value) not in self._settings_tried:
                try:
                    self._settings_tried[name, value] = refused_setting(self._connection, name, value)
                except psycopg.Error as error:
                    raise self.gone() from error
            reason = reason or self._settings_tried[name, value]
        return reason

    def plan(self, question: Question, configuration: Configuration = AS_IS, created: Iterable[int] = ()) -> Answer:
        """The plan of a statement; created are the oids, on the twin, of the indexes that the configuration adds.

        Raises PlannerError where the twin is gone.
        """
        asking = Asking(self, configuration, created)
        try:
            with self._deadline() as begin_anew:
                begin_anew(question)
                return Answer(plan_of_json(asking.explain(question, _WHOLE)))
        except NotDone as refusal:
            return Answer(None, f"{refusal.reason}.")
        finally:
            self.rollback()

    def costs(
        self, questions: Sequence[Question], configuration: Configuration = AS_IS, created: Iterable[int] = ()
    ) -> tuple[float | None, ...]:
        """Total costs of statements, in their order, in one transaction as long as none is refused.

        Raises PlannerError where the twin is gone.
        """
        (documents,) = self.documents([(questions, configuration, created)])
        return tuple(map(total_cost, documents))

    def documents(self, groups: Sequence[Group]) -> Iterator[list[bytes]]:
        """Of each group EXPLAIN's JSON of its statements; empty where one is refused.

        Raises PlannerError where the twin is gone.
        """
        with self._deadline() as begin_anew:
            for questions, configuration, created in groups:
                asking = Asking(self, configuration, created)
                found = [b""] * len(questions)
                # Those of one role together, so that it is put on once.
                roles = [self.assumed(question) for question in questions]
                try:
                    for place in sorted(range(len(questions)), key=lambda at: (roles[at].role, roles[at].settings)):
                        begin_anew(questions[place])
                        with suppress(NotDone):
                            found[place] = asking.explain(questions[place], _COST)
                finally:
                    self.rollback()
                yield found

    def close(self) -> None:
        """Closes the connection."""
        self._connection.close()

    def assumed(self, question: Question) -> Assumed:
        """As whom a question is asked."""
        return self._environment.of(question.role)

    def begin(self, configuration: Configuration, created: Iterable[int], assumed: Assumed) -> None:
        """Opens a transaction in which a configuration is put on, and then a role. Raises psycopg.Error."""
        self._configurations.tidy()
        commands = [
            "BEGIN;",
            self._configurations.command(configuration, created),
            # What was planned before knows nothing of marks of indexes, nor of settings.
            "DISCARD PLANS;" if self._discards else "",
            assumed.commands(),
            set_local(configuration.settings),
        ]
        self.run(" ".join(filter(None, commands)))

    def rollback(self) -> None:
        """Ends the open transaction, where there is one. Raises PlannerError where the twin is gone."""
        if self._connection.closed or self._connection.pgconn.transaction_status == pq.TransactionStatus.IDLE:
            return
        for _ in range(_ENDINGS):
            try:
                self.run(_END)
            except psycopg.errors.QueryCanceled:
                # A cancel that was meant for what is over.
                continue
            except psycopg.Error as error:
                raise self.gone() from error
            return
        self._give_up("its transactions could not be ended.")
        raise self.gone()

    def reads_as_known(self) -> bool:
        """Whether the server would read a text now as it did when it was asked first."""
        return all(self._connection.pgconn.parameter_status(name) == value for name, value in _READING.items())

    def ended(self, error: psycopg.Error) -> bool:
        """Whether the connection, or the server, ended with an error."""
        lost = isinstance(error, psycopg.OperationalError) and error.sqlstate is None
        return lost or self._connection.closed or error.diag.severity_nonlocalized in ("FATAL", "PANIC")

    def gone(self) -> PlannerError:
        """That there is no twin any more, and why."""
        return PlannerError(
            self._why_gone or "The twin's server is gone: it was stopped, or something it was asked to plan crashed it."
        )

    def remembered(self, key: _Key) -> Readable | NotDone | None:
        """What a text turned out to be, if it was asked before."""
        return self._readable.get(key)

    def remember(self, key: _Key, readable: Readable | NotDone) -> None:
        """Notes what a text turned out to be; the oldest is forgotten where there are too many."""
        self._readable[key] = readable
        if len(self._readable) > _REMEMBERED:
            _, oldest = self._readable.popitem(last=False)
            if isinstance(oldest, Readable) and oldest.prepared:
                self.run(f"DEALLOCATE {oldest.prepared}")

    def read(self, readable: Readable) -> Readable:
        """A text as the server has read it as one command, prepared where the server is of before 16.

        Raises psycopg.Error where it refuses it.
        """
        connection = self._connection
        self._require_reading()
        checked(connection, connection.pgconn.prepare(b"", encoded(connection, readable.text)))
        described = checked(connection, connection.pgconn.describe_prepared(b""))
        if not described.nparams or not self._discards:
            return replace(readable, parameters=described.nparams)
        self._prepared += 1
        name = f"pgadvisor_{self._prepared}"
        self._run_one(f"PREPARE {name} AS {readable.text}\n")
        return replace(readable, parameters=described.nparams, prepared=name)

    def changed(self, readable: Readable, error: psycopg.Error, question: Question) -> Readable | None:
        """The text without what the server objected to; None where nothing can be done."""
        return changed(readable, error, question, self._facts, self._connection.info.server_version)

    def explain(self, readable: Readable, question: Question, options: str) -> bytes:
        """EXPLAIN's JSON. Raises psycopg.Error where the server refuses, NotDone where values lack."""
        if question.values is not None:
            values = readable.values(question.values)
            return self._run_one(f"EXPLAIN ({options}) {readable.text}\n", values)
        if readable.prepared:
            return self._explain_prepared(readable, options)
        if readable.parameters:
            # The extended protocol would have values for them.
            return self._run_one(f"EXPLAIN (GENERIC_PLAN, {options}) {readable.text}\n")
        return self._run_one(f"EXPLAIN ({options}) {readable.text}\n", ())

    def run(self, command: str) -> bytes:
        """Runs commands of ours by the simple protocol; the first value of the last. Raises psycopg.Error."""
        self._connection.pgconn.send_query(encoded(self._connection, command))
        return self._value(self._results())

    def _run_one(self, command: str, values: Sequence[str | None] | None = None) -> bytes:
        """Runs what has a stranger's text in it, with values by the extended protocol; the first value of its result.

        Raises psycopg.Error, NotDone where it might be read otherwise than before, PlannerError where it was more than
        one command after all: the twin is ended then.
        """
        connection = self._connection
        self._require_reading()
        if values is None:
            connection.pgconn.send_query(encoded(connection, command))
        else:
            sent = [None if value is None else encoded(connection, value) for value in values]
            connection.pgconn.send_query_params(encoded(connection, command), sent)
        results = self._results()
        if len(results) > 1 or connection.pgconn.transaction_status == pq.TransactionStatus.IDLE:
            self._give_up(f"statement {self._asked!r} ran commands beside its EXPLAIN, so that nothing it says counts.")
            raise self.gone()
        return self._value(results)

    def _require_reading(self) -> None:
        if not self.reads_as_known():
            raise NotDone("Planning it changes how the server reads strings, so that it is not sent")

    def _give_up(self, why: str) -> None:
        """Ends the server; the twin answers no more."""
        self._why_gone = self._why_gone or f"The twin was given up: {why}"
        self._building.server.quit()

    @contextmanager
    def _deadline(self) -> Iterator[Callable[[Question], None]]:
        """An end to each question asked within, which a stranger's function cannot put off.

        Gives the function that says which one is asked from now on.
        """

        def give_up() -> None:
            self._give_up(
                f"planning statement {self._asked!r} took longer than {TIMEOUT_MS // 1000} s and could not be "
                "cancelled. The others can be planned without it."
            )

        with deadline(self._connection, TIMEOUT_MS / 1000 + 1, give_up) as begin_anew:

            def ask(question: Question) -> None:
                self._asked = question.query_id[:_ID_CHARACTERS]
                begin_anew()

            yield ask

    def _explain_prepared(self, readable: Readable, options: str) -> bytes:
        nulls = ", ".join(["NULL"] * readable.parameters)
        command = f"EXPLAIN ({options}) EXECUTE {readable.prepared} ({nulls})"
        document = self.run(command)
        if not _PRUNED.search(document):
            return document
        # NULLs prune every partition at execution time, which no real value does (planner/generic.py).
        self.run("SELECT pg_catalog.set_config('enable_partition_pruning', 'off', true); DISCARD PLANS")
        document = self.run(command)
        self.run("SELECT pg_catalog.set_config('enable_partition_pruning', 'on', true); DISCARD PLANS")
        return document

    def _results(self) -> list[pq.abc.PGresult]:
        """One for each command that was run. Ctrl-C cancels, and is heard."""
        return self._connection.wait(generators.execute(self._connection.pgconn))

    def _value(self, results: Sequence[pq.abc.PGresult]) -> bytes:
        """The first value of the last of several results. Raises psycopg.Error where one is of an error."""
        for result in results:
            checked(self._connection, result)
        last = results[-1]
        value = last.get_value(0, 0) if last.ntuples and last.nfields else None
        return value or b""

    def _connect(self) -> tuple[psycopg.Connection[Any], tuple[Shortfall, ...]]:
        # A generic plan before 16 is one of a prepared statement.
        options = f"-c statement_timeout={TIMEOUT_MS} -c plan_cache_mode=force_generic_plan"
        place = self._building.server.dsn(self._building.database, PLANNER)
        connection = psycopg.connect(place, options=options, client_encoding="UTF8", prepare_threshold=None)
        shortfalls = self._environment.settle(connection)
        connection.autocommit = True
        self._readable.clear()
        return connection, shortfalls
