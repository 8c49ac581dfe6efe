"""Statements that make the planner show all it can, with the tables they need; for all versions unless one is named."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from psycopg import Connection
from psycopg.types.string import TextLoader

SCHEMA = r"""
CREATE TABLE big (id int PRIMARY KEY, k int, t text, f float8, ts timestamptz DEFAULT now());
INSERT INTO big SELECT i, i % 100, 'row ' || i % 500, i / 3.0 FROM generate_series(1, 20000) i;
CREATE INDEX big_k ON big (k);
CREATE INDEX big_t ON big (t);
CREATE TABLE small (id int PRIMARY KEY, big_id int REFERENCES big, note text);
INSERT INTO small SELECT i, i * 7, 'note' FROM generate_series(1, 300) i;
CREATE TABLE parts (id int, d int, v text) PARTITION BY RANGE (d);
CREATE TABLE parts_1 PARTITION OF parts FOR VALUES FROM (0) TO (10);
CREATE TABLE parts_2 PARTITION OF parts FOR VALUES FROM (10) TO (20);
CREATE TABLE "Parts 3, ""x"" " PARTITION OF parts FOR VALUES FROM (20) TO (30);
INSERT INTO parts SELECT i, i % 30, 'v' FROM generate_series(1, 3000) i;
CREATE INDEX parts_d ON parts (d);
CREATE TABLE "Or'der; (cost=1..2" ("a, b" int, "it's" text, "line
feed" text);
INSERT INTO "Or'der; (cost=1..2" SELECT i, 'x''y', E'a\nb' FROM generate_series(1, 50) i;
CREATE FUNCTION note_it() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END';
CREATE TRIGGER "it's, on" BEFORE INSERT ON small FOR EACH ROW EXECUTE FUNCTION note_it();
ANALYZE;
"""

_NO_JOIN = ("enable_hashjoin = off", "enable_mergejoin = off", "enable_nestloop = off")
_JIT = ("jit = on", "jit_above_cost = 0", "jit_inline_above_cost = 0")
_WORKERS = (
    "parallel_setup_cost = 0",
    "parallel_tuple_cost = 0",
    "min_parallel_table_scan_size = 0",
    "min_parallel_index_scan_size = 0",
    "max_parallel_workers_per_gather = 2",
)


@dataclass(frozen=True)
class Planned:
    """A statement, the settings to plan it with, and the first major that has it."""

    text: str
    settings: tuple[str, ...] = ()
    since: int = 13


STATEMENTS: Sequence[Planned] = (
    Planned("SELECT * FROM big WHERE k = 7 AND t <> 'row 3' ORDER BY f DESC NULLS LAST, t COLLATE \"C\" LIMIT 5"),
    Planned("SELECT * FROM big WHERE id = 7"),
    Planned("SELECT * FROM big WHERE id = 7", ("enable_seqscan = off", "enable_indexscan = off")),
    Planned("SELECT id FROM big WHERE id < 50 ORDER BY id DESC"),
    Planned("SELECT count(*) FROM big WHERE k IN (1, 2) AND id > 5 OR t = 'row 5'"),
    Planned("SELECT count(*) FROM big WHERE t IN ('row 1', 'a, (b', E'it''s\n new \\\\ line')"),
    Planned(
        "SELECT * FROM \"Or'der; (cost=1..2\" AS \"al'ias \"\"x\"\" (never executed)\" WHERE \"it's\" <> "
        "'a'\n AND \"line\nfeed\" ~ '^b'",
    ),
    Planned("SELECT k, count(*) FROM big GROUP BY k HAVING count(*) > 5"),
    Planned("SELECT k, count(DISTINCT t) FROM big GROUP BY k ORDER BY 2, 1"),
    Planned("SELECT k, t, count(*) FROM big GROUP BY GROUPING SETS ((k, t), (k), ())"),
    Planned("SELECT k, t, f, count(*) FROM big GROUP BY GROUPING SETS ((k), (t), (f), ())", ("work_mem = '64kB'",)),
    Planned("SELECT k, t, id, count(*) FROM big GROUP BY ROLLUP (k, t), id", ("enable_hashagg = off",)),
    Planned("SELECT k, t, count(*) FROM big GROUP BY CUBE (k, t)", ("enable_hashagg = off",)),
    Planned("SELECT t, f, count(*) FROM big GROUP BY t, f", ("work_mem = '64kB'", "enable_sort = off")),
    Planned("SELECT count(*) FROM big b JOIN small s ON s.big_id = b.id WHERE b.f > s.id"),
    Planned("SELECT count(*) FROM big a JOIN big b ON a.t = b.t", ("work_mem = '64kB'", "enable_mergejoin = off")),
    Planned("SELECT * FROM big a LEFT JOIN small b ON a.id = b.big_id AND a.f > b.id ORDER BY a.id", _NO_JOIN[:1]),
    Planned("SELECT * FROM small a FULL JOIN small b ON a.id = b.big_id", _NO_JOIN[:1]),
    Planned("SELECT * FROM small s WHERE EXISTS (SELECT 1 FROM big b WHERE b.k = s.id)"),
    Planned("SELECT * FROM small s WHERE NOT EXISTS (SELECT 1 FROM big b WHERE b.id = s.id)"),
    Planned("SELECT * FROM small s WHERE id NOT IN (SELECT k FROM big) OR id = (SELECT max(id) FROM small)"),
    Planned("SELECT (SELECT t FROM big b WHERE b.id = s.id), (SELECT count(*) FROM small) FROM small s WHERE s.id < 9"),
    Planned("WITH c AS MATERIALIZED (SELECT * FROM big WHERE k < 5) SELECT count(*) FROM c a JOIN c b USING (id)"),
    Planned("WITH RECURSIVE r AS (SELECT 1 AS n UNION ALL SELECT n + 1 FROM r WHERE n < 50) SELECT sum(n) FROM r"),
    Planned("WITH d AS (DELETE FROM small WHERE id < 3 RETURNING *) SELECT count(*) FROM d"),
    Planned("SELECT id, sum(f) OVER w, rank() OVER w FROM big WHERE k = 1 WINDOW w AS (PARTITION BY t ORDER BY f)"),
    Planned("SELECT * FROM (SELECT id, row_number() OVER (ORDER BY id) AS n FROM big) x WHERE n < 5"),
    Planned("SELECT t, id FROM big ORDER BY t, id LIMIT 700", ("enable_seqscan = off",)),
    Planned("SELECT t, id FROM big ORDER BY t, id", ("enable_seqscan = off", "work_mem = '64kB'", "enable_sort = off")),
    Planned("SELECT * FROM big ORDER BY f", ("work_mem = '64kB'",)),
    Planned("SELECT * FROM parts WHERE d < 12 AND id > 100"),
    Planned("SELECT * FROM parts WHERE d < (SELECT 5 + 0 * count(*) FROM small)"),
    Planned("SELECT * FROM parts p JOIN small s ON s.id = p.d ORDER BY p.d"),
    Planned("SELECT count(*) FROM big a JOIN small s ON s.id % 10 = a.k", _NO_JOIN[:2]),
    Planned("SELECT count(*) FROM big, LATERAL (SELECT count(*) FROM small s WHERE s.id = big.k) x WHERE big.id < 900"),
    Planned("SELECT id FROM small UNION SELECT id FROM big WHERE id < 9"),
    Planned("SELECT id FROM small INTERSECT ALL SELECT id FROM big"),
    Planned("SELECT id FROM small EXCEPT SELECT id FROM big", ("enable_hashagg = off",)),
    Planned("SELECT id FROM small EXCEPT SELECT id FROM big WHERE id < 50"),
    Planned("SELECT DISTINCT t FROM big", ("enable_hashagg = off",)),
    Planned("VALUES (1, 'a'), (2, 'b, c')"),
    Planned("SELECT * FROM (VALUES (1), (2)) v (x), generate_series(1, 3) g WHERE x < g"),
    Planned("SELECT * FROM ROWS FROM (generate_series(1, 3), generate_series(2, 9)) AS several (a, b)"),
    Planned("SELECT * FROM json_table('[1, 2]'::jsonb, '$[*]' COLUMNS (x int PATH '$')) AS j", since=17),
    Planned("SELECT unnest(ARRAY[1, 2]), generate_series(1, 3)"),
    Planned("SELECT * FROM big TABLESAMPLE bernoulli (5 + 5) REPEATABLE (3)"),
    Planned("SELECT * FROM big TABLESAMPLE system (50) REPEATABLE (1)"),
    Planned("SELECT * FROM big WHERE ctid = '(0,1)' OR ctid = '(1,1)'"),
    Planned("SELECT * FROM big WHERE ctid < '(5,1)'"),
    Planned("SELECT 1 WHERE (SELECT count(*) FROM small) = 0"),
    Planned("SELECT * FROM big WHERE false"),
    Planned("SELECT * FROM small WHERE id = 5 FOR UPDATE"),
    Planned("INSERT INTO small (id, big_id) SELECT i, 1 FROM generate_series(1000, 1010) i"),
    Planned(
        "INSERT INTO small VALUES (1, 1), (2000, 2) ON CONFLICT (id) DO UPDATE SET note = excluded.note "
        "WHERE small.id > 7",
    ),
    Planned("INSERT INTO small VALUES (1, 1) ON CONFLICT DO NOTHING"),
    Planned("UPDATE parts SET v = 'w' WHERE d IN (3, 13)"),
    Planned("UPDATE small SET note = b.t FROM big b WHERE b.id = small.big_id AND small.id < 20"),
    Planned("DELETE FROM small WHERE id IN (SELECT k FROM big WHERE id < 30)"),
    Planned(
        "MERGE INTO small s USING (SELECT * FROM big WHERE id IN (5, 12, 390, 395)) b ON b.id = s.id WHEN MATCHED AND "
        "s.id < 9 THEN DELETE WHEN MATCHED THEN UPDATE SET note = 'n' WHEN NOT MATCHED AND b.id > 390 "
        "THEN INSERT VALUES (b.id, b.id)",
        since=15,
    ),
    Planned("MERGE INTO parts s USING small b ON b.id = s.id WHEN MATCHED THEN UPDATE SET v = 'n'", since=15),
    Planned("SELECT count(*), sum(f) FROM big WHERE k < 50", _WORKERS),
    Planned("SELECT k, count(*) FROM big GROUP BY k ORDER BY k", (*_WORKERS, "enable_hashagg = off")),
    Planned("SELECT t, k, count(*) FROM big GROUP BY t, k", (*_WORKERS, "work_mem = '64kB'")),
    Planned("SELECT * FROM big ORDER BY f, id", _WORKERS),
    Planned("SELECT count(*) FROM big a JOIN big b ON a.id = b.id", (*_WORKERS, "enable_mergejoin = off")),
    Planned("SELECT count(*) FROM parts WHERE id > 5", _WORKERS),
    Planned("SELECT * FROM big WHERE k = 3 OR t = 'row 7'", (*_WORKERS, "enable_seqscan = off")),
    Planned("SELECT count(*) FROM big WHERE id > (SELECT avg(id) FROM small)", _WORKERS),
    Planned("SELECT count(*) FROM big WHERE t LIKE 'row 1%'", (*_WORKERS, *_JIT)),
    Planned("SELECT * FROM big a JOIN small b ON a.id = b.id", _NO_JOIN),
    Planned(
        "SELECT (SELECT count(*) FROM parts p WHERE p.d = s.id AND p.id > (SELECT min(id) FROM small)) "
        "FROM small s WHERE id < 40",
    ),
)  # fmt: skip


def explained(connection: Connection[Any], planned: Planned, options: str) -> str:
    """What an EXPLAIN with these options shows, JSON as its text, in a transaction that is rolled back."""
    cursor = connection.cursor()
    cursor.adapters.register_loader("json", TextLoader)
    cursor.execute("BEGIN")
    try:
        for setting in planned.settings:
            cursor.execute(f"SET LOCAL {setting}".encode())
        return "\n".join(row for (row,) in cursor.execute(f"EXPLAIN ({options}) {planned.text}".encode()).fetchall())
    finally:
        cursor.execute("ROLLBACK")
