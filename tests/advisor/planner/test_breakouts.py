"""Texts that try to run something: none does, and nothing changes, though the role could have changed it all."""

from __future__ import annotations

from typing import Any

import pytest

from pgadvisor.model.coverage import Fact
from pgadvisor.model.plans import PlanMethod
from pgadvisor.planner.observe import Observation, observe
from pgadvisor.planner.refusals import NotDone
from pgadvisor.planner.wire import explain, parse
from pgadvisor.progress import silent
from support.databases import Database
from support.planning import ROOMY, Seen, candidates_of, planning
from support.reading import open_session

pytestmark = pytest.mark.server

REFUSED = (
    "",
    ";",
    "--",
    "/*",
    "/* /* */ SELECT 1",
    "SELECT 1; COMMIT; DROP TABLE precious",
    "SELECT 1; DROP TABLE precious; --",
    "SELECT 1 -- harmless\n; DROP TABLE precious",
    "SELECT 1 /* ; */; DROP TABLE precious",
    "SELECT 1 /* /* */ ; */; DELETE FROM precious",
    "COMMIT; DROP TABLE precious",
    "COMMIT",
    "ROLLBACK; DROP TABLE precious",
    "SELECT $tag$ ; $tag$; DROP TABLE precious",
    "SELECT $$;$$; DELETE FROM precious",
    "SELECT $x$ $y$ $x$; DELETE FROM precious; SELECT $y$ $y$",
    "SELECT E'\\''; DROP TABLE precious; --'",
    "SELECT 'a\\'; DROP TABLE precious; --'",
    'SELECT 1 AS "x"; DROP TABLE precious; SELECT 1 AS "y"',
    "SELECT U&'\\0027'; DELETE FROM precious",
    "EXPLAIN ANALYZE DELETE FROM precious",
    "EXPLAIN (ANALYZE) DELETE FROM precious",
    "(ANALYZE) DELETE FROM precious",
    "(ANALYZE true) SELECT 1",
    "ANALYZE DELETE FROM precious",
    "ANALYZE precious",
    "VERBOSE DELETE FROM precious",
    "SELECT 'DELETE FROM precious' \\gexec",
    "\\! touch stolen",
    "SELECT 1 \\; DROP TABLE precious",
    "DO $$ BEGIN DELETE FROM precious; END $$",
    "CALL wipe()",
    "PREPARE wiping AS DELETE FROM precious",
    "EXECUTE wiping",
    "DEALLOCATE ALL",
    "DECLARE c CURSOR FOR SELECT * FROM precious",
    "COPY precious TO PROGRAM 'true'",
    "COPY (DELETE FROM precious RETURNING *) TO STDOUT",
    "CREATE TABLE stolen AS SELECT * FROM precious",
    "CREATE MATERIALIZED VIEW stolen AS SELECT * FROM precious",
    "REFRESH MATERIALIZED VIEW copied",
    "TRUNCATE precious",
    "VACUUM precious",
    "LOCK precious",
    "SET ROLE pg_monitor",
    "NOTIFY someone",
    "SELECT 1\0; DROP TABLE precious",
    "SELECT \udcff",
    "SELECT * FROM nowhere",
)  # fmt: skip
NOT_EXECUTED = (
    "SELECT * INTO stolen FROM precious",
    "SELECT * /* */ INTO TEMP stolen FROM precious",
    "WITH gone AS (DELETE FROM precious RETURNING *) SELECT * FROM gone",
    "WITH gone AS (INSERT INTO precious VALUES (9, 'x') RETURNING *) TABLE gone",
    "SELECT * FROM precious FOR UPDATE",
    "SELECT * FROM (SELECT * FROM precious FOR SHARE) AS locked",
    "SELECT nextval('counted')",
    "SELECT setval('counted', 1000)",
    "SELECT wipe_all()",
    "SELECT * FROM wiping_view",
    "SELECT * FROM wiping_view_of_view",
    "SELECT 1 <-!-> 2",
    "SELECT 'x'::tricky::int",
    "SELECT wiped(id) FROM precious",
    "SELECT 1::watchful",
    "SELECT pg_advisory_lock(1)",
    "SELECT pg_notify('someone', 'x')",
    "SELECT set_config('work_mem', '64kB', false)",
    "SELECT lo_create(0)",
    "SELECT pg_terminate_backend(pg_backend_pid())",
    "SELECT pg_stat_reset()",
    "SELECT pg_read_file('PG_VERSION')",
    "SELECT random()",
    "SELECT * FROM pg_ls_dir('.')",
    "SELECT * FROM pg_locks",
    "SELECT * FROM query_to_xml('DELETE FROM precious', true, true, '')",
    "INSERT INTO precious SELECT 10, 'x'",
    "UPDATE precious SET name = 'y'",
    "DELETE FROM precious",
)  # fmt: skip


def make_precious(database: Database) -> None:
    database.execute(
        """
        CREATE TABLE precious (id int, name text);
        INSERT INTO precious VALUES (1, 'one'), (2, 'two');
        CREATE MATERIALIZED VIEW copied AS SELECT * FROM precious;
        CREATE SEQUENCE counted;
        CREATE PROCEDURE wipe() LANGUAGE sql AS 'DELETE FROM precious';
        CREATE FUNCTION wipe_all() RETURNS int LANGUAGE sql AS 'DELETE FROM precious RETURNING 1';
        CREATE FUNCTION wipe_all(int, int) RETURNS int LANGUAGE sql AS 'DELETE FROM precious RETURNING 1';
        CREATE VIEW wiping_view AS SELECT wipe_all();
        CREATE VIEW wiping_view_of_view AS SELECT * FROM wiping_view;
        CREATE OPERATOR <-!-> (LEFTARG = int, RIGHTARG = int, FUNCTION = wipe_all);
        CREATE TYPE tricky AS ENUM ('x');
        CREATE FUNCTION trick(tricky) RETURNS int LANGUAGE sql AS 'DELETE FROM precious RETURNING 1';
        CREATE CAST (tricky AS int) WITH FUNCTION trick(tricky);
        CREATE AGGREGATE wiped (int) (SFUNC = wipe_all, STYPE = int);
        CREATE DOMAIN watchful AS int CHECK (pg_try_advisory_lock_shared(1) IS NOT NULL);
        """
    )


