"""Numbers and texts of pg_stat_statements."""

from __future__ import annotations

from datetime import datetime

from pgadvisor.model.base import Model
from pgadvisor.model.counters import Window


class StatementRow(Model, frozen=True, kw_only=True):
    """One entry of pg_stat_statements in this database; times in milliseconds, blocks in blocks.

    query_id is text: JavaScript rounds 64-bit integers. None stands for a column this extension version lacks. since
    is stats_since (1.11): when this entry began to be counted, later than the window's start if it was evicted. read_ms
    and write_ms are for blocks of ordinary and of temporary tables, temp_* for temporary files.

    Over an interval between two looks min_ms and max_ms bound the times: they are the interval's own only where they
    are records set in it. An entry that was there all along without a call has 0 calls.
    """

    query_id: str
    user_oid: int
    toplevel: bool | None = None
    calls: int
    total_ms: float
    min_ms: float
    max_ms: float
    mean_ms: float
    stddev_ms: float
    rows: int
    plans: int | None = None
    plan_ms: float | None = None
    shared_blocks_hit: int = 0
    shared_blocks_read: int = 0
    shared_blocks_dirtied: int = 0
    shared_blocks_written: int = 0
    temp_blocks_read: int = 0
    temp_blocks_written: int = 0
    read_ms: float | None = None
    write_ms: float | None = None
    wal_bytes: int | None = None
    jit_ms: float | None = None
    wal_records: int | None = None
    wal_full_page_images: int | None = None
    local_blocks_hit: int = 0
    local_blocks_read: int = 0
    local_blocks_dirtied: int = 0
    local_blocks_written: int = 0
    temp_read_ms: float | None = None
    temp_write_ms: float | None = None
    jit_functions: int | None = None
    parallel_workers_to_launch: int | None = None
    parallel_workers_launched: int | None = None
    since: datetime | None = None


class StatementText(Model, frozen=True, kw_only=True):
    """Text of a chosen statement; None with a reason where it could not be had.

    source_bytes is the length before any cut.
    """

    query_id: str
    text: str | None
    reason: str = ""
    source_bytes: int = 0


class Statements(Model, frozen=True, kw_only=True):
    """The workload as the server counted it.

    rows are this database's; other_* sum up the server's other databases. evicted counts entries that were
    pushed out (pg_stat_statements_info.dealloc, None before 1.9). own_* are statements of this tool, left out of rows.
    """

    window: Window
    rows: tuple[StatementRow, ...] = ()
    texts: tuple[StatementText, ...] = ()
    other_databases_ms: float = 0.0
    other_databases_calls: int = 0
    own_entries: int = 0
    evicted: int | None = None
    capacity: int | None = None
    extension_version: str | None = None
