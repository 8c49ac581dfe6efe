"""The report: everything a renderer needs, and nothing it has to work out."""

from __future__ import annotations

import enum
from datetime import datetime
from typing import Any

from pgadvisor.model.base import Confidence, Model, Severity
from pgadvisor.model.counters import Window
from pgadvisor.model.coverage import FactCoverage, Footprint, Gap
from pgadvisor.model.findings import Evidence, OutcomeStatus, Subject
from pgadvisor.model.index_advice import AdvisedIndex, IndexAdvice
from pgadvisor.model.plan_view import PlanView
from pgadvisor.model.proposals import Proposal
from pgadvisor.model.snapshot import Change, Contents, Host
from pgadvisor.model.verification import MeasuredIndex, Verdict, Verification

REPORT_FORMAT = 1
# The lock of a step that only sets what holds for its session.
SETS_SESSION = "None: it sets this session alone, until it ends."


class Tool(Model, frozen=True, kw_only=True):
    """Who made the report."""

    name: str
    version: str


class Source(Model, frozen=True, kw_only=True):
    """Which database of which server the report is about; hosts are all servers whose counters it adds up.

    host and port are what was connected to, address and address_port the server's own, None over a Unix socket.
    """

    server_version: str
    database: str
    role: str
    is_superuser: bool
    host: str | None
    port: int | None
    in_recovery: bool
    started_at: datetime
    collected_at: datetime
    database_size_bytes: int | None
    hosts: tuple[Host, ...] = ()
    service: str | None = None
    address: str | None = None
    address_port: int | None = None
    system_identifier: str | None = None


class Share(Model, frozen=True, kw_only=True):
    """How much of the workload something covers: statements and milliseconds, of how many."""

    label: str
    statements: int
    of_statements: int
    time_ms: float
    of_time_ms: float


class ActiveTime(Model, frozen=True, kw_only=True):
    """How much of the time that the database's sessions were active is that of its statements, from 14 on.

    Both in milliseconds, None where they cannot be compared; reason says why not, and remedy what would make it so.
    """

    statements_ms: float | None = None
    active_ms: float | None = None
    reason: str = ""
    remedy: str = ""


class Trust(Model, frozen=True, kw_only=True):
    """Why the report can be believed, and how far.

    partial_reason is set where collection was cut short, and interrupted where the user did it. change is set where
    the counters are those of an interval between two looks, contents where values or names were replaced. parts cut
    the statements' time up without overlaps, by how far each went. evicted counts the entries that
    pg_stat_statements pushed out for want of room: what was counted of them before is in no total.
    """

    counters_window: Window | None
    statements_window: Window | None
    shares: tuple[Share, ...] = ()
    parts: tuple[Share, ...] = ()
    active: ActiveTime = ActiveTime()
    evicted: int | None = None
    coverage: tuple[FactCoverage, ...] = ()
    gaps: tuple[Gap, ...] = ()
    footprint: Footprint = Footprint()
    planners: tuple[str, ...] = ()
    values_masked: bool = True
    partial_reason: str | None = None
    interrupted: bool = False
    change: Change | None = None
    contents: Contents = Contents()


class RateUnit(enum.StrEnum):
    """A rate is per day only where the window covers one; else per hour; else the plain total since an unknown time."""

    PER_DAY = "per day"
    PER_HOUR = "per hour"
    TOTAL = "in all"


class Rate(Model, frozen=True, kw_only=True):
    """An amount over the observation window: total, and per the unit the window allows.

    at_most is set where the amount may have been counted for longer than the window that is known, as from before the
    server's last start: value per day or hour is then a bound.
    """

    total: float
    value: float
    per: RateUnit
    at_most: bool = False


class ReportImpact(Model, frozen=True, kw_only=True):
    """What a finding costs today: time over the statements' window, disk, writes over the counters' window."""

    time: Rate | None = None
    time_share: float | None = None
    bytes: int | None = None
    writes: Rate | None = None


class ReportFinding(Model, frozen=True, kw_only=True):
    """A finding, keyed and ranked. key survives reordering and renamed indexes; anchor is the same for a page.

    database is set in a report on several. copies are the other schemas in which the same tables have the same
    problem, as with a schema for each tenant.
    """

    key: str
    anchor: str
    rank: int
    rule: str
    rule_id: str
    title: str
    subject: Subject
    subject_name: str
    sentence: str
    severity: Severity
    confidence: Confidence
    evidence: tuple[Evidence, ...] = ()
    impact: ReportImpact = ReportImpact()
    query_ids: tuple[str, ...] = ()
    recommendations: tuple[str, ...] = ()
    related: tuple[str, ...] = ()
    database: str = ""
    copies: tuple[str, ...] = ()


class Step(Model, frozen=True, kw_only=True):
    """One command to run. lock says which lock it takes and what that stops; undo is "" where nothing is to undo."""

    sql: str
    undo: str
    lock: str
    outside_transaction: bool = False

    @property
    def prepares(self) -> bool:
        """Whether it only sets the session for the steps that follow, until another sets it otherwise."""
        return self.lock == SETS_SESSION and not self.undo


