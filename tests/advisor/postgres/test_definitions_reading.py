"""Everything that the catalog says of relations, columns, constraints, triggers and policies, and texts that lock."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from psycopg import sql

from pgadvisor.config import CollectConfig
from pgadvisor.model.catalog import Catalog, ConstraintKind
from pgadvisor.model.coverage import Fact, GapKind, Presence
from pgadvisor.model.objects import Policy, Trigger
from pgadvisor.postgres import batches
from pgadvisor.postgres.batches import MAX_LOCKS, MAX_OBJECTS, Target, packed
from pgadvisor.postgres.catalog import read_catalog
from pgadvisor.postgres.definitions import GONE
from pgadvisor.postgres.reader import Collected, Reader
from pgadvisor.postgres.sqlfiles import NotOfferedError, Queries
from pgadvisor.progress import Progress, silent
from support.databases import Database
from support.reading import open_session

HOSTILE = ('"Order"', '"a ""b"""', '"x\';--"', '"</script>"', '"two\nlines"', '"%s {0}"', f'"{"ü" * 31}x"')


def read(dsn: str, progress: Progress = silent, *, lock_timeout_ms: int = 1_000) -> Collected:
    """The catalog alone."""
    into = Collected()
    with open_session(dsn, lock_timeout_ms=lock_timeout_ms) as session:
        reader = Reader(session, CollectConfig(), into, progress)
        reader.probe()
        read_catalog(reader)
    return into


def whole(database: Database) -> Catalog:
    """The catalog, read without a gap."""
    into = read(database.dsn)
    assert into.gaps == []
    assert into.presence[Fact.CATALOG] is into.presence[Fact.DEFINITIONS] is Presence.PRESENT
    return into.catalog


@pytest.mark.server
def test_what_the_catalog_says_of_relations(any_database: Database) -> None:
    any_database.execute("""
        CREATE TABLE one (a int);
        CREATE TABLE two (b int);
        CREATE TABLE heir () INHERITS (two, one);
        ALTER TABLE heir ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
        CREATE TABLE wide (t text) WITH (toast.autovacuum_enabled = off, fillfactor = 90);
        ALTER TABLE wide ALTER t SET STORAGE EXTERNAL;
        INSERT INTO wide SELECT repeat('x', 5000) FROM generate_series(1, 100);
        CREATE VIEW shown AS SELECT 1 AS one;
        CREATE MATERIALIZED VIEW filled AS SELECT 1 AS one;
        CREATE MATERIALIZED VIEW unfilled AS SELECT 1 AS one WITH NO DATA;
        CREATE TABLE parted (a int) PARTITION BY LIST (a);
        CREATE EXTENSION file_fdw;
        CREATE SERVER "o's files" FOREIGN DATA WRAPPER file_fdw;
        CREATE FOREIGN TABLE far (id int) SERVER "o's files" OPTIONS (filename '/nonexistent');
        SET synchronous_commit = on;
    """)
    any_database.execute("VACUUM (FREEZE, ANALYZE) wide")
    relations = {relation.name: relation for relation in whole(any_database).relations}
    heir, wide, far = relations["heir"], relations["wide"], relations["far"]
    assert heir.parents == (relations["two"].oid, relations["one"].oid) and heir.parent_oid == heir.parents[0]
    assert relations["one"].parents == () and relations["one"].parent_oid is None
    assert [r.name for r in relations.values() if r.force_row_security] == ["heir"]
    assert [r.name for r in relations.values() if not r.is_populated] == ["unfilled"]
    assert {r.name for r in relations.values() if r.access_method == "heap"} == {
        "one", "two", "heir", "wide", "filled", "unfilled",
    }  # fmt: skip
    assert relations["shown"].access_method is None
    assert (far.foreign_server, heir.foreign_server) == ("o's files", None)
    ages = {r.name: (r.frozen_xid_age, r.multixact_age) for r in relations.values()}
    assert ages["shown"] == ages["parted"] == ages["far"] == (None, None)
    assert 0 <= (wide.frozen_xid_age or 0) < (heir.frozen_xid_age or 0) < 1000
    assert heir.multixact_age is not None
    assert wide.all_frozen_pages == (wide.pages if any_database.server.major >= 18 else None)
    assert wide.options == ("fillfactor=90",) and wide.toast_options == ("autovacuum_enabled=off",)
    assert wide.toast_pages and wide.toast_pages > 50 and wide.toast_row_count == 300
    assert (one := relations["one"]).toast_pages is None and one.toast_options == () and one.toast_row_count is None
    ((row_type,),) = any_database.execute("SELECT 'wide'::regtype::oid::int8")
    assert wide.row_type_oid == row_type


