"""Planning runs functions; those of strangers must not run with rights that their owners do not have.

The strangers' functions take a session's advisory lock, which a rollback does not release: a mark that they ran.
"""

from __future__ import annotations

from typing import Any

import psycopg
import pytest

from pgadvisor.model.plans import PlanMethod
from pgadvisor.planner.observe import Observation, observe
from pgadvisor.progress import silent
from support.databases import Database, Role
from support.planning import ROOMY, Seen, candidates_of, planning

pytestmark = pytest.mark.server

TRAPS = """
    CREATE SCHEMA "mallory's";
    CREATE FUNCTION trap(int) RETURNS int IMMUTABLE LANGUAGE plpgsql
        AS $$ BEGIN PERFORM pg_try_advisory_lock_shared(4711); RETURN $1; END $$;
    CREATE FUNCTION trap(varchar, varchar) RETURNS bool IMMUTABLE LANGUAGE plpgsql
        AS $$ BEGIN PERFORM pg_try_advisory_lock_shared(4711); RETURN true; END $$;
    CREATE FUNCTION "a ""trap"" (" (int) RETURNS int IMMUTABLE LANGUAGE plpgsql
        AS $$ BEGIN PERFORM pg_try_advisory_lock_shared(4711); RETURN $1; END $$;
    CREATE FUNCTION "mallory's".elsewhere(int) RETURNS int IMMUTABLE LANGUAGE plpgsql
        AS $$ BEGIN PERFORM pg_try_advisory_lock_shared(4711); RETURN $1; END $$;
    CREATE FUNCTION "mallory's".steady(int) RETURNS int STABLE LANGUAGE plpgsql
        AS $$ BEGIN PERFORM pg_try_advisory_lock_shared(4711); RETURN $1; END $$;
    CREATE TABLE bait (id int, name varchar);
    INSERT INTO bait SELECT i, 'n' || i % 5 FROM generate_series(1, 500) i;
    CREATE TABLE indexed (id int, name varchar);
    CREATE INDEX ON indexed ((id + trap(1)));
    CREATE TABLE measured (id int, other int);
    INSERT INTO measured SELECT i, i % 7 FROM generate_series(1, 500) i;
    CREATE TABLE checked (id int, name varchar);
    CREATE TABLE checked_child (CHECK (id > trap(1))) INHERITS (checked);
    CREATE TABLE defaulted (id int, other int DEFAULT trap(1));
    CREATE TABLE split (id int, name varchar) PARTITION BY LIST ((id + trap(1)));
    CREATE TABLE split_5 PARTITION OF split FOR VALUES IN (5);
    CREATE TABLE keyed (id int PRIMARY KEY);
    CREATE INDEX ON keyed ((id + trap(1)));
    CREATE TABLE referring (id int REFERENCES keyed);
    CREATE FUNCTION notice() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END';
    CREATE TRIGGER noticing BEFORE UPDATE ON referring FOR EACH ROW EXECUTE FUNCTION notice();
    CREATE TABLE parent (id int, name varchar);
    CREATE TABLE child () INHERITS (parent);
    CREATE INDEX ON child ((id + trap(1)));
    CREATE VIEW shown AS SELECT * FROM bait WHERE id = trap(1);
    CREATE VIEW "shown of shown" AS SELECT * FROM shown;
    CREATE OPERATOR ### (LEFTARG = varchar, RIGHTARG = varchar, FUNCTION = trap);
    CREATE OPERATOR !!! (RIGHTARG = int, FUNCTION = trap);
    CREATE TYPE mood AS ENUM ('sad');
    CREATE FUNCTION mood_trap(mood) RETURNS int IMMUTABLE LANGUAGE plpgsql
        AS $$ BEGIN PERFORM pg_try_advisory_lock_shared(4711); RETURN 1; END $$;
    CREATE CAST (mood AS int) WITH FUNCTION mood_trap(mood) AS IMPLICIT;
    CREATE TABLE moody (mood mood);
    CREATE DOMAIN evil AS int CHECK (pg_try_advisory_lock_shared(4711) IS NOT NULL);
    CREATE AGGREGATE folded (int) (SFUNC = int4pl, STYPE = int, FINALFUNC = trap);
    CREATE FUNCTION as_column(bait) RETURNS int IMMUTABLE LANGUAGE plpgsql
        AS $$ BEGIN PERFORM pg_try_advisory_lock_shared(4711); RETURN 1; END $$;
    CREATE VIEW acting AS SELECT pg_try_advisory_lock_shared(4711);
    GRANT SELECT ON ALL TABLES IN SCHEMA public TO PUBLIC;
    GRANT USAGE ON SCHEMA "mallory's" TO PUBLIC;
"""

