"""What the server was doing at the moment it was looked at."""

from __future__ import annotations

from pgadvisor.model.base import Model


class SessionState(Model, frozen=True, kw_only=True):
    """A session worth a word: in a long transaction, waiting for a lock, or keeping others waiting.

    Its text is left out, since it holds values; query_id is there (from 14 on, where compute_query_id is on). What is
    hidden from the role is None. blocked_by are pids, 0 for a prepared transaction; only of sessions that wait.
    horizon_age is how many transactions back its snapshot or its own number reaches.
    """

    pid: int
    database: str | None = None
    role: str | None = None
    application: str | None = None
    backend_type: str | None = None
    state: str | None = None
    wait_event_type: str | None = None
    wait_event: str | None = None
    transaction_s: float | None = None
    query_s: float | None = None
    state_s: float | None = None
    query_id: str | None = None
    horizon_age: int | None = None
    blocked_by: tuple[int, ...] = ()


class PreparedTransaction(Model, frozen=True, kw_only=True):
    """A row of pg_prepared_xacts: it keeps its locks and holds back vacuum until somebody ends it."""

    database: str
    owner: str
    age_s: float
    horizon_age: int


class StandbyState(Model, frozen=True, kw_only=True):
    """A row of pg_stat_replication; lags in bytes and seconds, None where unknown or hidden."""

    application: str
    address: str | None = None
    state: str | None = None
    sync_state: str | None = None
    sent_lag_bytes: int | None = None
    replay_lag_bytes: int | None = None
    replay_lag_s: float | None = None
    horizon_age: int | None = None


class ReplicationSlot(Model, frozen=True, kw_only=True):
    """A row of pg_replication_slots; retained_bytes is the WAL it keeps, horizon_age what it holds back of vacuum."""

    name: str
    kind: str
    plugin: str | None = None
    database: str | None = None
    active: bool
    temporary: bool = False
    wal_status: str | None = None
    retained_bytes: int | None = None
    horizon_age: int | None = None
    catalog_horizon_age: int | None = None
    conflicting: bool | None = None


class Replication(Model, frozen=True, kw_only=True):
    """Where the server stands in replication: its standbys, slots and subscriptions.

    upstream is set on a standby: "host:port" of what it streams from, as far as the role may see it. subscriptions are
    those of the audited database.
    """

    standbys: tuple[StandbyState, ...] = ()
    slots: tuple[ReplicationSlot, ...] = ()
    upstream: str | None = None
    subscriptions: tuple[str, ...] = ()


class RunningCommand(Model, frozen=True, kw_only=True):
    """A row of a pg_stat_progress_* view: command is vacuum, analyze, create index, cluster, copy or basebackup.

    done and total are blocks (bytes of copy and basebackup) of the current phase; total is None where unknown. Oids are
    None for commands in other databases.
    """

    command: str
    pid: int
    database: str | None = None
    relation_oid: int | None = None
    index_oid: int | None = None
    phase: str | None = None
    done: float | None = None
    total: float | None = None


class Activity(Model, frozen=True, kw_only=True):
    """Load and trouble at the moment of collection.

    strong_locks are the oids of relations on which an ACCESS EXCLUSIVE lock is held or waited for.
    waiting_sessions counts sessions that wait for a lock. oldest_horizon_age is how many transactions back the oldest
    snapshot reaches that vacuum of this database's tables has to respect: of a session, a prepared transaction, a
    standby or a slot (whose catalog_horizon_age, which holds back vacuum of catalogs only, is left to itself).
    """

    sessions: int = 0
    max_connections: int = 0
    waiting_sessions: int = 0
    longest_transaction_s: float | None = None
    strong_locks: tuple[int, ...] = ()
    standbys: int | None = None
    noted_sessions: tuple[SessionState, ...] = ()
    prepared_transactions: tuple[PreparedTransaction, ...] = ()
    replication: Replication | None = None
    running: tuple[RunningCommand, ...] = ()
    oldest_horizon_age: int | None = None

    @property
    def physical_standbys(self) -> int | None:
        """How many standbys stream from the server; logical subscribers and base backups are none. None if unknown."""
        if self.standbys is None or self.replication is None or not self.replication.standbys:
            return self.standbys
        backups = sum(1 for standby in self.replication.standbys if standby.state == "backup")
        logical = sum(1 for slot in self.replication.slots if slot.kind == "logical" and slot.active)
        return max(self.standbys - backups - logical, 0)
