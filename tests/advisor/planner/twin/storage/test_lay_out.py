"""The twin's tables and indexes cost what the server's cost: they are as long, and their pages say the same."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from pgadvisor.facts import Facts
from pgadvisor.model.counters import RelationSize
from pgadvisor.model.snapshot import Snapshot
from pgadvisor.model.whatif import Configuration
from pgadvisor.planner.twin.twin import Twin
from support.databases import Database
from support.twin_storage import open_twin, plan_of, programs
from support.twins import question, snapshot_of

pytestmark = pytest.mark.server

SCHEMA = """
CREATE TABLE "big "" %t" (id int PRIMARY KEY, kind int, word text);
INSERT INTO "big "" %t" SELECT i, (i * 7919) % 1000, md5(i::text) FROM generate_series(0, 19999) AS i;
-- With all values among the common ones, no histogram ends short of them, where the server looks into the index.
ALTER TABLE "big "" %t" ALTER COLUMN kind SET STATISTICS 1000;
CREATE INDEX by_kind ON "big "" %t" (kind);
CREATE INDEX by_word ON "big "" %t" (word);
CREATE INDEX of_few ON "big "" %t" (id) WHERE kind < 10;
CREATE TABLE part_seen (id int PRIMARY KEY, filler text);
INSERT INTO part_seen SELECT i, repeat('x', 100) FROM generate_series(0, 9999) AS i;
CREATE TABLE grown (id int PRIMARY KEY);
INSERT INTO grown SELECT generate_series(0, 4999);
CREATE TABLE never_seen (id int, word text);
INSERT INTO never_seen SELECT i, 'w' FROM generate_series(1, 3000) AS i;
CREATE TABLE nothing (id int);
CREATE TABLE parted (id int, day date) PARTITION BY RANGE (id);
CREATE TABLE parted_1 PARTITION OF parted FOR VALUES FROM (0) TO (5000);
CREATE TABLE parted_2 PARTITION OF parted FOR VALUES FROM (5000) TO (20000);
INSERT INTO parted SELECT i, date '2024-01-01' + i % 300 FROM generate_series(0, 11999) AS i;
CREATE INDEX parted_day ON parted (day);
CREATE TABLE root (id int, v int);
CREATE TABLE child () INHERITS (root);
INSERT INTO root SELECT i, i FROM generate_series(1, 2000) AS i;
INSERT INTO child SELECT i, i FROM generate_series(1, 8000) AS i;
CREATE INDEX broken ON child (v);
CREATE MATERIALIZED VIEW counted AS SELECT kind, count(*) AS n FROM "big "" %t" GROUP BY kind;
"""
BIG = '"big "" %t"'
QUERIES = [
    f"SELECT * FROM {BIG}",
    f"SELECT * FROM {BIG} WHERE id = 7",
    f"SELECT id FROM {BIG} WHERE id > 700 AND id < 900",
    f"SELECT max(id) FROM {BIG}",
    f"SELECT * FROM {BIG} WHERE kind = 7",
    f"SELECT * FROM {BIG} WHERE word = 'x' AND kind = 3",
    f"SELECT id FROM {BIG} WHERE kind < 10 AND id < 5000",
    f"SELECT * FROM grown JOIN {BIG} USING (id) WHERE grown.id < 10",
    f"SELECT * FROM grown JOIN {BIG} USING (id) ORDER BY id",
    "SELECT id FROM part_seen WHERE id < 3000",
    "SELECT count(*) FROM grown",
    "SELECT * FROM never_seen WHERE id = 4",
    "SELECT * FROM nothing, grown",
    "SELECT * FROM parted WHERE day = '2024-05-05'",
    "SELECT day, count(*) FROM parted WHERE id < 4000 GROUP BY day",
    "SELECT * FROM root WHERE v = 7",
    "SELECT * FROM counted WHERE kind = 5",
]

SERIAL = Configuration(settings=(("max_parallel_workers_per_gather", "0"),))


def filled(database: Database) -> Snapshot:
    """Tables with rows, as collection sees them: all-visible in part, grown since, never looked at."""
    database.execute(SCHEMA)
    for table in (BIG, "part_seen", "grown", "nothing", "parted_1", "parted_2", "root", "child", "counted"):
        database.execute(f"VACUUM ANALYZE {table}")
    database.execute("ANALYZE parted")
    database.execute("UPDATE part_seen SET filler = 'y' WHERE id < 2000")
    database.execute("INSERT INTO grown SELECT generate_series(5000, 9999)")
    database.execute("UPDATE pg_index SET indisvalid = false WHERE indexrelid = 'broken'::regclass")
    return snapshot_of(database.dsn)


def test_plans_and_costs_are_the_server_s(newest_database: Database) -> None:
    snapshot = filled(newest_database)
    settings = "enable_hashjoin", "enable_bitmapscan", "enable_seqscan"
    with Twin(Facts(snapshot, {}), server=programs(newest_database)) as twin:
        assert [each.what for each in twin.shortfalls if "B-tree" in each.what] == []
        for text in QUERIES:
            assert twin.plan(question(text)).plan is not None, text
            found = twin.plan(question(text)).plan
            assert found is not None
            assert found["Plan"] == plan_of(newest_database, text), text
        # Without the cheapest way the others show their costs.
        configuration = Configuration(settings=tuple((name, "off") for name in sorted(settings)))
        newest_database.execute("; ".join(f"SET {name} = off" for name in settings))
        for text in QUERIES:
            found = twin.plan(question(text), configuration).plan
            assert found is not None
            assert found["Plan"] == plan_of(newest_database, text), text


def test_terabytes_on_paper(database: Database) -> None:
    database.execute(
        """
        CREATE TABLE vast (id bigint PRIMARY KEY, at timestamptz);
        CREATE INDEX vast_at ON vast USING brin (at);
        CREATE TABLE unmeasured (id int);
        CREATE INDEX unmeasured_id ON unmeasured (id);
        """
    )
    snapshot = snapshot_of(database.dsn)
    oids = {relation.name: relation.oid for relation in snapshot.catalog.relations}
    oids |= {index.name: index.oid for index in snapshot.catalog.indexes}
    pages = 3 * 2**40 // 8192 + 5
    known = {"vast": pages, "vast_pkey": 100_000_000, "vast_at": 4_000}
    relations = [
        replace(each, pages=1_000, row_count=200_000.0)
        if each.name == "unmeasured"
        else replace(each, pages=pages - 1_000, row_count=5e10)
        for each in snapshot.catalog.relations
    ]
    catalog = replace(snapshot.catalog, relations=tuple(relations))
    assert snapshot.counters is not None
    sizes = [RelationSize(oid=oids[name], main_bytes=n * 8192, total_bytes=n * 8192) for name, n in known.items()]
    counters = replace(snapshot.counters, sizes=tuple(sizes))
    facts = Facts(replace(snapshot, catalog=catalog, counters=counters), {})
    with open_twin(facts) as (building, twin):
        cost = twin.plan(question("SELECT * FROM vast"), SERIAL).cost
        rows = round(5e10 / (pages - 1_000) * pages)
        assert cost == pytest.approx(pages + rows * 0.01, rel=1e-7)
        assert twin.plan(question("SELECT * FROM unmeasured"), SERIAL).cost == 1_000 + 200_000 * 0.01
        by_key = twin.plan(question("SELECT * FROM vast WHERE id = 1")).plan
        assert by_key is not None
        # 4 levels: fan-out of 16-byte keys at 70 %, and the binary search among so many rows.
        assert by_key["Plan"]["Startup Cost"] == round(36 * 0.0025 + (4 + 1) * 50 * 0.0025, 2)
        data = building.server.folder.data
        assert len(list(data.glob("base/*/*.3072"))) == 1
        assert sum(path.stat().st_blocks * 512 for path in data.glob("base/*/*.[0-9]*")) == 0


def test_pages_of_another_size_are_told(database: Database) -> None:
    database.execute("CREATE TABLE t (id int); INSERT INTO t SELECT generate_series(1, 10000)")
    database.execute("ANALYZE t")
    snapshot = snapshot_of(database.dsn)
    assert snapshot.counters is not None
    sizes = [replace(each, main_bytes=each.main_bytes * 2) for each in snapshot.counters.sizes]
    changed = replace(
        snapshot,
        server=replace(snapshot.server, block_size_bytes=16384),
        counters=replace(snapshot.counters, sizes=tuple(sizes)),
    )
    with Twin(Facts(changed, {})) as twin:
        assert twin.plan(question("SELECT * FROM t")).cost == plan_of(database, "SELECT * FROM t")["Total Cost"]
        (told,) = [each for each in twin.shortfalls if each.what == "the size of pages"]
        assert told.everywhere


def test_numbers_that_somebody_made_up_do_no_harm(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pgadvisor.planner.twin.storage.filling._MOST_SEGMENTS", 5)
    monkeypatch.setattr("pgadvisor.planner.twin.storage.candidates._MOST_SEGMENTS", 5)
    database.execute("CREATE TABLE a (id int PRIMARY KEY, doc jsonb); CREATE TABLE b (id int); CREATE TABLE c (id int)")
    database.execute("CREATE INDEX a_doc ON a USING gin (doc) WHERE id > 3")
    snapshot = snapshot_of(database.dsn)
    odd = {
        "a": {"pages": 2**62, "row_count": 1e300, "all_visible_pages": 2**62, "all_frozen_pages": 2**62},
        "b": {"pages": -5, "row_count": -7.0, "all_visible_pages": -1},
        "c": {"pages": 2**62, "row_count": 1e-300},
    }
    catalog = replace(
        snapshot.catalog,
        relations=tuple(replace(each, **odd[each.name]) for each in snapshot.catalog.relations),
        indexes=tuple(replace(each, pages=2**62, row_count=1e300) for each in snapshot.catalog.indexes),
    )
    assert snapshot.counters is not None
    facts = Facts(replace(snapshot, catalog=catalog, counters=replace(snapshot.counters, sizes=())), {})
    with open_twin(facts) as (building, twin):
        for table in "abc":
            assert twin.plan(question(f"SELECT * FROM {table} WHERE id = 1")).plan is not None
        (index,) = [each.definition for each in catalog.indexes if each.name == "a_pkey"]
        refusal = twin.plan(question("SELECT * FROM a"), Configuration(create=(index,))).refusal
        assert refusal == "It would have 16383 GB, and the twin has room for 5 GB of new indexes."
        assert twin.plan(question("SELECT * FROM a")).plan is not None
        segments = building.server.folder.data.glob("base/*/*.[0-9]*")
        oids = {relation.name: relation.oid for relation in catalog.relations}
        (told,) = [each for each in twin.shortfalls if each.what == "lengths of files"]
        assert set(told.relation_oids) == {oids["a"], oids["c"]}
        assert len([path for path in segments if path.suffix != ".init"]) >= 4
