"""Extensions that the twin has as well."""

from __future__ import annotations

from graphlib import TopologicalSorter

import psycopg
from psycopg import sql

from pgadvisor.indexes.quoting import quote_identifier
from pgadvisor.model.server import Extension
from pgadvisor.model.whatif import Shortfall
from pgadvisor.planner.twin.building import Building, Command

# Those whose types, operators, index methods and functions plans hang on, and which give nobody a file, a program, a
# connection or other rights; each with what it needs. A snapshot can only choose among them.
_HARMLESS: dict[str, tuple[str, ...]] = {
    "bloom": (),
    "btree_gin": (),
    "btree_gist": (),
    "citext": (),
    "cube": (),
    "dict_int": (),
    "dict_xsyn": (),
    "earthdistance": ("cube",),
    "fuzzystrmatch": (),
    "hstore": (),
    "intagg": (),
    "intarray": (),
    "isn": (),
    "lo": (),
    "ltree": (),
    "pg_trgm": (),
    "pgcrypto": (),
    "seg": (),
    "tablefunc": (),
    "tsm_system_rows": (),
    "tsm_system_time": (),
    "unaccent": (),
    "uuid-ossp": (),
    "vector": (),
}
# They matter to no plan: what they do is look at the server, or plans only see tables and functions of theirs, or
# foreign tables, which are named on their own.
_NAMES_OF_NO_LOSS = """
    adminpack amcheck auto_explain autoinc dblink file_fdw hypopg insert_username moddatetime old_snapshot
    pageinspect pg_buffercache pg_cron pg_freespacemap pg_logicalinspect pg_prewarm pg_repack pg_stat_kcache
    pg_stat_statements pg_surgery pg_visibility pg_wait_sampling pg_walinspect pgaudit pgrowlocks pgstattuple
    plpgsql postgres_fdw refint sslinfo tcn xml2
"""
_NO_LOSS = frozenset(_NAMES_OF_NO_LOSS.split())


def create_extensions(building: Building) -> None:
    """Makes those of the snapshot that the twin's server has; a missing one is a shortfall.

    A script of an extension runs as superuser and trusts what is in its schema, so that this must come before anything
    of the snapshot is in one. By its name alone, which is ours, an extension is made, in the version that is there.
    """
    wanted = {extension.name: extension for extension in building.facts.server.extensions}
    allowed = wanted.keys() & _HARMLESS.keys()
    for name in TopologicalSorter({name: _HARMLESS[name] for name in sorted(allowed)}).static_order():
        if name in wanted:
            _create(building, wanted[name])
    for name in sorted(wanted.keys() - allowed - _NO_LOSS):
        building.shortfalls.append(_missing(name, "It is none of those that a twin has"))


def _create(building: Building, extension: Extension) -> None:
    schema = extension.schema
    try:
        if not schema.startswith("pg_"):
            building.run([Command(f"CREATE SCHEMA IF NOT EXISTS {quote_identifier(schema)}")])
        building.admin.execute(
            sql.SQL("CREATE EXTENSION {} SCHEMA {}").format(sql.Identifier(extension.name), sql.Identifier(schema))
        )
    except (psycopg.Error, ValueError):
        if building.admin.closed:
            raise
        building.shortfalls.append(_missing(extension.name, "The twin's server does not have it"))


def _missing(name: str, why: str) -> Shortfall:
    return Shortfall(
        what=f"extension {name}",
        reason=f"{why}; columns, indexes and functions that need it are missing.",
    )
