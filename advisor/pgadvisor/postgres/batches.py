"""Functions that wait behind strong locks: asked only about relations without one, few at a time."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import psycopg

from pgadvisor.model.coverage import Fact, Gap, GapKind
from pgadvisor.postgres.bounds import ServerTimeSpent
from pgadvisor.postgres.gaps import gap_of, gaps_on, is_lost
from pgadvisor.postgres.reader import Reader

# The server's lock table has room for about 64 locks per connection, for all of them together. Most functions hold
# their locks until they return, some until the transaction ends; of the former so many are asked for at a time.
MAX_LOCKS = 200
# Of objects that lock nothing there can be more; they are still to be told within one short transaction.
MAX_OBJECTS = 2000
# How often a batch may fail before the rest of it is given up: each failure costs up to a timeout.
MAX_FAILURES = 20

LOCKED = "An ACCESS EXCLUSIVE lock is held or waited for, on it or on a relation that it needs, so it was left alone"
LOCKED_REMEDY = "Run again when the session that holds or wants the lock is done."


@dataclass(frozen=True)
class Target:
    """An object to ask about: its name for people, and the relations that will be locked for it."""

    oid: int
    name: str
    locks: frozenset[int]


@dataclass
class Misses:
    """What could not be read, by cause: many with one cause become one gap, a name is told once for each."""

    names: dict[tuple[str, str, GapKind], dict[str, None]] = field(default_factory=dict)

    def add(self, names: Iterable[str], reason: str, remedy: str, kind: GapKind) -> None:
        """Notes names with one cause."""
        self.names.setdefault((reason, remedy, kind), {}).update(dict.fromkeys(names))

    def gaps(self, fact: Fact) -> list[Gap]:
        """All of it as gaps."""
        return [
            gap
            for (reason, remedy, kind), names in self.names.items()
            for gap in gaps_on(fact, names, reason, remedy, kind)
        ]


@dataclass
class Batches:
    """One question, asked about many objects. rows are the answers, missing the oids that got none.

    keeps_locks: whether its function keeps its locks until the transaction ends, so that they add up.
    """

    reader: Reader
    fact: Fact
    question: str
    what: str
    rows: list[dict[str, Any]] = field(default_factory=list)
    missing: set[int] = field(default_factory=set)
    failures: int = 0
    misses: Misses = field(default_factory=Misses)
    keeps_locks: bool = False

    def ask(self, targets: Sequence[Target]) -> None:
        """Asks about all of them. What could not be had becomes a gap; raises where the connection is lost."""
        try:
            self.collect(targets)
        finally:
            self.reader.into.gaps += self.misses.gaps(self.fact)

    def collect(self, targets: Sequence[Target]) -> None:
        """Asks about all of them; what could not be had is only noted in misses, which others may share."""
        free = self._without_locked(targets)
        done = 0
        for batch in packed(free, keeps_locks=self.keeps_locks):
            self.reader.progress(f"Reading {self.what}", done, len(free))
            self._batch(batch)
            done += len(batch)

    def _batch(self, targets: Sequence[Target]) -> None:
        if not targets:
            return
        oids = [target.oid for target in targets]
        session, queries = self.reader.session, self.reader.queries
        try:
            # Some locks stay until the transaction ends, and who wants a stronger one waits for that.
            with session.transaction(statement_timeout_ms=session.keep_timeout_ms) as transaction:
                rows = transaction.rows(queries[self.question], {"oids": oids})
                if not self.rows:
                    self.reader.locks_held(transaction.row(queries["own_locks"])["locks"])
            self.rows += rows
        except psycopg.Error as error:
            if is_lost(session, error):
                raise
            self._retry(targets, error)

    def _retry(self, targets: Sequence[Target], error: psycopg.Error) -> None:
        """Leaves out what has been locked in the meantime, then tries in halves, so that one object fails alone."""
        self.failures += 1
        if len(targets) == 1 or self.failures > MAX_FAILURES or isinstance(error, ServerTimeSpent):
            session = self.reader.session
            is_lock_limit = session.keep_timeout_ms < session.statement_timeout_ms
            option = "--lock-timeout" if is_lock_limit else "--statement-timeout"
            gap = gap_of(error, self.fact, self.what, timeout_option=option)
            self._missed(targets, gap.reason, gap.remedy, gap.kind)
            return
        free = self._without_locked(targets)
        half = (len(free) + 1) // 2
        self._batch(free[:half])
        self._batch(free[half:])

    def _without_locked(self, targets: Sequence[Target]) -> list[Target]:
        if not any(target.locks for target in targets):
            return list(targets)
        locked = strong_locks(self.reader, self.fact)
        left_alone = [target for target in targets if target.locks & locked]
        if left_alone:
            self._missed(left_alone, LOCKED, LOCKED_REMEDY, GapKind.LOCKED)
        return [target for target in targets if not target.locks & locked]

    def _missed(self, targets: Sequence[Target], reason: str, remedy: str, kind: GapKind) -> None:
        self.missing.update(target.oid for target in targets)
        self.misses.add((target.name for target in targets), reason, remedy, kind)


def packed(targets: Sequence[Target], *, keeps_locks: bool) -> Iterator[list[Target]]:
    """The targets in batches: at most MAX_LOCKS of those that lock, or of locks where they are kept.

    One that alone takes more than that stands alone.
    """
    batch: list[Target] = []
    taken: set[int] = set()
    for target in targets:
        takes = target.locks if keeps_locks or not target.locks else {target.oid}
        if batch and (len(batch) == MAX_OBJECTS or len(taken | takes) > MAX_LOCKS):
            yield batch
            batch, taken = [], set()
        batch.append(target)
        taken |= takes
    if batch:
        yield batch


def strong_locks(reader: Reader, fact: Fact) -> frozenset[int]:
    """Oids of relations on which ACCESS EXCLUSIVE is held or waited for at this moment."""
    rows = reader.rows(fact, "strong_locks", "the list of locks")
    return frozenset(row["oid"] for row in rows or ())
