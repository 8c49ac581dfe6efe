"""What is said of counters that cover too little."""

from __future__ import annotations

from datetime import timedelta

import msgspec
import pytest

from pgadvisor.facts import Facts
from pgadvisor.model.counters import Window
from pgadvisor.model.coverage import Gap
from pgadvisor_rules.unused_index import UnusedIndexOptions, check
from support.snapshots import snapshot


@pytest.mark.parametrize(
    ("covered", "said"),
    [
        (timedelta(seconds=10), "less than a minute"),
        (timedelta(seconds=65), "1 minute"),
        (timedelta(minutes=90), "90 minutes"),
        (timedelta(hours=2), "2 hours"),
        (timedelta(hours=30), "30 hours"),
        (timedelta(days=9), "9 days"),
    ],
)
def test_how_long_the_counters_cover_is_said_in_words(covered: timedelta, said: str) -> None:
    table = {"rows": 100_000, "columns": ["a int"], "indexes": {"i": "btree (a)"}, "index_bytes": {"i": 20_000_000}}
    made = snapshot({"tables": {"public.t": table}})
    assert made.counters is not None
    until = made.server.collected_at
    window = Window(since=until - covered, until=until, source="test")
    made = msgspec.structs.replace(made, counters=msgspec.structs.replace(made.counters, window=window))
    gaps = [gap for gap in check(Facts(made, {}), UnusedIndexOptions()) if isinstance(gap, Gap)]
    assert any(f"the counters cover {said}, fewer than 30 days" in gap.reason for gap in gaps)
