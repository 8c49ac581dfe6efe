"""Texts that normalisation made unreadable to the server are planned all the same."""

from __future__ import annotations

import psycopg
import pytest
from psycopg import errors

from pgadvisor.model.plan_reading import parse_plan
from pgadvisor.model.plans import PlanMethod
from pgadvisor.planner.mended import mended
from support.databases import Database
from support.planning import observe_texts

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
        ("SELECT 1 FROM t GROUP BY", None),
    ],
)
def test_group_by(text: str, expected: str | None) -> None:
    assert mended(text, errors.GroupingError(), V18) == expected


def test_other_errors_and_very_long_texts_are_left_alone() -> None:
    assert mended("SELECT interval $1", errors.UndefinedTable(), V18) is None
    assert mended("SELECT interval $1" + ", 1" * 5_000, errors.SyntaxError(), V18) is None


@pytest.mark.server
def test_mended_texts_are_planned_and_not_executed(any_database: Database) -> None:
    any_database.execute(
        """CREATE TABLE visits (at timestamptz, what text);
           INSERT INTO visits SELECT now() - i * interval '1 h', 'w' FROM generate_series(1, 100) i; ANALYZE visits"""
    )
    texts = (
        "SELECT count(*) FROM visits WHERE at > now() - interval $1",
        "SELECT extract($1 FROM at) FROM visits",
        "SELECT date_trunc($1, at), count(*) FROM visits WHERE what = $2 GROUP BY date_trunc($3, at) ORDER BY $4",
        "SELECT * FROM visits WHERE $1 IS NULL AND $2 IS NULL",
        "SELECT date_trunc($1, at), count(*) FROM visits WHERE at > timestamptz $2 GROUP BY date_trunc($3, at)",
        "DELETE FROM visits WHERE at < now() - interval $1 day",
    )
    seen = observe_texts(any_database.dsn, texts)
    for text in texts:
        assert [plan.method for plan in seen.plans(text)] == [PlanMethod.GENERIC], text
        assert any(node.relation == "visits" for node in parse_plan(seen.plan(text).plan).walk())
    reader = any_database.role("reader", grants=["SELECT ON visits"])
    assert observe_texts(reader.dsn, texts).plan(texts[-1]).equivalent_select


@pytest.mark.server
def test_a_mended_text_does_not_break_out(database: Database) -> None:
    database.execute("CREATE TABLE precious (id int)")
    text = "SELECT interval $1; DROP TABLE precious"
    seen = observe_texts(database.dsn, (text,))
    assert seen.observation.plans == []
    assert database.execute("SELECT count(*) FROM precious") == [(0,)]
    with pytest.raises(psycopg.errors.UndefinedTable):
        database.execute("SELECT * FROM nowhere")
