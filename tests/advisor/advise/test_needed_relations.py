"""A twin of what the statements reach plans them as a twin of the whole database does."""

from __future__ import annotations

from typing import Any

import pytest

from pgadvisor.advise.needed_relations import only_needed
from pgadvisor.analyze import read_facts
from pgadvisor.collect import collect
from pgadvisor.config import CollectConfig, Execute, IndexesConfig
from pgadvisor.facts import Facts
from pgadvisor.model.catalog import IndexDefinition, IndexKey
from pgadvisor.model.whatif import AS_IS, Configuration
from pgadvisor.planner.protocol import Question
from pgadvisor.planner.twin.twin import Twin
from support.databases import Database
from support.snapshots import facts

SCHEMA = """
DO $$ BEGIN
  FOR n IN 1..100 LOOP
    EXECUTE format('CREATE TABLE filler_%s (id serial PRIMARY KEY, other int)', n);
  END LOOP;
END $$;
ALTER TABLE filler_7 ADD FOREIGN KEY (other) REFERENCES filler_6;
ALTER TABLE filler_6 ADD FOREIGN KEY (other) REFERENCES filler_5;
CREATE TYPE state AS ENUM ('new', 'done');
CREATE SEQUENCE numbers;
CREATE TABLE "odd 'names" (id int PRIMARY KEY, "the 'key'" int);
CREATE TABLE regions (id int PRIMARY KEY, name text);
CREATE TABLE customers (
  id int PRIMARY KEY DEFAULT nextval('numbers'), region int REFERENCES regions, tenant int, name text, state state
);
CREATE TABLE orders (id int, customer int REFERENCES customers, placed date, total numeric) PARTITION BY RANGE (placed);
CREATE TABLE orders_1 PARTITION OF orders FOR VALUES FROM ('2024-01-01') TO ('2024-07-01');
CREATE TABLE orders_2 PARTITION OF orders FOR VALUES FROM ('2024-07-01') TO ('2025-01-01') PARTITION BY LIST (customer);
CREATE TABLE orders_2_rest PARTITION OF orders_2 DEFAULT;
CREATE INDEX orders_customer ON orders (customer);
CREATE TABLE logs (id int, at timestamptz);
CREATE TABLE logs_old (note text) INHERITS (logs);
CREATE TABLE grants (tenant int, login text);
CREATE TABLE secrets (id int PRIMARY KEY, tenant int);
CREATE TABLE notes (id int PRIMARY KEY, customer int REFERENCES customers, body text);
CREATE TABLE lookups (id int PRIMARY KEY, label text);
CREATE FUNCTION label_of(n int) RETURNS text LANGUAGE sql STABLE AS $$ SELECT label FROM lookups WHERE id = n $$;
CREATE FUNCTION odd_name(f filler_3) RETURNS text LANGUAGE sql STABLE AS $$ SELECT 'filler' $$;
CREATE FUNCTION is_old(l logs) RETURNS boolean LANGUAGE sql STABLE AS $$ SELECT l.at < '2024-01-01' $$;
CREATE VIEW names AS SELECT c.id, c.name, r.name AS region FROM customers c JOIN regions r ON r.id = c.region;
CREATE VIEW big_orders AS SELECT n.region, o.total FROM names n JOIN orders o ON o.customer = n.id WHERE o.total > 90;
ALTER TABLE secrets ENABLE ROW LEVEL SECURITY;
CREATE POLICY own ON secrets USING (tenant IN (SELECT tenant FROM grants WHERE login = current_user));
INSERT INTO regions SELECT n, 'region ' || n FROM generate_series(1, 50) n;
INSERT INTO customers SELECT n, 1 + n % 50, n % 20, 'customer ' || n, 'new' FROM generate_series(1, 5000) n;
INSERT INTO orders SELECT n, 1 + n % 4800, '2024-01-01'::date + n % 366, n % 100 FROM generate_series(1, 20000) n;
INSERT INTO logs SELECT n, '2024-01-01'::timestamptz + n * interval '1 min' FROM generate_series(1, 3000) n;
INSERT INTO logs_old SELECT n, '2023-01-01', 'x' FROM generate_series(1, 3000) n;
INSERT INTO grants SELECT n % 20, 'user' || n FROM generate_series(1, 2000) n;
INSERT INTO secrets SELECT n, n % 20 FROM generate_series(1, 5000) n;
INSERT INTO notes SELECT n, 1 + n % 4800, repeat('x', 40) FROM generate_series(1, 5000) n;
INSERT INTO lookups SELECT n, 'label ' || n FROM generate_series(1, 3000) n;
INSERT INTO "odd 'names" SELECT n, n % 100 FROM generate_series(1, 3000) n;
ANALYZE;
"""
STATEMENTS = (
    "SELECT region, sum(total) FROM big_orders GROUP BY region",
    "SELECT * FROM orders WHERE placed = '2024-08-01' AND customer = 7",
    "SELECT count(*) FROM orders WHERE total = 3",
    "SELECT label_of(id) FROM secrets WHERE id < 100",
    "SELECT * FROM secrets s WHERE id BETWEEN 5 AND 50",
    "SELECT count(*) FROM logs l WHERE is_old(l)",
    "SELECT * FROM customers WHERE state = 'done' ORDER BY name LIMIT 10",
    "DELETE FROM customers WHERE id > 4800",
    """SELECT * FROM "odd 'names" WHERE "the 'key'" = 5""",
    "SELECT * FROM filler_7 WHERE other = 3",
)
INDEX = IndexDefinition(schema="public", table="orders", keys=(IndexKey(column="total"),))
MIN_ROWS = IndexesConfig().min_rows
CONFIG = CollectConfig(max_explains=0, max_value_explains=0, execute=Execute.OFF)


