"""Types, functions, sequences and the other objects beside relations, as every supported server shows them."""

from __future__ import annotations

import pytest

from pgadvisor.config import CollectConfig
from pgadvisor.model.catalog import Catalog
from pgadvisor.model.coverage import Fact, GapKind, Presence
from pgadvisor.model.objects import Function, TypeAttribute, TypeKind
from pgadvisor.postgres import objects
from support.databases import Database
from support.reading import Seen, read_database

pytestmark = pytest.mark.server

UNICODE = "ü" * 31 + "x"
HOSTILE = ("Order", "a b", "x';--", UNICODE, 'q"q', "</script>", "{{ }}", "%s %(x)s {0}", "two\nlines")


def quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def catalog(seen: Seen) -> Catalog:
    return seen.collected.catalog


def functions(seen: Seen) -> dict[str, Function]:
    return {function.name: function for function in catalog(seen).functions}


TYPES = """
    CREATE SCHEMA "o's";
    CREATE COLLATION "o's"."My ""C" (locale = 'C');
    CREATE TYPE mood AS ENUM ('sad', 'o''k', '</script>');
    ALTER TYPE mood ADD VALUE 'meh' BEFORE 'o''k';
    CREATE DOMAIN positive AS numeric(10, 2) DEFAULT 1.5 NOT NULL CONSTRAINT b CHECK (VALUE > 0)
      CONSTRAINT a CHECK (VALUE <> 7);
    CREATE DOMAIN word AS text COLLATE "o's"."My ""C";
    CREATE TYPE pair AS ("left" int, note varchar(5) COLLATE "C");
    CREATE TYPE words AS RANGE (subtype = text, collation = "C");
    CREATE TYPE shell;
    CREATE TYPE opaque;
    CREATE FUNCTION opaque_in(cstring) RETURNS opaque LANGUAGE internal IMMUTABLE STRICT AS 'textin';
    CREATE FUNCTION opaque_out(opaque) RETURNS cstring LANGUAGE internal IMMUTABLE STRICT AS 'textout';
    CREATE TYPE opaque (input = opaque_in, output = opaque_out, like = text);
    CREATE TABLE t (m mood, p positive, c text COLLATE "C", ms mood[]);
"""


def test_types_of_every_kind(any_database: Database) -> None:
    any_database.execute(TYPES)
    seen = read_database(any_database.dsn)
    types = {each.name: each for each in catalog(seen).types}
    assert {name: each.kind for name, each in types.items()} == {
        "mood": TypeKind.ENUM,
        "positive": TypeKind.DOMAIN,
        "word": TypeKind.DOMAIN,
        "pair": TypeKind.COMPOSITE,
        "words": TypeKind.RANGE,
        "opaque": TypeKind.BASE,
    }
    assert types["mood"].labels == ("sad", "meh", "o'k", "</script>")
    positive = types["positive"]
    assert (positive.base_type, positive.not_null, positive.default) == ("numeric(10,2)", True, "1.5")
    assert positive.checks == ("CHECK ((VALUE <> (7)::numeric))", "CHECK ((VALUE > (0)::numeric))")
    assert (positive.schema, positive.owner) == ("public", "postgres")
    assert types["word"].collation == '"o\'s"."My ""C"' and types["word"].checks == ()
    assert types["pair"].attributes == (
        TypeAttribute(name="left", type="integer"),
        TypeAttribute(name="note", type="character varying(5)", collation='"C"'),
    )
    assert (types["words"].subtype, types["words"].collation) == ("text", '"C"')
    assert positive.collation is None and types["mood"].attributes == ()
    collations = {each.name: each for each in catalog(seen).collations}
    assert set(collations) == {"C", 'My "C'}
    mine = collations['My "C']
    assert (mine.schema, mine.provider, mine.deterministic, mine.collate, mine.ctype) == ("o's", "c", True, "C", "C")
    assert {schema.name: schema.owner for schema in catalog(seen).schemas}["o's"] == "postgres"
    assert {schema.name for schema in catalog(seen).schemas} == {"o's", "public"}
    assert [space.name for space in catalog(seen).tablespaces] == ["pg_default"]
    assert seen.gaps(Fact.OBJECTS) == []
    assert seen.collected.presence[Fact.OBJECTS] is Presence.PRESENT


