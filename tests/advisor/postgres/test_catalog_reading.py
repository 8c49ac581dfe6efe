"""The catalog as it is read from every supported server."""

from __future__ import annotations

import pytest

from pgadvisor.config import CollectConfig
from pgadvisor.indexes.ddl import create_index
from pgadvisor.model.catalog import ConstraintKind, IndexKey, RelationKind
from pgadvisor.model.coverage import Fact, Presence
from support.databases import Database
from support.reading import read_database

pytestmark = pytest.mark.server

UNICODE = "ü" * 31 + "x"
HOSTILE = ('"Order"', '"a b"', '"x\';--"', f'"{UNICODE}"', '"select"', '"</script>"', '"{{ }}"', '"%s %(x)s {0}"')

INDEXES = '''
CREATE EXTENSION pg_trgm;
CREATE EXTENSION citext;
CREATE SCHEMA "o's";
CREATE COLLATION "o's"."My ""C" (locale = 'C');
CREATE DOMAIN name_ci AS citext;
CREATE TABLE t (
  id int PRIMARY KEY, a int, b text, c text COLLATE "C", d timestamptz, e citext, f varchar(20), g int[], h tsvector,
  "select" int, "A ""b""" text, n name_ci, r int4range
);
CREATE INDEX plain ON t (a);
CREATE INDEX directions ON t (a DESC, b ASC NULLS FIRST, d DESC NULLS LAST, id NULLS LAST);
CREATE INDEX classes ON t (b text_pattern_ops, c, f varchar_pattern_ops);
CREATE INDEX foreign_default ON t (e text_ops, n text_ops, e);
CREATE INDEX collations ON t (b COLLATE "C", c COLLATE "default", b COLLATE "o's"."My ""C", c);
CREATE INDEX included ON t (a) INCLUDE (b, "select");
CREATE UNIQUE INDEX partial ON t (a, "select") WHERE b IS NOT NULL AND d > '2020-01-01' OR "A ""b""" = 'x%s';
CREATE INDEX expressions ON t (lower(b), a, (a + 1), (b || 'x; --') COLLATE "C" DESC, coalesce(a, id));
CREATE INDEX options ON t (b) WITH (fillfactor = 70);
CREATE INDEX trigrams ON t USING gist (b gist_trgm_ops (siglen = 64));
CREATE INDEX arrays ON t USING gin (g, h);
CREATE INDEX hashed ON t USING hash (b);
CREATE INDEX ranges ON t USING gist (r);
CREATE INDEX blocks ON t USING brin (d) WITH (pages_per_range = 16);
'''


def test_an_index_can_be_built_again_from_its_definition(any_database: Database) -> None:
    any_database.execute(INDEXES)
    if any_database.server.major >= 15:
        any_database.execute("CREATE UNIQUE INDEX alike ON t (a) NULLS NOT DISTINCT")
    seen = read_database(any_database.dsn)
    assert seen.gaps(Fact.CATALOG) == []
    assert len(seen.indexes) >= 15
    for name, index in seen.indexes.items():
        assert index.complete
        any_database.execute(create_index(index.definition, "again", concurrently=False))
        ((old, new),) = any_database.execute(
            f"SELECT pg_get_indexdef('{name}'::regclass), pg_get_indexdef('again'::regclass)"
        )
        any_database.execute("DROP INDEX again")
        assert new.replace("again", name, 1) == old


def test_what_an_index_s_keys_need_not_spell_is_known(database: Database) -> None:
    database.execute(INDEXES)
    indexes = read_database(database.dsn).indexes
    assert indexes["classes"].definition.keys == (
        IndexKey(column="b", operator_class="text_pattern_ops", default_operator_class=False, collation='"default"'),
        IndexKey(column="c", operator_class="text_ops", collation='"C"'),
        IndexKey(column="f", operator_class="varchar_pattern_ops", default_operator_class=False, collation='"default"'),
    )
    assert [key.default_operator_class for key in indexes["foreign_default"].definition.keys] == [False, False, True]
    assert [key.default_collation for key in indexes["collations"].definition.keys] == [False, False, False, True]
    assert indexes["collations"].definition.keys[2].collation == '"o\'s"."My ""C"'
    assert [(key.descending, key.nulls_first) for key in indexes["directions"].definition.keys] == [
        (True, True), (False, True), (True, False), (False, False),
    ]  # fmt: skip
    assert indexes["included"].definition.include == ("b", "select")
    assert indexes["trigrams"].definition.keys[0].operator_class_options == ("siglen=64",)
    assert indexes["expressions"].definition.key_columns == (None, "a", None, None, None)
    assert indexes["expressions"].definition.keys[0].expression == "lower(b)"
    assert indexes["t_pkey"].primary and indexes["t_pkey"].definition.unique


