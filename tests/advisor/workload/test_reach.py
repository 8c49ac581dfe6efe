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
# Name, columns, options and query of views, with every name qualified as pg_get_viewdef does.
VIEWS: dict[str, tuple[list[str], list[str], str]] = {
    "seen": (["c bigint", "s text"], [], "SELECT customer_id AS c, status AS s FROM public.orders WHERE active"),
    "counted": (["c bigint", "n bigint"], [], "SELECT customer_id, count(*) FROM public.orders GROUP BY customer_id"),
    "barrier": (["c bigint"], ["security_barrier=true"], "SELECT customer_id AS c FROM public.orders WHERE active"),
    "either": (["c bigint"], [], "SELECT customer_id FROM public.orders UNION ALL SELECT id FROM public.customers"),
    "recent": (["c bigint"], [], "SELECT customer_id FROM public.orders ORDER BY id LIMIT 5"),
    "above": (["d bigint"], [], "SELECT c FROM public.seen WHERE s IS NOT NULL"),
}
SCHEMA = SchemaView(
    snapshot(
        {
            "tables": {f"public.{name}": {"columns": columns} for name, columns in TABLES.items()}
            | {
                f"public.{name}": {"columns": columns, "kind": "view", "options": options, "definition": definition}
                for name, (columns, options, definition) in VIEWS.items()
            }
        }
    ).catalog,
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
    "select 1 from orders where not (customer_id > $1)": True,
    "select 1 from orders where not (customer_id <> $1 or status = $2)": True,
    "select 1 from orders where not (customer_id = $1 and status = $2)": False,
    "select 1 from orders where customer_id between symmetric $1 and $2": True,
    "select 1 from orders where $1 between customer_id and id": True,
    "select 1 from orders where (customer_id = $1) is true": False,
    "select 1 from orders where (customer_id, status) is null": True,
    "select 1 from orders where case when customer_id = $1 then true end": False,
    "select 1 from orders where $1 in (customer_id, id)": False,
    "select customer_id from orders group by customer_id having customer_id = $1 and count(*) > 1": True,
    "select 1 from orders group by customer_id having max(customer_id) = $1": False,
    "select 1 from (select customer_id from orders union all select id from customers) s where customer_id = $1": True,
    "select 1 from (select customer_id from orders union select id from customers) s where customer_id = $1": True,
    "select 1 from (select id from customers intersect select customer_id from orders) s where id = $1": True,
    "select 1 from (select id from customers except select customer_id from orders) s where id = $1": False,
    "select 1 from (select customer_id from orders union all select id from customers limit 9) s "
    "where customer_id = $1": False,
    "select 1 from (select customer_id + 0 as c from orders) s where c = $1": False,
    "select 1 from orders o full join customers c on c.id = o.id where o.customer_id = $1": True,
    "select 1 from (select c.id, o.customer_id x from customers c left join orders o on o.id = c.id) s "
    "where x is null": False,
    "with recursive s as (select * from orders) select 1 from s where customer_id = $1": True,
    "with s as (select *, random() from orders) select 1 from s where customer_id = $1": False,
    "select 1 from seen where c = $1": True,
    "select 1 from above where d = $1": True,
    "select 1 from above where d + 1 = $1": False,
    "select 1 from counted where c = $1": True,
    "select 1 from counted where c + 1 = $1": False,
    "select 1 from barrier where c = $1": True,
    "select 1 from barrier where c::numeric = $1": False,
    "select 1 from either where c = $1": True,
    "select 1 from recent where c = $1": False,
    "update seen set s = $2 where c = $1": True,
    "delete from seen where c = $1": True,
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
    for name, (columns, options, definition) in VIEWS.items():
        names = ", ".join(column.split()[0] for column in columns)
        with_options = f"WITH ({', '.join(options)})" if options else ""
        database.execute(f"CREATE VIEW {name} ({names}) {with_options} AS {definition}")
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
