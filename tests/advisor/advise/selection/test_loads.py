"""What counts of a statement: the values of its real calls where they are known."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from pgadvisor.advise.selection.loads import lacks_values, loads_of, share_of_time
from pgadvisor.facts import Facts
from pgadvisor.model.statements import ParameterSample
from support.snapshots import facts

ORDERS: dict[str, Any] = {
    "tables": {"public.orders": {"rows": 1e5, "columns": ["id bigint not null", "status text"]}},
    "statements": [
        {
            "id": "1",
            "text": "SELECT count(*) FROM orders WHERE status = $1",
            "calls": 100,
            "total_ms": 1000,
            "plans": [
                {"tree": "Seq Scan on public.orders cost=5000 rows=10"},
                {
                    "tree": "Seq Scan on public.orders cost=5000 rows=10",
                    "method": "values",
                    "values": "rare",
                    "parameters": ["open"],
                },
            ],
        }
    ],
}


def test_values_of_real_calls_alone_count() -> None:
    known = facts(ORDERS)
    (load,) = loads_of(known)
    assert [(each.values, weight) for each, weight in zip(load.questions, load.weights, strict=True)] == [
        (None, 0.5),
        (("open",), 0.5),
    ]
    assert known.snapshot.statements is not None
    samples = tuple(ParameterSample(query_id="1", values=(value,), source="log") for value in ("lost", "open"))
    statements = msgspec.structs.replace(known.snapshot.statements, samples=samples)
    (load,) = loads_of(Facts(msgspec.structs.replace(known.snapshot, statements=statements), known.shapes))
    assert {each.values: weight for each, weight in zip(load.questions, load.weights, strict=True)} == pytest.approx(
        {("open",): 0.5, ("lost",): 0.5, None: 0.0}
    )


def test_of_how_much_of_the_time_values_of_calls_are_known() -> None:
    more = [
        {"id": "2", "text": "SELECT id FROM orders WHERE id = $1", "calls": 10, "total_ms": 2500},
        {"id": "3", "text": "SELECT count(*) FROM orders", "calls": 10, "total_ms": 500},
    ]
    known = facts({**ORDERS, "statements": [*ORDERS["statements"], *more]})
    assert share_of_time(loads_of(known), lacks_values) == pytest.approx(3500 / 4000)
    assert known.snapshot.statements is not None
    samples = (ParameterSample(query_id="2", values=("7",), source="log"),)
    statements = msgspec.structs.replace(known.snapshot.statements, samples=samples)
    seen = Facts(msgspec.structs.replace(known.snapshot, statements=statements), known.shapes)
    assert share_of_time(loads_of(seen), lacks_values) == pytest.approx(1000 / 4000)
    assert share_of_time((), lacks_values) == 0.0


def test_what_monitoring_asks_the_catalog_is_no_part_of_the_workload() -> None:
    texts = {
        "1": "SELECT id FROM orders WHERE status = $1",
        "2": "SELECT relname, n_dead_tup FROM pg_stat_user_tables ORDER BY $1",
        "3": "SELECT count(*) FROM pg_catalog.pg_class c JOIN information_schema.tables t ON t.table_name = c.relname",
        # One reads a table as well, another something that was dropped since.
        "4": "SELECT o.id FROM orders o JOIN pg_class c ON c.relname = o.status",
        "5": "SELECT id FROM pages WHERE id = $1",
    }
    data = {**ORDERS, "statements": [{"id": name, "text": text, "calls": 10} for name, text in texts.items()]}
    assert {load.query_id for load in loads_of(facts(data))} == {"1", "4", "5"}
