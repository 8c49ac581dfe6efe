"""Behind which columns of an index its rows are in order, as the planners of all versions have it."""

from __future__ import annotations

import pytest

from support.databases import Database

pytestmark = pytest.mark.server

SCHEMA = """
CREATE TABLE tasks (tenant int NOT NULL, done boolean, deleted_at timestamptz, made int NOT NULL, id int NOT NULL);
INSERT INTO tasks SELECT n % 10, n % 3 = 0, CASE WHEN n % 10 = 0 THEN '2024-01-01'::timestamptz END, n, n
FROM generate_series(1, 5000) AS n;
CREATE INDEX by_done ON tasks (tenant, done, made, id);
CREATE INDEX by_deletion ON tasks (tenant, deleted_at, made, id);
"""
IN_ORDER = {
    "deleted_at = '2024-01-01'": True,
    "deleted_at IS NULL": False,
    "done": True,
    "NOT done": True,
    "done IS TRUE": True,
    "done IS FALSE": True,
    "done IS NULL": False,
}


def test_rows_are_in_order_behind_one_value_and_not_behind_null(any_database: Database) -> None:
    any_database.execute(SCHEMA)
    any_database.execute("ANALYZE tasks")
    found = {}
    with any_database.connect() as connection:
        # What remains is what there is no other way to do.
        for setting in ("enable_seqscan", "enable_bitmapscan", "enable_sort", "enable_incremental_sort"):
            connection.execute(f"SET {setting} = off".encode())
        for condition in IN_ORDER:
            text = f"EXPLAIN SELECT * FROM tasks WHERE tenant = 3 AND {condition} ORDER BY made DESC, id DESC LIMIT 5"
            plan = "\n".join(line for (line,) in connection.execute(text.encode()).fetchall())
            found[condition] = "Sort" not in plan
    assert found == IN_ORDER
