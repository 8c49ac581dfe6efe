"""Rules on tables with thousands of objects: compared pair by pair, each of these would take from minutes to hours."""

from __future__ import annotations

import gc
from typing import Any
from weakref import ref

import pytest

from pgadvisor.rules_api import AnyRule, Finding
from pgadvisor_rules import (
    duplicate_index,
    invalid_index,
    low_cardinality_index,
    redundant_index,
    unindexed_foreign_key,
    unused_index,
)
from support.snapshots import facts

MANY = 4_000
COUNTERS = {"rows_inserted": 10}


def _findings(module: Any, tables: dict[str, Any], **more: Any) -> list[Finding]:
    rule: AnyRule = module.RULE
    found = rule.check(facts({"tables": tables, **more}), rule.options())
    return [item for item in found if isinstance(item, Finding)]


def _table(**fields: Any) -> dict[str, Any]:
    columns = ["a int not null", *(f"b{number} int" for number in range(10))]
    return {"rows": 1e6, "columns": columns, "stats": {"a": {"n_distinct": 10.0}}, "counters": COUNTERS, **fields}


@pytest.mark.parametrize("module", [duplicate_index, redundant_index, unused_index, low_cardinality_index])
def test_partial_indexes_by_the_thousand_are_told_apart(module: Any) -> None:
    indexes = {f"x{number}": f"btree (a) where (a > {number})" for number in range(MANY)}
    indexes["again"] = "btree (a) where (a > 7)"
    found = _findings(module, {"public.t": _table(indexes=indexes)})
    if module is duplicate_index:
        assert [finding.subject.name for finding in found] == ["again"]
    elif module is redundant_index:
        assert found == []


def test_duplicates_by_the_thousand_are_one_group() -> None:
    indexes = {f"x{number}": "btree (a, b1)" for number in range(MANY)}
    (finding,) = _findings(duplicate_index, {"public.t": _table(indexes=indexes)})
    assert len(finding.proposals) == MANY - 1


def test_what_thousands_of_indexes_make_redundant_is_found() -> None:
    wide = {f"x{number}": f"btree (a, b{number % 10}) include (b{number % 7}, b{number % 9})" for number in range(MANY)}
    found = _findings(redundant_index, {"public.t": _table(indexes={"narrow": "btree (a)", **wide})})
    assert "narrow" in [finding.subject.name for finding in found]


def test_invalid_indexes_by_the_thousand_are_told_once_each() -> None:
    indexes = {f"x{number}": "invalid btree (a)" for number in range(MANY)}
    assert len(_findings(invalid_index, {"public.t": _table(indexes=indexes)})) == MANY


def test_foreign_keys_by_the_thousand_know_their_indexes() -> None:
    keys = {f"k{number}": "foreign key (a) references public.parent (id)" for number in range(MANY)}
    indexes = {f"x{number}": f"btree (a, b{number % 10})" for number in range(MANY)}
    parent = {"columns": ["id int not null"], "constraints": {"parent_pkey": "primary key (id)"}}
    tables = {"public.parent": parent, "public.child": _table(constraints=keys, indexes=indexes)}
    found = _findings(unused_index, tables)
    # The oldest of those that serve the keys stays.
    assert "x0" not in {finding.subject.name for finding in found}
    assert len(found) == MANY - 1
    assert _findings(unindexed_foreign_key, tables) == []


def test_foreign_keys_by_the_thousand_that_nothing_serves_share_the_time_in_deletes() -> None:
    keys = {f"k{number}": "foreign key (a) references public.parent (id)" for number in range(MANY)}
    parent = _table(constraints={"parent_pkey": "primary key (id)"}, counters={"rows_deleted": 5})
    parent["columns"] = ["id int not null"]
    statements = [
        {"id": str(number), "text": f"delete from parent where id = {number}", "total_ms": 8.0} for number in range(500)
    ]
    tables = {"public.parent": parent, "public.child": _table(constraints=keys)}
    found = _findings(unindexed_foreign_key, tables, statements=statements)
    assert len(found) == MANY
    assert {round(finding.impact.time_ms or 0, 6) for finding in found} == {500 * 8.0 / MANY}


def test_what_was_worked_out_goes_with_the_facts() -> None:
    seen = facts({"tables": {"public.t": _table(indexes={"x": "btree (a)", "y": "btree (a, b1)"})}})
    for module in (duplicate_index, redundant_index, unused_index, low_cardinality_index, unindexed_foreign_key):
        list(module.RULE.check(seen, module.RULE.options()))
    gone = ref(seen)
    del seen
    gc.collect()
    assert gone() is None
