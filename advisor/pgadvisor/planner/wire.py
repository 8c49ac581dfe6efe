"""Statements of strangers over the wire: nothing is sent for execution that the server has not read as one command.

The simple protocol runs every command of a text. The extended protocol's Parse refuses several
(https://www.postgresql.org/docs/current/protocol-flow.html#PROTOCOL-FLOW-EXT-QUERY) and runs none.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import msgspec
import psycopg
from psycopg import RawCursor, pq

from pgadvisor.model.coverage import GapKind
from pgadvisor.model.plan_nodes import MAX_PLAN_DEPTH
from pgadvisor.planner.refusals import NotDone
from pgadvisor.postgres.session import MARKER

if TYPE_CHECKING:
    from pgadvisor.postgres.session import Session


def explain_command(options: str, text: str) -> str:
    """An EXPLAIN of a text, marked as ours. The line feed ends a comment that the text may end with."""
    return f"EXPLAIN ({options}) {text}\n{MARKER}"


def parse(session: Session, command: str) -> tuple[int, ...]:
    """Has the server parse a text as one command, without running it; the oids of its parameters' types.

    Raises psycopg.Error where the server refuses it: several commands, invalid SQL, unknown names, a type it cannot
    infer, a lock it cannot get. The transaction is then of no more use. Raises NotDone where strings are no longer read
    as the guard set it, as code that parsing ran may have done: then the text may hold more commands than one.
    """
    connection = session.connection
    sent = encoded(connection, command)
    with session.timed():
        checked(connection, connection.pgconn.prepare(b"", sent))
        described = checked(connection, connection.pgconn.describe_prepared(b""))
    if connection.pgconn.parameter_status(b"standard_conforming_strings") != b"on":
        raise NotDone("Strings in it would be read otherwise than they were looked at")
    return tuple(described.param_type(position) for position in range(described.nparams))


def run_one(connection: psycopg.Connection[Any], command: str) -> None:
    """Runs a text as one command by the extended protocol, which refuses several.

    Raises psycopg.Error where the server refuses it, psycopg.DataError where it cannot be sent.
    """
    checked(connection, connection.pgconn.exec_params(encoded(connection, command), None))


def explain(session: Session, command: str) -> dict[str, Any]:
    """Runs an EXPLAIN (FORMAT JSON) by the simple protocol, which alone leaves $n open, after it passed `parse`.

    The settings that bear on reading the text are those that `parse` had: both are in one transaction.
    """
    parse(session, command)
    with session.connection.cursor() as cursor, session.timed():
        cursor.execute(command.encode(session.connection.info.encoding), prepare=False)
        return _only_plan(cursor)


def explain_with(session: Session, command: str, values: Sequence[str | None]) -> dict[str, Any]:
    """Runs an EXPLAIN (FORMAT JSON) by the extended protocol, its parameters bound as text of unnamed types."""
    with RawCursor(session.connection) as cursor, session.timed():
        cursor.execute(command.encode(session.connection.info.encoding), list(values), prepare=False)
        return _only_plan(cursor)


def _only_plan(cursor: psycopg.Cursor[Any]) -> dict[str, Any]:
    """Raises NotDone where the plan is deeper than can be handled."""
    try:
        ((documents,),) = cursor.fetchall()
    except RecursionError:
        raise _too_deep() from None
    return only_plan(documents)


def only_plan(documents: object) -> dict[str, Any]:
    """The one plan of what EXPLAIN (FORMAT JSON) gave, decoded.

    Raises NotDone where it is deeper than can be handled, or none.
    """
    plan = documents[0] if isinstance(documents, list) and len(documents) == 1 else None
    if not isinstance(plan, dict) or not isinstance(plan.get("Plan"), dict):
        raise NotDone("What the server answered is no plan")
    level = [plan["Plan"]]
    for _ in range(MAX_PLAN_DEPTH):
        level = [child for node in level for child in node.get("Plans", ())]
    if level:
        raise _too_deep()
    return plan


def plan_of_json(document: bytes) -> dict[str, Any]:
    """The one plan in EXPLAIN's JSON as the server sent it. Raises NotDone as only_plan does."""
    try:
        documents = msgspec.json.decode(document)
    except RecursionError:
        raise _too_deep() from None
    except msgspec.DecodeError:
        documents = None
    return only_plan(documents)


def _too_deep() -> NotDone:
    return NotDone(f"Its plan is more than {MAX_PLAN_DEPTH} nodes deep", kind=GapKind.LIMIT)


def encoded(connection: psycopg.Connection[Any], command: str) -> bytes:
    """A command as it is sent. Raises psycopg.DataError where it cannot be."""
    try:
        sent = command.encode(connection.info.encoding)
    except UnicodeEncodeError as error:
        raise psycopg.DataError("the text has characters that the connection cannot send") from error
    if b"\0" in sent:
        raise psycopg.DataError("the text has a NUL character")
    return sent


def checked(connection: psycopg.Connection[Any], result: pq.abc.PGresult) -> pq.abc.PGresult:
    """A result that is none of an error. Raises psycopg.Error, OperationalError where the connection is lost."""
    if result.status in (pq.ExecStatus.COMMAND_OK, pq.ExecStatus.TUPLES_OK):
        return result
    encoding = connection.info.encoding
    sqlstate = result.error_field(pq.DiagnosticField.SQLSTATE)
    message = result.error_message.decode(encoding, "replace").strip()
    kind = psycopg.OperationalError if sqlstate is None else psycopg.errors.lookup(sqlstate.decode("ascii"))
    raise kind(message, info=result, encoding=encoding)
