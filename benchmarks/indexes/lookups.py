"""What a look-up takes out of order, in a table or a hash, on TPC-H 1 GB and PostgreSQL 15.

A tenth of all orders is looked up by a nested loop, by the order's key, in the order of the keys, of the orders' dates
and in none: the planner counts the same for all three. And all lines are looked up in hashes of more and more rows.
planner/caution.py takes its constants from here. Results go to results/lookups.json.
"""

from __future__ import annotations

import json
import platform
import statistics
import sys
import time
from pathlib import Path
from typing import Any

import psycopg

sys.path.insert(0, str(Path(__file__).parents[1] / "twin"))

from databases import running, tpch, tpch_files

from pgadvisor import __version__

RESULTS = Path(__file__).parent / "results" / "lookups.json"
SETTINGS = (
    *("random_page_cost = 1.1", "effective_cache_size = '12GB'", "jit = off", "max_parallel_workers_per_gather = 0"),
    *("work_mem = '256MB'", "enable_mergejoin = off", "enable_memoize = off"),
)
ORDERS = {"of the keys": "o_orderkey", "of the dates": "o_orderdate", "none": "random()"}
LOOKED_UP = {
    "lineitem, a column": "SELECT count(l_quantity) FROM keys JOIN lineitem ON l_orderkey = key",
    "lineitem, index only": "SELECT count(*) FROM keys JOIN lineitem ON l_orderkey = key",
    "orders, a column": "SELECT count(o_totalprice) FROM keys JOIN orders ON o_orderkey = key",
    "orders, index only": "SELECT count(*) FROM keys JOIN orders ON o_orderkey = key",
}
HASHED = (1_000, 10_000, 30_000, 100_000, 300_000, 1_000_000)
READ = "SELECT count(l_quantity) FROM lineitem"
RUNS = 5


def main() -> None:
    with running(15) as server:
        with psycopg.connect(server.dsn("postgres"), autocommit=True) as connection:
            connection.execute("CREATE DATABASE tpch")
        tpch.build(server.dsn("tpch"), tpch_files(1.0), indexed=False)
        with psycopg.connect(server.dsn("tpch"), autocommit=True) as connection:
            connection.execute("VACUUM ANALYZE")
            for setting in SETTINGS:
                connection.execute(f"SET {setting}".encode())
            results = measured(connection)
        results |= {"tool": __version__, "python": platform.python_version(), "server": server.binaries.version}
    RESULTS.write_text(json.dumps(results, indent=2) + "\n", encoding="utf-8")
    show(results)


def measured(connection: psycopg.Connection[Any]) -> dict[str, Any]:
    """Microseconds of each look-up, by table and by order, and of what the planner counts as 1."""
    unit_us = median_s(connection, READ) * 1e6 / cost(connection, READ)
    hashes = {rows: probe_us(connection, rows) for rows in HASHED}
    taken: dict[str, dict[str, float]] = {name: {} for name in LOOKED_UP}
    connection.execute("SET enable_hashjoin = off")
    for order, by in ORDERS.items():
        connection.execute(
            f"CREATE TEMP TABLE keys AS SELECT o_orderkey AS key FROM orders WHERE o_orderkey % 10 = 3 ORDER BY {by}"
        )
        connection.execute("ANALYZE keys")
        keys = connection.execute("SELECT count(*) FROM keys").fetchone()
        for name, query in LOOKED_UP.items():
            taken[name][order] = median_s(connection, query) * 1e6 / (keys or (1,))[0]
        connection.execute("DROP TABLE keys")
    return {"us_per_unit": unit_us, "us_per_lookup": taken, "us_per_probe": hashes}


def probe_us(connection: psycopg.Connection[Any], rows: int) -> float:
    """Microseconds for each line that is looked for in a hash of so many orders."""
    drawn = f"SELECT o_orderkey AS key FROM orders ORDER BY random() LIMIT {rows}"
    connection.execute(f"CREATE TEMP TABLE hashed AS {drawn}".encode())
    connection.execute("ANALYZE hashed")
    alone = median_s(connection, READ) + median_s(connection, "SELECT count(key) FROM hashed")
    join = "SELECT count(l_quantity) FROM lineitem JOIN hashed ON l_partkey = key"
    together = median_s(connection, join)
    lines = connection.execute("SELECT count(*) FROM lineitem").fetchone()
    connection.execute("DROP TABLE hashed")
    return (together - alone) * 1e6 / (lines or (1,))[0]


def median_s(connection: psycopg.Connection[Any], query: str) -> float:
    connection.execute(query.encode())
    times = []
    for _ in range(RUNS):
        begun = time.perf_counter()
        connection.execute(query.encode())
        times.append(time.perf_counter() - begun)
    return statistics.median(times)


def cost(connection: psycopg.Connection[Any], query: str) -> float:
    row = connection.execute(f"EXPLAIN (FORMAT JSON) {query}".encode()).fetchone()
    assert row is not None
    return float(row[0][0]["Plan"]["Total Cost"])


def show(results: dict[str, Any]) -> None:
    """As in the README: what look-ups out of order take more, in units of cost."""
    print(f"| looked up | {' | '.join(ORDERS)} | dates more, of cost | none more |")
    print("| --- | --- | --- | --- | --- | --- |")
    for name, taken in results["us_per_lookup"].items():
        first, *others = taken.values()
        more = [f"{(each - first) / results['us_per_unit']:.2f}" for each in others]
        print(f"| {name} | {' | '.join(f'{each:.1f}' for each in taken.values())} | {' | '.join(more)} |")
    print("| rows of the hash | µs for each look-up | of cost |\n| --- | --- | --- |")
    for rows, taken_us in results["us_per_probe"].items():
        print(f"| {rows:,} | {taken_us:.2f} | {taken_us / results['us_per_unit']:.3f} |")


if __name__ == "__main__":
    main()
