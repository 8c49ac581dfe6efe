"""What the cumulative statistics system has counted, since when, and how large relations are."""

from __future__ import annotations

from datetime import datetime

from pgadvisor.model.base import Model


class TableCounters(Model, frozen=True, kw_only=True):
    """pg_stat_all_tables and pg_statio_all_tables of one table; None where this version has no such column."""

    relation_oid: int
    seq_scans: int = 0
    seq_rows_read: int = 0
    last_seq_scan: datetime | None = None
    index_scans: int = 0
    index_rows_fetched: int = 0
    last_index_scan: datetime | None = None
    rows_inserted: int = 0
    rows_updated: int = 0
    rows_deleted: int = 0
    rows_hot_updated: int = 0
    rows_newpage_updated: int | None = None
    live_rows: int = 0
    dead_rows: int = 0
    modified_since_analyze: int = 0
    inserted_since_vacuum: int | None = None
    last_vacuum: datetime | None = None
    last_autovacuum: datetime | None = None
    last_analyze: datetime | None = None
    last_autoanalyze: datetime | None = None
    heap_blocks_read: int = 0
    heap_blocks_hit: int = 0
    toast_blocks_read: int = 0
    toast_blocks_hit: int = 0
    vacuum_count: int = 0
    autovacuum_count: int = 0
    analyze_count: int = 0
    autoanalyze_count: int = 0
    vacuum_ms: float | None = None
    autovacuum_ms: float | None = None
    analyze_ms: float | None = None
    autoanalyze_ms: float | None = None


class IndexCounters(Model, frozen=True, kw_only=True):
    """pg_stat_all_indexes and pg_statio_all_indexes of one index."""

    index_oid: int
    scans: int = 0
    last_scan: datetime | None = None
    rows_read: int = 0
    rows_fetched: int = 0
    blocks_read: int = 0
    blocks_hit: int = 0


class RelationSize(Model, frozen=True, kw_only=True):
    """Sizes of a table or an index in bytes; total_bytes adds TOAST and indexes for a table."""

    oid: int
    main_bytes: int
    total_bytes: int


class SequenceCounters(Model, frozen=True, kw_only=True):
    """pg_statio_all_sequences of one sequence."""

    sequence_oid: int
    blocks_read: int = 0
    blocks_hit: int = 0


class FunctionCounters(Model, frozen=True, kw_only=True):
    """pg_stat_user_functions of one function, which counts only where track_functions says so."""

    function_oid: int
    calls: int
    total_ms: float
    self_ms: float


class DatabaseCounters(Model, frozen=True, kw_only=True):
    """pg_stat_database of the audited database; None where this version has no such column."""

    commits: int = 0
    rollbacks: int = 0
    blocks_read: int = 0
    blocks_hit: int = 0
    rows_returned: int = 0
    rows_fetched: int = 0
    rows_inserted: int = 0
    rows_updated: int = 0
    rows_deleted: int = 0
    conflicts: int = 0
    temp_files: int = 0
    temp_bytes: int = 0
    deadlocks: int = 0
    checksum_failures: int | None = None
    read_ms: float = 0.0
    write_ms: float = 0.0
    session_ms: float | None = None
    active_ms: float | None = None
    idle_in_transaction_ms: float | None = None
    sessions: int | None = None
    sessions_abandoned: int | None = None
    sessions_fatal: int | None = None
    sessions_killed: int | None = None
    parallel_workers_to_launch: int | None = None
    parallel_workers_launched: int | None = None
    frozen_xid_age: int | None = None
    multixact_age: int | None = None
    reset_at: datetime | None = None


class ViewRow(Model, frozen=True, kw_only=True):
    """One row of a statistics view of the whole server, with the columns that this version has.

    view is its name (pg_stat_checkpointer, pg_stat_wal, pg_stat_io ...); key holds what tells its rows apart (such as
    backend_type, object, context); values are the numbers by the view's own column names, times in milliseconds.
    """

    view: str
    key: tuple[str, ...] = ()
    values: dict[str, float | None] = {}
    reset_at: datetime | None = None


SERVER_START = "server start"


class Window(Model, frozen=True, kw_only=True):
    """A span of observation. since is None where its start is unknown; source names what set it."""

    since: datetime | None
    until: datetime
    source: str

    @property
    def seconds(self) -> float | None:
        """Its length, None where unknown."""
        return None if self.since is None else max((self.until - self.since).total_seconds(), 0.0)


class Counters(Model, frozen=True, kw_only=True):
    """Counters of one database, and the window they cover.

    The window starts at the latest of the database's reset, the server's start and the reset of shared
    statistics: after a crash counters are zero while the first two say nothing.
    """

    window: Window
    tables: tuple[TableCounters, ...] = ()
    indexes: tuple[IndexCounters, ...] = ()
    sizes: tuple[RelationSize, ...] = ()
    database_size_bytes: int | None = None
    sequences: tuple[SequenceCounters, ...] = ()
    functions: tuple[FunctionCounters, ...] = ()
    database: DatabaseCounters | None = None
    server_views: tuple[ViewRow, ...] = ()
