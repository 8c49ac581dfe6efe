"""Texts that normalisation made unreadable to the server are planned all the same."""

from __future__ import annotations

import psycopg
import pytest
from psycopg import errors

from pgadvisor.model.plan_reading import parse_plan
from pgadvisor.model.plans import PlanMethod
from pgadvisor.planner.mended import mended
from support.databases import Database
from support.planning import OFF, observe_texts

V18 = 180000


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("SELECT interval $1", "SELECT CAST($1 AS interval)"),
        ("SELECT now() - INTERVAL $1 day", "SELECT now() - CAST($1 AS INTERVAL day)"),
        ("SELECT interval $1 day to second, 1", "SELECT CAST($1 AS interval day to second), 1"),
        ("SELECT date $1, 'date $1'", "SELECT CAST($1 AS date), 'date $1'"),
        (
            "SELECT timestamp with time zone $1 -- date $2",
            "SELECT CAST($1 AS timestamp with time zone) -- date $2",
        ),
        ("SELECT extract($1 FROM at)", "SELECT pg_catalog.extract(CAST($1 AS text), at)"),
        (
            "SELECT numeric(10, 2) $1 + double precision $2",
            "SELECT CAST($1 AS numeric(10, 2)) + CAST($2 AS double precision)",
        ),
        ("SELECT interval $1 second(3)", "SELECT CAST($1 AS interval second(3))"),
        ("SELECT time (3) without time zone $1", "SELECT CAST($1 AS time (3) without time zone)"),
        ("SELECT character varying $1, citext $2", "SELECT CAST($1 AS character varying), CAST($2 AS citext)"),
        ("SELECT now() AT TIME ZONE $1, CASE WHEN a THEN $2 ELSE $3 END", None),
        ("SELECT t.date FROM t LIMIT $1", None),
        ("SELECT x.date $1", None),
        ("SELECT interval $1 '", None),
    ],
)
def test_typed_constants(text: str, expected: str | None) -> None:
    assert mended(text, errors.SyntaxError(), V18) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("SELECT f($1, x) FROM t GROUP BY f($2, x)", "SELECT f($1, x) FROM t GROUP BY f($1, x)"),
        (
            "SELECT f($1, x), g($2) FROM t WHERE y = $3 GROUP BY F ($4, x), g( $5 ) HAVING z = $6",
            "SELECT f($1, x), g($2) FROM t WHERE y = $3 GROUP BY F ($1, x), g( $2 ) HAVING z = $4",
        ),
        (
            "SELECT (SELECT f($1) FROM t GROUP BY f($2)) FROM u LIMIT $3",
            "SELECT (SELECT f($1) FROM t GROUP BY f($1)) FROM u LIMIT $2",
        ),
        ("SELECT f($1) FROM t GROUP BY g($2), x", None),
        (
            "SELECT f($1), g($2) FROM t GROUP BY f($3), g($4) ORDER BY 1",
            "SELECT f($1), g($2) FROM t GROUP BY f($1), g($2) ORDER BY 1",
        ),
        ("SELECT 1 FROM t GROUP BY", None),
    ],
)
def test_group_by(text: str, expected: str | None) -> None:
    assert mended(text, errors.GroupingError(), V18) == expected


def test_distinct_rows_are_ordered_by_what_they_show() -> None:
    text = "SELECT DISTINCT f($1, x), y FROM t ORDER BY y DESC, f($2, x) NULLS LAST LIMIT $3"
    wanted = "SELECT DISTINCT f($1, x), y FROM t ORDER BY y DESC, f($1, x) NULLS LAST LIMIT $2"
    assert mended(text, errors.InvalidColumnReference(), V18) == wanted


def test_other_errors_and_very_long_texts_are_left_alone() -> None:
    assert mended("SELECT interval $1", errors.UndefinedTable(), V18) is None
    assert mended("SELECT interval $1" + ", 1" * 5_000, errors.SyntaxError(), V18) is None


@pytest.mark.server
def test_mended_texts_are_planned_and_not_executed(newest_database: Database) -> None:
    newest_database.execute(
        """CREATE TABLE visits (at timestamptz, what text, n int, amount numeric(10, 2), day date);
           INSERT INTO visits SELECT now() - i * interval '1 h', 'w', i, i, now() FROM generate_series(1, 100) i;
           ANALYZE visits"""
    )
    texts = (
        "SELECT count(*) FROM visits WHERE at > now() - interval $1",
        "SELECT extract($1 FROM at) FROM visits",
        "SELECT date_trunc($1, at), count(*) FROM visits WHERE what = $2 GROUP BY date_trunc($3, at) ORDER BY $4",
        "SELECT * FROM visits WHERE $1 IS NULL AND $2 IS NULL",
        "SELECT date_trunc($1, at), count(*) FROM visits WHERE at > timestamptz $2 GROUP BY date_trunc($3, at)",
        "DELETE FROM visits WHERE at < now() - interval $1 day",
        "SELECT count(*) FROM visits WHERE n BETWEEN $1 - $2 AND $3 + $4",
        "SELECT count(*) FROM visits WHERE amount < $1 * $2",
        "SELECT count(*) FROM visits WHERE at::date >= date $1 AND at < date $2 + interval $3",
        "SELECT count(*) FROM visits WHERE day + $1 > now() AND at < $2 + $3",
        "SELECT jsonb_build_object($1, what, $2, n, $3, $4) FROM visits",
        "SELECT trim($1 FROM what), position($2 IN $3), substring($4 FROM $5 FOR $6) FROM visits",
        "SELECT overlay($1 PLACING $2 FROM $3) FROM visits",
        "SELECT * FROM visits WHERE what = $1 || $2",
        "SELECT * FROM visits WHERE n = ANY (ARRAY[$1, $2])",
        "SELECT * FROM visits WHERE ($1 IS NULL OR what = $2) AND n IN ($3 /*, ... */) FETCH FIRST $4 ROWS ONLY",
        "SELECT numeric(10, 2) $1, at AT TIME ZONE $2, make_interval(days => $3), $4::text[] FROM visits",
        "SELECT * FROM visits, generate_series($1, $2)",
        "SELECT DISTINCT date_trunc($1, at) FROM visits ORDER BY date_trunc($2, at) DESC",
    )
    seen = observe_texts(newest_database.dsn, texts)
    for text in texts:
        assert seen.plans(text, PlanMethod.GENERIC), (text, [gap.reason for gap in seen.gaps(text)])
        assert any(node.relation == "visits" for node in parse_plan(seen.plan(text).plan).walk())
    executed = seen.plan(texts[0], PlanMethod.EXECUTED)
    assert executed.rewritten and executed.parameters[0].source == "back to the 90% point of public.visits.at"
    assert not seen.plans(texts[3], PlanMethod.EXECUTED)
    between = next(text for text in texts if "BETWEEN" in text)
    assert seen.plan(between).rewritten and "::numeric" not in str(seen.plan(between).plan)
    reader = newest_database.role("reader", grants=["SELECT ON visits"])
    delete = next(text for text in texts if text.startswith("DELETE"))
    assert observe_texts(reader.dsn, (delete,)).plan(delete).equivalent_select


