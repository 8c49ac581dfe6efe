"""Time that a plan cannot have taken is not to be saved by another."""

from __future__ import annotations

from dataclasses import replace

import msgspec

from pgadvisor.advise.selection.evaluator import Evaluator, LoadCost
from pgadvisor.advise.selection.explained_time import explained_ms
from pgadvisor.advise.selection.loads import Load
from pgadvisor.facts import Facts
from pgadvisor.planner.protocol import Question
from support.snapshots import facts
from support.worlds import World

TABLE = {"public.orders": {"rows": 1e5, "columns": ["id bigint not null"]}}


def planned(query_id: str, cost: float, calls: int, total_ms: float) -> LoadCost:
    questions = (Question(query_id=query_id, text=""),)
    return LoadCost(Load(query_id, None, questions, (1.0,), calls, total_ms), (cost,))


def test_waits_and_plans_of_old_are_left_out() -> None:
    usual = [planned(str(number), 100.0, 10, 10.0) for number in range(9)]
    waits = planned("waits", 100.0, 10, 5_000.0)
    reads = planned("reads", 100.0, 10, 400.0)
    known = facts(
        {"tables": TABLE, "statements": [{"id": "reads", "text": "SELECT 1", "calls": 10, "total_ms": 400.0}]}
    )
    assert known.snapshot.statements is not None
    rows = tuple(msgspec.structs.replace(row, shared_blocks_read=350) for row in known.snapshot.statements.rows)
    statements = msgspec.structs.replace(known.snapshot.statements, rows=rows)
    known = Facts(msgspec.structs.replace(known.snapshot, statements=statements), known.shapes)
    # A unit of cost takes 0.01 ms as a rule, and ten times as much at most; a block that is read takes 1 ms.
    assert explained_ms([*usual, waits, reads], known) == {"waits": 100.0}
    assert explained_ms([waits], known) == {}


def test_the_rest_of_what_was_measured_is_kept_apart() -> None:
    world = World({f"q{number}": {"": 10.0} for number in range(9)}, facts=facts({"tables": TABLE}))
    plain = world.evaluator()
    assert (plain.unexplained_ms, sum(load.total_ms for load in plain.loads)) == (0.0, 90.0)
    first, *others = world.loads()
    waiting = Evaluator(world.planner(), [replace(first, total_ms=1_000.0), *others], 100, world.facts)
    # Ten times what others take for a unit of cost.
    assert waiting.loads[0].total_ms == 100.0
    assert waiting.unexplained_ms == 900.0
