"""Every rule finds the same in a redacted snapshot, with names or without."""

from __future__ import annotations

import msgspec
import pytest

from pgadvisor.engine import run
from pgadvisor.facts import Facts
from pgadvisor.model.shape import StatementShape
from pgadvisor.model.snapshot import Snapshot
from pgadvisor.model.statements import StatementText
from pgadvisor.registry import load_rules
from pgadvisor.rules_api import AnyRule
from pgadvisor.snapshots.check import problem
from pgadvisor.snapshots.redaction import redacted
from pgadvisor.snapshots.redaction.walk import Walk
from pgadvisor.workload.schema import SchemaView
from pgadvisor.workload.shapes import understand_all
from support.rule_cases import CASES, Case, load
from support.snapshots import facts

RULES = {rule.name: rule for rule in load_rules()}
PAIRS = [
    pytest.param(rule, case, id=f"{name}-{case.kind}-{case.name}")
    for name, rule in RULES.items()
    if (CASES / f"{name}.toml").exists()
    for case in load(name)
]


@pytest.mark.parametrize(("rule", "case"), PAIRS)
def test_the_same_is_found(rule: AnyRule, case: Case) -> None:
    options = {rule.name: msgspec.convert(case.options, rule.options)}
    seen = facts(case)
    (before,) = run([rule], seen, options)
    for names in (False, True):
        (after,) = run([rule], _redacted(seen, names=names), options)
        assert after.error is None
        assert [f.severity for f in after.findings] == [f.severity for f in before.findings]
        assert [f.confidence for f in after.findings] == [f.confidence for f in before.findings]
        assert [len(f.proposals) for f in after.findings] == [len(f.proposals) for f in before.findings]
        assert [f.query_ids for f in after.findings] == [f.query_ids for f in before.findings]
        assert [f.impact.time_ms for f in after.findings] == [f.impact.time_ms for f in before.findings]
        assert len(after.gaps) == len(before.gaps)
        if not names:
            assert [f.subject for f in after.findings] == [f.subject for f in before.findings]


def _redacted(seen: Facts, *, names: bool) -> Facts:
    """The facts after redaction. A case may give shapes by hand: what they compare with is redacted as in a text."""
    constants = sorted({p.constant for shape in seen.shapes.values() for p in shape.predicates if p.constant})
    snapshot = seen.snapshot
    if snapshot.statements is not None:
        extra = tuple(StatementText(query_id=str(-n), text=f"select {c}") for n, c in enumerate(constants, start=1))
        texts = (*snapshot.statements.texts, *extra)
        statements = msgspec.structs.replace(snapshot.statements, texts=texts)
        snapshot = msgspec.structs.replace(snapshot, statements=statements)
    walk = Walk(snapshot, names=names)
    made = walk.redacted()
    assert problem(made) is None
    assert msgspec.json.decode(msgspec.json.encode(made), type=Snapshot) == made
    given = {query_id: _shape(shape, walk, names=names) for query_id, shape in seen.shapes.items()}
    understood, _ = understand_all(
        () if made.statements is None else made.statements.texts, SchemaView(made.catalog, made.server.search_path)
    )
    return Facts(made, given | {query_id: shape for query_id, shape in understood.items() if query_id in given})


def _shape(shape: StatementShape, walk: Walk, *, names: bool) -> StatementShape:
    """The shape with the constants and names that stand for its own."""

    def named(part: object) -> object:
        if isinstance(part, dict):
            return {key: _named(key, value) for key, value in part.items()}
        return [named(each) for each in part] if isinstance(part, list | tuple) else part

    def _named(key: str, value: object) -> object:
        if key == "constant" and isinstance(value, str):
            return walk.texts.sql(value)
        if key in ("column", "alias") and isinstance(value, str):
            return walk.texts.names.of("column", value)
        return named(value)

    return msgspec.convert(named(msgspec.to_builtins(shape)), StatementShape)


def test_the_same_snapshot_gives_the_same_result() -> None:
    for _, case in [pair.values for pair in PAIRS[:20]]:
        snapshot = facts(case).snapshot  # type: ignore[arg-type]
        for names in (False, True):
            once = redacted(snapshot, names=names)
            assert msgspec.json.encode(redacted(snapshot, names=names)) == msgspec.json.encode(once)