@pytest.mark.server
def test_keys_and_bounds_of_partitions(any_database: Database) -> None:
    any_database.execute("""
        CREATE TABLE ranged (at date, "n ""o" int, t text COLLATE "C")
          PARTITION BY RANGE (at, (("n ""o" % 10)), t text_pattern_ops);
        CREATE TABLE ranged_1 PARTITION OF ranged FOR VALUES FROM ('2024-01-01', MINVALUE, MINVALUE)
          TO ('2025-01-01', 5, 'o''x') PARTITION BY LIST (lower(t));
        CREATE TABLE ranged_1_1 PARTITION OF ranged_1 FOR VALUES IN ('a', 'it''s', NULL);
        CREATE TABLE ranged_1_d PARTITION OF ranged_1 DEFAULT;
        CREATE TABLE hashed (id int) PARTITION BY HASH (id);
        CREATE TABLE hashed_1 PARTITION OF hashed FOR VALUES WITH (MODULUS 4, REMAINDER 3);
    """)
    relations = {relation.name: relation for relation in whole(any_database).relations}
    assert {name: relation.partition_key for name, relation in relations.items() if relation.partition_key} == {
        "ranged": 'RANGE (at, (("n ""o" % 10)), t text_pattern_ops)',
        "ranged_1": "LIST (lower(t))",
        "hashed": "HASH (id)",
    }
    assert {name: relation.partition_bound for name, relation in relations.items() if relation.partition_bound} == {
        "ranged_1": "FOR VALUES FROM ('2024-01-01', MINVALUE, MINVALUE) TO ('2025-01-01', 5, 'o''x')",
        "ranged_1_1": "FOR VALUES IN ('a', 'it''s', NULL)",
        "ranged_1_d": "DEFAULT",
        "hashed_1": "FOR VALUES WITH (modulus 4, remainder 3)",
    }


@pytest.mark.server
def test_what_the_catalog_says_of_columns(any_database: Database) -> None:
    major = any_database.server.major
    any_database.execute("""
        CREATE DOMAIN positive AS int DEFAULT 7 CHECK (VALUE > 0);
        CREATE SEQUENCE "Some Numbers";
        CREATE TABLE base (id bigint GENERATED ALWAYS AS IDENTITY, "by ""d" int GENERATED BY DEFAULT AS IDENTITY);
        CREATE TABLE t (
          plain "char" NOT NULL, p positive DEFAULT 1, q positive, at timestamptz DEFAULT now(),
          s text DEFAULT 'it''s %s', n bigint DEFAULT nextval('"Some Numbers"'), u uuid,
          twice text GENERATED ALWAYS AS (s || s) STORED, v varchar(10) DEFAULT NULL
        ) INHERITS (base);
        ALTER TABLE t ALTER s SET STORAGE EXTERNAL;
    """)
    if major >= 14:
        any_database.execute("ALTER TABLE t ALTER v SET COMPRESSION pglz")
    if major >= 18:
        any_database.execute("ALTER TABLE t ADD virtual bigint GENERATED ALWAYS AS (n + 1) VIRTUAL")
    catalog = whole(any_database)
    names = {relation.oid: relation.name for relation in catalog.relations}
    columns = {f"{names[column.relation_oid]}.{column.name}": column for column in catalog.columns}
    assert {name: column.default for name, column in columns.items() if column.default is not None} == {
        "t.p": "1",
        "t.at": "now()",
        "t.s": "'it''s %s'::text",
        "t.n": "nextval('public.\"Some Numbers\"'::regclass)",
        "t.twice": "(s || s)",
        **({"t.v": "NULL::character varying"} if columns["t.v"].has_default else {}),
        **({"t.virtual": "(n + 1)"} if major >= 18 else {}),
    }
    assert {name: column.identity for name, column in columns.items() if column.identity} == {
        "base.id": "a", 'base.by "d': "d",
    }  # fmt: skip
    assert {name: column.generated for name, column in columns.items() if column.generated} == (
        {"t.twice": "s"} | ({"t.virtual": "v"} if major >= 18 else {})
    )
    assert {name for name, column in columns.items() if not column.is_local} == {"t.id", 't.by "d'}
    shapes = {name: (c.length_bytes, c.alignment, c.storage, c.compression) for name, c in columns.items()}
    assert shapes["t.plain"] == (1, "c", "p", "")
    assert shapes["t.p"] == (4, "i", "p", "")
    assert shapes["t.n"] == (8, "d", "p", "")
    assert shapes["t.u"] == (16, "c", "p", "")
    assert shapes["t.s"] == (-1, "i", "e", "")
    assert shapes["t.v"] == (-1, "i", "x", "p" if major >= 14 else "")


