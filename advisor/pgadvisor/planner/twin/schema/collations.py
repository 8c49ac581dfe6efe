"""Collations, or what stands in for them."""

from __future__ import annotations

import psycopg
from psycopg import sql

from pgadvisor.indexes.quoting import qualified, quote_identifier
from pgadvisor.model.objects import Collation
from pgadvisor.model.whatif import Shortfall
from pgadvisor.planner.twin.building import Building, Command
from pgadvisor.planner.twin.database import relations_sorted_by
from pgadvisor.planner.twin.locales import STAND_INS, is_c

_SYSTEM = "pg_catalog"


def create_collations(building: Building) -> None:
    """Makes those that the snapshot uses, under their own names; where a locale is missing, with the nearest.

    Those of the system are made in pg_catalog where the twin's server lacks them, so that statements may name them.
    """
    usable = _usable(building)
    for collation in building.facts.snapshot.catalog.collations:
        if (collation.schema, collation.name) in usable:
            continue
        try:
            stand_in = _create(building, collation)
        except ValueError:
            stand_in = ""
        if stand_in is not None:
            building.shortfalls.append(_replaced(building, collation, stand_in))


def collation_of_twin(building: Building, collation: str) -> str:
    """The SQL of what stands on the twin for a collation, which is named as in Column.collation; "" for the default."""
    known = {_as_sql(found) for found in building.facts.snapshot.catalog.collations} | {'"C"', '"POSIX"'}
    return collation if collation in known else ""


def _usable(building: Building) -> set[tuple[str, str]]:
    """The system's collations that the server can sort by: it may list those of a provider it was built without."""
    rows = building.admin.execute(
        "SELECT collname::text, collprovider::text FROM pg_collation WHERE collnamespace = 'pg_catalog'::regnamespace "
        "AND collencoding IN (-1, pg_char_to_encoding('UTF8'))"
    ).fetchall()
    has_icu = any(name.endswith("-x-icu") for name, _ in rows)
    return {(_SYSTEM, name) for name, provider in rows if provider != "i" or has_icu}


def _create(building: Building, collation: Collation) -> str | None:
    """The locale that stands in for the collation's own; None where that is there, "" where nothing could be made.

    Raises ValueError for a name that cannot be one.
    """
    for options, stand_in in _options(collation, building.major):
        if collation.schema != _SYSTEM:
            command = f"CREATE COLLATION {qualified(collation.schema, collation.name)} ({options.as_string()})"
            if building.run([Command(command)]) == [True]:
                return stand_in
        elif _create_of_system(building, collation.name, options):
            return stand_in
    return ""


def _create_of_system(building: Building, name: str, options: sql.Composed) -> bool:
    command = sql.SQL("CREATE COLLATION pg_catalog.{} ({})").format(sql.Identifier(name), options)
    try:
        with building.admin.transaction():
            # One that is listed, and of no use.
            building.admin.execute(
                "DELETE FROM pg_collation WHERE collname = %s AND collnamespace = 'pg_catalog'::regnamespace "
                "AND collprovider = 'i'",
                [name],
            )
            building.admin.execute(command)
    except psycopg.Error:
        if building.admin.closed:
            raise
        return False
    return True


def _options(collation: Collation, major: int) -> list[tuple[sql.Composed, str | None]]:
    """Options of CREATE COLLATION, the exact ones first, with the locale that they would put in place of its own."""
    tried: list[tuple[sql.Composed, str | None]] = []
    collate = collation.collate or collation.locale or ""
    if collation.provider == "c":
        tried.append((_libc(collate, collation.ctype or collate), None))
    elif collation.locale is not None:
        provider = "icu" if collation.provider == "i" else "builtin"
        exact = sql.SQL("provider = {}, locale = {}").format(sql.SQL(provider), sql.Literal(collation.locale))
        tried.append((exact if collation.deterministic else exact + sql.SQL(", deterministic = false"), None))
    if collation.provider == "b" or (collation.provider == "c" and is_c(collate)):
        # It sorts by bytes; only case and classes of characters may differ.
        tried += [(_libc("C", stand_in), None) for stand_in in (*STAND_INS, "C")]
    return tried + [(_libc(stand_in, stand_in), stand_in) for stand_in in (*STAND_INS, "C")]


def _libc(collate: str, ctype: str) -> sql.Composed:
    return sql.SQL("provider = libc, lc_collate = {}, lc_ctype = {}").format(sql.Literal(collate), sql.Literal(ctype))


def _replaced(building: Building, collation: Collation, stand_in: str) -> Shortfall:
    name = _as_sql(collation)
    effect = (
        f"{stand_in} stands in for it, so that texts are in another order than histograms of production have them"
        if stand_in
        else "what depends on it is missing"
    )
    if stand_in and not collation.deterministic:
        effect += " and only the same characters are equal"
    return Shortfall(
        what=f"collation {name}",
        reason=f"The twin's server does not have its locale; {effect}.",
        relation_oids=relations_sorted_by(building.facts, name),
        names=(collation.name,),
        prevents=not stand_in,
    )


def _as_sql(collation: Collation) -> str:
    """As in Column.collation."""
    try:
        bare = quote_identifier(collation.name)
        return bare if collation.schema == _SYSTEM else qualified(collation.schema, collation.name)
    except ValueError:
        return collation.name
