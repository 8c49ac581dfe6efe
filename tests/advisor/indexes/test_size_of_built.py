"""Estimated sizes beside indexes really built."""

from __future__ import annotations

import statistics

import pytest

from pgadvisor.indexes.size import estimate
from pgadvisor.indexes.sizes.attributes import NEVER_SHARED, of_type
from pgadvisor.indexes.sizes.catalog import column_statistics, distinct_counts
from pgadvisor.indexes.sizes.result import IndexEstimate
from pgadvisor.model.catalog import Index, IndexDefinition, IndexKey
from support.databases import Database
from support.reading import Seen, read_database

ROWS = 30_000
# ANALYZE reads as many at the default target: what is tested is not its sampling.
TABLE = f"""
CREATE EXTENSION pageinspect; CREATE EXTENSION pg_trgm; CREATE EXTENSION btree_gist;
SELECT setseed(0.5);
CREATE TABLE other (x integer, y integer, PRIMARY KEY (x, y));
INSERT INTO other SELECT n, n % 7 FROM generate_series(0, 299) n;
ANALYZE other;
CREATE TABLE t AS SELECT n::bigint AS id, n % 5 AS few, CASE WHEN random() < 0.3 THEN 7 ELSE n END AS skewed,
    floor(random() * {ROWS // 30})::int AS thirty, n % 300 AS x, n % 300 % 7 AS y, md5(n::text)::uuid AS key,
    'words ' || floor(random() * 900)::int AS words, CASE WHEN n % 10 = 0 THEN n END AS rare,
    round((random() ^ 2 * 50000)::numeric, 2) AS amount, repeat(md5(n::text), 1 + n % 4) AS long, random() AS weight,
    ARRAY(SELECT 'tag' || floor(random() ^ 3 * 400)::int FROM generate_series(1, 1 + n % 4)) AS tags,
    jsonb_build_object('id', n, 'kind', n % 12, 'tags', jsonb_build_array('t' || n % 30)) AS document,
    jsonb_build_object('k', n % 60, 'b', 'kind ' || n % 60) AS meta, jsonb_build_object('k', n % 400) AS more,
    to_tsvector('simple', 'w' || n % 700 || ' v' || n % 13 || ' u' || n % 900) AS lexemes,
    point(random() * 1000, random() * 1000) AS place, int4range(n, n + 10) AS span, n % 3 = 0 AS flag
FROM generate_series(1, {ROWS}) n;
ALTER TABLE t ADD FOREIGN KEY (x, y) REFERENCES other;
"""
# Method, what is in brackets and follows, the share of rows where a predicate needs one, how far off it may be.
BUILT: tuple[tuple[str, str, float | None, float], ...] = (
    ("btree", "(id)", None, 1.01),
    ("btree", "(few)", None, 1.03),
    ("btree", "(skewed)", None, 1.05),
    ("btree", "(thirty)", None, 1.05),
    ("btree", "(words)", None, 1.05),
    ("btree", "(rare)", None, 1.03),
    ("btree", "(amount)", None, 1.05),
    ("btree", "(long)", None, 1.1),
    ("btree", "(weight)", None, 1.01),
    ("btree", "(tags)", None, 1.1),
    ("btree", "(key)", None, 1.01),
    ("btree", "(flag, thirty)", None, 1.1),
    ("btree", "(x, y)", None, 1.05),
    ("btree", "(rare, id DESC)", None, 1.05),
    ("btree", "(few) INCLUDE (id)", None, 1.02),
    ("btree", "(few) WITH (deduplicate_items = off)", None, 1.02),
    ("btree", "(id) WITH (fillfactor = 50)", None, 1.02),
    ("btree", "(rare) WHERE rare IS NOT NULL", None, 1.03),
    ("btree", "(thirty) WHERE few = 1", 0.2, 1.05),
    ("btree", "(upper(words))", None, 1.05),
    ("hash", "(id)", None, 1.02),
    ("hash", "(thirty)", None, 1.1),
    ("hash", "(few)", None, 1.15),
    ("hash", "(rare) WHERE few = 1", 0.2, 1.02),
    ("gin", "(tags)", None, 1.25),
    ("gin", "(document)", None, 1.4),
    ("gin", "(document jsonb_path_ops)", None, 1.4),
    ("gin", "(meta)", None, 1.3),
    ("gin", "(meta jsonb_path_ops)", None, 1.3),
    ("gin", "(more jsonb_path_ops)", None, 1.3),
    ("gin", "(lexemes)", None, 1.3),
    ("gin", "(words gin_trgm_ops)", None, 1.3),
    ("gist", "(place)", None, 1.2),
    ("gist", "(span)", None, 1.5),
    ("gist", "(thirty)", None, 1.2),
    ("gist", "(words gist_trgm_ops)", None, 1.25),
    ("spgist", "(place)", None, 1.2),
    ("spgist", "(words)", None, 1.25),
    ("brin", "(id)", None, 1.01),
    ("brin", "(id, key) WITH (pages_per_range = 1)", None, 1.01),
    ("brin", "(span) WITH (pages_per_range = 2)", None, 1.01),
)


