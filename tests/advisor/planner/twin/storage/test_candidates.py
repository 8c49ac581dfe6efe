"""Indexes imagined on a running twin cost what the same indexes cost when they are really built."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec.structs import replace

from pgadvisor.facts import Facts
from pgadvisor.model.catalog import IndexDefinition, IndexKey
from pgadvisor.model.whatif import AS_IS, Configuration
from pgadvisor.planner.twin.storage.candidates import Candidates
from pgadvisor.planner.twin.storage.prediction import Predictions
from pgadvisor.planner.twin.twin import Twin
from support.databases import Database
from support.twin_storage import open_twin, plan_of, programs
from support.twins import question, snapshot_of

pytestmark = pytest.mark.server

SCHEMA = """
CREATE EXTENSION pg_trgm;
CREATE TABLE "client's" (id int PRIMARY KEY, name text NOT NULL, region int, tags int[], born date, place point);
INSERT INTO "client's" SELECT i, 'name ' || md5(i::text), i % 50, ARRAY[i % 100, i % 77], date '2000-01-01' + i % 7000,
  point(i % 1000, i / 1000) FROM generate_series(1, 10000) AS i;
CREATE TABLE orders (id bigint PRIMARY KEY, client int, at timestamptz, status text, total numeric);
INSERT INTO orders SELECT i, (i * 7919 % 10000) + 1, timestamptz '2024-01-01' + i * interval '1 min',
  (ARRAY['new', 'paid', 'done', 'done', 'done'])[1 + i % 5], i % 1000 FROM generate_series(1, 50000) AS i;
-- All rows are sampled, so that every run has the same statistics.
ALTER TABLE orders ALTER COLUMN client SET STATISTICS 200;
CREATE INDEX orders_status ON orders (status);
CREATE TABLE events (id int, at date, v int) PARTITION BY RANGE (at);
CREATE TABLE events_1 PARTITION OF events FOR VALUES FROM ('2024-01-01') TO ('2024-02-01');
CREATE TABLE events_2 PARTITION OF events FOR VALUES FROM ('2024-02-01') TO ('2024-04-01') PARTITION BY LIST (v);
CREATE TABLE events_21 PARTITION OF events_2 DEFAULT;
INSERT INTO events SELECT i, date '2024-01-01' + i % 90, i % 1000 FROM generate_series(1, 30000) AS i;
CREATE INDEX events_1_id ON events_1 (id);
CREATE TABLE root (id int, v int);
CREATE TABLE child () INHERITS (root);
INSERT INTO root SELECT i, i FROM generate_series(1, 5000) AS i;
INSERT INTO child SELECT i, i FROM generate_series(1, 5000) AS i;
"""
CLIENTS = '"client\'s"'
# An index, statements, and how far a cost may be from that with the real index, where its size is hard to foretell.
CASES: list[tuple[str, list[str], float]] = [
    (
        "x ON orders (client)",
        [
            "SELECT * FROM orders WHERE client = 77",
            f"SELECT name, sum(total) FROM {CLIENTS} AS c JOIN orders ON client = c.id WHERE region = 7 GROUP BY name",
            f"SELECT * FROM orders JOIN {CLIENTS} AS c ON client = c.id ORDER BY client",
        ],
        0.004,
    ),
    (
        "x ON orders (client, at DESC) INCLUDE (total)",
        ["SELECT sum(total) FROM orders WHERE client = 77 AND at > '2024-01-10'"],
        0.001,
    ),
    ("x ON orders (at) WHERE status = 'new'", ["SELECT count(*) FROM orders WHERE status = 'new'"], 0.02),
    (f"x ON {CLIENTS} (lower(name) text_pattern_ops)", [f"SELECT * FROM {CLIENTS} WHERE lower(name) ~~ 'ab%'"], 0.02),
    ("x ON orders USING hash (client)", ["SELECT * FROM orders WHERE client = 77"], 0.01),
    ("x ON orders USING brin (at)", ["SELECT * FROM orders WHERE at < '2024-01-02'"], 0.001),
    (f"x ON {CLIENTS} USING gin (tags)", [f"SELECT * FROM {CLIENTS} WHERE tags @> ARRAY[5, 6]"], 0.01),
    (f"x ON {CLIENTS} USING gin (name gin_trgm_ops)", [f"SELECT * FROM {CLIENTS} WHERE name ~~ '%abcd%'"], 0.02),
    (f"x ON {CLIENTS} USING gist (place)", [f"SELECT * FROM {CLIENTS} WHERE place <@ box '((1,1),(9,9))'"], 0.02),
    (f"x ON {CLIENTS} USING spgist (place)", [f"SELECT * FROM {CLIENTS} WHERE place <@ box '((1,1),(9,9))'"], 0.02),
    (
        f"UNIQUE x ON {CLIENTS} (name)",
        [f"SELECT o.id FROM orders AS o LEFT JOIN {CLIENTS} AS c ON name = status"],
        0.001,
    ),
    ("x ON events (v)", ["SELECT * FROM events WHERE v = 5"], 0.001),
    ("x ON events (id)", ["SELECT * FROM events WHERE id = 5"], 0.001),
    ("x ON root (v)", ["SELECT * FROM root WHERE v = 5"], 0.001),
    ("x ON orders (status)", ["SELECT * FROM orders WHERE status = 'new'"], 0.001),
]
# Only the index of this name is valid, of those that cases have made; one of a partition was there before.
ONLY = """
WITH RECURSIVE parts (root, index) AS (
  SELECT relname::text, oid FROM pg_class WHERE relname ~ '^real_'
  UNION ALL
  SELECT root, inhrelid FROM parts JOIN pg_inherits ON inhparent = index
)
UPDATE pg_index SET indisvalid = (parts.root = %s) FROM parts
WHERE parts.index = indexrelid AND indexrelid <> 'events_1_id'::regclass
"""


def shape(node: dict[str, Any]) -> tuple[Any, ...]:
    """What a plan is made of, without what indexes are called."""
    return node["Node Type"], node.get("Relation Name"), *(shape(child) for child in node.get("Plans", ()))


def really_built(database: Database) -> tuple[list[IndexDefinition], list[list[dict[str, Any]]]]:
    """The definitions of all cases' indexes as they are collected, and the plans with each of them alone."""
    for number, (ddl, _, _) in enumerate(CASES):
        database.execute(f"CREATE {ddl.replace('x ON', f'INDEX real_{number} ON', 1)}")
    # Indexes on expressions have statistics of these from then on.
    database.execute(f"ANALYZE {CLIENTS}")
    found = {index.name: index.definition for index in snapshot_of(database.dsn).catalog.indexes}
    plans = []
    for number, (_, texts, _) in enumerate(CASES):
        database.execute(ONLY, [f"real_{number}"])
        plans.append([plan_of(database, text) for text in texts])
    database.execute(ONLY, ["none"])
    return [found[f"real_{number}"] for number in range(len(CASES))], plans


