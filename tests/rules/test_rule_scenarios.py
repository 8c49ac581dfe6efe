"""Every rule on a real server: make the problem and it tells; run what it recommends and it is silent; undo."""

from __future__ import annotations

import pytest

from pgadvisor.registry import load_rules
from pgadvisor.rules_api import AnyRule
from support.databases import Database
from support.rule_scenarios import SCENARIOS, Scenario, Stage, load_scenarios, steps

RULES = {rule.name: rule for rule in load_rules()}
PAIRS = [
    pytest.param(rule, scenario, id=f"{name}-{scenario.name}")
    for name, rule in RULES.items()
    if (SCENARIOS / f"{name}.toml").exists()
    for scenario in load_scenarios(name)
]


@pytest.mark.server
@pytest.mark.parametrize(("rule", "scenario"), PAIRS)
def test_the_recommendation_silences_the_rule(rule: AnyRule, scenario: Scenario, database: Database) -> None:
    stage = Stage(database, rule, scenario)
    stage.make()
    report = stage.audit()
    finding = stage.finding(report)
    assert finding is not None, [found.key for found in report.findings]
    mend, undo = steps(report, finding)
    # What a rule only advises is not also recommended.
    assert bool(mend) is not bool(scenario.by_hand)
    mend, undo = mend or scenario.by_hand, undo or scenario.undo_by_hand
    stage.run(mend)
    mended = stage.audit()
    assert stage.finding(mended) is None, [recommendation.title for recommendation in mended.recommendations]
    if scenario.undone:
        assert undo
        stage.run(undo)
        undone = stage.audit()
        assert stage.finding(undone) is not None, [found.key for found in undone.findings]


@pytest.mark.parametrize("name", RULES)
def test_every_rule_has_a_scenario(name: str) -> None:
    assert load_scenarios(name)