@pytest.mark.server
def test_constraints_with_texts_and_where_they_come_from(any_database: Database) -> None:
    any_database.execute("""
        CREATE TABLE base (
          id int, "q ""r" text, r int4range,
          CONSTRAINT here CHECK (id > 0) NO INHERIT,
          CONSTRAINT everywhere CHECK ("q ""r" <> '%s</script>' OR id IS NULL),
          CONSTRAINT apart EXCLUDE USING gist (r WITH &&, int4range(id, id + 1) WITH =) WHERE (id > 5)
            DEFERRABLE INITIALLY DEFERRED,
          CONSTRAINT one UNIQUE (id) DEFERRABLE
        );
        CREATE TABLE heir () INHERITS (base);
        ALTER TABLE heir ADD CONSTRAINT later CHECK (id < 9) NOT VALID,
          ADD CONSTRAINT rows CHECK (heir IS NOT NULL OR tableoid <> 0 OR "q ""r" = '');
    """)
    catalog = whole(any_database)
    names = {relation.oid: relation.name for relation in catalog.relations}
    constraints = {f"{names[c.table_oid]}.{c.name}": c for c in catalog.constraints}
    everywhere = 'CHECK ((("q ""r" <> \'%s</script>\'::text) OR (id IS NULL)))'
    assert {name: c.definition for name, c in constraints.items() if c.definition is not None} == {
        "base.here": "CHECK ((id > 0)) NO INHERIT",
        "base.everywhere": everywhere,
        "heir.everywhere": everywhere,
        "heir.later": "CHECK ((id < 9)) NOT VALID",
        "heir.rows": 'CHECK (((heir.* IS NOT NULL) OR (tableoid <> (0)::oid) OR ("q ""r" = \'\'::text)))',
        "base.apart": "EXCLUDE USING gist (r WITH &&, int4range(id, (id + 1)) WITH =) WHERE ((id > 5))"
        " DEFERRABLE INITIALLY DEFERRED",
    }
    checks = {name: c for name, c in constraints.items() if c.kind is ConstraintKind.CHECK}
    assert set(checks["heir.rows"].columns) == {"tableoid", 'q "r'}
    assert {name for name, c in checks.items() if c.no_inherit} == {"base.here"}
    assert {name for name, c in checks.items() if not c.is_local} == {"heir.everywhere"}
    assert {name for name, c in constraints.items() if c.deferred} == {"base.apart"}
    assert {name for name, c in constraints.items() if c.deferrable} == {"base.apart", "base.one"}


