"""Reads a database as collection does, for tests of the reader."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from pgadvisor.config import CollectConfig
from pgadvisor.model.catalog import Constraint, Index, Relation
from pgadvisor.model.coverage import Fact, Gap
from pgadvisor.model.statistics import ColumnStatistics
from pgadvisor.postgres.connect import connect
from pgadvisor.postgres.read import Collected, read
from pgadvisor.postgres.session import Session
from pgadvisor.progress import Progress, silent


@dataclass
class Seen:
    """What was read, by name."""

    collected: Collected
    session: Session

    @property
    def relations(self) -> dict[str, Relation]:
        return {relation.name: relation for relation in self.collected.catalog.relations}

    @property
    def indexes(self) -> dict[str, Index]:
        return {index.name: index for index in self.collected.catalog.indexes}

    @property
    def constraints(self) -> dict[str, Constraint]:
        return {constraint.name: constraint for constraint in self.collected.catalog.constraints}

    @property
    def statistics(self) -> dict[tuple[str, str], ColumnStatistics]:
        """By table (or index on expressions) and column."""
        catalog = self.collected.catalog
        names = {relation.oid: relation.name for relation in catalog.relations}
        names |= {index.oid: index.name for index in catalog.indexes}
        return {(names[row.relation_oid], row.column): row.read for row in self.collected.column_statistics}

    @property
    def sizes(self) -> dict[str, int]:
        """Main sizes of tables and indexes."""
        catalog, counters = self.collected.catalog, self.collected.counters
        names = {relation.oid: relation.name for relation in catalog.relations}
        names |= {index.oid: index.name for index in catalog.indexes}
        return {} if counters is None else {names[size.oid]: size.main_bytes for size in counters.sizes}

    def gaps(self, fact: Fact) -> list[Gap]:
        return [gap for gap in self.collected.gaps if gap.fact is fact]


@contextmanager
def open_session(dsn: str, *, statement_timeout_ms: int = 10_000, lock_timeout_ms: int = 1_000) -> Iterator[Session]:
    """A session over a connection of its own."""
    with connect(dsn, connect_timeout_s=10) as connection:
        yield Session(connection, statement_timeout_ms=statement_timeout_ms, lock_timeout_ms=lock_timeout_ms)


def read_database(dsn: str, config: CollectConfig | None = None, progress: Progress = silent) -> Seen:
    """Everything that is read of one database, without statement texts and plans."""
    collected = Collected()
    with open_session(dsn) as session:
        read(session, config or CollectConfig(), collected, progress)
    return Seen(collected, session)
