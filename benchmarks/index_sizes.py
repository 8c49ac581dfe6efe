"""How well sizes of indexes are predicted: indexes of all kinds, really built, beside what statistics let expect.

Loads a part of TPC-H (as `tpchgen-cli -s 0.2 --tables customer,part,partsupp,orders,lineitem -o FOLDER` writes it) and
a table of arrays, documents, ranges, points and texts into a private server, builds the indexes, reads catalog and
statistics as collection does and predicts each index from them. Raw results go to benchmarks/results/index_sizes.json.
"""

from __future__ import annotations

import argparse
import json
import statistics
from collections import defaultdict
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import psycopg
from precision.tpch import SCHEMA, _copy

from pgadvisor import __version__
from pgadvisor.collect import survey
from pgadvisor.config import CollectConfig
from pgadvisor.indexes.size import estimate
from pgadvisor.indexes.sizes.attributes import KeyStatistics, of_type
from pgadvisor.indexes.sizes.catalog import column_statistics, distinct_counts
from pgadvisor.indexes.sizes.expressions import of_expression
from pgadvisor.indexes.sizes.result import IndexEstimate
from pgadvisor.localserver import LocalServer
from pgadvisor.model.catalog import Index
from pgadvisor.model.snapshot import Snapshot
from pgadvisor.model.statistics import PgStats

