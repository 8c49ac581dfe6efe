"""Every step of every recipe, and every undo, run on real servers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import psycopg
import pytest
from psycopg import sql

from pgadvisor.indexes.partitions import Partition
from pgadvisor.indexes.recipes import Recipe, recipe
from pgadvisor.model.catalog import IndexDefinition, IndexKey
from pgadvisor.model.proposals import (
    AddPrimaryKey,
    AnalyzeTable,
    CreateIndex,
    DropIndex,
    Proposal,
    RebuildIndex,
)
from support.databases import Database

pytestmark = pytest.mark.server

HOSTILE = (
    "Order",
    "a b",
    "x';--",
    'q"q',
    "back\\slash",
    "select",
    "é" * 31 + "x",
    "</script>",
    "{{ %s }}",
    "new\nline",
    "\u202eright to left",
)

STATE = """
SELECT n.nspname, t.relname, i.relname, pg_get_indexdef(x.indexrelid), x.indisvalid, x.indisprimary, i.reloptions,
       (SELECT c.relname FROM pg_inherits h JOIN pg_class c ON c.oid = h.inhparent WHERE h.inhrelid = i.oid)
FROM pg_index x JOIN pg_class i ON i.oid = x.indexrelid JOIN pg_class t ON t.oid = x.indrelid
JOIN pg_namespace n ON n.oid = t.relnamespace
WHERE n.nspname !~ '^pg_'
UNION ALL
SELECT n.nspname, t.relname, a.attname, a.attnotnull::text, NULL, NULL, NULL, NULL
FROM pg_attribute a JOIN pg_class t ON t.oid = a.attrelid JOIN pg_namespace n ON n.oid = t.relnamespace
WHERE t.relkind IN ('r', 'p') AND a.attnum > 0 AND n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'
UNION ALL
SELECT n.nspname, t.relname, c.conname, pg_get_constraintdef(c.oid), c.convalidated, NULL, NULL, NULL
FROM pg_constraint c JOIN pg_class t ON t.oid = c.conrelid JOIN pg_namespace n ON n.oid = t.relnamespace
WHERE c.contype <> 'n' AND n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'
ORDER BY 1, 2, 3, 4
"""


def state(database: Database) -> list[tuple[Any, ...]]:
    return database.execute(STATE)


def run(database: Database, made: Recipe) -> None:
    """All checks and steps, each command sent alone, as a person would."""
    for check in made.checks:
        if "-- Before" in check.sql:
            database.execute(check.sql)
    for step in made.steps:
        database.execute(step.sql)
    for check in made.checks:
        if "-- After" in check.sql:
            assert database.execute(check.sql) == [(True,)]


def undo(database: Database, made: Recipe) -> None:
    for step in reversed(made.steps):
        for command in step.undo.split(";\n"):
            if command:
                database.execute(command)


def there_and_back(database: Database, proposal: Proposal, partitions: Sequence[Partition] = ()) -> Recipe:
    """Runs the recipe, checks that it changed something, undoes it, and runs it again."""
    before = state(database)
    made = recipe(proposal, {row[2] for row in before}, partitions)
    run(database, made)
    assert state(database) != before
    undo(database, made)
    assert state(database) == before
    run(database, made)
    return made


def create_table(
    database: Database, schema: str, table: str, columns: sql.Composable, partition_by: str | None = None
) -> None:
    tail: sql.Composable = sql.SQL("")
    if partition_by is not None:
        tail = sql.SQL("PARTITION BY LIST ({})").format(sql.Identifier(partition_by))
    database.execute(sql.SQL("CREATE SCHEMA {}").format(sql.Identifier(schema)))
    database.execute(sql.SQL("CREATE TABLE {} ({}) {}").format(sql.Identifier(schema, table), columns, tail))


def index_on(schema: str, table: str, *columns: str, **fields: Any) -> IndexDefinition:
    return IndexDefinition(schema=schema, table=table, keys=tuple(IndexKey(column=c) for c in columns), **fields)


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_names_survive_every_recipe(database: Database, name: str) -> None:
    other = name[:20] + "2"
    create_table(database, name, name, sql.SQL("{} int, {} int").format(sql.Identifier(name), sql.Identifier(other)))
    definition = index_on(name, name, name, include=(other,))
    created = there_and_back(database, CreateIndex(definition=definition))
    assert len(created.names[0].encode()) <= 63
    there_and_back(database, DropIndex(schema=name, name=created.names[0], definition=definition))
    keyed = there_and_back(database, AddPrimaryKey(schema=name, table=name, columns=(name,), missing_not_null=(name,)))
    run(database, recipe(AnalyzeTable(schema=name, table=name, columns=(name,)), set()))
    definition = index_on(name, name, name, unique=True)
    run(database, recipe(RebuildIndex(schema=name, name=keyed.names[-1], definition=definition), set()))


@pytest.mark.parametrize("name", [name for name in HOSTILE if len(name.encode()) < 60])
def test_hostile_names_of_indexes_and_partitions(database: Database, name: str) -> None:
    create_table(database, name, name, sql.SQL("{} int").format(sql.Identifier(name)), partition_by=name)
    database.execute(
        sql.SQL("CREATE TABLE {} PARTITION OF {} FOR VALUES IN (1)").format(
            sql.Identifier(name, name + "2"), sql.Identifier(name, name)
        )
    )
    database.execute(
        sql.SQL("CREATE INDEX {} ON {} ({})").format(
            sql.Identifier(name + "3"), sql.Identifier(name, name), sql.Identifier(name)
        )
    )
    drop = DropIndex(schema=name, name=name + "3", definition=index_on(name, name, name), partitioned=True)
    (child,) = database.execute("SELECT relname FROM pg_class WHERE relkind = 'i' AND relispartition")
    there_and_back(database, drop, (Partition(schema=name, name=name + "2", index=(name, child[0]), attached=True),))


DEFINITIONS = (
    index_on("public", "t", "a", "b"),
    index_on("public", "t", "a", include=("b", "c"), options=("fillfactor=70", "deduplicate_items=off")),
    index_on("public", "t", "a", unique=True, predicate="((b IS NOT NULL) AND (c = 'x''y\\'::text))"),
    IndexDefinition(
        schema="public",
        table="t",
        keys=(
            IndexKey(column="a", descending=True, nulls_first=False),
            IndexKey(column="b", nulls_first=True),
            IndexKey(column="a", descending=True, nulls_first=True),
            IndexKey(
                column="c",
                collation="C",
                default_collation=False,
                operator_class="text_pattern_ops",
                default_operator_class=False,
            ),
            IndexKey(expression="lower(c)", collation="public.\"of 'strangers'\"", default_collation=False),
            IndexKey(expression="(a + b)"),
        ),
    ),
    IndexDefinition(schema="public", table="t", access_method="hash", keys=(IndexKey(column="c"),)),
    IndexDefinition(
        schema="public",
        table="t",
        access_method="brin",
        keys=(IndexKey(column="a"), IndexKey(column="b")),
        options=("pages_per_range=4",),
    ),
    IndexDefinition(
        schema="public",
        table="t",
        access_method="gin",
        keys=(IndexKey(column="j", operator_class="jsonb_path_ops", default_operator_class=False),),
        options=("fastupdate=off",),
    ),
    IndexDefinition(
        schema="public",
        table="t",
        access_method="gist",
        keys=(
            IndexKey(
                column="c",
                operator_class="public.gist_trgm_ops",
                default_operator_class=False,
                operator_class_options=("siglen=32",),
            ),
        ),
    ),
)


def test_every_feature_of_an_index_survives_a_drop_and_its_undo(newest_database: Database) -> None:
    newest_database.execute(
        'CREATE EXTENSION pg_trgm; CREATE COLLATION public."of \'strangers\'" FROM "C";'
        "CREATE TABLE t (a int, b int, c text, j jsonb)"
    )
    for definition in DEFINITIONS:
        (name,) = there_and_back(newest_database, CreateIndex(definition=definition)).names
        there_and_back(newest_database, DropIndex(schema="public", name=name, definition=definition))


def test_nulls_not_distinct(database: Database) -> None:
    database.execute("CREATE TABLE t (a int)")
    definition = index_on("public", "t", "a", unique=True, nulls_not_distinct=True)
    there_and_back(database, CreateIndex(definition=definition))
    with pytest.raises(psycopg.errors.UniqueViolation):
        database.execute("INSERT INTO t VALUES (NULL), (NULL)")


TREE = """
CREATE TABLE t (a int, b int) PARTITION BY LIST (a);
CREATE TABLE t1 PARTITION OF t FOR VALUES IN (1);
CREATE TABLE t2 PARTITION OF t FOR VALUES IN (2) PARTITION BY LIST (b);
CREATE TABLE t2a PARTITION OF t2 FOR VALUES IN (1);
CREATE TABLE t2b PARTITION OF t2 DEFAULT;
CREATE TABLE t2c PARTITION OF t2 FOR VALUES IN (3) PARTITION BY LIST (b);
CREATE TABLE t3 PARTITION OF t FOR VALUES IN (3);
CREATE INDEX t3_has_one ON t3 (b);
INSERT INTO t SELECT i % 3 + 1, i % 2 FROM generate_series(1, 99) i;
"""
PARTITIONS = (
    Partition(schema="public", name="t1"),
    Partition(
        schema="public",
        name="t2",
        partitioned=True,
        children=(
            Partition(schema="public", name="t2a"),
            Partition(schema="public", name="t2b"),
            Partition(schema="public", name="t2c", partitioned=True),
        ),
    ),
    Partition(schema="public", name="t3", index=("public", "t3_has_one")),
)


def test_an_index_on_all_partitions_built_without_keeping_writers_waiting(newest_database: Database) -> None:
    newest_database.execute(TREE)
    there_and_back(newest_database, CreateIndex(definition=index_on("public", "t", "b"), partitioned=True), PARTITIONS)
    assert newest_database.execute(
        "SELECT count(*) FROM pg_index WHERE indrelid::regclass::text LIKE 't%' AND indisvalid"
    ) == [(7,)]


def test_a_primary_key_on_all_partitions(newest_database: Database) -> None:
    newest_database.execute(
        "CREATE TABLE t (a int, b int) PARTITION BY LIST (a);"
        "CREATE TABLE t1 PARTITION OF t FOR VALUES IN (1);"
        "CREATE TABLE t2 PARTITION OF t FOR VALUES IN (2) PARTITION BY LIST (b);"
        "CREATE TABLE t2a PARTITION OF t2 FOR VALUES IN (1);"
        "INSERT INTO t VALUES (1, 1), (2, 1)"
    )
    there_and_back(
        newest_database,
        AddPrimaryKey(schema="public", table="t", columns=("b", "a"), missing_not_null=("a", "b")),
        (
            PARTITIONS[0],
            Partition(schema="public", name="t2", partitioned=True, children=(Partition(schema="public", name="t2a"),)),
        ),
    )
    assert newest_database.execute(
        "SELECT count(*) FROM pg_index WHERE indisprimary AND indisvalid AND indrelid::regclass::text LIKE 't%'"
    ) == [(4,)]


def test_a_primary_key_on_an_existing_index(newest_database: Database) -> None:
    newest_database.execute(
        "CREATE TABLE t (a int, b int NOT NULL); CREATE UNIQUE INDEX mine ON t (b, a); INSERT INTO t VALUES (1, 1)"
    )
    there_and_back(
        newest_database,
        AddPrimaryKey(schema="public", table="t", columns=("b", "a"), missing_not_null=("a",), using_index="mine"),
    )


def test_a_primary_key_on_an_existing_index_gives_it_back_with_all_it_had(newest_database: Database) -> None:
    newest_database.execute(
        "CREATE TABLE t (a int NOT NULL, b int); CREATE UNIQUE INDEX mine ON t (a) INCLUDE (b) WITH (fillfactor = 70)"
    )
    definition = index_on("public", "t", "a", unique=True, include=("b",), options=("fillfactor=70",))
    key = AddPrimaryKey(schema="public", table="t", columns=("a",), using_index="mine", definition=definition)
    there_and_back(newest_database, key)


def test_an_incomplete_index_of_a_partitioned_table_is_completed(newest_database: Database) -> None:
    newest_database.execute(
        TREE + "CREATE INDEX half ON ONLY t (b); CREATE INDEX t1_half ON t1 (b);"
        "ALTER INDEX half ATTACH PARTITION t1_half;"
        "UPDATE pg_index SET indisvalid = false WHERE indexrelid = 't1_half'::regclass"
    )
    partitions = (
        Partition(schema="public", name="t1", index=("public", "t1_half"), attached=True, valid=False),
        *PARTITIONS[1:],
    )
    rebuild = RebuildIndex(schema="public", name="half", definition=index_on("public", "t", "b"), partitioned=True)
    run(newest_database, recipe(rebuild, {"t1_half"}, partitions))
    assert newest_database.execute("SELECT count(*) FROM pg_index WHERE NOT indisvalid") == [(0,)]


def test_an_invalid_index_is_rebuilt_in_place(newest_database: Database) -> None:
    newest_database.execute("CREATE TABLE t (a int); INSERT INTO t VALUES (1), (1)")
    definition = index_on("public", "t", "a", unique=True)
    made = recipe(CreateIndex(definition=definition), set())
    with pytest.raises(psycopg.errors.UniqueViolation):
        run(newest_database, made)
    rebuild = recipe(RebuildIndex(schema="public", name=made.names[0], definition=definition), set())
    with pytest.raises(psycopg.errors.UniqueViolation):
        run(newest_database, rebuild)
    assert len(newest_database.execute(made.checks[1].sql)) == 2, "the first build and the copy of the second"
    newest_database.execute("DELETE FROM t")
    run(newest_database, rebuild)


def test_the_index_to_be_rebuilt_is_not_taken_for_what_a_try_left(database: Database) -> None:
    database.execute(
        """CREATE TABLE t (a int); CREATE INDEX "Mine" ON t (a); CREATE INDEX other ON t (a);
        UPDATE pg_index SET indisvalid = false WHERE indrelid = 't'::regclass"""
    )
    made = recipe(RebuildIndex(schema="public", name="Mine", definition=index_on("public", "t", "a")), set())
    assert database.execute(made.checks[1].sql) == [("DROP INDEX CONCURRENTLY public.other;",)]


@pytest.mark.parametrize("partitioned", [False, True])
def test_an_index_in_use_goes_only_after_its_successor(partitioned: bool) -> None:
    definition = index_on("public", "t", "a")
    unused = DropIndex(schema="public", name="i", definition=definition, partitioned=partitioned)
    replaced = DropIndex(schema="public", name="i", definition=definition, partitioned=partitioned, replaced=True)
    assert any("scans" in check.sql for check in recipe(unused, set()).checks)
    assert not any("scans" in check.sql for check in recipe(replaced, set()).checks)
    new = set(recipe(replaced, set()).caveats) - set(recipe(unused, set()).caveats)
    assert [caveat for caveat in new if "only once what is proposed in its place" in caveat] == list(new) != []


def test_what_a_failed_build_left_is_shown_with_the_command_that_drops_it(database: Database) -> None:
    database.execute("CREATE TABLE t (a int); INSERT INTO t VALUES (1), (1)")
    made = recipe(CreateIndex(definition=index_on("public", "t", "a", unique=True)), set())
    leftovers = made.checks[1].sql
    assert database.execute(leftovers) == []
    with pytest.raises(psycopg.errors.UniqueViolation):
        run(database, made)
    ((command,),) = database.execute(leftovers)
    database.execute(command)
    assert database.execute(leftovers) == []


def test_a_timeout_of_the_role_does_not_end_the_build(database: Database) -> None:
    database.execute("CREATE TABLE t (a int); INSERT INTO t VALUES (1)")
    database.execute(
        "CREATE FUNCTION slow(int) RETURNS int LANGUAGE sql IMMUTABLE AS 'SELECT $1 FROM pg_sleep(0.2)';"
        "SET statement_timeout = '100ms'; SET lock_timeout = '50ms'"
    )
    definition = IndexDefinition(schema="public", table="t", keys=(IndexKey(expression="slow(a)"),))
    made = recipe(CreateIndex(definition=definition), set())
    with pytest.raises(psycopg.errors.QueryCanceled):
        database.execute(made.steps[-1].sql)
    database.execute(made.steps[-1].undo)
    run(database, made)


def test_the_check_names_whom_a_build_would_wait_for(database: Database) -> None:
    database.execute("CREATE TABLE t (a int)")
    check = recipe(CreateIndex(definition=index_on("public", "t", "a")), set()).checks[0].sql
    with database.connect() as other:
        other.autocommit = False
        other.execute("INSERT INTO t VALUES (1)")
        pid = other.info.backend_pid
        assert [row[0] for row in database.execute(check)] == [pid]
        other.rollback()
    assert database.execute(check) == []


def test_short_steps_give_up_instead_of_waiting(database: Database) -> None:
    database.execute(TREE + "CREATE INDEX i ON t (b)")
    made = recipe(
        DropIndex(schema="public", name="i", definition=index_on("public", "t", "b"), partitioned=True),
        set(),
        PARTITIONS,
    )
    with database.connect() as other:
        other.autocommit = False
        other.execute("SELECT FROM t")
        with pytest.raises(psycopg.errors.LockNotAvailable):
            run(database, made)
        other.rollback()
    run(database, made)


def test_what_the_texts_say_of_locks_is_so(database: Database) -> None:
    """The strongest lock each kind of step takes on the table, as pg_locks shows it."""
    database.execute("CREATE TABLE t (a int, b int) PARTITION BY LIST (a); CREATE TABLE t1 PARTITION OF t DEFAULT")
    made = recipe(
        CreateIndex(definition=index_on("public", "t", "b"), partitioned=True),
        set(),
        (Partition(schema="public", name="t1"),),
    )
    seen = {}
    for step in made.steps:
        if step.outside_transaction:
            database.execute(step.sql)
            continue
        with database.connect() as other:
            other.autocommit = False
            other.execute(step.sql.encode())
            seen[step.sql.split()[0] + step.sql.split()[1]] = {
                (row[0], row[1])
                for row in other.execute(
                    "SELECT relation::regclass::text, mode FROM pg_locks WHERE pid = pg_backend_pid()"
                    " AND locktype = 'relation' AND relation > 16000"
                )
            }
            other.commit()
    assert ("t", "ShareLock") in seen["CREATEINDEX"]
    assert not {mode for relation, mode in seen["CREATEINDEX"] if relation == "t1"} - {"AccessShareLock"}
    parent, child = made.names
    assert (parent, "ShareUpdateExclusiveLock") in seen["ALTERINDEX"]
    assert (child, "AccessExclusiveLock") in seen["ALTERINDEX"]