@pytest.fixture
def whole(database: Database) -> Facts:
    """What is seen of a database of which the workload needs a part."""
    database.execute(SCHEMA)
    # Both at once: of a longer window of counters than of statements the part of the statements' would be next to none.
    database.execute("SELECT pg_stat_statements_reset(), pg_stat_reset()")
    for statement in STATEMENTS:
        database.execute(statement)
    database.settle()
    return read_facts(collect(database.dsn, CONFIG))[0]


def test_plans_cost_the_same_on_a_twin_of_the_part_that_is_needed(whole: Facts) -> None:
    part = only_needed(whole, min_rows=MIN_ROWS)
    names = {relation.name for relation in part.relations.values()}
    assert len(names) < len(whole.relations) / 2
    assert {"orders_2_rest", "logs_old", "grants", "lookups", "regions", "notes", "filler_6", "names"} <= names
    assert "filler_50" not in names
    assert "odd_name" not in {function.name for function in part.snapshot.catalog.functions}
    questions = [
        Question(query_id=each.query_id, text=each.text, shape=whole.shapes.get(each.query_id))
        for each in whole.statements.values()
        if each.text is not None and "pg_stat" not in each.text
    ]
    assert len(questions) == len(STATEMENTS)
    found = []
    for known in (whole, part):
        with Twin(known) as twin:
            configurations = (AS_IS, Configuration(create=(INDEX,)))
            costs = [twin.costs(questions, configuration) for configuration in configurations]
            shortfalls = [each.what for each in twin.shortfalls]
            found.append((costs, twin.sizes([INDEX]), shortfalls))
    assert found[0] == found[1]
    assert None not in found[0][0][0]
    assert found[0][0][0] != found[0][0][1]


def test_tables_that_rules_ask_about_are_kept_and_small_databases_are_left_whole() -> None:
    many = facts({"tables": {f"public.t{n}": {"columns": ["id int"]} for n in range(100)}})
    wished = many.relation_named("public", "t50")
    assert wished is not None
    assert set(only_needed(many, [wished.oid], min_rows=MIN_ROWS).relations) == {wished.oid}
    small = facts({"tables": {"public.a": {"columns": ["id int"]}}})
    assert only_needed(small, min_rows=MIN_ROWS) is small


def test_a_foreign_key_is_asked_about_from_as_many_rows_on_as_is_configured() -> None:
    tables: dict[str, Any] = {f"public.t{n}": {"columns": ["id int"]} for n in range(100)}
    tables["public.orders"] = {
        "columns": ["id int", "customer int"],
        "rows": 5000,
        "constraints": {"orders_customer": "foreign key (customer) references public.customers (id)"},
    }
    tables["public.customers"] = {
        "columns": ["id int not null"],
        "rows": 5000,
        "constraints": {"c": "primary key (id)"},
    }
    keyed = facts({"tables": tables})
    for min_rows, names in ((10_000, set()), (5000, {"orders", "customers"})):
        part = only_needed(keyed, min_rows=min_rows)
        assert {relation.name for relation in part.relations.values()} == names
