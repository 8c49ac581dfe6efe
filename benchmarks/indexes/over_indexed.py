"""An over-indexed schema: which of 30 indexes on 6 tables are proposed to go, and what writes gain by it.

An online shop with 20 indexes that are used, or keep keys unique, and 10 that are a copy, a prefix of another, or used
by nothing. Its workload is recorded by pg_stat_statements and told to have taken 40 days, since a rule believes no
index unused before; the report's drops are made, and the same writes run before and after, on fresh copies, in turns.
Results go to results/over_indexed.json.
"""

from __future__ import annotations

import argparse
import json
import platform
from datetime import timedelta
from pathlib import Path
from random import Random
from typing import Any

import psycopg
from mixed import SETTINGS, Operation, compared, recorded, schedule, throughput, with_sets
from msgspec.structs import replace

from pgadvisor import __version__
from pgadvisor.advise.planners import planners_of
from pgadvisor.analyze import analyze
from pgadvisor.config import Config, IndexesConfig
from pgadvisor.facts import Facts
from pgadvisor.indexes.ddl import create_index
from pgadvisor.localserver import LocalServer, find_binaries
from pgadvisor.model.counters import Window
from pgadvisor.model.proposals import CreateIndex, DropIndex
from pgadvisor.model.report import Report
from pgadvisor.model.shape import StatementKind
from pgadvisor.model.snapshot import Snapshot
from pgadvisor.registry import load_rules

RESULTS = Path(__file__).parent / "results" / "over_indexed.json"
DAYS = 40
CUSTOMERS, PRODUCTS, ORDERS, EVENTS = 40_000, 20_000, 80_000, 200_000
SCHEMA = f"""
SELECT setseed(0.5);
CREATE TABLE customers (id int PRIMARY KEY, email text NOT NULL, tenant int NOT NULL, name text NOT NULL, active bool);
CREATE TABLE products (id int PRIMARY KEY, sku text NOT NULL, name text NOT NULL, category int, price numeric(8, 2));
CREATE TABLE orders (
    id int PRIMARY KEY, customer_id int NOT NULL, status text NOT NULL, placed_at timestamptz NOT NULL, total numeric
) WITH (fillfactor = 60);
CREATE TABLE items (id int PRIMARY KEY, order_id int NOT NULL, product_id int NOT NULL, quantity int NOT NULL);
CREATE TABLE payments (id int PRIMARY KEY, order_id int NOT NULL, reference text NOT NULL, amount numeric NOT NULL);
CREATE TABLE events (
    id bigint PRIMARY KEY, customer_id int NOT NULL, kind text NOT NULL, at timestamptz NOT NULL, payload jsonb
);
INSERT INTO customers SELECT n, md5(n::text) || '@example.com', n % 200, 'Name ' || md5((n * 3)::text), n % 9 > 0
    FROM generate_series(1, {CUSTOMERS}) n;
INSERT INTO products SELECT n, 'sku-' || md5(n::text), 'Product ' || md5((n * 5)::text), n % 400,
    (random() * 100)::numeric(8, 2)
    FROM generate_series(1, {PRODUCTS}) n;
INSERT INTO orders SELECT n, 1 + (random() * {CUSTOMERS - 1})::int, (ARRAY['new', 'paid', 'sent', 'sent'])[1 + n % 4],
    now() - (200000 - n) * interval '30 s', n % 500 FROM generate_series(1, {ORDERS}) n;
INSERT INTO items SELECT n, 1 + n / 3, 1 + (random() * {PRODUCTS - 1})::int, n % 5
    FROM generate_series(1, {3 * ORDERS - 3}) n;
INSERT INTO payments SELECT n, n, md5((n * 11)::text), n % 500 FROM generate_series(1, {ORDERS}) n;
INSERT INTO events SELECT n, 1 + (random() * {CUSTOMERS - 1})::int, 'kind' || n % 30,
    now() - (500000 - n) * interval '10 s', jsonb_build_object('page', 'p' || n % 3000, 'ref', n % 500)
    FROM generate_series(1, {EVENTS}) n
"""
USED = (
    "CREATE UNIQUE INDEX customers_email_key ON customers (email)",
    "CREATE UNIQUE INDEX payments_reference_key ON payments (reference)",
    "CREATE INDEX customers_tenant_name ON customers (tenant, name)",
    "CREATE INDEX products_category_price ON products (category, price)",
    "CREATE UNIQUE INDEX products_sku_key ON products (sku)",
    "CREATE INDEX products_name ON products (name)",
    "CREATE INDEX orders_customer_placed ON orders (customer_id, placed_at)",
    "CREATE INDEX orders_placed ON orders (placed_at)",
    "CREATE INDEX items_order_product ON items (order_id, product_id)",
    "CREATE INDEX items_product ON items (product_id)",
    "CREATE INDEX payments_order ON payments (order_id)",
    "CREATE INDEX events_customer_at ON events (customer_id, at)",
    "CREATE INDEX events_at ON events (at)",
    "CREATE INDEX customers_lower_name ON customers (lower(name))",
)
USELESS = {
    "customers_email": "(email)",
    "customers_tenant": "(tenant)",
    "customers_active": "(active)",
    "products_upper_name": "(upper(name))",
    "orders_customer": "(customer_id)",
    "orders_status": "(status)",
    "orders_total_status": "(total, status)",
    "items_order": "(order_id)",
    "events_kind": "(kind)",
    "events_payload": "USING gin (payload)",
}
# Of a useless prefix and the index that it begins, the other one may go as well where nothing uses it.
WIDER = {
    "customers_tenant": "customers_tenant_name",
    "orders_customer": "orders_customer_placed",
    "items_order": "items_order_product",
}
_BATCH = range(20)
TABLES = ("customers", "products", "orders", "items", "payments", "events")