def test_hostile_names_are_names(any_database: Database) -> None:
    for name in HOSTILE:
        any_database.execute(f"CREATE SCHEMA {name}")
        any_database.execute(f"CREATE TABLE {name}.{name} ({name} int PRIMARY KEY, CHECK ({name} > 0))")
        any_database.execute(f"CREATE INDEX ON {name}.{name} ((- {name})) WHERE {name} <> 1")
    seen = read_database(any_database.dsn)
    plain = {name[1:-1] for name in HOSTILE}
    assert {(r.schema, r.name) for r in seen.relations.values()} == {(name, name) for name in plain}
    assert {column.name for column in seen.collected.catalog.columns} == plain
    assert all(presence is Presence.PRESENT for presence in seen.collected.presence.values())
    assert len(seen.indexes) == 2 * len(HOSTILE)
    assert all(index.complete for index in seen.indexes.values())


def test_relations_of_all_kinds_and_their_partitions(any_database: Database) -> None:
    # Pages are all-visible only once the commit is on disk.
    any_database.execute("""
        SET synchronous_commit = on;
        CREATE TABLE plain (id int);
        CREATE TABLE heir () INHERITS (plain);
        CREATE TABLE parted (id int, at date, note text) PARTITION BY RANGE (at, (id % 10));
        CREATE INDEX parted_at ON parted (at);
        CREATE TABLE leaf PARTITION OF parted FOR VALUES FROM ('2024-01-01', 0) TO ('2025-01-01', 0)
          WITH (fillfactor = 80);
        CREATE TABLE listed (k text) PARTITION BY LIST (k);
        CREATE UNLOGGED TABLE quick (id int);
        CREATE VIEW shown AS SELECT * FROM plain;
        CREATE MATERIALIZED VIEW stored AS SELECT 1 AS one;
        CREATE EXTENSION file_fdw;
        CREATE SERVER files FOREIGN DATA WRAPPER file_fdw;
        CREATE FOREIGN TABLE far (id int) SERVER files OPTIONS (filename '/nonexistent');
        ALTER TABLE plain REPLICA IDENTITY FULL;
        INSERT INTO plain SELECT generate_series(1, 1000);
        ALTER TABLE plain ENABLE ROW LEVEL SECURITY;
    """)
    any_database.execute("VACUUM ANALYZE plain")
    seen = read_database(any_database.dsn)
    relations = seen.relations
    assert {name: relation.kind for name, relation in relations.items()} == {
        "plain": RelationKind.TABLE,
        "heir": RelationKind.TABLE,
        "parted": RelationKind.PARTITIONED,
        "leaf": RelationKind.TABLE,
        "listed": RelationKind.PARTITIONED,
        "quick": RelationKind.TABLE,
        "shown": RelationKind.VIEW,
        "stored": RelationKind.MATERIALIZED_VIEW,
        "far": RelationKind.FOREIGN,
    }
    assert (relations["plain"].row_count, relations["plain"].replica_identity) == (1000, "f")
    assert relations["plain"].pages == relations["plain"].all_visible_pages > 0
    assert relations["plain"].row_security
    assert relations["quick"].row_count is None
    assert relations["heir"].parent_oid == relations["plain"].oid and not relations["heir"].is_partition
    assert relations["leaf"].parent_oid == relations["parted"].oid and relations["leaf"].is_partition
    assert relations["leaf"].options == ("fillfactor=80",)
    assert relations["parted"].partition_strategy == "range"
    assert relations["parted"].partition_columns == ("at", None)
    assert (relations["listed"].partition_strategy, relations["listed"].partition_columns) == ("list", ("k",))
    assert relations["quick"].persistence == "u"
    assert seen.indexes["leaf_at_idx"].parent_oid == seen.indexes["parted_at"].oid
    assert "leaf_at_idx" in seen.sizes and "parted_at" not in seen.sizes
    assert seen.sizes["plain"] == relations["plain"].pages * 8192
    assert seen.collected.counters is not None
    totals = {size.oid: size.total_bytes for size in seen.collected.counters.sizes}
    rows = any_database.execute("SELECT o, pg_total_relation_size(o) FROM unnest(%s::oid[]) o", [list(totals)])
    assert dict(rows) == totals


