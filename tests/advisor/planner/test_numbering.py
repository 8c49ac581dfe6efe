from __future__ import annotations

from pgadvisor.model.plans import ParameterValue
from pgadvisor.planner.numbering import renumbered_plan, renumbered_values
from pgadvisor.workload.equivalent import equivalent_select

UPDATE = "UPDATE t SET status = $1 WHERE d = $2 AND status <> $3"


def test_expressions_get_the_numbers_of_the_statement() -> None:
    select = equivalent_select(UPDATE)
    assert select is not None
    node = {"Node Type": "Seq Scan", "Filter": "((d = $1) AND (status <> $2) AND (note <> 'costs $1'))", "Plan Rows": 5}
    plan = {"Plan": {"Node Type": "Limit", "Plans": [node]}}
    changed = renumbered_plan(plan, select.positions)["Plan"]["Plans"][0]
    assert changed == node | {"Filter": "((d = $2) AND (status <> $3) AND (note <> 'costs $1'))"}
    value = ParameterValue(position=2, type="text", value="x", source="s")
    assert renumbered_values([value], select.positions)[0].position == 3


def test_a_plan_with_init_plans_stays_as_it_is() -> None:
    inner = {"Node Type": "Aggregate", "Subplan Name": "InitPlan 1 (returns $1)"}
    plan = {"Plan": {"Node Type": "Seq Scan", "Filter": "(d = $1)", "Plans": [inner]}}
    assert renumbered_plan(plan, (2,)) == plan
