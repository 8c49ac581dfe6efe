"""Conditions of row security in what is known of a statement: of whom they hold, and where they limit anything."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest
from msgspec.structs import replace

from pgadvisor.facts import Facts
from pgadvisor.model.objects import Policy
from pgadvisor.model.shape import StatementShape
from pgadvisor.model.statements import StatementRole
from pgadvisor.workload.policies import Policies
from pgadvisor.workload.schema import SchemaView
from pgadvisor.workload.understand import understand
from support.snapshots import facts

TENANT = "(tenant = (current_setting('app.tenant'::text))::integer)"
CLERK = StatementRole(oid=7, name="clerk", member_of=("staff",))
READ = "SELECT title FROM docs AS d WHERE kind = 2"


def policy(using: str | None = TENANT, **given: Any) -> Policy:
    fields = {"oid": 1, "relation_oid": 0, "name": "p", "command": "all", "permissive": True, **given}
    return Policy(using=using, **fields)


def secured(policies: tuple[Policy, ...], relation: Mapping[str, Any]) -> Facts:
    """A table with row security and these policies."""
    seen = facts({"tables": {"public.docs": {"columns": ["tenant int", "kind int", "title text", "shared bool"]}}})
    (table,) = [each for each in seen.snapshot.catalog.relations if each.name == "docs"]
    changed = replace(table, **{"row_security": True, "owner": "boss", **relation})
    catalog = replace(
        seen.snapshot.catalog,
        relations=tuple(changed if each is table else each for each in seen.snapshot.catalog.relations),
        policies=tuple(replace(each, relation_oid=table.oid, oid=at) for at, each in enumerate(policies)),
    )
    return Facts(replace(seen.snapshot, catalog=catalog), {})


def searched(
    *policies: Policy, text: str = READ, role: StatementRole | None = CLERK, relation: Mapping[str, Any] | None = None
) -> list[str]:
    """The columns that a statement is searched by, with their aliases."""
    seen = secured(policies, relation or {})
    shape = understand("q", text, SchemaView(seen.snapshot.catalog, ("public",)))
    assert isinstance(shape, StatementShape)
    found = Policies(seen).within(shape, role)
    assert {each.column for each in found.predicates} <= {
        each.column for each in (*found.columns_read, *shape.columns_read)
    }
    return [f"{each.alias}.{each.column} {each.operator}" for each in found.predicates if not each.in_or]


WITHOUT = ["d.kind ="]
WITH = [*WITHOUT, "d.tenant ="]


def test_a_condition_stands_beside_those_of_the_text() -> None:
    assert searched(policy()) == WITH


@pytest.mark.parametrize(
    "role",
    [
        None,
        replace(CLERK, is_superuser=True),
        replace(CLERK, bypasses_policies=True),
        replace(CLERK, name="boss"),
        replace(CLERK, member_of=("boss",)),
    ],
)
def test_there_are_those_for_whom_none_holds(role: StatementRole | None) -> None:
    assert searched(policy(), role=role) == WITHOUT


def test_it_holds_for_an_owner_too_where_it_is_forced() -> None:
    owner = replace(CLERK, name="boss")
    assert searched(policy(), role=owner, relation={"force_row_security": True}) == WITH
    assert searched(policy(), relation={"row_security": False}) == WITHOUT


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({"roles": ("clerk",)}, WITH),
        ({"roles": ("staff", "other")}, WITH),
        ({"roles": ("other",)}, WITHOUT),
        ({"command": "select"}, WITH),
        ({"command": "update"}, WITHOUT),
        ({"permissive": False}, WITH),
        ({"using": None, "check": TENANT}, WITHOUT),
        ({"using": "this is no SQL ("}, WITHOUT),
    ],
)
def test_for_whom_and_what_a_policy_is(given: Mapping[str, Any], expected: list[str]) -> None:
    assert searched(policy(**given)) == expected


def test_of_two_that_let_rows_pass_neither_limits_anything() -> None:
    assert searched(policy(), policy("shared")) == WITHOUT
    assert searched(policy(), policy("shared", permissive=False)) == [*WITH, "d.shared is true"]


def test_what_is_written_is_found_by_the_policies_for_that_too() -> None:
    update = "UPDATE docs AS d SET title = 'x' WHERE kind = 2"
    assert searched(policy(command="update"), text=update) == WITH
    assert searched(policy(command="delete"), text=update) == WITHOUT
    assert searched(policy(), text="INSERT INTO docs (tenant, kind) VALUES (1, 2)") == []
    # Those for reading and those for writing have to let a row pass, both.
    both = searched(policy(command="select"), policy("shared", command="update"), text=update)
    assert both == [*WITH, "d.shared is true"]


def test_what_a_policy_asks_of_another_use_of_the_table_is_none_of_its_own() -> None:
    other = policy("(EXISTS (SELECT 1 FROM public.docs d2 WHERE d2.title = 'x'))")
    assert searched(other) == WITHOUT
