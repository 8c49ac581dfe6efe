"""Builds recommended indexes on a copy, from their structure alone, and takes existing ones away."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import msgspec
import psycopg

from pgadvisor.indexes import ddl
from pgadvisor.indexes.identity import definition_identity
from pgadvisor.indexes.quoting import qualified, quote_identifier
from pgadvisor.masking import MASK
from pgadvisor.model.catalog import IndexDefinition, IndexKey, Relation, RelationKind
from pgadvisor.planner.refusals import NotDone
from pgadvisor.planner.wire import encoded, parse
from pgadvisor.postgres.bounds import ServerTimeSpent
from pgadvisor.postgres.gaps import raise_if_lost
from pgadvisor.verifying.questions import ask
from pgadvisor.workload.expressions import is_expression

if TYPE_CHECKING:
    from pgadvisor.facts import Facts
    from pgadvisor.model.proposals import DropIndex
    from pgadvisor.planner.guard import Guard
    from pgadvisor.planner.identity import Identity
    from pgadvisor.verifying.session import CopySession

# Those of the server itself: an extension's may run anything while they build.
_METHODS = frozenset(("btree", "hash", "gist", "spgist", "gin", "brin"))
_INDEXED = frozenset((RelationKind.TABLE, RelationKind.PARTITIONED, RelationKind.MATERIALIZED_VIEW))
_PREFIX = "pgadvisor_verify"
# What the server says of a text that it has only read speaks of names and syntax; of what ran, also of values of rows.
_TOLD = ("42", "0A", "54")


@dataclass(frozen=True)
class Built:
    """An index that stands while the trial lasts. names are its own and those of the indexes of partitions below it.

    note says why plans may not use it, "" where they may.
    """

    schema: str
    name: str
    names: frozenset[str]
    build_ms: float
    size_bytes: int
    note: str = ""

    @property
    def drop(self) -> str:
        """The command that takes it away."""
        return ddl.drop_index(self.schema, self.name, concurrently=False).removesuffix(";")


class Builder:
    """Builds indexes in the one transaction of a trial."""

    def __init__(self, session: CopySession, guard: Guard, facts: Facts, identity: Identity) -> None:
        self._session = session
        self._guard = guard
        self._facts = facts
        self._identity = identity
        self._count = 0
        # What was built stays locked until the trial ends.
        self._locks = 0
        self._columns = {oid: {column.name for column in facts.columns(oid)} for oid in facts.relations}

    def build(self, definition: IndexDefinition) -> Built:
        """The index, built. Raises NotDone where it must not be, or the server refuses; the connection may be lost."""
        wanted, table = self._checked(definition)
        locks = 2 + len(self._facts.leaves(table.oid))
        self._probe(wanted, self._locks + locks)
        self._count += 1
        name = f"{_PREFIX}_{self._session.connection.info.backend_pid}_{self._count}"
        try:
            command = ddl.create_index(wanted, name, concurrently=False).removesuffix(";")
        except ValueError as error:
            raise NotDone("A name or a setting in it is empty") from error
        index = qualified(table.schema, name)
        try:
            with self._session.change() as transaction:
                # What names in expressions stand for depends on settings: those are to be what the probe had.
                self._identity.assume(transaction)
                parse(self._session, command)
                started = time.perf_counter()
                self._run(command)
                build_ms = (time.perf_counter() - started) * 1000
                (row,) = ask(transaction, "built", index=index)
        except psycopg.Error as error:
            raise self._refusal(error, "It could not be built", only_read=False) from error
        self._locks += locks
        return Built(
            schema=table.schema,
            name=name,
            names=frozenset(row["names"]),
            build_ms=build_ms,
            size_bytes=row["size_bytes"],
            note=_why_unused(row),
        )

    def analyze(self, definition: IndexDefinition) -> str:
        """Gathers the statistics of a table, which expressions of a new index lack; why not, "" where it was done."""
        table = qualified(definition.schema, definition.table)
        try:
            with self._session.transaction() as transaction:
                foreign = ask(transaction, "foreign_below", table=table)
            if foreign:
                return (
                    f"Its table was not analyzed, for that asks another server about {foreign[0]['schema']}."
                    f"{foreign[0]['name']}, so plans know nothing of its expressions."
                )
            with self._session.change() as transaction:
                self._identity.assume(transaction)
                transaction.rows(f"ANALYZE {table}")
        except ServerTimeSpent:
            raise
        except psycopg.Error as error:
            raise_if_lost(self._session, error)
            return f"Its table could not be analyzed: SQLSTATE {error.sqlstate}."
        return ""

    def standing(self, proposal: DropIndex) -> str:
        """The command that takes an existing index away. Raises NotDone where it is not there, or is another one."""
        index = self._facts.index_named(proposal.schema, proposal.name)
        if index is None:
            raise NotDone(f"The copy has no index {proposal.schema}.{proposal.name}")
        if definition_identity(index.definition) != definition_identity(proposal.definition):
            raise NotDone(
                f"The copy's index {proposal.schema}.{proposal.name} is another one than the report speaks of"
            )
        command = ddl.drop_index(index.schema, index.name, concurrently=False).removesuffix(";")
        self._try(command)
        return command

    def _try(self, command: str) -> None:
        """Takes an index away and has it back: what fails would fail before every statement that is run without it."""
        self._session.without = (command,)
        try:
            with self._session.transaction():
                pass
        except psycopg.errors.DependentObjectsStillExist as error:
            raise NotDone("The copy has what depends on it, such as a constraint or an index above it") from error
        except psycopg.Error as error:
            raise self._refusal(error, "It cannot be taken away", only_read=False) from error
        finally:
            self._session.without = ()

    def _checked(self, definition: IndexDefinition) -> tuple[IndexDefinition, Relation]:
        """The definition as it is built, and its table. Raises NotDone where it is not one that is."""
        self._check_sendable(definition)
        table = self._facts.relation_named(definition.schema, definition.table)
        if table is None or table.kind not in _INDEXED:
            raise NotDone(f"The copy has no table {definition.schema}.{definition.table}")
        if definition.access_method not in _METHODS:
            raise NotDone(f"Its access method {definition.access_method} is none of PostgreSQL's own")
        columns = [*(key.column for key in definition.keys if key.column is not None), *definition.include]
        for column in columns:
            if column not in self._columns[table.oid]:
                raise NotDone(f"The copy's table {table.schema}.{table.name} has no column {column}")
        for text in _texts(definition):
            if MASK in text:
                raise NotDone(
                    "It holds values of rows, which the report masks", "Make the report again with --show-values."
                )
            if not is_expression(text):
                raise NotDone("An expression in it is not what a server writes for one")
        if any((key.column is None) == (key.expression is None) for key in definition.keys) or not definition.keys:
            raise NotDone("Its definition is none: each key is a column or an expression")
        for key in definition.keys:
            self._check_class(definition.access_method, key)
        predicate = definition.predicate and f"({definition.predicate})"
        # Where it lies makes no difference that is looked at, and the copy may not have the place.
        return msgspec.structs.replace(definition, predicate=predicate, tablespace=None), table

    def _check_sendable(self, definition: IndexDefinition) -> None:
        """Raises NotDone for names and texts that no database of this encoding can have."""
        try:
            for text in _all_texts(definition):
                encoded(self._session.connection, text)
        except psycopg.DataError as error:
            raise NotDone("It has characters that the copy's encoding has not") from error

    def _check_class(self, method: str, key: IndexKey) -> None:
        """Raises NotDone for an operator class that is neither the system's nor an extension's."""
        if not key.operator_class or (key.default_operator_class and not key.operator_class_options):
            return
        schema, _, name = key.operator_class.rpartition(".")
        names = {"name": _unquoted(name), "schema": _unquoted(schema) or None}
        try:
            with self._session.transaction() as transaction:
                rows = ask(transaction, "operator_class", method=method, **names)
        except psycopg.Error as error:
            raise self._refusal(error, f"Its operator class {key.operator_class} could not be looked for") from error
        if not rows or not all(row["installed"] for row in rows):
            raise NotDone(f"Its operator class {key.operator_class} is neither PostgreSQL's nor an extension's there")

    def _probe(self, definition: IndexDefinition, locks: int) -> None:
        """Raises NotDone where building it would run code that may not run with our rights, or take too many locks.

        locks: how many all that was built takes, with it.
        """
        keys = [quote_identifier(key.column) if key.column is not None else f"({key.expression})"
                for key in definition.keys]  # fmt: skip
        where = f" WHERE {definition.predicate}" if definition.predicate else ""
        table = qualified(definition.schema, definition.table)
        # Names are quoted, and each expression has been looked at: it is one, and nothing besides.
        text = f"SELECT {', '.join(keys)} FROM {table}{where}"  # noqa: S608
        try:
            with self._guard.open(text, with_volatile=True, identity=self._identity) as opened:
                if opened.volatile is not None:
                    raise NotDone(f"To build it may run volatile code: {opened.volatile}")
                self._guard.require_locks(opened, [(locks, definition.table)])
        except psycopg.Error as error:
            raise self._refusal(error, "The copy does not take its expressions") from error

    def _run(self, command: str) -> None:
        connection = self._session.connection
        with self._session.timed():
            connection.execute(encoded(connection, command), prepare=False)

    def _refusal(self, error: psycopg.Error, what: str, *, only_read: bool = True) -> NotDone:
        """What an error means for the reader. Raises it again where it ends the trial.

        only_read: nothing was planned or run with values of rows, so that the server's own words tell none.
        """
        if isinstance(error, ServerTimeSpent):
            raise error
        raise_if_lost(self._session, error)
        if isinstance(error, psycopg.errors.LockNotAvailable):
            return NotDone(f"{what}: another session of the copy holds a lock on its table", "Leave the copy alone.")
        if isinstance(error, psycopg.errors.InsufficientPrivilege) and not only_read:
            return NotDone(f"{what}: the role may not", "Connect as the owner of its table, or as a superuser.")
        code, message = error.sqlstate or "", error.diag.message_primary
        is_told = only_read and message and code.startswith(_TOLD)
        told = message if is_told else f"SQLSTATE {code} ({type(error).__name__})"
        return NotDone(f"{what}: {told}")


def holds_expression(definition: IndexDefinition) -> bool:
    """Whether an index has statistics of its own, of its expressions."""
    return any(key.expression is not None for key in definition.keys)


def _texts(definition: IndexDefinition) -> Sequence[str]:
    texts = [key.expression for key in definition.keys if key.expression is not None]
    return [*texts, definition.predicate] if definition.predicate else texts


def _all_texts(definition: IndexDefinition) -> Iterator[str]:
    """Every name and text in a definition."""
    for value in msgspec.structs.astuple(definition):
        for part in value if isinstance(value, tuple) else (value,):
            fields = msgspec.structs.astuple(part) if isinstance(part, IndexKey) else (part,)
            for field in fields:
                yield from (text for text in (field if isinstance(field, tuple) else (field,)) if isinstance(text, str))


def _why_unused(row: dict[str, Any]) -> str:
    if not row["valid"]:
        return "No plan may use it: it is not valid."
    if row["too_new"]:
        return (
            "No plan may use it yet: rows of its table were changed while other transactions ran. Leave the copy alone "
            "and try again."
        )
    return ""


def _unquoted(name: str) -> str:
    return name[1:-1].replace('""', '"') if name.startswith('"') and name.endswith('"') and len(name) > 1 else name
