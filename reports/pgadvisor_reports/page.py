"""What the page shows of a report, looked up and put in reading order: the template only writes it down."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property

from pgadvisor.model.base import Severity
from pgadvisor.model.coverage import Fact, Gap, Presence
from pgadvisor.model.findings import OutcomeStatus
from pgadvisor.model.report import (
    IndexView,
    Recommendation,
    Report,
    ReportFinding,
    RuleOutcome,
    RuleText,
    Share,
    StatementView,
    Step,
    TableView,
)

TOP = 5
MAX_FINDINGS = 200
MAX_STATEMENTS = 200
MAX_ROWS = 500
MAX_RELATED = 12
BAR_SEGMENTS = 12
MAX_SCOPE = 60


@dataclass(frozen=True)
class FindingPart:
    """A finding with all that proves it.

    A statement and a table stand in full at the first finding that names them, and are linked from the others.
    """

    finding: ReportFinding
    rule: RuleText | None
    introduces_rule: bool
    statements: tuple[StatementView, ...]
    linked_statements: tuple[StatementView, ...]
    unseen_statements: int
    recommendations: tuple[Recommendation, ...]
    related: tuple[ReportFinding, ...]
    tables: tuple[TableView, ...]
    indexes: tuple[IndexView, ...]
    table_shown_at: ReportFinding | None


@dataclass(frozen=True)
class GapGroup:
    """Gaps of one kind for one reason."""

    fact: Fact
    reason: str
    remedy: str
    scopes: tuple[str, ...]

    @property
    def first_scope(self) -> str:
        """The first scope; of a long list in it the first members."""
        scope = self.scopes[0] if self.scopes else ""
        if len(scope) <= MAX_SCOPE or "," not in scope:
            return scope
        end = scope.rfind(",", 0, MAX_SCOPE)
        return f"{scope[: end if end >= 0 else scope.index(',')]}, …"

    @property
    def more_scopes(self) -> int:
        """How many scopes the first one leaves; none where it ends in an ellipsis, which stands for them as well."""
        return len(self.scopes) - 1 if self.scopes and self.first_scope == self.scopes[0] else 0


@dataclass(frozen=True)
class TimePart:
    """A part of the statements' time; number says which of all parts it is, also where others are left out."""

    number: int
    share: Share
    fraction: float


@dataclass(frozen=True)
class Segment:
    """A part of the bar that shows where the time goes. severity is the worst of the findings that name it."""

    statement: StatementView
    share: float
    severity: Severity | None