REACHING = (
    "SELECT trap(1)",
    'SELECT "trap" (1)',
    "SELECT TRAP/* */(1)",
    "SELECT trap -- (\n (1)",
    "SELECT $1::int + trap(1)",
    'SELECT U&"\\0074rap"(1)',
    'SELECT U&"!0074rap" UESCAPE \'!\' (1)',
    'SELECT "a ""trap"" ("(1)',
    'SELECT "mallory\'s".elsewhere(1)',
    'SELECT * FROM bait WHERE id = "mallory\'s" . steady(1)',
    "SELECT * FROM indexed",
    "SELECT * FROM \"indexed\" WHERE id = $1",
    "DELETE FROM indexed WHERE id = $1",
    "SELECT * FROM checked WHERE id = 5",
    "INSERT INTO defaulted (id) VALUES ($1)",
    "SELECT * FROM split WHERE id = $1",
    "SELECT * FROM parent",
    "SELECT * FROM shown",
    'SELECT * FROM "shown of shown"',
    "SELECT 'a'::varchar ### 'b'",
    "SELECT 'a'::varchar OPERATOR(public.###) 'b'",
    "SELECT !!! 1",
    "SELECT 'sad'::mood::int",
    "SELECT CAST('sad' AS mood) + 1",
    "SELECT * FROM bait WHERE id = (jsonb_populate_record(NULL::holder, '{\"v\": 1}')).v",
    "SELECT (ROW(1, 'a')::bait).as_column",
)  # fmt: skip
# Refused for what they reach, though planning does not run it: not for these values, or not by a server without XML.
SUSPECT = (
    "SELECT * FROM moody WHERE mood = 1",
    "SELECT 1::evil",
    "SELECT folded(id) FROM bait",
    "SELECT * FROM bait WHERE name = table_to_xml('acting', true, true, '')::text",
)
# Foreign keys and triggers play no part in planning.
CLEAN = (
    "SELECT * FROM bait WHERE id = $1",
    "SELECT count(*) FROM pg_class",
    "UPDATE bait SET name = $1 WHERE id = $2",
    "SELECT * FROM referring WHERE id = $1",
    "UPDATE referring SET id = $1",
)


def set_traps(database: Database) -> Role:
    """A role without any right but to create things of its own, and the things it created."""
    role = database.role("mallory", grants=["CREATE, USAGE ON SCHEMA public"])
    database.execute(f"GRANT CREATE ON DATABASE {quoted(database.name)} TO {quoted(role.name)}")
    with role.connect() as connection:
        connection.execute(TRAPS.encode())
        connection.execute("CREATE TYPE holder AS (v evil)")
        if database.server.major >= 14:
            connection.execute("CREATE STATISTICS both_sums ON (id + trap(1)), other FROM measured")
    database.execute("ANALYZE")
    return role


def quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def observed(dsn: str, texts: tuple[str, ...]) -> tuple[Seen, int]:
    """What was observed, and how many advisory locks the session held afterwards."""
    with planning(dsn, texts) as (session, facts):
        seen = Seen(Observation(), texts)
        observe(session, candidates_of(texts, facts), facts, ROOMY, silent, seen.observation)
        return seen, locks_held(session.connection)


def locks_held(connection: psycopg.Connection[Any]) -> int:
    query = "SELECT count(*) FROM pg_catalog.pg_locks WHERE locktype = 'advisory' AND pid = pg_backend_pid()"
    ((held,),) = connection.execute(query).fetchall()
    return int(held)


def reaching(major: int) -> tuple[str, ...]:
    return REACHING + (("SELECT id FROM measured WHERE id = $1",) if major >= 14 else ())


def test_the_traps_work(database: Database) -> None:
    """Without the look-up, EXPLAIN as superuser runs them, in a read-only transaction as in any other."""
    set_traps(database)
    for text in reaching(18):
        with database.connect() as connection:
            connection.execute("SET default_transaction_read_only = on")
            connection.execute(b"EXPLAIN (GENERIC_PLAN) " + text.encode())
            assert locks_held(connection) == 1, text


