"""Plans for the values that matter: which statements get them, for which values, and at what price."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from pgadvisor.config import CollectConfig, Execute
from pgadvisor.model.coverage import GapKind
from pgadvisor.model.plan_reading import parse_plan
from pgadvisor.model.plans import PlanMethod, ValueChoice
from support.databases import Database
from support.planning import OFF, Seen, observe_texts

ASKING = msgspec.structs.replace(OFF, max_value_explains=60)
BY_STATUS = "SELECT * FROM jobs WHERE status = $1"
BY_KEY = "SELECT * FROM jobs WHERE id = $1"
SINCE = "SELECT count(*) FROM jobs WHERE at >= $1 AND at < $2"
RECENT = "SELECT count(*) FROM jobs WHERE at > now() - interval $1"
UPDATE = "UPDATE jobs SET note = $1 WHERE status = $2"
SETUP = """
    CREATE TABLE jobs (id int PRIMARY KEY, status text NOT NULL, at timestamptz NOT NULL, note text, kind text);
    INSERT INTO jobs SELECT i, CASE WHEN i % 1000 = 0 THEN 'failed ''"</script>' ELSE 'done' END,
        timestamptz '2024-01-01' + i * interval '1 hour', 'n', 'k' FROM generate_series(1, 20000) i;
    CREATE INDEX by_status ON jobs (status);
    CREATE INDEX by_time ON jobs (at);
    ANALYZE jobs;
"""


def asked(database: Database, *texts: str, **limits: Any) -> Seen:
    config: CollectConfig = msgspec.structs.replace(ASKING, **limits)
    return observe_texts(database.dsn, texts, config)


def by_choice(seen: Seen, text: str) -> dict[ValueChoice | None, Any]:
    return {plan.values: plan for plan in seen.plans(text, PlanMethod.VALUES)}


@pytest.mark.server
def test_common_and_rare_values_get_plans_of_their_own(newest_database: Database) -> None:
    newest_database.execute(SETUP)
    seen = asked(newest_database, BY_STATUS, BY_KEY, SINCE, RECENT)
    plans = by_choice(seen, BY_STATUS)
    assert list(plans) == [ValueChoice.COMMON, ValueChoice.RARE, ValueChoice.ABSENT]
    common, rare = (plans[choice] for choice in (ValueChoice.COMMON, ValueChoice.RARE))
    assert [value.value for value in common.parameters] == ["done"]
    assert [value.value for value in rare.parameters] == ["failed '\"</script>"]
    assert "in 100% of the rows" in common.parameters[0].source
    assert parse_plan(common.plan).node_type == "Seq Scan"
    assert parse_plan(rare.plan).estimated_rows < 200 < 9000 < seen.plan(BY_STATUS).plan["Plan"]["Plan Rows"]
    # All keys are alike, so a plan for one of them tells nothing new.
    assert seen.plans(BY_KEY, PlanMethod.VALUES) == []
    for text in (SINCE, RECENT):
        rows = {choice: _scanned(plan.plan) for choice, plan in by_choice(seen, text).items()}
        assert rows[ValueChoice.HIGH] > 20 * rows[ValueChoice.LOW], text
    assert all(plan.rewritten for plan in seen.plans(RECENT))
    assert seen.observation.value_explains == 7
    assert seen.observation.gaps == []


def _scanned(plan: dict[str, Any]) -> float:
    return max(node.estimated_rows for node in parse_plan(plan).walk())


@pytest.mark.server
def test_the_cap_leaves_the_rest_out_and_says_so(database: Database) -> None:
    database.execute(SETUP)
    seen = asked(database, BY_STATUS, SINCE, max_value_explains=2)
    assert seen.observation.value_explains == 2
    (gap,) = seen.observation.gaps
    assert gap.kind is GapKind.LIMIT and "max_value_explains" in gap.remedy
    none = asked(database, BY_STATUS, SINCE, max_value_explains=0)
    assert (none.observation.value_explains, none.observation.gaps) == (0, [])


@pytest.mark.server
def test_what_was_executed_or_planned_for_the_same_values_is_not_planned_again(database: Database) -> None:
    database.execute(SETUP)
    seen = asked(database, BY_STATUS, execute=Execute.SAFE)
    executed = seen.plan(BY_STATUS, PlanMethod.EXECUTED)
    assert (executed.values, executed.parameters[0].value) == (ValueChoice.COMMON, "done")
    assert executed.parameters[0].source.startswith("common value, in 100% of the rows")
    assert list(by_choice(seen, BY_STATUS)) == [ValueChoice.RARE, ValueChoice.ABSENT]
    assert seen.observation.value_explains == 2
    # What was too dear to execute tells of typical values and of the common one.
    seen = asked(database, BY_STATUS, execute=Execute.SAFE, execute_max_cost=0.5)
    plans = by_choice(seen, BY_STATUS)
    assert plans.keys() == {ValueChoice.TYPICAL, ValueChoice.COMMON, ValueChoice.RARE, ValueChoice.ABSENT}
    assert plans[ValueChoice.COMMON].plan == plans[ValueChoice.TYPICAL].plan
    assert seen.observation.value_explains == 2


@pytest.mark.server
def test_writes_are_planned_with_values_and_change_nothing(database: Database) -> None:
    database.execute(SETUP)
    seen = asked(database, UPDATE)
    assert {ValueChoice.COMMON, ValueChoice.RARE} <= by_choice(seen, UPDATE).keys()
    reader = database.role("reader", grants=["SELECT ON jobs"])
    equal = observe_texts(reader.dsn, (UPDATE,), ASKING)
    plans = equal.plans(UPDATE, PlanMethod.VALUES)
    assert plans and all(plan.equivalent_select and len(plan.parameters) == 1 for plan in plans)
    assert database.execute("SELECT count(*) FROM jobs WHERE note <> 'n'") == [(0,)]


@pytest.mark.server
def test_checks_of_a_domain_do_not_run(database: Database) -> None:
    database.execute(SETUP)
    database.execute(
        """CREATE TABLE heard (what text);
           CREATE FUNCTION hear(text) RETURNS boolean LANGUAGE plpgsql AS
           'BEGIN RAISE EXCEPTION ''heard %'', $1; END';
           CREATE DOMAIN word AS text;
           ALTER TABLE jobs ADD COLUMN w word;
           ALTER DOMAIN word ADD CONSTRAINT hears CHECK (hear(VALUE)) NOT VALID"""
    )
    text = "UPDATE jobs SET w = $1 WHERE status = $2"
    seen = asked(database, text)
    assert seen.plans(text, PlanMethod.VALUES) == []
    assert all("P0001" not in gap.reason for gap in seen.observation.gaps)
