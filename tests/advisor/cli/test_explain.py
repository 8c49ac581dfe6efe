"""`explain` as a user runs it: on servers and on files."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from support.audits import Ran, pgadvisor
from support.databases import Database

pytestmark = pytest.mark.server

SCHEMA = """
CREATE SCHEMA "Odd";
CREATE TABLE "Odd"."Order's" (id int PRIMARY KEY, status text, email text, note text);
INSERT INTO "Odd"."Order's"
SELECT i, CASE WHEN i % 1000 = 0 THEN 'rare' ELSE 'common' END, 'user' || i || '@example.org', repeat('x', 50)
FROM generate_series(1, 20000) AS i;
CREATE INDEX status_idx ON "Odd"."Order's" (status);
ANALYZE "Odd"."Order's";
"""
TABLE = '"Odd"."Order\'s"'
BY_STATUS = f"SELECT note FROM {TABLE} WHERE status = 'rare'"


@pytest.fixture
def shop(newest_database: Database) -> Database:
    newest_database.execute(SCHEMA)
    return newest_database


def _explanation(ran: Ran) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(ran.out)
    return found


def test_a_statement_with_its_values(shop: Database) -> None:
    ran = pgadvisor("explain", BY_STATUS, shop.dsn, "--json", "-", "--show-values")
    assert ran.code == 0
    found = _explanation(ran)
    assert found["text"] == f"SELECT note FROM {TABLE} WHERE status = $1"
    assert found["statement"] is None
    (condition,) = found["shape"]["conditions"]
    assert (condition["use"], condition["indexes"]) == ("served", ["status_idx"])
    assert condition["most_common_fraction"] > 0.99
    sides = {side["label"]: side for side in found["plans"]}
    assert {"unknown values", "a common value", "the values given"} <= sides.keys()
    assert sides["the values given"]["values"] == ["$1 = rare (text, given)"]
    assert "status_idx" in sides["the values given"]["summary"][0]
    assert sides["a common value"]["summary"] == ["Seq Scan on Order's"]
    assert sides["a common value"]["estimated_rows"] > 100 * sides["the values given"]["estimated_rows"]


def test_values_are_masked_unless_shown(shop: Database, tmp_path: Path) -> None:
    page = tmp_path / "page.html"
    ran = pgadvisor("explain", BY_STATUS, shop.dsn, "--html", page)
    assert ran.code == 0
    told = ran.out + page.read_text()
    assert "status_idx" in told
    assert "rare'" not in told
    assert "= rare" not in told


def test_a_counted_statement_by_its_id_and_by_its_text(shop: Database) -> None:
    for number in range(12):
        shop.execute(f"SELECT note FROM {TABLE} WHERE id = {number}")
    sought = f"select note from {TABLE} where id = 77 -- of mine"
    by_text = _explanation(pgadvisor("explain", sought, shop.dsn, "--json", "-"))
    assert by_text["statement"]["calls"] == 12
    assert any(side["execution_ms"] is not None for side in by_text["plans"])
    query_id = by_text["statement"]["query_id"]
    by_id = _explanation(pgadvisor("explain", "--json", "-", "--", query_id, shop.dsn))
    assert by_id["text"] == f"SELECT note FROM {TABLE} WHERE id = $1"
    assert by_id["statement"]["total_ms"] == by_text["statement"]["total_ms"]
    gone = pgadvisor("explain", "--", "-12345", shop.dsn)
    assert (gone.code, gone.out) == (2, "")
    assert "no statement of the id -12345" in gone.err


def test_nothing_is_written_and_nothing_run_that_was_not_asked_for(shop: Database) -> None:
    write = f"UPDATE {TABLE} SET note = 'changed' WHERE status = 'common'"
    ran = pgadvisor("explain", write, shop.dsn, "--run", "--json", "-")
    assert ran.code == 0
    assert _explanation(ran)["shape"]["written"] == ['"Order\'s".note']
    assert shop.execute(f"SELECT count(*) FROM {TABLE} WHERE note = 'changed'") == [(0,)]
    unrun = _explanation(pgadvisor("explain", BY_STATUS, shop.dsn, "--json", "-"))
    assert all(side["actual_rows"] is None for side in unrun["plans"])
    assert any(gap["remedy"] == "Use --run." for gap in unrun["gaps"])
    run = _explanation(pgadvisor("explain", BY_STATUS, shop.dsn, "--run", "--json", "-"))
    assert 20 in [side["actual_rows"] for side in run["plans"]]


def test_what_hides_a_column_limits_it(shop: Database) -> None:
    found = _explanation(
        pgadvisor("explain", f"SELECT id FROM {TABLE} WHERE lower(email) = 'x'", shop.dsn, "--json", "-")
    )
    (condition,) = found["shape"]["conditions"]
    assert (condition["use"], condition["text"]) == ("hidden", "lower(email) = $1")
    assert any("the function lower stands around the column" in each["sentence"] for each in found["limitations"])


def test_conditions_that_other_indexes_serve(shop: Database) -> None:
    shop.execute(
        "CREATE TABLE things (id int PRIMARY KEY, kind text, name text, tags text[], made date, gone date); "
        "INSERT INTO things SELECT i, CASE WHEN i % 1000 = 0 THEN 'rare' ELSE 'common' END, 'n' || i, "
        "ARRAY['t' || i], date '2020-01-01' + i, CASE WHEN i % 1000 = 0 THEN date '2020-01-01' + i END "
        "FROM generate_series(1, 20000) AS i; "
        "CREATE INDEX by_tags ON things USING gin (tags); CREATE INDEX by_name ON things (lower(name)); "
        "CREATE INDEX of_rare ON things (made) WHERE kind = 'rare'; CREATE INDEX when_gone ON things (gone) "
        "WHERE gone IS NOT NULL; ANALYZE things"
    )

    def uses(where: str) -> list[tuple[str, list[str]]]:
        found = _explanation(pgadvisor("explain", f"SELECT id FROM things WHERE {where}", shop.dsn, "--json", "-"))
        assert not any("plain index" in each["sentence"] for each in found["limitations"])
        return [(each["use"], each["indexes"]) for each in found["shape"]["conditions"]]

    assert uses("tags @> ARRAY['t7']") == [("served", ["by_tags"])]
    assert uses("lower(name) = 'n7'") == [("served", ["by_name"])]
    assert uses("id = 7 OR tags @> ARRAY['t7']") == [("served", ["things_pkey"]), ("served", ["by_tags"])]
    # An index on some rows serves a condition that asks for no more than those.
    assert uses("made = '2020-02-03'") == [("not served", [])]
    assert uses("gone = '2022-09-27'") == [("served", ["when_gone"])]


def test_bytes_that_are_no_text(shop: Database) -> None:
    ran = pgadvisor("explain", f"SELECT id FROM {TABLE} WHERE status = '\udc80'", shop.dsn)
    assert ran.code == 0
    assert "Traceback" not in ran.err


def test_a_file_is_asked_no_server(shop: Database, tmp_path: Path) -> None:
    for number in range(12):
        shop.execute(f"SELECT note FROM {TABLE} WHERE id = {number}")
    file = tmp_path / "snapshot.json.gz"
    assert pgadvisor("collect", shop.dsn, "-o", file, "-q").code in (0, 3)
    nowhere = {"PGHOST": str(tmp_path), "PGPORT": "1"}
    known = pgadvisor("explain", f"SELECT note FROM {TABLE} WHERE id = 5", file, "--json", "-", env=nowhere)
    assert known.code == 0
    assert _explanation(known)["statement"]["calls"] == 12
    unknown = pgadvisor("explain", BY_STATUS, file, "--json", "-", env=nowhere)
    assert unknown.code == 3
    assert _explanation(unknown)["shape"]["conditions"][0]["indexes"] == ["status_idx"]
    assert _explanation(unknown)["plans"] == []
    for option, *value in (("--run",), ("--as", "app"), ("--max-explains", "5"), ("--schema", "public")):
        ran = pgadvisor("explain", BY_STATUS, file, option, *value)
        assert (ran.code, ran.out) == (2, "")
        assert f"Give a DSN, or leave out {option}." in " ".join(ran.err.split())


@pytest.mark.parametrize(
    ("sql", "said"),
    [
        ("SELEC 1", "not a statement of PostgreSQL"),
        ("SELECT 1; DROP TABLE x", "several commands"),
        ("SELECT * FROM no_such_table", "no_such_table"),
        ("VACUUM", "It is a utility command"),
    ],
)
def test_what_cannot_be_planned_is_said(database: Database, sql: str, said: str) -> None:
    ran = pgadvisor("explain", sql, database.dsn)
    assert ran.code == 3
    assert said in " ".join(ran.out.split())
    assert "Traceback" not in ran.err


def test_bad_usage(database: Database, tmp_path: Path) -> None:
    for arguments, said in (
        (("", database.dsn), "There is no statement to explain"),
        (("SELECT 1", "postgresql://nowhere.invalid:1/x"), "nowhere.invalid"),
        (("SELECT 1", database.dsn, "--as", "nobody's"), 'There is no role "nobody\'s"'),
        (("SELECT 1", Path(__file__)), "test_explain.py"),
        (("SELECT 1", "nosuch.json.gz"), "There is no file nosuch.json.gz"),
        (("-12345", database.dsn), "Put -- before a query id"),
    ):
        ran = pgadvisor("explain", *arguments)
        assert ran.code in (2, 4)
        assert said in " ".join(ran.err.split())
        assert "Traceback" not in ran.err


def test_as_another_role(database: Database) -> None:
    database.execute("CREATE SCHEMA tenant; CREATE TABLE tenant.orders (id int PRIMARY KEY)")
    role = database.role("tenant's", grants=["USAGE ON SCHEMA tenant", "SELECT ON tenant.orders"])
    database.execute(f'ALTER ROLE "{role.name}" SET search_path = tenant')
    alone = pgadvisor("explain", "SELECT id FROM orders WHERE id = 1", database.dsn)
    assert alone.code == 3
    ran = pgadvisor("explain", "SELECT id FROM orders WHERE id = 1", database.dsn, "--as", role.name, "--json", "-")
    assert ran.code == 0
    found = _explanation(ran)
    assert found["shape"]["relations"][0]["name"] == "tenant.orders"
    assert found["plans"][0]["plan"]["role"] == role.name


def test_what_its_constants_tell_is_known(database: Database) -> None:
    database.execute(
        "CREATE TABLE people (id int PRIMARY KEY, name text); CREATE INDEX ON people (name text_pattern_ops)"
    )
    for pattern, use in (("'%son'", "hidden"), ("'Jo%'", "served")):
        ran = pgadvisor("explain", f"SELECT id FROM people WHERE name LIKE {pattern}", database.dsn, "--json", "-")
        (condition,) = _explanation(ran)["shape"]["conditions"]
        assert (condition["use"], condition["text"]) == (use, "name LIKE $1"), pattern
