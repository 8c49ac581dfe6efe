"""Who the server is: its address, its locale, its overrides, and the managed service it belongs to."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from pgadvisor.config import CollectConfig
from pgadvisor.model.coverage import Fact, Presence
from pgadvisor.model.server import Server as ServerModel
from pgadvisor.model.server import SettingOverride
from pgadvisor.postgres import services
from pgadvisor.postgres.services import SERVICES, SIGN_NAMES, service_of
from pgadvisor.postgres.sqlfiles import sql_files
from support.databases import Database
from support.reading import read_database


def server_of(dsn: str) -> ServerModel:
    server = read_database(dsn).collected.server
    assert server is not None
    return server


@pytest.mark.server
def test_address_timeline_and_locale(any_database: Database) -> None:
    server = server_of(any_database.dsn)
    (ctype,) = any_database.execute("SELECT datctype FROM pg_database WHERE datname = current_database()")[0]
    assert (server.address, server.address_port, server.timeline) == (None, None, 1)
    assert (server.ctype, server.locale_provider, server.service) == (ctype, "c", None)
    over_tcp = server_of(any_database.dsn_tcp)
    assert over_tcp.address == "127.0.0.1" and over_tcp.address_port == int(any_database.server.tcp["port"])
    bare = server_of(any_database.role().dsn)
    assert (bare.timeline, bare.ctype, bare.overrides) == (1, ctype, ())


@pytest.mark.server
def test_another_locale_provider(database: Database) -> None:
    database.execute(
        """CREATE DATABASE "built'in" TEMPLATE template0 LOCALE_PROVIDER builtin BUILTIN_LOCALE 'C.UTF-8'"""
    )
    try:
        assert server_of(database.server.dsn("built'in")).locale_provider == "b"
    finally:
        database.execute("""DROP DATABASE "built'in" WITH (FORCE)""")


@pytest.mark.server
def test_settings_of_roles_and_databases(any_database: Database) -> None:
    role = any_database.role('o\'s "r"', member_of=["pg_monitor"])
    quoted, here = role.name.replace('"', '""'), any_database.name.replace('"', '""')
    any_database.execute(f"""
        ALTER ROLE "{quoted}" SET work_mem = '7MB';
        ALTER ROLE "{quoted}" SET search_path = "a=b", '</script>';
        ALTER ROLE "{quoted}" IN DATABASE "{here}" SET enable_seqscan = off;
        ALTER ROLE "{quoted}" IN DATABASE template1 SET enable_hashjoin = off;
        ALTER ROLE "{quoted}" SET shop.api_key = 's3cr3t';
        ALTER DATABASE "{here}" SET random_page_cost = 1.1;
        ALTER DATABASE "{here}" SET auto_explain.log_min_duration = '1s';
        ALTER ROLE ALL IN DATABASE "{here}" SET "TimeZone" = 'Europe/Berlin';
        ALTER ROLE ALL SET jit = off;
    """)
    try:
        seen = read_database(any_database.dsn).collected
        plain = read_database(role.dsn).collected
    finally:
        any_database.execute("ALTER ROLE ALL RESET jit")
    assert seen.server is not None and plain.server is not None
    name, database = role.name, any_database.name
    assert set(seen.server.overrides) == {
        SettingOverride(database=None, role=name, name="work_mem", value="7MB"),
        SettingOverride(database=None, role=name, name="search_path", value='"a=b", "</script>"'),
        SettingOverride(database=database, role=name, name="enable_seqscan", value="off"),
        SettingOverride(database=database, role=None, name="random_page_cost", value="1.1"),
        SettingOverride(database=database, role=None, name="auto_explain.log_min_duration", value="1s"),
        SettingOverride(database=database, role=None, name="TimeZone", value="Europe/Berlin"),
        SettingOverride(database=None, role=None, name="jit", value="off"),
    }
    assert plain.server.overrides == seen.server.overrides
    assert "s3cr3t" not in str(seen)
    assert seen.presence[Fact.SETTING_OVERRIDES] is plain.presence[Fact.SETTING_OVERRIDES] is Presence.PRESENT


def test_each_service_is_known_by_each_of_its_signs() -> None:
    assert service_of(()) is None and service_of([("role", "postgres"), ("database", "rds_superuser")]) is None
    for service in SERVICES:
        assert {service_of([sign]) for sign in service.signs} == {service.name}
        assert {name for _, name in service.signs} <= set(SIGN_NAMES)
    aurora = [("function", "aurora_version"), ("role", "rds_superuser"), ("database", "rdsadmin")]
    assert service_of(aurora) == service_of(reversed(aurora)) == "Amazon Aurora"
    assert service_of([("role", "cloudsqlsuperuser"), ("role", "alloydbsuperuser")]) == "Google AlloyDB"


def test_databases_by_which_services_are_known_are_left_out() -> None:
    listed = next(file.text for file in sql_files() if file.name == "_service_databases")
    databases = {name for service in SERVICES for kind, name in service.signs if kind == "database"}
    assert databases and all(f"'{name}'" in listed for name in databases)


@contextmanager
def service_objects(database: Database, roles: list[str], databases: list[str]) -> Iterator[None]:
    """What a service has of its own, for as long as it takes."""
    try:
        for role in roles:
            database.execute(f"CREATE ROLE {role}")
        for name in databases:
            database.execute(f"CREATE DATABASE {name}")
        yield
    finally:
        for name in databases:
            database.execute(f"DROP DATABASE IF EXISTS {name}")
        for role in roles:
            database.execute(f"DROP OWNED BY {role} CASCADE")
            database.execute(f"DROP ROLE {role}")


@pytest.mark.server
def test_what_supabase_keeps_for_itself_is_left_out(any_database: Database) -> None:
    with service_objects(any_database, ["supabase_admin", "supabase_auth_admin"], []):
        any_database.execute("""
            CREATE SCHEMA auth AUTHORIZATION supabase_admin;
            CREATE TABLE auth.users (id int PRIMARY KEY);
            ALTER TABLE auth.users OWNER TO supabase_auth_admin;
            CREATE TYPE auth.level AS ENUM ('a');
            CREATE TYPE auth.alone AS ENUM ('a');
            CREATE FUNCTION auth.uid() RETURNS int LANGUAGE sql STABLE AS 'SELECT 1';
            CREATE FUNCTION auth.jwt() RETURNS int LANGUAGE sql STABLE AS 'SELECT 1';
            CREATE SCHEMA mine;
            CREATE TABLE mine.t (id int REFERENCES auth.users, l auth.level);
            CREATE POLICY own ON mine.t USING (id = auth.uid());
            INSERT INTO auth.users VALUES (1), (2);
            ANALYZE auth.users;
            ALTER ROLE supabase_auth_admin SET search_path = auth;
        """)
        seen = read_database(any_database.dsn)
        catalog = seen.collected.catalog
        assert seen.collected.server is not None
        assert (seen.collected.server.service, seen.collected.server.overrides) == ("Supabase", ())
        assert set(seen.relations) == {"t"} and set(seen.indexes) == set() and seen.statistics == {}
        assert {schema.name for schema in catalog.schemas} == {"mine", "public"}
        assert {each.name for each in catalog.types} == {"level"}
        assert {each.name for each in catalog.functions} == {"uid"}
        assert [gap for gap in seen.collected.gaps if gap.fact is not Fact.STATEMENTS] == []
        # Whoever asks for it by name gets it.
        asked = read_database(any_database.dsn, CollectConfig(schemas=("auth",)))
        assert set(asked.relations) == {"users"} and asked.statistics != {}


@pytest.mark.server
def test_the_schema_public_is_the_users_whoever_owns_it(database: Database) -> None:
    with service_objects(database, ["azuresu", "azure_pg_admin"], ["azure_sys"]):
        database.execute("ALTER SCHEMA public OWNER TO azuresu; CREATE TABLE t (id int)")
        seen = read_database(database.role(member_of=["pg_monitor"]).dsn)
        assert set(seen.relations) == {"t"}
        assert seen.collected.server is not None and seen.collected.server.service == "Azure Database"
        database.execute("ALTER SCHEMA public OWNER TO CURRENT_USER")


@pytest.mark.server
def test_a_service_is_told_by_a_database_and_by_a_function(
    any_database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    bare = any_database.role()
    with service_objects(any_database, [], ["rdsadmin"]):
        assert server_of(bare.dsn).service == "Amazon RDS"
        # Nobody can make aurora_version() where it belongs, so a function that is there stands in for it.
        aurora = services.Service("Amazon Aurora", frozenset({("function", "pg_backend_pid")}))
        monkeypatch.setattr(services, "SERVICES", (aurora, *SERVICES))
        monkeypatch.setattr("pgadvisor.postgres.server.SIGN_NAMES", (*SIGN_NAMES, "pg_backend_pid"))
        assert server_of(bare.dsn).service == "Amazon Aurora"
    assert server_of(bare.dsn).service == "Amazon Aurora"
