"""Tablespaces with costs of their own: the planner reads seq_page_cost and random_page_cost by tablespace."""

from __future__ import annotations

from contextlib import suppress

import psycopg
from psycopg import sql

from pgadvisor.model.objects import Tablespace
from pgadvisor.model.whatif import Shortfall
from pgadvisor.planner.twin.building import Building

# The one that every cluster has, and in which the twin's relations are unless they are told otherwise.
_DEFAULT = "pg_default"
_IN_PLACE = "allow_in_place_tablespaces"
_COSTS = ("seq_page_cost", "random_page_cost")


def create_tablespaces(building: Building) -> set[str]:
    """Makes the tablespaces that have options, with those, inside of the twin's data; the names of those made.

    Only their costs tell a planner anything, so what lies in another tablespace can lie anywhere.
    """
    made: set[str] = set()
    # Early minor versions of 13 and 14 have no such setting, and make none.
    with suppress(psycopg.errors.UndefinedObject):
        building.admin.execute(sql.SQL("SET {} = on").format(sql.Identifier(_IN_PLACE)))
    for tablespace in building.facts.snapshot.catalog.tablespaces:
        options = _options(tablespace)
        if not options:
            continue
        try:
            _create(building, tablespace.name, options)
        except (psycopg.Error, ValueError):
            if building.admin.closed:
                raise
            building.shortfalls.append(_shortfall(building, tablespace))
        else:
            made.add(tablespace.name)
    return made


def _options(tablespace: Tablespace) -> dict[str, str]:
    pairs = (option.partition("=")[::2] for option in tablespace.options)
    return {name: value for name, value in pairs if name in _COSTS}


def _create(building: Building, name: str, options: dict[str, str]) -> None:
    """Raises psycopg.Error where the server refuses it, ValueError for a name that it cannot have."""
    if not name or "\0" in name:
        raise ValueError("a tablespace's name is neither empty nor does it hold a NUL")
    identifier = sql.Identifier(name)
    if name != _DEFAULT:
        building.admin.execute(sql.SQL("CREATE TABLESPACE {} LOCATION ''").format(identifier))
        building.admin.execute(sql.SQL("GRANT CREATE ON TABLESPACE {} TO PUBLIC").format(identifier))
    for option, value in options.items():
        building.admin.execute(
            sql.SQL("ALTER TABLESPACE {} SET ({} = {})").format(
                identifier, sql.Identifier(option), sql.Literal(float(value))
            )
        )


def _shortfall(building: Building, tablespace: Tablespace) -> Shortfall:
    facts = building.facts
    oids = {oid for oid, relation in facts.relations.items() if relation.tablespace == tablespace.name}
    oids |= {index.table_oid for index in facts.indexes.values() if index.definition.tablespace == tablespace.name}
    return Shortfall(
        what=f"tablespace {tablespace.name}",
        reason="The twin's server refused it; what lies in it is planned at the costs of all others.",
        relation_oids=tuple(sorted(oids)),
        everywhere=tablespace.name == _DEFAULT,
    )