def test_a_superuser_plans_nothing_that_reaches_a_strangers_code(end_database: Database) -> None:
    set_traps(end_database)
    texts = reaching(end_database.server.major) + SUSPECT + CLEAN
    seen, held = observed(end_database.dsn, texts)
    assert held == 0
    for text in texts[: -len(CLEAN)]:
        assert seen.plans(text) == [], text
        assert "rights" in seen.gap(text).reason, text
    for text in CLEAN:
        assert seen.plan(text, PlanMethod.GENERIC).plan["Plan"], text


@pytest.mark.parametrize("group", ["pg_signal_backend", "pg_write_server_files", "pg_execute_server_program"])
def test_nor_does_a_role_with_rights_beyond_reading(database: Database, group: str) -> None:
    set_traps(database)
    role = database.role("armed", member_of=[group], grants=["SELECT ON ALL TABLES IN SCHEMA public"])
    text = "SELECT * FROM shown WHERE id = $1"
    seen, held = observed(role.dsn, (text,))
    assert (held, seen.plans(text)) == (0, [])


def test_nor_does_a_role_that_may_set_itself_to_a_superuser(database: Database) -> None:
    set_traps(database)
    role = database.role("deputy")
    database.execute(f"GRANT {quoted(database.execute('SELECT current_user')[0][0])} TO {quoted(role.name)}")
    seen, held = observed(role.dsn, ("SELECT trap(1)",))
    assert (held, seen.observation.plans) == (0, [])


def test_nor_does_a_role_that_may_read_what_the_owner_may_not(database: Database) -> None:
    set_traps(database)
    database.execute("CREATE TABLE secrets (secret text)")
    role = database.role("auditor", grants=["SELECT ON ALL TABLES IN SCHEMA public"])
    texts = ("SELECT * FROM shown WHERE id = $1", "SELECT * FROM secrets")
    seen, held = observed(role.dsn, texts)
    assert held == 0
    assert seen.plans(texts[0]) == []
    assert seen.plans(texts[1])


def test_a_policys_code_counts(database: Database) -> None:
    """Row-level security does not bind superusers, so the planner is one with rights on files alone."""
    set_traps(database).connect().close()
    with database.connect() as connection:
        connection.execute("SET SESSION AUTHORIZATION " + quoted(database.roles[0]))
        connection.execute("CREATE POLICY reading ON bait USING (id > trap(1))")
        connection.execute("ALTER TABLE bait ENABLE ROW LEVEL SECURITY")
    role = database.role("armed", member_of=["pg_read_server_files"], grants=["SELECT ON bait"])
    text = "SELECT * FROM bait WHERE id = $1"
    seen, held = observed(role.dsn, (text,))
    assert (held, seen.plans(text)) == (0, [])


def test_a_role_without_special_rights_runs_no_strangers_code_either(database: Database) -> None:
    """It may see what the owner may not, and the code need never end: plpgsql can catch its own cancellation."""
    set_traps(database)
    texts = ("SELECT * FROM shown WHERE id = $1", "SELECT id FROM bait WHERE id = trap(7)")
    seen, held = observed(database.role("nobody special", member_of=["pg_monitor"]).dsn, texts)
    assert held == 0
    assert [seen.plans(text) for text in texts] == [[], []]


def test_reading_a_value_of_a_type_given_by_number_counts(database: Database) -> None:
    """No dependency tells of a type that a view names by its oid."""
    set_traps(database)
    with database.connect() as connection:
        connection.execute("SET SESSION AUTHORIZATION " + quoted(database.roles[0]))
        connection.execute("CREATE DOMAIN numbered AS int CHECK (trap(VALUE) > 0)")
        ((oid,),) = connection.execute("SELECT 'numbered'::regtype::oid").fetchall()
        connection.execute(
            f"CREATE VIEW by_number AS SELECT * FROM bait WHERE name = array_in('{{1}}', {oid}, -1)::text"
        )
    texts = ("SELECT * FROM by_number", f"SELECT * FROM bait WHERE name = array_in('{{1}}', {oid}, -1)::text")
    seen, held = observed(database.dsn, texts)
    assert held == 0
    assert [seen.plans(text) for text in texts] == [[], []]


