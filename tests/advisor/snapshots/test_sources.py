"""Statements of files among a server's: in looks that are put together, redacted and sealed."""

from __future__ import annotations

import json
from typing import Any

import msgspec
import pytest

from pgadvisor.facts import Facts
from pgadvisor.masking import MASK
from pgadvisor.model.plans import PlanMethod
from pgadvisor.model.snapshot import Snapshot
from pgadvisor.model.statements import SourceKind, Statements, StatementSource
from pgadvisor.snapshots.delta import between
from pgadvisor.snapshots.merge import merge
from pgadvisor.snapshots.redaction import redacted
from pgadvisor.snapshots.sealing import sealed
from pgadvisor.snapshots.sources import MAX_PLANS, MAX_SAMPLES, put_in
from pgadvisor.workload.fingerprint import fingerprint
from pgadvisor.workload.sources.gather import Counted, Gathered
from pgadvisor.workload.sources.source import SourceCall, SourceStatement, SourceWorkload
from support.looks import look
from support.snapshots import snapshot

TABLES = {"public.orders": {"columns": ["id bigint", "note text", "api_key text"]}}
SERVER = "select * from orders where note = $1"
LISTS = "select * from orders where id in ($1, $2)"
PLAN = {"Plan": {"Node Type": "Seq Scan", "Filter": "(note = 'canaryplan'::text)"}}


def data(**more: Any) -> dict[str, Any]:
    statements = [{"id": "1", "text": SERVER, "calls": 5, "total_ms": 50.0, **more}]
    return {"tables": TABLES, "statements": statements}


def workload(kind: SourceKind, *statements: SourceStatement, name: str = "app") -> SourceWorkload:
    return SourceWorkload(StatementSource(kind=kind, name=name), {each.fingerprint: each for each in statements})


def statement(text: str, calls: int = 2, total_ms: float = 8.0, **more: Any) -> SourceStatement:
    return SourceStatement(fingerprint(text), text, calls=calls, total_ms=total_ms, max_ms=total_ms, **more)


def counted(made: Snapshot) -> dict[str, tuple[int, float]]:
    return {each.query_id: (each.calls, each.total_ms) for each in Facts(made, {}).statements.values()}


def statements_of(made: Snapshot) -> Statements:
    assert made.statements is not None
    return made.statements


OWN = "f" + fingerprint(LISTS)


def test_files_add_up_and_logs_fill_in() -> None:
    file = workload(SourceKind.SQL_FILE, statement(SERVER), statement(LISTS), statement("call f()"), name="app.sql")
    export = workload(SourceKind.EXPORT, statement("SELECT * FROM orders WHERE id IN ($1)"))
    told = (statement(SERVER, query_id="1"), statement(LISTS), statement("select 1 from orders"))
    log = workload(SourceKind.LOG, *told, name="app.log")
    made = put_in(snapshot(data()), [log, file, export], 100)
    assert counted(made) == {
        "1": (7, 58.0),
        OWN: (4, 16.0),
        "f" + fingerprint("select 1 from orders"): (2, 8.0),
        "f" + fingerprint("call f()"): (2, 8.0),
    }
    assert [source.counted for source in statements_of(made).sources] == [False, True, True]
    assert [(gap.scope, gap.reason) for gap in made.coverage.gaps if "holds no plan" in gap.reason] == [
        (f"file {name}", f"The snapshot holds no plan of {count} from {name}, and without a server none is made")
        for name, count in (("app.log", "3 statements"), ("app.sql", "2 statements"), ("app", "1 statement"))
    ]
    # By the id that a log says, whatever its text is; one by its text alone; none has no calls.
    by_id = workload(
        SourceKind.LOG, statement("select cut", query_id="1"), statement("select seen", calls=0, total_ms=0)
    )
    assert counted(put_in(snapshot(data()), [by_id], 100)) == {
        "1": (5, 50.0),
        "f" + fingerprint("select seen"): (0, 0.0),
    }
    without = put_in(snapshot({"tables": TABLES, "absent": ["pg_stat_statements"]}), [file], 100)
    assert counted(without) == {"f" + fingerprint(text): (2, 8.0) for text in (SERVER, LISTS, "call f()")}
    assert statements_of(without).window.since is None
    assert len(statements_of(put_in(snapshot(data()), [file, log], 1)).texts) == 2


