"""Keys survive reordering; findings of one root cause stand together."""

from __future__ import annotations

from pgadvisor.advise.keys import anchor, keyed
from pgadvisor.model.base import Confidence, Severity
from pgadvisor.model.findings import Finding, Impact, Outcome, Subject, SubjectKind


def finding(
    identity: str,
    severity: Severity = Severity.WARNING,
    time_ms: float | None = None,
    causes: tuple[str, ...] = (),
    name: str = "x",
) -> Finding:
    return Finding(
        subject=Subject(kind=SubjectKind.INDEX, schema="public", relation="t", name=name),
        identity=identity,
        sentence="It is so.",
        severity=severity,
        confidence=Confidence.ESTIMATED,
        causes=causes,
        impact=Impact(time_ms=time_ms),
    )


def keys(*outcomes: Outcome) -> list[str]:
    return [item.key for item in keyed(outcomes)]


def test_order_of_input_does_not_matter() -> None:
    a, b, c = finding("a", time_ms=5), finding("b", time_ms=50), finding("c", Severity.CRITICAL)
    one = keys(Outcome(rule="r", findings=(a, b, c)))
    other = keys(Outcome(rule="r", findings=(c, b, a)))
    assert one == other == ["r:c", "r:b", "r:a"]


def test_equal_identities_are_told_apart_by_name_order() -> None:
    one = finding("same", name="idx_b")
    other = finding("same", name="idx_a")
    found = keyed([Outcome(rule="r", findings=(one, other))])
    assert {(item.key, item.finding.subject.name) for item in found} == {("r:same", "idx_a"), ("r:same#2", "idx_b")}


def test_a_root_cause_holds_findings_together() -> None:
    worst = finding("worst", time_ms=9, causes=("t(a)",))
    follower = finding("follower", time_ms=1, causes=("t(a)", "t(b)"))
    linked = finding("linked", Severity.INFO, causes=("t(b)",))
    alone = finding("alone", time_ms=5)
    found = keyed([Outcome(rule="p", findings=(alone, follower)), Outcome(rule="q", findings=(linked, worst))])
    assert [item.key for item in found] == ["q:worst", "p:follower", "p:alone", "q:linked"]
    assert found[0].related == ("p:follower", "q:linked")
    assert found[2].related == ()


def test_anchors_are_ids_and_distinct() -> None:
    hostile = ['r:public."x\';--"(a)', "r:public.</script>(a)", "r:public.Ü(a)", "r:public.ü(a)"]
    made = [anchor(key) for key in hostile]
    assert len(set(made)) == len(hostile)
    assert all(set(a) <= set("abcdefghijklmnopqrstuvwxyz0123456789-") for a in made)