FUNCTIONS = """
    CREATE FUNCTION of_index(text) RETURNS text LANGUAGE plpgsql IMMUTABLE AS 'BEGIN RETURN lower($1); END';
    CREATE FUNCTION of_default() RETURNS int LANGUAGE plpgsql AS 'BEGIN RETURN 1; END';
    CREATE FUNCTION of_generated(text) RETURNS text LANGUAGE plpgsql IMMUTABLE AS 'BEGIN RETURN $1; END';
    CREATE FUNCTION of_check(int) RETURNS boolean LANGUAGE plpgsql IMMUTABLE AS 'BEGIN RETURN true; END';
    CREATE FUNCTION of_domain(int) RETURNS boolean LANGUAGE plpgsql IMMUTABLE AS 'BEGIN RETURN true; END';
    CREATE FUNCTION of_policy() RETURNS boolean LANGUAGE sql STABLE AS 'SELECT true';
    CREATE FUNCTION of_view(int) RETURNS int LANGUAGE plpgsql AS 'BEGIN RETURN $1; END';
    CREATE FUNCTION of_trigger() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END';
    CREATE FUNCTION of_operator(int, text) RETURNS boolean LANGUAGE sql IMMUTABLE
      AS $$SELECT $1::text = $2 /* </script> %s */$$;
    CREATE OPERATOR public.~~~ (LEFTARG = int, RIGHTARG = text, PROCEDURE = of_operator);
    CREATE FUNCTION of_class(int, int) RETURNS int LANGUAGE plpgsql IMMUTABLE AS 'BEGIN RETURN $1 - $2; END';
    CREATE OPERATOR CLASS odd FOR TYPE int USING btree AS OPERATOR 1 <, OPERATOR 2 <=, OPERATOR 3 =, OPERATOR 4 >=,
      OPERATOR 5 >, FUNCTION 1 of_class(int, int);
    CREATE FUNCTION unused(IN a int, b text DEFAULT 'x', VARIADIC c int[] DEFAULT '{}') RETURNS SETOF text
      LANGUAGE sql STABLE STRICT LEAKPROOF SECURITY DEFINER PARALLEL SAFE COST 7 ROWS 11
      SET search_path = public, pg_temp AS 'SELECT b';
    CREATE PROCEDURE proceed(INOUT x int) LANGUAGE plpgsql AS 'BEGIN END';
    CREATE FUNCTION add(int, int) RETURNS int LANGUAGE sql IMMUTABLE AS 'SELECT $1 + $2';
    CREATE AGGREGATE total(int) (SFUNC = add, STYPE = int, INITCOND = '0');
    CREATE DOMAIN checked AS int CHECK (of_domain(VALUE));
    CREATE TABLE t (
      id int DEFAULT of_default() CHECK (of_check(id)), a text, d checked,
      g text GENERATED ALWAYS AS (of_generated(a)) STORED
    );
    CREATE INDEX ON t (of_index(a));
    CREATE INDEX ON t (id odd);
    CREATE POLICY guard ON t USING (of_policy());
    CREATE VIEW v AS SELECT of_view(id) AS id, total(id) AS total FROM t WHERE id OPERATOR(public.~~~) a GROUP BY id;
    CREATE TRIGGER tr BEFORE INSERT ON t FOR EACH ROW EXECUTE FUNCTION of_trigger();
"""


