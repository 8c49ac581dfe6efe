"""Indexes that an audit advises on a real server: each once, proved by a twin, right to run and to undo."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from pgadvisor.advise.planners import Planners
from pgadvisor.analyze import analyze_all
from pgadvisor.config import Config
from pgadvisor.facts import Facts
from pgadvisor.model.proposals import CreateIndex, DropIndex
from pgadvisor.model.whatif import Configuration
from pgadvisor.planner.protocol import Planner, PlannerError
from pgadvisor.progress import Progress
from pgadvisor.registry import load_rules
from support.audits import audit, pgadvisor
from support.databases import Database
from support.fake_planner import FakePlanner
from support.snapshots import snapshot

# A schema and tables whose names need quotes; each statement is run as often as an index wants to pay.
SCHEMA = """
CREATE SCHEMA "Sh""op";
SET search_path = "Sh""op";
CREATE TABLE "cust'omers" (id bigint PRIMARY KEY, name text NOT NULL);
CREATE TABLE "or%ders" (
  id bigint PRIMARY KEY,
  "cust om" bigint NOT NULL REFERENCES "cust'omers",
  placed timestamptz NOT NULL,
  state text NOT NULL,
  note text NOT NULL
);
INSERT INTO "cust'omers" SELECT n, 'n' || n FROM generate_series(1, 3000) n;
INSERT INTO "or%ders" SELECT n, n * 7919 % 3000 + 1, '2026-01-01'::timestamptz + n * interval '1 minute',
  CASE WHEN n % 500 = 0 THEN 'secret' ELSE 'done' END, repeat('x', 100) FROM generate_series(1, 30000) n;
