"""What the server refuses, as sentences."""

from __future__ import annotations

from collections.abc import Iterable

import psycopg

from pgadvisor.model.coverage import Fact, Gap, GapKind
from pgadvisor.postgres.bounds import SERVER_TIME_REMEDY, ServerTimeSpent, TransactionTooLong
from pgadvisor.postgres.extension_code import StrangersCode
from pgadvisor.postgres.session import Session

GRANT_MONITOR = "GRANT pg_monitor to the role."


def is_lost(session: Session, error: psycopg.Error) -> bool:
    """Whether the connection is gone, whatever the error calls itself.

    The server ends sessions with errors of several classes: idle_in_transaction_session_timeout is no
    OperationalError.
    """
    return session.connection.closed or session.connection.broken


def raise_if_lost(session: Session, error: psycopg.Error) -> None:
    """Raises psycopg.OperationalError, by which callers know a lost connection, if the error ended the connection."""
    if not is_lost(session, error):
        return
    if isinstance(error, psycopg.OperationalError):
        raise error
    raise psycopg.OperationalError(f"the connection was lost: {server_message(error)}") from error


def server_message(error: psycopg.Error) -> str:
    """What the server said, on one line."""
    text = error.diag.message_primary or str(error) or type(error).__name__
    return " ".join(text.split())


def gap_of(
    error: psycopg.Error,
    fact: Fact,
    what: str,
    *,
    scope: str = "",
    remedy: str = GRANT_MONITOR,
    timeout_option: str = "--statement-timeout",
) -> Gap:
    """A failed query as a gap.

    what: what it was to read; remedy: what helps where a privilege is missing; timeout_option: what gives it more time.
    """
    reason, mend, kind = _why(error, what)
    if kind is GapKind.HIDDEN:
        mend = mend or remedy
    if isinstance(error, psycopg.errors.QueryCanceled):
        mend = f"Raise {timeout_option}, or run when the server has less to do."
    return Gap(fact=fact, scope=scope, reason=reason, remedy=mend, kind=kind)


def _why(error: psycopg.Error, what: str) -> tuple[str, str, GapKind]:
    """Reason, remedy and kind of a gap, as far as the error alone tells."""
    cancelled = f"Reading {what} was cancelled: {server_message(error)}"
    match error:
        case StrangersCode():
            return f"Reading {what} was refused, for {error.reason}", error.remedy, GapKind.HIDDEN
        case psycopg.errors.InsufficientPrivilege():
            return f"The role may not read {what}: {server_message(error)}", "", GapKind.HIDDEN
        case psycopg.errors.LockNotAvailable():
            reason = f"A lock kept {what} from being read within the lock timeout"
            remedy = "Run again when the session that holds or awaits the lock is done, or raise --lock-timeout."
            return reason, remedy, GapKind.LOCKED
        case ServerTimeSpent():
            return f"{error.sentence} before {what} had been read", SERVER_TIME_REMEDY, GapKind.LIMIT
        case TransactionTooLong():
            return cancelled, "Run when the server has less to do.", GapKind.TIMED_OUT
        case psycopg.errors.QueryCanceled():
            return cancelled, "", GapKind.TIMED_OUT
        case _:
            return f"Reading {what} failed: {server_message(error)}", "", GapKind.OTHER


MAX_SINGLE_GAPS = 20
EXAMPLES = 5


def gaps_on(
    fact: Fact, scopes: Iterable[str], reason: str, remedy: str = "", kind: GapKind = GapKind.OTHER
) -> list[Gap]:
    """One gap for each of a few scopes; of many one gap, with their number and some of them by name."""
    names = list(scopes)
    if len(names) <= MAX_SINGLE_GAPS:
        return [Gap(fact=fact, scope=name, reason=reason, remedy=remedy, kind=kind) for name in names]
    examples = ", ".join(names[:EXAMPLES])
    return [
        Gap(
            fact=fact,
            scope=f"{len(names)} relations",
            reason=f"{reason} (such as {examples})",
            remedy=remedy,
            kind=kind,
        )
    ]