def test_functions_with_the_definitions_that_others_need(any_database: Database) -> None:
    any_database.execute(FUNCTIONS)
    seen = read_database(any_database.dsn)
    found = functions(seen)
    defined = {name for name, function in found.items() if function.definition is not None}
    assert defined == {
        "of_index", "of_default", "of_generated", "of_check", "of_domain", "of_policy", "of_operator", "of_class",
        "add", "unused",
    }  # fmt: skip
    assert set(found) - defined == {"of_view", "of_trigger", "proceed", "total"}
    assert (found["unused"].argument_defaults, found["add"].argument_defaults) == (2, 0)
    assert found["total"].cost == found["add"].cost == 100
    assert "/* </script> %s */" in (found["of_operator"].definition or "")
    unused = found["unused"]
    assert (unused.kind, unused.language, unused.volatility, unused.parallel) == ("f", "sql", "s", "s")
    assert unused.strict and unused.leakproof and unused.security_definer and unused.returns_set
    assert (unused.cost, unused.rows) == (7, 11)
    assert (unused.arguments, unused.result) == ("a integer, b text, VARIADIC c integer[]", "SETOF text")
    assert unused.configuration == ("search_path=public, pg_temp",)
    assert (found["proceed"].kind, found["total"].kind, found["of_trigger"].result) == ("p", "a", "trigger")
    assert (found["of_view"].volatility, found["of_view"].parallel, found["of_view"].strict) == ("v", "u", False)
    assert seen.gaps(Fact.OBJECTS) == []
    oids = [function.oid for function in catalog(seen).functions]
    assert oids == sorted(oids)


def test_what_other_schemas_lend_to_audited_tables_comes_with_them(any_database: Database) -> None:
    any_database.execute("""
        CREATE SCHEMA one; CREATE SCHEMA two; CREATE SCHEMA three;
        CREATE TYPE two.inner_mood AS ENUM ('a');
        CREATE TYPE two.mood AS (m two.inner_mood);
        CREATE TYPE two.alone AS ENUM ('a');
        CREATE FUNCTION two.used(text) RETURNS text LANGUAGE sql IMMUTABLE AS 'SELECT $1';
        CREATE FUNCTION two.alone() RETURNS int LANGUAGE sql AS 'SELECT 1';
        CREATE SEQUENCE two.lent;
        CREATE SEQUENCE two.alone_seq;
        CREATE COLLATION two.sorted (locale = 'POSIX');
        CREATE TABLE one.t (id int DEFAULT nextval('two.lent'), m two.mood[], a text, b text COLLATE two.sorted);
        ALTER SEQUENCE two.lent OWNED BY NONE;
        CREATE TABLE one.u (id serial);
        CREATE INDEX ON one.t (two.used(a));
        CREATE TABLE three.t (id int);
        CREATE PUBLICATION few FOR TABLE one.t, three.t;
        CREATE PUBLICATION "a'll" FOR ALL TABLES;
    """)
    if any_database.server.major >= 15:
        any_database.execute("CREATE PUBLICATION whole FOR TABLES IN SCHEMA one, two")
    seen = read_database(any_database.dsn, CollectConfig(schemas=("one",)))
    found = catalog(seen)
    assert {each.name for each in found.types} == {"mood", "inner_mood"}
    assert set(functions(seen)) == {"used"} and functions(seen)["used"].definition is not None
    assert {each.name for each in found.collations} == {"sorted"}
    assert {each.name for each in found.sequences} == {"u_id_seq"}
    assert {each.name for each in found.schemas} == {"one"}
    publications = {each.name: each for each in found.publications}
    assert publications["few"].relation_oids == (seen.relations["t"].oid,)
    assert publications["a'll"].all_tables and not publications["few"].all_tables
    if any_database.server.major >= 15:
        assert publications["whole"].schemas == ("one", "two")