@pytest.mark.server
def test_sizes_are_close_to_those_of_built_indexes(newest_database: Database) -> None:
    database = newest_database
    database.execute(TABLE)
    database.execute("VACUUM ANALYZE t")
    for number, (method, rest, _, _) in enumerate(BUILT):
        database.execute(f"CREATE INDEX i{number} ON t USING {method} {rest}")
    # Again, for the statistics of the expression.
    database.execute("ANALYZE t")
    seen = read_database(database.dsn)
    wrong, off = {}, []
    for number, (method, rest, selectivity, factor) in enumerate(BUILT):
        found = _estimated(seen, seen.indexes[f"i{number}"], selectivity)
        ((pages,),) = database.execute(f"SELECT pg_relation_size('i{number}') / 8192")
        assert found is not None, rest
        ratio = found.pages / pages
        off.append(max(ratio, 1 / ratio) - 1)
        if off[-1] > factor - 1:
            wrong[f"{method} {rest}"] = (found.pages, pages, round(ratio, 3))
        if method == "btree":
            ((level,),) = database.execute(f"SELECT level FROM bt_metap('i{number}')")
            assert found.height == level, rest
    assert not wrong
    assert statistics.median(off) < 0.02


@pytest.mark.server
def test_a_level_is_added_where_the_server_adds_one(database: Database) -> None:
    """Where leaves just fit the root, which takes one more than the fill factor says; 366 integers to a leaf."""
    database.execute("CREATE EXTENSION pageinspect; CREATE TABLE u (id int); CREATE INDEX u_id ON u (id)")
    heights = []
    for leaves in (284, 285, 286):
        database.execute("TRUNCATE u; DROP INDEX u_id")
        database.execute("INSERT INTO u SELECT generate_series(1, %s)", [leaves * 366])
        database.execute("CREATE INDEX u_id ON u (id)")
        ((level, pages),) = database.execute("SELECT level, pg_relation_size('u_id') / 8192 FROM bt_metap('u_id')")
        found = estimate(
            IndexDefinition(schema="public", table="u", keys=(IndexKey(column="id"),)),
            row_count=leaves * 366,
            columns={"id": of_type("int4", 4, "i", None)},
        )
        assert found is not None
        assert (found.pages, found.height) == (pages, level)
        heights.append(level)
    assert heights == [1, 1, 2]


@pytest.mark.server
def test_types_that_never_share_entries_are_those_without_the_support_function(database: Database) -> None:
    """Support function 4, "equalimage" (manual, "B-Tree Support Functions")."""
    database.execute("CREATE EXTENSION citext; CREATE EXTENSION hstore; CREATE EXTENSION ltree")
    rows = database.execute(
        """
        SELECT DISTINCT t.typname::text FROM pg_opclass AS o JOIN pg_type AS t ON t.oid = o.opcintype
        WHERE o.opcmethod = (SELECT oid FROM pg_am WHERE amname = 'btree') AND o.opcdefault AND t.typtype = 'b'
            AND NOT EXISTS (
                SELECT FROM pg_amproc AS p
                WHERE p.amprocfamily = o.opcfamily AND p.amproclefttype = o.opcintype AND p.amprocnum = 4
            )
        """
    )
    assert {name for (name,) in rows} == NEVER_SHARED


def _estimated(seen: Seen, index: Index, selectivity: float | None) -> IndexEstimate | None:
    catalog, table = seen.collected.catalog, seen.relations["t"]
    columns = [column for column in catalog.columns if column.relation_oid == table.oid]
    rows = {(row.relation_oid, row.column): row for row in seen.collected.column_statistics}
    expressions = {
        key.expression: of_type("text", -1, "i", rows[index.oid, "upper"])
        for key in index.definition.keys
        if key.expression is not None
    }
    assert table.row_count is not None
    counts = {relation.oid: relation.row_count or 0.0 for relation in catalog.relations}
    constraints = [each for each in catalog.constraints if each.table_oid == table.oid]
    assert seen.collected.server is not None
    return estimate(
        index.definition,
        row_count=table.row_count,
        columns=column_statistics(columns, {name: row for (oid, name), row in rows.items() if oid == table.oid}),
        expressions=expressions,
        selectivity=selectivity,
        table_pages=table.pages,
        distinct_counts=distinct_counts(columns, table.row_count, constraints, (), counts),
        major=seen.collected.server.major,
    )
