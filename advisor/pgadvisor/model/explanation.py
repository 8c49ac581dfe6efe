"""Everything known about one statement: how it was understood, its plans side by side, what limits it, what helps."""

from __future__ import annotations

import enum

from pgadvisor.model.base import Model
from pgadvisor.model.counters import Window
from pgadvisor.model.coverage import Footprint, Gap
from pgadvisor.model.findings import Evidence
from pgadvisor.model.plan_view import PlanView
from pgadvisor.model.report import Recommendation, ReportFinding, RuleText, Source, StatementView, TableView, Tool

EXPLANATION_FORMAT = 1


class Use(enum.StrEnum):
    """What an index can do with a condition as it is written."""

    SERVED = "served"
    NOT_SERVED = "not served"
    HIDDEN = "hidden"
    LIMITS_NOTHING = "limits nothing"


class ConditionView(Model, frozen=True, kw_only=True):
    """One condition on a column of a table.

    relation is qualified and alias what the statement calls it; text is the condition in SQL, its constants masked.
    use says whether an index serves it: indexes are those that begin with its column, reason why none can ("function
    lower"). kept_fraction is the share of rows with one value on average, most_common_fraction that of the commonest
    value, None where unknown.
    """

    relation: str
    alias: str
    column: str
    text: str
    compared_with: str
    use: Use
    reason: str = ""
    indexes: tuple[str, ...] = ()
    kept_fraction: float | None = None
    most_common_fraction: float | None = None


class RelationView(Model, frozen=True, kw_only=True):
    """A table as the statement uses it. columns are those it reads, through the views by which it is reached."""

    name: str
    alias: str
    written: bool = False
    through: tuple[str, ...] = ()
    row_count: float | None = None
    total_bytes: int | None = None
    columns: tuple[str, ...] = ()


class ShapeView(Model, frozen=True, kw_only=True):
    """The statement as it was understood. joins, sort and group are in SQL; read_by: its text's parser, or its plan.

    others are what it names that is not in the catalog, functions those it calls.
    """

    kind: str
    read_by: str
    relations: tuple[RelationView, ...] = ()
    conditions: tuple[ConditionView, ...] = ()
    joins: tuple[str, ...] = ()
    sort: tuple[str, ...] = ()
    group: tuple[str, ...] = ()
    distinct: tuple[str, ...] = ()
    limit: str = ""
    locking: str = ""
    written: tuple[str, ...] = ()
    functions: tuple[str, ...] = ()
    others: tuple[str, ...] = ()


class PlanSide(Model, frozen=True, kw_only=True):
    """One plan among several of the statement, as a column of a table.

    label says for which values ("unknown values", "a common value"); values are those values with where they come from,
    masked unless shown. summary names how each table is reached, in the plan's order. alike is the number (from 0) of
    the first plan of the same shape, its own where it is the first. Costs are the planner's units; actual_rows and
    execution_ms are None where it was not executed.
    """

    label: str
    values: tuple[str, ...] = ()
    plan: PlanView
    total_cost: float | None = None
    estimated_rows: float | None = None
    actual_rows: float | None = None
    execution_ms: float | None = None
    summary: tuple[str, ...] = ()
    alike: int = 0


class Limitation(Model, frozen=True, kw_only=True):
    """One thing that keeps the statement from being faster, in a sentence with its figures; the weightiest first."""

    sentence: str
    evidence: tuple[Evidence, ...] = ()


class Explanation(Model, frozen=True, kw_only=True):
    """All about one statement.

    text is the statement with its constants as $n, given as it was asked about, masked unless values are shown.
    statement has its figures where the server counted it, shape is None where it was not understood, for the reason in
    not_understood. planned_as says as whom, in a sentence, where that is not the collecting role alone. findings are
    those of the rules on it, rules the texts of these rules, other_findings those on its tables that name other
    statements or none. gaps are what could not be seen of it, footprint what looking cost.
    """

    format: int = EXPLANATION_FORMAT
    tool: Tool
    source: Source
    text: str
    given: str
    values_masked: bool = True
    statement: StatementView | None = None
    shape: ShapeView | None = None
    not_understood: str = ""
    planned_as: str = ""
    plans: tuple[PlanSide, ...] = ()
    limitations: tuple[Limitation, ...] = ()
    findings: tuple[ReportFinding, ...] = ()
    recommendations: tuple[Recommendation, ...] = ()
    rules: tuple[RuleText, ...] = ()
    other_findings: tuple[ReportFinding, ...] = ()
    statements_window: Window | None = None
    counters_window: Window | None = None
    footprint: Footprint = Footprint()
    tables: tuple[TableView, ...] = ()
    gaps: tuple[Gap, ...] = ()
