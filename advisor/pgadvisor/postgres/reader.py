"""What the readers of single subjects share: the session, the questions, and where answers and gaps go."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol, TypeVar

import msgspec
import psycopg

from pgadvisor.model.activity import Activity
from pgadvisor.model.catalog import Catalog
from pgadvisor.model.counters import Counters
from pgadvisor.model.coverage import Fact, Gap, GapKind, Presence
from pgadvisor.model.server import Extension, Server
from pgadvisor.model.statements import Statements
from pgadvisor.model.statistics import PgStats
from pgadvisor.postgres.gaps import GRANT_MONITOR, gap_of, is_lost
from pgadvisor.postgres.session import Session
from pgadvisor.postgres.sqlfiles import NotOfferedError, Queries, needed_relations
from pgadvisor.progress import Progress

STATEMENTS_EXTENSION = "pg_stat_statements"

T = TypeVar("T")


class Scope(Protocol):
    """Which schemas to look at: all, or those named, without those excluded."""

    @property
    def schemas(self) -> tuple[str, ...]:
        """Only these; empty for all."""

    @property
    def exclude_schemas(self) -> tuple[str, ...]:
        """None of these."""


@dataclass
class Collected:
    """What has been read so far. Each part is set when it is complete, so a run that is cut short keeps the rest.

    peak_locks is the largest number of locks that the session was seen to hold.
    """

    server: Server | None = None
    catalog: Catalog = field(default_factory=Catalog)
    column_statistics: tuple[PgStats, ...] = ()
    counters: Counters | None = None
    activity: Activity | None = None
    statements: Statements | None = None
    gaps: list[Gap] = field(default_factory=list)
    presence: dict[Fact, Presence] = field(default_factory=dict)
    peak_locks: int | None = None


@dataclass
class Reader:
    """Asks the questions of one run."""

    session: Session
    scope: Scope
    into: Collected
    progress: Progress
    queries: Queries = field(default_factory=lambda: Queries((), {}))
    extensions: tuple[Extension, ...] = ()
    unprobed: Gap | None = None

    @property
    def parameters(self) -> dict[str, object]:
        """What every file may bind."""
        return {"schemas": list(self.scope.schemas), "exclude_schemas": list(self.scope.exclude_schemas)}

    def probe(self) -> None:
        """Finds out which variants of the questions this server takes.

        Where even that is refused the plainest variants are used; unprobed says why then.
        """
        gaps_before = len(self.into.gaps)
        self.extensions = convert(self.rows(Fact.SERVER, "extensions", "the list of extensions") or (), Extension)
        found = self.rows(
            Fact.SERVER,
            "probe_columns",
            "which columns this version has (only those of every version were asked for)",
            parameters={"relations": needed_relations()},
        )
        self.unprobed = next(iter(self.into.gaps[gaps_before:]), None)
        schema = self.extension_schema(STATEMENTS_EXTENSION)
        self.queries = Queries(
            (row["column_name"] for row in found or ()), {} if schema is None else {"statements_schema": schema}
        )

    def extension_schema(self, name: str) -> str | None:
        """Where an extension's objects live; None where it is not installed in this database."""
        return next((extension.schema for extension in self.extensions if extension.name == name), None)

    def rows(
        self,
        fact: Fact,
        name: str,
        what: str,
        *,
        remedy: str = GRANT_MONITOR,
        parameters: Mapping[str, object] | None = None,
    ) -> list[dict[str, Any]] | None:
        """The answer to one question, asked in a transaction of its own; None after a failure, which is a gap.

        what: what it reads, in words, for the gap. Raises psycopg.OperationalError where the connection is lost.
        """
        try:
            with self.session.transaction() as transaction:
                return transaction.rows(self.queries[name], {**self.parameters, **(parameters or {})})
        except psycopg.Error as error:
            self.failed(error, fact, what, remedy=remedy)
        except NotOfferedError:
            reason = f"This server does not offer {what}"
            self.into.gaps.append(Gap(fact=fact, scope="", reason=reason, kind=GapKind.NOT_OFFERED))
        return None

    def failed(self, error: psycopg.Error, fact: Fact, what: str, *, remedy: str = GRANT_MONITOR) -> None:
        """Notes a failed query. Raises the error again where the connection is lost."""
        if is_lost(self.session, error):
            raise error
        self.into.gaps.append(gap_of(error, fact, what, remedy=remedy))

    def present(self, fact: Fact, presence: Presence = Presence.PRESENT) -> None:
        """Notes how far a fact is covered."""
        self.into.presence[fact] = presence

    def locks_held(self, locks: int) -> None:
        """Notes how many locks were held at once."""
        self.into.peak_locks = max(self.into.peak_locks or 0, locks)


def convert(rows: Sequence[Mapping[str, Any]], type_: type[T]) -> tuple[T, ...]:
    """Rows as structs: columns are named for fields; others are left aside."""
    return msgspec.convert(rows, tuple[type_, ...])  # type: ignore[valid-type]
