"""Builds the schema, in the order in which one thing needs another."""

from __future__ import annotations

from pgadvisor.indexes.quoting import quote_identifier
from pgadvisor.model.catalog import RelationKind
from pgadvisor.planner.twin.building import Building
from pgadvisor.planner.twin.schema.catalogs import write_catalogs
from pgadvisor.planner.twin.schema.collations import create_collations
from pgadvisor.planner.twin.schema.constraints import create_constraints
from pgadvisor.planner.twin.schema.extended_statistics import create_extended_statistics
from pgadvisor.planner.twin.schema.extensions import create_extensions
from pgadvisor.planner.twin.schema.functions import create_functions, create_functions_on_relations
from pgadvisor.planner.twin.schema.indexes import create_indexes
from pgadvisor.planner.twin.schema.making import Way, Wish, make_all
from pgadvisor.planner.twin.schema.operators import Operators
from pgadvisor.planner.twin.schema.partitions import attach_partitions
from pgadvisor.planner.twin.schema.policies import create_policies
from pgadvisor.planner.twin.schema.roles import create_roles
from pgadvisor.planner.twin.schema.rules import note_rules
from pgadvisor.planner.twin.schema.sequences import create_sequences
from pgadvisor.planner.twin.schema.tables import Tables
from pgadvisor.planner.twin.schema.tablespaces import create_tablespaces
from pgadvisor.planner.twin.schema.toast import no_toast_tables
from pgadvisor.planner.twin.schema.types import add_domain_checks, create_types
from pgadvisor.planner.twin.schema.views import create_views

_RELATION_KINDS = {RelationKind.PARTITIONED: "p", RelationKind.VIEW: "v"}


def build_schema(building: Building) -> None:
    """Everything of the catalog that plans hang on; what cannot be made is a shortfall.

    Raises psycopg.OperationalError where the server is gone.
    """
    create_roles(building)
    create_schemas(building)
    create_extensions(building)
    create_collations(building)
    create_types(building)
    create_sequences(building)
    create_functions(building)
    operators = Operators(building)
    operators.create()
    tablespaces = create_tablespaces(building)
    tables = Tables(building, tablespaces)
    with no_toast_tables(building.admin):
        tables.create()
    attach_partitions(building)
    create_functions_on_relations(building)
    operators.create()
    tables.finish()
    create_indexes(building, tablespaces)
    create_constraints(building)
    create_extended_statistics(building)
    create_views(building)
    operators.finish()
    create_policies(building)
    note_oids(building)
    note_rules(building)
    write_catalogs(building)


def finish_schema(building: Building) -> None:
    """What may only come when statistics are loaded: the checks of domains, which reading a value would run.

    Raises psycopg.OperationalError where the server is gone.
    """
    add_domain_checks(building)


def note_oids(building: Building) -> None:
    """Notes which relation and which index of the snapshot is which of the twin's.

    By name and kind, of an index also by its table; what could not be made, or is there under the name of another, is
    left out.
    """
    rows = building.admin.execute(
        "SELECT n.nspname::text, c.relname::text, c.relkind::text, c.oid::int8, x.indrelid::int8 "
        "FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace "
        "LEFT JOIN pg_index AS x ON x.indexrelid = c.oid "
        "WHERE c.oid >= 16384 AND c.relkind IN ('r', 'p', 'v', 'i', 'I')"
    )
    made = {(schema, name): (kind, oid, table) for schema, name, kind, oid, table in rows}
    facts, oids = building.facts, building.oids
    for oid, relation in facts.relations.items():
        kind, twin_oid, _ = made.get((relation.schema, relation.name), ("", 0, None))
        if oid not in building.failed and kind == _RELATION_KINDS.get(relation.kind, "r"):
            oids[oid] = twin_oid
    for oid, index in facts.indexes.items():
        _, twin_oid, table = made.get((index.schema, index.name), ("", 0, None))
        if oid not in building.failed and table is not None and table == oids.get(index.table_oid):
            oids[oid] = twin_oid


def create_schemas(building: Building) -> None:
    """Makes every schema that something of the snapshot is in; public is there already."""
    catalog = building.facts.snapshot.catalog
    names = {each.name for each in catalog.schemas}
    names |= {relation.schema for relation in catalog.relations} | {each.schema for each in catalog.types}
    names |= {function.schema for function in catalog.functions} | {each.schema for each in catalog.sequences}
    names |= {operator.schema for operator in catalog.operators}
    names |= {statistics.schema for statistics in catalog.extended_statistics}
    make_all(building, (_schema(name) for name in sorted(names)))


def _schema(name: str) -> Wish:
    return Wish(
        what=f"schema {name}",
        ways=lambda: (Way(f"CREATE SCHEMA IF NOT EXISTS {quote_identifier(name)}"),),
        without="what is in it is missing",
    )
