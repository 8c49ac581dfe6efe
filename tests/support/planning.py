"""Observes plans of texts as collection does, for tests of the planner."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

import msgspec

from pgadvisor.config import CollectConfig, Execute
from pgadvisor.facts import Facts
from pgadvisor.model.coverage import Fact, Gap
from pgadvisor.model.plans import ObservedPlan, PlanMethod
from pgadvisor.model.shape import StatementShape
from pgadvisor.model.snapshot import Snapshot
from pgadvisor.planner.observe import Candidate, Observation, observe
from pgadvisor.postgres.read import Collected, read
from pgadvisor.postgres.session import Session
from pgadvisor.progress import silent
from pgadvisor.workload.schema import SchemaView
from pgadvisor.workload.understand import understand
from support.databases import Database
from support.reading import open_session

# Without plans for values, which the tests that are about them turn on.
ROOMY = CollectConfig(execute_min_calls=1, max_value_explains=0)
OFF = msgspec.structs.replace(ROOMY, execute=Execute.OFF)


@dataclass
class Seen:
    """What was observed, by text."""

    observation: Observation
    texts: Sequence[str]
    steps: list[str] = field(default_factory=list)

    def plans(self, text: str, method: PlanMethod | None = None) -> list[ObservedPlan]:
        query_id = str(self.texts.index(text))
        return [p for p in self.observation.plans if p.query_id == query_id and method in (None, p.method)]

    def plan(self, text: str, method: PlanMethod = PlanMethod.GENERIC) -> ObservedPlan:
        (plan,) = self.plans(text, method)
        return plan

    def gaps(self, text: str, fact: Fact = Fact.PLANS) -> list[Gap]:
        query_id = str(self.texts.index(text))
        return [g for g in self.observation.gaps if g.fact is fact and query_id in g.scope.replace(",", "").split()]

    def gap(self, text: str, fact: Fact = Fact.PLANS) -> Gap:
        (gap,) = self.gaps(text, fact)
        return gap


def facts_of(session: Session, texts: Sequence[str]) -> Facts:
    """Facts of a database with the shapes of the texts, whose query ids are their positions."""
    collected = Collected()
    read(session, CollectConfig(), collected, silent)
    assert collected.server is not None
    schema = SchemaView(collected.catalog, collected.server.search_path)
    shapes = [understand(str(number), text, schema) for number, text in enumerate(texts)]
    snapshot = Snapshot(
        tool_version="test",
        server=collected.server,
        catalog=collected.catalog,
        column_statistics=collected.column_statistics,
        counters=collected.counters,
        activity=collected.activity,
    )
    return Facts(snapshot, {shape.query_id: shape for shape in shapes if isinstance(shape, StatementShape)})


def candidates_of(texts: Sequence[str], facts: Facts, *, mean_ms: float = 1.0, max_ms: float = 2.0) -> list[Candidate]:
    """The texts as candidates that have run often and fast."""
    return [
        Candidate(
            query_id=str(number),
            text=text,
            shape=facts.shapes.get(str(number)),
            calls=1000,
            mean_ms=mean_ms,
            max_ms=max_ms,
        )
        for number, text in enumerate(texts)
    ]


@contextmanager
def planning(dsn: str, texts: Sequence[str], config: CollectConfig = ROOMY) -> Iterator[tuple[Session, Facts]]:
    """A session with the facts of its database."""
    with open_session(dsn, lock_timeout_ms=config.lock_timeout_ms) as session:
        yield session, facts_of(session, texts)


def observe_texts(dsn: str, texts: Sequence[str], config: CollectConfig = ROOMY) -> Seen:
    """Observes plans of texts, over a connection of its own."""
    with planning(dsn, texts, config) as (session, facts):
        seen = Seen(Observation(), texts)

        def note(step: str, done: int = 0, total: int | None = None) -> None:
            seen.steps.append(f"{step} {done}/{total}")

        observe(session, candidates_of(texts, facts), facts, config, note, seen.observation)
    return seen


def fill_slow(database: Database) -> None:
    """A table, and a function that planning runs and that takes a minute."""
    database.execute(
        """
        CREATE TABLE t (id int NOT NULL);
        INSERT INTO t SELECT generate_series(1, 10000);
        CREATE FUNCTION slow() RETURNS int IMMUTABLE LANGUAGE plpgsql
            AS 'BEGIN PERFORM pg_catalog.pg_sleep(60); RETURN 1; END';
        ANALYZE t;
        """
    )
