"""Keys, root causes and ranks of findings."""

from __future__ import annotations

import hashlib
import re
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import islice

from pgadvisor.model.base import Severity
from pgadvisor.model.findings import Finding, Outcome

# Thousands of findings of one cause, each with all the others, would be millions of keys.
MAX_RELATED = 100


@dataclass(frozen=True)
class KeyedFinding:
    """A finding with its key, in rank order; related are keys of up to MAX_RELATED findings that share a root cause."""

    key: str
    rule: str
    finding: Finding
    related: tuple[str, ...]


def keyed(outcomes: Sequence[Outcome]) -> tuple[KeyedFinding, ...]:
    """All findings, ranked by severity, then impact; of one severity those of one root cause stand together.

    Keys hold neither oids nor the names of indexes, so that a baseline still knows them after a rename.
    """
    found: list[tuple[str, str, Finding]] = []
    taken: dict[str, int] = defaultdict(int)
    for outcome in outcomes:
        for finding in sorted(outcome.findings, key=lambda f: (f.identity, str(f.subject.name))):
            key = f"{outcome.rule}:{finding.identity}"
            taken[key] += 1
            if taken[key] > 1:
                key = f"{key}#{taken[key]}"
            found.append((key, outcome.rule, finding))
    found.sort(key=lambda item: (*_weight(item[2]), item[0]))
    groups = _groups(found)
    position = {key: number for number, (key, _, _) in enumerate(found)}

    # Groups are in the order of positions: the first of a severity in a group is where all of them stand.
    first: dict[tuple[int, Severity], int] = {}
    for key, _, finding in found:
        first.setdefault((id(groups[key]), finding.severity), position[key])

    def rank(item: tuple[str, str, Finding]) -> tuple[int, int, int]:
        key, _, finding = item
        return finding.severity.rank, first[id(groups[key]), finding.severity], position[key]

    return tuple(
        KeyedFinding(key, rule, finding, tuple(islice((other for other in groups[key] if other != key), MAX_RELATED)))
        for key, rule, finding in sorted(found, key=rank)
    )


def anchor(key: str) -> str:
    """A key as an HTML id: readable, and unique by a digest of the whole key."""
    words = re.sub(r"[^a-z0-9]+", "-", key.lower()).strip("-")[:60].strip("-")
    return f"{words}-{hashlib.sha256(key.encode()).hexdigest()[:8]}"


def _weight(finding: Finding) -> tuple[int, float, int, int, int]:
    """Severity first, then time, disk, writes, and last how sure it is; the smallest tuple ranks first."""
    impact = finding.impact
    return (
        finding.severity.rank,
        -(impact.time_ms or 0.0),
        -(impact.bytes or 0),
        -(impact.writes or 0),
        finding.confidence.rank,
    )


def _groups(found: Sequence[tuple[str, str, Finding]]) -> dict[str, list[str]]:
    """Keys by root cause: findings that share a cause, directly or by way of others, in the order given."""
    leader: dict[str, str] = {}
    of_cause: dict[str, str] = {}

    def find(key: str) -> str:
        while leader[key] != key:
            leader[key] = leader[leader[key]]
            key = leader[key]
        return key

    for key, _, finding in found:
        leader[key] = key
        for cause in finding.causes:
            first = of_cause.setdefault(cause, key)
            leader[find(key)] = find(first)
    members: dict[str, list[str]] = defaultdict(list)
    for key, _, _ in found:
        members[find(key)].append(key)
    return {key: members[find(key)] for key, _, _ in found}
