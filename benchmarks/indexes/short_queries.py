"""Short queries with many writes: what is advised with regard to what indexes cost to write, and without.

An application of users, sessions, orders, events and products: point and range queries, top-N, patterns, without regard
to case, past deleted rows, documents, joins; and rare reports on tables that are written to all the time, which an
index would serve at a price above its gain. Both sets are built, and the same operations are run with each, on fresh
copies, in turns. Results go to results/short_queries.json.
"""

from __future__ import annotations

import argparse
import json
import platform
from pathlib import Path
from random import Random
from typing import Any

import psycopg
from mixed import SETTINGS, Operation, compared, recorded, schedule, with_samples, with_sets
from msgspec.structs import replace

from pgadvisor import __version__
from pgadvisor.advise import index_advice
from pgadvisor.advise.selection.prices import Prices
from pgadvisor.config import IndexesConfig
from pgadvisor.facts import Facts
from pgadvisor.indexes.ddl import create_index
from pgadvisor.localserver import LocalServer, find_binaries
from pgadvisor.model.catalog import IndexDefinition
from pgadvisor.model.index_advice import IndexDecisions, IndexPrice
from pgadvisor.planner.twin.several import twins

RESULTS = Path(__file__).parent / "results" / "short_queries.json"
USERS, ORDERS, EVENTS, SESSIONS, PRODUCTS = 60_000, 150_000, 150_000, 60_000, 30_000
SCHEMA = f"""
CREATE EXTENSION pg_trgm;
SELECT setseed(0.5);
CREATE TABLE users (
    id int PRIMARY KEY, email text NOT NULL, tenant int NOT NULL, deleted_at timestamptz, settings jsonb NOT NULL,
    created_at timestamptz NOT NULL
);
CREATE TABLE orders (
    id int PRIMARY KEY, user_id int NOT NULL, status text NOT NULL, total numeric(10, 2) NOT NULL,
    placed_at timestamptz NOT NULL
);
CREATE TABLE events (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, user_id int NOT NULL, kind text NOT NULL, weight int NOT NULL,
    payload jsonb NOT NULL
);
CREATE TABLE sessions (token int PRIMARY KEY, user_id int NOT NULL, last_seen int NOT NULL, hits int NOT NULL)
    WITH (fillfactor = 50);
CREATE TABLE products (id int PRIMARY KEY, name text NOT NULL, price numeric(8, 2) NOT NULL);
INSERT INTO users SELECT n, 'User' || n || '@Example.com', n % 300, CASE WHEN n % 10 = 0 THEN now() END,
    jsonb_build_object('theme', 't' || n % 4, 'ref', 'r' || n % 5000), now() - n * interval '1 min'
    FROM generate_series(1, {USERS}) n;
INSERT INTO orders SELECT n, 1 + (random() * {USERS - 1})::int,
    (ARRAY['new', 'paid', 'sent', 'sent', 'sent'])[1 + n % 5],
    (random() * 1000)::numeric(10, 2), now() - n * interval '30 s' FROM generate_series(1, {ORDERS}) n;
INSERT INTO events (user_id, kind, weight, payload) SELECT 1 + (random() * {USERS - 1})::int, 'kind' || n % 40,
    (random() * 1e6)::int, jsonb_build_object('page', 'p' || (random() * 3000)::int, 'n', n)
    FROM generate_series(1, {EVENTS}) n;
INSERT INTO sessions SELECT n, 1 + (random() * {USERS - 1})::int, (random() * 1e6)::int, 0
    FROM generate_series(1, {SESSIONS}) n;
INSERT INTO products SELECT n, md5(n::text) || ' ' || md5((n * 3)::text), (random() * 100)::numeric(8, 2)
    FROM generate_series(1, {PRODUCTS}) n;
VACUUM ANALYZE;
"""
TABLES = ("users", "orders", "events", "sessions", "products")
BATCH = 20


def _user(random: Random) -> tuple[int]:
    return (random.randint(1, USERS),)


def _events(random: Random) -> tuple[list[int], list[str], list[int], list[str]]:
    numbers = range(BATCH)
    return (
        [random.randint(1, USERS) for _ in numbers],
        [f"kind{random.randrange(40)}" for _ in numbers],
        [random.randrange(1_000_000) for _ in numbers],
        [json.dumps({"page": f"p{random.randrange(3000)}"}) for _ in numbers],
    )


