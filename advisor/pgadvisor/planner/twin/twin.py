"""A twin, from a snapshot to its last answer."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

import psycopg

from pgadvisor.facts import Facts
from pgadvisor.localserver import LocalServer, LocalServerError
from pgadvisor.model.catalog import IndexDefinition
from pgadvisor.model.whatif import AS_IS, Configuration, IndexSize, PlannerIdentity, PlannerKind, Shortfall
from pgadvisor.planner.protocol import Answer, PlannerError, Question
from pgadvisor.planner.twin.asking import Asker
from pgadvisor.planner.twin.building import Building
from pgadvisor.planner.twin.database import create_database
from pgadvisor.planner.twin.schema.build import build_schema, finish_schema
from pgadvisor.planner.twin.server import start_server
from pgadvisor.planner.twin.statistics.load import load_statistics
from pgadvisor.planner.twin.storage.lay_out import lay_out
from pgadvisor.progress import Progress, silent


class Twin:
    """A private server that plans as the audited one does. It is a Planner (planner/protocol.py).

    server: where its programs are: a path, auto or docker. Raises PlannerError where it cannot be built. Whatever ends
    the process, nothing of it is left.
    """

    def __init__(self, facts: Facts, *, server: str = "auto", progress: Progress = silent) -> None:
        self._facts = facts
        self._building: Building | None = None
        self._asker: Asker | None = None
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
        """What of the audited server it has not, or has otherwise."""
        return () if self._building is None else tuple(self._building.shortfalls)

    def unable(self, configuration: Configuration) -> str:
        """Why it cannot say what a configuration would do, in one sentence; "" where it can."""
        if self._asker is None:
            raise PlannerError("the twin is gone")
        return self._asker.unable(configuration)

    def sizes(self, definitions: Sequence[IndexDefinition]) -> tuple[IndexSize, ...]:
        """How large it takes indexes to be that do not exist, in their order."""
        return ()

    def plan(self, question: Question, configuration: Configuration = AS_IS) -> Answer:
        """The plan of one statement. Raises PlannerError where the planner is gone, not where it refuses."""
        if self._asker is None:
            raise PlannerError("the twin is gone")
        return self._asker.plan(question, configuration)

    def costs(self, questions: Sequence[Question], configuration: Configuration = AS_IS) -> tuple[float | None, ...]:
        """Total costs of statements, in their order; None where one is refused."""
        if self._asker is None:
            raise PlannerError("the twin is gone")
        return self._asker.costs(questions, configuration)

    def close(self) -> None:
        """Stops its server and removes it; closing twice is no error."""
        if self._asker is not None:
            self._asker.close()
            self._asker = None
        if self._building is not None:
            self._building.close()
        self._server.stop()

    def _build(self, progress: Progress) -> None:
        self._building = building = create_database(self._server, self._facts, progress)
        build_schema(building)
        load_statistics(building)
        finish_schema(building)
        lay_out(building)
        self._asker = Asker(building)
        building.shortfalls += self._asker.shortfalls
