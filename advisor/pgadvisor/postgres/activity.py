"""Reads what the server is doing at this moment: who waits for whom, since when, and what keeps vacuum back."""

from __future__ import annotations

from typing import Any

import msgspec

from pgadvisor.indexes.quoting import quote_identifier
from pgadvisor.model.activity import Activity, PreparedTransaction, RunningCommand, SessionState
from pgadvisor.model.coverage import Fact, Gap, GapKind, Presence
from pgadvisor.postgres.batches import strong_locks
from pgadvisor.postgres.reader import Reader, convert

LONG_TRANSACTION_S = 60
# Of sessions in long transactions the oldest are noted, of those that wait for locks those that wait longest.
MAX_LONG = 20
MAX_WAITING = 50
_FACTS = (Fact.ACTIVITY, Fact.SESSIONS, Fact.PROGRESS)


def read_activity(reader: Reader) -> None:
    """Load, sessions worth a word, prepared transactions, running commands, and how far back snapshots reach."""
    for fact in _FACTS:
        reader.present(fact, Presence.ABSENT)
    reader.progress("Reading activity")
    rows = reader.rows(Fact.ACTIVITY, "activity", "the server's activity")
    if not rows:
        return
    locks = strong_locks(reader, Fact.ACTIVITY)
    horizon = reader.rows(Fact.ACTIVITY, "horizon", "how far back the oldest snapshot reaches")
    hidden = rows[0]["hidden_sessions"]
    reader.into.activity = msgspec.structs.replace(
        msgspec.convert(rows[0], Activity),
        strong_locks=tuple(sorted(locks)),
        oldest_horizon_age=horizon[0]["oldest_horizon_age"] if horizon else None,
    )
    if hidden:
        note_hidden(
            reader,
            Fact.ACTIVITY,
            f"What {hidden} sessions of other roles do is hidden; a longer transaction may be open",
        )
    reader.present(Fact.ACTIVITY, Presence.PARTIAL if hidden or not horizon else Presence.PRESENT)
    _read_sessions(reader, reader.into.activity, hidden)
    _read_running(reader)


def note_hidden(reader: Reader, fact: Fact, reason: str) -> None:
    """A gap that the right to read all statistics would close."""
    server = reader.into.server
    role = "the role" if server is None else quote_identifier(server.role)
    remedy = f"GRANT pg_read_all_stats TO {role}."
    reader.into.gaps.append(Gap(fact=fact, scope="", reason=reason, remedy=remedy, kind=GapKind.HIDDEN))


def _read_sessions(reader: Reader, activity: Activity, hidden: int) -> None:
    fact = Fact.SESSIONS
    sessions = reader.rows(
        fact,
        "noted_sessions",
        "long transactions and waiting sessions",
        parameters={"long_transaction_s": LONG_TRANSACTION_S, "max_long": MAX_LONG, "max_waiting": MAX_WAITING},
    )
    prepared = reader.rows(fact, "prepared_transactions", "prepared transactions")
    reader.into.activity = msgspec.structs.replace(
        activity,
        noted_sessions=convert(sessions or (), SessionState),
        prepared_transactions=convert(prepared or (), PreparedTransaction),
    )
    if sessions is None and prepared is None:
        return
    if hidden:
        note_hidden(
            reader,
            fact,
            f"Of {hidden} sessions of other roles it is hidden how long their transactions are and what they wait for",
        )
    cut = _note_limits(reader, sessions[0]) if sessions else False
    whole = not hidden and not cut and sessions is not None and prepared is not None
    reader.present(fact, Presence.PRESENT if whole else Presence.PARTIAL)


def _note_limits(reader: Reader, totals: dict[str, Any]) -> bool:
    """Notes of which sessions there are more than were listed; whether there are any."""
    limits = (
        ("long_sessions", MAX_LONG, f"sessions in transactions of more than {LONG_TRANSACTION_S} s"),
        ("waiting_sessions", MAX_WAITING, "sessions that wait for locks"),
        ("blocking_sessions", MAX_WAITING, "sessions that keep others waiting"),
    )
    cut = [(totals[name], most, what) for name, most, what in limits if totals[name] > most]
    reader.into.gaps += (
        Gap(
            fact=Fact.SESSIONS,
            scope="",
            reason=f"Of {total} {what} only {most} are listed",
            remedy="Run again when the server has less to do.",
            kind=GapKind.LIMIT,
        )
        for total, most, what in cut
    )
    return bool(cut)


def _read_running(reader: Reader) -> None:
    fact = Fact.PROGRESS
    rows = reader.rows(fact, "running_commands", "the progress of running commands")
    if rows is None or reader.into.activity is None:
        return
    reader.into.activity = msgspec.structs.replace(reader.into.activity, running=convert(rows, RunningCommand))
    hidden = sum(row["hidden"] for row in rows)
    if hidden:
        note_hidden(reader, fact, f"How far {hidden} running commands of other roles are, and on what, is hidden")
    reader.present(fact, Presence.PARTIAL if hidden else Presence.PRESENT)
