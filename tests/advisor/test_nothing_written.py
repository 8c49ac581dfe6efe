"""An audit changes nothing, with a role that could have."""

from __future__ import annotations

from typing import Any

import pytest

from support.audits import audit
from support.databases import Database

pytestmark = pytest.mark.server

CATALOGS = (
    "pg_class", "pg_attribute", "pg_index", "pg_constraint", "pg_proc", "pg_type", "pg_namespace", "pg_extension",
    "pg_statistic", "pg_authid", "pg_database", "pg_db_role_setting", "pg_operator", "pg_trigger",
)  # fmt: skip


def state(database: Database) -> dict[str, Any]:
    """Rows written, every catalog row's version, files of relations, advisory locks, prepared statements."""
    database.settle()
    return {
        "writes": database.execute(
            "SELECT relname, n_tup_ins, n_tup_upd, n_tup_del FROM pg_stat_user_tables ORDER BY 1"
        ),
        "catalogs": {
            name: database.execute(
                f"SELECT count(*), max(xmin::text::bigint), md5(string_agg(c::text, '' ORDER BY ctid))"
                f" FROM pg_catalog.{name} c"
            )
            for name in CATALOGS
        },
        "files": database.execute(
            "SELECT relname, pg_relation_filenode(oid), pg_relation_size(oid) FROM pg_class"
            " WHERE relkind IN ('r', 'i', 'S', 't') AND NOT relisshared ORDER BY oid"
        ),
        "advisory": database.execute("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory'"),
        "sequences": database.execute("SELECT last_value, is_called FROM things_id_seq"),
    }


def test_an_audit_with_every_right_changes_nothing(database: Database) -> None:
    database.execute("""
        CREATE TABLE things (id serial PRIMARY KEY, kind text, amount int);
        INSERT INTO things (kind, amount) SELECT 'k' || i % 10, i FROM generate_series(1, 20000) i;
        CREATE VIEW some_things AS SELECT * FROM things WHERE amount > 5;
        CREATE FUNCTION bump() RETURNS bigint VOLATILE LANGUAGE sql AS 'SELECT nextval(''things_id_seq'')';
    """)
    database.execute("VACUUM ANALYZE things")
    for number in range(20):
        database.execute("SELECT count(*) FROM things WHERE kind = %s", [f"k{number}"])
        database.execute("UPDATE things SET amount = amount + 1 WHERE id = %s", [number])
        database.execute("DELETE FROM things WHERE id = %s", [10000 + number])
        database.execute("INSERT INTO things (kind) VALUES (%s)", ["new"])
        database.execute("SELECT bump() WHERE %s > 0", [number])
        database.execute("SELECT pg_advisory_xact_lock(%s)", [number])
        database.execute("SELECT set_config('application_name', %s, true)", ["x"])
        database.execute("SELECT * FROM some_things WHERE id = %s FOR UPDATE", [number])
    before = state(database)
    ran = audit(database.dsn, "--execute", "safe")
    assert ran.code in (0, 1, 3), ran.err
    assert ran.report["trust"]["footprint"]["explained"] > 0
    assert ran.report["trust"]["footprint"]["executed"] > 0
    assert state(database) == before
