"""The audited server with HypoPG, where that is installed already: what if an index were there, or gone.

Its indexes are the memory of one session (https://hypopg.readthedocs.io), so they are made for one question and reset
in the same transaction: behind a pooler the next one may be another session's.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

import psycopg
from msgspec.structs import replace
from psycopg import sql

from pgadvisor.indexes.ddl import create_index, index_name
from pgadvisor.indexes.quoting import qualified
from pgadvisor.model.catalog import IndexDefinition
from pgadvisor.model.coverage import GapKind
from pgadvisor.model.whatif import AS_IS, Configuration, IndexName, IndexSize, PlannerKind
from pgadvisor.planner.guard import Opened
from pgadvisor.planner.index_names import names_taken, with_index_names
from pgadvisor.planner.limits import Limits
from pgadvisor.planner.live import Live
from pgadvisor.planner.observation import Observation
from pgadvisor.planner.protocol import Answer, PlannerError, Question
from pgadvisor.planner.questions import ask, catalogs_only
from pgadvisor.planner.refusals import LIMITS, NotDone, refused_by_server
from pgadvisor.postgres.gaps import raise_if_lost

if TYPE_CHECKING:
    from pgadvisor.facts import Facts
    from pgadvisor.postgres.session import Session

# What each version can do: https://github.com/HypoPG/hypopg/blob/REL1_STABLE/CHANGELOG.md
_METHODS = {"btree": (1, 0), "brin": (1, 0), "bloom": (1, 1), "hash": (1, 3)}
_NEEDED = {"hypopg_create_index", "hypopg_reset", "hypopg_relation_size"}
_HIDES = {"hypopg_hide_index", "hypopg_unhide_all_indexes"}
_NAME = "hypothetical"
NOT_INSTALLED = "The audited database does not have the extension hypopg, and nothing installs it."


# What says nothing against an index, and may be over at the next question.
_PASSING = (GapKind.LOCKED, GapKind.TIMED_OUT, GapKind.LIMIT)


@dataclass(frozen=True)
class _Tried:
    """What came of making an index: its size, or why there is none."""

    size_bytes: int | None = None
    refusal: str = ""


def has_hypopg(facts: Facts) -> bool:
    """Whether the extension is installed in the audited database."""
    return _version(facts) is not None


class HypoPG(Live):
    """A Planner (planner/protocol.py) that asks the audited server what if, by an extension that it has.

    Raises PlannerError where it has not, or the connection is lost.
    """

    kind = PlannerKind.HYPOPG

    def __init__(self, session: Session, facts: Facts, config: Limits, into: Observation | None = None) -> None:
        version = _version(facts)
        if version is None:
            raise PlannerError(NOT_INSTALLED)
        super().__init__(session, facts, config, into)
        self._version = version
        with self._unless_lost(), session.transaction() as transaction:
            rows = ask(transaction, "hypopg")
        functions = set[str](rows[0]["functions"]) if rows else set[str]()
        self._schema = str(rows[0]["schema"]) if rows else ""
        if not functions >= _NEEDED:
            self.close()
            raise PlannerError("The audited database's extension hypopg lacks functions that are needed.")
        self._hides = functions >= _HIDES
        self._harmful: dict[IndexDefinition, str] = {}
        self._tried: dict[IndexDefinition, _Tried] = {}
        self._taken: dict[str, frozenset[str]] = {}
        # Of the indexes that are made for the question being asked: their names by HypoPG's.
        self._named: dict[str, str] = {}

    def unable(self, configuration: Configuration) -> str:
        """Why it cannot say what a configuration would do, in one sentence; "" where it can."""
        reasons = (
            *(self._unable_to_create(definition) for definition in configuration.create),
            *(self._unable_to_drop(name) for name in configuration.drop),
            self._unable_to_set(configuration),
        )
        return next(filter(None, reasons), "")

    def plan(self, question: Question, configuration: Configuration = AS_IS) -> Answer:
        """The plan of one statement, with indexes called as a twin calls them (indexes/ddl.py), not as HypoPG does.

        Raises PlannerError where the connection is lost, not where it is refused.
        """
        answer = super().plan(question, configuration)
        if answer.plan is None or not self._named:
            return answer
        return Answer({**answer.plan, "Plan": with_index_names(answer.plan["Plan"], self._named)})

    def sizes(self, definitions: Sequence[IndexDefinition]) -> tuple[IndexSize, ...]:
        """How large it takes indexes to be that do not exist, in their order; None where it cannot say."""
        return tuple(
            IndexSize(definition=each, size_bytes=None if self._unable_to_create(each) else self._try(each).size_bytes)
            for each in definitions
        )

    def _unable_to_create(self, definition: IndexDefinition) -> str:
        since = _METHODS.get(definition.access_method)
        if since is None:
            return f"HypoPG has no indexes of the access method {definition.access_method}."
        if self._version < since:
            return f"HypoPG has {definition.access_method} indexes only from {since[0]}.{since[1]} on."
        if any(key.operator_class_options for key in definition.keys):
            return "HypoPG does not know parameters of operator classes."
        if self._facts.relation_named(definition.schema, definition.table) is None:
            return f"There is no table {definition.schema}.{definition.table}."
        return self._refuse_harmful(definition) or self._try(definition).refusal

    def _unable_to_drop(self, name: IndexName) -> str:
        if not self._hides:
            return "HypoPG leaves existing indexes out only from 1.4 on."
        if self._facts.index_named(name.schema, name.name) is None:
            return f"There is no index {name.schema}.{name.name} that could be gone."
        return ""

    def _refuse_harmful(self, definition: IndexDefinition) -> str:
        """Why expressions and predicate must not be given to the server, "" where they may; looked into once.

        To make an index evaluates what is constant in them, as planning does: so they are guarded as a statement is.
        """
        texts = [key.expression for key in definition.keys if key.expression is not None]
        if not texts and definition.predicate is None:
            return ""
        if definition not in self._harmful:
            where = "" if definition.predicate is None else f" WHERE {definition.predicate}"
            text = _select(", ".join(texts) or "1", definition) + where
            with self._unless_lost():
                self._harmful[definition] = self._guarded(text)
        return self._harmful[definition]

    def _guarded(self, text: str) -> str:
        """Why a text must not be planned; "" where it may."""
        try:
            with self._guard.open(text):
                return ""
        except NotDone as refusal:
            return f"{refusal.reason}."
        except psycopg.Error as error:
            raise_if_lost(self._session, error)
            return f"{refused_by_server(error, self._session).reason}."

    @contextmanager
    def _arranged(self, opened: Opened, configuration: Configuration) -> Iterator[None]:
        """Within it the indexes of a configuration are there, or hidden. Raises psycopg.Error."""
        if not configuration.create and not configuration.drop:
            yield
            return
        self._require_locks(opened, configuration.create)
        with self._resetting(opened):
            for definition in configuration.create:
                self._create(opened, definition)
            for oid in self._hidden(configuration.drop):
                self._of_oid(opened, "hypopg_hide_index", oid)
            yield

    @contextmanager
    def _resetting(self, opened: Opened) -> Iterator[None]:
        """What is made within it is gone after it, also where it fails."""
        self._named = {}
        opened.transaction.rows("SAVEPOINT hypopg")
        try:
            yield
        finally:
            # Whatever went wrong, the session's memory does not roll back.
            if not self._session.connection.closed:
                opened.transaction.rows("ROLLBACK TO SAVEPOINT hypopg", always=True)
                self._reset(opened)

    def _reset(self, opened: Opened) -> None:
        functions = ["hypopg_reset", *(["hypopg_unhide_all_indexes"] if self._hides else [])]
        calls = sql.SQL(", ").join(sql.SQL("{}()").format(sql.Identifier(self._schema, name)) for name in functions)
        opened.transaction.rows(sql.SQL("SELECT {}").format(calls), always=True)

    def _create(self, opened: Opened, definition: IndexDefinition) -> list[int]:
        """Makes an index, of a partitioned table one on each partition; their oids. Notes what they are to be called.

        Names in expressions are the system's or qualified: those on a role's path were not looked into.
        """
        relation = self._facts.relation_named(definition.schema, definition.table)
        create = sql.SQL(
            "SELECT indexrelid::pg_catalog.int8 AS oid, indexname::pg_catalog.text AS name FROM {}(%s)"
        ).format(sql.Identifier(self._schema, "hypopg_create_index"))
        oids = []
        (path,) = ask(opened.transaction, "role_path")
        with catalogs_only(opened.transaction, path["search_path"]):
            for leaf in () if relation is None else self._facts.leaves(relation.oid):
                own = replace(definition, schema=leaf.schema, table=leaf.name)
                opened.bound()
                # Of a number in quotes it reads anything: a division by 0, or another size.
                text = create_index(own, _NAME, concurrently=False, bare_numbers=True)
                made = opened.transaction.rows(create, [text])
                oids += [int(row["oid"]) for row in made]
                for row in made:
                    self._named[str(row["name"])] = self._name(own)
        return oids

    def _require_locks(self, opened: Opened, definitions: Sequence[IndexDefinition]) -> None:
        """Raises NotDone where the tables, which are locked to imagine an index on each, are too many for the server.

        They need not be tables of the statement, so the guard does not know of them.
        """
        found = [self._facts.relation_named(definition.schema, definition.table) for definition in definitions]
        tables = {relation.oid: relation.name for relation in found if relation is not None}
        self._guard.require_locks(opened, [(len(self._facts.leaves(oid)), name) for oid, name in tables.items()])

    def _name(self, definition: IndexDefinition) -> str:
        """What an index is called that would be made beside those that the question has already."""
        schema = definition.schema
        if schema not in self._taken:
            self._taken[schema] = frozenset(names_taken(self._facts, schema))
        return index_name(definition, self._taken[schema].union(self._named.values()))

    def _of_oid(self, opened: Opened, function: str, oid: int) -> int | None:
        """What a function of the extension says of an index."""
        called = sql.SQL("SELECT {}(%s::pg_catalog.oid) AS result").format(sql.Identifier(self._schema, function))
        result = opened.transaction.row(called, [oid])["result"]
        return None if result is None else int(result)

    def _try(self, definition: IndexDefinition) -> _Tried:
        """Makes an index once and asks its size: where that fails, each plan of a set with it would fail as well."""
        if definition not in self._tried:
            try:
                with self._unless_lost(), self._guard.open(_select("1", definition)) as opened, self._resetting(opened):
                    oids = self._create(opened, definition)
                    sizes = [self._of_oid(opened, "hypopg_relation_size", oid) for oid in oids]
                self._tried[definition] = _Tried(sum(size or 0 for size in sizes))
            except LIMITS as error:
                raise_if_lost(self._session, error)
                # Nothing against the index: the next question says so itself.
                return _Tried()
            except NotDone as refusal:
                if refusal.kind in _PASSING:
                    return _Tried()
                self._tried[definition] = _Tried(refusal=f"{refusal.reason}.")
            except psycopg.Error as error:
                raise_if_lost(self._session, error)
                refused = refused_by_server(error, self._session)
                if refused.kind in _PASSING:
                    return _Tried()
                self._tried[definition] = _Tried(refusal=f"HypoPG cannot imagine it: {refused.reason}.")
        return self._tried[definition]

    def _hidden(self, names: Sequence[IndexName]) -> list[int]:
        """Oids of indexes and of those of partitions that are part of them."""
        found = []
        for name in names:
            index = self._facts.index_named(name.schema, name.name)
            if index is not None:
                found += [index.oid, *(child.oid for child in self._facts.child_indexes(index.oid))]
        return found


def _select(what: str, definition: IndexDefinition) -> str:
    """What reads a definition's table, for the guard alone: nothing runs it."""
    return f"SELECT {what} FROM {qualified(definition.schema, definition.table)}"  # noqa: S608


def _version(facts: Facts) -> tuple[int, int] | None:
    """Major and minor version of the extension; None where it is not there."""
    for extension in facts.server.extensions:
        if extension.name == "hypopg":
            numbers = [int(digits) for digits in re.findall(r"\d+", extension.version)[:2]]
            return (numbers[0], numbers[1]) if len(numbers) > 1 else (1, 0)
    return None
