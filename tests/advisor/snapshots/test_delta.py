"""What two looks at one server say of the time between them."""

from __future__ import annotations

import math
import statistics
import time
from datetime import datetime
from typing import Any

import msgspec
import pytest

from pgadvisor.engine import run
from pgadvisor.facts import Facts
from pgadvisor.model.counters import DatabaseCounters, ViewRow
from pgadvisor.model.coverage import Fact, FactCoverage, Presence
from pgadvisor.model.snapshot import Limits, Snapshot
from pgadvisor.registry import load_rules
from pgadvisor.snapshots.delta import between
from support.looks import STARTED, at, entries, entry, index, look, reset, table
from support.snapshots import NOW


def shop(scans: int = 0, inserted: int = 0, **more: Any) -> dict[str, Any]:
    """A table with one index, and what is counted of both."""
    return {
        "tables": {
            "public.orders": {
                "rows": 1_000,
                "columns": ["id bigint", "note text"],
                "indexes": {"a": "btree (note)", "b": "btree (id)"},
                "index_counters": {"a": {"scans": scans, "last_scan": "2026-02-28T12:00:00Z"}, "b": {"scans": 7}},
                "counters": {"seq_scans": scans * 2, "rows_inserted": inserted, "live_rows": inserted * 3},
            }
        },
        **more,
    }


def statement(query_id: str = "1", calls: int = 10, total_ms: float = 100.0, **more: Any) -> dict[str, Any]:
    return {"id": query_id, "text": f"select {query_id} from orders", "calls": calls, "total_ms": total_ms, **more}


def notes(made: Snapshot) -> str:
    assert made.change is not None
    return " ".join(made.change.notes)


def since(made: Snapshot) -> tuple[object, object]:
    assert made.counters is not None
    assert made.statements is not None
    return made.counters.window.since, made.statements.window.since


def test_an_interval_holds_differences_and_the_new_look_otherwise() -> None:
    old = look(shop(scans=5, inserted=100, statements=[statement(), statement("gone")]))
    data = shop(scans=8, inserted=130, statements=[statement(calls=14, total_ms=160.0), statement("fresh")])
    made = between(old, look(data, 10))
    assert made.change is not None
    assert made.counters is not None
    assert (made.change.since, made.change.until) == (NOW, at(10))
    assert (made.change.new, made.change.vanished, made.change.notes) == (("fresh",), ("gone",), ())
    assert since(made) == (NOW, NOW)
    assert made.counters.window.seconds == 600
    row, used = table(made, "orders"), index(made, "a")
    assert (row.seq_scans, row.rows_inserted, row.live_rows) == (6, 30, 390)
    assert used is not None
    assert (used.scans, used.last_scan) == (3, index(old, "a").last_scan)  # type: ignore[union-attr]
    assert index(made, "b").scans == 0  # type: ignore[union-attr]
    assert (entry(made, "1").calls, entry(made, "1").total_ms, entry(made, "1").mean_ms) == (4, 60.0, 15.0)
    assert entry(made, "fresh").calls == 10
    assert made.catalog == look(data, 10).catalog


def test_the_spread_of_the_interval_follows_from_those_before_and_after() -> None:
    """Rows as pg_stat_statements would have them after some calls and after some more."""
    first, then = [3.0, 4.0, 9.5, 2.0], [20.0, 7.0, 7.5]

    def row_of(times: list[float]) -> Snapshot:
        made = look(shop(statements=[statement(calls=len(times), total_ms=sum(times))]), len(times))
        return entries(
            made,
            mean_ms=statistics.fmean(times),
            min_ms=min(times),
            max_ms=max(times),
            stddev_ms=statistics.pstdev(times),
        )

    row = entry(between(row_of(first), row_of(first + then)), "1")
    assert math.isclose(row.stddev_ms, statistics.pstdev(then), rel_tol=1e-9)
    assert math.isclose(row.mean_ms, statistics.fmean(then))
    assert row.max_ms == 20.0
    calm = entry(between(row_of([50.0]), row_of([50.0, 2.0, 3.0])), "1")
    assert calm.max_ms == 5.0, "the largest time of all is not the interval's; its whole time bounds it"
    idle = entry(between(row_of([50.0]), row_of([50.0])), "1")
    assert (idle.calls, idle.mean_ms, idle.max_ms, idle.stddev_ms) == (0, 0.0, 0.0, 0.0)


