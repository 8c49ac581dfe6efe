"""A primary and its standbys as one: unused means unused everywhere."""

from __future__ import annotations

from typing import Any

import msgspec

from pgadvisor.analyze import analyze
from pgadvisor.config import Config
from pgadvisor.model.activity import Activity, Replication, ReplicationSlot, StandbyState
from pgadvisor.model.catalog import IndexKey
from pgadvisor.model.coverage import Coverage, Fact, Gap, Presence
from pgadvisor.model.report import RateUnit, Report
from pgadvisor.model.snapshot import Snapshot
from pgadvisor.registry import load_rules
from pgadvisor.snapshots.delta import between
from pgadvisor.snapshots.merge import merge
from pgadvisor.snapshots.redaction import redacted
from support.looks import at, entries, entry, index, look, table


def orders(scans: int = 0, *, statements: list[dict[str, Any]] | None = None, **more: Any) -> dict[str, Any]:
    return {
        "tables": {
            "public.orders": {
                "rows": 100_000,
                "columns": ["id bigint", "note text"],
                "indexes": {"a": "btree (note)"},
                "index_counters": {"a": {"scans": scans, "last_scan": "2026-02-20T00:00:00Z"} if scans else {}},
                "index_bytes": {"a": 20_000_000},
                "counters": {
                    "rows_inserted": 40,
                    "seq_scans": 3,
                    "live_rows": 9,
                    "last_seq_scan": "2026-02-01T00:00:00Z",
                },
            }
        },
        "statements": statements or [],
        **more,
    }


def standby(scans: int = 0, name: str = "db2", minutes: float = 1, lag_s: float | None = 0.0, **more: Any) -> Snapshot:
    data = orders(scans, in_recovery=True, **more)
    return look(data, minutes, host=name, replay_lag_s=lag_s, started_at=at(-100_000))


def report(made: Snapshot) -> Report:
    return analyze(made, Config(), load_rules())


def unused(made: Snapshot) -> tuple[list[str], list[str]]:
    """Severity and sentence of what is said of the index, and the gaps of the rule."""
    told = report(made)
    (outcome,) = (outcome for outcome in told.outcomes if outcome.rule == "unused_index")
    found = [f"{f.severity.value}: {f.sentence}" for f in told.findings if f.rule == "unused_index"]
    return found, [gap.reason for gap in outcome.gaps]


def test_counters_are_added_and_all_else_is_the_primarys() -> None:
    primary = look(orders(4, standbys=1))
    made = merge([standby(9, minutes=3), primary])
    row, used = table(made, "orders"), index(made, "a")
    assert (row.seq_scans, row.rows_inserted, row.live_rows) == (6, 40, 9)
    assert used is not None
    assert used.scans == 13
    assert made.server == primary.server
    assert [(host.name, host.in_recovery, host.standbys) for host in made.hosts] == [
        ("db1.example.org:5432", False, 1),
        ("db2:5432", True, 0),
    ]
    assert merge([primary, standby(9, minutes=3)]) == made, "their order does not matter"


def test_statements_are_added_by_id() -> None:
    one = [{"id": "1", "text": "select a", "calls": 2, "total_ms": 10.0}]
    two = [
        {"id": "1", "text": "select a", "calls": 6, "total_ms": 6.0},
        {"id": "2", "text": "select b", "calls": 1, "total_ms": 9.0},
    ]
    primary = entries(look(orders(statements=one)), mean_ms=5.0, min_ms=4.0, max_ms=6.0, stddev_ms=1.0)
    other = entries(standby(statements=two), mean_ms=1.0, min_ms=1.0, max_ms=1.0, stddev_ms=0.0)
    made = merge([primary, other])
    row = entry(made, "1")
    assert (row.calls, row.total_ms, row.mean_ms, row.min_ms, row.max_ms) == (8, 16.0, 2.0, 1.0, 6.0)
    # 4, 6 and six times 1: the mean is 2, and the squares of the distances are 4, 16 and 6.
    assert row.stddev_ms == (26 / 8) ** 0.5
    assert made.statements is not None
    assert [(text.query_id, text.text) for text in made.statements.texts] == [("1", "select a"), ("2", "select b")]