def test_sequences_and_their_positions(any_database: Database) -> None:
    any_database.execute("""
        CREATE TABLE t (id serial, n bigint GENERATED ALWAYS AS IDENTITY);
        CREATE SEQUENCE "q""s" AS smallint START 5 INCREMENT -2 MINVALUE -7 MAXVALUE 50 CYCLE CACHE 3;
        CREATE TEMPORARY SEQUENCE passing;
        SELECT nextval('t_id_seq'), nextval('t_id_seq');
    """)
    seen = read_database(any_database.dsn)
    sequences = {each.name: each for each in catalog(seen).sequences}
    assert set(sequences) == {"t_id_seq", "t_n_seq", 'q"s'}
    odd = sequences['q"s']
    assert (odd.type, odd.start, odd.increment, odd.minimum, odd.maximum) == ("smallint", 5, -2, -7, 50)
    assert odd.cycles and odd.cache == 3 and odd.last_value is None and odd.owner_relation_oid is None
    serial = sequences["t_id_seq"]
    assert (serial.last_value, serial.owner_relation_oid, serial.owner_column) == (2, seen.relations["t"].oid, "id")
    assert (sequences["t_n_seq"].owner_column, sequences["t_n_seq"].maximum) == ("n", 2**63 - 1)
    assert not serial.cycles and seen.gaps(Fact.OBJECTS) == []
    hidden = read_database(any_database.role(member_of=["pg_monitor"], grants=["SELECT ON t_n_seq"]).dsn)
    assert {each.name: each.last_value for each in catalog(hidden).sequences} == dict.fromkeys(sequences)
    gaps = hidden.gaps(Fact.OBJECTS)
    assert {gap.scope for gap in gaps} == {"public.t_id_seq", 'public."q""s"'}
    assert all(gap.kind is GapKind.HIDDEN and "GRANT SELECT on these sequences" in gap.remedy for gap in gaps)
    assert hidden.collected.presence[Fact.OBJECTS] is Presence.PARTIAL


def test_hostile_names_are_names_and_a_bare_role_reads_them(any_database: Database) -> None:
    for name in map(quoted, HOSTILE):
        any_database.execute(f"CREATE SCHEMA {name}")
        any_database.execute(f"CREATE TYPE {name}.{name} AS ({name} int)")
        any_database.execute(f"CREATE DOMAIN {name}.d AS int CHECK (VALUE > 0)")
        any_database.execute(
            f"CREATE FUNCTION {name}.{name}({name} int) RETURNS int LANGUAGE sql IMMUTABLE AS 'SELECT 1'"
        )
        any_database.execute(f"CREATE TABLE {name}.t (a int DEFAULT {name}.{name}(1))")
        any_database.execute(f"CREATE PUBLICATION {name} FOR TABLE {name}.t")
    for dsn in (any_database.dsn, any_database.role().dsn):
        seen = read_database(dsn)
        found = catalog(seen)
        names = set(HOSTILE)
        assert {each.name for each in found.schemas} == names | {"public"}
        assert {each.name for each in found.types if each.name != "d"} == names
        assert all(each.checks == ("CHECK ((VALUE > 0))",) for each in found.types if each.name == "d")
        assert {(each.schema, each.name) for each in found.functions} == {(name, name) for name in names}
        assert all(each.definition and each.definition.startswith("CREATE OR REPLACE") for each in found.functions)
        assert {each.name for each in found.publications} == names
        assert seen.gaps(Fact.OBJECTS) == []


def test_an_extension_s_and_the_system_s_objects_are_left_out(any_database: Database) -> None:
    any_database.execute("""
        CREATE SCHEMA theirs;
        CREATE EXTENSION citext SCHEMA theirs;
        CREATE TABLE t (c theirs.citext);
        CREATE TYPE lent AS (a int);
        CREATE SEQUENCE lent_seq;
        CREATE FUNCTION lent_f() RETURNS int LANGUAGE sql AS 'SELECT 1';
        ALTER EXTENSION citext ADD TYPE lent;
        ALTER EXTENSION citext ADD SEQUENCE lent_seq;
        ALTER EXTENSION citext ADD FUNCTION lent_f();
    """)
    found = catalog(read_database(any_database.dsn))
    assert (found.types, found.functions, found.sequences, found.collations) == ((), (), (), ())


