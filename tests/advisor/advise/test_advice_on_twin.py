"""What is advised for small databases, each statement's tables its own, by a twin: the one right index, and no more."""

from __future__ import annotations

import pytest

from pgadvisor.advise.index_advice import advise_indexes
from pgadvisor.config import IndexesConfig
from pgadvisor.indexes.ddl import create_index
from pgadvisor.planner.twin.twin import Twin
from support.databases import Database
from support.twins import snapshot_of
from support.workloads import facts_with

pytestmark = pytest.mark.server

ORDERS = """
CREATE TABLE {0} (
    id int PRIMARY KEY, customer int NOT NULL, "sta""te" text NOT NULL, kind int, total int NOT NULL,
    made date NOT NULL, filler text, deleted date
);
INSERT INTO {0} SELECT n, n / 1000, CASE WHEN n % 10 = 0 THEN 'it''s AND "kind"' ELSE 'live' END, n % 5, n % 991,
    date '2025-01-01' + n % 400, repeat(md5(n::text), 4), CASE WHEN n % 3 > 0 THEN date '2026-01-01' END
    FROM generate_series(1, 20000) n;
"""
GONE = """ "sta""te" <> 'it''s AND "kind"' """
# Of each table: its partial index, what is asked, what is advised in its place.
EXTENDED = {
    "covered": (
        f"(customer) WHERE {GONE}",
        f"SELECT sum(total) FROM covered WHERE customer = $1 AND {GONE}",
        """(customer) INCLUDE (total) WHERE ("sta""te" <> 'it''s AND "kind"'::text)""",
    ),
    "sorted": (
        f"(customer) WHERE {GONE} AND kind > 1",
        f"SELECT id, made FROM sorted WHERE customer = $1 AND {GONE} AND kind > 1 ORDER BY made LIMIT 5",
        # Five rows are read at most: to find their id in the index saves next to nothing.
        """(customer, made) WHERE (("sta""te" <> 'it''s AND "kind"'::text) AND (kind > 1))""",
    ),
    "live": (
        "(customer) WHERE deleted IS NULL",
        "SELECT sum(total) FROM live WHERE customer = $1 AND deleted IS NULL",
        "(customer) INCLUDE (total) WHERE (deleted IS NULL)",
    ),
    "longer": (
        "(customer) WHERE kind IN (1, 2)",
        "SELECT total FROM longer WHERE customer = $1 AND kind IN (1, 2) AND made > $2",
        "(customer, made) INCLUDE (total) WHERE (kind = ANY (ARRAY[1, 2]))",
    ),
}
# What its predicate admits is not what is asked for, and what enforces is not to be replaced.
OTHERS = {
    "other": (
        "INDEX kept ON other (customer) WHERE kind > 1",
        "SELECT total FROM other WHERE customer = $1 AND kind > 0",
    ),
    "unique": (
        'UNIQUE INDEX one ON "unique" (customer, id) WHERE kind > 1',
        'SELECT total FROM "unique" WHERE customer = $1 AND kind > 1',
    ),
}
QUEUE = """
CREATE TABLE jobs (id int PRIMARY KEY, status text NOT NULL, created_at timestamptz NOT NULL, picked_at timestamptz);
INSERT INTO jobs SELECT n, CASE WHEN n > 19800 THEN 'ready' ELSE 'done' END,
    '2026-01-01'::timestamptz + n * interval '1 min' FROM generate_series(1, 20000) n;
"""
CLAIM = """
UPDATE jobs SET status = $1, picked_at = $2 WHERE id = (
    SELECT id FROM jobs WHERE status = $3 ORDER BY created_at LIMIT 1 FOR UPDATE SKIP LOCKED
) RETURNING id
"""
DONE = "UPDATE jobs SET status = $1 WHERE id = $2"


def test_each_has_the_one_index_that_it_needs(database: Database) -> None:
    # Else rows are not seen to be visible to all before what made them is on disk.
    database.execute("SET synchronous_commit = on")
    for table, (index, _, _) in EXTENDED.items():
        database.execute(ORDERS.format(table))
        database.execute(f"CREATE INDEX {table}_partial ON {table} {index}")
    for table, (index, _) in OTHERS.items():
        database.execute(ORDERS.format(f'"{table}"'))
        database.execute(f"CREATE {index}")
    database.execute(QUEUE)
    database.execute("VACUUM ANALYZE")
    asked = [text for _, text, _ in EXTENDED.values()] + [text for _, text in OTHERS.values()]
    facts = facts_with(snapshot_of(database.dsn), dict.fromkeys((*asked, CLAIM, DONE), 9000.0))
    with Twin(facts) as twin:
        decided = advise_indexes(facts, twin, IndexesConfig(min_rows=1000))
    created: dict[str, list[str]] = {}
    for each in decided.created:
        definition = each.proposal.definition
        text = create_index(definition, "i", concurrently=False).partition(definition.table)[2].strip(' ";')
        created.setdefault(definition.table, []).append(text)
    assert {table: created.get(table) for table in EXTENDED} == {
        table: [advised] for table, (_, _, advised) in EXTENDED.items()
    }
    assert {each.name for each in decided.dropped} == {f"{table}_partial" for table in EXTENDED}
    assert not any("WHERE" in text for table in OTHERS for text in created.get(table, ()))
    assert created["jobs"] == ["(status, created_at)"]
