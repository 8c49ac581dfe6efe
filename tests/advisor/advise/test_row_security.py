"""Advice for statements under row security, on a twin: an index begins with what the policy asks for."""

from __future__ import annotations

import pytest

from pgadvisor.advise.index_advice import advise_indexes
from pgadvisor.config import IndexesConfig
from pgadvisor.indexes.ddl import create_index
from pgadvisor.model.statements import StatementRole
from pgadvisor.planner.twin.twin import Twin
from support.databases import Database
from support.twins import snapshot_of
from support.workloads import facts_with

DOCS = """
CREATE TABLE docs (id int PRIMARY KEY, tenant int NOT NULL, made int NOT NULL, title text NOT NULL);
INSERT INTO docs SELECT n, n % 200, n, repeat(md5(n::text), 3) FROM generate_series(1, 20000) n;
ALTER TABLE docs ENABLE ROW LEVEL SECURITY;
CREATE POLICY own ON docs USING (tenant = current_setting('app.tenant')::int);
"""
NEWEST = "SELECT title FROM docs WHERE made < $1 ORDER BY made DESC LIMIT 10"
CLERK = StatementRole(oid=77_777, name="clerk")


@pytest.mark.server
@pytest.mark.parametrize(
    ("role", "expected"),
    [(CLERK, "(tenant, made)"), (StatementRole(oid=77_777, name="clerk", bypasses_policies=True), "(made)")],
)
def test_the_policy_is_part_of_what_is_searched(database: Database, role: StatementRole, expected: str) -> None:
    database.execute(DOCS)
    database.execute("VACUUM ANALYZE docs")
    seen = facts_with(snapshot_of(database.dsn), {NEWEST: 60_000.0}, {NEWEST: [("15000",), ("900",)]}, role)
    with Twin(seen, session={"app.tenant": "7"}) as twin:
        decided = advise_indexes(seen, twin, IndexesConfig(min_rows=1000))
    (advised,) = decided.created
    assert create_index(advised.proposal.definition, "i", concurrently=False).endswith(f"docs {expected};")
