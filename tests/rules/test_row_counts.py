"""What is taken for the rows of a table, and what is said where neither they nor the size are known."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from pgadvisor.engine import run
from pgadvisor.facts import Facts
from pgadvisor.registry import load_rules
from support.snapshots import facts

PARENT = {"partition_by": "range (at)", "columns": ["at date not null"]}
FULL = {"partition_of": "events", "rows": 100}
EMPTY = {"partition_of": "events", "rows": -1, "bytes": 0}
UNKNOWN = {"partition_of": "events", "rows": -1, "bytes": 8192}
FOREIGN = {"partition_of": "events", "rows": -1, "kind": "foreign table"}


@pytest.mark.parametrize(
    ("partitions", "rows"),
    [([FULL, EMPTY], 100), ([FULL, UNKNOWN], None), ([FULL, FOREIGN], 100), ([EMPTY], None), ([FOREIGN], None)],
)
def test_rows_of_a_partitioned_table(partitions: list[dict[str, Any]], rows: float | None) -> None:
    seen = facts({"tables": {"events": PARENT, **{f"events_{n}": each for n, each in enumerate(partitions)}}})
    events = seen.relation_named("public", "events")
    assert events is not None
    assert seen.row_count(events.oid) == rows


def test_rows_of_an_empty_table_never_analyzed_are_not_known() -> None:
    seen = facts({"tables": {"orders": {"rows": -1, "bytes": 0, "columns": ["id int"]}}})
    assert [seen.row_count(oid) for oid in seen.relations] == [None]


def test_statistics_are_not_judged_without_rows_and_size() -> None:
    made = facts({"tables": {"orders": {"rows": -1, "columns": ["id int"]}}}).snapshot
    assert made.counters is not None
    unsized = Facts(msgspec.structs.replace(made, counters=msgspec.structs.replace(made.counters, sizes=())), {})
    rule = next(rule for rule in load_rules() if rule.name == "stale_statistics")
    (outcome,) = run([rule], unsized, {rule.name: rule.options()})
    assert outcome.findings == ()
    assert [gap.scope for gap in outcome.gaps] == ["public.orders"]