class Numbers:
    """New keys, as a sequence gives them."""

    def __init__(self, first: int) -> None:
        self._next = first

    def take(self) -> int:
        self._next += 1
        return self._next


_orders, _items, _payments, _events = (Numbers(each) for each in (ORDERS, 3 * ORDERS, ORDERS, EVENTS))


def _customer(random: Random) -> int:
    return random.randint(1, CUSTOMERS)


OPERATIONS = (
    Operation(
        "INSERT INTO events (id, customer_id, kind, at, payload) SELECT n, c, k, now(), p "
        "FROM unnest(%s::int[], %s::int[], %s::text[], %s::jsonb[]) AS r (n, c, k, p)",
        2_000,
        lambda random: (
            [_events.take() for _ in _BATCH],
            [_customer(random) for _ in _BATCH],
            [f"kind{random.randrange(30)}" for _ in _BATCH],
            [json.dumps({"page": f"p{random.randrange(3000)}", "ref": random.randrange(500)}) for _ in _BATCH],
        ),
        writes=True,
    ),
    Operation(
        "INSERT INTO orders (id, customer_id, status, placed_at, total) SELECT n, c, 'new', now(), t "
        "FROM unnest(%s::int[], %s::int[], %s::int[]) AS r (n, c, t)",
        600,
        lambda random: (
            [_orders.take() for _ in _BATCH],
            [_customer(random) for _ in _BATCH],
            [random.randrange(500) for _ in _BATCH],
        ),
        writes=True,
    ),
    Operation(
        "INSERT INTO items (id, order_id, product_id, quantity) SELECT n, o, p, 1 "
        "FROM unnest(%s::int[], %s::int[], %s::int[]) AS r (n, o, p)",
        1_200,
        lambda random: (
            [_items.take() for _ in _BATCH],
            [random.randint(1, ORDERS) for _ in _BATCH],
            [random.randint(1, PRODUCTS) for _ in _BATCH],
        ),
        writes=True,
    ),
    Operation(
        "INSERT INTO payments (id, order_id, reference, amount) VALUES (%s, %s, %s, 5)",
        400,
        lambda random: (_payments.take(), random.randint(1, ORDERS), f"{random.randrange(16**12):x}"),
        writes=True,
    ),
    Operation(
        "UPDATE orders SET status = %s WHERE id = ANY (%s)",
        1_200,
        lambda random: (random.choice(("paid", "sent")), [random.randint(1, ORDERS) for _ in _BATCH]),
        writes=True,
    ),
    Operation(
        "SELECT * FROM customers WHERE email = %s", 200, lambda random: (f"{random.randrange(16**8):x}@example.com",)
    ),
    Operation("SELECT * FROM customers WHERE id = %s", 200, lambda random: (_customer(random),)),
    Operation(
        "SELECT id, name FROM customers WHERE tenant = %s ORDER BY name LIMIT 20",
        150,
        lambda random: (random.randrange(200),),
    ),
    Operation(
        "SELECT id FROM customers WHERE lower(name) = %s", 50, lambda random: (f"name {random.randrange(16**8):x}",)
    ),
    Operation(
        "SELECT id, price FROM products WHERE category = %s ORDER BY price LIMIT 10",
        150,
        lambda random: (random.randrange(400),),
    ),
    Operation("SELECT id FROM products WHERE sku = %s", 100, lambda random: (f"sku-{random.randrange(16**8):x}",)),
    Operation("SELECT id FROM products WHERE name = %s", 50, lambda random: (f"Product {random.randrange(16**8):x}",)),
    Operation("SELECT * FROM products WHERE id = %s", 100, lambda random: (random.randint(1, PRODUCTS),)),
    Operation(
        "SELECT * FROM orders WHERE customer_id = %s ORDER BY placed_at DESC LIMIT 5",
        200,
        lambda random: (_customer(random),),
    ),
    Operation("SELECT count(*) FROM orders WHERE placed_at > now() - interval '10 min'", 30, lambda _: ()),
    Operation("SELECT * FROM items WHERE order_id = %s", 150, lambda random: (random.randint(1, ORDERS),)),
    Operation(
        "SELECT sum(quantity) FROM items WHERE product_id = %s", 60, lambda random: (random.randint(1, PRODUCTS),)
    ),
    Operation("SELECT * FROM payments WHERE order_id = %s", 100, lambda random: (random.randint(1, ORDERS),)),
    Operation("SELECT * FROM payments WHERE reference = %s", 50, lambda random: (f"{random.randrange(16**12):x}",)),
    Operation(
        "SELECT * FROM events WHERE customer_id = %s ORDER BY at DESC LIMIT 10", 80, lambda random: (_customer(random),)
    ),
    Operation("SELECT count(*) FROM events WHERE at > now() - interval '5 min'", 30, lambda _: ()),
)


