"""Statistics of a twin are those of the server whose snapshot it was built from."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from pgadvisor.planner.twin.statistics.load import load_statistics
from support.runs import TWIN_PAIRS, short_run
from support.servers import Server
from support.twin_statistics import hollow_copy, statistics, two_databases
from support.twins import snapshot_of

pytestmark = pytest.mark.server

# The oldest, the first without the old catalogs of extended statistics, the newest; and from the oldest to the newest.
TYPES = '''
CREATE EXTENSION citext;
CREATE EXTENSION hstore;
CREATE SCHEMA "s';x";
CREATE TYPE "s';x"."Mood, odd" AS ENUM ('sad', 'it''s ok', 'so,so', 'he said "hi"', '{back\\slash}');
CREATE DOMAIN small AS int;
CREATE DOMAIN smaller AS small;
CREATE DOMAIN words AS text[];
CREATE TYPE pair AS (a int, b small);
CREATE TYPE pointed AS (a point);
CREATE TYPE floats AS RANGE (subtype = float8);
CREATE TABLE "s';x"."every ""kind""" (
  "i %" int, i2 int2, i8 int8, num numeric, num2 numeric(9, 2), f4 float4, f8 float8, t text,
  "Ünï" varchar(30), c char(3),
  tc text COLLATE "C", b bytea, o bool, d date, ts timestamp, tz timestamptz, tm time, u uuid, ip inet, net cidr,
  m "s';x"."Mood, odd", ai int[], at text[], am "s';x"."Mood, odd"[], av varchar[], doc tsvector, j jsonb, jj json,
  r int4range, rf floats, ar int4range[], s small, s2 smaller, ws words, ss small[], p pair, ap pair[], pp pointed,
  ci citext, h hstore, n name, iv interval, qc "char", oi oid, rc regclass, mo money, pt point, x xid, bits varbit,
  mac macaddr, lsn pg_lsn, ov oidvector, iv2 int2vector, tt timetz, nothing int, few text, empty int4range
);
CREATE TABLE parent (id int, kind text);
CREATE TABLE child (more int) INHERITS (parent);
CREATE TABLE parted (id int, kind text) PARTITION BY RANGE (id);
CREATE TABLE parted_1 PARTITION OF parted FOR VALUES FROM (0) TO (500);
CREATE TABLE parted_2 PARTITION OF parted FOR VALUES FROM (500) TO (100000);
CREATE INDEX plain_expressions ON "s';x"."every ""kind""" (lower(t), (i8 + 1), upper("Ünï"), ci);
CREATE INDEX hashed ON "s';x"."every ""kind""" USING hash ((("Ünï" || '')::varchar));
CREATE INDEX lexemes ON "s';x"."every ""kind""" USING gin (to_tsvector('simple', t));
CREATE INDEX named ON "s';x"."every ""kind""" (((t || 'x')::name));
ALTER TABLE "s';x"."every ""kind""" ALTER COLUMN i8 SET (n_distinct = -0.5);
ALTER TABLE parent ALTER COLUMN kind SET (n_distinct_inherited = 77);
'''
MULTIRANGES = """
CREATE TABLE many (r int4multirange, a int4multirange[]);
"""
ROWS = '''
INSERT INTO "s';x"."every ""kind"""
SELECT
  i, i % 50, i::int8 * 1000000007, i / 7.0, i % 100, (i % 40) / 3.0, sqrt(i), md5((i % 300)::text), 'v ' || i % 70,
  (i % 900)::text, chr(97 + i % 26), decode(md5(i::text), 'hex'), i % 3 = 0, date '2020-01-01' + i % 500,
  timestamp '0044-03-15 00:00:00 BC' + i * interval '1 minute',
  timestamptz '2020-01-01 00:00:00+02' + i * interval '7s',
  time '00:00' + i * interval '1s', md5((i % 10)::text)::uuid, ('10.0.' || i % 5 || '.' || i % 200)::inet,
  ('10.' || i % 99 || '.0.0/16')::cidr, (enum_range(NULL::"s';x"."Mood, odd"))[1 + i % 5],
  ARRAY[i % 10, i % 7, NULL], ARRAY['a,b', '"' || i % 5, E'new\\nline\\t\\\\'],
  ARRAY[(enum_range(NULL::"s';x"."Mood, odd"))[1 + i % 5]],
  ARRAY['v' || i % 3], to_tsvector('simple', 'it is word' || i % 40), jsonb_build_object('k', i % 20), '{"a": 1}',
  CASE WHEN i % 10 = 0 THEN 'empty' ELSE int4range(i, i + i % 100) END, floats(i, i + 1.5), ARRAY[int4range(i % 5, 9)],
  i % 11, i % 12, ARRAY['w' || i % 9], ARRAY[i % 4, 2]::small[], ROW(i % 6, i % 5)::pair, ARRAY[ROW(i % 6, 1)::pair],
  ROW(point(i, 1))::pointed, CASE i % 2 WHEN 0 THEN 'AbC' ELSE 'abc' END, hstore('k', (i % 8)::text),
  ('n' || i % 30)::name,
  make_interval(days => i % 33, secs => i % 7), chr(65 + i % 20)::"char", i % 44, 'pg_class'::regclass,
  (i % 25)::numeric::money, point(i, i), (i % 13)::text::xid, (i % 16)::bit(4)::varbit, '08:00:2b:01:02:03',
  ('0/' || i % 90)::pg_lsn, '1 2', '3 4', '04:05:06+02', NULL, CASE WHEN i = 1 THEN 'once' END, 'empty'
FROM generate_series(1, 2000) AS i;
INSERT INTO "s';x"."every ""kind""" DEFAULT VALUES;
INSERT INTO parent SELECT i, 'p' || i % 5 FROM generate_series(1, 500) AS i;
INSERT INTO child SELECT i, 'c' || i % 9, i FROM generate_series(1, 500) AS i;
INSERT INTO parted SELECT i, 'k' || i % 9 FROM generate_series(1, 900) AS i;
'''
MULTIRANGE_ROWS = """
INSERT INTO many
SELECT int4multirange(int4range(i, i + 5), int4range(i + 7, i + 9)), ARRAY[int4multirange(int4range(i % 5, 9))]
FROM generate_series(1, 500) AS i;
"""
TABLES = '''"s';x"."every ""kind""", parent, child, parted, parted_1, parted_2'''
RANGES = {"r", "rf", "empty"}


@pytest.mark.parametrize("majors", short_run((18, 18), (13, 18), of=TWIN_PAIRS), ids="{0[0]}-on-{0[1]}".format)
def test_statistics_are_the_same(old_server: Callable[[int], Server], majors: tuple[int, int]) -> None:
    has_multiranges = min(majors) >= 14
    with two_databases(old_server, majors, TYPES + (MULTIRANGES if has_multiranges else "")) as (source, copy):
        source.execute(ROWS + (MULTIRANGE_ROWS if has_multiranges else ""))
        source.execute(f"ANALYZE {TABLES}{', many' if has_multiranges else ''}")
        with hollow_copy(snapshot_of(source.dsn), copy) as building:
            load_statistics(building)
        expected, found = statistics(source), statistics(copy)
        assert found.keys() == expected.keys()
        ranges_shown = majors[0] >= 17
        different = {key: (expected[key], found[key]) for key in expected if found[key] != expected[key]}
        if not ranges_shown:
            different = {key: value for key, value in different.items() if key[1] not in RANGES and key[0] != "many"}
        assert different == {}
        assert len(expected) > 60
        assert [shortfall.reason[:9] for shortfall in building.shortfalls] == ([] if ranges_shown else ["Before 17"])