RESULTS = Path(__file__).parent / "results"
TABLES = ("customer", "part", "partsupp", "orders", "lineitem")
SETTINGS = {"autovacuum": "off", "fsync": "off", "full_page_writes": "off", "maintenance_work_mem": "64MB"}
EXTENSIONS = ("pageinspect", "pg_trgm", "btree_gin", "btree_gist", "citext")
FOREIGN_KEY = "ALTER TABLE lineitem ADD FOREIGN KEY (l_partkey, l_suppkey) REFERENCES partsupp"
THINGS = """
CREATE TABLE things (
    id bigint, key uuid, kind smallint, state text, skewed integer, rare integer, happened timestamptz, amount numeric,
    weight float8, short text, long text, mail citext, tags text[], numbers integer[], document jsonb, words tsvector,
    during tstzrange, span int4range, place point, area box, address inet, flag boolean
);
SELECT setseed(0.5);
INSERT INTO things
SELECT n, md5(n::text)::uuid, n % 12, (ARRAY['new', 'paid', 'sent', 'returned'])[1 + floor(random() ^ 2 * 4)::int],
    floor(random() ^ 4 * 20000)::int, CASE WHEN random() < 0.1 THEN n END,
    '2024-01-01'::timestamptz + n * interval '90 s' + random() * interval '1 h', round((random() * 10000)::numeric, 2),
    random() * 1000, 'item ' || floor(random() * 5000)::int,
    repeat(md5((n / 2)::text) || ' ', 2 + floor(random() * 6)::int), 'user' || n || '@example.com',
    ARRAY(SELECT 'tag' || floor(random() ^ 3 * 800)::int FROM generate_series(1, 1 + n % 5)),
    ARRAY(SELECT floor(random() * 50000)::int FROM generate_series(1, n % 8)),
    jsonb_build_object('id', n, 'kind', n % 12, 'name', 'item ' || floor(random() * 5000)::int,
        'tags', jsonb_build_array('t' || n % 30, 't' || n % 7), 'size', jsonb_build_object('w', n % 50, 'h', n % 40)),
    (SELECT array_to_tsvector(array_agg(DISTINCT 'word' || floor(random() ^ 3 * 6000)::int))
        FROM generate_series(1, 4 + n % 12)),
    tstzrange('2024-01-01'::timestamptz + n * interval '1 min',
        '2024-01-01'::timestamptz + n * interval '1 min' + random() * interval '3 h'),
    int4range(floor(random() * 100000)::int, 100000 + floor(random() * 1000)::int),
    point(random() * 1000, random() * 1000), box(point(n % 500, n % 300), point(n % 500 + 3, n % 300 + 4)),
    ('10.' || n % 200 || '.' || floor(random() * 256)::int || '.' || floor(random() * 256)::int)::inet, n % 3 = 0
FROM generate_series(1, 200000) n;
CREATE STATISTICS returned (ndistinct) ON l_returnflag, l_linestatus, l_shipdate FROM lineitem;
"""
# Kind, and what follows CREATE INDEX ON.
INDEXES = (
    # B-trees: unique, deduplicated, skewed, with NULLs, wide.
    "orders (o_orderkey)",
    "lineitem (l_orderkey)",
    "lineitem (l_partkey)",
    "lineitem (l_suppkey)",
    "lineitem (l_shipdate)",
    "lineitem (l_shipmode)",
    "lineitem (l_returnflag)",
    "lineitem (l_quantity)",
    "lineitem (l_extendedprice)",
    "lineitem (l_comment)",
    "orders (o_custkey)",
    "orders (o_orderdate)",
    "orders (o_clerk)",
    "orders (o_totalprice)",
    "orders (o_comment)",
    "customer (c_name)",
    "customer (c_mktsegment)",
    "part (p_name)",
    "part (p_type)",
    "things (id)",
    "things (key)",
    "things (kind)",
    "things (state)",
    "things (skewed)",
    "things (rare)",
    "things (happened)",
    "things (amount)",
    "things (weight)",
    "things (short)",
    "things (long)",
    "things (mail)",
    "things (tags)",
    "things (flag)",
    "things (address)",
    "things (span)",
    # B-trees of several columns.
    "lineitem (l_orderkey, l_linenumber)",
    "lineitem (l_partkey, l_suppkey)",
    "lineitem (l_shipmode, l_returnflag, l_shipdate)",
    "lineitem (l_returnflag, l_linestatus, l_shipdate)",
    "lineitem (l_shipdate, l_discount, l_quantity)",
    "orders (o_custkey, o_orderdate)",
    "orders (o_orderstatus, o_orderdate DESC)",
    "things (kind, happened)",
    "things (state, kind)",
    "things (rare, id)",
    "things (short, kind, flag)",
    # INCLUDE, fillfactor, without deduplication, unique.
    "orders (o_custkey) INCLUDE (o_totalprice)",
    "lineitem (l_shipdate) INCLUDE (l_quantity, l_shipmode)",
    "things (key) INCLUDE (state)",
    "orders (o_orderkey) WITH (fillfactor = 70)",
    "lineitem (l_suppkey) WITH (fillfactor = 60)",
    "lineitem (l_suppkey) WITH (deduplicate_items = off)",
    "UNIQUE lineitem (l_orderkey, l_linenumber)",
    "UNIQUE things (rare)",
    # Partial and on expressions.
    "orders (o_orderdate) WHERE o_orderstatus = 'F'",
    "orders (o_custkey) WHERE o_orderpriority = '1-URGENT'",
    "lineitem (l_partkey) WHERE l_shipmode = 'AIR'",
    "things (rare) WHERE rare IS NOT NULL",
    "things (happened) WHERE state = 'returned'",
    "things (lower(short))",
    "customer (lower(c_name))",
    "orders (date_trunc('month', o_orderdate::timestamp))",
    "things ((document ->> 'name'))",
    "lineitem ((l_extendedprice * (1 - l_discount)))",
    # Hash; a key with 100,000 rows takes minutes to build, since each row goes along its chain of pages.
    "orders USING hash (o_orderkey)",
    "lineitem USING hash (l_partkey)",
    "lineitem USING hash (l_suppkey)",
    "part USING hash (p_brand)",
    "things USING hash (key)",
    "things USING hash (short)",
    "things USING hash (skewed)",
    "things USING hash (rare)",
    "orders USING hash (o_custkey) WHERE o_orderpriority = '1-URGENT'",
    # GIN.
    "things USING gin (tags)",
    "things USING gin (numbers)",
    "things USING gin (document)",
    "things USING gin (document jsonb_path_ops)",
    "things USING gin (words)",
    "things USING gin (short gin_trgm_ops)",
    "things USING gin (kind, tags)",
    "part USING gin (p_name gin_trgm_ops)",
    "orders USING gin (o_comment gin_trgm_ops)",
    "orders USING gin (to_tsvector('simple', o_comment))",
    "part USING gin (to_tsvector('english', p_name))",
    "lineitem USING gin (l_shipmode, l_suppkey)",
    # GiST.
    "things USING gist (place)",
    "things USING gist (area)",
    "things USING gist (during)",
    "things USING gist (span)",
    "things USING gist (words)",
    "things USING gist (short gist_trgm_ops)",
    "part USING gist (p_name gist_trgm_ops)",
    "things USING gist (address inet_ops)",
    "things USING gist (id, during)",
    "orders USING gist (o_orderdate)",
    # SP-GiST.
    "things USING spgist (place)",
    "things USING spgist (place kd_point_ops)",
    "things USING spgist (short)",
    "things USING spgist (long)",
    "things USING spgist (during)",
    "things USING spgist (address)",
    "things USING spgist (area)",
    "part USING spgist (p_name)",
    # BRIN.
    "lineitem USING brin (l_orderkey)",
    "lineitem USING brin (l_shipdate, l_receiptdate)",
    "lineitem USING brin (l_orderkey) WITH (pages_per_range = 4)",
    "orders USING brin (o_orderkey) WITH (pages_per_range = 1)",
    "orders USING brin (o_clerk) WITH (pages_per_range = 16)",
    "things USING brin (happened) WITH (pages_per_range = 8)",
    "things USING brin (during) WITH (pages_per_range = 8)",
    "things USING brin (address inet_inclusion_ops) WITH (pages_per_range = 2)",
    "things USING brin (key uuid_bloom_ops) WITH (pages_per_range = 16)",
    "things USING brin (happened timestamptz_minmax_multi_ops) WITH (pages_per_range = 16)",
)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="folder of what tpchgen-cli wrote")
    with LocalServer(settings=SETTINGS) as server:
        dsn = server.dsn("postgres")
        load(dsn, parser.parse_args().data)
        built = build(dsn)
        snapshot = survey(dsn, CollectConfig())
    rows = compare(snapshot, built)
    RESULTS.mkdir(exist_ok=True)
    result = {"tool": __version__, "server": snapshot.server.version, "indexes": rows}
    (RESULTS / "index_sizes.json").write_text(json.dumps(result, indent=1) + "\n")
    show(rows)


