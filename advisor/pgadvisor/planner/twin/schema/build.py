"""Builds the schema, in the order in which one thing needs another."""

from __future__ import annotations

from pgadvisor.indexes.ddl import create_index
from pgadvisor.indexes.quoting import qualified, quote_identifier
from pgadvisor.model.catalog import RelationKind
from pgadvisor.planner.twin.building import Building, Command
from pgadvisor.planner.twin.schema.collations import create_collations
from pgadvisor.planner.twin.schema.extensions import create_extensions
from pgadvisor.planner.twin.schema.functions import create_functions, create_functions_on_relations
from pgadvisor.planner.twin.schema.policies import create_policies
from pgadvisor.planner.twin.schema.roles import create_roles
from pgadvisor.planner.twin.schema.views import create_views


def build_schema(building: Building) -> None:
    """Everything of the catalog that plans hang on; what cannot be made is a shortfall.

    Raises psycopg.OperationalError where the server is gone.
    """
    facts = building.facts
    create_roles(building)
    building.run(
        Command(f"CREATE SCHEMA IF NOT EXISTS {quote_identifier(schema.name)}")
        for schema in facts.snapshot.catalog.schemas
    )
    create_extensions(building)
    create_collations(building)
    create_functions(building)
    building.run(
        Command(
            f"CREATE TABLE {qualified(relation.schema, relation.name)} ("
            + ", ".join(f"{quote_identifier(column.name)} {column.type}" for column in facts.columns(relation.oid))
            + ")"
        )
        for relation in facts.relations.values()
        if relation.kind is RelationKind.TABLE
    )
    create_functions_on_relations(building)
    building.run(
        Command(create_index(index.definition, index.name, concurrently=False)) for index in facts.indexes.values()
    )
    create_views(building)
    create_policies(building)
    note_oids(building)


def finish_schema(building: Building) -> None:
    """What may only come when statistics are loaded: the checks of domains, which reading a value would run.

    Raises psycopg.OperationalError where the server is gone.
    """


def note_oids(building: Building) -> None:
    """Notes which relation and which index of the snapshot is which of the twin's, by name."""
    rows = building.admin.execute(
        "SELECT n.nspname::text, c.relname::text, c.oid::int8 FROM pg_class AS c JOIN pg_namespace AS n "
        "ON n.oid = c.relnamespace WHERE c.oid >= 16384"
    )
    made = {(schema, name): oid for schema, name, oid in rows}
    facts = building.facts
    names = {oid: (relation.schema, relation.name) for oid, relation in facts.relations.items()}
    names |= {oid: (index.schema, index.name) for oid, index in facts.indexes.items()}
    building.oids |= {oid: made[name] for oid, name in names.items() if name in made}
