"""What may be planned: one plain statement, of functions that may run with our rights, on relations nobody locks."""

from __future__ import annotations

import json
import time
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import psycopg

from pgadvisor.model.catalog import RelationKind
from pgadvisor.model.coverage import GapKind
from pgadvisor.planner.functions import Lookup
from pgadvisor.planner.mentions import Mentions
from pgadvisor.planner.questions import ask, catalogs_only
from pgadvisor.planner.refusals import NotDone, someone_waited, took_too_long
from pgadvisor.planner.watcher import Watch, Watcher
from pgadvisor.planner.wire import parse
from pgadvisor.workload.lexer import Kind, first_keyword, hides_nothing, lex

if TYPE_CHECKING:
    from pgadvisor.facts import Facts
    from pgadvisor.planner.identity import Identity
    from pgadvisor.postgres.session import Session, Transaction

PLANNABLE = frozenset(("select", "insert", "update", "delete", "merge", "values", "with", "table"))
# So many locks a session takes by the fast path, which is no matter of the lock table that all sessions share.
_FREE_LOCKS = 16
_AFTER_THE_END = "; \t\n\r\f\v"


@dataclass(frozen=True)
class ParameterType:
    """Type of a parameter as the server inferred it."""

    name: str
    is_array: bool


@dataclass(frozen=True)
class Opened:
    """An open transaction in which a text may be planned.

    text is the one command in it, without comments and semicolons at its end. volatile names volatile code that it
    reaches, if asked for. ends_at, of time.monotonic, is when it must be over: its locks are then as old as the lock
    timeout allows. watch is what looks whether others wait for those locks, None where nothing does.
    """

    session: Session
    transaction: Transaction
    ends_at: float
    text: str
    parameters: tuple[ParameterType, ...]
    volatile: str | None
    watch: Watch | None = None

    def bound(self, *, most_ms: int | None = None, lock_ms: int | None = None) -> None:
        """Cancels the next statement once the transaction must be over, or after most_ms.

        lock_ms bounds its wait for a lock. Raises NotDone where no time is left.
        """
        left_ms = int((self.ends_at - time.monotonic()) * 1000)
        if left_ms < 1:
            raise took_too_long(self.session)
        self.transaction.set_local(**self.session.timeouts(min(left_ms, most_ms or left_ms), lock_ms=lock_ms))


