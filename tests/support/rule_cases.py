"""Cases of rules as data: tests/rules/cases/<rule>.toml.

    [[case]]
    name = "no index starts with the column"
    kind = "firing"                      # quiet: a healthy database; near_miss: looks alike, is none; firing
    options = { min_rows = 100 }
    [case.tables."public.orders"]        # everything of support.snapshots.SnapshotData stands beside
    ...
    [[case.expect]]                      # one per finding, in any order; none for quiet and near_miss
    identity = "public.orders(customer_id)"
    severity = "warning"
    proposals = ["create index on public.orders btree (customer_id)"]
    sentence = ["has no index"]          # parts of it
    evidence = { "rows of the table" = 1000 }

A case may also expect `gaps_yielded`: facts and scopes ("plans:123") of gaps that the rule itself yields. A file may
hold a `[base]` that stands under every case, and a case may `change` some keys of the base's tables, or add tables.
"""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any, Literal

import msgspec

from pgadvisor.facts import Facts
from pgadvisor.model.base import Confidence, Severity
from pgadvisor.model.findings import Finding
from pgadvisor.model.proposals import AddPrimaryKey, AnalyzeTable, CreateIndex, DropIndex, Proposal, RebuildIndex
from pgadvisor.rules_api import definition_identity
from support.advice import AdvisedData, decisions
from support.snapshots import Data, SnapshotData, facts

CASES = Path(__file__).parents[1] / "rules" / "cases"


class Expected(Data, kw_only=True):
    """What one finding must be; what is left out is not looked at."""

    identity: str
    severity: Severity | None = None
    confidence: Confidence | None = None
    proposals: list[str] | None = None
    sentence: list[str] = []
    evidence: dict[str, float | str | None] = {}
    causes: list[str] | None = None
    query_ids: list[str] | None = None
    time_ms: float | None = None


class Case(SnapshotData, kw_only=True):
    """One case of one rule."""

    name: str
    kind: Literal["quiet", "near_miss", "firing"]
    options: dict[str, Any] = {}
    expect: list[Expected] = []
    gaps_yielded: list[str] = []
    advice: list[AdvisedData] | None = None

    def facts(self) -> Facts:
        """What the rule is given; advice is what the index advisor decided before, None where it did not."""
        seen = facts(self)
        return seen if self.advice is None else seen.with_advice(decisions(self.advice))


class CaseFile(Data, kw_only=True):
    """A file of cases. base stands under each case that does not say otherwise, key by key at the top level."""

    base: dict[str, Any] = {}
    case: list[dict[str, Any]]


def load(rule: str) -> list[Case]:
    """The cases of a rule. Raises msgspec.ValidationError for a key that no case has."""
    content = tomllib.loads((CASES / f"{rule}.toml").read_text(encoding="utf-8"))
    file = msgspec.convert(content, CaseFile)
    return [_case(file.base, case) for case in file.case]


def _case(base: dict[str, Any], case: dict[str, Any]) -> Case:
    merged = {**base, **case}
    changes = merged.pop("change", {})
    tables = dict(merged.get("tables", {}))
    for name, changed in changes.items():
        tables[name] = {**tables.get(name, {}), **changed}
    return msgspec.convert({**merged, "tables": tables}, Case)


def describe(proposal: Proposal) -> str:
    """A proposal in one line, the form in which cases expect it."""
    match proposal:
        case CreateIndex():
            text = f"create index on {definition_identity(proposal.definition)}"
            return text + (" partitioned" if proposal.partitioned else "")
        case DropIndex():
            text = f"drop index {proposal.schema}.{proposal.name}"
            return text + (f" because of {proposal.because_of}" if proposal.because_of else "")
        case RebuildIndex():
            return f"rebuild index {proposal.schema}.{proposal.name}"
        case AnalyzeTable():
            columns = f" ({', '.join(proposal.columns)})" if proposal.columns else ""
            return f"analyze {proposal.schema}.{proposal.table}{columns}"
        case AddPrimaryKey():
            text = f"primary key on {proposal.schema}.{proposal.table} ({', '.join(proposal.columns)})"
            text += f" using {proposal.using_index}" if proposal.using_index else ""
            missing = ", ".join(proposal.missing_not_null)
            return text + (f" after not null on {missing}" if missing else "")


def differences(finding: Finding, expected: Expected) -> dict[str, tuple[object, object]]:
    """Where a finding is not what was expected: name to (expected, found)."""
    evidence = {entry.label: entry.value for entry in finding.evidence}
    pairs: dict[str, tuple[object, object]] = {
        f"sentence: {part}": (True, part in finding.sentence or finding.sentence) for part in expected.sentence
    }
    for label, value in expected.evidence.items():
        found = evidence.get(label, f"missing; there are: {', '.join(evidence)}")
        pairs[f"evidence: {label}"] = (value, "unknown" if found is None else found)
    if expected.severity is not None:
        pairs["severity"] = (expected.severity, finding.severity)
    if expected.confidence is not None:
        pairs["confidence"] = (expected.confidence, finding.confidence)
    if expected.proposals is not None:
        pairs["proposals"] = (expected.proposals, [describe(proposal) for proposal in finding.proposals])
    if expected.causes is not None:
        pairs["causes"] = (expected.causes, list(finding.causes))
    if expected.query_ids is not None:
        pairs["query_ids"] = (expected.query_ids, list(finding.query_ids))
    if expected.time_ms is not None:
        pairs["time_ms"] = (expected.time_ms, finding.impact.time_ms)
    return {name: pair for name, pair in pairs.items() if not _same(*pair)}


def _same(expected: object, found: object) -> bool:
    if isinstance(expected, float) and isinstance(found, int | float) and not isinstance(found, bool):
        return abs(found - expected) <= abs(expected) * 1e-9
    return expected == found
