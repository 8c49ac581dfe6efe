"""`whatif` as a user runs it: from a file, with a twin, and on a server."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import msgspec
import pytest
from msgspec.structs import replace

from pgadvisor.config import Config
from pgadvisor.facts import Facts
from pgadvisor.masking import MASK
from pgadvisor.model.objects import Function, Tablespace
from pgadvisor.model.server import Extension
from pgadvisor.model.whatif import PlannerChoice
from pgadvisor.planner.protocol import PlannerError
from pgadvisor.planner.twin.settings import refused_setting
from pgadvisor.snapshots.file import read_snapshots, write_snapshots
from pgadvisor.whatif import Wish, WishError, whatif_collected, whatif_live
from support.audits import Ran, pgadvisor
from support.databases import Database
from support.snapshots import snapshot

pytestmark = pytest.mark.server

SCHEMA = """
CREATE SCHEMA "Odd";
CREATE TABLE "Odd"."Order's" (id int PRIMARY KEY, customer int, status text, note text);
INSERT INTO "Odd"."Order's"
SELECT i, i % 5000, CASE WHEN i % 1000 = 0 THEN 'rare' ELSE 'common' END, repeat('x', 50)
FROM generate_series(1, 20000) AS i;
CREATE INDEX status_idx ON "Odd"."Order's" (status);
"""
TABLE = '"Odd"."Order\'s"'
BY_CUSTOMER = f"SELECT note FROM {TABLE} WHERE customer = 77"
BY_STATUS = f"SELECT note FROM {TABLE} WHERE status = 'rare'"
CREATE = f'CREATE INDEX "By ""customer""" ON {TABLE} (customer)'


@pytest.fixture
def shop(database: Database) -> Database:
    database.execute(SCHEMA)
    database.execute(f"VACUUM ANALYZE {TABLE}")
    for _ in range(3):
        database.execute(BY_CUSTOMER)
        database.execute(BY_STATUS)
    return database


@pytest.fixture
def file(shop: Database, tmp_path: Path) -> Path:
    path = tmp_path / "shop.json.gz"
    assert pgadvisor("collect", shop.dsn, "-o", path, "-q").code in (0, 3)
    return path


def _result(ran: Ran) -> dict[str, Any]:
    assert ran.code == 0, ran.err
    found: dict[str, Any] = json.loads(ran.out)
    return found


def _one(result: dict[str, Any], column: str) -> dict[str, Any]:
    (found,) = [
        each for each in result["statements"] if f"WHERE {column} = $1" in each["text"] and "note" in each["text"]
    ]
    assert isinstance(found, dict)
    return found


def test_from_a_file_no_server_is_asked(shop: Database, file: Path, tmp_path: Path) -> None:
    nowhere = {"PGHOST": str(tmp_path), "PGPORT": "1"}
    page = tmp_path / "page.html"
    ran = pgadvisor(
        "whatif", file, "--create", CREATE, "--drop", "status_idx", "--set", "work_mem=64MB", "--html", page,
        "--json", "-", env=nowhere,
    )  # fmt: skip
    result = _result(ran)
    gains = _one(result, "customer")
    assert (gains["effect"], gains["calls"]) == ("gains", 3)
    assert gains["cost_before"] > 10 * gains["cost_after"]
    assert gains["plans"]["before"]["plan"]["Plan"]["Node Type"] == "Seq Scan"
    assert 'By "customer"' in " ".join(gains["plans"]["changes"])
    (created,) = result["created"]
    assert (created["name"], created["table"]) == ('By "customer"', "Odd.Order's")
    assert 100_000 < created["size_bytes"] < 600_000
    assert result["dropped"][0]["size_bytes"] > 100_000
    loses = _one(result, "status")
    assert (loses["effect"], loses["cost_after"] > loses["cost_before"]) == ("loses", True)
    fidelity = result["fidelity"]
    assert fidelity["compared"] >= 2
    assert fidelity["same"] == fidelity["near"] == fidelity["compared"]
    # The page and the terminal tell the same.
    assert "Statements that gain" in page.read_text()
    # The index that was imagined really makes this of it.
    shop.execute(CREATE)
    shop.execute(f"VACUUM {TABLE}")
    ((plan,),) = shop.execute(f"EXPLAIN (GENERIC_PLAN, FORMAT JSON) {gains['text']}")
    real = plan[0]["Plan"]["Total Cost"]
    assert abs(gains["cost_after"] - real) < 0.02 * real
    ((size,),) = shop.execute("SELECT pg_relation_size(oid) FROM pg_class WHERE relname = 'By \"customer\"'")
    assert abs(created["size_bytes"] - size) < 0.3 * size