# The same writes as pgbench makes them, by weight; new keys come from sequences. Rows to update are taken in order of
# their keys, so that no two clients wait for each other.
ROWS = "FROM generate_series(1, 20) AS n"
SCRIPTS = {
    "INSERT INTO events (id, customer_id, kind, at, payload) SELECT nextval('new_events'), "
    f"1 + (random() * {CUSTOMERS - 1})::int, 'kind' || (random() * 29)::int, now(), "
    "jsonb_build_object('page', 'p' || (random() * 2999)::int, 'ref', (random() * 499)::int) " + ROWS: 2_000,
    "INSERT INTO orders (id, customer_id, status, placed_at, total) SELECT nextval('new_orders'), "
    f"1 + (random() * {CUSTOMERS - 1})::int, 'new', now(), (random() * 499)::int " + ROWS: 600,
    "INSERT INTO items (id, order_id, product_id, quantity) SELECT nextval('new_items'), "
    f"1 + (random() * {ORDERS - 1})::int, 1 + (random() * {PRODUCTS - 1})::int, 1 " + ROWS: 1_200,
    "INSERT INTO payments (id, order_id, reference, amount) VALUES "
    f"(nextval('new_payments'), 1 + (random() * {ORDERS - 1})::int, md5(random()::text || now()), 5)": 400,
    "UPDATE orders SET status = (ARRAY['paid', 'sent'])[1 + (random())::int] WHERE id = ANY "
    f"(ARRAY(SELECT 1 + (random() * {ORDERS - 1})::int {ROWS} ORDER BY 1))": 1_200,
}
SEQUENCES = tuple(
    f"CREATE SEQUENCE new_{table} START {first + 1_000_000}"
    for table, first in (("orders", ORDERS), ("items", 3 * ORDERS), ("payments", ORDERS), ("events", EVENTS))
)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--operations", type=int, default=4_000)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=int, default=4, help="of pgbench, for each set in each round")
    parser.add_argument("--results", type=Path, default=RESULTS)
    given = parser.parse_args()
    calls = schedule(OPERATIONS, given.operations, seed=5)
    writes = [call for call in calls if call[0].writes]
    with LocalServer(find_binaries(major=18), settings=SETTINGS) as server:
        make(server)
        facts = recorded(server, "app", calls, TABLES)
        report = judged(long_ago(facts))
        sets = sets_of(report)
        databases = with_sets(server, "app", sets)
        measured = compared(server, databases, writes, TABLES, given.rounds)
        reached = throughput(server, databases, SCRIPTS, given.rounds, given.seconds)
        version = server.binaries.version
    results: dict[str, Any] = {
        "tool": __version__,
        "python": platform.python_version(),
        "server": version,
        "operations": len(calls),
        "writes": len(writes),
        **proposals(report),
        "saving": saving(facts, report, measured, reached),
        "sets": {name: {"commands": sets[name], **measured[name], "pgbench": reached[name]} for name in sets},
    }
    given.results.write_text(json.dumps(results, indent=2) + "\n", encoding="utf-8")
    show(results)