OPERATIONS = (
    # What the application does all the time.
    Operation(
        "UPDATE sessions SET last_seen = %s, hits = hits + 1 WHERE token = ANY (%s)",
        2_600,
        lambda random: (random.randrange(1_000_000), [random.randint(1, SESSIONS) for _ in range(BATCH)]),
        writes=True,
    ),
    Operation(
        "INSERT INTO events (user_id, kind, weight, payload) "
        "SELECT * FROM unnest(%s::int[], %s::text[], %s::int[], %s::jsonb[])",
        4_000,
        _events,
        writes=True,
    ),
    Operation("SELECT email, settings FROM users WHERE id = %s", 1_000, _user),
    Operation("SELECT * FROM orders WHERE user_id = %s ORDER BY placed_at DESC LIMIT 10", 1_000, _user),
    Operation(
        "SELECT id FROM users WHERE lower(email) = %s",
        600,
        lambda random: (f"user{random.randint(1, USERS)}@example.com",),
    ),
    Operation(
        "SELECT id, email FROM users WHERE tenant = %s AND deleted_at IS NULL ORDER BY created_at DESC LIMIT 20",
        300,
        lambda random: (random.randrange(300),),
    ),
    Operation(
        "SELECT id, name FROM products WHERE name LIKE %s", 60, lambda random: (f"%{random.randrange(16**5):05x}%",)
    ),
    Operation(
        "SELECT id FROM users WHERE settings @> %s::jsonb",
        100,
        lambda random: (json.dumps({"ref": f"r{random.randrange(5000)}"}),),
    ),
    Operation(
        "SELECT u.email, o.total FROM orders o JOIN users u ON u.id = o.user_id WHERE o.status = 'paid' AND u.id = %s",
        200,
        _user,
    ),
    Operation(
        "SELECT id, name FROM products WHERE price BETWEEN %s AND %s",
        100,
        lambda random: (price := random.randrange(99), price + 0.05),
    ),
    # Reports that come seldom.
    Operation(
        "SELECT count(*) FROM sessions WHERE last_seen > %s", 45, lambda random: (random.randrange(998_000, 10**6),)
    ),
    Operation("SELECT max(weight) FROM events WHERE user_id = %s", 3, _user),
    Operation(
        "SELECT count(*) FROM events WHERE weight BETWEEN %s AND %s + 100",
        3,
        lambda random: (random.randrange(1_000_000),) * 2,
    ),
    Operation(
        "SELECT count(*) FROM events WHERE payload @> %s::jsonb",
        2,
        lambda random: (json.dumps({"page": f"p{random.randrange(3000)}"}),),
    ),
)


class Free(Prices):
    """Prices as of a server that is never written to."""

    def of(self, definition: IndexDefinition, size_bytes: int | None, share: float | None = None) -> IndexPrice:
        return replace(super().of(definition, size_bytes, share), write_ms=0.0, hot_updates=0.0)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--operations", type=int, default=4_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--results", type=Path, default=RESULTS)
    arguments = parser.parse_args()
    calls = schedule(OPERATIONS, arguments.operations, seed=5)
    with LocalServer(find_binaries(major=18), settings=SETTINGS) as server:
        make(server)
        facts = with_samples(recorded(server, "app", calls, TABLES), calls)
        with_prices = advised(facts)
        index_advice.Prices = Free  # type: ignore[misc]
        without = advised(facts)
        sets = {
            "no index": [],
            "advised": commands(with_prices),
            "advised, again": commands(with_prices),
            "advised without regard to writes": commands(without),
        }
        measured = compared(
            server, with_sets(server, "app", sets), calls, TABLES, arguments.rounds, frozenset({"no index"})
        )
        version = server.binaries.version
    results: dict[str, Any] = {
        "tool": __version__,
        "python": platform.python_version(),
        "server": version,
        "operations": len(calls),
        "sets": {name: {"commands": sets[name], **each} for name, each in measured.items()},
        "foretold": {
            "advised": foretold(with_prices, Prices(facts)),
            "advised without regard to writes": foretold(without, Prices(facts)),
        },
    }
    arguments.results.write_text(json.dumps(results, indent=2) + "\n", encoding="utf-8")
    show(results)


def show(results: dict[str, Any]) -> None:
    """As in the README."""
    print("| | indexes | server | reads | writes | operations per second |\n| --- | --- | --- | --- | --- | --- |")
    for name, each in results["sets"].items():
        server = [round(run["server_ms"]) for run in each["runs"]]
        median, spread = each["median"], f" ({min(server):,} to {max(server):,})" if len(server) > 1 else ""
        print(
            f"| {name} | {len(each['commands'])} | {median['server_ms']:,.0f} ms{spread} | {median['read_ms']:,.0f} "
            f"| {median['write_ms']:,.0f} | {median['operations_per_s']:,.0f} |"
        )
    told = results["foretold"]
    both = [each["index"] for each in told["advised"]]
    for each in told["advised"]:
        print("advised:", each["index"])
    print("| index | foretold to take writes | HOT updates lost |\n| --- | --- | --- |")
    for each in told["advised without regard to writes"]:
        if each["index"] not in both:
            print(f"| `{each['index']}` | {each['write_ms']:,.0f} ms | {each['hot_updates']:,} |")


def make(server: LocalServer) -> None:
    with psycopg.connect(server.dsn(), autocommit=True) as connection:
        connection.execute("CREATE DATABASE app")
    with psycopg.connect(server.dsn("app"), autocommit=True) as connection:
        for command in SCHEMA.split(";\n"):
            if command.strip():
                connection.execute(command.encode())


def advised(facts: Facts) -> IndexDecisions:
    options = IndexesConfig()
    planner = twins(facts, explains=options.max_explains)
    try:
        return index_advice.advise_indexes(facts, planner, options)
    finally:
        planner.close()


def commands(decisions: IndexDecisions) -> list[str]:
    return [
        create_index(each.proposal.definition, f"x{number}", concurrently=False)
        for number, each in enumerate(decisions.created)
    ]


def foretold(decisions: IndexDecisions, prices: Prices) -> list[dict[str, Any]]:
    """What each index costs to write, in ms over the window."""
    found = []
    for each in decisions.created:
        price = prices.of(each.proposal.definition, each.price.size_bytes)
        found.append(
            {
                "index": create_index(each.proposal.definition, "x", concurrently=False).partition(" ON ")[2],
                "write_ms": None if price.write_ms is None else round(price.write_ms, 1),
                "hot_updates": None if price.hot_updates is None else round(price.hot_updates),
                "size_mb": round((price.size_bytes or 0) / 1e6, 2),
            }
        )
    return found


if __name__ == "__main__":
    main()
