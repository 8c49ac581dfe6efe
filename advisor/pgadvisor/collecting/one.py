"""One look at one database for the sake of one statement."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

import msgspec

from pgadvisor.collecting.workload import Workload, read_workload
from pgadvisor.indexes.quoting import quote_identifier
from pgadvisor.model.counters import Window
from pgadvisor.model.plans import ValueChoice
from pgadvisor.model.statements import ParameterSample, StatementRole, Statements, StatementText
from pgadvisor.postgres.read import read
from pgadvisor.postgres.statement_roles import role_named
from pgadvisor.postgres.texts import read_texts
from pgadvisor.snapshots.sources import idle
from pgadvisor.workload.choose import choose_among
from pgadvisor.workload.fingerprint import fingerprint
from pgadvisor.workload.normalise import normalised
from pgadvisor.workload.secrets import without_secrets

if TYPE_CHECKING:
    from pgadvisor.collecting.look import Look
    from pgadvisor.model.snapshot import Snapshot
    from pgadvisor.postgres.session import Session
    from pgadvisor.progress import Progress

# Among so many of the costliest a statement is looked for by its text.
MAX_CANDIDATES = 1_000
_QUERY_ID = re.compile(r"-?\d{1,20}|f[0-9a-f]{16}")


def is_query_id(text: str) -> bool:
    """Whether it is an id of a statement rather than its text."""
    return _QUERY_ID.fullmatch(text.strip()) is not None


def known_id(text: str, snapshot: Snapshot) -> str | None:
    """The id that a statement, given by its text or its id, has among those of a snapshot with a text; None: none."""
    texts = () if snapshot.statements is None else snapshot.statements.texts
    if is_query_id(text):
        return next((each.query_id for each in texts if text.strip() in (each.query_id, *each.also)), None)
    sought = fingerprint(text)
    return next((each.query_id for each in texts if each.text and fingerprint(each.text) == sought), None)


class NoSuchRole(Exception):  # noqa: N818  an answer
    """The role that a statement is to be planned as does not exist."""


@dataclass
class OneStatement(Workload):
    """A workload of one statement: that of the id sought, or of the text, known by its fingerprint.

    query_id is its id once it is known, None where an id was sought that the server does not have. as_role is the role
    that it is taken to run as, "" for the one that took the most time for it.
    """

    sought: str = ""
    as_role: str = ""
    query_id: str | None = None

    def choose(self, session: Session, progress: Progress) -> None:
        """Looks for the statement among those counted, and reads its text."""
        by_database = self.statements.by_database
        rows = {oid: found.statements.rows for oid, found in by_database.items()}
        if is_query_id(self.sought):
            wanted = [(oid, row.query_id) for oid, each in rows.items() for row in each if row.query_id == self.sought]
            candidates = tuple(dict.fromkeys(wanted))
        else:
            candidates = choose_among(rows, MAX_CANDIDATES)
        progress("Reading statement texts", 0, len(candidates))
        texts = read_texts(session, self.statements.schema, sorted(by_database), candidates, len(candidates))
        self.failed = texts.failed
        own = fingerprint(self.sought)
        for statement in candidates:
            text = None if statement in texts.own else texts.text(statement).text
            if is_query_id(self.sought) or (text is not None and fingerprint(text) == own):
                self.chosen = (statement,)
                self.to_plan[statement[0]] = 1
                break
        for oid, found in by_database.items():
            found.statements = self.with_texts(oid, found.statements, texts)

    def settle(self, look: Look) -> None:
        """Sees to it that the statement is among those of the look, counted or not, with the values given.

        Raises NoSuchRole.
        """
        collected = look.collected
        if collected.server is None:
            return
        known = self.chosen[0][1] if self.chosen else None
        if is_query_id(self.sought):
            self.query_id = known
        else:
            self._add(look, known)
        if self.as_role and self.query_id is not None and collected.statements is not None:
            role = role_named(look.session, self.as_role)
            if role is None:
                raise NoSuchRole(f"There is no role {quote_identifier(self.as_role)} on the server.")
            collected.statements = _run_by(collected.statements, self.query_id, role)

    def _add(self, look: Look, known: str | None) -> None:
        """Puts the text sought among the statements of a look; known is the id of its rows, if it has any."""
        collected = look.collected
        if collected.server is None:
            return
        self.to_plan[collected.server.database_oid] = 1
        empty = Statements(window=Window(since=None, until=collected.server.collected_at, source="nothing was counted"))
        collected.statements, self.query_id = _with(collected.statements or empty, self.sought, known)


def put_in(snapshot: Snapshot, text: str) -> tuple[Snapshot, str]:
    """A snapshot that has a statement among its own, never counted and never planned; and the id it has there."""
    empty = Statements(window=Window(since=None, until=snapshot.server.collected_at, source="nothing was counted"))
    statements, query_id = _with(snapshot.statements or empty, text, None)
    return msgspec.structs.replace(snapshot, statements=statements), query_id


def put_in_as_well(snapshot: Snapshot, text: str) -> tuple[Snapshot, str]:
    """A snapshot that has a statement beside its own, with the values that it is given with; and the id it has there.

    One that it has already is only given the values.
    """
    known = known_id(text, snapshot)
    old = snapshot.statements
    alone, query_id = put_in(snapshot, text)
    new = alone.statements
    if old is None or new is None:
        return alone, query_id
    samples = tuple(msgspec.structs.replace(each, query_id=known or query_id) for each in new.samples)
    if known is not None:
        new = old
    texts = old.texts if known is not None else (*old.texts, *new.texts)
    statements = msgspec.structs.replace(new, texts=texts, samples=(*samples, *old.samples))
    return msgspec.structs.replace(snapshot, statements=statements), known or query_id


def _with(statements: Statements, sought: str, known: str | None) -> tuple[Statements, str]:
    """Statements with the one sought as the only one with a text, and its id; known is that of its rows, if any."""
    query_id = known or f"f{fingerprint(sought)}"
    given = normalised(sought)
    text = StatementText(
        query_id=query_id, text=without_secrets(given.text), source_bytes=len(sought.encode(errors="replace"))
    )
    sample = ParameterSample(query_id=query_id, values=given.values, source=ValueChoice.GIVEN.value)
    rows = statements.rows if known else (*statements.rows, idle(query_id))
    return msgspec.structs.replace(
        statements, rows=rows, texts=(text,), samples=(sample,) if given.values else ()
    ), query_id


def _run_by(statements: Statements, query_id: str, role: StatementRole) -> Statements:
    """Statements of which one is taken to be run by a role alone."""
    rows = tuple(
        msgspec.structs.replace(row, user_oid=role.oid) if row.query_id == query_id else row for row in statements.rows
    )
    return msgspec.structs.replace(statements, rows=rows, roles=(role,))


def take_statement(look: Look, workload: Workload, progress: Progress) -> None:
    """Takes one look at one database, for the one statement of the workload."""
    if not isinstance(workload, OneStatement):
        raise TypeError("the workload is of more than one statement")
    workload.statements.then = partial(workload.choose, progress=progress)
    with look.kept():
        read(look.session, workload.config, look.collected, progress, workload.statements)
        workload.settle(look)
        read_workload(look, workload, progress)
