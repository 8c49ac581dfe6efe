"""Plans for unknown values: what the planner does with $1 when nobody told it what $1 is."""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING, Any

import psycopg
from psycopg import sql

from pgadvisor.planner.wire import explain, explain_command, parse
from pgadvisor.postgres.session import MARKER

if TYPE_CHECKING:
    from pgadvisor.planner.guard import Opened
    from pgadvisor.postgres.session import Session

# EXPLAIN (GENERIC_PLAN) is new in 16.
GENERIC_PLAN_SINCE = 160000
_OPTIONS = "VERBOSE, SETTINGS, FORMAT JSON"
# A name that nobody else has, the same for all: pg_stat_statements counts an EXPLAIN of it by its text, once.
_NAME = sql.Identifier(f"pgadvisor_{secrets.token_hex(4)}")


def plan_generic(session: Session, opened: Opened) -> tuple[dict[str, Any], int]:
    """The plan of a text with $n open, in a transaction that is then rolled back; and how many EXPLAINs it took.

    Raises psycopg.Error where the server refuses, NotDone where the time for it is used up.
    """
    opened.bound()
    if session.connection.info.server_version >= GENERIC_PLAN_SINCE:
        return explain(session, explain_command(f"GENERIC_PLAN, {_OPTIONS}", opened.text)), 1
    return _plan_prepared(session, opened)


def _plan_prepared(session: Session, opened: Opened) -> tuple[dict[str, Any], int]:
    """The way before 16: a prepared statement whose generic plan is forced, executed under EXPLAIN with NULLs.

    A prepared statement outlives a rollback, so it is given up here; after an error that needs a savepoint. All of it
    is in one transaction, which a pooler does not split.
    """
    transaction, parameters = opened.transaction, len(opened.parameters)
    prepare = f"PREPARE {_NAME.as_string()} AS {opened.text}\n{MARKER}"
    parse(session, prepare)
    transaction.set_local(plan_cache_mode="force_generic_plan")
    transaction.rows("SAVEPOINT pgadvisor")
    prepared = False
    try:
        with session.connection.cursor() as cursor, session.timed():
            cursor.execute(prepare.encode(session.connection.info.encoding), prepare=False)
        prepared = True
        opened.bound()
        plan = _explain_prepared(session, parameters)
        if not _has_pruned(plan):
            return plan, 1
        # NULLs prune every partition at execution time, which no real value does.
        transaction.set_local(enable_partition_pruning="off")
        transaction.rows("DISCARD PLANS")
        opened.bound()
        return _explain_prepared(session, parameters), 2
    finally:
        if prepared and not session.connection.closed:
            transaction.rows("ROLLBACK TO SAVEPOINT pgadvisor", always=True)
            transaction.rows(sql.SQL("DEALLOCATE {}").format(_NAME), always=True)


def _explain_prepared(session: Session, parameters: int) -> dict[str, Any]:
    nulls = f"({', '.join(['NULL'] * parameters)})" if parameters else ""
    return explain(session, explain_command(_OPTIONS, f"EXECUTE {_NAME.as_string()}{nulls}"))


def _has_pruned(plan: dict[str, Any]) -> bool:
    stack = [plan["Plan"]]
    while stack:
        node = stack.pop()
        if node.get("Subplans Removed"):
            return True
        stack.extend(node.get("Plans", ()))
    return False


def is_refusal_of_rights(error: psycopg.Error) -> bool:
    """Whether the role may not do what the statement does, so that asking for less may work.

    On a standby it is the lock that an UPDATE takes which cannot be had.
    """
    standby = isinstance(error, psycopg.errors.ObjectNotInPrerequisiteState)
    return standby or isinstance(error, (psycopg.errors.InsufficientPrivilege, psycopg.errors.ReadOnlySqlTransaction))
