"""The empty database of a twin with its three roles: one that writes catalogs, one that builds, one that plans."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import psycopg
from psycopg import sql

from pgadvisor.facts import Facts
from pgadvisor.localserver import LocalServer
from pgadvisor.model.server import Server
from pgadvisor.model.whatif import Shortfall
from pgadvisor.planner.twin.building import Building
from pgadvisor.planner.twin.locales import STAND_INS, is_c
from pgadvisor.progress import Progress

BUILDER = "pgadvisor_builder"
PLANNER = "pgadvisor_planner"

# A name has 63 bytes (https://www.postgresql.org/docs/current/sql-syntax-lexical.html).
MAX_NAME_BYTES = 63
# Where the name of the snapshot's cannot be had.
_NAME = "twin"
# Of a stranger's code they would end the connections of the twin, or write what stays when all is rolled back.
_HARMFUL = """
SELECT pg_catalog.string_agg(oid::regprocedure::text, ', ')
FROM pg_catalog.pg_proc
WHERE pronamespace = 'pg_catalog'::regnamespace
  AND proname IN (
    'pg_cancel_backend', 'pg_terminate_backend', 'lo_from_bytea', 'lo_put', 'lowrite', 'pg_logical_emit_message'
  )
"""


def create_database(server: LocalServer, facts: Facts, progress: Progress) -> Building:
    """An empty database, named and with the locale of the snapshot's as far as it can be, ready to be built in.

    Its encoding is UTF8, whatever production's is: definitions and statistics are text of any characters. Raises
    psycopg.OperationalError where the server is gone.
    """
    with psycopg.connect(server.dsn(), autocommit=True) as connection:
        _create_roles(connection)
        name, locale = _create(connection, facts.server)
    building = Building(facts, server, name, server.dsn(name), server.dsn(name, BUILDER), progress)
    _open_up(building)
    _note_name(building, name)
    _note_locale(building, locale)
    return building


def _create_roles(connection: psycopg.Connection[Any]) -> None:
    # The planner inherits nothing: policies for a role are not those for whoever may become it.
    for role, attributes in ((BUILDER, "LOGIN"), (PLANNER, "LOGIN NOINHERIT")):
        connection.execute(sql.SQL("CREATE ROLE {} " + attributes).format(sql.Identifier(role)))


def _create(connection: psycopg.Connection[Any], wanted: Server) -> tuple[str, str | None]:
    """Makes the database; its name, and the locale that stands in for its own, None where that is there."""
    name = _sayable(wanted.database)
    for clauses, stand_in in _locales(wanted, connection.info.server_version // 10_000):
        for tried in dict.fromkeys((name, _NAME)):
            command = sql.SQL("CREATE DATABASE {} OWNER {} TEMPLATE template0 ENCODING 'UTF8' ").format(
                sql.Identifier(tried), sql.Identifier(BUILDER)
            )
            try:
                connection.execute(command + clauses)
            except psycopg.errors.DuplicateDatabase:
                continue
            except psycopg.Error:
                if connection.closed:
                    raise
                break
            return tried, stand_in
    raise psycopg.OperationalError("the server makes no database of any locale")


def _sayable(name: str) -> str:
    """The part of a database's name that can be one."""
    shortened = name.replace("\0", "").encode("utf-8", "ignore")[:MAX_NAME_BYTES].decode("utf-8", "ignore")
    return shortened or _NAME


def _locales(wanted: Server, major: int) -> Iterator[tuple[sql.Composed, str | None]]:
    """Clauses of CREATE DATABASE, the exact ones first, with the locale that they would put in place of its own."""
    collate, ctype = wanted.collation or "C", wanted.ctype or wanted.collation or "C"
    if wanted.locale_provider == "c" or wanted.locale_provider is None:
        yield _clauses(major, "libc", collate, ctype), None
    elif wanted.locale is not None and _provider_is_there(wanted.locale_provider, major):
        provider, option = ("icu", "ICU_LOCALE") if wanted.locale_provider == "i" else ("builtin", "BUILTIN_LOCALE")
        own = sql.SQL(" {} {}").format(sql.SQL(option), sql.Literal(wanted.locale))
        yield _clauses(major, provider, collate, ctype) + own, None
        # Its libc part is only for what asks the C library, of which plans know nothing.
        yield _clauses(major, provider, "C", "C") + own, None
    if wanted.locale_provider == "b" or (wanted.locale_provider != "i" and is_c(collate)):
        # It sorts by bytes, as the builtin locales all do; only case and classes of characters may differ.
        for stand_in in (*STAND_INS, "C"):
            yield _clauses(major, "libc", "C", stand_in), None
    for stand_in in (*STAND_INS, "C"):
        yield _clauses(major, "libc", stand_in, stand_in), stand_in


def _provider_is_there(provider: str, major: int) -> bool:
    return major >= (15 if provider == "i" else 17)


def _clauses(major: int, provider: str, collate: str, ctype: str) -> sql.Composed:
    of_provider = sql.SQL("LOCALE_PROVIDER {} ").format(sql.SQL(provider)) if major >= 15 else sql.Composed([])
    return of_provider + sql.SQL("LC_COLLATE {} LC_CTYPE {}").format(sql.Literal(collate), sql.Literal(ctype))


def _open_up(building: Building) -> None:
    """Whoever is planned as may read and write everything: rights are not what a twin is for."""
    for kind in ("TABLES", "SEQUENCES", "SCHEMAS"):
        building.builder.execute(f"ALTER DEFAULT PRIVILEGES GRANT ALL ON {kind} TO PUBLIC".encode())
    building.admin.execute("GRANT ALL ON SCHEMA public TO PUBLIC")
    # No code in it is to come from a snapshot: see functions.py, which lets the builder have it for the stubs.
    building.admin.execute("REVOKE USAGE ON LANGUAGE plpgsql FROM PUBLIC")
    ((functions,),) = building.admin.execute(_HARMFUL).fetchall()
    building.admin.execute(f"REVOKE EXECUTE ON FUNCTION {functions} FROM PUBLIC".encode())


def _note_name(building: Building, name: str) -> None:
    if name != building.facts.server.database:
        building.shortfalls.append(
            Shortfall(
                what="name of the database",
                reason=f"A server cannot have a database of that name, so that it is called {name}.",
                names=("current_database", "current_catalog"),
            )
        )


def _note_locale(building: Building, stand_in: str | None) -> None:
    if stand_in is None:
        return
    server = building.facts.server
    own = (server.locale if server.locale_provider in ("i", "b") else None) or server.collation
    effect = (
        "texts are sorted by bytes, and an index serves LIKE 'abc%' where it may not in production"
        if is_c(stand_in)
        else "texts are in another order than histograms and partition bounds of production have them"
    )
    building.shortfalls.append(
        Shortfall(
            what=f"locale {own}" if own else "locale of the database",
            reason=f"The twin's server does not have it; {stand_in} stands in for it, so that {effect}.",
            relation_oids=relations_sorted_by(building.facts, None),
        )
    )


def relations_sorted_by(facts: Facts, collation: str | None) -> tuple[int, ...]:
    """Relations with a text column of a collation, named as in Column.collation; None for the database's own."""
    return tuple(
        dict.fromkeys(
            column.relation_oid
            for column in facts.snapshot.catalog.columns
            if column.collation == collation and (collation is not None or _is_text(column.type_category, column.type))
        )
    )


def _is_text(category: str, type_name: str) -> bool:
    """Whether values of a type are sorted by a collation: of texts and arrays of them, but not of names."""
    if category == "A":
        return "text" in type_name or "char" in type_name
    return category == "S" and type_name != "name"