class Guard:
    """Opens transactions for texts that may be planned.

    silent: our own commands are kept out of pg_stat_statements, which takes a superuser. lock_share: one plan may take
    no more than this share of what the lock table, which all sessions share, has free. trust: names of owners whose
    code may run with our rights. watcher: watches over the transactions.
    """

    def __init__(
        self,
        session: Session,
        facts: Facts,
        *,
        silent: bool,
        lock_share: float,
        trust: Sequence[str] = (),
        watcher: Watcher | None = None,
    ) -> None:
        self._session = session
        self._silent = silent
        self._lock_share = lock_share
        self._trust = trust
        self._watcher = watcher
        self._partitioned = [
            (relation.name, sum(1 + len(facts.indexes_of(leaf.oid)) for leaf in facts.leaves(relation.oid)))
            for relation in facts.relations.values()
            if relation.kind is RelationKind.PARTITIONED and not relation.is_partition
        ]
        self._types: dict[int, ParameterType] = {}
        self._lookup: Lookup | None = None

    @contextmanager
    def open(self, text: str, *, with_volatile: bool = False, identity: Identity | None = None) -> Iterator[Opened]:
        """A read-only transaction of its own for one text, as the identity given, or else as ourselves.

        Whose code may run is judged by who we are in either case: code can put a role off that was put on.

        The server has parsed the text as one command and holds locks on its relations, so that neither views nor
        policies change before it is planned. Raises NotDone where it must not be planned, psycopg.Error where the
        server refuses.
        """
        mentions = Mentions(text)
        # Before the transaction: of a text of a megabyte it may take a second.
        body, has_strings = self._checked(text, mentions)
        watch: Watch | None = None
        try:
            with self._session.transaction(search_path=None) as transaction:
                self._settle(transaction)
                if identity is not None:
                    identity.assume(transaction)
                (path,) = ask(transaction, "role_path")
                with nullcontext() if self._watcher is None else self._watcher.over(path["pid"]) as watch:
                    oids, ends_at = self._parse(transaction, text, mentions, path, has_strings=has_strings)
                    with catalogs_only(transaction, path["search_path"]):
                        volatile = self._reached(transaction, mentions, path["schemas"], with_volatile=with_volatile)
                        parameters = self._parameters(transaction, oids)
                    yield Opened(self._session, transaction, ends_at, body, parameters, volatile, watch)
        except psycopg.errors.QueryCanceled as error:
            if watch is not None and watch.fired:
                raise someone_waited() from error
            raise

    def require_watch(self, opened: Opened) -> None:
        """Raises NotDone unless somebody looks whether others wait for the locks of an open transaction."""
        if self._watcher is None or opened.watch is None:
            return
        failure = self._watcher.confirm(opened.watch)
        if failure:
            raise NotDone(
                f"{failure}, and nothing is executed unwatched",
                "Let the role have two connections: its CONNECTION LIMIT, max_connections, the size of a pool.",
            )

    def require_locks(self, opened: Opened, tables: Sequence[tuple[int, str]]) -> None:
        """Raises NotDone where tables, by how many locks each takes and its name, are more than one plan may lock.

        What the text itself mentions has been seen to already, and counts here as well.
        """
        mentions = Mentions(opened.text)
        needed = [(locks, name) for name, locks in self._partitioned if mentions.mention(name)]
        with catalogs_only(opened.transaction, ask(opened.transaction, "role_path")[0]["search_path"]):
            self._check_free_locks(opened.transaction, [*needed, *tables])

    def _parse(
        self, transaction: Transaction, text: str, mentions: Mentions, path: Mapping[str, Any], *, has_strings: bool
    ) -> tuple[tuple[int, ...], float]:
        """Has the server parse a text, which locks its relations; types of its parameters, and when that must end."""
        with catalogs_only(transaction, path["search_path"]):
            _check_locks(transaction, mentions)
            self._check_free_locks(
                transaction, [(locks, name) for name, locks in self._partitioned if mentions.mention(name)]
            )
            if self._lookup is None:
                self._lookup = Lookup(transaction, self._trust)
            elsewhere = self._lookup.asks_elsewhere(mentions)
            if elsewhere is not None:
                raise NotDone(f"Planning it may ask another server about the foreign table behind {elsewhere}")
            if has_strings:
                # To parse a string as a value of some type may run that type's code already.
                self._reached(transaction, mentions, path["schemas"], with_volatile=False)
            limit_ms = self._session.keep_timeout_ms
            transaction.set_local(**self._session.timeouts(limit_ms))
        ends_at = time.monotonic() + limit_ms / 1000
        return parse(self._session, text), ends_at

    def _reached(
        self, transaction: Transaction, mentions: Mentions, schemas: Collection[str], *, with_volatile: bool
    ) -> str | None:
        """Volatile code that a text reaches, if asked for. Raises NotDone for code that must not be planned."""
        assert self._lookup is not None  # noqa: S101  made before the first text is parsed
        _refuse_strangers_code(self._lookup, transaction, mentions, frozenset(schemas))
        return self._lookup.volatile(transaction, mentions, frozenset(schemas)) if with_volatile else None

    def _checked(self, text: str, mentions: Mentions) -> tuple[str, bool]:
        """The one command in a text, and whether there are strings in it."""
        if mentions.obscure:
            raise NotDone(f"It holds {mentions.obscure}: whose code it would run with our rights cannot be told")
        return plannable(text)

    def _check_free_locks(self, transaction: Transaction, needed: Sequence[tuple[int, str]]) -> None:
        """needed: locks of each partitioned table, with its name. Raises NotDone where these are too many."""
        total = sum(locks for locks, _ in needed)
        if total <= _FREE_LOCKS:
            return
        (table,) = ask(transaction, "lock_slots")
        if total > (table["slots"] - table["taken"]) * self._lock_share:
            _, largest = max(needed)
            raise NotDone(
                f"Planning it may lock {total} partitions and indexes (of {largest}"
                f"{' and others' if len(needed) > 1 else ''}), more than {self._lock_share:.0%} of what the server's "
                "lock table, which all sessions share, has free",
                "Raise max_locks_per_transaction on the server, or collect.lock_share.",
                GapKind.LIMIT,
            )

    def _parameters(self, transaction: Transaction, oids: Sequence[int]) -> tuple[ParameterType, ...]:
        unknown = sorted(set(oids) - self._types.keys())
        for row in ask(transaction, "types", oids=unknown) if unknown else ():
            self._types[row["oid"]] = ParameterType(row["name"], row["is_array"])
        return tuple(self._types[oid] for oid in oids)

    def _settle(self, transaction: Transaction) -> None:
        if self._silent:
            transaction.set_local(**{"pg_stat_statements.track": "none"})
        # Strings are to be read as the lexer reads them.
        transaction.set_local(standard_conforming_strings="on")


def plannable(text: str) -> tuple[str, bool]:
    """The one command in a text, without comments and semicolons at its end, and whether there are strings in it.

    Raises NotDone where it is none that has a plan.
    """
    if first_keyword(text) not in PLANNABLE:
        raise NotDone("It is not a statement that the planner plans")
    if hides_nothing(text) and '"' not in text:
        return text.rstrip(_AFTER_THE_END), False
    lexed = lex(text)
    if lexed.unterminated:
        raise NotDone(f"Its text ends inside {lexed.unterminated}")
    return lexed.body, any(token.kind is Kind.STRING for token in lexed.tokens)


def _check_locks(transaction: Transaction, mentions: Mentions) -> None:
    for row in ask(transaction, "strong_locks"):
        if mentions.mention(row["name"]):
            raise NotDone(
                f"Another session holds or awaits an ACCESS EXCLUSIVE lock that concerns {row['schema']}.{row['name']}",
                "Run again when the lock is gone.",
                GapKind.LOCKED,
            )


def _refuse_strangers_code(
    lookup: Lookup, transaction: Transaction, mentions: Mentions, schemas: Collection[str]
) -> None:
    unsafe = lookup.unsafe_to_plan(transaction, mentions, schemas)
    if unsafe is None:
        return
    rights = ", with rights that its owner does not have" if unsafe.strange else ""
    remedy = ""
    if unsafe.owner is not None:
        owner = json.dumps(unsafe.owner, ensure_ascii=False)
        remedy = f"If its code may run with the rights of the collecting role: collect.trust_owners = [{owner}]."
    raise NotDone(f"Planning it would run {unsafe.what}{rights}", remedy)