def test_as_it_is_with_a_statement_of_the_users_own(file: Path) -> None:
    query = f"SELECT id FROM {TABLE} WHERE customer = 5 AND status = 'secret'"
    known = _one(_result(pgadvisor("whatif", file, "--json", "-")), "status")["query_id"]
    ran = pgadvisor("whatif", file, "--query", query, "--query", known)
    assert ran.code == 0, ran.err
    assert "What the planner says as it is" in ran.out
    assert "cost equal within 0.1%" in " ".join(ran.out.split())
    assert ran.out.count("Plans of ") == 2
    # The text is shown as it was typed; its values are masked in plans.
    assert (ran.out.count("secret"), query in ran.out) == (1, True)
    assert "For the values given ($1 = …; $2 = …)" in " ".join(ran.out.split())


def test_what_cannot_be_used_is_said(tmp_path: Path) -> None:
    """Before any planner is asked: by the catalog of the snapshot alone."""
    file = tmp_path / "shop.json.gz"
    table = {"columns": ["id int", "customer int"], "indexes": {"status_idx": "btree (customer)"}}
    one = snapshot({"tables": {"public.orders": table}, "settings": {"work_mem": "4096"}})
    fast = (Tablespace(oid=1663, name="pg_default"), Tablespace(oid=20000, name="fast"))
    one = replace(one, catalog=replace(one.catalog, tablespaces=fast))
    other = replace(one, server=replace(one.server, database="other", database_oid=7))
    wishes = (
        ({"create": ("CREATE INDEX ON orders (custmer)",)}, "did you mean customer?"),
        ({"drop": ("statusidx",)}, "Did you mean public.status_idx?"),
        (
            {"settings": ("work_men=1MB",)},
            "plans hang on no setting of this name. Did you mean work_mem?",
        ),
        ({"settings": ("nosuch=1",)}, "Some that they do: work_mem, random_page_cost"),
        ({"settings": ("work_mem",)}, "a setting and its value are wanted"),
        ({"settings": ("work_mem=1MB", "WORK_MEM = 2MB")}, "--set work_mem is given twice"),
        (
            {"create": ("CREATE INDEX ON orders (id) TABLESPACE fst",)},
            "no tablespace fst on the audited server. Did you mean fast?",
        ),
        (
            {"create": ("CREATE INDEX IF NOT EXISTS status_idx ON orders (id)",)},
            "exists already, so that IF NOT EXISTS would do nothing",
        ),
        (
            {"twin_server": "/nowhere"},
            "--twin-server /nowhere: no PostgreSQL server programs found in /nowhere; name the folder",
        ),
        ({"planner": PlannerChoice.RECORDED}, "Leave out --planner recorded"),
        ({"queries": ("123456789",)}, "There is no text of a statement of the id 123456789."),
        ({"queries": (" ",)}, "--query is empty"),
        ({"database": "third"}, "The file is not on a database third; it has shop."),
        ({"planner": PlannerChoice.LIVE}, "--planner live asks the server: give a DSN"),
    )
    for given, message in wishes:
        with pytest.raises((WishError, PlannerError)) as caught:
            whatif_collected((one,), msgspec.convert(given, Wish), Config())
        assert message in str(caught.value)
    with pytest.raises(WishError, match="say which by --database"):
        whatif_collected((one, other), Wish(), Config())
    write_snapshots(file, (one,))
    for arguments, message in (
        (["--drop", "statusidx"], "Did you mean public.status_idx?"),
        (["--save", "x.json.gz"], "is collected already. Give a DSN"),
        (["--schema", "public"], "Give a DSN, or leave out --schema."),
        (["--max-explains", "0"], "Give a DSN, or leave out --max-explains."),
    ):
        ran = pgadvisor("whatif", file, *arguments)
        assert (ran.code, ran.out) == (2, "")
        assert message in " ".join(ran.err.split())
    ran = pgadvisor("whatif", "dbname=nowhere", "--database", "shop")
    assert (ran.code, "Name the database in the DSN" in ran.err) == (2, True)