def test_a_reset_of_all_leaves_what_was_counted_since() -> None:
    old = look(shop(scans=500, inserted=9, statements=[statement(calls=100)]))
    new = reset(
        look(shop(scans=4, inserted=10, statements=[statement(calls=7)]), 60), counters=at(20), statements=at(30)
    )
    made = between(old, new)
    assert since(made) == (at(20), at(30))
    assert (index(made, "a").scans, table(made, "orders").rows_inserted) == (4, 10)  # type: ignore[union-attr]
    assert entry(made, "1").calls == 7
    assert "2026-03-01 00:20:00 UTC" in notes(made)
    assert "pg_stat_statements was reset at 2026-03-01 00:30:00 UTC" in notes(made)


def test_counters_of_the_database_tell_of_its_reset() -> None:
    """Where counters outgrew what they were, only the moment that the server notes tells."""
    old, new = look(shop(scans=5)), look(shop(scans=900), 60)
    assert new.counters is not None
    counters = msgspec.structs.replace(new.counters, database=DatabaseCounters(reset_at=at(15)))
    made = between(old, msgspec.structs.replace(new, counters=counters))
    assert index(made, "a").scans == 900  # type: ignore[union-attr]
    assert since(made)[0] == at(15)


def test_shared_statistics_can_be_reset_by_hand_without_the_tables() -> None:
    made = between(look(shop(scans=5)), reset(look(shop(scans=9), 60), counters=at(20)))
    assert index(made, "a").scans == 4  # type: ignore[union-attr]
    assert since(made)[0] == NOW


def test_a_clean_restart_keeps_the_counters() -> None:
    new = reset(look(shop(scans=9, statements=[statement(calls=12)]), 60, started_at=at(30)), counters=at(30))
    made = between(look(shop(scans=5, statements=[statement()])), new)
    assert index(made, "a").scans == 4  # type: ignore[union-attr]
    assert entry(made, "1").calls == 2
    assert since(made) == (NOW, NOW)
    assert "started again at 2026-03-01 00:30:00 UTC" in notes(made)


def test_one_table_reset_alone_counts_from_then_on() -> None:
    made = between(look(shop(scans=50, inserted=5)), look(shop(scans=3, inserted=8), 60))
    assert index(made, "a").scans == 3  # type: ignore[union-attr]
    assert table(made, "orders").rows_inserted == 8
    assert "1 table was reset between the two looks (public.orders)" in notes(made)
    unknown = between(look(shop(scans=50)), look(shop(scans=0), 60))
    assert index(unknown, "a") is None, "a reset index without scans is not one that was not used"
    assert index(unknown, "b").scans == 0  # type: ignore[union-attr]


def test_a_reset_of_one_table_is_none_of_all_though_the_server_notes_it_as_one() -> None:
    def noted(made: Snapshot, commits: int, reset_at: datetime) -> Snapshot:
        assert made.counters is not None
        database = DatabaseCounters(commits=commits, reset_at=reset_at)
        counters = msgspec.structs.replace(made.counters, database=database)
        return reset(msgspec.structs.replace(made, counters=counters), counters=reset_at)

    old, new = look(shop(scans=50, inserted=900)), look(shop(scans=60, inserted=2), 60)
    made = between(noted(old, 1000, at(-60)), noted(new, 1010, at(20)))
    assert made.counters is not None
    assert made.counters.database is not None
    assert (index(made, "a").scans, made.counters.database.commits) == (10, 10)  # type: ignore[union-attr]
    assert table(made, "orders").rows_inserted == 2
    assert since(made)[0] == NOW
    assert "1 table was reset between the two looks (public.orders)" in notes(made)


def test_blocks_that_seem_to_be_fewer_are_no_reset() -> None:
    def with_blocks(read: int, minutes: int) -> Snapshot:
        data = shop(scans=5)
        data["tables"]["public.orders"]["counters"] |= {"heap_blocks_read": read}
        return look(data, minutes)

    made = between(with_blocks(10, 0), with_blocks(9, 10))
    assert (table(made, "orders").heap_blocks_read, table(made, "orders").seq_scans) == (0, 0)
    assert notes(made) == ""


def test_an_index_built_in_between_is_not_said_to_be_unused() -> None:
    older = shop()
    older["tables"]["public.orders"]["indexes"] = {"a": "btree (note)"}
    older["tables"]["public.orders"]["index_counters"] = {}
    newer = shop()
    newer["tables"]["public.orders"]["index_counters"] = {}
    made = between(look(older), look(newer, 10))
    assert index(made, "a").scans == 0  # type: ignore[union-attr]
    assert index(made, "b") is None
    assert "1 index was built between the two looks (public.b)" in notes(made)