def test_columns(any_database: Database) -> None:
    any_database.execute("""
        CREATE DOMAIN positive AS int CHECK (VALUE > 0);
        CREATE TABLE t (
          id bigint GENERATED ALWAYS AS IDENTITY, gone int, p positive NOT NULL DEFAULT 1,
          s varchar(10) COLLATE "C", u text, twice bigint GENERATED ALWAYS AS (2) STORED
        );
        ALTER TABLE t DROP COLUMN gone;
        ALTER TABLE t ALTER u SET STATISTICS 500, ALTER u SET (n_distinct = -0.5);
    """)
    columns = {column.name: column for column in read_database(any_database.dsn).collected.catalog.columns}
    assert [(c.number, c.name, c.type) for c in columns.values()] == [
        (1, "id", "bigint"), (3, "p", "public.positive"), (4, "s", "character varying(10)"), (5, "u", "text"),
        (6, "twice", "bigint"),
    ]  # fmt: skip
    assert columns["id"].is_identity and columns["id"].not_null and not columns["id"].has_default
    assert columns["p"].has_default and columns["p"].type_name == "positive" and columns["p"].type_category == "N"
    assert (columns["s"].collation, columns["u"].collation, columns["id"].collation) == ('"C"', None, None)
    assert (columns["u"].statistics_target, columns["s"].statistics_target) == (500, None)
    assert columns["u"].options == ("n_distinct=-0.5",)
    assert columns["twice"].is_generated and not columns["twice"].has_default


def test_constraints(any_database: Database) -> None:
    any_database.execute("""
        CREATE EXTENSION btree_gist;
        CREATE TABLE parent (a int, b int, CONSTRAINT parent_pk PRIMARY KEY (b, a));
        CREATE TABLE child (
          x int, y int, z int,
          CONSTRAINT fk FOREIGN KEY (y, x) REFERENCES parent (b, a) MATCH FULL ON DELETE CASCADE ON UPDATE SET NULL
            DEFERRABLE,
          CONSTRAINT one UNIQUE (z),
          CONSTRAINT apart EXCLUDE USING gist (x WITH =, y WITH <>)
        );
        ALTER TABLE child ADD CONSTRAINT checked CHECK (x > 0) NOT VALID;
        CREATE TABLE parted (id int, x int, y int) PARTITION BY RANGE (id);
        ALTER TABLE parted ADD CONSTRAINT parted_fk FOREIGN KEY (y, x) REFERENCES parent (b, a);
        CREATE TABLE leaf PARTITION OF parted FOR VALUES FROM (0) TO (10);
    """)
    seen = read_database(any_database.dsn)
    constraints, relations, indexes = seen.constraints, seen.relations, seen.indexes
    fk = constraints["fk"]
    assert (fk.kind, fk.columns, fk.referenced_columns) == (ConstraintKind.FOREIGN_KEY, ("y", "x"), ("b", "a"))
    assert (fk.table_oid, fk.referenced_oid) == (relations["child"].oid, relations["parent"].oid)
    assert (fk.on_delete, fk.on_update, fk.match_type, fk.deferrable) == ("c", "n", "f", True)
    assert fk.index_oid == indexes["parent_pk"].oid
    assert indexes["parent_pk"].constraint_oid == constraints["parent_pk"].oid
    assert indexes["one"].constraint_oid == constraints["one"].oid
    assert constraints["parent_pk"].columns == ("b", "a")
    assert constraints["apart"].kind is ConstraintKind.EXCLUSION and indexes["apart"].exclusion
    assert not constraints["checked"].validated and constraints["one"].validated
    declared, derived = (c for c in seen.collected.catalog.constraints if c.name == "parted_fk")
    assert (declared.table_oid, declared.parent_oid) == (relations["parted"].oid, None)
    assert (derived.table_oid, derived.parent_oid) == (relations["leaf"].oid, declared.oid)


def test_constraints_of_the_newest_kinds(database: Database) -> None:
    database.execute("CREATE TABLE parent (id int PRIMARY KEY, a int NOT NULL)")
    database.execute("CREATE TABLE child (p int CONSTRAINT fk REFERENCES parent NOT ENFORCED)")
    constraints = read_database(database.dsn).constraints
    assert not constraints["fk"].enforced
    assert constraints["parent_a_not_null"].kind is ConstraintKind.NOT_NULL
    assert constraints["parent_a_not_null"].columns == ("a",)


