"""The only door for rules, ours and third parties': what a rule is, what it is given and what it yields.

A rule is a module with a pure ``check(facts, options)`` and one ``Rule``; the package that holds it names the
``Rule`` under the entry point group ``pgadvisor.rules``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Annotated, Any, Generic, TypeVar

import msgspec
from msgspec.structs import replace

from pgadvisor.facts import Facts
from pgadvisor.indexes.identity import definition_identity
from pgadvisor.model.base import Confidence, Severity
from pgadvisor.model.catalog import (
    Column,
    Constraint,
    ConstraintKind,
    Index,
    IndexDefinition,
    IndexKey,
    Relation,
    RelationKind,
)
from pgadvisor.model.counters import IndexCounters, TableCounters, Window
from pgadvisor.model.coverage import Fact, Gap, Presence
from pgadvisor.model.findings import Evidence, Finding, Impact, Subject, SubjectKind, Unit
from pgadvisor.model.index_advice import AdvisedIndex, IndexAdvice
from pgadvisor.model.plan_nodes import PlanNode
from pgadvisor.model.plans import PlanMethod, ValueChoice
from pgadvisor.model.proposals import AddPrimaryKey, AnalyzeTable, CreateIndex, DropIndex, RebuildIndex
from pgadvisor.model.shape import ColumnRef, Comparand, Join, Predicate, SortKey, StatementKind, StatementShape
from pgadvisor.model.statistics import ColumnStatistics
from pgadvisor.statement_facts import Statement, StatementPlan

__all__ = [
    "AddPrimaryKey",
    "AdvisedIndex",
    "Amount",
    "AnalyzeTable",
    "Column",
    "ColumnRef",
    "ColumnStatistics",
    "Comparand",
    "Confidence",
    "Constraint",
    "ConstraintKind",
    "Count",
    "CreateIndex",
    "DropIndex",
    "Evidence",
    "Fact",
    "Facts",
    "Finding",
    "Gap",
    "Impact",
    "Index",
    "IndexAdvice",
    "IndexCounters",
    "IndexDefinition",
    "IndexKey",
    "Join",
    "Options",
    "PlanMethod",
    "PlanNode",
    "Predicate",
    "Presence",
    "RebuildIndex",
    "Relation",
    "RelationKind",
    "Rule",
    "Severity",
    "SortKey",
    "Statement",
    "StatementKind",
    "StatementPlan",
    "StatementShape",
    "Subject",
    "SubjectKind",
    "TableCounters",
    "Unit",
    "ValueChoice",
    "Window",
    "definition_identity",
    "replace",
]


# Numbers of options: what is counted, and what is measured, is never less than nothing.
Count = Annotated[int, msgspec.Meta(ge=0)]
Amount = Annotated[float, msgspec.Meta(ge=0)]


class Options(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Base of a rule's options: every field has a default, and a unit in its name where it has one.

    A number is a `Count` or an `Amount`, so that one below nought is refused.
    """


OptionsT = TypeVar("OptionsT", bound=Options)


@dataclass(frozen=True, kw_only=True)
class Rule(Generic[OptionsT]):
    """One rule: its texts, what it needs and what decides.

    id is an area and a number, never reused; name is the problem in snake_case and the module's name. check yields
    findings, and gaps for what it could not judge. The engine does not run it where a fact in `needs` is absent.
    """

    id: str
    name: str
    title: str
    looks_for: str
    why: str
    fix: str
    false_positives: tuple[str, ...]
    severity: Severity
    confidence: Confidence
    needs: tuple[Fact, ...]
    references: tuple[str, ...]
    options: type[OptionsT]
    check: Callable[[Facts, OptionsT], Iterator[Finding | Gap]]


AnyRule = Rule[Any]