@dataclass
class Page:
    """A report, ready to be written down."""

    report: Report
    _shown_statements: set[str] = field(default_factory=set)
    _shown_tables: dict[tuple[str, str], ReportFinding] = field(default_factory=dict)

    @cached_property
    def top(self) -> tuple[ReportFinding, ...]:
        """The findings above the fold."""
        return self.report.findings[:TOP]

    @cached_property
    def parts(self) -> tuple[FindingPart, ...]:
        """All findings, in rank order."""
        return tuple(self._part(finding) for finding in self.report.findings[:MAX_FINDINGS])

    @cached_property
    def findings_not_shown(self) -> int:
        """Findings that a cap left out, here or when the report was made."""
        return self.report.left_out.findings + max(len(self.report.findings) - MAX_FINDINGS, 0)

    @cached_property
    def finding_by_key(self) -> dict[str, ReportFinding]:
        """Findings that are on the page."""
        return {finding.key: finding for finding in self.report.findings[:MAX_FINDINGS]}

    @cached_property
    def rule_texts(self) -> dict[str, RuleText]:
        """Texts by rule name."""
        return {text.rule: text for text in self.report.rules}

    @cached_property
    def recommendations(self) -> tuple[Recommendation, ...]:
        """In the order to run them; any that the plan does not name come last."""
        by_key = {item.key: item for item in self.report.recommendations}
        planned = [by_key[key] for key in dict.fromkeys(self.report.action_plan) if key in by_key]
        in_plan = set(self.report.action_plan)
        rest = [item for item in self.report.recommendations if item.key not in in_plan]
        return tuple((planned + rest)[:MAX_FINDINGS])

    @cached_property
    def preparation(self) -> Step | None:
        """The step that several recommendations start with, told once for all.

        None where it might not hold until the end: where others start with another one, or prepare anew later on.
        """
        first = [item.steps[0] for item in self.recommendations if len(item.steps) > 1 and not item.steps[0].undo]
        if len(first) < 2 or len(set(first)) > 1:
            return None
        step = first[0]
        # What prepares takes no lock of its own, and says so in the same words.
        later = (other for item in self.recommendations for other in item.steps if other.lock == step.lock)
        return None if any(other != step and not other.undo for other in later) else step

    def steps(self, action: Recommendation) -> tuple[Step, ...]:
        """The steps of a recommendation, in order, but for the one before all that is told once."""
        leads = len(action.steps) > 1 and action.steps[0] == self.preparation
        return action.steps[1:] if leads else action.steps

    @cached_property
    def statements(self) -> tuple[StatementView, ...]:
        """Costliest first."""
        return self.report.statements[:MAX_STATEMENTS]

    @cached_property
    def other_statements(self) -> tuple[StatementView, ...]:
        """Statements that no finding shows in full."""
        _ = self.parts
        return tuple(view for view in self.statements if view.anchor not in self._shown_statements)

    @cached_property
    def segments(self) -> tuple[Segment, ...]:
        """The costliest statements, for the bar."""
        segments = [
            Segment(view, max(view.share - view.nested_share, 0.0), self._worst(view)) for view in self.statements
        ]
        segments.sort(key=lambda segment: -segment.share)
        return tuple(segment for segment in segments[:BAR_SEGMENTS] if segment.share >= 0.005)

    @cached_property
    def time_parts(self) -> tuple[TimePart, ...]:
        """How the statements' time is cut up by how far it was seen; only parts that there are."""
        found = enumerate(self.report.trust.parts, start=1)
        return tuple(
            TimePart(number, share, share.time_ms / share.of_time_ms) for number, share in found if share.time_ms > 0
        )

    @cached_property
    def rest_share(self) -> float:
        """The share of the time that the bar's segments leave."""
        return max(1.0 - sum(segment.share for segment in self.segments), 0.0)

    @cached_property
    def gap_groups(self) -> tuple[GapGroup, ...]:
        """All gaps of the collection, those for the same reason together."""
        return group_gaps(self.report.trust.gaps)

    @cached_property
    def outcomes_by_status(self) -> dict[OutcomeStatus, list[RuleOutcome]]:
        """Rules by what became of them, only statuses that occur."""
        groups: dict[OutcomeStatus, list[RuleOutcome]] = defaultdict(list)
        for outcome in self.report.outcomes:
            groups[outcome.status].append(outcome)
        return {status: groups[status] for status in OutcomeStatus if status in groups}

    @cached_property
    def unseen_facts(self) -> tuple[tuple[Fact, Presence], ...]:
        """Facts that are not wholly present."""
        return tuple((c.fact, c.presence) for c in self.report.trust.coverage if c.presence is not Presence.PRESENT)

    def count(self, severity: Severity) -> int:
        """How many findings have this severity, shown or not."""
        return self.report.severity_counts.get(severity, 0)

    def total(self) -> int:
        """How many findings there are, shown or not."""
        return sum(self.report.severity_counts.values())

    def _worst(self, view: StatementView) -> Severity | None:
        found = [
            finding.severity
            for finding in self.finding_by_key.values()
            if finding.database == view.database and view.query_id in finding.query_ids
        ]
        return min(found, key=lambda severity: severity.rank, default=None)

    @cached_property
    def _statement_by_id(self) -> dict[tuple[str, str], StatementView]:
        return {(view.database, view.query_id): view for view in self.statements}

    @cached_property
    def _introduced(self) -> dict[str, str]:
        """Per rule the finding that tells why it matters: its first."""
        introduced: dict[str, str] = {}
        for finding in self.report.findings:
            introduced.setdefault(finding.rule, finding.key)
        return introduced

    def _part(self, finding: ReportFinding) -> FindingPart:
        known = self._statement_by_id
        ids = ((finding.database, query_id) for query_id in dict.fromkeys(finding.query_ids))
        views = [known[each] for each in ids if each in known]
        fresh = [view for view in views if view.anchor not in self._shown_statements]
        self._shown_statements.update(view.anchor for view in fresh)
        wanted = set(finding.recommendations)
        table = (finding.database, f"{finding.subject.schema}.{finding.subject.relation}")
        first = self._shown_tables.setdefault(table, finding)
        is_first = first is finding
        return FindingPart(
            finding=finding,
            rule=self.rule_texts.get(finding.rule),
            introduces_rule=self._introduced.get(finding.rule) == finding.key,
            statements=tuple(fresh),
            linked_statements=tuple(view for view in views if view not in fresh),
            unseen_statements=len(set(finding.query_ids)) - len(views),
            recommendations=tuple(item for item in self.recommendations if item.key in wanted),
            related=tuple(self.finding_by_key[key] for key in finding.related if key in self.finding_by_key)[
                :MAX_RELATED
            ],
            tables=tuple(view for view in self.report.tables if (view.database, view.name) == table and is_first),
            indexes=tuple(view for view in self.report.indexes if (view.database, view.table) == table and is_first)[
                :MAX_RELATED
            ],
            table_shown_at=None if is_first else first,
        )


def group_gaps(gaps: Sequence[Gap]) -> tuple[GapGroup, ...]:
    """Gaps that share fact, reason and remedy as one, in the order of their first."""
    groups: dict[tuple[Fact, str, str], list[str]] = defaultdict(list)
    for gap in gaps:
        scope = "" if gap.fact is Fact.CONNECTION else gap.scope
        groups[gap.fact, gap.reason, gap.remedy].append(scope)
    return tuple(
        GapGroup(fact, reason, remedy, tuple(dict.fromkeys(scope for scope in scopes if scope)))
        for (fact, reason, remedy), scopes in groups.items()
    )