def test_unused_means_unused_everywhere() -> None:
    primary = look(orders(standbys=1))
    alone, caveat = unused(primary)
    assert [text.partition(" in the whole time")[0] for text in alone] == ["info: public.a (note) was not scanned once"]
    assert caveat == ["Each standby counts its own scans, and none was asked"]
    assert unused(merge([primary, standby(5)])) == ([], [])
    everywhere, none = unused(merge([primary, standby()]))
    assert none == []
    assert everywhere[0].startswith("warning: public.a (note) was not scanned once on any of 2 servers in the whole")
    evidence = {e.label: e.value for f in report(merge([primary, standby()])).findings for e in f.evidence}
    assert evidence["servers whose scans are counted"] == "db1.example.org:5432 (primary), db2:5432 (standby)"


def test_standbys_that_were_left_out_are_missed() -> None:
    found, caveat = unused(merge([look(orders(standbys=3)), standby()]))
    assert found[0].startswith("info: ")
    assert caveat == ["Each standby counts its own scans, and 2 of 3 were not asked"]
    cascading = merge([look(orders(standbys=1)), standby(standbys=1)])
    assert cascading.standbys_not_seen == 1, "one streams from the standby"
    assert unused(merge([look(orders(standbys=None)), standby()]))[1] == [
        "Whether there are more standbys, which count their own scans, could not be seen"
    ]


def test_subscribers_and_base_backups_are_no_standbys() -> None:
    streams = [StandbyState(application=name, state=state) for name, state in (("a", "streaming"), ("b", "backup"))]
    slots = [ReplicationSlot(name=name, kind="logical", active=name == "x", temporary=False) for name in "xy"]
    activity = Activity(standbys=3, replication=Replication(standbys=(*streams, streams[0]), slots=tuple(slots)))
    assert activity.physical_standbys == 1


def test_an_index_that_a_standby_did_not_show_is_not_said_to_be_unused() -> None:
    less = orders(in_recovery=True)
    less["tables"]["public.orders"]["indexes"] = {}
    made = merge([look(orders(standbys=1)), look(less, 1, host="db2", started_at=at(-9_000))])
    assert index(made, "a") is None
    assert unused(made)[0] == []
    assert any("1 index is missing in this server's snapshot" in gap.reason for gap in made.coverage.gaps)


def test_what_one_server_does_not_count_is_there_in_part() -> None:
    other = standby(partial=["index_counters"], absent=["pg_stat_statements"])
    gap = Gap(fact=Fact.INDEX_COUNTERS, scope="", reason="track_counts is off")
    other = msgspec.structs.replace(other, coverage=Coverage(facts=other.coverage.facts, gaps=(gap,)))
    made = merge([look(orders(standbys=1)), other])
    assert made.coverage.presence(Fact.INDEX_COUNTERS) is Presence.PARTIAL
    assert made.coverage.presence(Fact.STATEMENTS) is Presence.PARTIAL
    assert any(gap.reason == "On db2:5432: track_counts is off" for gap in made.coverage.gaps)
    assert unused(made)[0] == []


def test_the_window_is_the_shortest_and_rates_go_by_the_longest() -> None:
    rows = [{"id": "1", "text": "select 1", "calls": 2, "total_ms": 600.0}]
    primary = look(orders(standbys=1, statements=rows))
    other = standby(counters_days=2, statements_days=30, statements=rows)
    made = merge([primary, other])
    assert made.counters is not None
    assert made.counters.window.source.endswith("the shortest of 2 servers")
    found, gaps = unused(made)
    assert found == []
    assert any("the counters cover 2 days" in gap for gap in gaps)
    told = report(made)
    (view,) = told.statements
    assert (view.time.per, round(view.time.value, 1)) == (RateUnit.PER_DAY, 20.0)
    assert any("rather too low" in gap.reason for gap in told.trust.gaps)
    even = merge([primary, standby(statements=rows)])
    assert not any("too low" in gap.reason for gap in even.coverage.gaps)


