"""Settings that a snapshot has, or that its code makes on the twin, do not reach the connection of the superuser."""

from __future__ import annotations

import pytest
from msgspec.structs import replace
from psycopg import sql

from pgadvisor.facts import Facts
from pgadvisor.model.catalog import IndexDefinition, IndexKey
from pgadvisor.model.server import SettingOverride
from pgadvisor.model.whatif import Configuration
from pgadvisor.planner.twin.database import BUILDER, PLANNER
from pgadvisor.planner.twin.server import SUPERUSER
from support.databases import Database
from support.twin_storage import open_twin, programs
from support.twins import question, snapshot_of

pytestmark = pytest.mark.server

HOSTILE = (
    ("default_transaction_read_only", "on"),
    ("role", PLANNER),
    ("search_path", "evil, pg_catalog"),
    ("statement_timeout", "1"),
    ("session_preload_libraries", "/tmp/evil"),
    ("local_preload_libraries", "evil"),
    ("transform_null_equals", "on"),
    ("array_nulls", "off"),
)
# Without those of plpgsql, which are there once it was used.
SETTINGS = "SELECT name, setting FROM pg_settings WHERE name !~ '[.]' ORDER BY name"
# A superuser alone may make them.
REFUSED = frozenset({"session_preload_libraries"})


def test_settings_of_strangers_do_not_reach_the_superuser(newest_database: Database) -> None:
    database = newest_database
    database.execute("CREATE TABLE t (id int); INSERT INTO t SELECT generate_series(1, 10000); ANALYZE t")
    snapshot = snapshot_of(database.dsn)
    server = snapshot.server
    places = ((None, None), (server.database, None), (None, server.role), (None, SUPERUSER), (None, BUILDER))
    overrides = tuple(
        SettingOverride(database=place, role=role, name=name, value=value)
        for place, role in places
        for name, value in HOSTILE
    )
    facts = Facts(replace(snapshot, server=replace(server, overrides=overrides)), {})
    by_id = question("SELECT * FROM t WHERE id = 7")
    with open_twin(facts, server=programs(database)) as (building, twin):
        assert twin.plan(by_id).plan is not None
        assert building.admin.execute("SELECT count(*) FROM pg_db_role_setting").fetchone() == (0,)
        before = building.admin.execute(SETTINGS).fetchall()

        # As code of the snapshot's could, which runs as the builder, whose database it is.
        places_there = (
            sql.SQL("DATABASE {}").format(sql.Identifier(building.database)),
            sql.SQL("ROLE {}").format(sql.Identifier(BUILDER)),
        )
        for place in places_there:
            for name, value in (each for each in HOSTILE if each[0] not in REFUSED):
                building.builder.execute(
                    sql.SQL("ALTER {} SET {} = {}").format(place, sql.Identifier(name), sql.Literal(value))
                )
        building.connect()
        assert building.admin.execute(SETTINGS).fetchall() == before
        assert building.admin.execute("SELECT current_user::text").fetchone() == (SUPERUSER,)
        assert building.builder.execute("SHOW statement_timeout").fetchone() == ("10min",)
        added = IndexDefinition(schema="public", table="t", keys=(IndexKey(column="id"),))
        cost, as_is = twin.plan(by_id, Configuration(create=(added,))).cost, twin.plan(by_id).cost
        assert cost is not None
        assert as_is is not None
        assert cost < as_is
