"""Extensions that the twin has as well."""

from __future__ import annotations

from collections.abc import Iterable
from graphlib import TopologicalSorter

import psycopg
from msgspec.structs import replace
from psycopg import sql

from pgadvisor.indexes.quoting import quote_identifier
from pgadvisor.model.server import Extension
from pgadvisor.model.whatif import Shortfall
from pgadvisor.planner.twin.building import Building, Command
from pgadvisor.planner.twin.schema.dependencies import element_type
from pgadvisor.planner.twin.schema.making import known_types
from pgadvisor.planner.twin.schema.types import qualified_or_bare

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
_EXTENSION = "extension "
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
    missing = missing_extensions(building)
    used = _users(building) if missing else {}
    for name in missing:
        why = "The twin's server does not have it" if name in _HARMLESS else "It is none of those that a twin has"
        building.shortfalls.append(
            Shortfall(
                what=f"{_EXTENSION}{name}",
                reason=f"{why}; columns, indexes and functions that need it are missing, and a statement that names "
                "something of it cannot be planned.",
                relation_oids=used.get(wanted[name].schema, ()),
            )
        )


def missing_extensions(building: Building) -> tuple[str, ...]:
    """Those of the snapshot that plans may hang on and that the twin has not."""
    made = {name for (name,) in building.admin.execute("SELECT extname::text FROM pg_extension")}
    return tuple(sorted({each.name for each in building.facts.server.extensions} - made - _NO_LOSS))


def touching(shortfalls: Iterable[Shortfall], query_ids: Iterable[str]) -> tuple[Shortfall, ...]:
    """Shortfalls of a twin, those of its extensions with the statements that were refused for want of one of them."""
    found = tuple(sorted(query_ids))
    return tuple(
        replace(each, query_ids=found) if found and each.what.startswith(_EXTENSION) else each for each in shortfalls
    )


def _create(building: Building, extension: Extension) -> None:
    schema = extension.schema
    try:
        if not schema.startswith("pg_"):
            building.run([Command(f"CREATE SCHEMA IF NOT EXISTS {quote_identifier(schema)}")])
        building.admin.execute(
            sql.SQL("CREATE EXTENSION {} SCHEMA {}").format(sql.Identifier(extension.name), sql.Identifier(schema))
        )
    except (psycopg.Error, ValueError):
        # That it is missing is said of all of them.
        if building.admin.closed:
            raise


def _users(building: Building) -> dict[str, tuple[int, ...]]:
    """Relations with columns of types that nobody knows, and with indexes by such methods, by the schema of the type.

    Which extension a type is of is not in a snapshot; that it lies in the same schema may be so for several of them.
    The method of an index is in none, so that it may be of any.
    """
    catalog = building.facts.snapshot.catalog
    texts = {element_type(column.type) for column in catalog.columns}
    own = {qualified_or_bare(each.schema, each.name) for each in catalog.types}
    own |= {qualified_or_bare(each.schema, each.name) for each in catalog.relations}
    unknown = texts - known_types(building, texts) - own
    methods = {name for (name,) in building.admin.execute("SELECT amname::text FROM pg_am")}
    by_method = {
        index.table_oid for index in building.facts.indexes.values() if index.definition.access_method not in methods
    }
    users: dict[str, tuple[int, ...]] = {}
    for schema in {each.schema for each in building.facts.server.extensions}:
        start = qualified_or_bare(schema, "x").removesuffix("x")
        theirs = {text for text in unknown if start and text.startswith(start)}
        oids = {column.relation_oid for column in catalog.columns if element_type(column.type) in theirs}
        users[schema] = tuple(sorted(oids | by_method))
    return users