@pytest.mark.server
def test_triggers(any_database: Database) -> None:
    any_database.execute("""
        CREATE FUNCTION "f's"() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END';
        CREATE TABLE t (id int PRIMARY KEY, "a ""b" text, c int REFERENCES t DEFERRABLE, UNIQUE (c) DEFERRABLE);
        CREATE TRIGGER "first's" BEFORE INSERT OR UPDATE OF "a ""b", id ON t FOR EACH ROW
          WHEN (NEW."a ""b" IS NOT NULL) EXECUTE FUNCTION "f's"('%s');
        CREATE TRIGGER off AFTER DELETE OR TRUNCATE ON t EXECUTE FUNCTION "f's"();
        CREATE CONSTRAINT TRIGGER late AFTER UPDATE ON t DEFERRABLE FOR EACH ROW EXECUTE FUNCTION "f's"();
        ALTER TABLE t DISABLE TRIGGER off, ENABLE REPLICA TRIGGER late;
        CREATE VIEW v AS SELECT * FROM t;
        CREATE TRIGGER instead INSTEAD OF INSERT ON v FOR EACH ROW EXECUTE FUNCTION "f's"();
        CREATE TABLE parted (id int, t int REFERENCES t) PARTITION BY LIST (id);
        CREATE TABLE leaf PARTITION OF parted DEFAULT;
        CREATE TRIGGER each AFTER INSERT ON parted FOR EACH ROW EXECUTE FUNCTION "f's"();
        CREATE CONSTRAINT TRIGGER held AFTER INSERT ON parted FOR EACH ROW EXECUTE FUNCTION "f's"();
    """)
    catalog = whole(any_database)
    ((function,),) = any_database.execute("SELECT oid::int8 FROM pg_proc WHERE proname = 'f''s'")
    oids = {relation.name: relation.oid for relation in catalog.relations}
    (first,) = (trigger for trigger in catalog.triggers if trigger.name == "first's")
    assert first == Trigger(
        oid=first.oid,
        relation_oid=oids["t"],
        name="first's",
        enabled="O",
        timing="before",
        events=("insert", "update"),
        for_each_row=True,
        columns=('a "b', "id"),
        function_oid=function,
        definition='CREATE TRIGGER "first\'s" BEFORE INSERT OR UPDATE OF "a ""b", id ON public.t FOR EACH ROW'
        ' WHEN ((new."a ""b" IS NOT NULL)) EXECUTE FUNCTION public."f\'s"(\'%s\')',
    )
    rest = {(t.relation_oid, t.name): t for t in catalog.triggers if t is not first}
    assert {key: (t.enabled, t.timing, t.events, t.for_each_row) for key, t in rest.items()} == {
        (oids["t"], "off"): ("D", "after", ("delete", "truncate"), False),
        (oids["t"], "late"): ("R", "after", ("update",), True),
        (oids["v"], "instead"): ("O", "instead of", ("insert",), True),
        (oids["parted"], "each"): ("O", "after", ("insert",), True),
        (oids["leaf"], "each"): ("O", "after", ("insert",), True),
        (oids["parted"], "held"): ("O", "after", ("insert",), True),
        (oids["leaf"], "held"): ("O", "after", ("insert",), True),
    }
    copies = {t.name: t.parent_oid for (relation, _), t in rest.items() if relation == oids["leaf"]}
    assert copies == {t.name: t.oid for (relation, _), t in rest.items() if relation == oids["parted"]}
    assert [t for t in catalog.triggers if t.parent_oid is not None and t.relation_oid != oids["leaf"]] == []
    assert all(t.definition is not None and f'"{t.name}"'.strip('"') in t.definition for t in rest.values())


@pytest.mark.server
def test_policies(any_database: Database) -> None:
    first, second = any_database.role("first's"), any_database.role('sec"ond')
    roles = ", ".join('"' + role.name.replace('"', '""') + '"' for role in (first, second))
    any_database.execute(f"""
        CREATE TABLE t (id int, owner text);
        CREATE TABLE allowed (id int);
        CREATE POLICY everyone ON t USING (id IN (SELECT id FROM allowed));
        CREATE POLICY "some ""of them" ON t AS RESTRICTIVE FOR UPDATE TO {roles}
          USING (owner = '%s') WITH CHECK (owner <> 'x''y');
        CREATE POLICY adding ON t FOR INSERT WITH CHECK (true);
        CREATE POLICY reading ON t FOR SELECT TO PUBLIC USING (true);
        CREATE POLICY erasing ON t FOR DELETE TO CURRENT_USER USING (id > 5);
        CREATE POLICY nothing ON allowed;
    """)
    catalog = whole(any_database)
    policies = {policy.name: policy for policy in catalog.policies}
    oids = {relation.name: relation.oid for relation in catalog.relations}
    assert policies['some "of them'] == Policy(
        oid=policies['some "of them'].oid,
        relation_oid=oids["t"],
        name='some "of them',
        command="update",
        permissive=False,
        roles=policies['some "of them'].roles,
        using="(owner = '%s'::text)",
        check="(owner <> 'x''y'::text)",
    )
    assert set(policies['some "of them'].roles) == {first.name, second.name}
    assert {p.name: (p.command, p.using, p.check) for p in catalog.policies if p.permissive} == {
        "everyone": ("all", "(id IN ( SELECT allowed.id\n   FROM public.allowed))", None),
        "adding": ("insert", None, "true"),
        "reading": ("select", "true", None),
        "erasing": ("delete", "(id > 5)", None),
        "nothing": ("all", None, None),
    }
    assert all(p.roles == () for p in catalog.policies if p.name in ("everyone", "reading", "adding"))
    assert policies["erasing"].roles == any_database.execute("SELECT current_user::text")[0]
    assert policies["nothing"].relation_oid == oids["allowed"]


