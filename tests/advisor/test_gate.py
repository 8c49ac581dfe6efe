"""Exit codes: findings win over incomplete, incomplete over clean."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator

import pytest
from msgspec.structs import replace

from pgadvisor.analyze import analyze
from pgadvisor.config import Config, FailOn, GateConfig
from pgadvisor.facts import Facts
from pgadvisor.gate import ExitCode, gate
from pgadvisor.model.base import Severity
from pgadvisor.model.coverage import Fact
from pgadvisor.model.findings import Finding, OutcomeStatus
from pgadvisor.model.report import Report
from pgadvisor.registry import load_rules
from pgadvisor.rules_api import Gap, Options
from support.snapshots import snapshot


def report(*, worst: Severity | None = None, absent: tuple[Fact, ...] = ()) -> Report:
    made = analyze(snapshot({"absent": [fact.value for fact in absent]}), Config(), load_rules())
    return replace(made, severity_counts={} if worst is None else {worst: 1})


@pytest.mark.parametrize(
    ("worst", "absent", "code"),
    [
        (None, (), ExitCode.CLEAN),
        (Severity.INFO, (), ExitCode.CLEAN),
        (Severity.WARNING, (), ExitCode.FINDINGS),
        (None, (Fact.STATEMENTS,), ExitCode.INCOMPLETE),
        (Severity.CRITICAL, (Fact.STATEMENTS,), ExitCode.FINDINGS),
        (None, (Fact.COLUMN_STATISTICS,), ExitCode.CLEAN),
    ],
)
def test_code(worst: Severity | None, absent: tuple[Fact, ...], code: ExitCode) -> None:
    assert gate(report(worst=worst, absent=absent), GateConfig()) is code


def test_what_is_essential_is_configuration() -> None:
    config = GateConfig(essential=(Fact.COLUMN_STATISTICS,))
    assert gate(report(absent=(Fact.COLUMN_STATISTICS,)), config) is ExitCode.INCOMPLETE
    assert gate(report(absent=(Fact.STATEMENTS,)), config) is ExitCode.CLEAN


def test_a_rule_that_crashes_is_not_clean_and_tells_no_values() -> None:
    def check(facts: Facts, options: Options) -> Iterator[Finding | Gap]:
        raise KeyError("row value")
        yield

    rules = [
        dataclasses.replace(rule, check=check) if rule.name == "duplicate_index" else rule for rule in load_rules()
    ]
    made = analyze(snapshot({}), Config(), rules)
    (outcome,) = [outcome for outcome in made.outcomes if outcome.rule == "duplicate_index"]
    assert outcome.status is OutcomeStatus.FAILED
    assert "KeyError" in str(outcome.error)
    assert "row value" not in str(outcome.error)
    assert gate(made, GateConfig(fail_on=FailOn.INFO)) is ExitCode.INCOMPLETE
