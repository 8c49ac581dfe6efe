"""A twin, from a snapshot to its last answer."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

import psycopg

from pgadvisor.facts import Facts
from pgadvisor.localserver import LocalServer, LocalServerError
from pgadvisor.model.catalog import IndexDefinition
from pgadvisor.model.whatif import AS_IS, Configuration, IndexSize, PlannerIdentity, PlannerKind, Shortfall
from pgadvisor.planner.caution import Beyond, Caution
from pgadvisor.planner.protocol import Answer, Asked, PlannerError, Question, Use
from pgadvisor.planner.twin.asking import Asker
from pgadvisor.planner.twin.building import Building
from pgadvisor.planner.twin.database import create_database
from pgadvisor.planner.twin.documents import expected_rows, index_names, risky_plan, total_cost
from pgadvisor.planner.twin.schema.build import build_schema, finish_schema
from pgadvisor.planner.twin.schema.extensions import touching
from pgadvisor.planner.twin.schema.not_held import note_not_held
from pgadvisor.planner.twin.server import start_server
from pgadvisor.planner.twin.statistics.ends import stretch_histograms
from pgadvisor.planner.twin.statistics.load import load_statistics
from pgadvisor.planner.twin.storage.candidates import Candidates, Made
from pgadvisor.planner.twin.storage.lay_out import lay_out
from pgadvisor.planner.twin.storage.prediction import Predictions
from pgadvisor.planner.used import by_configuration
from pgadvisor.progress import Progress, silent


class Twin:
    """A private server that plans as the audited one does. It is a Planner (planner/protocol.py).

    server: where its programs are: a path, auto or docker. session: settings for every statement, such as
    collect.session of the configuration has. predictions: those of the same facts that another twin has too. Raises
    PlannerError where it cannot be built. Whatever ends the process, nothing of it is left.
    """

    def __init__(
        self,
        facts: Facts,
        *,
        server: str = "auto",
        session: Mapping[str, str] | None = None,
        predictions: Predictions | None = None,
        progress: Progress = silent,
    ) -> None:
        self._facts = facts
        self._building: Building | None = None
        self._candidates: Candidates | None = None
        self._asker: Asker | None = None
        self._session = dict(session or {})
        self._predictions = predictions or Predictions(facts)
        self._caution = Caution(facts)
        progress("Starting the twin")
        self._server: LocalServer = start_server(facts, server)
        try:
            self._build(progress)
        except (psycopg.Error, LocalServerError, OSError) as error:
            self.close()
            raise PlannerError(f"the twin cannot be built: {error}") from error
        except BaseException:
            self.close()
            raise

    def __enter__(self) -> Self:
        """Itself, built."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Removes it."""
        self.close()

    @property
    def identity(self) -> PlannerIdentity:
        """Which planner this is."""
        server_version = self._facts.server.version.split()[0]
        return PlannerIdentity(
            kind=PlannerKind.TWIN, version=self._server.binaries.version, server_version=server_version
        )

    @property
    def data_folder(self) -> Path:
        """Where its server keeps its data, for whoever measures it."""
        return self._server.folder.data

    @property
    def server_pid(self) -> int:
        """The process id of its server."""
        return self._server.pid

    @property
    def shortfalls(self) -> tuple[Shortfall, ...]:
        """What of the audited server it has not, or has otherwise, also of the indexes that it was asked about."""
        made = () if self._candidates is None else self._candidates.made.values()
        found = () if self._building is None else tuple(self._building.shortfalls)
        refused = () if self._asker is None else self._asker.refused
        return (
            *touching(found, refused),
            *(shortfall for each in made if not each.refusal for shortfall in each.shortfalls),
        )

    def unable(self, configuration: Configuration) -> str:
        """Why it cannot say what a configuration would do, in one sentence; "" where it can.

        Indexes that it adds are made then, once.
        """
        refusal, _ = self._created(configuration.create)
        return refusal or self._opened.unable(configuration)

    def sizes(self, definitions: Sequence[IndexDefinition]) -> tuple[IndexSize, ...]:
        """How large it takes indexes to be that do not exist, in their order."""
        made = self._made(definitions)
        return tuple(IndexSize(definition=each, size_bytes=made[each].size_bytes) for each in definitions)

    def names(self, definitions: Sequence[IndexDefinition]) -> tuple[str, ...]:
        """What indexes that do not exist are called in its plans, where a configuration has them in this order."""
        made = self._made(definitions)
        return tuple(made[each].name for each in definitions)

    def plan(self, question: Question, configuration: Configuration = AS_IS) -> Answer:
        """The plan of one statement. Raises PlannerError where the planner is gone, not where it refuses."""
        refusal, created = self._created(configuration.create)
        return Answer(None, refusal) if refusal else self._opened.plan(question, configuration, created)

    def costs(self, questions: Sequence[Question], configuration: Configuration = AS_IS) -> tuple[float | None, ...]:
        """Total costs of statements, in their order; None where one is refused. Raises PlannerError."""
        refusal, created = self._created(configuration.create)
        return (None,) * len(questions) if refusal else self._opened.costs(questions, configuration, created)

    def uses(self, asked: Sequence[Asked]) -> tuple[Use | None, ...]:
        """What statements cost and which indexes they use, in their order; None where one is refused.

        Raises PlannerError.
        """
        groups = list(by_configuration(asked))
        created = [self._created(configuration.create) for configuration, _ in groups]
        able = [
            (questions, configuration, oids)
            for (configuration, questions), (refusal, oids) in zip(groups, created, strict=True)
            if not refusal
        ]
        documents = self._opened.documents(able)
        found: list[Use | None] = []
        for (configuration, questions), (refusal, _) in zip(groups, created, strict=True):
            found += (None,) * len(questions) if refusal else self._of_plans(next(documents), configuration)
        return tuple(found)

    def close(self) -> None:
        """Stops its server and removes it; closing twice is no error."""
        if self._asker is not None:
            self._asker.close()
            self._asker = None
        if self._building is not None:
            self._building.close()
        self._server.stop()

    @property
    def _opened(self) -> Asker:
        if self._asker is None:
            raise PlannerError("The twin is closed.")
        return self._asker

    def _of_plans(self, documents: Iterable[bytes], configuration: Configuration) -> Iterator[Use | None]:
        """What plans cost and use, by EXPLAIN's JSON, with the indexes of a configuration that are of their names."""
        named: dict[str, list[IndexDefinition]] = {}
        known = self._made(configuration.create) if configuration.create else {}
        for definition in configuration.create:
            for name in known[definition].part_names:
                named.setdefault(name, []).append(definition)
        for document in documents:
            cost = total_cost(document)
            if cost is None:
                yield None
            else:
                names = index_names(document)
                created = frozenset(each for name in names for each in named.get(name, ()))
                plan = risky_plan(document)
                beyond = Beyond(0.0, 0.0) if plan is None else self._caution.of(plan, named)
                yield Use(cost, created, names, beyond.caution, expected_rows(document), beyond.toll)

    def _created(self, definitions: Sequence[IndexDefinition]) -> tuple[str, tuple[int, ...]]:
        """Why one of several indexes cannot be, "" where all can; and the oids of all of them on the twin."""
        known = self._made(definitions) if definitions else {}
        made = [known[each] for each in definitions]
        refusal = next((each.refusal for each in made if each.refusal), "")
        sentence = f"{refusal[:1].upper()}{refusal[1:].removesuffix('.')}." if refusal else ""
        return sentence, tuple(oid for each in made for oid in each.oids)

    def _made(self, definitions: Sequence[IndexDefinition]) -> Mapping[IndexDefinition, Made]:
        """What became of indexes to be added; those that were not asked for before are made. Raises PlannerError."""
        asker, candidates = self._opened, self._candidates
        assert candidates is not None  # noqa: S101  made before the asker
        if any(definition not in candidates.made for definition in definitions):
            generation = candidates.generation
            try:
                candidates.ensure(definitions)
                if candidates.generation != generation:
                    asker.reconnect()
            except (psycopg.Error, LocalServerError, OSError) as error:
                raise PlannerError(f"The twin cannot be given another index: {error}") from error
        return candidates.made

    def _build(self, progress: Progress) -> None:
        self._building = building = create_database(self._server, self._facts, progress)
        build_schema(building)
        load_statistics(building)
        stretch_histograms(building)
        finish_schema(building)
        lay_out(building)
        note_not_held(building)
        self._candidates = Candidates(building, self._predictions)
        self._asker = Asker(building, self._session)
        building.shortfalls += self._asker.shortfalls