@pytest.mark.server
def test_views_of_hostile_names_as_a_bare_role(any_database: Database) -> None:
    for name in HOSTILE:
        any_database.execute(f"CREATE SCHEMA {name}; CREATE TABLE {name}.{name} ({name} int DEFAULT 1, b int)")
        any_database.execute(f"CREATE VIEW {name}.v AS SELECT {name} AS x FROM {name}.{name} WHERE b = 5")
        any_database.execute(f"CREATE MATERIALIZED VIEW {name}.m AS SELECT x + 1 AS y FROM {name}.v")
    role = any_database.role()
    into = read(role.dsn)
    assert into.gaps == [] and into.presence[Fact.DEFINITIONS] is Presence.PRESENT
    definitions = {(r.schema, r.name): r.definition for r in into.catalog.relations if r.definition is not None}
    assert len(definitions) == 2 * len(HOSTILE)
    any_database.execute("SET search_path = pg_catalog")
    for (schema, name), definition in definitions.items():
        assert any_database.execute(
            "SELECT pg_get_viewdef(c.oid) FROM pg_class c JOIN pg_namespace n ON n.oid = relnamespace"
            " WHERE nspname = %s AND relname = %s",
            [schema, name],
        ) == [(definition,)]
    assert {c.name for c in into.catalog.columns if c.default == "1"} == {
        name[1:-1].replace('""', '"') for name in HOSTILE
    }


MENTIONS = """
    CREATE TABLE used (id int, g int GENERATED ALWAYS AS (id + 1) STORED, d int DEFAULT 5);
    CREATE TABLE ruled (id int, CONSTRAINT c CHECK (id > 0), CONSTRAINT c2 CHECK (id < 9), r int4range,
      CONSTRAINT x EXCLUDE USING gist (r WITH &&));
    CREATE TABLE away (id int);
    CREATE VIEW near AS SELECT * FROM used JOIN away USING (id);
    CREATE VIEW over AS SELECT id FROM near WHERE id IN (SELECT id FROM ruled);
    CREATE MATERIALIZED VIEW stored AS SELECT id FROM used;
    CREATE POLICY pol ON ruled USING (id IN (SELECT id FROM away));
    CREATE TABLE parted (id int, CHECK (id > 0)) PARTITION BY LIST ((id + 1));
    CREATE TABLE leaf PARTITION OF parted FOR VALUES IN (5);
    CREATE FUNCTION f() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END';
    CREATE TRIGGER plain AFTER INSERT ON used EXECUTE FUNCTION f();
    CREATE TRIGGER conditional AFTER INSERT ON used FOR EACH ROW WHEN (NEW.id > 5) EXECUTE FUNCTION f();
"""
# For each relation that is locked, what then cannot be read.
BEHIND = {
    "used": {"used.g", "near", "stored", "conditional"},
    "ruled": {"ruled.c", "ruled.c2", "ruled.x", "over", "pol"},
    "away": {"near", "pol"},
    "leaf": {"leaf.parted_id_check"},
    "stored": {"stored"},
    "near": {"near", "over"},
}


