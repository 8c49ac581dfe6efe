"""Every case of every installed rule."""

from __future__ import annotations

import msgspec
import pytest

from pgadvisor.engine import run
from pgadvisor.registry import load_rules
from pgadvisor.rules_api import AnyRule
from support.rule_cases import CASES, Case, differences, load

RULES = {rule.name: rule for rule in load_rules()}
PAIRS = [
    pytest.param(rule, case, id=f"{name}-{case.kind}-{case.name}")
    for name, rule in RULES.items()
    if (CASES / f"{name}.toml").exists()
    for case in load(name)
]


@pytest.mark.parametrize(("rule", "case"), PAIRS)
def test_case(rule: AnyRule, case: Case) -> None:
    options = msgspec.convert(case.options, rule.options)
    seen = case.facts()
    (outcome,) = run([rule], seen, {rule.name: options})
    assert outcome.error is None
    collected = set(seen.coverage.gaps)
    gaps = [f"{gap.fact.value}:{gap.scope}" for gap in outcome.gaps if gap not in collected]
    found = {finding.identity: finding for finding in outcome.findings}
    assert sorted(found) == sorted(expected.identity for expected in case.expect)
    assert len(found) == len(outcome.findings), "two findings share an identity"
    assert {e.identity: d for e in case.expect if (d := differences(found[e.identity], e))} == {}
    assert gaps == case.gaps_yielded
    assert all(finding.sentence.endswith(".") and finding.evidence for finding in outcome.findings)


@pytest.mark.parametrize(("rule", "case"), PAIRS)
def test_only_firing_cases_expect_findings(rule: AnyRule, case: Case) -> None:
    assert (case.kind == "firing") == bool(case.expect)


@pytest.mark.parametrize("name", RULES)
def test_every_rule_has_a_case_of_each_kind(name: str) -> None:
    assert {case.kind for case in load(name)} == {"quiet", "near_miss", "firing"}


@pytest.mark.parametrize("name", RULES)
def test_case_names_are_unique(name: str) -> None:
    names = [case.name for case in load(name)]
    assert sorted(set(names)) == sorted(names)


def test_every_case_file_belongs_to_a_rule() -> None:
    assert {path.stem for path in CASES.glob("*.toml")} <= set(RULES)
