"""How far a condition reaches into subqueries: told alike by the shape and by the server's plan."""

from __future__ import annotations

import json
from typing import Any

import psycopg
import pytest

from pgadvisor.model.shape import StatementShape
from pgadvisor.workload.schema import SchemaView
from pgadvisor.workload.understand import understand
from support.databases import Database
from support.snapshots import snapshot

TABLES = {
    "orders": ["id bigint", "customer_id bigint", "status text", "active boolean"],
    "customers": ["id bigint", "email text", "active boolean"],
}
SCHEMA = SchemaView(
    snapshot({"tables": {f"public.{name}": {"columns": columns} for name, columns in TABLES.items()}}).catalog,
    ("public",),
)
SETTINGS = "SET enable_seqscan = off; SET enable_hashjoin = off; SET enable_mergejoin = off; SET enable_material = off"

# A condition on orders.customer_id in some query around it, and whether an index on the column can serve it there.
STATEMENTS = {
    "select 1 from orders where customer_id = $1": True,
    "select 1 from orders where $1 = customer_id": True,
    "select 1 from orders where customer_id = any($1)": True,
    "select 1 from orders where customer_id in ($1, $2)": True,
    "select 1 from orders where customer_id between $1 and $2": True,
    "select 1 from orders where customer_id is null": True,
    "select 1 from orders where (customer_id, id) > ($1, $2)": True,
    "select 1 from orders where customer_id <> $1": False,
    "select 1 from orders where customer_id <> all($1)": False,
    "select 1 from orders where customer_id is distinct from $1": False,
    "select 1 from orders where customer_id::text = $1": False,
    "select 1 from orders where customer_id + 1 = $1": False,
    "select 1 from orders where abs(customer_id) = $1": False,
    "select 1 from orders where customer_id = $1::numeric": False,
    "select 1 from orders where customer_id = (random() * $1)::bigint": False,
    "select 1 from orders where customer_id = id": False,
    "select 1 from orders where customer_id = $1 or status = $2": False,
    "select 1 from orders where not (customer_id = $1)": False,
    "select 1 from (select * from orders) s where customer_id = $1": True,
    "select 1 from (select customer_id c from orders) s where c = $1": True,
    "select 1 from (select customer_id, count(*) from orders group by 1) s where customer_id = $1": True,
    "select 1 from (select max(customer_id) m from orders group by status) s where m = $1": False,
    "select 1 from (select distinct customer_id, status from orders) s where customer_id = $1": True,
    "select 1 from (select distinct on (status) customer_id, status from orders) s where customer_id = $1": False,
    "select 1 from (select * from orders limit 10) s where customer_id = $1": False,
    "select *, 1 from (select *, rank() over (partition by customer_id order by id) r from orders) s "
    "where customer_id = $1": True,
    "select *, 1 from (select *, rank() over (partition by status order by id) r from orders) s "
    "where customer_id = $1": False,
    "select 1 from (select * from orders for share) s where customer_id = $1": True,
    "with s as (select * from orders) select 1 from s where customer_id = $1": True,
    "with s as (select * from orders for share) select 1 from s where customer_id = $1": False,
    "with s as materialized (select * from orders) select 1 from s where customer_id = $1": False,
    "with s as (select * from orders) select 1 from s where customer_id = $1 and id > (select max(id) from s)": False,
    "with s as not materialized (select * from orders) "
    "select 1 from s where customer_id = $1 and id > (select max(id) from s)": True,
    "select 1 from customers c left join orders o on o.customer_id = $1 and o.id = c.id": True,
    "select 1 from orders o left join customers c on o.customer_id = $1 and o.id = c.id": False,
    "select 1 from customers c left join orders o on o.id = c.id where o.customer_id is null": False,
    "select 1 from customers c left join orders o on o.id = c.id where o.customer_id = $1": True,
    "select 1 from customers c where exists (select 1 from orders o where o.customer_id = $1 and o.id = c.id)": True,
}


def reached(plan: dict[str, Any]) -> bool:
    """Whether the index on orders.customer_id is searched for something."""
    conditions = plan.get("Index Cond", "") if plan.get("Index Name") == "orders_customer" else ""
    return "customer_id" in conditions or any(map(reached, plan.get("Plans", ())))


@pytest.mark.parametrize("sql", STATEMENTS)
def test_the_shape_tells_how_far_a_condition_reaches(sql: str) -> None:
    shape = understand("1", sql, SCHEMA)
    assert isinstance(shape, StatementShape)
    served = [p for p in shape.predicates if p.column == "customer_id" and p.indexable and not p.in_or]
    assert bool(served) is STATEMENTS[sql]


@pytest.mark.server
def test_the_server_tells_the_same(database: Database) -> None:
    for name, columns in TABLES.items():
        database.execute(f"CREATE TABLE {name} ({', '.join(columns)})")
    database.execute(
        "INSERT INTO orders SELECT n, n % 100, n % 7, false FROM generate_series(1, 5000) n;"
        "INSERT INTO customers SELECT n, n, false FROM generate_series(1, 100) n;"
        "CREATE INDEX orders_customer ON orders (customer_id);"
        "ANALYZE"
    )
    told = {}
    with database.connect() as connection:
        connection.execute(SETTINGS)
        for sql in STATEMENTS:
            result = connection.pgconn.exec_(f"EXPLAIN (FORMAT JSON, GENERIC_PLAN) {sql}".encode())
            assert result.status == psycopg.pq.ExecStatus.TUPLES_OK, (sql, result.error_message.decode())
            value = result.get_value(0, 0)
            assert value is not None
            told[sql] = reached(json.loads(value)[0]["Plan"])
    assert told == STATEMENTS