def test_an_index_rebuilt_concurrently_takes_its_counters_along() -> None:
    new = look(shop(scans=9), 10)
    (oid,) = (each.oid for each in new.catalog.indexes if each.name == "a")
    assert new.counters is not None
    moved = msgspec.structs.replace(
        new,
        catalog=msgspec.structs.replace(
            new.catalog,
            indexes=tuple(
                msgspec.structs.replace(each, oid=99_999) if each.oid == oid else each for each in new.catalog.indexes
            ),
        ),
        counters=msgspec.structs.replace(
            new.counters,
            indexes=tuple(
                msgspec.structs.replace(row, index_oid=99_999) if row.index_oid == oid else row
                for row in new.counters.indexes
            ),
        ),
    )
    made = between(look(shop(scans=5)), moved)
    assert index(made, "a").scans == 4  # type: ignore[union-attr]


@pytest.mark.parametrize("same", ["since", "calls"])
def test_an_entry_that_was_pushed_out_and_came_back_counts_from_then_on(same: str) -> None:
    old = entries(look(shop(statements=[statement(calls=10)])), since=STARTED)
    calls, began = (10, at(5)) if same == "calls" else (4, STARTED)
    new = entries(look(shop(statements=[statement(calls=calls)]), 10), since=began)
    made = between(old, new)
    assert entry(made, "1").calls == calls
    assert "began again" in notes(made)


def test_without_evictions_nothing_is_gone() -> None:
    """The old look may hold this tool's own statements, which the new one knew and took off."""

    def with_evictions(made: Snapshot, evicted: int | None, capacity: int) -> Snapshot:
        assert made.statements is not None
        statements = msgspec.structs.replace(made.statements, evicted=evicted, capacity=capacity)
        return msgspec.structs.replace(made, statements=statements)

    old, new = look(shop(statements=[statement("own"), statement()])), look(shop(statements=[statement()]), 10)
    for before, after, capacity, gone in (
        (3, 3, 9, ()),
        (3, 4, 9, ("own",)),
        (None, None, 9, ()),
        (None, None, 2, ("own",)),
    ):
        made = between(with_evictions(old, before, capacity), with_evictions(new, after, capacity))
        assert made.change is not None
        assert made.change.vanished == gone


def test_before_the_extension_noted_resets_they_show_in_the_counts() -> None:
    def eldest(minutes: int, **calls: int) -> Snapshot:
        rows = [statement(query_id, calls=count) for query_id, count in calls.items()]
        return entries(look(shop(statements=rows, statements_days="unknown"), minutes), toplevel=None)

    made = between(eldest(0, a=50, b=60), eldest(60, a=3, b=70))
    assert [entry(made, name).calls for name in "ab"] == [3, 70]
    assert "rates of statements are too low" in notes(made)
    assert since(made)[1] == NOW
    kept = between(eldest(0, a=50, b=60, c=7), eldest(60, a=3, b=70, c=8))
    assert [entry(kept, name).calls for name in "abc"] == [3, 10, 1]


def test_ids_that_changed_with_the_version_are_matched_by_text() -> None:
    text = "SELECT * FROM orders WHERE id IN ($1 /*, ... */) AND note = $2 -- app:1"
    old_text = "select *\n from orders where id in ($1, $2,$3) and note = 'x';"
    old = look(
        {"statements": [statement("1"), {"id": "5", "text": old_text}, {"id": "6", "text": "select 6"}]},
        version_num=170_004,
        version="17.4",
    )
    new = look(
        {"statements": [statement("1", calls=3), {"id": "9", "text": text}, {"id": "8", "text": "select a"}]},
        60,
        started_at=at(30),
        system_identifier="8",
    )
    made = between(old, reset(new, counters=at(30), statements=at(30)))
    assert made.change is not None
    assert (made.change.new, made.change.matched_by_text) == (("8",), 1)
    assert made.change.vanished == (), "what was not run since the reset is not gone for good"
    assert entry(made, "9").calls == 100
    assert "It was PostgreSQL 17.4 at the first look and 18.3 at the second." in notes(made)
    assert "A new cluster took the old one's place" in notes(made)


def test_what_the_first_look_could_not_see_is_not_called_new() -> None:
    old = look(shop(statements=[statement()], partial=["pg_stat_statements"]))
    new = look(shop(statements=[statement(calls=11), statement("hidden", calls=900)]), 10)
    made = between(old, new)
    assert made.change is not None
    assert made.change.new == ()
    assert "1 entry is left out" in notes(made)
    assert made.coverage.presence(Fact.STATEMENTS) is Presence.PARTIAL
    dated = entries(new, since=at(2))
    assert between(old, dated).change.new == ("hidden",)  # type: ignore[union-attr]


def test_a_first_look_without_statements_gives_none() -> None:
    made = between(look(shop(absent=["pg_stat_statements"])), look(shop(statements=[statement()]), 10))
    assert made.statements is None
    assert made.coverage.presence(Fact.STATEMENTS) is Presence.ABSENT
    assert any("nothing to compare with" in gap.reason for gap in made.coverage.gaps)