def test_without_the_primary_the_standby_least_behind_stands_for_all() -> None:
    lags = {"far": 90.0, "near": 1.0, "unknown": None}
    made = merge([standby(1, name, lag_s=lag) for name, lag in lags.items()])
    assert made.server.host == "near"
    assert any(gap.scope == "primary" for gap in made.coverage.gaps)
    assert unused(made)[0] == []


def test_servers_over_sockets_of_their_own_are_told_apart() -> None:
    places: dict[str, Any] = {"host": "/run/postgresql", "port": 5432}
    one = look(orders(), **places)
    two = look(orders(in_recovery=True), 1, **places | {"started_at": at(-5)})
    names = [host.name for host in merge([one, two]).hosts]
    assert len(set(names)) == 2
    assert all(name.startswith("/run/postgresql:5432, started ") for name in names)


def test_plans_say_where_they_were_made() -> None:
    rows = [{"id": "1", "text": "select 1", "plans": [{"tree": "Result"}]}]
    made = merge([look(orders(statements=rows)), standby(statements=rows)])
    assert [plan.planner for plan in made.plans] == [
        "PostgreSQL 18, on db1.example.org:5432",
        "PostgreSQL 18, on db2:5432",
    ]


def _altered(made: Snapshot, **changed: Any) -> Snapshot:
    """The snapshot with fields of its only index, or of that one's definition, replaced."""
    replace, (one,) = msgspec.structs.replace, made.catalog.indexes
    of_definition = {name: value for name, value in changed.items() if name in one.definition.__struct_fields__}
    of_index = {name: value for name, value in changed.items() if name not in of_definition}
    one = replace(one, definition=replace(one.definition, **of_definition), **of_index)
    return replace(made, catalog=replace(made.catalog, indexes=(one,)))


def test_an_index_is_the_same_by_its_name_and_definition() -> None:
    """Another one of its oid on a standby says nothing of its use there, neither that nor that it has none."""
    primary, key = look(orders(standbys=1)), IndexKey(column="id")
    assert unused(merge([primary, standby()]))[0], "unused on both"
    for changed in ({"name": "b"}, {"keys": (key,)}, {"predicate": "(id > 0)"}, {"unique": True}, {"table_oid": 1}):
        for scans in (0, 9):
            made = merge([primary, _altered(standby(scans), **changed)])
            assert index(made, "a") is None
            assert unused(made)[0] == []
            (gap,) = [gap for gap in made.coverage.gaps if gap.scope == "db2:5432"]
            assert gap.reason == (
                "1 index is missing in this server's snapshot, or of another name or definition there, so that their "
                "use there is not known"
            )
        used = index(merge([look(orders(3)), _altered(standby(9), **changed)]), "a")
        assert used is not None
        assert used.scans == 3
    same = index(merge([primary, _altered(standby(9), options=("fillfactor=70",), tablespace="fast")]), "a")
    assert same is not None
    assert same.scans == 9


def test_redacted_snapshots_of_two_servers_are_added_up() -> None:
    primary = _altered(look(orders(standbys=1)), predicate="(note = 'x'::text)")
    other = _altered(standby(9), predicate="(note = 'x'::text)")
    for names in (False, True):
        used = index(merge([primary, redacted(other, names=names)]), "a")
        assert used is not None
        assert used.scans == 9


def test_an_object_of_another_name_is_not_added() -> None:
    (relation,) = (other := standby(9)).catalog.relations
    catalog = msgspec.structs.replace(other.catalog, relations=(msgspec.structs.replace(relation, name="another"),))
    primary = look(orders())
    assert table(merge([primary, msgspec.structs.replace(other, catalog=catalog)]), "orders") == table(
        primary, "orders"
    )


def test_another_index_of_the_same_oid_has_no_interval() -> None:
    """Renamed it stays the same; what was defined otherwise began to count in between, and is not called unused."""
    old, new = look(orders(4)), look(orders(4), minutes=60 * 24 * 60)
    assert index(between(old, _altered(new, name="a", include=("id",))), "a").scans == 4  # type: ignore[union-attr]
    zero = _altered(look(orders(), minutes=60), keys=(IndexKey(column="id"),))
    assert index(between(look(orders()), zero), "a") is None
    renamed = index(between(_altered(old, name="was"), new), "a")
    assert renamed is not None
    assert renamed.scans == 0
