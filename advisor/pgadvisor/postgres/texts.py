"""Reads the texts of chosen statements and tells which are this tool's own, in one look at the file of texts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import psycopg

from pgadvisor.model.coverage import Fact, Gap
from pgadvisor.model.statements import StatementText
from pgadvisor.postgres.extension_code import genuine
from pgadvisor.postgres.gaps import gap_of, is_lost
from pgadvisor.postgres.session import MARKER, Session
from pgadvisor.postgres.sqlfiles import Queries

# A longer text is not cut: half a statement is another statement.
MAX_TEXT_BYTES = 1 << 20
# The server puts all texts into memory of this size before it answers, and what is more into a temporary file.
WORK_MEM = "64MB"

# A statement of one database: its oid and the query id. Databases made from one template share query ids.
StatementId = tuple[int, str]


@dataclass
class Texts:
    """What one look at the texts told.

    own are this tool's statements, answers the rows of others by id. failed is set where the server refused the look.
    """

    own: frozenset[StatementId] = frozenset()
    answers: Mapping[StatementId, Mapping[str, Any]] = field(default_factory=dict)
    failed: Gap | None = None

    def text(self, statement: StatementId) -> StatementText:
        """The text of a statement that was asked for; None with the reason where there is none."""
        _, query_id = statement
        if self.failed is not None:
            reason = f"The server refused the texts: {self.failed.reason}"
            return StatementText(query_id=query_id, text=None, reason=reason)
        answer = self.answers.get(statement)
        if answer is None:
            reason = "The server has dropped the entry in the meantime"
            return StatementText(query_id=query_id, text=None, reason=reason)
        source_bytes, text = answer["source_bytes"], answer["text"]
        if source_bytes is None:
            return StatementText(query_id=query_id, text=None, reason="The server has lost the text")
        if answer["hidden"]:
            return StatementText(query_id=query_id, text=None, reason="The text is hidden from this role")
        if text is None:
            reason = f"The text is longer than {MAX_TEXT_BYTES} bytes"
            return StatementText(query_id=query_id, text=None, reason=reason, source_bytes=source_bytes)
        return StatementText(query_id=query_id, text=text, source_bytes=source_bytes)


def read_texts(
    session: Session, schema: str, databases: Sequence[int], candidates: Sequence[StatementId], wanted: int
) -> Texts:
    """Which statements of some databases are this tool's own, and the texts of the first candidates that are not.

    schema is the extension's in the database connected to. Raises psycopg.OperationalError where the connection is
    lost.
    """
    parameters = {
        "databases": list(databases),
        "database_oids": [database_oid for database_oid, _ in candidates],
        "query_ids": [int(query_id) for _, query_id in candidates],
        "wanted": wanted,
        "max_bytes": MAX_TEXT_BYTES,
        "marker": MARKER,
    }
    query = Queries((), {"statements_schema": schema})["statement_texts"]
    try:
        with genuine(session, "pg_stat_statements", schema, ["pg_stat_statements"]) as transaction:
            transaction.set_local(work_mem=WORK_MEM)
            rows = transaction.rows(query, parameters)
    except psycopg.Error as error:
        if is_lost(session, error):
            raise
        return Texts(failed=gap_of(error, Fact.STATEMENT_TEXTS, "the texts of statements"))
    by_id = {(int(row["database_oid"]), str(row["query_id"])): row for row in rows}
    own = frozenset(statement for statement, row in by_id.items() if row["own"])
    return Texts(own, {statement: row for statement, row in by_id.items() if statement not in own})
