"""Many statements as fewer."""

from __future__ import annotations

import pytest

from pgadvisor.advise.selection.compression import compress
from pgadvisor.advise.selection.evaluator import LoadCost
from pgadvisor.advise.selection.loads import loads_of
from support.snapshots import facts

TABLES = {
    "public.t": {"columns": ["id bigint not null", "a int", "b int"], "rows": 1e6},
    "public.u": {"columns": ["id bigint not null", "a int"], "rows": 1e6},
}


def workload(*statements: tuple[str, str, float]) -> tuple[LoadCost, ...]:
    given = [{"id": name, "text": text, "total_ms": ms, "calls": 10} for name, text, ms in statements]
    loads = loads_of(facts({"tables": TABLES, "statements": given}))
    return tuple(LoadCost(load, (100.0,) * len(load.questions)) for load in loads)


def test_statements_that_ask_an_index_for_the_same_are_one() -> None:
    base = workload(
        ("1", "SELECT b FROM t WHERE a = $1", 50),
        ("2", "SELECT b FROM t WHERE $1 = t.a /* another */", 70),
        ("3", "SELECT b FROM t WHERE a > $1", 40),
        ("4", "SELECT b FROM t WHERE a = $1 ORDER BY b LIMIT 5", 30),
        ("5", "SELECT a FROM u WHERE a = $1", 20),
    )
    found = compress(base, 4, 9)
    assert [(each.load.query_id, each.load.total_ms, each.load.calls) for each in found.base[:2]] == [
        ("2", 120, 20),
        ("3", 40, 10),
    ]
    assert found.base[0].load.stands_for == ("1",)
    assert [each.load.query_id for each in found.others] == ["1"]
    assert (found.compression.statements, found.compression.of_statements) == (4, 9)
    assert found.compression.left_out_share == 0.0


def test_the_tail_is_left_out_with_its_share_said() -> None:
    base = workload(
        *(
            (str(n), f"SELECT id FROM t WHERE a {op} $1", ms)
            for n, op, ms in (
                (1, "=", 900),
                (2, ">", 90),
                (3, "<", 6),
                (4, "<>", 4),
            )
        )
    )
    assert [each.load.query_id for each in compress(base, 3, 4).base] == ["1", "2", "3"]
    assert compress(base, 3, 4).compression.left_out_share == pytest.approx(0.004)
    # More than the tail, where there are too many still.
    assert compress(base, 1, 4).compression.left_out_share == pytest.approx(0.1)
    assert [each.load.query_id for each in compress(base, 1, 4).others] == ["2", "3", "4"]
    assert compress(base, 4, 4).others == ()