CREATE INDEX placed ON "or%ders" (placed);
CREATE INDEX placed_too ON "or%ders" (placed);
CREATE INDEX placed_and_state ON "or%ders" (placed, state);
ANALYZE;
"""
WORK = (
    ('SELECT note FROM "Sh""op"."or%%ders" WHERE "cust om" = %s', [[1], [2], [3]]),
    (
        'SELECT c.name, o.note FROM "Sh""op"."cust\'omers" c JOIN "Sh""op"."or%%ders" o ON o."cust om" = c.id '
        "WHERE c.id = %s ORDER BY o.placed DESC LIMIT 5",
        [[1], [2], [3]],
    ),
    ('SELECT count(*) FROM "Sh""op"."or%%ders" WHERE placed < %s', [["2026-01-02"], ["2026-01-01 01:00"]]),
)
OPTIONS = ("--fail-on", "never", "--set", "sequential_scan_with_filter.min_total_ms=0")
SPARE = ("--set", "redundant_index.min_size_bytes=0")


@pytest.fixture
def shop(database: Database) -> Database:
    database.execute(SCHEMA)
    _work(database)
    return database


def _work(database: Database) -> None:
    for sql, parameters in WORK:
        for given in parameters * 10:
            database.execute(sql, given)
    database.settle()


def _made(report: dict[str, Any], kind: str) -> list[dict[str, Any]]:
    return [each for each in report["recommendations"] if each["proposal"]["type"] == kind]


def _run(database: Database, commands: Sequence[str]) -> None:
    with database.connect() as connection:
        for command in commands:
            connection.execute(command.encode())


@pytest.mark.server
def test_an_index_is_advised_once_proved_and_gone_from_the_report_when_it_is_built(
    shop: Database, tmp_path: Path
) -> None:
    kept = tmp_path / "s.json.gz"
    ran = audit(shop.dsn, "--planner", "twin", "--snapshot", kept, *OPTIONS, *SPARE)
    assert ran.code == 0, ran.err
    report = ran.report
    advice = report["index_advice"]
    assert (advice["created"], advice["workload"]["lose"]) == (1, 0)
    (made,) = _made(report, "create_index")
    # One index, for a statement that a rule found and one that only the planner did.
    assert made["proposal"]["definition"]["keys"][0]["column"] == "cust om"
    assert made["confidence"] == "proved"
    assert made["proof"].startswith("The planner of a twin of this server chooses it for 2 statements")
    assert "sequential_scan_with_filter" in " ".join(made["findings"])
    advised = made["advised"]
    assert advised["name"] == "idx_or_ders_cust_om"
    assert made["steps"][-1]["sql"].startswith(
        'CREATE INDEX CONCURRENTLY idx_or_ders_cust_om ON "Sh""op"."or%ders" ("cust om"'
    )
    gaining = [each for each in advised["effects"] if each["effect"] == "gains"]
    assert len(gaining) == 2
    assert all(each["cost_after"] < each["cost_before"] / 5 for each in gaining)
    before, after = gaining[0]["plans"]["before"], gaining[0]["plans"]["after"]
    assert "idx_or_ders_cust_om" in json.dumps(after)
    assert "idx_or_ders_cust_om" not in json.dumps(before)
    labels = " ".join(each["label"] for each in (*made["gain"], *made["price"]))
    assert all(each in labels for each in ("time saved, at least", "disk, estimated", "time to build, about"))
    # Both spare copies go, but not both that stand in for each other; no plan is worse without them.
    assert {each["advised"]["name"] for each in _made(report, "drop_index")} <= {"placed", "placed_too"}
    assert {each["confidence"] for each in _made(report, "drop_index")} == {"estimated"}
    order = [key.partition(":")[0] for key in report["action_plan"]]
    assert order == sorted(order, key=["create_index", "drop_index"].index)
    # The same snapshot gives the same report, byte for byte, and values of rows are in neither.
    again = pgadvisor("analyze", kept, "--json", "-", *OPTIONS, *SPARE)
    assert json.loads(again.out) == report
    assert "secret" not in again.out

    _run(shop, [step["sql"] for each in report["recommendations"] for step in each["steps"]])
    _work(shop)
    mended = audit(shop.dsn, "--planner", "twin", *OPTIONS, *SPARE).report
    assert _made(mended, "create_index") == _made(mended, "drop_index") == []
    assert mended["index_advice"]["created"] == 0

    undo = [step["undo"] for each in report["recommendations"] for step in reversed(each["steps"]) if step["undo"]]
    _run(shop, undo)
    _work(shop)
    undone = audit(shop.dsn, "--planner", "twin", *OPTIONS, *SPARE).report
    assert [each["key"] for each in _made(undone, "create_index")] == [made["key"]]


@pytest.mark.server
def test_without_a_planner_nothing_is_lost_but_the_proof(shop: Database, tmp_path: Path) -> None:
    kept = tmp_path / "s.json.gz"
    plain = audit(shop.dsn, "--snapshot", kept, *OPTIONS).report
    said = pgadvisor("analyze", kept, "--twin-server", "/nope", "--json", "-", *OPTIONS)
    assert said.code == 0, said.err
    report = said.report
    assert report["index_advice"] is None
    assert [each["key"] for each in report["findings"]] == [each["key"] for each in plain["findings"]]
    assert report["recommendations"] == plain["recommendations"]
    (outcome,) = (each for each in report["outcomes"] if each["rule"] == "missing_index")
    assert outcome["status"] == "not checked"
    (gap,) = outcome["gaps"]
    assert "/nope" in gap["reason"]
    assert "pgadvisor[embedded]" in gap["remedy"]
    assert gap in report["trust"]["gaps"]
    hypopg = pgadvisor("analyze", kept, "--planner", "hypopg", "--json", "-", *OPTIONS).report
    assert "only a snapshot" in json.dumps(hypopg["trust"]["gaps"])


def test_each_database_has_advice_of_its_own_or_the_reason_why_not() -> None:
    """One that no planner can be had for takes nothing from the others."""

    def of(database: str) -> Any:
        table = {"rows": 1e5, "columns": ["a bigint", "b bigint"]}
        text = {"id": "7", "text": "select * from t where a = $1", "calls": 100, "total_ms": 50_000}
        made = snapshot({"tables": {"public.t": table}, "statements": [text]})
        oid = sum(map(ord, database))
        return replace(made, server=replace(made.server, database=database, database_oid=oid))

    report = analyze_all([of("one"), of("two")], Config(), load_rules(), planners=_opener("two"))
    assert set(report.index_advice_by_database) == {"one"}
    assert report.index_advice is None
    (gap,) = (each for each in report.trust.gaps if each.fact.value == "index_advice")
    assert "There is none for it" in gap.reason
    assert {each.database for each in report.findings if each.rule == "missing_index"} <= {"one"}


def test_drops_stand_without_the_indexes_that_a_rule_failed_to_tell_of() -> None:
    table = {
        "rows": 1e6,
        "columns": ["a bigint", "b bigint", "c bigint"],
        "indexes": {"t_c": "btree (c)"},
        "index_bytes": {"t_c": 20_000_000},
    }
    text = {"id": "7", "text": "select * from t where a = $1", "calls": 100, "total_ms": 500_000}
    made = snapshot({"tables": {"public.t": table}, "statements": [text]})

    def crashing(facts: Facts, _options: Any) -> Iterator[Any]:
        assert facts.advice is not None
        yield from ()
        raise RuntimeError("it failed")

    def tree(_question: object, configuration: Configuration) -> str:
        if any(each.keys[0].column == "a" for each in configuration.create):
            return "Index Scan using idx_t_a on public.t cost=5 rows=1 index cond: (a = $1)"
        return "Seq Scan on public.t cost=100000 rows=1 filter: (a = $1)"

    @contextmanager
    def opened(_facts: Facts, _progress: Progress) -> Iterator[Planner]:
        yield FakePlanner(tree)

    loaded = load_rules()
    quiet = [rule for rule in loaded if rule.name not in ("sequential_scan_with_filter", "stale_statistics")]
    whole = analyze_all([made], Config(), quiet, planners=opened)
    assert [type(each.proposal) for each in whole.recommendations] == [CreateIndex, DropIndex]
    failing = [dataclasses.replace(rule, check=crashing) if rule.name == "missing_index" else rule for rule in quiet]
    report = analyze_all([made], Config(), failing, planners=opened)
    (dropped,) = report.recommendations
    assert dropped.advised is not None
    assert (dropped.advised.name, dropped.confidence.value) == ("t_c", "estimated")
    assert report.index_advice is not None
    assert report.index_advice.created == 0
    assert [each.error is None for each in report.outcomes if each.rule == "missing_index"] == [False]


def _opener(refused: str) -> Planners:
    @contextmanager
    def opened(facts: Facts, _progress: Progress) -> Iterator[Planner]:
        if facts.server.database == refused:
            raise PlannerError("There is none for it")
        yield FakePlanner(lambda _question, _configuration: "Seq Scan on public.t cost=1000 rows=1 filter: (a = $1)")

    return opened
