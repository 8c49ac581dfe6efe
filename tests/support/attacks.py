"""The attack list: attempts to have something executed or to do harm, and the check that stops each.

The checks are those of docs/execution.md, in its words. What a stranger made is his who has no right but to create
things; what a superuser made lies about itself. A trap leaves a session's advisory lock, which a rollback does not
release; of anything else that an attempt could change the tests compare the state before and after.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass


class Stop(enum.StrEnum):
    """What stops an attempt: a pattern that the reason of the gap matches."""

    KIND = r"not a statement that the planner plans"
    ONE_COMMAND = (
        r"does not accept it as one statement|ends inside|not a statement that the planner plans|knows? a name"
    )
    OBSCURE = r"cannot be told"
    STRANGERS_CODE = r"rights that its owner does not have|It holds"
    TRANSACTION_ID = r"takes up a transaction id"
    ELSEWHERE = r"another server"
    VOLATILE = r"may run volatile code"
    PLAIN_SELECT = r"no plain SELECT"
    VALUES = r"give no value"
    # Before 16 the server does not even read an INTO here.
    INTO = r"no plain SELECT|utility statements cannot be prepared"
    COST = r"cost over the limit"
    # The planner of an older server may not see how much it is.
    COST_OR_TIMEOUT = r"cost over the limit|timeout"
    TIMEOUT = r"timeout"
    SERVER = r"The server refused it|does not accept it|may not use|does not know"


@dataclass(frozen=True)
class Attack:
    """A text, and what stops it: before it is planned, or before it is executed."""

    text: str
    stop: Stop
    planned: bool = True


STRANGERS = """
    CREATE FUNCTION trap() RETURNS bool LANGUAGE plpgsql IMMUTABLE
        AS $$ BEGIN PERFORM pg_try_advisory_lock_shared(4711); RETURN true; END $$;
    CREATE FUNCTION trap(int) RETURNS int LANGUAGE plpgsql IMMUTABLE
        AS $$ BEGIN PERFORM pg_try_advisory_lock_shared(4711); RETURN $1; END $$;
    CREATE FUNCTION trap(int, int) RETURNS int LANGUAGE plpgsql IMMUTABLE
        AS $$ BEGIN PERFORM pg_try_advisory_lock_shared(4711); RETURN $1; END $$;
    CREATE FUNCTION trap(varchar) RETURNS text LANGUAGE plpgsql IMMUTABLE
        AS $$ BEGIN PERFORM pg_try_advisory_lock_shared(4711); RETURN $1; END $$;
    CREATE FUNCTION lower(varchar) RETURNS text LANGUAGE plpgsql IMMUTABLE
        AS $$ BEGIN PERFORM pg_try_advisory_lock_shared(4711); RETURN $1; END $$;
    CREATE FUNCTION defining() RETURNS bool LANGUAGE plpgsql STABLE SECURITY DEFINER
        AS $$ BEGIN PERFORM pg_try_advisory_lock_shared(4711); RETURN true; END $$;
    CREATE FUNCTION distance(int, int) RETURNS float8 LANGUAGE plpgsql IMMUTABLE
        AS $$ BEGIN PERFORM pg_try_advisory_lock_shared(4711); RETURN $2 - $1; END $$;
    CREATE TYPE apart AS RANGE (SUBTYPE = int4, SUBTYPE_DIFF = distance);
    CREATE TABLE ranged (span apart);
    CREATE TABLE plain (id int, name varchar, made int GENERATED ALWAYS AS (trap(7)) STORED);
    CREATE INDEX ON plain ((trap(id)));
    CREATE VIEW behind AS SELECT id FROM plain WHERE id = trap(1);
    CREATE VIEW behind_behind AS SELECT * FROM behind;
    CREATE DOMAIN checked AS int CHECK (trap(VALUE) = VALUE);
    CREATE OPERATOR ~~~ (LEFTARG = int, RIGHTARG = int, FUNCTION = trap);
    CREATE TYPE cast_me AS ENUM ('x');
    CREATE FUNCTION trap(cast_me) RETURNS int LANGUAGE plpgsql IMMUTABLE
        AS $$ BEGIN PERFORM pg_try_advisory_lock_shared(4711); RETURN 1; END $$;
    CREATE CAST (cast_me AS int) WITH FUNCTION trap(cast_me) AS IMPLICIT;
    CREATE AGGREGATE folding (int) (SFUNC = trap, STYPE = int, INITCOND = '0');
    CREATE FUNCTION untold(cast_me[]) RETURNS int LANGUAGE plpgsql IMMUTABLE
        AS $$ BEGIN PERFORM pg_try_advisory_lock_shared(4711); RETURN 1; END $$;
    CREATE CAST (cast_me[] AS int) WITH FUNCTION untold(cast_me[]) AS IMPLICIT;
    CREATE TABLE of_enums (e cast_me);
    CREATE FUNCTION untold(of_enums[]) RETURNS json LANGUAGE plpgsql IMMUTABLE
        AS $$ BEGIN PERFORM pg_try_advisory_lock_shared(4711); RETURN '1'; END $$;
    CREATE CAST (of_enums[] AS json) WITH FUNCTION untold(of_enums[]);
    CREATE FUNCTION turned(int, int) RETURNS bool LANGUAGE plpgsql IMMUTABLE
        AS $$ BEGIN PERFORM pg_try_advisory_lock_shared(4711); RETURN true; END $$;
    CREATE OPERATOR ~!~ (LEFTARG = int, RIGHTARG = int, FUNCTION = turned, RESTRICT = eqsel);
    CREATE OPERATOR ~=~ (
        LEFTARG = int, RIGHTARG = int, FUNCTION = int4eq, NEGATOR = OPERATOR(~!~), RESTRICT = neqsel);
    CREATE OPERATOR ~>~ (LEFTARG = int, RIGHTARG = int, FUNCTION = turned, RESTRICT = scalargtsel);
    CREATE OPERATOR ~<~ (
        LEFTARG = int, RIGHTARG = int, FUNCTION = int4le, COMMUTATOR = OPERATOR(~>~), RESTRICT = scalarltsel);
    CREATE FUNCTION on_insert() RETURNS trigger LANGUAGE plpgsql
        AS $$ BEGIN PERFORM pg_try_advisory_lock_shared(4711); RETURN NEW; END $$;
    CREATE TABLE guarded (id int);
    CREATE TRIGGER springs BEFORE INSERT ON guarded FOR EACH ROW EXECUTE FUNCTION on_insert();
    CREATE TABLE with_default (id int DEFAULT trap(5), other int);
    CREATE TABLE with_policy (id int);
    CREATE POLICY springs ON with_policy USING (trap());
    ALTER TABLE with_policy ENABLE ROW LEVEL SECURITY;
    CREATE TABLE with_rule (id int);
    CREATE RULE instead AS ON INSERT TO with_rule DO INSTEAD SELECT trap();
    GRANT ALL ON ALL TABLES IN SCHEMA public TO PUBLIC;
