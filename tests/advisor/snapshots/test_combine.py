"""Which snapshots belong together, and what they become."""

from __future__ import annotations

import itertools
from typing import Any

import pytest

from pgadvisor.analyze import analyze_all
from pgadvisor.config import Config
from pgadvisor.model.snapshot import Snapshot
from pgadvisor.snapshots.combine import CombineError, check_names, combine
from support.looks import at, index, look

UP = at(-50_000)


def orders(scans: int = 0, **more: Any) -> dict[str, Any]:
    return {
        "tables": {
            "public.orders": {
                "rows": 10,
                "columns": ["id bigint", "note text"],
                "indexes": {"a": "btree (note)"},
                "index_counters": {"a": {"scans": scans}},
            }
        },
        **more,
    }


def standby(scans: int, minutes: float, name: str = "db2") -> Snapshot:
    return look(orders(scans, in_recovery=True), minutes, host=name, started_at=UP if name == "db2" else at(-70_000))


def scans(made: Snapshot) -> int:
    row = index(made, "a")
    return -1 if row is None else row.scans


def test_two_looks_are_an_interval_in_either_order() -> None:
    looks = [look(orders(5)), look(orders(7), 10)]
    (made,) = combine(looks)
    assert scans(made) == 2
    assert made.change is not None
    assert combine(reversed(looks)) == (made,)
    assert combine(looks[:1]) == (looks[0],)


def test_of_three_looks_the_first_and_the_last_count() -> None:
    (made,) = combine([look(orders(5)), look(orders(9), 20), look(orders(7), 10)])
    assert scans(made) == 4
    assert made.change is not None
    assert made.change.notes == ("1 look between the first and the last were left aside.",)


def test_a_primary_and_its_standbys_are_one() -> None:
    looks = [look(orders(5)), standby(20, 1), standby(300, 2, "db3")]
    for order in itertools.permutations(looks):
        (made,) = combine(order)
        assert scans(made) == 325
        assert [host.name for host in made.hosts] == ["db1.example.org:5432", "db2:5432", "db3:5432"]


def test_two_looks_at_each_server_are_intervals_added_up() -> None:
    looks = [look(orders(5)), standby(20, 1), look(orders(6), 60), standby(23, 61)]
    (made,) = combine(looks)
    assert scans(made) == 4
    assert made.change is not None
    assert made.counters is not None
    assert made.counters.window.seconds == 3_600


def test_two_looks_at_one_of_two_servers_give_the_totals_of_both() -> None:
    (made,) = combine([look(orders(5)), look(orders(6), 60), standby(20, 1)])
    assert scans(made) == 26
    assert made.change is None
    (gap,) = (gap for gap in made.coverage.gaps if gap.scope == "earlier looks")
    assert "the one of shop on db1.example.org:5432 at 2026-03-01 00:00:00 UTC" in gap.reason


def test_other_databases_and_clusters_stay_by_themselves() -> None:
    looks = [
        look(orders(1)),
        look(orders(2), 1, database="other", database_oid=6),
        look(orders(4), 2, system_identifier="8", host="db9"),
    ]
    assert [scans(made) for made in combine(looks)] == [1, 2, 4]


def test_without_an_identifier_only_the_same_server_is_the_same() -> None:
    nameless: dict[str, Any] = {"system_identifier": None}
    assert len(combine([look(orders(1), **nameless), look(orders(3), 5, **nameless)])) == 1
    elsewhere = look(orders(3), 5, host="db2", started_at=UP, **nameless)
    assert len(combine([look(orders(1), **nameless), elsewhere])) == 2


def test_after_an_upgrade_the_new_cluster_is_the_old_ones_successor() -> None:
    new = {"system_identifier": "8", "version_num": 190_000}
    assert len(combine([look(orders(1)), look(orders(3), 60, started_at=at(30), **new)])) == 1
    assert len(combine([look(orders(1)), look(orders(3), 60, started_at=UP, **new)])) == 2, "both ran at once"
    local: dict[str, Any] = {"host": "/run/postgresql"}
    started = look(orders(3), 60, started_at=at(30), **new | local)
    assert len(combine([look(orders(1), **local), started])) == 2, "a socket can be on any machine"


def test_a_restart_is_the_same_server_and_another_on_a_socket_is_not() -> None:
    local: dict[str, Any] = {"host": "/run/postgresql"}
    (made,) = combine([look(orders(1), **local), look(orders(3), 60, started_at=at(30), **local)])
    assert made.change is not None
    other = look(orders(4, in_recovery=True), 60, started_at=UP, **local)
    (merged,) = combine([look(orders(1), **local), other])
    assert len(merged.hosts) == 2


def test_a_promoted_standby_is_the_same_server() -> None:
    (made,) = combine([standby(5, 0), look(orders(9), 60, host="db2", started_at=UP)])
    assert scans(made) == 4


def test_a_database_restored_in_place_is_the_same() -> None:
    (made,) = combine([look(orders(5)), look(orders(9), 60, database_oid=77)])
    assert scans(made) == 9


@pytest.mark.parametrize(
    ("looks", "sentence"),
    [
        ([look(orders()), look(orders())], "A snapshot was given twice: the one of shop on db1.example.org:5432 at "),
        (
            [look(orders()), look(orders(), 5, host="db2", started_at=UP)],
            "Two servers of one cluster were primaries",
        ),
        ([combine([look(orders()), look(orders(), 5)])[0], look(orders(), 9)], "is of an interval already"),
        ([combine([look(orders()), look(orders(), 5)])[0], standby(1, 2)], "Some of the snapshots are of an interval"),
        ([combine([look(orders()), standby(0, 1)])[0], standby(1, 2, "db3")], "is of several servers already"),
        ([combine([look(orders()), standby(0, 1)])[0], look(orders(), 9)], "is of several servers already"),
    ],
)
def test_what_does_not_go_together_is_refused(looks: list[Snapshot], sentence: str) -> None:
    with pytest.raises(CombineError, match=sentence):
        combine(looks)


def test_databases_of_one_name_are_not_mixed_up_in_one_report() -> None:
    shop = look(orders(1))
    check_names([shop, look(orders(2), database="other", database_oid=6)])
    with pytest.raises(CombineError, match=r"the same name, the one of shop on db1.* They are not copies of one"):
        check_names([shop, look(orders(4), 2, system_identifier="8", host="db9")])
    with pytest.raises(CombineError, match="pg_control_system"):
        check_names([shop, look(orders(4), 2, system_identifier=None, host="db9")])
    with pytest.raises(CombineError, match="the same name"):
        analyze_all([shop, look(orders(4), 2, system_identifier="8", host="db9")], Config(), ())