def state(database: Database) -> dict[str, Any]:
    """Everything that a text could have changed."""
    catalogs = ("pg_class", "pg_attribute", "pg_proc", "pg_authid", "pg_largeobject_metadata", "pg_db_role_setting")
    queries = {
        "rows": "SELECT id, name, xmin::text, xmax::text, ctid::text FROM precious ORDER BY id",
        "sequence": "SELECT last_value, is_called FROM counted",
        "counters": "SELECT n_tup_ins, n_tup_upd, n_tup_del FROM pg_stat_user_tables WHERE relname = 'precious'",
        "locks": "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory'",
        "reset": "SELECT stats_reset FROM pg_stat_database WHERE datname = current_database()",
    } | {name: f"SELECT md5(string_agg(c::text, '' ORDER BY ctid)) FROM {name} AS c" for name in catalogs}
    database.settle()
    # Before 15 counters arrive when a process of their own has taken them in.
    database.wait_until("SELECT coalesce(sum(n_tup_ins), 0) >= 2 FROM pg_stat_user_tables WHERE relname = 'precious'")
    database.wait_until(
        "SELECT stats_reset IS NOT NULL OR current_setting('server_version_num')::int >= 150000"
        " FROM pg_stat_database WHERE datname = current_database()"
    )
    return {name: database.execute(query) for name, query in queries.items()}


def observed(database: Database, texts: tuple[str, ...]) -> Seen:
    """What was observed, in a session that is looked at before it is closed."""
    with planning(database.dsn, texts) as (session, facts):
        seen = Seen(Observation(), texts)
        observe(session, candidates_of(texts, facts), facts, ROOMY, silent, seen.observation)
        left = session.connection.execute(
            """SELECT (SELECT count(*) FROM pg_prepared_statements), (SELECT count(*) FROM pg_cursors),
                      (SELECT count(*) FROM pg_locks WHERE locktype = 'advisory'), current_setting('work_mem')"""
        ).fetchone()
        assert left == (0, 0, 0, "4MB")
    return seen


def test_no_text_breaks_out(end_database: Database) -> None:
    make_precious(end_database)
    before = state(end_database)
    texts = REFUSED + NOT_EXECUTED
    seen = observed(end_database, texts)
    assert state(end_database) == before
    for text in REFUSED:
        assert seen.plans(text) == [], text
    assert sum(gap.fact is Fact.PLANS for gap in seen.observation.gaps) > 5
    for text in NOT_EXECUTED:
        assert seen.plans(text, PlanMethod.EXECUTED) == [], text
    assert sum(gap.fact is Fact.EXECUTED_PLANS for gap in seen.observation.gaps) > 3


def test_strings_are_read_alike_whatever_the_role_has_set(database: Database) -> None:
    """With standard_conforming_strings off, '\\' would not end where we take it to end."""
    make_precious(database)
    before = state(database)
    text = "SELECT 'a\\'; DELETE FROM precious; SELECT 'b\\', 1"
    database.execute("ALTER ROLE CURRENT_USER SET standard_conforming_strings = off")
    try:
        seen = observed(database, (text, "SELECT id FROM precious"))
    finally:
        database.execute("ALTER ROLE CURRENT_USER RESET standard_conforming_strings")
    assert seen.plans(text) == []
    assert seen.plans("SELECT id FROM precious", PlanMethod.EXECUTED)
    assert state(database) == before


def test_nothing_is_sent_where_strings_are_read_otherwise_than_they_were_looked_at(database: Database) -> None:
    with open_session(database.dsn) as session, session.transaction() as transaction:
        assert parse(session, "SELECT '\\', $1::int") == (23,)
        transaction.set_local(standard_conforming_strings="off")
        with pytest.raises(NotDone, match="read otherwise"):
            explain(session, "EXPLAIN (GENERIC_PLAN, FORMAT JSON) SELECT 1")


def test_hostile_names_and_long_texts_are_planned(database: Database) -> None:
    long_name = "ü" * 31
    database.execute(
        f"""
        CREATE TABLE "Order" ("select" int, "a b" text, "x';--" int, "{long_name}" int);
        INSERT INTO "Order" SELECT i, i, i, i FROM generate_series(1, 100) i;
        ANALYZE;
        """
    )
    texts = (
        'SELECT "select" FROM "Order" WHERE "a b" = $1 -- ; DROP TABLE "Order"',
        'SELECT count(*) FROM "Order" WHERE "x\';--" = $1;',
        f'SELECT 1 FROM "Order" WHERE "{long_name}" = $1 /* </script> {{{{ }}}} %s %(x)s */;;',
        "SELECT '" + "x" * 1_000_000 + '\' FROM "Order" WHERE "select" % 7 = 3',
    )
    seen = observed(database, texts)
    assert [len(seen.plans(text, PlanMethod.GENERIC)) for text in texts] == [1, 1, 1, 1]
    assert [len(seen.plans(text, PlanMethod.EXECUTED)) for text in texts] == [1, 1, 1, 1]
