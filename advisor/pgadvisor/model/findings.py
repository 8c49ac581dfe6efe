"""What rules yield: findings with evidence, as numbers with units."""

from __future__ import annotations

import enum

from pgadvisor.model.base import Confidence, Model, Severity
from pgadvisor.model.coverage import Gap
from pgadvisor.model.proposals import Proposal


class Unit(enum.StrEnum):
    """How a number is to be read; formatting belongs to the renderer."""

    COUNT = "count"
    ROWS = "rows"
    BYTES = "bytes"
    MILLISECONDS = "ms"
    SECONDS = "s"
    FRACTION = "fraction"
    COST = "cost"
    TEXT = "text"
    SQL = "sql"


class SubjectKind(enum.StrEnum):
    """What kind of object a finding is about."""

    TABLE = "table"
    INDEX = "index"
    CONSTRAINT = "constraint"
    COLUMN = "column"
    STATEMENT = "statement"


class Subject(Model, frozen=True, kw_only=True):
    """The object a finding is about. relation is the table it belongs to; name the index, constraint or column."""

    kind: SubjectKind
    schema: str
    relation: str
    name: str | None = None


class Evidence(Model, frozen=True, kw_only=True):
    """One fact behind a finding. holds_values: it shows values of rows, which reports mask unless told otherwise."""

    label: str
    value: float | int | str | None
    unit: Unit = Unit.COUNT
    holds_values: bool = False


class Impact(Model, frozen=True, kw_only=True):
    """What the finding costs today. time_ms is spent over the statements' window, bytes is disk."""

    time_ms: float | None = None
    bytes: int | None = None
    writes: int | None = None


class Finding(Model, frozen=True, kw_only=True):
    """One problem on one subject.

    identity tells it from others of the same rule and must survive a rename of an index and another order of
    the catalog: build it from qualified tables and columns (see Facts.index_identity). causes are the root causes
    that findings of several rules can share, such as "public.orders(customer_id)". sentence is plain text of one or
    two sentences without row values. query_ids are the statements concerned, the costliest first. copies are other
    schemas whose copies of the same table have the same problem.
    """

    subject: Subject
    identity: str
    sentence: str
    severity: Severity
    confidence: Confidence
    evidence: tuple[Evidence, ...] = ()
    causes: tuple[str, ...] = ()
    proposals: tuple[Proposal, ...] = ()
    query_ids: tuple[str, ...] = ()
    impact: Impact = Impact()
    copies: tuple[str, ...] = ()


class OutcomeStatus(enum.StrEnum):
    """What became of a rule; derived from its outcome."""

    FINDINGS = "findings"
    CLEAN = "clean"
    INCOMPLETE = "incomplete"
    NOT_CHECKED = "not checked"
    FAILED = "failed"
    DISABLED = "disabled"


class Outcome(Model, frozen=True, kw_only=True):
    """All that one rule had to say. checked is False where it could not run at all."""

    rule: str
    checked: bool = True
    disabled: bool = False
    findings: tuple[Finding, ...] = ()
    gaps: tuple[Gap, ...] = ()
    error: str | None = None

    @property
    def status(self) -> OutcomeStatus:
        """Worst first: a crash, then findings, then what kept the rule from seeing everything."""
        if self.disabled:
            return OutcomeStatus.DISABLED
        if self.error is not None:
            return OutcomeStatus.FAILED
        if self.findings:
            return OutcomeStatus.FINDINGS
        if not self.checked:
            return OutcomeStatus.NOT_CHECKED
        return OutcomeStatus.INCOMPLETE if self.gaps else OutcomeStatus.CLEAN
