"""The search's answers without asking, held against a planner that is asked."""

from __future__ import annotations

import random
from typing import cast

from pgadvisor.advise.candidates.candidate import Candidate
from pgadvisor.advise.selection.evaluator import Evaluator
from pgadvisor.advise.selection.loads import Load
from pgadvisor.advise.selection.prices import Prices
from pgadvisor.advise.selection.search import select
from pgadvisor.config import IndexesConfig
from pgadvisor.facts import Facts
from pgadvisor.model.catalog import IndexDefinition, IndexKey
from pgadvisor.model.index_advice import Goal, IndexPrice
from pgadvisor.model.whatif import AS_IS, Configuration, IndexName
from pgadvisor.planner.twin.twin import Twin
from pgadvisor.progress import silent
from support.databases import Database
from support.twins import question, snapshot_of

SCHEMA = """
CREATE TABLE customers (id int PRIMARY KEY, region int NOT NULL, name text NOT NULL);
CREATE TABLE orders (
    id int PRIMARY KEY, customer_id int NOT NULL, status int NOT NULL, placed date NOT NULL, total int NOT NULL
);
CREATE TABLE parts (order_id int NOT NULL, item int NOT NULL, price int NOT NULL) PARTITION BY HASH (order_id);
CREATE TABLE parts_0 PARTITION OF parts FOR VALUES WITH (MODULUS 2, REMAINDER 0);
CREATE TABLE parts_1 PARTITION OF parts FOR VALUES WITH (MODULUS 2, REMAINDER 1);
INSERT INTO customers SELECT n, n % 200, 'Customer ' || n FROM generate_series(1, 10000) n;
INSERT INTO orders SELECT n, n * 7 % 10000, n % 50, date '2026-01-01' + n % 365, n % 997
    FROM generate_series(1, 30000) n;
INSERT INTO parts SELECT n % 15000, n % 3000, n % 100 FROM generate_series(1, 30000) n;
CREATE INDEX orders_status ON orders (status);
"""
TEXTS = (
    "SELECT o.total FROM orders o JOIN customers c ON c.id = o.customer_id WHERE c.region = 3 AND o.status = 4",
    "SELECT * FROM orders WHERE placed = date '2026-03-03' ORDER BY total LIMIT 5",
    "SELECT sum(p.price) FROM parts p JOIN orders o ON o.id = p.order_id WHERE p.item = 77 AND o.status = 7",
    "SELECT count(*) FROM orders WHERE status = 3",
    "SELECT * FROM customers WHERE lower(name) = 'customer 5'",
)


def _index(table: str, *columns: str, expression: str | None = None) -> IndexDefinition:
    keys = tuple(IndexKey(column=column) for column in columns)
    return IndexDefinition(
        schema="public", table=table, keys=keys if expression is None else (IndexKey(expression=expression),)
    )


INDEXES = (
    _index("customers", "region"),
    _index("customers", expression="lower(name)"),
    _index("orders", "customer_id"),
    _index("orders", "status", "customer_id"),
    _index("orders", "placed", "total"),
    _index("orders", "total"),
    _index("parts", "item"),
    _index("parts", "order_id", "item"),
)


class _Free:
    """Prices where nothing is written."""

    def of(self, definition: IndexDefinition, size_bytes: int | None, share: float | None = None) -> IndexPrice:
        return IndexPrice(size_bytes=size_bytes, write_ms=0.0)

    def of_existing(self, index: object) -> IndexPrice:
        return IndexPrice(size_bytes=1, write_ms=0.0)


def test_what_follows_without_asking_is_what_the_planner_says(database: Database) -> None:
    database.execute(SCHEMA)
    database.execute("VACUUM ANALYZE customers, orders, parts")
    snapshot = snapshot_of(database.dsn)
    facts = Facts(snapshot, {})
    questions = [question(text, snapshot) for text in TEXTS]
    loads = [Load(each.query_id, each.shape, (each,), (1.0,), calls=10, total_ms=100.0) for each in questions]
    with Twin(facts) as twin:
        evaluator = Evaluator(twin, loads, 10_000, facts)
        dice = random.Random(5)
        configurations = [
            Configuration(
                create=tuple(dice.sample(INDEXES, size)),
                drop=(IndexName(schema="public", name="orders_status"),) if size % 2 else (),
            )
            for size in (8, 8, 7, *(dice.randrange(1, 8) for _ in range(40)))
        ]
        told = [[cost.costs[0] for cost in evaluator.costs(each)] for each in configurations]
        asked = [list(twin.costs(questions, each)) for each in configurations]
        assert told == asked
        # Of 43 configurations and what is as it is, for five statements.
        assert evaluator.explains < 44 * 5 * 0.5

        # A part of an index on a partitioned table is that index; the system's name of a part tells nobody.
        (use,) = twin.uses([(questions[2], Configuration(create=INDEXES))])
        assert use is not None
        assert {each.table for each in use.created} >= {"parts"}
        (as_is,) = twin.uses([(questions[3], AS_IS)])
        assert as_is is not None
        assert not as_is.created
        assert as_is.names == {"orders_status"}
        every = [each for each in twin.uses([(each, AS_IS) for each in questions]) if each is not None]
        plans = [plan for each in questions if (plan := twin.plan(each).plan) is not None]
        assert [each.rows for each in every] == [each["Plan"]["Plan Rows"] for each in plans]
        assert max(each.rows for each in every) > 1

        options = IndexesConfig(goal=Goal.COST)
        search = Evaluator(twin, loads, 10_000, facts)
        wanted = [Candidate(definition=each) for each in INDEXES]
        selection = select(search, wanted, cast("Prices", _Free()), options, silent)
        whole = [cost.mean for cost in search.costs(selection.configuration)]
        assert whole == list(twin.costs(questions, selection.configuration))
        all_of_them = twin.costs(questions, Configuration(create=INDEXES))
        assert sum(whole) <= 1.05 * sum(cost for cost in all_of_them if cost is not None)
        assert search.explains < 120
