"""Extended statistics of a twin are those of the server, and estimates over columns that hang together as well."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from pgadvisor.planner.twin.statistics.load import load_statistics
from support.databases import Database
from support.runs import TWIN_PAIRS, short_run
from support.servers import Server
from support.twin_statistics import hollow_copy, two_databases
from support.twins import snapshot_of

pytestmark = pytest.mark.server

SCHEMA = """
CREATE TYPE mood AS ENUM ('sad', 'it''s "ok"', 'so,so');
CREATE DOMAIN small AS int;
CREATE EXTENSION citext;
CREATE SCHEMA "o'dd";
CREATE TABLE "o'dd"."t ""x" (
  gone int, zip int, "city, name" text, street varchar(20), m mood, u uuid, d date, ts timestamptz, f float8, s small,
  num numeric, n name, ok bool, ci citext, iv interval, tz timetz, b bytea, arr int[], code "char", i8 int8
);
ALTER TABLE "o'dd"."t ""x" DROP COLUMN gone;
CREATE STATISTICS "o'dd"."all %" ON "city, name", zip, street FROM "o'dd"."t ""x";
CREATE STATISTICS kinds_1 (mcv) ON m, u, d, ts, f, s, num, n FROM "o'dd"."t ""x";
CREATE STATISTICS kinds_2 (mcv) ON ok, ci, iv, tz, b, code, i8, zip FROM "o'dd"."t ""x";
CREATE STATISTICS arrays (mcv, dependencies) ON arr, zip FROM "o'dd"."t ""x";
CREATE STATISTICS unbuilt ON f, d FROM "o'dd"."t ""x";
CREATE TABLE parted (a int, b int) PARTITION BY LIST (a);
CREATE TABLE parted_1 PARTITION OF parted DEFAULT;
CREATE STATISTICS whole ON a, b FROM parted;
CREATE STATISTICS part ON a, b FROM parted_1;
"""
EXPRESSIONS = """
CREATE STATISTICS one_expression ON (lower("city, name" || 'x')) FROM "o'dd"."t ""x";
CREATE STATISTICS expressions ON (zip % 7), street, (date_trunc('month', d)), ok FROM "o'dd"."t ""x";
"""
ROWS = """
INSERT INTO "o'dd"."t ""x"
SELECT
  i % 50, CASE WHEN i % 50 > 0 THEN 'city "' || i % 50 / 5 || '", NULL' END, 's' || i % 10,
  (enum_range(NULL::mood))[1 + i % 3], md5((i % 3)::text)::uuid, date '2020-01-01' + i % 6, to_timestamp(i % 4),
  (i % 5) / 3.0,
  i % 6, CASE i % 3 WHEN 0 THEN 'NaN' ELSE i % 6 / 7.0 END, 'n' || i % 3, i % 2 = 0, 'C' || i % 4,
  make_interval(months => i % 2, days => i % 4, secs => -1.5), '04:05:06+02', decode(md5((i % 2)::text), 'hex'),
  ARRAY[i % 3], chr(65 + i % 2)::"char", (i % 4) * 10000000000
FROM generate_series(1, 3000) AS i;
INSERT INTO parted SELECT i % 20, i % 20 FROM generate_series(1, 2000) AS i;
"""
TABLES = """"o'dd"."t ""x", parted, parted_1"""
ESTIMATES = (
    """SELECT FROM "o'dd"."t ""x" WHERE zip = 7 AND "city, name" = 'city "1", NULL' AND street = 's7'""",
    """SELECT FROM "o'dd"."t ""x" WHERE m = 'sad' AND d = '2020-01-04' AND num = 'NaN'""",
    """SELECT FROM "o'dd"."t ""x" WHERE ok AND ci = 'c0' AND i8 = 0 AND zip = 4""",
    """SELECT FROM "o'dd"."t ""x" WHERE arr = '{1}' AND zip = 4""",
    "SELECT FROM parted WHERE a = 7 AND b = 7",
    "SELECT FROM parted_1 WHERE a = 7 AND b = 7",
    """SELECT zip, street FROM "o'dd"."t ""x" GROUP BY 1, 2""",
)
OF_EXPRESSIONS = (
    """SELECT FROM "o'dd"."t ""x" WHERE lower("city, name" || 'x') = 'city "1", nullx'""",
    """SELECT FROM "o'dd"."t ""x" WHERE zip % 7 = 3 AND street = 's3' AND ok""",
)


def shown(database: Database, view: str) -> list[tuple[Any, ...]]:
    """Rows of a view, as text, without the oids and owners that are the database's own."""
    return database.execute(f"SELECT (to_jsonb(v) - 'statistics_owner')::text FROM {view} AS v ORDER BY 1")


def estimates(database: Database, queries: tuple[str, ...]) -> list[float]:
    """How many rows the planner takes queries to have."""
    return [database.execute(f"EXPLAIN (FORMAT JSON) {query}")[0][0][0]["Plan"]["Plan Rows"] for query in queries]


@pytest.mark.parametrize("majors", short_run((18, 18), (13, 18), of=TWIN_PAIRS), ids="{0[0]}-on-{0[1]}".format)
def test_extended_statistics_are_the_same(old_server: Callable[[int], Server], majors: tuple[int, int]) -> None:
    has_expressions = min(majors) >= 14
    schema, queries = (SCHEMA + EXPRESSIONS, ESTIMATES + OF_EXPRESSIONS) if has_expressions else (SCHEMA, ESTIMATES)
    with two_databases(old_server, majors, schema) as (source, copy):
        for database in (source, copy):
            database.execute(ROWS)
            database.execute(f"VACUUM {TABLES}")
        source.execute(f"ANALYZE {TABLES}")
        with hollow_copy(snapshot_of(source.dsn), copy) as building:
            load_statistics(building)
        if majors[0] == majors[1]:
            lost = "arrays"
            views = ("pg_stats_ext", "pg_stats_ext_exprs") if has_expressions else ("pg_stats_ext",)
            for view in views:
                rows = [row for row in shown(source, view) if lost not in row[0]]
                assert [row for row in shown(copy, view) if lost not in row[0]] == rows
        alike = tuple(query for query in queries if "arr =" not in query)
        expected = estimates(source, alike)
        assert estimates(copy, alike) == expected
        copy.execute("UPDATE pg_statistic_ext_data SET stxdndistinct = NULL, stxddependencies = NULL, stxdmcv = NULL")
        unaware = estimates(copy, alike)
        assert sum(one != other for one, other in zip(unaware, expected, strict=True)) >= 5
        (shortfall,) = building.shortfalls
        assert shortfall.what == "extended statistics of public.arrays"
