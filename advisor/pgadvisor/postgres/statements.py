"""Reads the numbers of pg_stat_statements, wherever and in whichever version it is installed."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import psycopg

from pgadvisor.indexes.quoting import quote_identifier
from pgadvisor.model.counters import Window
from pgadvisor.model.coverage import Fact, Gap, GapKind, Presence
from pgadvisor.model.statements import StatementRow, Statements
from pgadvisor.postgres.extension_code import genuine
from pgadvisor.postgres.gaps import GRANT_MONITOR, is_lost
from pgadvisor.postgres.reader import STATEMENTS_EXTENSION, Reader, convert
from pgadvisor.postgres.session import Session
from pgadvisor.postgres.sqlfiles import NotOfferedError
from pgadvisor.postgres.statement_roles import with_roles

_CREATE = "CREATE EXTENSION pg_stat_statements in this database"
_UPDATE = "Run ALTER EXTENSION pg_stat_statements UPDATE in this database."
_PRELOAD = "Add pg_stat_statements to shared_preload_libraries and restart the server"
_ELSEWHERE = "where another database of the server has it, --all-databases reads them over that one"
_WHAT = "pg_stat_statements"


@dataclass
class DatabaseStatements:
    """The statements of one database without their texts; what hides some of them is a gap."""

    statements: Statements
    gaps: tuple[Gap, ...] = ()
    complete: bool = True


@dataclass
class ServerStatements:
    """What pg_stat_statements says of some databases of a server, read once, over the first connection that can.

    databases are their oids, empty for the one connected to alone. by_database is filled by the reading, which also
    notes the schema that the extension is in where it was read. then is called over the same session as soon as the
    numbers are there, while their texts still are.
    """

    databases: tuple[int, ...] = ()
    then: Callable[[Session], None] | None = None
    by_database: dict[int, DatabaseStatements] = field(default_factory=dict)
    schema: str = ""


def read_statements(reader: Reader, shared: ServerStatements) -> None:
    """The statements of this database without their texts, from what was read of the server before, or else now."""
    fact = Fact.STATEMENTS
    reader.present(fact, Presence.ABSENT)
    reader.progress("Reading pg_stat_statements")
    answer = reader.rows(fact, "statements_settings", "the settings of pg_stat_statements")
    if not answer:
        return
    (settings,) = answer
    database_oid = settings["database_oid"]
    if database_oid not in shared.by_database:
        _read_server(reader, shared, settings)
        _go_on(reader, shared)
    found = shared.by_database.get(database_oid)
    if found is None:
        return
    reader.into.statements = with_roles(reader, found.statements)
    reader.into.gaps += found.gaps
    counts = _note_settings(reader, settings)
    reader.present(fact, Presence.PRESENT if counts and found.complete else Presence.PARTIAL)


def _go_on(reader: Reader, shared: ServerStatements) -> None:
    if shared.then is None or not shared.by_database:
        return
    try:
        shared.then(reader.session)
    except BaseException:
        # Half of it is of no use to other databases; the next that can reads all of it.
        shared.by_database.clear()
        raise


def _read_server(reader: Reader, shared: ServerStatements, settings: dict[str, Any]) -> None:
    """Reads the statements of all databases wanted, or notes why not."""
    schema = reader.extension_schema(STATEMENTS_EXTENSION)
    if reader.unprobed is not None:
        # Whether it is installed, and in which version, is not known: to say that it is not would be made up.
        unknown = reader.unprobed
        _gap(reader, f"It was not looked for. {unknown.reason}", unknown.remedy, unknown.kind)
        return
    if schema is None:
        _not_installed(reader, settings)
        return
    databases = list(shared.databases) or [settings["database_oid"]]
    rows = _ask(reader, schema, databases)
    if rows is None:
        return
    before = len(reader.into.gaps)
    sums = _sums(reader, schema)
    window, evicted = _window(reader, schema, settings)
    _note_age(reader)
    common = tuple(reader.into.gaps[before:])
    del reader.into.gaps[before:]
    by_database: dict[int, list[dict[str, Any]]] = defaultdict(list)
    for row in rows:
        by_database[row["database_oid"]].append(row)
    shared.schema = schema
    for oid in databases:
        elsewhere = [each for each in sums or () if each["database_oid"] != oid]
        own = next((each for each in sums or () if each["database_oid"] == oid), None)
        hidden = _hidden(own)
        statements = Statements(
            window=window,
            rows=_sorted(by_database[oid]),
            other_databases_ms=sum(each["total_ms"] for each in elsewhere),
            other_databases_calls=sum(each["calls"] for each in elsewhere),
            evicted=evicted,
            capacity=settings["capacity"],
            extension_version=_version(reader),
        )
        shared.by_database[oid] = DatabaseStatements(
            statements, (*common, *hidden), complete=not hidden and sums is not None
        )


def _sorted(rows: Sequence[Mapping[str, Any]]) -> tuple[StatementRow, ...]:
    key = lambda row: (-row.total_ms, row.query_id, row.user_oid, row.toplevel or False)  # noqa: E731
    return tuple(sorted(convert(rows, StatementRow), key=key))


def _version(reader: Reader) -> str:
    return next(extension.version for extension in reader.extensions if extension.name == STATEMENTS_EXTENSION)


def _gap(reader: Reader, reason: str, remedy: str, kind: GapKind) -> None:
    reader.into.gaps.append(Gap(fact=Fact.STATEMENTS, scope="", reason=reason, remedy=remedy, kind=kind))


def _not_installed(reader: Reader, settings: dict[str, Any]) -> None:
    if settings["capacity"] is not None:
        _gap(
            reader,
            "The extension pg_stat_statements is not installed in this database, though its library is loaded",
            f"Run {_CREATE}; {_ELSEWHERE}.",
            GapKind.NOT_INSTALLED,
        )
    else:
        _gap(
            reader,
            "The extension pg_stat_statements is not installed in this database, and its library is not loaded",
            f"{_PRELOAD}, then run {_CREATE}.",
            GapKind.NOT_INSTALLED,
        )


def _ask(reader: Reader, schema: str, databases: Sequence[int]) -> list[dict[str, Any]] | None:
    try:
        query = reader.queries["statements"]
        with genuine(reader.session, STATEMENTS_EXTENSION, schema, ["pg_stat_statements"]) as transaction:
            return transaction.rows(query, {"databases": databases})
    except psycopg.errors.ObjectNotInPrerequisiteState:
        _gap(
            reader,
            "The extension pg_stat_statements is installed, but its library is not loaded, so nothing is counted",
            f"{_PRELOAD}.",
            GapKind.SWITCHED_OFF,
        )
    except psycopg.errors.InsufficientPrivilege as error:
        reader.failed(error, Fact.STATEMENTS, _WHAT, remedy=_grants(reader, schema, "pg_stat_statements(boolean)"))
    except psycopg.Error as error:
        reader.failed(error, Fact.STATEMENTS, _WHAT)
    except NotOfferedError:
        _gap(
            reader,
            f"Version {_version(reader)} of the extension pg_stat_statements is too old",
            _UPDATE,
            GapKind.NOT_OFFERED,
        )
    return None


def _sums(reader: Reader, schema: str) -> list[dict[str, Any]] | None:
    try:
        with genuine(reader.session, STATEMENTS_EXTENSION, schema, ["pg_stat_statements"]) as transaction:
            return transaction.rows(reader.queries["statement_sums"], reader.parameters)
    except psycopg.Error as error:
        reader.failed(error, Fact.STATEMENTS, "the sums of other entries")
        return None


def _grants(reader: Reader, schema: str, function: str) -> str:
    """The commands that let this role call a function of the extension."""
    name = quote_identifier(schema)
    try:
        with reader.session.transaction() as transaction:
            row = transaction.row(reader.queries["statements_privileges"], {"schema": schema, "function": function})
    except psycopg.Error as error:
        if is_lost(reader.session, error):
            raise
        row = {"may_use_schema": False, "may_execute": False, "role": "PUBLIC"}
    missing = {
        f"USAGE ON SCHEMA {name}": row["may_use_schema"],
        f"EXECUTE ON FUNCTION {name}.{function}": row["may_execute"],
    }
    role = row["role"] if row["role"] == "PUBLIC" else quote_identifier(row["role"])
    commands = [f"GRANT {right} TO {role}" for right, had in missing.items() if not had]
    return f"Run {'; '.join(commands)}." if commands else GRANT_MONITOR


def _window(reader: Reader, schema: str, settings: dict[str, Any]) -> tuple[Window, int | None]:
    """Since when statements are counted, and how many entries were pushed out.

    The extension notes when it began to count, also after a crash, which empties it; before 1.9 it notes nothing. What
    was reset for one database, role or statement alone shows in the entries' own moment (1.11), not here.
    """
    row: dict[str, Any] = {"since": None, "evicted": None}
    what = "when pg_stat_statements was last reset"
    try:
        query = reader.queries["statements_window"]
        if reader.queries.choose("statements_window").needs:
            functions = ["pg_stat_statements_info"]
            with genuine(reader.session, STATEMENTS_EXTENSION, schema, functions) as transaction:
                row = transaction.row(query, reader.parameters)
    except psycopg.errors.InsufficientPrivilege as error:
        reader.failed(error, Fact.STATEMENTS, what, remedy=_grants(reader, schema, "pg_stat_statements_info()"))
    except psycopg.Error as error:
        reader.failed(error, Fact.STATEMENTS, what, remedy=GRANT_MONITOR)
    source = "unknown" if row["since"] is None else "reset of pg_stat_statements"
    return Window(since=row["since"], until=settings["until"], source=source), row["evicted"]


def _note_age(reader: Reader) -> None:
    """A gap where the server has a newer version of the extension than the database."""
    rows = reader.rows(Fact.STATEMENTS, "statements_offered", "which version of pg_stat_statements the server offers")
    installed, offered = _version(reader), rows[0]["version"] if rows else None
    if offered is not None and _numbers(installed) < _numbers(offered):
        _gap(
            reader,
            f"The extension pg_stat_statements is of version {installed} though the server offers {offered}, so some "
            "of what it counts is not told",
            _UPDATE,
            GapKind.NOT_OFFERED,
        )


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in version.split(".") if part.isdecimal())


def _note_settings(reader: Reader, settings: dict[str, Any]) -> bool:
    """Whether the server counts at all; a gap where not."""
    if settings["track"] == "none":
        _gap(
            reader,
            "pg_stat_statements.track is none, so nothing is counted",
            "Set pg_stat_statements.track to top.",
            GapKind.SWITCHED_OFF,
        )
        return False
    if settings["compute_query_id"] == "off":
        _gap(
            reader,
            "compute_query_id is off, so nothing is counted",
            "Set compute_query_id to auto.",
            GapKind.SWITCHED_OFF,
        )
        return False
    return True


def _hidden(sums: Mapping[str, Any] | None) -> tuple[Gap, ...]:
    """A gap for the entries of a database that this role may not see."""
    if sums is None or not sums["hidden_entries"]:
        return ()
    reason = (
        f"{sums['hidden_entries']} entries of other roles, {sums['hidden_ms']:.0f} ms in all, are hidden from this role"
    )
    remedy = "GRANT pg_read_all_stats to the role."
    return (Gap(fact=Fact.STATEMENTS, scope="", reason=reason, remedy=remedy, kind=GapKind.HIDDEN),)
