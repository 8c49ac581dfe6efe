"""Whether this is a time to execute anything: not on a server in trouble, not on a standby that is behind."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pgadvisor.planner.questions import ask

if TYPE_CHECKING:
    from pgadvisor.facts import Facts
    from pgadvisor.postgres.session import Session

MAX_LAG_S = 30.0
_MIN_FREE_CONNECTIONS = 5
_MIN_FREE_SHARE = 0.1


def trouble(session: Session, facts: Facts) -> str | None:
    """Why nothing may be executed now, as a sentence; None where the server is well. Raises psycopg.Error."""
    server = facts.server
    if server.in_recovery and server.replay_lag_s is None:
        return "The server is a standby, and how far it is behind is not known"
    if server.in_recovery and (server.replay_lag_s or 0.0) > MAX_LAG_S:
        return f"The server is a standby that is {server.replay_lag_s:.0f} s behind"
    with session.transaction() as transaction:
        (now,) = ask(transaction, "trouble")
        locked = {row["oid"]: row for row in ask(transaction, "strong_locks")}
    if now["waiting"]:
        return f"Sessions on the server wait for locks: {now['waiting']} for over a second"
    activity = facts.snapshot.activity
    for oid in () if activity is None else activity.strong_locks:
        if oid in locked:
            name = f"{locked[oid]['schema']}.{locked[oid]['name']}"
            return f"An ACCESS EXCLUSIVE lock on {name} has been held or awaited all along"
    usable = now["max_connections"] - now["reserved"]
    free = usable - now["clients"]
    if free <= max(_MIN_FREE_CONNECTIONS, _MIN_FREE_SHARE * usable):
        return f"The server has {free} connections left of {usable}"
    return None
