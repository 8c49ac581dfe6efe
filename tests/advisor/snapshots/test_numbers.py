"""Numbers in a file: what a server counts is never below zero, and what it may show below zero is read."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import msgspec
import pytest

from pgadvisor.model.snapshot import Snapshot
from pgadvisor.snapshots.check import problem
from support.snapshots import snapshot

SHOP = {
    "tables": {
        "public.t": {
            "rows": 1e6,
            "columns": ["id bigint not null", "kind int"],
            "stats": {"kind": {"n_distinct": -0.5}},
            "indexes": {"a": "btree (kind)"},
            "index_bytes": {"a": 20_000_000},
            "counters": {"rows_updated": 3},
        }
    },
    "statements": [{"id": "1", "text": "select 1", "total_ms": 10.0, "calls": 3}],
}
Json = dict[str, Any]


def _told(change: Callable[[Json], object]) -> str | None:
    content = json.loads(msgspec.json.encode(snapshot(SHOP)))
    change(content)
    return problem(msgspec.convert(content, Snapshot))


@pytest.mark.parametrize(
    "change",
    [
        lambda s: s["counters"]["indexes"][0].update(scans=-5000),
        lambda s: s["counters"]["indexes"][0].update(rows_read=-1),
        lambda s: s["counters"]["tables"][0].update(seq_scans=-1),
        lambda s: s["counters"]["tables"][0].update(rows_updated=-1),
        lambda s: s["counters"]["tables"][0].update(vacuum_ms=-0.5),
        lambda s: s["counters"]["sizes"][0].update(total_bytes=-1),
        lambda s: s["counters"].update(database_size_bytes=-1),
        lambda s: s["statements"]["rows"][0].update(calls=-1),
        lambda s: s["statements"]["rows"][0].update(total_ms=-1e-9),
        lambda s: s["statements"]["rows"][0].update(rows=-1),
        lambda s: s["statements"].update(other_databases_ms=-1.0),
        lambda s: s["catalog"]["relations"][0].update(row_count=-1.0),
        lambda s: s["catalog"]["relations"][0].update(pages=-1),
        lambda s: s["column_statistics"][0].update(null_fraction=-0.1),
        lambda s: s["column_statistics"][0].update(average_width_bytes=-1),
        lambda s: s["coverage"]["footprint"].update(scans_added={"public.t": -1}),
    ],
)
def test_negative_counts_are_refused(change: Callable[[Json], object]) -> None:
    assert "is not what a server can have given" in (_told(change) or "")


@pytest.mark.parametrize(
    "change",
    [
        lambda s: s["column_statistics"][0].update(n_distinct=-1.0, correlation=-1.0),
        lambda s: s["catalog"]["relations"][0].update(frozen_xid_age=2**31 - 1, multixact_age=-3, toast_pages=-1),
        lambda s: s["catalog"]["columns"][0].update(length_bytes=-2, statistics_target=-1),
        lambda s: s["server"].update(replay_lag_s=-0.001),
        lambda s: s["counters"]["tables"][0].update(heap_blocks_read=-2),
        lambda s: s["counters"]["indexes"][0].update(blocks_read=-2),
        lambda s: s["catalog"].update(
            sequences=[
                {"oid": 99, "schema": "a", "name": "b", "type": "bigint", "start": -1, "minimum": -(2**63),
                 "maximum": -1, "increment": -1, "cycles": False, "cache": 1, "last_value": -5}
            ]
        ),
        lambda s: s.update(
            activity={
                "longest_transaction_s": -0.001,
                "oldest_horizon_age": 2**31 - 1,
                "noted_sessions": [{"pid": 3, "query_s": -0.1, "horizon_age": -1, "blocked_by": [0]}],
            }
        ),
    ],
)  # fmt: skip
def test_what_servers_may_show_below_zero_is_read(change: Callable[[Json], object]) -> None:
    assert _told(change) is None