def test_the_system_s_an_extension_s_and_temporary_objects_are_left_out(any_database: Database) -> None:
    any_database.execute("""
        CREATE TABLE mine (id int PRIMARY KEY);
        CREATE TABLE theirs (id int PRIMARY KEY);
        ALTER EXTENSION pg_stat_statements ADD TABLE theirs;
        CREATE TEMPORARY TABLE passing (id int PRIMARY KEY);
        ANALYZE mine, theirs, passing;
    """)
    seen = read_database(any_database.dsn)
    assert set(seen.relations) == {"mine"}
    assert set(seen.indexes) == {"mine_pkey"}
    mine = seen.relations["mine"].oid
    catalog, counters = seen.collected.catalog, seen.collected.counters
    assert {c.relation_oid for c in catalog.columns} == {c.table_oid for c in catalog.constraints} == {mine}
    assert counters is not None
    assert [row.relation_oid for row in counters.tables] == [mine]
    assert [row.index_oid for row in counters.indexes] == [seen.indexes["mine_pkey"].oid]
    assert set(seen.sizes) == {"mine", "mine_pkey"}


def test_schemas_can_be_chosen_and_left_out(database: Database) -> None:
    for schema in ("one", "two", "three"):
        database.execute(f"CREATE SCHEMA {schema}")
        database.execute(f"CREATE TABLE {schema}.{schema} (id int PRIMARY KEY)")
    some = read_database(database.dsn, CollectConfig(schemas=("one", "two", "nowhere"), exclude_schemas=("two",)))
    assert set(some.relations) == {"one"} and set(some.indexes) == {"one_pkey"}
    assert [gap.scope for gap in some.gaps(Fact.CATALOG)] == ["nowhere"]
    assert some.collected.presence[Fact.CATALOG] is Presence.PARTIAL
    rest = read_database(database.dsn, CollectConfig(exclude_schemas=("two",)))
    assert set(rest.relations) == {"one", "three"}
    assert rest.gaps(Fact.CATALOG) == []


def test_foreign_keys_from_other_schemas_are_seen_for_the_index_they_rest_on(database: Database) -> None:
    database.execute(
        """CREATE SCHEMA one; CREATE SCHEMA two;
        CREATE TABLE one.parent (id int PRIMARY KEY);
        CREATE TABLE one.own (id int CONSTRAINT inside REFERENCES one.parent);
        CREATE TABLE two.child (id int PRIMARY KEY CONSTRAINT outside REFERENCES one.parent CHECK (id > 0))"""
    )
    seen = read_database(database.dsn, CollectConfig(schemas=("one",)))
    assert set(seen.relations) == {"parent", "own"}
    keys = [c for c in seen.collected.catalog.constraints if c.kind is ConstraintKind.FOREIGN_KEY]
    assert sorted(key.name for key in keys) == ["inside", "outside"]
    assert {key.index_oid for key in keys} == {seen.indexes["parent_pkey"].oid}
    assert not [
        c
        for c in seen.collected.catalog.constraints
        if c.table_oid not in {r.oid for r in seen.collected.catalog.relations} and c not in keys
    ]


def test_states_of_indexes(any_database: Database) -> None:
    any_database.execute("CREATE TABLE t (id int PRIMARY KEY, a int NOT NULL)")
    any_database.execute("INSERT INTO t VALUES (1, 1), (2, 1)")
    with pytest.raises(Exception, match="could not create unique index"), any_database.connect() as connection:
        connection.execute("CREATE UNIQUE INDEX CONCURRENTLY broken ON t (a)")
    any_database.execute("CREATE UNIQUE INDEX whole ON t (id, a)")
    any_database.execute("ALTER TABLE t REPLICA IDENTITY USING INDEX whole, CLUSTER ON whole")
    indexes = read_database(any_database.dsn).indexes
    assert not indexes["broken"].valid and not indexes["broken"].being_built
    assert indexes["whole"].valid and indexes["whole"].replica_identity and indexes["whole"].clustered
    assert not indexes["t_pkey"].clustered


@pytest.mark.parametrize("privileged", [True, False])
def test_an_index_that_is_being_built_is_known(any_database: Database, privileged: bool) -> None:
    any_database.execute("CREATE TABLE t (id int)")
    dsn = any_database.role(member_of=["pg_monitor"] if privileged else []).dsn
    with any_database.connect() as holder, any_database.connect() as builder:
        holder.execute("BEGIN")
        holder.execute("INSERT INTO t VALUES (1)")
        pid = builder.info.backend_pid
        builder.pgconn.send_query(b"CREATE INDEX CONCURRENTLY building ON t (id)")
        any_database.wait_until(f"SELECT count(*) > 0 FROM pg_locks WHERE pid = {pid} AND NOT granted")
        index = read_database(dsn).indexes["building"]
        holder.execute("ROLLBACK")
        while builder.pgconn.get_result() is not None:
            pass
    assert (index.valid, index.being_built) == (False, True)
    assert not read_database(dsn).indexes["building"].being_built