def load(dsn: str, folder: Path) -> None:
    """The tables, without statistics."""
    with psycopg.connect(dsn, autocommit=True) as connection:
        for extension in EXTENSIONS:
            connection.execute(f"CREATE EXTENSION {extension}".encode())
        wanted = [part for part in SCHEMA.split(";\n") if part.strip().removeprefix("CREATE TABLE ").startswith(TABLES)]
        connection.execute(";".join(wanted).encode())
        for table in TABLES:
            _copy(connection, table, folder / f"{table}.tbl")
        connection.execute(FOREIGN_KEY)
        connection.execute(THINGS.encode())


def build(dsn: str) -> dict[str, dict[str, Any]]:
    """Builds all indexes and collects statistics; of each by name what it is and how large."""
    built: dict[str, dict[str, Any]] = {}
    with psycopg.connect(dsn, autocommit=True) as connection:
        # VACUUM sets reltuples right, which hash indexes are made by.
        connection.execute("VACUUM ANALYZE")
        for number, text in enumerate(INDEXES):
            name = f"i{number}"
            unique, on = ("UNIQUE ", text.removeprefix("UNIQUE ")) if text.startswith("UNIQUE ") else ("", text)
            connection.execute(f"CREATE {unique}INDEX {name} ON {on}".encode())
            built[name] = {"index": text} | measured(connection, name)
            table, _, predicate = on.partition(" WHERE ")
            if predicate:
                table = table.split()[0]
                query = f"EXPLAIN (FORMAT JSON) SELECT FROM {table} WHERE {predicate}"
                connection.execute(
                    "SET enable_indexscan = off; SET enable_indexonlyscan = off; SET enable_bitmapscan = off"
                )
                connection.execute("SET max_parallel_workers_per_gather = 0")
                ((plan,),) = connection.execute(query.encode()).fetchall()
                ((rows,),) = connection.execute(f"SELECT reltuples FROM pg_class WHERE relname = '{table}'".encode())
                built[name]["selectivity"] = plan[0]["Plan"]["Plan Rows"] / rows
        # For the statistics of expressions.
        connection.execute("ANALYZE")
    return built


def measured(connection: psycopg.Connection[Any], name: str) -> dict[str, Any]:
    """Pages, entries, and what the metapage says."""
    row = connection.execute(
        """
        SELECT amname, pg_relation_size(c.oid) / current_setting('block_size')::int4, reltuples
        FROM pg_class c JOIN pg_am a ON a.oid = relam WHERE relname = %s
        """,
        [name],
    ).fetchone()
    assert row is not None
    method, pages, entries = row
    found = {"method": method, "pages": pages, "entries": entries}
    asked = {
        "btree": "SELECT level AS height FROM bt_metap(%s)",
        "gin": "SELECT n_entry_pages AS entry_pages, n_data_pages AS data_pages, n_entries"
        " FROM gin_metapage_info(get_raw_page(%s, 0))",
        "brin": "SELECT lastrevmappage AS revmap_pages FROM brin_metapage_info(get_raw_page(%s, 0))",
    }.get(method)
    if asked is not None:
        cursor = connection.execute(asked.encode(), [name])
        values = cursor.fetchone()
        assert values is not None and cursor.description is not None
        found |= {column.name: value for column, value in zip(cursor.description, values, strict=True)}
    return found