def sets_of(report: Report) -> dict[str, list[str]]:
    """Commands by what is compared."""
    proposed = [each.proposal for each in report.recommendations]
    created = [each for each in proposed if isinstance(each, CreateIndex)]
    names = sorted(each.name for each in proposed if isinstance(each, DropIndex))
    return {
        "as it is": [],
        "as it is, again": [],
        "as advised": [
            *(create_index(each.definition, f"new{n}", concurrently=False) for n, each in enumerate(created)),
            *(f"DROP INDEX {name}" for name in names),
        ],
        "without all that is useless": [f"DROP INDEX {name}" for name in USELESS],
    }


def proposals(report: Report) -> dict[str, Any]:
    """What is to go and to come, what was missed, and what is wrong with it."""
    dropped = [each for each in report.recommendations if isinstance(each.proposal, DropIndex)]
    names = {each.proposal.name for each in dropped if isinstance(each.proposal, DropIndex)}
    advised = [each.advised for each in report.recommendations if each.advised is not None]
    replaced = {name.split(".")[1] for each in advised for name in each.replaces}
    left = () if report.index_advice is None else report.index_advice.left
    return {
        "created": [each.name for each in advised if isinstance(each.proposal, CreateIndex)],
        "proposed": [told(each) for each in dropped],
        "rejected": [{"title": each.title, "reason": each.reason} for each in report.rejections],
        "findings": sorted(f"{each.rule}: {each.subject.name}" for each in report.findings),
        "missed": sorted(name for name in USELESS if not {name, WIDER.get(name)} & names),
        "replaced": sorted(replaced),
        "wrong": sorted(names - USELESS.keys() - replaced - {WIDER[name] for name in WIDER.keys() - names}),
        "left": sorted(f"{each.name}: {each.why.value}. {each.sentence}" for each in left if each.name),
    }


