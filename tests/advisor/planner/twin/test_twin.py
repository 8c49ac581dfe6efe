"""The twin plans as the server does whose snapshot it was built from."""

from __future__ import annotations

import pytest

from support.databases import Database
from support.twins import question, twin_of

pytestmark = pytest.mark.server


def test_plans_as_the_server_does(database: Database) -> None:
    database.execute(
        """
        CREATE TABLE t (id int, kind int);
        INSERT INTO t SELECT i, i % 7 FROM generate_series(1, 20000) AS i;
        """
    )
    database.execute("VACUUM ANALYZE t")
    text = "SELECT count(*) FROM t"
    ((plans,),) = database.execute(f"EXPLAIN (FORMAT JSON) {text}")
    with twin_of(database) as twin:
        assert twin.plan(question(text)).cost == plans[0]["Plan"]["Total Cost"]
