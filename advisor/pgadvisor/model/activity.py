"""What the server was doing at the moment it was looked at."""

from __future__ import annotations

from pgadvisor.model.base import Model


class Activity(Model, frozen=True, kw_only=True):
    """Load and trouble at the moment of collection.

    strong_locks are the oids of relations on which an ACCESS EXCLUSIVE lock is held or waited for.
    waiting_sessions counts sessions that wait for a lock.
    """

    sessions: int = 0
    max_connections: int = 0
    waiting_sessions: int = 0
    longest_transaction_s: float | None = None
    strong_locks: tuple[int, ...] = ()
    standbys: int | None = None