def test_plans_are_those_with_real_indexes(newest_database: Database) -> None:
    database = newest_database
    database.execute(SCHEMA)
    for table in (CLIENTS, "orders", "events_1", "events_21", "root", "child"):
        database.execute(f"VACUUM ANALYZE {table}")
    database.execute("ANALYZE events")
    before = snapshot_of(database.dsn)
    definitions, real = really_built(database)
    as_is = {text: plan_of(database, text) for _, texts, _ in CASES for text in texts}
    with Twin(Facts(before, {}), server=programs(database)) as twin:
        # Some of them first, the others when the twin has planned already.
        for some in (definitions[:3], definitions):
            sizes = twin.sizes(some)
        assert all(size.size_bytes for size in sizes)
        for (ddl, texts, tolerance), definition, plans in zip(CASES, definitions, real, strict=True):
            for text, expected in zip(texts, plans, strict=True):
                found = twin.plan(question(text), Configuration(create=(definition,))).plan
                assert found is not None
                assert shape(found["Plan"]) == shape(expected), (ddl, text)
                assert found["Plan"]["Total Cost"] == pytest.approx(expected["Total Cost"], rel=tolerance), (ddl, text)
        # None of them is there unless it is asked for, and the tables have their length again.
        for text, expected in as_is.items():
            found = twin.plan(question(text)).plan
            assert found is not None
            assert shape(found["Plan"]) == shape(expected), text
            # Where the server finds an end of a histogram in an index, it need not leave room beyond.
            assert found["Plan"]["Total Cost"] == pytest.approx(expected["Total Cost"], rel=1e-5), text


