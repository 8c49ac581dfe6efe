"""Numbers and texts of pg_stat_statements."""

from __future__ import annotations

import enum
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

    source_bytes is the length before any cut. also are the query ids of other entries that are the same statement,
    their texts apart in constants, lengths of lists or comments alone: their rows count as this statement's.
    """

    query_id: str
    text: str | None
    reason: str = ""
    source_bytes: int = 0
    also: tuple[str, ...] = ()


class SourceKind(enum.StrEnum):
    """Where statements can come from."""

    PG_STAT_STATEMENTS = "pg_stat_statements"
    SQL_FILE = "SQL file"
    EXPORT = "export of pg_stat_statements"
    LOG = "log"


class StatementSource(Model, frozen=True, kw_only=True):
    """One source of statements, and what was had from it.

    name is the file's name without its folder, "" for the server itself. calls and total_ms are what it counted in
    all; statements how many different ones it held. unread counts records that could not be read. since and until are
    the moments of its first and last record, where it says them. counted: its calls and times are among the rows; those
    of a log are not for statements that the server has counted itself.
    """

    kind: SourceKind
    name: str = ""
    statements: int = 0
    calls: int = 0
    total_ms: float = 0.0
    plans: int = 0
    unread: int = 0
    since: datetime | None = None
    until: datetime | None = None
    counted: bool = True


class ParameterSample(Model, frozen=True, kw_only=True):
    """The values that one real call of a statement was bound to, in the order of its parameters, as text; None is NULL.

    duration_ms is how long that call took, where that is known. source says where it was seen, such as "log".
    """

    query_id: str
    values: tuple[str | None, ...]
    source: str
    duration_ms: float | None = None


class StatementRole(Model, frozen=True, kw_only=True):
    """A role that ran statements; StatementRow.user_oid names it.

    may_set: the role that collects may become it by SET ROLE. is_superuser and bypasses_policies: policies of tables do
    not apply to it. member_of are the roles whose rights, and so whose policies, it has by membership; () for a
    superuser, who has all. Its own settings are among the server's overrides.
    """

    oid: int
    name: str
    is_superuser: bool = False
    bypasses_policies: bool = False
    may_set: bool = False
    member_of: tuple[str, ...] = ()


class Statements(Model, frozen=True, kw_only=True):
    """The workload as the server counted it.

    rows are this database's; other_* sum up the server's other databases. evicted counts entries that were
    pushed out (pg_stat_statements_info.dealloc, None before 1.9). own_* are statements of this tool, left out of rows.
    A row that comes from a file has the user_oid 0, and an id of its own where no entry of the server is the same.
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
    sources: tuple[StatementSource, ...] = ()
    samples: tuple[ParameterSample, ...] = ()
    roles: tuple[StatementRole, ...] = ()