class Recommendation(Model, frozen=True, kw_only=True):
    """What to do, what it gains, what it costs and how to undo it.

    proof says how far it is proved and by what. advised is what a planner said of an index, None where none was asked,
    measured what came of it on a copy, None where it was not tried.
    gain and price are figures over stated windows. values_masked: its SQL
    holds values of rows that this report masks, so that it cannot be run as it stands. copies are the other schemas
    whose tables are to be changed alike, copy_steps the steps for as many of them as are written out, in one session.
    """

    key: str
    anchor: str
    rank: int
    title: str
    proposal: Proposal
    steps: tuple[Step, ...]
    checks: tuple[Step, ...] = ()
    caveats: tuple[str, ...] = ()
    gain: tuple[Evidence, ...] = ()
    price: tuple[Evidence, ...] = ()
    confidence: Confidence
    proof: str
    findings: tuple[str, ...] = ()
    severity: Severity
    values_masked: bool = False
    database: str = ""
    copies: tuple[str, ...] = ()
    copy_steps: tuple[Step, ...] = ()
    advised: AdvisedIndex | None = None
    measured: MeasuredIndex | None = None


class Rejection(Model, frozen=True, kw_only=True):
    """A proposal that was not taken up, and why."""

    title: str
    reason: str
    findings: tuple[str, ...] = ()
    database: str = ""


class RuleOutcome(Model, frozen=True, kw_only=True):
    """What became of each rule, also of those with nothing to say."""

    rule: str
    rule_id: str
    title: str
    status: OutcomeStatus
    findings: int
    gaps: tuple[Gap, ...] = ()
    error: str | None = None


class RuleText(Model, frozen=True, kw_only=True):
    """The texts of a rule, so that a page needs no installed rules. options are as they were used."""

    rule: str
    rule_id: str
    title: str
    looks_for: str
    why: str
    fix: str
    false_positives: tuple[str, ...]
    severity: Severity
    confidence: Confidence
    options: dict[str, Any] = {}
    references: tuple[str, ...] = ()


class StatementView(Model, frozen=True, kw_only=True):
    """A statement in the reference table. cut_bytes is how much of a long text was left out.

    share is that of its time in the statements' total. nested_share is the part of it that other statements called for,
    which lies within their shares.
    """

    query_id: str
    anchor: str
    text: str | None
    cut_bytes: int = 0
    missing_reason: str = ""
    calls: int
    total_ms: float
    mean_ms: float
    max_ms: float
    rows: int
    share: float
    nested_share: float = 0.0
    time: Rate
    understood: bool
    not_understood_reason: str = ""
    relations: tuple[str, ...] = ()
    plans: tuple[PlanView, ...] = ()
    findings: tuple[str, ...] = ()
    database: str = ""


class TableView(Model, frozen=True, kw_only=True):
    """A table in the reference table; None where unknown."""

    name: str
    kind: str
    row_count: float | None
    total_bytes: int | None
    seq_scans: int | None
    index_scans: int | None
    writes: int | None
    last_analyzed: datetime | None
    indexes: int
    partitions: int = 0
    database: str = ""


class IndexView(Model, frozen=True, kw_only=True):
    """An index in the reference table."""

    name: str
    table: str
    definition: str
    bytes: int | None
    scans: int | None
    last_scan: datetime | None
    valid: bool
    enforces: str = ""
    database: str = ""


class SettingView(Model, frozen=True, kw_only=True):
    """A setting that bears on plans, in the reference table."""

    name: str
    value: str
    source: str
    is_default: bool


class Left(Model, frozen=True, kw_only=True):
    """How much was cut off a list, so that the page can say so."""

    findings: int = 0
    statements: int = 0
    tables: int = 0
    indexes: int = 0


class Report(Model, frozen=True, kw_only=True):
    """The whole report. Lists are ranked; action_plan holds keys of recommendations in the order to run them.

    databases lists every source of a report on several databases, of which source is the first; else it is empty.
    severity_counts counts all findings, also those that a cap left out of `findings`. index_advice is what the index
    advisor made of the whole workload, None where no planner was asked, and in a report on several databases, where
    index_advice_by_database has it for those of which one was. verification is what came of the advice on a copy.
    """

    format: int = REPORT_FORMAT
    tool: Tool
    source: Source
    databases: tuple[Source, ...] = ()
    trust: Trust
    configuration: dict[str, Any] = {}
    severity_counts: dict[Severity, int] = {}
    findings: tuple[ReportFinding, ...] = ()
    recommendations: tuple[Recommendation, ...] = ()
    rejections: tuple[Rejection, ...] = ()
    action_plan: tuple[str, ...] = ()
    index_advice: IndexAdvice | None = None
    index_advice_by_database: dict[str, IndexAdvice] = {}
    verification: Verification | None = None
    outcomes: tuple[RuleOutcome, ...] = ()
    rules: tuple[RuleText, ...] = ()
    statements: tuple[StatementView, ...] = ()
    tables: tuple[TableView, ...] = ()
    indexes: tuple[IndexView, ...] = ()
    settings: tuple[SettingView, ...] = ()
    left_out: Left = Left()

    def worst_severity(self) -> Severity | None:
        """The severity of the worst finding, None where there is none."""
        return min((s for s, count in self.severity_counts.items() if count), key=lambda s: s.rank, default=None)

    def promises_kept(self) -> bool:
        """Whether nothing that was measured on a copy was slower than promised."""
        measured = () if self.verification is None else self.verification.statements
        found = [each.verdict for each in measured]
        found += [each.measured.verdict for each in self.recommendations if each.measured is not None]
        return Verdict.WORSE not in found
