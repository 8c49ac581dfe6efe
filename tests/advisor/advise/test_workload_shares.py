"""How much of the workload's time is understood and planned, and what of it is opaque; nested time counts once."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta

import msgspec
import pytest

from pgadvisor.advise.opaque import Opaque
from pgadvisor.advise.workload_shares import active_time, added_active, parts, shares
from pgadvisor.facts import Facts
from pgadvisor.model.catalog import Catalog
from pgadvisor.model.counters import Counters, DatabaseCounters, Window
from pgadvisor.model.objects import Function
from pgadvisor.model.plans import ObservedPlan, PlanMethod
from pgadvisor.model.server import Extension, Setting
from pgadvisor.model.shape import StatementKind, StatementShape
from pgadvisor.model.snapshot import Change, Snapshot
from pgadvisor.model.statements import SourceKind, StatementRow, Statements, StatementSource, StatementText
from support.snapshots import NOW, snapshot

WEEK = timedelta(days=7)


def row(query_id: str, total_ms: float, *, toplevel: bool | None = True) -> StatementRow:
    return StatementRow(
        query_id=query_id,
        user_oid=10,
        toplevel=toplevel,
        calls=1,
        total_ms=total_ms,
        min_ms=total_ms,
        max_ms=total_ms,
        mean_ms=total_ms,
        stddev_ms=0.0,
        rows=1,
    )


def function(name: str, language: str = "plpgsql", *, schema: str = "public", **more: object) -> Function:
    given = {"oid": 1, "owner": "o", "volatility": "v", "cost": 1.0} | more
    return msgspec.convert(given | {"name": name, "language": language, "schema": schema}, Function)


def made(
    rows: list[StatementRow],
    texts: dict[str, str],
    calls: Mapping[str, tuple[str, ...]],
    *,
    functions: tuple[Function, ...] = (),
    settings: dict[str, str] | None = None,
    planned: tuple[str, ...] = (),
) -> Facts:
    """Facts with these entries; calls names those that are understood, with the functions they call."""
    base = snapshot({})
    plans = [
        ObservedPlan(query_id=query_id, method=PlanMethod.GENERIC, plan={"Plan": {"Node Type": "Result"}}, planner="p")
        for query_id in planned
    ]
    replaced: Snapshot = msgspec.structs.replace(
        base,
        server=msgspec.structs.replace(
            base.server,
            settings=tuple(
                Setting(name=name, value=value, unit=None, source="default", default=None)
                for name, value in (settings or {}).items()
            ),
            extensions=(Extension(name="postgis", version="3", schema="gis"),),
        ),
        catalog=Catalog(functions=functions),
        statements=Statements(
            window=Window(since=NOW - WEEK, until=NOW, source="reset"),
            rows=tuple(rows),
            texts=tuple(StatementText(query_id=query_id, text=text) for query_id, text in texts.items()),
        ),
        plans=tuple(plans),
    )
    utility = ("CALL", "DO", "FETCH", "MOVE", "EXECUTE", "VACUUM")
    shapes = {
        query_id: StatementShape(
            query_id=query_id,
            kind=StatementKind.UTILITY if texts[query_id].startswith(utility) else StatementKind.SELECT,
            functions=names,
        )
        for query_id, names in calls.items()
    }
    return Facts(replaced, shapes)


def times(facts: Facts) -> dict[str, float]:
    return {share.label: share.time_ms for share in shares(facts, Opaque(facts))}


def cut(facts: Facts) -> dict[str, float]:
    return {share.label: share.time_ms for share in parts(facts, Opaque(facts)) if share.time_ms}


def test_nested_statements_count_within_their_callers() -> None:
    """A function of 700 ms whose query is seen for 600 ms of them, and a plain statement of 300 ms."""
    rows = [row("plain", 300), row("caller", 700), row("inside", 600, toplevel=False)]
    texts = {"plain": "SELECT 1", "caller": "SELECT f($1)", "inside": "SELECT 2"}
    calls = {"plain": (), "caller": ("f",), "inside": ()}
    facts = made(rows, texts, calls, functions=(function("f"),), planned=("plain", "inside"))
    assert facts.total_statement_ms == 1000
    assert times(facts) == {"looked into": 1000, "understood": 900, "planned": 900, "executed": 0, "opaque": 100}
    assert cut(facts) == {"understood and planned": 900, "opaque": 100}
    # It keeps its own time, as a share of the total.
    assert facts.statements["inside"].total_ms == 600
    assert facts.share_of_time(facts.statements["inside"].total_ms) == 0.6


def test_a_gap_leaves_out_what_nested_statements_account_for() -> None:
    """As the shares do: of two callers of 700 and 100 ms, with a query seen for 600 ms of them, 200 ms are opaque."""
    rows = [row("plain", 200), row("f", 700), row("do", 100), row("inside", 600, toplevel=False)]
    texts = {"plain": "SELECT 1", "f": "SELECT f($1)", "do": "DO 'x'", "inside": "SELECT 2"}
    calls = {"plain": (), "f": ("f",), "do": (), "inside": ()}
    facts = made(rows, texts, calls, functions=(function("f"),))
    assert times(facts)["opaque"] == pytest.approx(200)
    found = [(gap.reason.partition(",")[0], gap.reason.rpartition(", ")[2]) for gap in Opaque(facts).gaps()]
    besides = "besides what nested statements account for"
    assert found == [("0.175 s", besides), ("0.025 s", besides)]
    assert all("Nested statements are counted already" in gap.remedy for gap in Opaque(facts).gaps())
    # All of it is seen: nothing is left to say.
    rows[-1] = row("inside", 800, toplevel=False)
    assert Opaque(made(rows, texts, calls, functions=(function("f"),))).gaps() == []


def test_a_logged_plan_without_actual_rows_was_not_executed() -> None:
    facts = made([row("a", 60), row("b", 40)], {"a": "SELECT 1", "b": "SELECT 2"}, {"a": (), "b": ()})
    plans = tuple(
        ObservedPlan(query_id=query_id, method=PlanMethod.LOGGED, plan={"Plan": node}, planner="auto_explain")
        for query_id, node in (
            ("a", {"Node Type": "Result"}),
            ("b", {"Node Type": "Result", "Actual Rows": 1, "Actual Loops": 1}),
        )
    )
    facts = Facts(msgspec.structs.replace(facts.snapshot, plans=plans), facts.shapes)
    assert times(facts)["executed"] == 40


def test_nested_time_accounts_for_no_more_than_its_callers_took() -> None:
    rows = [row("plain", 300), row("caller", 100), row("inside", 600, toplevel=False)]
    texts = {"plain": "SELECT 1", "caller": "SELECT f($1)", "inside": "SELECT 2"}
    facts = made(rows, texts, {"plain": (), "caller": ("f",), "inside": ()}, functions=(function("f"),))
    assert times(facts)["understood"] == facts.total_statement_ms == 400
    assert facts.share_of_time(600) == 1.0


def test_what_a_nested_function_spends_counts_by_its_statements_alone() -> None:
    """caller -> f -> SELECT g() -> g -> SELECT 2, each level counted by the server with the time of those below."""
    rows = [row("caller", 900), row("middle", 800, toplevel=False), row("inside", 500, toplevel=False)]
    texts = {"caller": "SELECT f()", "middle": "SELECT g()", "inside": "SELECT 2"}
    calls = {"caller": ("f",), "middle": ("g",), "inside": ()}
    facts = made(rows, texts, calls, functions=(function("f"), function("g")))
    assert times(facts)["understood"] == 500
    assert times(facts)["opaque"] == 400
    assert facts.total_statement_ms == 900


def test_checks_of_foreign_keys_account_for_nothing_opaque() -> None:
    rows = [row("caller", 900), row("check", 800, toplevel=False)]
    texts = {"caller": "SELECT f()", "check": 'SELECT $2 FROM ONLY "public"."t" x WHERE "id" = $1 FOR KEY SHARE OF x'}
    facts = made(rows, texts, {"caller": ("f",), "check": ()}, functions=(function("f"),))
    assert times(facts)["opaque"] == 900


def test_without_levels_every_entry_counts() -> None:
    """Before 1.9 nobody tells nested entries; with CALL and DO uncounted nobody else holds what they call."""
    rows = [row("a", 100, toplevel=None), row("b", 50, toplevel=None)]
    assert made(rows, {}, {}).total_statement_ms == 150
    rows = [row("a", 10), row("b", 90, toplevel=False)]
    assert made(rows, {}, {}).total_statement_ms == 10
    assert made(rows, {}, {}, settings={"pg_stat_statements.track_utility": "off"}).total_statement_ms == 90


@pytest.mark.parametrize(
    ("name", "is_opaque"),
    [
        ("plain_sql", False),
        ("set_sql", False),
        ("in_c", False),
        ("count", False),
        ("pg_catalog.count", False),
        ("gis.st_area", False),
        ("in_plpgsql", True),
        ("public.in_plpgsql", True),
        ("other.in_plpgsql", True),
        ("of_other", False),
        ("reading_sql", True),
        ("volatile_set", True),
        ("definer", True),
        ("nowhere.unknown", True),
    ],
)
def test_functions_are_opaque_unless_the_planner_sees_into_them(name: str, is_opaque: bool) -> None:
    body = "CREATE FUNCTION x() AS $function$ SELECT {} $function$"
    functions = (
        function("plain_sql", "sql", definition=body.format("$1 + 1")),
        function("reading_sql", "sql", definition=body.format("max(id) FROM t")),
        function("set_sql", "sql", returns_set=True, volatility="s", definition=body.format("* FROM t")),
        function("volatile_set", "sql", returns_set=True, definition=body.format("* FROM t")),
        function("definer", "sql", security_definer=True, definition=body.format("1")),
        function("in_c", "c"),
        function("in_plpgsql"),
        function("in_plpgsql", schema="other"),
        function("of_other", schema="other"),
    )
    facts = made([row("1", 10)], {"1": "SELECT 1"}, {"1": (name,)}, functions=functions)
    assert ("1" in Opaque(facts).kinds) is is_opaque


def test_each_kind_that_matters_is_a_gap_with_its_remedy_the_costliest_first() -> None:
    rows = [row("f", 100), row("call", 400), row("do", 200), row("fetch", 300), row("move", 1), row("run", 5)]
    rows.append(row("vacuum", 1000))
    texts = {
        "f": "SELECT f()",
        "call": "CALL p($1)",
        "do": "DO $$ ... $$",
        "fetch": "FETCH $1 IN c",
        "move": "MOVE $1 IN c",
        "run": "EXECUTE q($1)",
        "vacuum": "VACUUM t",
    }
    calls = {query_id: ("f",) if query_id == "f" else () for query_id in texts}
    facts = made(rows, texts, calls, functions=(function("f"),))
    gaps = Opaque(facts).gaps()
    assert [(gap.scope, gap.reason.partition(" in ")[2][:10]) for gap in gaps] == [
        ("statement call", "CALL, whos"),
        ("2 statements", "FETCH and "),
        ("statement do", "DO, whose "),
        ("statement f", "statements"),
    ]
    assert "20% of the statements' time" in gaps[0].reason and gaps[3].reason.endswith(": f")
    assert [("track = 'all'" in gap.remedy, "DECLARE" in gap.remedy) for gap in gaps] == [
        (True, False),
        (False, True),
        (True, False),
        (True, False),
    ]
    assert times(facts)["understood"] == 1000
    counted = made(rows, texts, calls, functions=(function("f"),), settings={"pg_stat_statements.track": "all"})
    assert "plprofiler" in Opaque(counted).gaps()[0].remedy


def timed(
    *, since_days: float, active_ms: float | None, changed: bool = False, source: StatementSource | None = None
) -> Snapshot:
    """A week of statements of 300 ms, and active time since so many days before now."""
    base = made([row("1", 300), row("2", 200, toplevel=False)], {}, {}).snapshot
    database = DatabaseCounters(active_ms=active_ms, reset_at=NOW - timedelta(days=since_days))
    window = Window(since=NOW - WEEK, until=NOW, source="reset")
    assert base.statements is not None
    return msgspec.structs.replace(
        base,
        counters=Counters(window=window, database=database),
        change=Change(since=NOW - WEEK, until=NOW) if changed else None,
        statements=msgspec.structs.replace(base.statements, sources=() if source is None else (source,)),
    )


def test_of_the_active_time_only_a_share_over_the_same_window_is_told() -> None:
    assert active_time(timed(since_days=7.01, active_ms=400)).statements_ms == 300
    assert active_time(timed(since_days=7.01, active_ms=200)).statements_ms == 200
    other = active_time(timed(since_days=30, active_ms=400))
    assert (other.statements_ms, other.active_ms) == (None, None)
    assert "2026-02-22 00:00 UTC" in other.reason and "2026-01-30" in other.reason and "--watch" in other.remedy
    assert active_time(timed(since_days=30, active_ms=400, changed=True)).statements_ms == 300
    assert "14" in active_time(timed(since_days=7, active_ms=None)).reason
    file = StatementSource(kind=SourceKind.LOG, name="a.log")
    assert "files" in active_time(timed(since_days=7, active_ms=400, source=file)).reason
    known = active_time(timed(since_days=7, active_ms=400))
    assert added_active([known, known]).active_ms == 800
    assert added_active([known, other]) == other


def test_a_server_that_says_nothing_of_its_reset_gets_no_share() -> None:
    whole = timed(since_days=7, active_ms=400)
    assert whole.counters is not None and whole.counters.database is not None
    database = msgspec.structs.replace(whole.counters.database, reset_at=None)
    unknown = msgspec.structs.replace(whole, counters=msgspec.structs.replace(whole.counters, database=database))
    assert active_time(unknown).reason == "Since when the database's active time was counted is not known"