def test_what_cannot_be_made_is_refused(database: Database) -> None:
    database.execute(
        """
        CREATE TABLE t (id int, doc json);
        INSERT INTO t SELECT generate_series(1, 10000);
        CREATE TABLE p (id int, day date) PARTITION BY RANGE (day);
        CREATE TABLE p_1 PARTITION OF p FOR VALUES FROM ('2024-01-01') TO ('2025-01-01');
        CREATE INDEX p_id ON p (id);
        """
    )
    database.execute("ANALYZE t")

    def index(table: str, column: str | None = None, expression: str | None = None) -> IndexDefinition:
        key = IndexKey(column=column, expression=expression)
        return IndexDefinition(schema="public", table=table, keys=(key,))

    good = index("t", column="id")
    injected = index("t", expression="id); DROP TABLE t; --")
    refused = {
        index("t", column="gone"): 'column "gone" does not exist',
        index("t", column="doc"): "no default operator class",
        index("nowhere", column="id"): "no table public.nowhere",
        replace(index("p", column="id"), unique=True): "unique constraint on partitioned table",
        injected: "syntax error",
        replace(good, predicate="id > 1; DROP TABLE t"): "cannot insert multiple commands",
        index("t", expression="random()"): "must be marked IMMUTABLE",
    }
    facts = Facts(snapshot_of(database.dsn), {})
    with open_twin(facts) as (building, twin):
        candidates = Candidates(building, Predictions(building.facts))
        # Where it lies bears on no plan, unless its tablespace has costs of its own.
        elsewhere = replace(good, tablespace="fast")
        candidates.ensure([*refused, good, elsewhere])
        assert (candidates.made[elsewhere].refusal, len(candidates.made[elsewhere].oids)) == ("", 1)
        for definition, reason in refused.items():
            assert candidates.made[definition].oids == ()
            assert reason in candidates.made[definition].refusal
        assert candidates.made[good].refusal == ""
        assert candidates.made[good].name == "idx_t_id"
        ((valid,),) = building.admin.execute(
            "SELECT indisvalid FROM pg_index WHERE indexrelid = %s", candidates.made[good].oids
        )
        assert valid is False
        assert twin.plan(question("SELECT * FROM t"), AS_IS).cost == plan_of(database, "SELECT * FROM t")["Total Cost"]
        assert candidates.generation == 0


def test_sizes_are_those_of_built_indexes(database: Database) -> None:
    """By all that a snapshot says: elements of arrays, documents, columns of expressions, combinations of columns."""
    database.execute(
        """
        SELECT setseed(0.5);
        CREATE TABLE t AS SELECT n % 30 AS tens, n % 30 / 3 AS threes, 'name ' || n % 4000 AS name,
          date '2000-01-01' + n % 3000 AS day, (n % 5000 + 0.25)::numeric AS price,
          ARRAY(SELECT floor(random() * 9000)::int FROM generate_series(1, n % 8)) AS numbers,
          jsonb_build_object('kind', n % 12, 'name', 'item ' || n % 700, 'tags', jsonb_build_array('t' || n % 30))
            AS doc
        FROM generate_series(1, 30000) AS n;
        CREATE STATISTICS together (ndistinct) ON tens, threes, day FROM t;
        CREATE INDEX t_price ON t ((price * 2));
        """
    )
    database.execute("VACUUM ANALYZE t")
    before = snapshot_of(database.dsn)
    texts = (
        "t USING gin (numbers)",
        "t USING gin (doc jsonb_path_ops)",
        "t USING gin (doc)",
        "t (lower(name))",
        "t ((price * 2), name)",
        "t (EXTRACT(year FROM day))",
        "t (tens, threes, day)",
        "t ((doc ->> 'name'))",
    )
    for number, text in enumerate(texts):
        database.execute(f"CREATE INDEX i_{number} ON {text}")
    found = {index.name: index.definition for index in snapshot_of(database.dsn).catalog.indexes}
    definitions = [found[f"i_{number}"] for number in range(len(texts))]
    with Twin(Facts(before, {})) as twin:
        sizes = twin.sizes(definitions)
    off = {}
    for number, (text, size) in enumerate(zip(texts, sizes, strict=True)):
        ((real,),) = database.execute(f"SELECT pg_relation_size('i_{number}')")
        assert size.size_bytes is not None
        off[text] = round(size.size_bytes / real, 2)
    assert all(0.8 <= ratio <= 1.35 for ratio in off.values()), off
