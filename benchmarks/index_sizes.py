"""How well advice foresees sizes: indexes of all kinds that do not exist, and how large they are once built.

Loads a part of TPC-H and a table of arrays, documents, ranges, points and texts into a private server, collects, asks a
twin of it how large each index would be, as advice does, and then builds them all. Needs tpchgen-cli. Raw results go to
benchmarks/results/index_sizes.json.
"""

from __future__ import annotations

import argparse
import json
import math
import platform
import statistics
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import psycopg
from precision.tpch import SCHEMA, _copy

sys.path.insert(0, str(Path(__file__).parent / "twin"))

from databases import tpch_files

from pgadvisor import __version__
from pgadvisor.analyze import read_facts
from pgadvisor.collect import survey
from pgadvisor.config import CollectConfig
from pgadvisor.localserver import LocalServer, find_binaries
from pgadvisor.model.catalog import IndexDefinition
from pgadvisor.model.snapshot import Snapshot
from pgadvisor.planner.twin.several import twins

RESULTS = Path(__file__).parent / "results" / "index_sizes.json"
TABLES = ("customer", "part", "partsupp", "orders", "lineitem")
SETTINGS = {"autovacuum": "off", "fsync": "off", "full_page_writes": "off", "maintenance_work_mem": "64MB"}
EXTENSIONS = ("pg_trgm", "btree_gin", "btree_gist", "citext")
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
FROM generate_series(1, {rows}) n;
CREATE STATISTICS returned (ndistinct) ON l_returnflag, l_linestatus, l_shipdate FROM lineitem;
"""
# By kind, what follows CREATE INDEX ON.
INDEXES = {
    "B-tree, each value once": (
        "orders (o_orderkey)",
        "things (id)",
        "things (key)",
        "things (happened)",
        "things (weight)",
    ),
    "B-tree, repeated values": (
        "lineitem (l_orderkey)",
        "lineitem (l_partkey)",
        "lineitem (l_suppkey)",
        "lineitem (l_shipdate)",
        "orders (o_custkey)",
        "orders (o_orderdate)",
        "orders (o_orderdate DESC)",
        "things (kind)",
        "things (skewed)",
        "things (rare)",
        "things (flag)",
        "things (address)",
    ),
    "B-tree, unique": (
        "UNIQUE lineitem (l_orderkey, l_linenumber)",
        "UNIQUE things (rare)",
        "UNIQUE things (id)",
        "UNIQUE things (mail)",
        "UNIQUE customer (c_name)",
    ),
    "B-tree, numeric": (
        "lineitem (l_quantity)",
        "lineitem (l_extendedprice)",
        "orders (o_totalprice)",
        "things (amount)",
        "customer (c_acctbal)",
        "partsupp (ps_supplycost)",
    ),
    "B-tree, text": (
        "lineitem (l_shipmode)",
        "lineitem (l_returnflag)",
        "lineitem (l_comment)",
        "orders (o_clerk)",
        "orders (o_comment)",
        "customer (c_name)",
        "customer (c_name text_pattern_ops)",
        "customer (c_mktsegment)",
        "part (p_name)",
        "part (p_type)",
        "things (state)",
        "things (short)",
        "things (long)",
        "things (mail)",
    ),
    "B-tree, array or range": ("things (tags)", "things (span)"),
    "B-tree, several columns": (
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
    ),
    "B-tree, INCLUDE": (
        "orders (o_custkey) INCLUDE (o_totalprice)",
        "lineitem (l_shipdate) INCLUDE (l_quantity, l_shipmode)",
        "lineitem (l_partkey) INCLUDE (l_quantity, l_extendedprice, l_discount)",
        "things (key) INCLUDE (state)",
        "things (kind, happened) INCLUDE (amount)",
    ),
    "B-tree, partial": (
        "orders (o_orderdate) WHERE o_orderstatus = 'F'",
        "orders (o_custkey) WHERE o_orderpriority = '1-URGENT'",
        "lineitem (l_partkey) WHERE l_shipmode = 'AIR'",
        "things (rare) WHERE rare IS NOT NULL",
        "things (happened) WHERE state = 'returned'",
        "things (id) WHERE state <> 'new'",
    ),
    "B-tree, expression": (
        "things (lower(short))",
        "customer (lower(c_name))",
        "customer (lower(c_name) text_pattern_ops)",
        "orders (date_trunc('month', o_orderdate::timestamp))",
        "things ((document ->> 'name'))",
        "things (((document ->> 'kind')::int))",
        "lineitem ((l_extendedprice * (1 - l_discount)))",
    ),
    "B-tree, storage parameters": (
        "orders (o_orderkey) WITH (fillfactor = 70)",
        "lineitem (l_suppkey) WITH (fillfactor = 60)",
        "lineitem (l_suppkey) WITH (deduplicate_items = off)",
    ),
    # A key with 100,000 rows takes minutes to build, since each row goes along its chain of pages.
    "hash": (
        "orders USING hash (o_orderkey)",
        "lineitem USING hash (l_partkey)",
        "lineitem USING hash (l_suppkey)",
        "part USING hash (p_brand)",
        "things USING hash (key)",
        "things USING hash (short)",
        "things USING hash (skewed)",
        "things USING hash (rare)",
        "orders USING hash (o_custkey) WHERE o_orderpriority = '1-URGENT'",
    ),
    "GIN, jsonb": (
        "things USING gin (document)",
        "things USING gin (document jsonb_path_ops)",
        "things USING gin ((document -> 'tags'))",
        "things USING gin ((document -> 'size') jsonb_path_ops)",
    ),
    "GIN, arrays": (
        "things USING gin (tags)",
        "things USING gin (numbers)",
        "things USING gin (kind, tags)",
        "things USING gin (tags) WHERE state = 'returned'",
    ),
    "GIN, full text": (
        "things USING gin (words)",
        "orders USING gin (to_tsvector('simple', o_comment))",
        "part USING gin (to_tsvector('english', p_name))",
        "customer USING gin (to_tsvector('simple', c_comment))",
    ),
    "GIN, trigrams": (
        "things USING gin (short gin_trgm_ops)",
        "part USING gin (p_name gin_trgm_ops)",
        "orders USING gin (o_comment gin_trgm_ops)",
        "customer USING gin (lower(c_name) gin_trgm_ops)",
    ),
    "GIN, scalars": ("lineitem USING gin (l_shipmode, l_suppkey)",),
    "BRIN": (
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
    ),
    "GiST": (
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
    ),
    "SP-GiST": (
        "things USING spgist (place)",
        "things USING spgist (place kd_point_ops)",
        "things USING spgist (short)",
        "things USING spgist (long)",
        "things USING spgist (during)",
        "things USING spgist (address)",
        "things USING spgist (area)",
        "part USING spgist (p_name)",
    ),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--scale", type=float, default=0.2, help="of TPC-H, in GB; the table of things grows with it")
    parser.add_argument("--data", type=Path, help="folder of what tpchgen-cli wrote, where it is there already")
    parser.add_argument("--results", type=Path, default=RESULTS)
    given = parser.parse_args()
    with LocalServer(find_binaries(major=18), settings=SETTINGS) as server:
        dsn = server.dsn("postgres")
        load(dsn, given.data or tpch_files(given.scale), round(1_000_000 * given.scale))
        before = survey(dsn, CollectConfig())
        built = build(dsn)
        after = survey(dsn, CollectConfig())
    definitions = {each.name: each.definition for each in after.catalog.indexes if each.name in built}
    begun = time.monotonic()
    sizes = predicted(before, definitions)
    seconds = round(time.monotonic() - begun, 2)
    rows = [{**row, "predicted_bytes": sizes[name]} for name, row in built.items()]
    for row in rows:
        row["ratio"] = None if row["predicted_bytes"] is None else round(row["predicted_bytes"] / row["bytes"], 4)
    result = {
        "tool": __version__,
        "python": platform.python_version(),
        "server": before.server.version,
        "scale": given.scale,
        "seconds_of_prediction": seconds,
        "kinds": by_kind(rows),
        "indexes": rows,
    }
    given.results.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    show(result)


def load(dsn: str, folder: Path, things: int) -> None:
    """The tables, with statistics and their primary keys alone."""
    with psycopg.connect(dsn, autocommit=True) as connection:
        for extension in EXTENSIONS:
            connection.execute(f"CREATE EXTENSION {extension}".encode())
        wanted = [part for part in SCHEMA.split(";\n") if part.strip().removeprefix("CREATE TABLE ").startswith(TABLES)]
        connection.execute(";".join(wanted).encode())
        for table in TABLES:
            _copy(connection, table, folder / f"{table}.tbl")
        connection.execute(FOREIGN_KEY)
        connection.execute(THINGS.replace("{rows}", str(things)).encode())
        # VACUUM sets reltuples right, which hash indexes are made by.
        connection.execute("VACUUM ANALYZE")


def build(dsn: str) -> dict[str, dict[str, Any]]:
    """Builds all indexes; of each by name what it is and how large."""
    built: dict[str, dict[str, Any]] = {}
    with psycopg.connect(dsn, autocommit=True) as connection:
        for kind, texts in INDEXES.items():
            for text in texts:
                name = f"i{len(built)}"
                unique = "UNIQUE " if text.startswith("UNIQUE ") else ""
                begun = time.monotonic()
                connection.execute(f"CREATE {unique}INDEX {name} ON {text.removeprefix('UNIQUE ')}".encode())
                build_ms = round((time.monotonic() - begun) * 1000)
                row = connection.execute("SELECT pg_relation_size(%s::regclass)", [name]).fetchone()
                assert row is not None
                built[name] = {"kind": kind, "index": text, "bytes": row[0], "build_ms": build_ms}
    return built


def predicted(snapshot: Snapshot, definitions: Mapping[str, IndexDefinition]) -> dict[str, int | None]:
    """What a twin of a database without the indexes takes their sizes to be."""
    planner = twins(read_facts(snapshot)[0], explains=1)
    try:
        sizes = planner.sizes(tuple(definitions.values()))
    finally:
        planner.close()
    return {name: size.size_bytes for name, size in zip(definitions, sizes, strict=True)}


def by_kind(rows: list[dict[str, Any]]) -> dict[str, dict[str, Any]]:
    """Of each kind and of all: how far predicted / built is from 1, in the median, at the 90th percentile, at most."""
    groups = {kind: [row for row in rows if row["kind"] == kind] for kind in INDEXES}
    for method in ("B-tree", "GIN"):
        groups[f"all {method}"] = [row for row in rows if row["kind"].startswith(f"{method},")]
    groups["all"] = rows
    found = {}
    for kind, group in groups.items():
        off = [abs(row["ratio"] - 1) for row in group if row["ratio"] is not None]
        found[kind] = {
            "indexes": len(off),
            "unknown": len(group) - len(off),
            "median": round(statistics.median(off), 4),
            "p90": round(percentile(off, 0.9), 4),
            "most": round(max(off), 4),
        }
    return found


def percentile(values: list[float], share: float) -> float:
    """The least of the values that this share of them does not exceed."""
    return sorted(values)[math.ceil(share * len(values)) - 1]


def show(result: dict[str, Any]) -> None:
    """As in the README."""
    known = [row for row in result["indexes"] if row["ratio"] is not None]
    print("| the worst | built | predicted |\n| --- | --- | --- |")
    for row in sorted(known, key=lambda each: abs(each["ratio"] - 1), reverse=True)[:8]:
        print(f"| `{row['index']}` | {row['bytes'] / 1e6:.2f} MB | {row['predicted_bytes'] / 1e6:.2f} MB |")
    print("| | indexes | off, median | 90th percentile | at most |\n| --- | --- | --- | --- | --- |")
    for kind, each in result["kinds"].items():
        count = f"{each['indexes']}" + (f", {each['unknown']} more unknown" if each["unknown"] else "")
        print(f"| {kind} | {count} | {each['median']:.1%} | {each['p90']:.1%} | {each['most']:.0%} |")
    print(f"predicted in {result['seconds_of_prediction']} s; within 20 %:", end=" ")
    print(f"{sum(abs(row['ratio'] - 1) <= 0.2 for row in known)} of {len(result['indexes'])}")


if __name__ == "__main__":
    main()