def test_a_log_given_twice_counts_once() -> None:
    log = workload(SourceKind.LOG, statement(LISTS))
    once = put_in(snapshot(data()), [log], 100)
    again = put_in(once, [log], 100)
    assert counted(again) == counted(once) == {"1": (5, 50.0), OWN: (2, 8.0)}
    assert [source.counted for source in statements_of(again).sources] == [True, False]


def test_values_and_plans_are_bounded_and_fit() -> None:
    calls = [SourceCall((f"n{ms}",), float(ms)) for ms in range(50)]
    bad = {"Plan": {"Node Type": 7}}
    log = workload(
        SourceKind.LOG, statement(SERVER, calls_seen=[*calls, SourceCall(("a", "b"))], plans=[bad, *[PLAN] * 9])
    )
    made = put_in(snapshot(data()), [log], 100)
    durations = [sample.duration_ms for sample in statements_of(made).samples]
    assert (len(durations), max(filter(None, durations)), 0.0 in durations) == (MAX_SAMPLES, 49.0, True)
    logged = [plan for plan in made.plans if plan.method is PlanMethod.LOGGED]
    assert (len(logged), {plan.query_id for plan in logged}) == (MAX_PLANS, {"1"})
    assert "1 plan is no plan" in made.coverage.gaps[-1].reason


@pytest.mark.parametrize(
    ("key", "calls"), [("kind", [("kind", "x7")]), ("jiraKey", [("jiraKey", "x7")]), ("apiKey", [])]
)
def test_keys_of_documents_are_values_of_calls_and_hidden_constants_are_none(
    key: str, calls: list[tuple[str, ...]]
) -> None:
    server = "SELECT id FROM orders WHERE doc ->> $1 = $2"
    found = Gathered()
    found.add(f"SELECT id FROM orders WHERE doc ->> '{key}' = 'x7'", Counted(calls=3, total_ms=9.0))
    file = workload(SourceKind.SQL_FILE, name="app.sql")
    found.into(file)
    made = put_in(snapshot(data(text=server)), [file], 100)
    assert counted(made) == {"1": (8, 59.0)}
    assert [sample.values for sample in statements_of(made).samples] == calls


def test_looks_that_are_put_together() -> None:
    file = workload(SourceKind.SQL_FILE, statement(SERVER), statement(LISTS))
    later = put_in(look(data(calls=9, total_ms=90.0), 10), [file], 100)
    interval = between(look(data()), later)
    assert counted(interval) == {"1": (6, 48.0), OWN: (2, 8.0)}
    assert interval.change is not None
    assert interval.change.new == ()
    # Two looks with the file count it once, and so do a primary and a standby that it was given to.
    assert counted(between(put_in(look(data()), [file], 100), later)) == {"1": (6, 48.0), OWN: (2, 8.0)}
    primary, standby = (
        put_in(look(data()), [file], 100),
        put_in(look(data(), in_recovery=True, host="standby"), [file], 100),
    )
    merged = merge([primary, standby])
    assert counted(merged) == {"1": (12, 108.0), OWN: (2, 8.0)}
    assert len(statements_of(merged).sources) == 1


def test_no_value_of_a_file_is_left_where_values_are_not_to_be() -> None:
    calls = [SourceCall(("canarysample",), 3.0), SourceCall(("postgresql://app:hunter2@db/shop",), 1.0)]
    text = "select * from orders where note = 'canarytext' and id = 5"
    secret = statement("select * from orders where api_key = $1", calls_seen=[SourceCall(("hunter2",))])
    telling = statement("select * from orders where api_key = 'hunter2'")
    log = workload(
        SourceKind.LOG,
        statement(SERVER, calls_seen=calls, plans=[PLAN]),
        statement(text),
        secret,
        telling,
        name="canary log.json",
    )
    made = put_in(snapshot(data()), [log], 100)
    samples = {sample.values for sample in statements_of(made).samples}
    assert samples == {("canarysample",), (MASK,), ("canarytext", "5")}
    assert "hunter2" not in repr(made)
    assert "values of the parameters of 3 calls of statements (actual values)" in made.contents.holds
    hidden = redacted(made, names=False)
    assert len(statements_of(hidden).samples) == 3
    written = json.dumps(msgspec.to_builtins(hidden))
    assert [each for each in ("canarysample", "canarytext", "canaryplan") if each in written] == []
    # Equal values stay equal, wherever they stand.
    twice = put_in(snapshot(data()), [workload(SourceKind.LOG, statement(SERVER, calls_seen=calls[:1] * 2))], 100)
    assert sealed(twice) == twice
