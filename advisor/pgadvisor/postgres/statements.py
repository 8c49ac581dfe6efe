"""Reads the numbers of pg_stat_statements, wherever and in whichever version it is installed."""

from __future__ import annotations

from typing import Any

import psycopg

from pgadvisor.indexes.quoting import quote_identifier
from pgadvisor.model.counters import Window
from pgadvisor.model.coverage import Fact, Gap, Presence
from pgadvisor.model.statements import StatementRow, Statements
from pgadvisor.postgres.reader import STATEMENTS_EXTENSION, Reader, convert
from pgadvisor.postgres.session import MARKER
from pgadvisor.postgres.sqlfiles import NotOfferedError

_CREATE = "CREATE EXTENSION pg_stat_statements in this database"
_PRELOAD = "Add pg_stat_statements to shared_preload_libraries and restart the server"
_WHAT = "pg_stat_statements"


def read_statements(reader: Reader) -> None:
    """The statements of this database without their texts; what hides some or all of them is a gap."""
    fact = Fact.STATEMENTS
    reader.present(fact, Presence.ABSENT)
    reader.progress("Reading pg_stat_statements")
    answer = reader.rows(fact, "statements_settings", "the settings of pg_stat_statements")
    settings = answer[0] if answer else None
    schema = reader.extension_schema(STATEMENTS_EXTENSION)
    if schema is None:
        _not_installed(reader, settings)
        return
    rows = _ask(reader, schema)
    if rows is None or settings is None:
        return
    own = _own_ids(reader)
    entries = [row for row in convert(rows, StatementRow) if row.query_id not in own]
    entries.sort(key=lambda row: (-row.total_ms, row.query_id, row.user_oid, row.toplevel or False))
    elsewhere = (reader.rows(fact, "statements_elsewhere", "the sums of other entries") or [{}])[0]
    window, evicted = _window(reader, settings)
    reader.into.statements = Statements(
        window=window,
        rows=tuple(entries),
        other_databases_ms=elsewhere.get("other_databases_ms", 0.0),
        other_databases_calls=elsewhere.get("other_databases_calls", 0),
        own_entries=len(rows) - len(entries),
        evicted=evicted,
        capacity=settings["capacity"],
        extension_version=next(e.version for e in reader.extensions if e.name == STATEMENTS_EXTENSION),
    )
    complete = _note_settings(reader, settings)
    complete = _note_hidden(reader, elsewhere) and complete
    reader.present(fact, Presence.PRESENT if complete else Presence.PARTIAL)


def _gap(reader: Reader, reason: str, remedy: str) -> None:
    reader.into.gaps.append(Gap(fact=Fact.STATEMENTS, scope="", reason=reason, remedy=remedy))


def _not_installed(reader: Reader, settings: dict[str, Any] | None) -> None:
    if settings is not None and settings["capacity"] is not None:
        _gap(
            reader,
            "The extension pg_stat_statements is not installed in this database, though its library is loaded",
            f"Run {_CREATE}.",
        )
    else:
        _gap(
            reader,
            "The extension pg_stat_statements is not installed in this database, and its library is not loaded",
            f"{_PRELOAD}, then run {_CREATE}.",
        )


def _ask(reader: Reader, schema: str) -> list[dict[str, Any]] | None:
    try:
        with reader.session.transaction() as transaction:
            return transaction.rows(reader.queries["statements"], reader.parameters)
    except psycopg.errors.ObjectNotInPrerequisiteState:
        _gap(
            reader,
            "The extension pg_stat_statements is installed, but its library is not loaded, so nothing is counted",
            f"{_PRELOAD}.",
        )
    except psycopg.errors.InsufficientPrivilege as error:
        reader.failed(
            error,
            Fact.STATEMENTS,
            _WHAT,
            remedy=f"GRANT USAGE on schema {quote_identifier(schema)} and EXECUTE on its function pg_stat_statements "
            "to the role, and pg_read_all_stats for other roles' statements.",
        )
    except psycopg.Error as error:
        reader.failed(error, Fact.STATEMENTS, _WHAT)
    except NotOfferedError:
        _gap(
            reader,
            "The installed version of the extension pg_stat_statements is too old",
            "Run ALTER EXTENSION pg_stat_statements UPDATE in this database.",
        )
    return None


def _own_ids(reader: Reader) -> frozenset[str]:
    rows = reader.rows(
        Fact.STATEMENTS, "own_statements", "which entries are this tool's own", parameters={"marker": MARKER}
    )
    return frozenset(row["query_id"] for row in rows or ())


def _window(reader: Reader, settings: dict[str, Any]) -> tuple[Window, int | None]:
    """Since when statements are counted, and how many entries were pushed out.

    The extension notes when it began to count, also after a crash, which empties it; before 1.9 it notes nothing.
    """
    rows = reader.rows(Fact.STATEMENTS, "statements_window", "when pg_stat_statements was last reset")
    row: dict[str, Any] = rows[0] if rows else {"since": None, "evicted": None}
    source = "unknown" if row["since"] is None else "reset of pg_stat_statements"
    return Window(since=row["since"], until=settings["until"], source=source), row["evicted"]


def _note_settings(reader: Reader, settings: dict[str, Any]) -> bool:
    """Whether the server counts at all; a gap where not."""
    if settings["track"] == "none":
        _gap(reader, "pg_stat_statements.track is none, so nothing is counted", "Set pg_stat_statements.track to top.")
        return False
    if settings["compute_query_id"] == "off":
        _gap(reader, "compute_query_id is off, so nothing is counted", "Set compute_query_id to auto.")
        return False
    return True


def _note_hidden(reader: Reader, elsewhere: dict[str, Any]) -> bool:
    """Whether all entries of this database were shown; a gap where not."""
    hidden = elsewhere.get("hidden_entries", 0)
    if hidden:
        _gap(
            reader,
            f"{hidden} entries of other roles, {elsewhere['hidden_ms']:.0f} ms in all, are hidden from this role",
            "GRANT pg_read_all_stats to the role.",
        )
    return bool(elsewhere) and not hidden
