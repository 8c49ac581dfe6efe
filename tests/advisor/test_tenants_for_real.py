"""A schema per tenant, and many databases, audited on a server by the command, and mended by its SQL."""

from __future__ import annotations

import pytest

from support.audits import audit
from support.databases import Database, fresh_database
from support.servers import Server

pytestmark = pytest.mark.server
TENANTS = ('o\'s "1"', "</script>", "%s", *(f"tenant {number}" for number in range(27)))


def fill(database: Database, schema: str = "public") -> None:
    """Orders, and the index on their customer twice, large enough for the rule."""
    name = '"' + schema.replace('"', '""') + '"'
    database.execute(f"CREATE SCHEMA IF NOT EXISTS {name}")
    database.execute(f"CREATE TABLE {name}.orders (id int PRIMARY KEY, customer_id int)")
    database.execute(f"INSERT INTO {name}.orders SELECT i, i FROM generate_series(1, 200) i")
    database.execute(
        f"CREATE INDEX one ON {name}.orders (customer_id); CREATE INDEX two ON {name}.orders (customer_id)"
    )
    database.execute(f"ANALYZE {name}.orders")


def test_tenants_are_one_finding_and_its_sql_mends_them_all(database: Database) -> None:
    for schema in TENANTS:
        fill(database, schema)
    database.settle()
    report = audit(database.dsn).report
    findings = [finding for finding in report["findings"] if finding["rule"] == "duplicate_index"]
    (finding,) = findings
    assert {finding["subject"]["schema"], *finding["copies"]} == set(TENANTS)
    assert len(finding["copies"]) == len(TENANTS) - 1
    recommendations = [each for each in report["recommendations"] if each["key"] in finding["recommendations"]]
    (recommendation,) = recommendations
    assert len(recommendation["copies"]) == len(TENANTS) - 1
    for step in (*recommendation["steps"], *recommendation["copy_steps"]):
        for command in step["sql"].split(";\n"):
            database.execute(command)
    left = database.execute(
        "SELECT count(*) FROM pg_indexes WHERE tablename = 'orders' AND indexname IN ('one', 'two')"
    )
    assert left == [(len(TENANTS),)]
    again = audit(database.dsn).report
    assert [each for each in again["findings"] if each["rule"] == "duplicate_index"] == []
    outcome = next(each for each in again["outcomes"] if each["rule"] == "duplicate_index")
    assert outcome["status"] != "not_checked"


def test_databases_with_the_same_problem_are_one_report(server: Server, database: Database) -> None:
    with fresh_database(server) as other:
        for each in (database, other):
            fill(each)
            each.settle()
        report = audit(database.dsn, "--all-databases").report
    ours = {database.name, other.name}
    findings = [f for f in report["findings"] if f["database"] in ours and f["rule"] == "duplicate_index"]
    assert {finding["database"] for finding in findings} == ours and len(findings) == 2
    assert len({finding["key"] for finding in findings}) == 2
    by_key = {each["key"]: each for each in report["recommendations"]}
    for finding in findings:
        (key,) = finding["recommendations"]
        assert by_key[key]["database"] == finding["database"]