def test_a_twin_is_made_of_no_more_than_is_asked_about(monkeypatch: pytest.MonkeyPatch) -> None:
    columns = {"columns": ["id int", "kind text"], "rows": 10_000}
    tables: dict[str, Any] = {f"public.t{n}": columns for n in range(120)}
    tables["public.t1"] = columns | {"indexes": {"kinds": "btree (kind)"}}
    tables["public.t5"] = columns | {"constraints": {"five": "foreign key (id) references public.t6 (id)"}}
    one = snapshot({"tables": tables, "statements": [{"id": "7", "text": "SELECT id FROM t0 WHERE kind = $1"}]})
    function = Function(
        oid=7,
        schema="public",
        name="mine",
        language="sql",
        owner="o",
        volatility="i",
        cost=1,
        arguments="text",
        result="text",
    )
    one = replace(one, catalog=replace(one.catalog, functions=(function,)))
    built: list[set[str]] = []

    def twins(facts: Facts, **_: object) -> None:
        built.append({relation.name for relation in facts.relations.values()})
        raise PlannerError("that is all")

    monkeypatch.setattr("pgadvisor.planner.twin.several.twins", twins)
    change = {
        "create": ("CREATE INDEX ON t2 (lower(kind))",),
        "drop": ("kinds",),
        "queries": ("SELECT kind FROM t3", "SELECT id FROM t5"),
    }
    needed = {"t0", "t1", "t2", "t3", "t5", "t6"}
    for given, names in (
        (change, needed),
        (change | {"settings": ("work_mem=1MB",)}, needed),
        # Names may then stand for other tables, and a function may need any of them.
        (change | {"settings": ("search_path=other",)}, {*needed, "t99"}),
        ({"create": ("CREATE INDEX ON t2 (mine(kind))",)}, {*needed, "t99"}),
    ):
        with pytest.raises(PlannerError, match="that is all"):
            whatif_collected((one,), msgspec.convert(given, Wish), Config())
        assert built[-1] == names if "t99" not in names else built[-1] > names


