"""Asks the twin's planner: configurations, values, roles, settings."""

from __future__ import annotations

from typing import Any

import psycopg

from pgadvisor.model.whatif import AS_IS, Configuration
from pgadvisor.planner.protocol import Answer, Question
from pgadvisor.planner.twin.building import Building
from pgadvisor.planner.twin.database import PLANNER


class Asker:
    """One connection of the planning role."""

    def __init__(self, building: Building) -> None:
        self._building = building
        self._connection: psycopg.Connection[Any] = psycopg.connect(building.server.dsn(building.database, PLANNER))

    def plan(self, question: Question, configuration: Configuration = AS_IS) -> Answer:
        """The plan of a statement under a configuration whose indexes are all there."""
        try:
            row = self._connection.execute(f"EXPLAIN (GENERIC_PLAN, FORMAT JSON) {question.text}".encode()).fetchone()
        except psycopg.Error as error:
            return Answer(None, str(error))
        finally:
            self._connection.rollback()
        return Answer(row[0][0] if row else None)

    def close(self) -> None:
        """Closes the connection."""
        self._connection.close()
