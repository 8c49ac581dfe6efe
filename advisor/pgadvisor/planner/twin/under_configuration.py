"""Statements planned under one configuration of a twin: as whom each is asked, and how its text is read."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import TYPE_CHECKING

import psycopg

from pgadvisor.model.coverage import GapKind
from pgadvisor.model.whatif import Configuration
from pgadvisor.planner.protocol import Question
from pgadvisor.planner.readable import Readable, as_asked, original_numbers
from pgadvisor.planner.refusals import NotDone
from pgadvisor.planner.twin.refusing import NotOnTwin, refused_by_twin
from pgadvisor.planner.twin.settings import Assumed

if TYPE_CHECKING:
    from pgadvisor.planner.twin.asking import Asker

TIMEOUT_MS = 10_000


class Asking:
    """One configuration, under which an asker has statements planned, one after the other."""

    def __init__(self, asker: Asker, configuration: Configuration, created: Iterable[int]) -> None:
        self._asker = asker
        self._configuration = configuration
        self._created = tuple(created)
        self._open: Assumed | None = None

    def explain(self, question: Question, options: str) -> bytes:
        """EXPLAIN's JSON of one statement. Raises NotDone where it has no plan, PlannerError where the twin is gone."""
        try:
            assumed = self._asker.assumed(question)
            readable = self._read(question, assumed)
            self._become(assumed)
            return self._asker.explain(readable, question, options)
        except NotOnTwin:
            self._asker.refused.add(question.query_id)
            raise
        except psycopg.Error as error:
            raise self._refusal(error) from error

    def _read(self, question: Question, assumed: Assumed) -> Readable:
        """The text as the server can read it. Raises NotDone, psycopg.Error where a configuration is refused."""
        key = (question.text, assumed, self._configuration.settings)
        known = self._asker.remembered(key)
        if known is None:
            try:
                known = self._first_read(question, assumed)
            except NotDone as refusal:
                if refusal.kind is GapKind.TIMED_OUT:
                    raise
                known = refusal
            self._become(assumed)
            self._asker.remember(key, known)
        if isinstance(known, NotDone):
            raise known
        return known

    def _first_read(self, question: Question, assumed: Assumed) -> Readable:
        readable: Readable | None = as_asked(question)
        while readable is not None:
            self._become(assumed)
            try:
                read = self._asker.read(readable)
            except psycopg.Error as error:
                refusal = self._refusal(error)
                readable = self._asker.changed(readable, error, question)
            else:
                return replace(read, numbers=original_numbers(question.text, read))
        raise refusal

    def _become(self, assumed: Assumed) -> None:
        """Opens a transaction for a role, where it is not open already. Raises psycopg.Error."""
        # What a stranger's code set, a transaction of its own does not know.
        if self._open == assumed and self._asker.reads_as_known():
            return
        self._asker.rollback()
        self._open = None
        self._asker.begin(self._configuration, self._created, assumed)
        self._open = assumed

    def _refusal(self, error: psycopg.Error) -> NotDone:
        """What an error means for the reader; the transaction is over. Raises PlannerError where the twin is gone."""
        if self._asker.ended(error):
            raise self._asker.gone() from error
        self._asker.rollback()
        self._open = None
        if isinstance(error, psycopg.errors.QueryCanceled):
            return NotDone(f"Planning it took longer than {TIMEOUT_MS // 1000} s", kind=GapKind.TIMED_OUT)
        return refused_by_twin(error, self._asker.lacking, has_rules=self._asker.has_rules)
