"""Problems made on a real server, as data: tests/rules/scenarios/<rule>.toml.

    [[scenario]]
    name = "no index on the referencing column"
    setup = "CREATE TABLE ...; ..."
    workload = [{ sql = "SELECT ... WHERE x = %s", parameters = [[1], [2]], times = 50 }]
    options = { min_total_ms = 0 }
    identity = "public.orders(customer_id)"
    undone = false                    # only where there is no way back, as from statistics gathered
    by_hand = ["ALTER ..."]           # where a rule advises and recommends no commands: what a reader of it would run
    undo_by_hand = ["ALTER ..."]

`fails` names commands after the set-up that must fail, such as a unique index that finds duplicates; `then` follows.
"""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

import msgspec
import psycopg

from pgadvisor.advise.planners import planners_of
from pgadvisor.analyze import analyze
from pgadvisor.collect import collect
from pgadvisor.config import Config, ReportConfig
from pgadvisor.model.coverage import Fact
from pgadvisor.model.report import Recommendation, Report, ReportFinding, RuleOutcome
from pgadvisor.rules_api import AnyRule
from support.databases import Database
from support.snapshots import Data

SCENARIOS = Path(__file__).parents[1] / "rules" / "scenarios"


class Work(Data, kw_only=True):
    """A statement run `times` times for each set of parameters, or without any."""

    sql: str
    parameters: list[list[Any]] = []
    times: int = 1


class Scenario(Data, kw_only=True):
    """One problem, and what the rule calls it."""

    name: str
    setup: str
    identity: str
    fails: list[str] = []
    then: str = "SELECT"
    workload: list[Work] = []
    options: dict[str, Any] = {}
    undone: bool = True
    by_hand: list[str] = []
    undo_by_hand: list[str] = []


def load_scenarios(rule: str) -> list[Scenario]:
    """The scenarios of a rule."""
    content = tomllib.loads((SCENARIOS / f"{rule}.toml").read_text(encoding="utf-8"))
    return [msgspec.convert(each, Scenario) for each in content["scenario"]]


class Stage:
    """A database with a problem in it, audited for one rule."""

    def __init__(self, database: Database, rule: AnyRule, scenario: Scenario) -> None:
        self._database = database
        self._rule = rule
        self._scenario = scenario
        # With values masked, what is recommended for them could not be run.
        self._config = Config(rules={rule.name: scenario.options}, report=ReportConfig(show_values=True))

    def make(self) -> None:
        """Makes the problem and runs the workload."""
        self._database.execute(self._scenario.setup)
        for command in self._scenario.fails:
            try:
                self._database.execute(command)
            except psycopg.Error:
                continue
            raise AssertionError(f"this should have failed: {command}")
        self._database.execute(self._scenario.then)
        self.work()

    def work(self) -> None:
        """Runs the workload."""
        for work in self._scenario.workload:
            for _ in range(work.times):
                for parameters in work.parameters or [[]]:
                    self._database.execute(work.sql, parameters or None)
        self._database.settle()

    def audit(self) -> Report:
        """Audits as a user would, with this rule alone; the rule must have run to its end."""
        planners = planners_of(self._config) if Fact.INDEX_ADVICE in self._rule.needs else None
        snapshot = collect(self._database.dsn, self._config.collect)
        report = analyze(snapshot, self._config, [self._rule], planners=planners)
        (outcome,) = report.outcomes
        assert outcome.error is None
        assert outcome.status.value in ("clean", "findings", "incomplete"), _reasons(outcome)
        return report

    def finding(self, report: Report) -> ReportFinding | None:
        """The finding that the scenario is about."""
        key = f"{self._rule.name}:{self._scenario.identity}"
        return next((finding for finding in report.findings if finding.key == key), None)

    def run(self, commands: list[str]) -> None:
        """Runs the commands of a recommendation one by one, each outside a transaction block; then work goes on."""
        with self._database.connect() as connection:
            for command in commands:
                connection.execute(command.encode())
        self.work()


def steps(report: Report, finding: ReportFinding) -> tuple[list[str], list[str]]:
    """Commands that mend a finding, and those that undo them, in the order to run them."""
    chosen: list[Recommendation] = [r for r in report.recommendations if r.key in finding.recommendations]
    done = [step for recommendation in chosen for step in recommendation.steps]
    undo = [command for step in reversed(done) for command in step.undo.split(";\n") if command]
    return [step.sql for step in done], undo


def _reasons(outcome: RuleOutcome) -> str:
    return f"{outcome.status.value}: {'; '.join(f'{gap.fact.value} {gap.scope} {gap.reason}' for gap in outcome.gaps)}"
