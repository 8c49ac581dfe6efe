"""Thousands of findings and proposals: each looked for among all the others, they would take from minutes to hours."""

from __future__ import annotations

from typing import Any

from pgadvisor.advise.decide import decide
from pgadvisor.advise.keys import MAX_RELATED, KeyedFinding, keyed
from pgadvisor.advise.recommend import recommend
from pgadvisor.facts import Facts
from pgadvisor.indexes.ddl import free_name
from pgadvisor.model.base import Confidence, Severity
from pgadvisor.model.findings import Finding, Outcome, Subject, SubjectKind
from pgadvisor.model.proposals import DropIndex
from support.snapshots import facts

MANY = 4_000


def _seen(**table: Any) -> Facts:
    parent = {"columns": ["id int not null"], "constraints": {"parent_pkey": "primary key (id)"}}
    return facts({"tables": {"public.parent": parent, "public.t": {"columns": ["a int"], "rows": 1e6, **table}}})


def _drops(seen: Facts) -> tuple[KeyedFinding, ...]:
    found = []
    for index in seen.indexes.values():
        if index.primary:
            continue
        found.append(
            Finding(
                subject=Subject(kind=SubjectKind.INDEX, schema="public", relation="t", name=index.name),
                identity=index.name,
                sentence="It can go.",
                severity=Severity.INFO,
                confidence=Confidence.ESTIMATED,
                evidence=(),
                causes=("public.t(a)",),
                proposals=(DropIndex(schema="public", name=index.name, definition=index.definition),),
            )
        )
    return keyed([Outcome(rule="any", findings=tuple(found))])


def test_one_of_thousands_of_drops_is_rejected_for_thousands_of_foreign_keys() -> None:
    seen = _seen(
        indexes={f"x{number:04}": "btree (a)" for number in range(MANY)},
        constraints={f"k{number}": "foreign key (a) references public.parent (id)" for number in range(MANY)},
    )
    findings = _drops(seen)
    assert {len(finding.related) for finding in findings} == {MAX_RELATED}
    decisions = decide(findings, seen)
    assert len([decision for decision in decisions if decision.reason is not None]) == 1
    assert len(recommend(decisions, seen, show_values=True)) == MANY - 1


def test_thousands_of_one_name_are_numbered_without_looking_at_them_all() -> None:
    class Counted(set[str]):
        looks = 0

        def __contains__(self, name: object) -> bool:
            self.looks += 1
            return super().__contains__(name)

    taken = Counted()
    for _ in range(MANY):
        taken.add(free_name("x" * 80, taken))
    assert len(taken) == MANY
    assert f"{'x' * 58}_{MANY}" in taken
    assert taken.looks < MANY * 40