def test_no_secret_comes_with_a_function_s_settings(any_database: Database) -> None:
    any_database.execute("""
        CREATE FUNCTION f(text) RETURNS text LANGUAGE sql IMMUTABLE
          SET app.api_key = 's3cr3t' SET work_mem = '1MB' AS 'SELECT $1';
        CREATE TABLE t (a text);
        CREATE INDEX ON t (f(a));
    """)
    seen = read_database(any_database.dsn)
    assert functions(seen)["f"].configuration == ("work_mem=1MB",)
    assert functions(seen)["f"].definition is None
    (gap,) = seen.gaps(Fact.OBJECTS)
    assert gap.scope == "public.f" and "secret" in gap.reason
    assert "s3cr3t" not in str(seen.collected)


def test_too_many_functions_and_too_long_ones_are_named(
    any_database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    long = "x" * objects.MAX_DEFINITION_BYTES
    any_database.execute("CREATE FUNCTION first() RETURNS int LANGUAGE sql AS 'SELECT 1'")
    any_database.execute("CREATE FUNCTION second() RETURNS int LANGUAGE sql AS 'SELECT 1'")
    any_database.execute(f"CREATE FUNCTION used(int) RETURNS int LANGUAGE sql IMMUTABLE AS 'SELECT 1 /* {long} */'")
    any_database.execute("CREATE TABLE t (a int); CREATE INDEX ON t (used(a))")
    monkeypatch.setattr(objects, "MAX_FUNCTIONS", 2)
    seen = read_database(any_database.dsn)
    defined = {name: function.definition is not None for name, function in functions(seen).items()}
    assert defined == {"used": False, "first": True}
    limit, length = seen.gaps(Fact.OBJECTS)
    assert limit.scope == "functions" and "more than 2" in limit.reason and limit.kind is GapKind.LIMIT
    assert length.scope == "public.used" and "64 KB" in length.reason and length.kind is GapKind.LIMIT
    assert seen.collected.presence[Fact.OBJECTS] is Presence.PARTIAL


def test_what_waits_behind_a_lock_is_left_alone(any_database: Database) -> None:
    any_database.execute("""
        CREATE TABLE held (id int);
        CREATE TABLE free (a int);
        CREATE DOMAIN of_held AS held CHECK ((VALUE).id > 0);
        CREATE DOMAIN of_of_held AS of_held CHECK ((VALUE).id > 1);
        CREATE DOMAIN of_int AS int CHECK (VALUE > 0);
        CREATE FUNCTION free_f(int) RETURNS int LANGUAGE sql IMMUTABLE AS 'SELECT $1';
        CREATE FUNCTION held_f(x int, y int DEFAULT (ROW(1)::held).id) RETURNS int LANGUAGE sql IMMUTABLE
          AS 'SELECT $1';
        CREATE INDEX ON free (held_f(a)); CREATE INDEX ON free (free_f(a));
        CREATE SEQUENCE changing; CREATE SEQUENCE at_rest;
        SELECT nextval('changing'), nextval('at_rest');
    """)
    has_trees = any_database.server.major >= 14
    if has_trees:
        any_database.execute("""
            CREATE FUNCTION tree_f(int) RETURNS bigint LANGUAGE sql IMMUTABLE
              BEGIN ATOMIC SELECT count(*) FROM held; END;
            CREATE VIEW v AS SELECT tree_f(a) FROM free;
        """)
    with any_database.connect() as holder:
        holder.execute("BEGIN; LOCK TABLE held IN ACCESS EXCLUSIVE MODE")
        holder.execute("ALTER SEQUENCE changing INCREMENT 2")
        seen = read_database(any_database.dsn)
        holder.execute("ROLLBACK")
    checks = {each.name: each.checks for each in catalog(seen).types}
    assert checks == {"of_held": (), "of_of_held": (), "of_int": ("CHECK ((VALUE > 0))",)}
    definitions = {name: function.definition is not None for name, function in functions(seen).items()}
    assert definitions == {"free_f": True, "held_f": False} | ({"tree_f": False} if has_trees else {})
    assert {each.name: each.last_value for each in catalog(seen).sequences} == {"changing": None, "at_rest": 1}
    gaps = seen.gaps(Fact.OBJECTS)
    left = {"of_held", "of_of_held", "held_f", "changing"} | ({"tree_f"} if has_trees else set())
    assert {gap.scope for gap in gaps} == {f"public.{name}" for name in left}
    assert all(gap.kind is GapKind.LOCKED and gap.remedy for gap in gaps)
    # None was found out by waiting.
    assert seen.session.longest_transaction_ms < 900
    again = read_database(any_database.dsn)
    assert again.gaps(Fact.OBJECTS) == []
    assert all(function.definition for function in catalog(again).functions)


def test_operators_and_rules(any_database: Database) -> None:
    any_database.execute("""
        CREATE SCHEMA one; CREATE SCHEMA two;
        CREATE FUNCTION two.same(int, text) RETURNS boolean LANGUAGE sql IMMUTABLE AS 'SELECT $1::text = $2';
        CREATE FUNCTION two.as_same(text, int) RETURNS boolean LANGUAGE sql IMMUTABLE AS 'SELECT $2::text = $1';
        CREATE OPERATOR two.=== (
          FUNCTION = two.same, LEFTARG = int, RIGHTARG = text, COMMUTATOR = OPERATOR(two.====), RESTRICT = eqsel,
          JOIN = eqjoinsel, HASHES
        );
        CREATE OPERATOR two.==== (
          FUNCTION = two.as_same, LEFTARG = text, RIGHTARG = int, COMMUTATOR = OPERATOR(two.===),
          NEGATOR = OPERATOR(two.!====)
        );
        CREATE OPERATOR two.##! (FUNCTION = int4um, RIGHTARG = int);
        CREATE TABLE one.t (id int, a text, CHECK (id OPERATOR(two.===) a));
        CREATE VIEW one.v AS SELECT * FROM one.t;
        CREATE TABLE two.u (id int);
        CREATE RULE "r'" AS ON UPDATE TO one.t DO ALSO DELETE FROM one.t;
        CREATE RULE r AS ON INSERT TO one.v DO INSTEAD NOTHING;
        CREATE RULE r AS ON DELETE TO two.u DO INSTEAD NOTHING;
        ALTER TABLE one.t DISABLE RULE "r'";
    """)
    found = catalog(read_database(any_database.dsn, CollectConfig(schemas=("one",))))
    # What an audited relation uses.
    (same,) = found.operators
    assert (same.left_type, same.right_type, same.schema, same.hashes, same.merges) == ("integer", "text", "two", 1, 0)
    assert (same.restrict_estimator, same.join_estimator, same.negator_oid) == ("eqsel", "eqjoinsel", None)
    assert same.function_oid in {function.oid for function in found.functions}
    relations = {relation.oid: relation.name for relation in found.relations}
    rules = [
        (relations[each.relation_oid], each.name, each.event, each.is_instead, each.enabled) for each in found.rules
    ]
    assert rules == [("t", "r'", "update", False, "D"), ("v", "r", "insert", True, "O")]
    all_of_it = catalog(read_database(any_database.dsn))
    operators = {each.name: each for each in all_of_it.operators}
    # Not the one that is only announced as a negator.
    assert set(operators) == {"===", "====", "##!"} and operators["===="].negator_oid is not None
    assert (same.commutator_oid, operators["===="].commutator_oid) == (operators["===="].oid, same.oid)
    assert (operators["##!"].left_type, operators["##!"].right_type) == (None, "integer")
    assert (operators["##!"].restrict_estimator, len(all_of_it.rules)) == (None, 3)
