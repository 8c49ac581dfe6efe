"""Reads the texts of chosen statements, in one look at the server's file of texts."""

from __future__ import annotations

from collections.abc import Sequence

import psycopg

from pgadvisor.model.server import Extension
from pgadvisor.model.statements import Statements, StatementText
from pgadvisor.postgres.gaps import is_lost, server_message
from pgadvisor.postgres.reader import STATEMENTS_EXTENSION, convert
from pgadvisor.postgres.session import Session
from pgadvisor.postgres.sqlfiles import Queries

# A longer text is not cut: half a statement is another statement.
MAX_TEXT_BYTES = 1 << 20

_HIDDEN = "<insufficient privilege>"


def read_texts(session: Session, statements: Statements, query_ids: Sequence[str]) -> tuple[StatementText, ...]:
    """One text per query id, in their order; None with the reason where the server gives none.

    Raises psycopg.OperationalError where the connection is lost.
    """
    known = {row.query_id for row in statements.rows}
    wanted = [query_id for query_id in query_ids if query_id in known]
    if not wanted:
        return ()
    try:
        found = _ask(session, wanted)
    except psycopg.Error as error:
        if is_lost(session, error):
            raise
        reason = f"The server refused the texts: {server_message(error)}"
        return tuple(StatementText(query_id=query_id, text=None, reason=reason) for query_id in wanted)
    return tuple(_text(query_id, found.get(query_id)) for query_id in wanted)


def _ask(session: Session, query_ids: Sequence[str]) -> dict[str, tuple[str | None, int | None]]:
    with session.transaction() as transaction:
        extensions = convert(transaction.rows(Queries((), {})["extensions"]), Extension)
        schemas = {extension.name: extension.schema for extension in extensions}
        queries = Queries((), {"statements_schema": schemas.get(STATEMENTS_EXTENSION, "public")})
        rows = transaction.rows(
            queries["statement_texts"],
            {"query_ids": [int(query_id) for query_id in query_ids], "max_bytes": MAX_TEXT_BYTES},
        )
    return {row["query_id"]: (row["text"], row["source_bytes"]) for row in rows}


def _text(query_id: str, answer: tuple[str | None, int | None] | None) -> StatementText:
    if answer is None:
        return StatementText(query_id=query_id, text=None, reason="The server has dropped the entry in the meantime")
    text, source_bytes = answer
    if source_bytes is None:
        return StatementText(query_id=query_id, text=None, reason="The server has lost the text")
    if text == _HIDDEN:
        return StatementText(query_id=query_id, text=None, reason="The text is hidden from this role")
    if text is None:
        reason = f"The text is longer than {MAX_TEXT_BYTES} bytes"
        return StatementText(query_id=query_id, text=None, reason=reason, source_bytes=source_bytes)
    return StatementText(query_id=query_id, text=text, source_bytes=source_bytes)