"""

# What only newer servers have, by the first that has it.
NEWER_STRANGERS = {
    14: """
    CREATE TYPE ranging AS RANGE (SUBTYPE = int4);
    CREATE TABLE ranges (span ranging);
    CREATE FUNCTION newer(ranging_multirange) RETURNS int LANGUAGE plpgsql IMMUTABLE
        AS $$ BEGIN PERFORM pg_try_advisory_lock_shared(4711); RETURN 1; END $$;
    CREATE CAST (ranging_multirange AS int) WITH FUNCTION newer(ranging_multirange) AS IMPLICIT;
    CREATE FUNCTION newer(int) RETURNS bool LANGUAGE plpgsql IMMUTABLE
        AS $$ BEGIN PERFORM pg_try_advisory_lock_shared(4711); RETURN true; END $$;
    CREATE DOMAIN begun AS int CHECK (newer(VALUE));
    CREATE AGGREGATE begins (int) (SFUNC = trim_array, STYPE = begun[], FINALFUNC = array_ndims, INITCOND = '{1}');
    GRANT ALL ON ALL TABLES IN SCHEMA public TO PUBLIC;
""",
    16: "CREATE OPERATOR ~?~ (LEFTARG = text, RIGHTARG = text, FUNCTION = pg_input_is_valid)",
}

# By a superuser, so trusted to run while planning; executed they are not, for what their bodies say.
LIARS = """
    CREATE TABLE precious (id int, name varchar);
    INSERT INTO precious VALUES (1, 'one'), (2, 'two');
    CREATE TABLE noted (what text);
    CREATE SEQUENCE counted;
    CREATE FUNCTION lies_locks(int) RETURNS int LANGUAGE plpgsql STABLE
        AS $$ BEGIN PERFORM pg_advisory_lock($1); RETURN $1; END $$;
    CREATE FUNCTION lies_sleeps(int) RETURNS int LANGUAGE sql IMMUTABLE AS 'SELECT $1 FROM pg_sleep(60)';
    CREATE FUNCTION lies_counts(int) RETURNS int8 LANGUAGE plpgsql STABLE AS $$ BEGIN RETURN nextval('counted'); END $$;
    CREATE FUNCTION lies_puts_together(int) RETURNS int LANGUAGE plpgsql STABLE
        AS $$ BEGIN EXECUTE 'SELECT pg_advis' || 'ory_lock(1)'; RETURN $1; END $$;
    CREATE FUNCTION lies_through(int) RETURNS int LANGUAGE sql STABLE AS 'SELECT lies_locks($1)';
    CREATE FUNCTION lies_by_another_name(float8) RETURNS void LANGUAGE internal IMMUTABLE AS 'pg_sleep';
    CREATE FUNCTION deletes() RETURNS int LANGUAGE sql AS 'DELETE FROM precious RETURNING 1';
    CREATE FUNCTION deletes(int) RETURNS int LANGUAGE sql AS 'DELETE FROM precious RETURNING 1';
    CREATE FUNCTION deletes(int, int) RETURNS int LANGUAGE sql AS 'DELETE FROM precious RETURNING 1';
    CREATE FUNCTION deletes_defining() RETURNS int LANGUAGE sql SECURITY DEFINER
        AS 'DELETE FROM precious RETURNING 1';
    CREATE VIEW deleting AS SELECT deletes() AS done;
    CREATE VIEW deleting_behind AS SELECT * FROM deleting;
    CREATE VIEW sleeping AS SELECT pg_sleep(60) IS NULL AS slept;
    CREATE VIEW locking AS SELECT * FROM precious FOR UPDATE;
    CREATE OPERATOR <-!-> (LEFTARG = int, RIGHTARG = int, FUNCTION = deletes);
    CREATE TYPE tricky AS ENUM ('x');
    CREATE FUNCTION tricks(tricky) RETURNS int LANGUAGE sql AS 'DELETE FROM precious RETURNING 1';
    CREATE CAST (tricky AS int) WITH FUNCTION tricks(tricky);
    CREATE AGGREGATE deletes_all (int) (SFUNC = deletes, STYPE = int);
    CREATE DOMAIN watchful AS int CHECK (pg_try_advisory_lock_shared(1) IS NOT NULL);
    CREATE FUNCTION careless(varchar) RETURNS text LANGUAGE sql IMMUTABLE AS 'SELECT lower($1)';
    CREATE FUNCTION careless_plpgsql(varchar) RETURNS text LANGUAGE plpgsql IMMUTABLE
        AS 'BEGIN RETURN lower($1); END';
    CREATE TABLE under_policy (id int);
    CREATE VIEW of_policy AS SELECT pg_advisory_lock(1) IS NULL AS yes;
    CREATE POLICY of_view ON under_policy USING ((SELECT yes FROM of_policy));
    ALTER TABLE under_policy ENABLE ROW LEVEL SECURITY;
    CREATE FUNCTION notes() RETURNS event_trigger LANGUAGE plpgsql AS $$ BEGIN INSERT INTO noted VALUES ('x'); END $$;
    CREATE EXTENSION dblink;
    CREATE EXTENSION postgres_fdw;
    CREATE SERVER elsewhere FOREIGN DATA WRAPPER postgres_fdw OPTIONS (host '127.0.0.1', port '1');
    CREATE USER MAPPING FOR PUBLIC SERVER elsewhere OPTIONS (user 'x', password 'x');
    CREATE FOREIGN TABLE asked (id int) SERVER elsewhere OPTIONS (use_remote_estimate 'true');
    CREATE FOREIGN TABLE far (id int) SERVER elsewhere;
    GRANT ALL ON ALL TABLES IN SCHEMA public TO PUBLIC;
    GRANT ALL ON ALL SEQUENCES IN SCHEMA public TO PUBLIC;