def lacking(catalog: Catalog) -> set[str]:
    """Whose text is missing, of those that MENTIONS makes."""
    names = {relation.oid: relation.name for relation in catalog.relations}
    return (
        {r.name for r in catalog.relations if r.name in ("near", "over", "stored") and r.definition is None}
        | {r.name for r in catalog.relations if r.partition_strategy and r.partition_key is None}
        | {r.name for r in catalog.relations if r.is_partition and r.partition_bound is None}
        | {
            f"{names[c.relation_oid]}.{c.name}"
            for c in catalog.columns
            if (c.has_default or c.generated) and c.default is None
        }
        | {
            f"{names[c.table_oid]}.{c.name}"
            for c in catalog.constraints
            if c.kind in (ConstraintKind.CHECK, ConstraintKind.EXCLUSION) and c.definition is None
        }
        | {t.name for t in catalog.triggers if t.definition is None}
        | {p.name for p in catalog.policies if p.using is None}
    )


@contextmanager
def locked(database: Database, name: str) -> Iterator[None]:
    """ACCESS EXCLUSIVE held on one relation and no other."""
    how = {"near": "ALTER VIEW near SET (security_barrier)", "stored": "ALTER TABLE stored SET TABLESPACE pg_default"}
    with database.connect() as holder:
        holder.execute("BEGIN")
        holder.execute(how.get(name, f"LOCK TABLE ONLY {name} IN ACCESS EXCLUSIVE MODE"))
        yield
        holder.execute("ROLLBACK")


