"""Statements as the copy can read them: mended where it objects to their normalised text, as for planning."""

from __future__ import annotations

from dataclasses import replace
from functools import cached_property, partial
from typing import TYPE_CHECKING

from pgadvisor.model.shape import StatementShape
from pgadvisor.planner.compared_types import compared_types
from pgadvisor.planner.mended import mended
from pgadvisor.workload.schema import SchemaView
from pgadvisor.workload.understand import understand

if TYPE_CHECKING:
    import psycopg

    from pgadvisor.facts import Facts
    from pgadvisor.verifying.running import Runnable

# A text may need more than one change until the server can read it.
MENDINGS = 8


class Mender:
    """Changes texts that the copy refuses to read; server_version as psycopg has it."""

    def __init__(self, facts: Facts, server_version: int) -> None:
        self._facts = facts
        self._version = server_version

    def changed(self, statement: Runnable, error: psycopg.Error) -> Runnable | None:
        """The statement without what the copy objected to, with the shape of that text; None where nothing can be done.

        Its parameters have the numbers of the changed text.
        """
        text = mended(statement.text, error, self._version, partial(compared_types, statement.shape, self._facts))
        if text is None:
            return None
        shape = understand(statement.query_id, text, self._schema)
        return replace(statement, text=text, shape=shape if isinstance(shape, StatementShape) else None)

    @cached_property
    def _schema(self) -> SchemaView:
        return SchemaView(self._facts.snapshot.catalog, self._facts.server.search_path)