"""


def _all(stop: Stop, *texts: str, planned: bool = True) -> tuple[Attack, ...]:
    return tuple(Attack(text, stop, planned) for text in texts)


ATTACKS = (
    # Code of strangers is not even planned.
    *_all(
        Stop.STRANGERS_CODE,
        "SELECT trap()",
        "SELECT * FROM precious WHERE id = trap(1)",
        "SELECT * FROM precious WHERE name = lower('A'::varchar)",
        "SELECT * FROM behind",
        "SELECT * FROM behind_behind",
        "SELECT * FROM plain",
        "SELECT * FROM ranged WHERE span && '[1,2)'",
        "SELECT apart(1, 2)",
        "SELECT 1::checked",
        "SELECT '{1}'::checked[]",
        "SELECT 1 ~~~ 2",
        "SELECT 1 OPERATOR(public.~~~) 2",
        "SELECT 'x'::cast_me::int",
        "SELECT folding(id) FROM precious",
        "SELECT '{x}'::cast_me[]::int",
        "SELECT id FROM precious WHERE id + ARRAY['x'::cast_me] = 5",
        "SELECT array_agg(e)::int FROM of_enums",
        "SELECT array_agg(of_enums)::json FROM of_enums",
        "SELECT * FROM precious WHERE NOT id ~=~ 1",
        "SELECT * FROM precious WHERE id ~=~ 1",
        "SELECT * FROM precious WHERE 1 ~<~ id",
        "SELECT * FROM with_policy",
        "INSERT INTO with_default (other) VALUES (1)",
        "INSERT INTO with_rule VALUES (1)",
        "INSERT INTO plain (id) VALUES (1)",
        "SELECT * FROM precious WHERE defining()",
        "SELECT careless('A'::varchar)",
        "SELECT careless_plpgsql('A'::varchar)",
        "SELECT * FROM query_to_xml('SELECT trap()', true, true, '')",
        "SELECT * FROM precious WHERE name = table_to_xml('precious', true, true, '')::text",
        "SELECT database_to_xml(true, true, '')",
        "SELECT * FROM dblink('', 'DELETE FROM precious') AS gone (id int)",
        "SELECT dblink_connect('')",
        "SELECT ts_stat('SELECT trap()')",
        planned=False,
    ),
    *_all(
        Stop.OBSCURE,
        'SELECT U&"\\0074rap"()',
        "SELECT U&\"!0074rap\" UESCAPE '!' ()",
        'SELECT u&"pg_sle\\0065p"(60)',
        planned=False,
    ),
    *_all(
        Stop.TRANSACTION_ID,
        "SELECT txid_current()",
        "SELECT pg_current_xact_id()",
        "SELECT * FROM precious WHERE id = txid_current()",
        'SELECT "txid_current"()',
        planned=False,
    ),
    *_all(Stop.ELSEWHERE, "SELECT * FROM asked", planned=False),
    # More than one command, or no statement that has a plan.
    *_all(
        Stop.ONE_COMMAND,
        "SELECT 1; DELETE FROM precious",
        "SELECT 1; COMMIT; DELETE FROM precious",
        "SELECT 1 /* ; */; DELETE FROM precious",
        "SELECT 1 -- \n; DELETE FROM precious",
        "SELECT $a$ ; $a$; DELETE FROM precious",
        "SELECT $$ $a$ $$; DELETE FROM precious; SELECT $a$ $a$",
        "SELECT E'\\''; DELETE FROM precious; --'",
        "SELECT 'a\\'; DELETE FROM precious; --'",
        "SELECT U&'\\0027'; DELETE FROM precious",
        "SELECT '\u02bc; DELETE FROM precious; --'; DELETE FROM precious",
        "EXPLAIN ANALYZE DELETE FROM precious",
        "EXPLAIN (ANALYZE) DELETE FROM precious",
        "(ANALYZE) DELETE FROM precious",
        "ANALYZE DELETE FROM precious",
        "PREPARE deleting AS DELETE FROM precious",
        "EXECUTE deleting",
        "DECLARE c CURSOR FOR SELECT * FROM precious",
        "DO $$ BEGIN DELETE FROM precious; END $$",
        "CALL nothing()",
        "COPY precious TO PROGRAM 'touch stolen'",
        "COPY (DELETE FROM precious RETURNING *) TO 'stolen'",
        "CREATE TABLE stolen AS SELECT * FROM precious",
        "CREATE EVENT TRIGGER springs ON ddl_command_start EXECUTE FUNCTION notes()",
        "SELECT 1 \\; DELETE FROM precious",
        "WITH a AS (SELECT 1",
        "SELECT 1 /* ",
        planned=False,
    ),
    # What would act if it were executed.
    *_all(
        Stop.VOLATILE,
        "SELECT deletes()",
        'SELECT "deletes" ()',
        "SELECT DELETES/* */()",
        "SELECT deletes -- (\n ()",
        "SELECT public.deletes(id) FROM precious",
        "SELECT * FROM deletes()",
        "SELECT * FROM precious, LATERAL deletes(id) AS gone",
        "SELECT (SELECT deletes())",
        "SELECT id FROM precious ORDER BY deletes(id)",
        "SELECT sum(id) FILTER (WHERE deletes(id) > 0) FROM precious",
        "SELECT count(*) OVER (PARTITION BY deletes(id)) FROM precious",
        "SELECT deletes_defining()",
        "SELECT * FROM deleting",
        "SELECT * FROM deleting_behind",
        "SELECT * FROM sleeping",
        "TABLE sleeping",
        "SELECT 1 <-!-> 2",
        "SELECT 'x'::tricky::int",
        "SELECT deletes_all(id) FROM precious",
        "SELECT id::watchful FROM precious",
        "SELECT lies_locks(id) FROM precious",
        "SELECT lies_sleeps(id) FROM precious",
        "SELECT lies_counts(id) FROM precious",
        "SELECT lies_puts_together(id) FROM precious",
        "SELECT lies_through(id) FROM precious",
        "SELECT lies_by_another_name(id) FROM precious",
        "SELECT * FROM under_policy",
        "SELECT nextval('counted')",
        "SELECT setval('counted', 1000)",
        "SELECT currval('counted')",
        "SELECT lastval()",
        "SELECT pg_advisory_lock(1)",
        "SELECT pg_try_advisory_lock(id) FROM precious",
        "SELECT pg_advisory_xact_lock(1)",
        "SELECT pg_sleep(60)",
        "SELECT id FROM precious WHERE pg_sleep(60) IS NULL",
        "SELECT pg_sleep_for('1 minute')",
        "SELECT pg_terminate_backend({victim})",
        "SELECT pg_cancel_backend({victim})",
        "SELECT pg_read_file('PG_VERSION')",
        "SELECT pg_read_binary_file('PG_VERSION')",
        "SELECT pg_ls_dir('.')",
        "SELECT * FROM pg_stat_file('PG_VERSION')",
        "SELECT lo_import('PG_VERSION')",
        "SELECT lo_export(1, 'stolen')",
        "SELECT lo_create(4711)",
        "SELECT lo_from_bytea(0, 'x')",
        "SELECT set_config('work_mem', '64kB', false)",
        "SELECT pg_notify('someone', 'x')",
        "SELECT pg_logical_emit_message(false, 'x', 'y')",
        "SELECT pg_create_physical_replication_slot('stolen')",
        "SELECT pg_create_logical_replication_slot('stolen', 'pgoutput')",
        "SELECT pg_drop_replication_slot('stolen')",
        "SELECT pg_replication_origin_create('stolen')",
        "SELECT pg_stat_reset()",
        "SELECT pg_stat_reset_shared('bgwriter')",
        "SELECT pg_stat_statements_reset()",
        "SELECT pg_reload_conf()",
        "SELECT pg_rotate_logfile()",
        "SELECT pg_switch_wal()",
        "SELECT pg_create_restore_point('x')",
        "SELECT pg_promote()",
        "SELECT pg_export_snapshot()",
        "SELECT setseed(0.5)",
        "SELECT pg_import_system_collations('public')",
        "SELECT pg_get_indexdef(oid) FROM pg_class WHERE relkind = 'i'",
        "SELECT pg_get_viewdef(oid) FROM pg_class WHERE relkind = 'v'",
        "SELECT pg_catalog.pg_get_expr(adbin, adrelid) FROM pg_attrdef",
        "SELECT * FROM pg_locks",
        "WITH RECURSIVE more AS (SELECT 1 AS n UNION ALL SELECT deletes() FROM more WHERE n < 2) TABLE more",
    ),
    *_all(
        Stop.PLAIN_SELECT,
        "INSERT INTO precious SELECT 10, 'x'",
        "INSERT INTO guarded VALUES (1)",
        "UPDATE precious SET name = 'y'",
        "DELETE FROM precious",
        "WITH gone AS (DELETE FROM precious RETURNING *) SELECT * FROM gone",
        "WITH a AS (SELECT 1), gone AS (UPDATE precious SET id = 3 RETURNING *) SELECT * FROM a, gone",
        "WITH added AS (INSERT INTO precious VALUES (9, 'x') RETURNING *) TABLE added",
        "SELECT * FROM precious FOR UPDATE",
        "SELECT * FROM precious FOR NO KEY UPDATE SKIP LOCKED",
        "SELECT * FROM (SELECT * FROM precious FOR SHARE) AS held",
        "WITH held AS (SELECT * FROM precious FOR KEY SHARE) SELECT * FROM held",
        "SELECT (SELECT id FROM precious LIMIT 1 FOR UPDATE)",
        "SELECT * FROM locking",
        "SELECT * FROM far",
    ),
    *_all(
        Stop.INTO,
        "SELECT * INTO stolen FROM precious",
        "SELECT * /* */ INTO TEMP stolen FROM precious",
        "SELECT id, name INTO UNLOGGED stolen FROM precious",
    ),
    # What would take all of the machine.
    *_all(
        Stop.COST,
        "SELECT count(*) FROM generate_series(1, 1000000000000)",
        "SELECT count(*) FROM generate_series(1, 100000) AS a, generate_series(1, 100000) AS b",
        "SELECT count(*) FROM pg_attribute AS a, pg_attribute AS b, pg_attribute AS c",
        "WITH RECURSIVE more AS (SELECT 'x' AS t UNION ALL SELECT t || t FROM more WHERE length(t) < 1000000)"
        " SELECT count(*) FROM more AS a, more AS b, more AS c, more AS d, more AS e WHERE a.t || b.t > c.t || d.t",
    ),
    *_all(
        Stop.COST_OR_TIMEOUT,
        "SELECT count(*) FROM generate_series(1::numeric, 1000000000000::numeric)",
        "SELECT count(*) FROM (SELECT repeat('x', 1000) FROM generate_series(1::numeric, 1e12)) AS many",
    ),
    *_all(
        Stop.TIMEOUT,
        "WITH RECURSIVE more AS (SELECT 1 AS n UNION ALL SELECT n + 1 FROM more) SELECT count(*) FROM more",
    ),
)
# What only newer servers have, by the first that has it.
NEWER = {
    14: _all(
        Stop.STRANGERS_CODE,
        "SELECT range_agg(span)::int FROM ranges",
        "SELECT multirange(ranging(1, 2))::int",
        "SELECT begins(id) FROM precious",
        planned=False,
    ),
    15: _all(
        Stop.PLAIN_SELECT,
        "MERGE INTO precious AS p USING (SELECT 1 AS id) AS n ON p.id = n.id WHEN MATCHED THEN DELETE",
    ),
    16: _all(
        Stop.STRANGERS_CODE,
        r"SELECT * FROM precious WHERE id = ('1' ~?~ E'public.\x63hecked')::int",
        planned=False,
    ),
}