def test_statistics_do_not_get_fresh_by_looking_twice() -> None:
    """The age of statistics goes by states, which an interval leaves as they are, and by no counter of the interval."""
    data = shop(statements=[{"id": "1", "text": "select note from orders where id = 1", "total_ms": 9.0}])
    data["tables"]["public.orders"] |= {
        "rows": 50_000,
        "stats": {"id": {}, "note": {}},
        "bytes": 5_120_000,
        "counters": {"modified_since_analyze": 900_000, "last_analyze": "2026-01-05T00:00:00Z", "rows_updated": 10**6},
    }
    (rule,) = (rule for rule in load_rules() if rule.name == "stale_statistics")

    def stale(made: Snapshot) -> int:
        (outcome,) = run([rule], Facts(made, {}), {rule.name: rule.options()})
        return len(outcome.findings)

    assert stale(look(data)) == 1
    assert stale(between(look(data), look(data, 10))) == 1


def test_a_promoted_standby_goes_on_counting() -> None:
    made = between(look(shop(scans=5), in_recovery=True), look(shop(scans=9), 10))
    assert index(made, "a").scans == 4  # type: ignore[union-attr]
    assert "promoted" in notes(made)
    assert not made.server.in_recovery


def test_a_database_made_anew_counts_since_then() -> None:
    data = shop(scans=9, statements=[statement()])
    made = between(look(shop(scans=5, statements=[statement("2")])), look(data, 10, database_oid=6))
    assert index(made, "a").scans == 9  # type: ignore[union-attr]
    assert "made anew" in notes(made)
    assert since(made)[0] is None, "nobody knows when it was made"


def test_schemas_that_the_first_look_left_out_are_left_out() -> None:
    old, new = shop(scans=5), shop(scans=9)
    old["tables"] = {"app.t": {"rows": 1, "indexes": {"i": "btree (x)"}, "columns": ["x int"]}, **old["tables"]}
    new["tables"] = {"app.t": old["tables"]["app.t"], **new["tables"]}
    first, second = look(old), look(new, 10)
    assert first.counters is not None
    counters = msgspec.structs.replace(
        first.counters, tables=first.counters.tables[1:], indexes=first.counters.indexes[1:]
    )
    first = msgspec.structs.replace(first, counters=counters, limits=Limits(schemas=("public",)))
    made = between(first, second)
    assert made.counters is not None
    assert [row.relation_oid for row in made.counters.tables] == [table(made, "orders").relation_oid]
    assert index(made, "i") is None
    assert "different schemas" in notes(made)


def test_views_of_the_server() -> None:
    def with_views(minutes: int, wal: float, reads: float) -> Snapshot:
        made = look(shop(), minutes)
        views = (
            ViewRow(
                view="pg_stat_io", key=("client backend",), values={"reads": reads, "op_bytes": 8192, "hits": None}
            ),
            ViewRow(view="pg_stat_wal", values={"wal_bytes": wal}),
        )
        assert made.counters is not None
        counters = msgspec.structs.replace(
            made.counters, server_views=views, database=DatabaseCounters(commits=minutes)
        )
        return msgspec.structs.replace(made, counters=counters)

    made = between(with_views(0, 500, 100), with_views(10, 20, 130))
    assert made.counters is not None
    assert [row.values for row in made.counters.server_views] == [
        {"reads": 30, "op_bytes": 8192, "hits": None},
        {"wal_bytes": 20},
    ]
    assert made.counters.database == DatabaseCounters(commits=10)
    assert "pg_stat_wal of the server" in notes(made)


def test_thousands_of_statements_and_tables_take_no_time() -> None:
    made = look(shop(statements=[statement()]))
    assert made.counters is not None
    assert made.statements is not None
    row, used, entry_ = made.counters.tables[0], made.counters.indexes[0], made.statements.rows[0]
    replace = msgspec.structs.replace
    many = replace(
        made,
        counters=replace(
            made.counters,
            tables=tuple(replace(row, relation_oid=oid) for oid in range(60_000)),
            indexes=tuple(replace(used, index_oid=oid) for oid in range(100_000, 160_000)),
        ),
        statements=replace(
            made.statements, rows=tuple(replace(entry_, query_id=str(number)) for number in range(5_000))
        ),
        coverage=replace(made.coverage, facts=tuple(FactCoverage(fact=f, presence=Presence.PRESENT) for f in Fact)),
    )
    began = time.perf_counter()
    between(many, many)
    took = time.perf_counter() - began
    assert took < 10, "far more than the second that it takes on a slow machine"