@pytest.mark.server
def test_what_is_locked_is_what_is_left_out(any_database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    """With the list of locks, and without it, when the functions themselves show where they wait."""
    any_database.execute(MENTIONS)
    for name, behind in BEHIND.items():
        with locked(any_database, name):
            into = read(any_database.dsn)
            assert lacking(into.catalog) == behind, name
            assert into.presence[Fact.DEFINITIONS] is Presence.PARTIAL
            assert all(gap.kind is GapKind.LOCKED and gap.remedy for gap in into.gaps)
            with monkeypatch.context() as patched:
                patched.setattr(batches, "strong_locks", lambda *_: frozenset())
                # Within as many milliseconds a busy machine has to answer what waits for nobody.
                waited = read(any_database.dsn, lock_timeout_ms=200)
            assert lacking(waited.catalog) == behind, name
            assert {gap.kind for gap in waited.gaps} == {GapKind.LOCKED}
    any_database.execute("ALTER TABLE parted DETACH PARTITION leaf")
    with locked(any_database, "parted"):
        assert lacking(read(any_database.dsn).catalog) == {"parted", "parted.parted_id_check"}


@pytest.mark.server
def test_a_relation_with_many_locked_texts_is_named_once(database: Database) -> None:
    database.execute(MENTIONS)
    with locked(database, "ruled"):
        gaps = read(database.dsn).gaps
    assert sorted(gap.scope for gap in gaps if gap.fact is Fact.DEFINITIONS) == ["public.over", "public.ruled"]
    database.execute("DO $$ BEGIN FOR i IN 1..25 LOOP EXECUTE format('CREATE VIEW v%s AS TABLE away', i);"
                     " END LOOP; END $$")  # fmt: skip
    with locked(database, "away"):
        (gap,) = read(database.dsn).gaps
    assert gap.scope == "27 relations" and gap.kind is GapKind.LOCKED


DROPPED = {
    "Reading partition keys": "DROP TABLE spare; CREATE TABLE spare (id int)",
    "Reading bounds of partitions": "DROP TABLE leaf",
    "Reading defaults and generated columns": "ALTER TABLE used ALTER d DROP DEFAULT",
    "Reading constraints' definitions": "ALTER TABLE ruled DROP CONSTRAINT c",
    "Reading triggers' definitions": "DROP TRIGGER plain ON used",
    "Reading the queries of views": "DROP VIEW over",
    "Reading policies": "DROP POLICY pol ON ruled",
}


@pytest.mark.server
def test_what_is_dropped_meanwhile_is_told(any_database: Database) -> None:
    any_database.execute(MENTIONS)
    any_database.execute("CREATE TABLE spare (id int) PARTITION BY HASH (id)")
    commands = dict(DROPPED)

    def progress(step: str, *_: object, **__: object) -> None:
        if step in commands:
            any_database.execute(commands.pop(step))

    into = read(any_database.dsn, progress)
    assert commands == {}
    assert lacking(into.catalog) == {
        "spare", "leaf", "leaf.parted_id_check", "used.d", "ruled.c", "plain", "over", "pol",
    }  # fmt: skip
    scopes = {f"public.{name}" for name in ("spare", "leaf", "used", "ruled", "over")}
    assert {gap.scope for gap in into.gaps} == scopes and len(into.gaps) == len(scopes)
    assert {(gap.fact, gap.reason) for gap in into.gaps} == {(Fact.DEFINITIONS, GONE)}
    assert into.presence[Fact.DEFINITIONS] is Presence.PARTIAL
    assert {"spare", "leaf", "over"} < {relation.name for relation in into.catalog.relations}


@pytest.mark.server
def test_many_views_are_read_within_the_budget_of_locks(database: Database) -> None:
    """Each mentions its own five tables: all together would hold over a thousand locks until the transaction ends."""
    database.execute("""
        DO $$ BEGIN
          FOR i IN 1..600 LOOP EXECUTE format('CREATE TABLE t%s (id int)', i); END LOOP;
        END $$;
        DO $$ BEGIN
          FOR i IN 1..120 LOOP
            EXECUTE format('CREATE VIEW v%s AS SELECT 1 AS one FROM t%s, t%s, t%s, t%s, t%s',
              i, 5 * i, 5 * i - 1, 5 * i - 2, 5 * i - 3, 5 * i - 4);
          END LOOP;
        END $$
    """)
    steps: list[str] = []
    into = read(database.dsn, lambda step, *_: steps.append(step))
    views = [relation for relation in into.catalog.relations if relation.kind == "view"]
    assert len(views) == 120 and all(view.definition for view in views)
    assert steps.count("Reading the queries of views") == 4
    # The catalogs' own that a query reads are held as well.
    assert into.peak_locks is not None and 150 < into.peak_locks < MAX_LOCKS + 50


def test_batches_are_as_large_as_their_locks_allow() -> None:
    def target(number: int, *locks: int) -> Target:
        return Target(oid=number, name=str(number), locks=frozenset(locks))

    def sizes(targets: list[Target], *, keeps_locks: bool) -> list[int]:
        packs = list(packed(targets, keeps_locks=keeps_locks))
        assert [each for pack in packs for each in pack] == targets
        return [len(pack) for pack in packs]

    free = [target(number) for number in range(2 * MAX_OBJECTS + 1)]
    one_table = [target(number, 1) for number in range(MAX_LOCKS + 1)]
    own = [target(number, number, -number) for number in range(1, MAX_LOCKS + 2)]
    greedy = [target(1, 1), target(2, *range(1000)), target(3, 3), target(4, 4)]
    for keeps_locks in (True, False):
        assert sizes(free, keeps_locks=keeps_locks) == [MAX_OBJECTS, MAX_OBJECTS, 1]
        assert sizes([], keeps_locks=keeps_locks) == []
    assert sizes(one_table, keeps_locks=True) == [MAX_LOCKS + 1]
    assert sizes(own, keeps_locks=True) == [MAX_LOCKS // 2, MAX_LOCKS // 2, 1]
    assert sizes(greedy, keeps_locks=True) == [1, 1, 2]
    # What is given back at once does not add up.
    assert sizes(one_table, keeps_locks=False) == sizes(own, keeps_locks=False) == [MAX_LOCKS, 1]
    assert sizes(greedy, keeps_locks=False) == [4]


@pytest.mark.server
def test_what_views_mention_must_be_known_before_they_are_asked(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where it is not known what reading would lock, nothing is read."""
    database.execute(MENTIONS)
    offered = Queries.__getitem__

    def refuse(queries: Queries, name: str) -> sql.Composed:
        if name == "definition_relations":
            raise NotOfferedError(name)
        return offered(queries, name)

    monkeypatch.setattr(Queries, "__getitem__", refuse)
    into = read(database.dsn)
    assert lacking(into.catalog) == {"near", "over", "stored", "pol"}
    assert into.presence[Fact.DEFINITIONS] is Presence.PARTIAL and into.presence[Fact.CATALOG] is Presence.PRESENT
    assert {gap.scope for gap in into.gaps} == {"", "public.near", "public.over", "public.stored", "public.ruled"}
    assert {gap.kind for gap in into.gaps if not gap.scope} == {GapKind.NOT_OFFERED}
