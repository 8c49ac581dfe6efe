"""How plan_depends_on_value tells that the server runs plans that were kept: of all entries that are one statement."""

from __future__ import annotations

import msgspec
import pytest

from pgadvisor.facts import Facts
from pgadvisor.model.base import Severity
from pgadvisor.rules_api import Finding
from pgadvisor_rules.plan_depends_on_value import RULE
from support.rule_cases import load
from support.snapshots import facts


@pytest.mark.parametrize(("plans", "severity"), [(1000, Severity.INFO), (None, Severity.INFO), (400, Severity.WARNING)])
def test_plans_of_all_entries_of_a_statement_count(plans: int | None, severity: Severity) -> None:
    (case,) = (each for each in load(RULE.name) if each.name == "a rare value is read by the whole table")
    seen = facts(case)
    statements = seen.snapshot.statements
    assert statements is not None
    (row,), (text,) = statements.rows, statements.texts
    entries = ("1", "2", "3")
    rows = [msgspec.structs.replace(row, query_id=each, calls=1000, plans=plans, toplevel=False) for each in entries]
    statements = msgspec.structs.replace(
        statements, rows=tuple(rows), texts=(msgspec.structs.replace(text, also=entries[1:]),)
    )
    snapshot = msgspec.structs.replace(seen.snapshot, statements=statements)
    (finding,) = RULE.check(Facts(snapshot, seen.shapes), RULE.options())
    assert isinstance(finding, Finding)
    assert finding.severity is severity