def test_where_no_twin_can_be_had_no_server_is_asked_instead(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    plain = snapshot({"tables": {"public.orders": {"columns": ["id int"]}}})
    hypopg = Extension(name="hypopg", version="1.4.1", schema="public")
    one = replace(plain, server=replace(plain.server, extensions=(*plain.server.extensions, hypopg)))
    monkeypatch.setattr("pgadvisor.whatif.collect", lambda *_: one)
    programs = tmp_path / "bin"
    programs.mkdir()
    for name in ("postgres", "initdb"):
        (programs / name).write_text('#!/bin/sh\necho "$0 (PostgreSQL) 18.1"; test "$1" = --version\n')
        (programs / name).chmod(0o755)
    tmp_path.chmod(0o755)
    kept: list[object] = []
    with pytest.raises(PlannerError, match=r"initdb.*The audited server has HypoPG, which --planner hypopg asks"):
        whatif_live("host=/nowhere", Wish(twin_server=str(programs / "postgres")), Config(), keep=kept.append)
    assert kept == [one]


def test_on_a_server_by_the_server_itself(shop: Database, tmp_path: Path) -> None:
    kept = tmp_path / "kept.json.gz"
    ran = pgadvisor(
        "whatif", shop.dsn, "--planner", "live", "--set", "enable_indexscan=off", "--set", "enable_bitmapscan=off",
        "--save", kept, "--json", "-", "--execute", "off",
    )  # fmt: skip
    result = _result(ran)
    assert result["planner"]["kind"] == "live server"
    assert _one(result, "status")["effect"] == "loses"
    # What the server said is said again without it.
    again = pgadvisor(
        "whatif", kept, "--planner", "recorded", "--set", "enable_indexscan=off", "--set", "enable_bitmapscan=off",
        "--json", "-", env={"PGHOST": str(tmp_path), "PGPORT": "1"},
    )  # fmt: skip
    replayed = _result(again)
    assert replayed["planner"]["kind"] == "recorded"
    for told in ("effect", "cost_before", "cost_after", "reason"):
        assert [each[told] for each in replayed["statements"]] == [each[told] for each in result["statements"]]
    other = pgadvisor("whatif", kept, "--planner", "recorded", "--set", "work_mem=1GB")
    assert (other.code, other.out) == (3, "")
    assert "holds no answer of this configuration" in " ".join(other.err.split())
    said = " ".join(other.err.split())
    assert (
        "It holds those of: what is, without a change; --set enable_bitmapscan=off --set enable_indexscan=off." in said
    )


def test_secrets_in_answers_do_not_reach_the_file(shop: Database, tmp_path: Path) -> None:
    shop.execute("CREATE TABLE account (id int, password text); INSERT INTO account VALUES (1, 'x')")
    kept = tmp_path / "kept.json.gz"
    ran = pgadvisor(
        "whatif", shop.dsn, "--planner", "live", "--query", "SELECT id FROM account WHERE password = 'hunter2'",
        "--save", kept, "--json", "-", "--execute", "off",
    )  # fmt: skip
    _result(ran)
    (one,) = read_snapshots(kept)
    answers = [each for each in one.answers if each.plan is not None and "password" in json.dumps(each.plan)]
    assert len(answers) == 2
    assert {each.values for each in answers} == {None, (MASK,)}
    assert "hunter2" not in gzip.decompress(kept.read_bytes()).decode()


def test_what_a_twin_answered_is_kept_and_said_again_without_one(shop: Database, tmp_path: Path) -> None:
    kept = tmp_path / "kept.json.gz"
    wish = ("--create", CREATE, "--query", BY_CUSTOMER, "--json", "-")
    first = _result(pgadvisor("whatif", shop.dsn, *wish, "--save", kept, "--execute", "off"))
    again = _result(pgadvisor("whatif", kept, *wish, "--planner", "recorded"))
    assert (first["planner"]["kind"], again["planner"]["kind"]) == ("twin", "recorded")
    for told in ("created", "statements", "workload", "fidelity", "shortcomings"):
        plain = [json.dumps(each[told]).replace(f"by {kind},", "by") for each, kind in ((first, "twin"), (again, ""))]
        assert plain[0].replace("twin, ", "") == plain[1].replace("recorded, ", "")


def test_what_cannot_answer_is_refused_before_anything_is_collected(shop: Database, tmp_path: Path) -> None:
    shop.execute("SELECT pg_stat_statements_reset()")
    kept = tmp_path / "kept.json.gz"
    for planner, code, message in (
        ("live", 3, "indexes that it has. Leave out --planner live"),
        ("recorded", 2, "give its file in place of a DSN"),
        ("hypopg", 3, "does not have the extension hypopg"),
    ):
        ran = pgadvisor("whatif", shop.dsn, "--planner", planner, "--create", CREATE, "--save", kept)
        assert (ran.code, ran.out, kept.exists()) == (code, "", False)
        assert message in " ".join(ran.err.split())
    ((asked,),) = shop.execute("SELECT count(*) FROM pg_stat_statements WHERE query ~ 'pg_class|pg_stats'")
    assert asked == 0


def test_what_was_typed_wrong_is_exit_2(file: Path) -> None:
    """Whether the snapshot tells, or the planner."""
    for option, given, message in (
        ("--set", "shared_buffers=1GB", "it is no setting that a session may make"),
        ("--create", f"CREATE INDEX status_idx ON {TABLE} (id)", 'name "Odd".status_idx is taken already'),
        ("--query", "DROP TABLE orders", "DROP is a utility command"),
        ("--query", "SELECT 1; SELECT 2", "--query holds 2 commands"),
        ("--set", "work_mem=lots", "It takes a whole number from 64 to 2147483647, in kB unless"),
        ("--create", f"CREATE INDEX ON {TABLE} USING gin (id)", "no default operator class"),
        ("--query", "SELECT 1 FRM nowhere", "--query cannot be planned. The server does not accept it"),
        ("--query", f"SELECT custmer FROM {TABLE}", "Did you mean customer?"),
    ):
        ran = pgadvisor("whatif", file, option, given)
        assert ran.code == 2, (ran.out, ran.err)
        assert message in " ".join(ran.err.split())
        assert ran.out == ""


def test_a_refused_setting_is_told_with_what_it_takes(database: Database) -> None:
    with database.connect() as connection:
        for name, value, message in (
            ("work_mem", "lots", "It takes a whole number from 64 to 2147483647, in kB unless"),
            ("random_page_cost", "-1", "It takes a number from 0 to "),
            ("enable_sort", "perhaps", "It takes on or off."),
            ("constraint_exclusion", "perhaps", "It takes one of partition, on, off."),
        ):
            assert message in refused_setting(connection, name, value)