TPC_H = (
    "select sum(l_extendedprice * l_discount) as revenue from lineitem where l_shipdate >= date $1 and l_shipdate < "
    "date $2 + interval $3 and l_discount between $4 - $5 and $6 + $7 and l_quantity < $8",
    "select l_shipmode, sum(case when o_orderpriority = $1 or o_orderpriority = $2 then $3 else $4 end) as high from "
    "orders, lineitem where o_orderkey = l_orderkey and l_shipmode in ($5, $6) and l_commitdate < l_receiptdate and "
    "l_shipdate < l_commitdate and l_receiptdate >= date $7 and l_receiptdate < date $8 + interval $9 year "
    "group by l_shipmode order by l_shipmode",
    "select sum(l_extendedprice * ($1 - l_discount)) as revenue from lineitem, part where p_partkey = l_partkey and "
    "p_brand = $2 and p_container in ($3, $4) and l_quantity >= $5 and l_quantity <= $6 + $7 and p_size between $8 "
    "and $9",
)


@pytest.mark.server
def test_queries_of_tpc_h_are_planned_by_the_types_of_their_columns(newest_database: Database) -> None:
    newest_database.execute(
        """CREATE TABLE part (p_partkey int PRIMARY KEY, p_brand char(10), p_container char(10), p_size int);
           CREATE TABLE orders (o_orderkey int PRIMARY KEY, o_orderpriority char(15));
           CREATE TABLE lineitem (l_orderkey int, l_partkey int, l_quantity numeric(15, 2), l_extendedprice numeric,
             l_discount numeric(15, 2), l_shipdate date, l_commitdate date, l_receiptdate date, l_shipmode char(10))"""
    )
    seen = observe_texts(newest_database.dsn, TPC_H, OFF)
    assert seen.observation.gaps == []
    for text in TPC_H:
        plan = seen.plan(text)
        assert plan.rewritten, text
        # A column that is converted for the comparison would be of no use to an index.
        assert "(lineitem.l_discount)::" not in str(plan.plan) and "(lineitem.l_quantity)::" not in str(plan.plan)
        assert "(lineitem.l_shipdate)::" not in str(plan.plan)


@pytest.mark.server
def test_a_mended_text_does_not_break_out(database: Database) -> None:
    database.execute("CREATE TABLE precious (id int)")
    text = "SELECT interval $1; DROP TABLE precious"
    seen = observe_texts(database.dsn, (text,))
    assert seen.observation.plans == []
    assert database.execute("SELECT count(*) FROM precious") == [(0,)]
    with pytest.raises(psycopg.errors.UndefinedTable):
        database.execute("SELECT * FROM nowhere")


MOMENTS = (
    "SELECT * FROM visits WHERE day = current_date - $1",
    "SELECT * FROM visits WHERE day >= current_date - $1 AND day < current_date + $2",
    "SELECT day, count(*) FROM visits WHERE current_date - $1 <= day GROUP BY day",
    "SELECT * FROM visits WHERE at > now() - $1",
    "SELECT * FROM visits WHERE at > current_date - $1",
    "SELECT * FROM visits WHERE at BETWEEN now() - $1 AND now() + $2",
    "SELECT * FROM visits WHERE day + $1 > current_date",
    "UPDATE visits SET day = current_date - $1 WHERE id = $2",
)


@pytest.mark.server
def test_days_before_today_are_planned_as_what_an_index_on_the_column_is_good_for(newest_database: Database) -> None:
    newest_database.execute("CREATE TABLE visits (id int PRIMARY KEY, day date, at timestamptz)")
    seen = observe_texts(newest_database.dsn, MOMENTS, OFF)
    assert {text: gap.reason for text in MOMENTS for gap in seen.gaps(text)} == {}
    for text in MOMENTS:
        assert seen.plans(text, PlanMethod.GENERIC), (text, [gap.reason for gap in seen.gaps(text)])
        plan = str(seen.plan(text).plan)
        assert "(visits.day)::" not in plan and "(visits.at)::" not in plan, text
