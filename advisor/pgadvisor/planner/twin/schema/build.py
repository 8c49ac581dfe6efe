"""Builds the schema, in the order in which one thing needs another."""

from __future__ import annotations

from pgadvisor.indexes.ddl import create_index
from pgadvisor.indexes.quoting import qualified, quote_identifier
from pgadvisor.model.catalog import RelationKind
from pgadvisor.planner.twin.building import Building, Command


def build_schema(building: Building) -> None:
    """Everything of the catalog that plans hang on; what cannot be made is a shortfall.

    Raises psycopg.OperationalError where the server is gone.
    """
    facts = building.facts
    building.run(Command(f"CREATE SCHEMA {quote_identifier(schema.name)}") for schema in facts.snapshot.catalog.schemas)
    building.run(
        Command(
            f"CREATE TABLE {qualified(relation.schema, relation.name)} ("
            + ", ".join(f"{quote_identifier(column.name)} {column.type}" for column in facts.columns(relation.oid))
            + ")"
        )
        for relation in facts.relations.values()
        if relation.kind is RelationKind.TABLE
    )
    building.run(
        Command(create_index(index.definition, index.name, concurrently=False)) for index in facts.indexes.values()
    )
    note_oids(building)


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
