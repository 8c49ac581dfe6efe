"""What a file of statements gives, whatever its format."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from pgadvisor.model.coverage import Gap
from pgadvisor.model.statements import StatementSource


class SourceError(Exception):
    """A file of statements cannot be used; the message names it, and says what to do."""


@dataclass
class SourceCall:
    """The values of one call of a statement, as text by position, and how long it took; None is NULL."""

    values: tuple[str | None, ...]
    duration_ms: float | None = None


@dataclass
class SourceStatement:
    """One statement of a source: equal fingerprints are one, its numbers are summed up.

    text is a representative, with its constants where the source has them. query_id is the server's, where the source
    says it; nested are the numbers of the same statement within functions, where the source tells these apart. Times
    are in milliseconds. calls_seen are a few real calls with their parameters, plans a few plans of
    auto_explain as EXPLAIN's JSON objects; both are bounded, whatever the size of the source.
    """

    fingerprint: str
    text: str
    calls: int = 0
    total_ms: float = 0.0
    min_ms: float = 0.0
    max_ms: float = 0.0
    rows: int = 0
    query_id: str | None = None
    role: str | None = None
    nested: SourceStatement | None = None
    calls_seen: list[SourceCall] = field(default_factory=list)
    plans: list[dict[str, Any]] = field(default_factory=list)


@dataclass
class SourceWorkload:
    """All statements of one source, by fingerprint; those of other databases than the one asked for are left out."""

    source: StatementSource
    statements: dict[str, SourceStatement] = field(default_factory=dict)
    gaps: list[Gap] = field(default_factory=list)
