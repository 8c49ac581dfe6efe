"""Why a statement was not planned or not executed, in words for a reader."""

from __future__ import annotations

from typing import TYPE_CHECKING

import psycopg
from psycopg import errors

from pgadvisor.model.coverage import GapKind
from pgadvisor.postgres.bounds import SERVER_TIME_REMEDY, ServerTimeSpent, TransactionTooLong

if TYPE_CHECKING:
    from pgadvisor.postgres.session import Session

# Conditions whose message speaks of names and syntax alone, never of values of rows.
_ABOUT_THE_TEXT = "42"


class NotDone(Exception):  # noqa: N818  no error: a decision
    """A statement is not planned or executed; reason is a sentence, remedy what the reader can do, or ""."""

    def __init__(self, reason: str, remedy: str = "", kind: GapKind = GapKind.OTHER) -> None:
        super().__init__(reason)
        self.reason = reason
        self.remedy = remedy
        self.kind = kind


# Functions of the server that report an unknown setting; by its code alone that is like any unknown object.
_LOOKS_SETTINGS_UP = frozenset(("find_option", "GetConfigOptionByName", "GetConfigOption", "show_config_by_name"))
LIMITS = (ServerTimeSpent, TransactionTooLong)


def limit_reached(error: ServerTimeSpent | TransactionTooLong) -> NotDone:
    """A statement that came too late."""
    if isinstance(error, ServerTimeSpent):
        return NotDone(f"{error.sentence} before it", SERVER_TIME_REMEDY, GapKind.LIMIT)
    return NotDone(f"It took too long: {error}", "Run when the server has less to do.", GapKind.TIMED_OUT)


def took_too_long(session: Session) -> NotDone:
    """A planning that did not end in time, by the option that allowed it the least."""
    if session.lock_timeout_ms <= session.statement_timeout_ms:
        return NotDone(
            "Planning it took longer than the lock timeout, for which at most others shall wait for us",
            "Raise collect.lock_timeout_ms.",
            GapKind.TIMED_OUT,
        )
    return NotDone(
        "Planning it took longer than the statement timeout",
        "Raise collect.statement_timeout_ms.",
        GapKind.TIMED_OUT,
    )


def someone_waited() -> NotDone:
    """A statement of ours that was cancelled for the sake of another session."""
    return NotDone(
        "Another session began to wait for a lock that it had, so it was cancelled",
        "Run again when no other session wants a strong lock on its relations.",
        GapKind.LOCKED,
    )


def refused_by_server(error: psycopg.Error, session: Session) -> NotDone:
    """What the server's error means for the reader."""
    if isinstance(error, LIMITS):
        return limit_reached(error)
    if isinstance(error, errors.LockNotAvailable):
        return NotDone(
            "A lock on one of its relations could not be had in time",
            "Run again when the lock is gone.",
            GapKind.LOCKED,
        )
    if isinstance(error, errors.QueryCanceled):
        return took_too_long(session)
    return not_accepted(error)


def not_accepted(error: psycopg.Error) -> NotDone:
    """What the server's objection to a text means for the reader, timeouts and locks left out."""
    message = error.diag.message_primary or str(error)
    if isinstance(error, errors.InsufficientPrivilege):
        # A function that not everybody may call is none that a role should get for the sake of a plan.
        mend = "If the role is to see its plan: GRANT SELECT on its tables and USAGE on their schemas."
        mend = "" if "for function" in message else mend
        return NotDone(f"The role may not use what it names: {message}", mend, GapKind.HIDDEN)
    if isinstance(error, (errors.UndefinedTable, errors.UndefinedFunction, errors.InvalidSchemaName)):
        return NotDone(
            f"The server does not know a name in it: {message}",
            "If the statement runs under another search_path, set it in [session] of the configuration.",
        )
    if isinstance(error, errors.UndefinedObject) and error.diag.source_function in _LOOKS_SETTINGS_UP:
        return NotDone(
            f"It, or a policy or a view that it is under, reads a setting that its application sets first: {message}",
            'Give it a value in the configuration: under [session], such as "app.tenant_id" = "42".',
        )
    if isinstance(error, errors.IndeterminateDatatype):
        return NotDone(f"The server cannot tell the type of a parameter from the normalised text: {message}")
    if error.sqlstate is None or error.sqlstate.startswith(_ABOUT_THE_TEXT):
        return NotDone(f"The server does not accept it as one statement: {message}")
    return NotDone(f"The server refused it with SQLSTATE {error.sqlstate} ({type(error).__name__})")