def saving(facts: Facts, report: Report, measured: dict[str, Any], reached: dict[str, Any]) -> dict[str, float | None]:
    """By which share writes are to take less time, and by which they do.

    Foretold is what the advice says in the time that statements took while recorded. Measured is that of the server's
    processor for the same writes, and that of a transaction of pgbench.
    """
    written = {shape.query_id for shape in facts.shapes.values() if shape.kind is not StatementKind.SELECT}
    recorded_ms = sum(each.total_ms for each in facts.statements.values() if each.query_id in written)
    advice = report.index_advice
    before, after = (measured[name]["median"]["server_ms"] for name in ("as it is", "as advised"))
    tps_before, tps_after = (reached[name]["median_tps"] for name in ("as it is", "as advised"))
    return {
        "recorded_ms": round(recorded_ms, 1),
        "foretold_ms": None if advice is None or advice.write_ms is None else round(-advice.write_ms, 1),
        "foretold": None if advice is None or advice.write_ms is None else round(-advice.write_ms / recorded_ms, 4),
        "measured_ms": round(before - after, 1),
        "measured": round(1 - after / before, 4),
        "pgbench": round(1 - tps_before / tps_after, 4),
    }


def show(results: dict[str, Any]) -> None:
    """As in the README."""
    for key in ("created", "missed", "replaced", "wrong"):
        print(key, json.dumps(results[key]))
    saved = results["saving"]
    print("| time of the writes saved by the advice | |\n| --- | --- |")
    foretold = f"{saved['foretold_ms'] or 0:,.0f} ms of {saved['recorded_ms']:,.0f}, {saved['foretold'] or 0:.0%}"
    print(f"| foretold, of what they took while recorded | {foretold} |")
    measured = f"{saved['measured_ms']:,.0f} ms, {saved['measured']:.0%}"
    print(f"| measured, of the server's processor for the same writes | {measured} |")
    print(f"| measured, of the time of a transaction of pgbench | {saved['pgbench']:.0%} |")
    print("| dropped | confidence | writes take less, foretold | in its place |\n| --- | --- | --- | --- |")
    for each in results["proposed"]:
        print(f"| `{each['name']}` | {each['confidence']} | {each['write_ms']} ms | {each['because_of'] or ''} |")
    print("| | server | pgbench, transactions per second |\n| --- | --- | --- |")
    for name, each in results["sets"].items():
        server = [round(run["server_ms"]) for run in each["runs"]]
        tps = [round(run) for run in each["pgbench"]["runs"]]
        print(
            f"| {name} | {each['median']['server_ms']:,.0f} ms ({min(server):,} to {max(server):,}) "
            f"| {each['pgbench']['median_tps']:,.0f} ({min(tps):,} to {max(tps):,}) |"
        )


def make(server: LocalServer) -> None:
    with psycopg.connect(server.dsn(), autocommit=True) as connection:
        connection.execute("CREATE DATABASE app")
    with psycopg.connect(server.dsn("app"), autocommit=True) as connection:
        useless = [f"CREATE INDEX {name} ON {name.split('_')[0]} {what}" for name, what in USELESS.items()]
        for command in (*SCHEMA.split(";\n"), *USED, *useless, *SEQUENCES, "VACUUM ANALYZE"):
            connection.execute(command.encode())


def long_ago(facts: Facts) -> Snapshot:
    """The same counts, as of a window of days."""
    snapshot = facts.snapshot
    counters, statements = snapshot.counters, snapshot.statements
    assert counters is not None
    assert statements is not None

    def longer(window: Window) -> Window:
        return replace(window, since=window.until - timedelta(days=DAYS))

    return replace(
        snapshot,
        counters=replace(counters, window=longer(counters.window)),
        statements=replace(statements, window=longer(statements.window)),
    )


def judged(snapshot: Snapshot) -> Report:
    config = Config(indexes=IndexesConfig())
    return analyze(snapshot, config, load_rules(), planners=planners_of(config))


def told(recommendation: Any) -> dict[str, Any]:  # noqa: ANN401 - a recommendation with a drop
    advised = recommendation.advised
    return {
        "name": recommendation.proposal.name,
        "because_of": recommendation.proposal.because_of,
        "proof": recommendation.proof,
        "confidence": recommendation.confidence.value,
        "write_ms": None if advised is None or advised.price.write_ms is None else round(advised.price.write_ms, 1),
        "gain": {each.label: each.value for each in recommendation.gain},
        "price": {each.label: each.value for each in recommendation.price},
    }


if __name__ == "__main__":
    main()
