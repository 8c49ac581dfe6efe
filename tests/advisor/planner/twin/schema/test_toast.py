"""Tables of a twin have no TOAST tables; whatever is made later, such as what statistics are loaded by, has them."""

from __future__ import annotations

import psycopg
import pytest

from pgadvisor.planner.twin.schema.toast import no_toast_tables
from support.databases import Database

pytestmark = pytest.mark.server

_TOASTED = "SELECT count(*) FROM pg_class WHERE reltoastrelid <> 0 AND relname = 'wide'"
_STORAGE = "SELECT array_agg((oid, typstorage) ORDER BY oid) FROM pg_type WHERE oid < 16384"


def test_only_tables_that_are_made_meanwhile_have_none(newest_database: Database) -> None:
    with psycopg.connect(newest_database.dsn, autocommit=True, options="-c search_path=pg_catalog") as admin:
        before = admin.execute(_STORAGE.encode()).fetchone()
        with no_toast_tables(admin):
            newest_database.execute("CREATE TABLE wide (a text, b numeric, c bytea, d jsonb)")
        assert newest_database.execute(_TOASTED) == [(0,)]
        assert admin.execute(_STORAGE.encode()).fetchone() == before
        with pytest.raises(ZeroDivisionError), no_toast_tables(admin):
            raise ZeroDivisionError
        assert admin.execute(_STORAGE.encode()).fetchone() == before
    newest_database.execute("DROP TABLE wide; CREATE TABLE wide (a text)")
    assert newest_database.execute(_TOASTED) == [(1,)]
