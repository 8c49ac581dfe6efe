"""The empty database of a twin with its three roles: one that writes catalogs, one that builds, one that plans."""

from __future__ import annotations

import psycopg
from psycopg import sql

from pgadvisor.facts import Facts
from pgadvisor.localserver import LocalServer
from pgadvisor.planner.twin.building import Building
from pgadvisor.progress import Progress

BUILDER = "pgadvisor_builder"
PLANNER = "pgadvisor_planner"


def create_database(server: LocalServer, facts: Facts, progress: Progress) -> Building:
    """An empty database, named and with the locale of the snapshot's as far as it can be, ready to be built in.

    Raises psycopg.OperationalError where the server is gone.
    """
    name = "twin"
    with psycopg.connect(server.dsn(), autocommit=True) as connection:
        for role in (BUILDER, PLANNER):
            connection.execute(sql.SQL("CREATE ROLE {} LOGIN").format(sql.Identifier(role)))
        connection.execute(
            sql.SQL("CREATE DATABASE {} OWNER {} TEMPLATE template0").format(
                sql.Identifier(name), sql.Identifier(BUILDER)
            )
        )
    building = Building(facts, server, name, server.dsn(name), server.dsn(name, BUILDER), progress)
    # Whoever is planned as may read and write everything: rights are not what a twin is for.
    building.builder.execute("ALTER DEFAULT PRIVILEGES GRANT ALL ON TABLES TO PUBLIC")
    building.builder.execute("ALTER DEFAULT PRIVILEGES GRANT ALL ON SEQUENCES TO PUBLIC")
    building.builder.execute("ALTER DEFAULT PRIVILEGES GRANT ALL ON SCHEMAS TO PUBLIC")
    return building
