"""Queries to run before and after a command: what it would wait for, what an earlier try left, whether it worked."""

# ruff: noqa: S608 - all that goes into a query is quoted as a literal first

from __future__ import annotations

from pgadvisor.indexes.quoting import regclass
from pgadvisor.model.report import SETS_SESSION, Step

READS_ONLY = "None: it reads catalogs and activity."


def open_transactions() -> Step:
    """What a concurrent build, drop or rebuild waits for: every transaction in this database that is older.

    PostgreSQL manual, CREATE INDEX, "Building Indexes Concurrently".
    """
    return _check(
        "-- Before: transactions that it would wait for. Let them end, or end them.\n"
        "SELECT pid, usename, state, xact_start, pg_catalog.now() - xact_start AS open_for, "
        'pg_catalog."left"(query, 100) AS statement\n'
        "FROM pg_catalog.pg_stat_activity\n"
        "WHERE datname = pg_catalog.current_database() AND pid <> pg_catalog.pg_backend_pid() "
        "AND xact_start IS NOT NULL\n"
        "UNION ALL\n"
        "SELECT NULL, owner, 'prepared transaction', prepared, pg_catalog.now() - prepared, gid\n"
        "FROM pg_catalog.pg_prepared_xacts WHERE database = pg_catalog.current_database()\n"
        "ORDER BY xact_start;"
    )


def leftovers(schema: str, table: str, kept: tuple[str, str] | None = None) -> Step:
    """Invalid indexes of a table that nobody is building: what failed tries left behind. kept is to be rebuilt."""
    others = f"AND i.indexrelid <> {regclass(*kept)}\n" if kept else ""
    return _check(
        "-- Before: what earlier tries left behind. Run what it prints; nothing reads these indexes. Do not drop one "
        "that another recommendation rebuilds.\n"
        "SELECT pg_catalog.format('DROP INDEX CONCURRENTLY %I.%I;', n.nspname, c.relname) AS to_run\n"
        "FROM pg_catalog.pg_index i\n"
        "JOIN pg_catalog.pg_class c ON c.oid = i.indexrelid\n"
        "JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace\n"
        f"WHERE i.indrelid = {regclass(schema, table)} AND NOT i.indisvalid AND c.relkind = 'i'\n"
        f"{others}"
        "AND NOT EXISTS (SELECT FROM pg_catalog.pg_constraint k WHERE k.conindid = i.indexrelid)\n"
        "AND NOT EXISTS (SELECT FROM pg_catalog.pg_inherits h WHERE h.inhrelid = i.indexrelid)\n"
        "AND NOT EXISTS (SELECT FROM pg_catalog.pg_stat_progress_create_index p WHERE p.index_relid = i.indexrelid);"
    )


def still_unused(schema: str, name: str) -> Step:
    """Scans of an index now; each standby counts its own."""
    return _check(
        "-- Before: its scans on this server so far. Ask each standby as well, they count their own.\n"
        "SELECT pg_catalog.sum(pg_catalog.pg_stat_get_numscans(t.relid)) AS scans\n"
        f"FROM (SELECT {regclass(schema, name)} AS relid\n"
        f"      UNION SELECT relid FROM pg_catalog.pg_partition_tree({regclass(schema, name)})) t;"
    )


def valid(schema: str, name: str) -> Step:
    """Whether a build ended well."""
    return _check(
        "-- After: must be true. If not, undo the step and take it again.\n"
        f"SELECT indisvalid FROM pg_catalog.pg_index WHERE indexrelid = {regclass(schema, name)};"
    )


def no_timeouts() -> Step:
    """Takes the timeouts off for this session: a concurrent build that one of them ends leaves an invalid index."""
    return Step(
        sql=(
            "SELECT name, pg_catalog.set_config(name, '0', false) FROM pg_catalog.pg_settings\n"
            "WHERE name IN ('statement_timeout', 'lock_timeout', 'transaction_timeout');"
        ),
        undo="",
        lock=SETS_SESSION,
    )


def short_lock_timeout() -> Step:
    """Lets the next command give up instead of standing in front of everybody else while it waits for its lock."""
    return Step(
        sql="SET lock_timeout = '2s';",
        undo="",
        lock=SETS_SESSION,
    )


def _check(sql: str) -> Step:
    return Step(sql=sql, undo="", lock=READS_ONLY)
