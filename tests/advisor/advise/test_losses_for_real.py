"""What PostgreSQL does that advice on drops relies on."""

from __future__ import annotations

from support.databases import Database

# Few rows are open; by which states come the planner does not know where the state is a parameter.
TABLE = """
CREATE TABLE t (id int, state text, due int, note text);
INSERT INTO t SELECT n, CASE WHEN n % 100 = 0 THEN 'open' ELSE 'done' END, n, repeat('x', 200)
    FROM generate_series(1, 20000) AS n;
CREATE INDEX t_open ON t (due) WHERE state = 'open';
CREATE INDEX t_due ON t (due);
ANALYZE t;
"""


def test_a_plan_for_unknown_values_is_kept_only_while_it_costs_less(database: Database) -> None:
    database.execute(TABLE)
    with database.connect() as session:

        def generic(name: str, statement: str, arguments: str) -> int:
            session.execute(f"PREPARE {name} AS {statement}".encode())
            for _ in range(8):
                session.execute(f"EXECUTE {name} ({arguments})".encode())
            query = "SELECT generic_plans FROM pg_prepared_statements WHERE name = %s"
            (plans,) = session.execute(query, [name]).fetchone() or (0,)
            return int(plans)

        # For known values the partial index serves; without one that serves unknown ones the table would be read.
        session.execute("DROP INDEX t_due")
        assert (
            generic("dear", "SELECT * FROM t WHERE state = $1 AND due < $2 ORDER BY due LIMIT 9", "'open', 9000") == 0
        )
        # Where it costs as much as the others and is not planned anew it is kept after five of these.
        assert generic("cheap", "SELECT count(note) FROM t WHERE id < $1", "300000") == 3


def test_rows_are_taken_to_stand_less_in_the_order_of_an_index_of_several_keys(database: Database) -> None:
    database.execute(TABLE)

    def cost(columns: str) -> float:
        database.execute(f"DROP INDEX IF EXISTS t_tried; CREATE INDEX t_tried ON t ({columns})")
        with database.connect() as session:
            session.execute("SET enable_seqscan = off; SET enable_bitmapscan = off")
            (plan,) = session.execute("EXPLAIN (FORMAT JSON) SELECT note FROM t WHERE id < 2000").fetchone() or ([],)
        assert plan[0]["Plan"]["Index Name"] == "t_tried"
        return float(plan[0]["Plan"]["Total Cost"])

    # The rows are in exactly this order.
    assert cost("id, state") > 3 * cost("id")