def compare(snapshot: Snapshot, built: Mapping[str, dict[str, Any]]) -> list[dict[str, Any]]:
    """Each index with what is predicted of it."""
    rows = []
    for index in sorted(snapshot.catalog.indexes, key=lambda each: each.oid):
        if index.name not in built:
            continue
        real = built[index.name]
        predicted = prediction(snapshot, index, real.get("selectivity"))
        row = dict(real)
        if None in index.definition.key_columns:
            # As of an index that does not exist yet.
            guessed = prediction(snapshot, index, real.get("selectivity"), expression_seen=False)
            row["predicted_pages_without_statistics"] = None if guessed is None else guessed.pages
        if predicted is not None:
            row |= {
                "predicted_pages": predicted.pages,
                "ratio": round(predicted.pages / real["pages"], 3),
                "predicted_entries": predicted.entries,
            }
            for field in ("height", "entry_pages", "data_pages", "n_entries", "revmap_pages"):
                if field in real:
                    row[f"predicted_{field}"] = getattr(predicted, field)
        rows.append(row)
    return rows


def prediction(
    snapshot: Snapshot, index: Index, selectivity: float | None, *, expression_seen: bool = True
) -> IndexEstimate | None:
    """What is said of an index by the statistics in a snapshot, with or without those of its own expressions."""
    (table,) = [relation for relation in snapshot.catalog.relations if relation.oid == index.table_oid]
    catalog = snapshot.catalog
    rows = {(row.relation_oid, row.column): row for row in snapshot.column_statistics}
    columns = [column for column in catalog.columns if column.relation_oid == table.oid]
    counts = {relation.oid: relation.row_count or 0.0 for relation in catalog.relations}
    known = column_statistics(columns, {c: row for (oid, c), row in rows.items() if oid == table.oid})
    expressions: dict[str, KeyStatistics] = {}
    names = iter([row.column for row in snapshot.column_statistics if row.relation_oid == index.oid])
    for key in index.definition.keys:
        if key.expression is not None:
            row = rows.get((index.oid, next(names, ""))) if expression_seen else None
            found = expression_statistics(key.expression, row)
            expressions[key.expression] = found if row is not None else of_expression(key.expression, found, known)
    return estimate(
        index.definition,
        row_count=table.row_count,
        columns=known,
        expressions=expressions,
        selectivity=selectivity,
        table_pages=table.pages,
        distinct_counts=distinct_counts(
            columns,
            counts[table.oid],
            [constraint for constraint in catalog.constraints if constraint.table_oid == table.oid],
            [each for each in catalog.extended_statistics if each.relation_oid == table.oid],
            counts,
        ),
        major=int(snapshot.server.version.partition(".")[0]),
    )


# Types of the expressions above: the catalog of collection does not hold them.
EXPRESSION_TYPES = (
    ("to_tsvector", ("tsvector", -1, "i")),
    ("date_trunc", ("timestamp", 8, "d")),
    ("l_extendedprice", ("numeric", -1, "i")),
)


def expression_statistics(expression: str, row: PgStats | None) -> KeyStatistics:
    """Statistics of an index's own column, with the type that the server knows."""
    found = next((given for word, given in EXPRESSION_TYPES if word in expression), ("text", -1, "i"))
    return of_type(*found, row)


def show(rows: list[dict[str, Any]]) -> None:
    by_method: dict[str, list[float]] = defaultdict(list)
    for row in rows:
        ratio = row.get("ratio")
        print(f"{row['method']:7} {row['pages']:>6} {row.get('predicted_pages', '-'):>6} {ratio!s:>6}  {row['index']}")
        if ratio is not None:
            by_method[row["method"]].append(ratio)
    by_method["all"] = [ratio for each in by_method.values() for ratio in each]
    for method, ratios in by_method.items():
        off = [max(ratio, 1 / ratio) - 1 for ratio in ratios]
        median, most = statistics.median(off), max(off)
        print(
            f"{method}: {len(ratios)} indexes, off by {median:.1%} in the median, {most:.1%} at most;"
            f" {min(ratios):.2f} to {max(ratios):.2f} times the real size"
        )


if __name__ == "__main__":
    main()