def test_parsing_a_string_as_a_strangers_type_counts(database: Database) -> None:
    set_traps(database)
    with database.connect() as connection:
        connection.execute("SET SESSION AUTHORIZATION " + quoted(database.roles[0]))
        connection.execute("CREATE DOMAIN malign AS int CHECK (trap(VALUE) > 0)")
    text = "SELECT '{1}'::malign[]"
    seen, held = observed(database.dsn, (text,))
    assert (held, seen.plans(text)) == (0, [])


def test_a_foreign_table_that_is_asked_about_is_not_planned(database: Database) -> None:
    database.execute(
        """
        CREATE EXTENSION postgres_fdw;
        CREATE SERVER elsewhere FOREIGN DATA WRAPPER postgres_fdw OPTIONS (host '127.0.0.1', port '1');
        CREATE USER MAPPING FOR CURRENT_USER SERVER elsewhere OPTIONS (user 'x', password 'x');
        CREATE FOREIGN TABLE asked (id int) SERVER elsewhere OPTIONS (use_remote_estimate 'true');
        CREATE FOREIGN TABLE guessed (id int) SERVER elsewhere;
        CREATE VIEW over_asked AS SELECT * FROM asked;
        """
    )
    texts = ("SELECT * FROM asked", "SELECT * FROM over_asked", "SELECT * FROM guessed")
    seen, _ = observed(database.dsn, texts)
    assert [bool(seen.plans(text)) for text in texts] == [False, False, True]
    assert "another server" in seen.gap(texts[1]).reason


def test_the_owner_itself_and_a_superusers_functions_are_trusted(database: Database) -> None:
    database.execute("CREATE FUNCTION plus_one(int) RETURNS int IMMUTABLE LANGUAGE sql AS 'SELECT $1 + 1'")
    mallory = set_traps(database)
    assert observed(mallory.dsn, ("SELECT trap(1)",))[0].observation.plans
    assert observed(database.dsn, ("SELECT plus_one($1)",))[0].observation.plans


def test_a_function_that_looks_like_the_systems_is_found_by_its_name(database: Database) -> None:
    """lower(varchar) is a better match than the system's lower(text), and taken although pg_catalog comes first."""
    with database.role("mallory", grants=["CREATE, USAGE ON SCHEMA public"]).connect() as connection:
        connection.execute("CREATE TABLE bait (name varchar)")
        connection.execute(
            """CREATE FUNCTION lower(varchar) RETURNS text IMMUTABLE LANGUAGE plpgsql
               AS $$ BEGIN PERFORM pg_try_advisory_lock_shared(4711); RETURN $1; END $$"""
        )
    texts = ("SELECT * FROM bait WHERE name = lower('A'::varchar)", "SELECT * FROM bait WHERE name = upper($1)")
    seen, held = observed(database.dsn, texts)
    assert held == 0
    assert seen.plans(texts[0]) == []
    assert "lower" in seen.gap(texts[0]).reason
    assert seen.plans(texts[1])


def test_our_own_questions_run_no_strangers_operator(database: Database) -> None:
    """Operators that fit a catalog's columns better than the system's own, on a path that puts them first."""
    role = database.role("mallory", grants=["CREATE, USAGE ON SCHEMA public"])
    with role.connect() as connection:
        for name, types in (("=", ("name", "text")), (">=", ("oid", "int4")), ("<>", ("oid", "int4"))):
            connection.execute(
                f"""CREATE FUNCTION trap({types[0]}, {types[1]}) RETURNS bool IMMUTABLE LANGUAGE plpgsql
                    AS $$ BEGIN PERFORM pg_try_advisory_lock_shared(4711); RETURN true; END $$"""
                if name != "<>"
                else "SELECT 1"
            )
            connection.execute(f"CREATE OPERATOR {name} (LEFTARG = {types[0]}, RIGHTARG = {types[1]}, FUNCTION = trap)")
    database.execute(f"ALTER DATABASE {quoted(database.name)} SET search_path = public, pg_catalog")
    seen, held = observed(database.dsn, ("SELECT pg_sleep(1)", "SELECT 1"))
    assert held == 0
    assert len(seen.observation.plans) + len(seen.observation.gaps) > 0
