"""Recommendations and rejections: decisions with SQL, undo, gain, price and proof."""

from __future__ import annotations

from collections import Counter
from collections.abc import Container, Iterable, Iterator, Sequence
from dataclasses import replace

import msgspec

from pgadvisor.advise.decide import Decision
from pgadvisor.advise.gains import gain_of
from pgadvisor.advise.keys import anchor
from pgadvisor.advise.platforms import replication_caveats
from pgadvisor.advise.price import gain, price, told
from pgadvisor.advise.proof_texts import confidence_of, proof_of, rests_on, shown_advised
from pgadvisor.facts import Facts
from pgadvisor.indexes.ddl import NAME_PATTERN
from pgadvisor.indexes.identity import definition_identity, is_hidden, masked_definition
from pgadvisor.indexes.partitions import Partition, partition_tree
from pgadvisor.indexes.recipes import Recipe, recipe
from pgadvisor.model.base import Confidence
from pgadvisor.model.catalog import IndexDefinition, RelationKind
from pgadvisor.model.findings import Evidence, Unit
from pgadvisor.model.index_text import index_text
from pgadvisor.model.proposals import (
    AddPrimaryKey,
    AnalyzeTable,
    CreateIndex,
    DropIndex,
    Proposal,
    RebuildIndex,
)
from pgadvisor.model.report import Recommendation, Rejection, Step
from pgadvisor.planner.index_names import names_taken_by_schema

MASKED = "Row values in this SQL are masked; run again with --show-values for SQL that can be run."
HIDDEN = "A constant in this SQL may be a secret and was hidden when it was read: nothing can be run without it."
ONLY_FOR_VALUES = (
    "A partial index serves only plans made for its values: a prepared statement that the server plans for unknown "
    "values (plan_cache_mode = force_generic_plan, or a server-side prepare) cannot use it, and reads the table."
)
ONLY_FOR_VALUES_IN_KEYS = (
    "Its expression holds a value that calls had: a call with another one cannot use it, nor can a prepared statement "
    "that the server plans for unknown values (plan_cache_mode = force_generic_plan, or a server-side prepare). These "
    "read the table."
)
# Its files are removed; how long it waits for transactions before nobody knows.
UNDONE_BY_A_DROP = Evidence(label="time to undo it, about", value=0.1, unit=Unit.SECONDS)
UNSEEN = "Only the statements seen speak for this: a job that runs once a month may not be among them."


def recommend(
    decisions: Sequence[Decision], facts: Facts, show_values: bool, naming: str = NAME_PATTERN
) -> tuple[Recommendation, ...]:
    """The decisions that stand, in rank order of the findings they serve; naming is the pattern of new names."""
    taken = names_taken_by_schema(facts)
    for decision in decisions:
        if decision.advised is not None and decision.reason is None and isinstance(decision.proposal, CreateIndex):
            taken[decision.proposal.definition.schema].add(decision.advised.name)
    recommendations: list[Recommendation] = []
    known: Counter[str] = Counter()
    masked = {finding.key for d in decisions if _masks(d.proposal, show_values) for finding in d.findings}
    for rank, decision in enumerate((d for d in decisions if d.reason is None), start=1):
        proposal = _shown(decision.proposal, show_values)
        partitions = partitions_of(decision.proposal, facts)
        schemas = {table_of(proposal)[0], *schemas_of(partitions)}
        name = decision.advised.name if decision.advised is not None and isinstance(proposal, CreateIndex) else ""
        made = recipe(proposal, AnyOf(taken[schema] for schema in schemas), partitions, name=name, naming=naming)
        for schema in schemas:
            taken[schema].update(made.names)
        key = f"{_verb(proposal)}:{_identity(proposal)}"
        known[key] += 1
        if known[key] > 1:
            key = f"{key}#{known[key]}"
        if masked.issuperset(finding.key for finding in decision.findings):
            made = replace(made, steps=tuple(map(commented, made.steps)))
        recommendations.append(_recommendation(rank, key, decision, proposal, made, facts, show_values))
    return tuple(recommendations)


class AnyOf:
    """Names that several sets hold; put together anew for each of thousands of proposals they would take minutes."""

    def __init__(self, sets: Iterable[Container[str]]) -> None:
        self._sets = tuple(sets)

    def __contains__(self, name: object) -> bool:
        """Whether any of them holds it."""
        return any(name in each for each in self._sets)


def schemas_of(partitions: Sequence[Partition]) -> Iterator[str]:
    """The schemas of partitions and of all below them, some several times."""
    for partition in partitions:
        yield partition.schema
        yield from schemas_of(partition.children)


def reject(decisions: Sequence[Decision], show_values: bool) -> tuple[Rejection, ...]:
    """The proposals that were not taken up, with reasons."""
    return tuple(
        Rejection(
            title=_title(_shown(decision.proposal, show_values)),
            reason=decision.reason,
            findings=tuple(finding.key for finding in decision.findings),
        )
        for decision in decisions
        if decision.reason is not None
    )


def action_plan(recommendations: Sequence[Recommendation]) -> tuple[str, ...]:
    """Keys in the order to run them: statistics first, since they may change plans; what is dropped goes last."""
    order: list[type] = [AnalyzeTable, RebuildIndex, CreateIndex, AddPrimaryKey, DropIndex]
    return tuple(r.key for r in sorted(recommendations, key=lambda r: (order.index(type(r.proposal)), r.rank)))


def commented(step: Step) -> Step:
    """A step that nobody runs by mistake: its values, or those of the step it follows, are masked."""

    def comment(sql: str) -> str:
        return "".join(f"-- {line}\n" for line in sql.splitlines()).rstrip()

    return msgspec.structs.replace(step, sql=comment(step.sql), undo=comment(step.undo))


def _recommendation(
    rank: int, key: str, decision: Decision, shown: Proposal, made: Recipe, facts: Facts, show_values: bool
) -> Recommendation:
    confidence = confidence_of(decision, facts)
    caveats = list(made.caveats)
    if isinstance(shown, DropIndex):
        confidence = max(confidence, Confidence.ESTIMATED, key=lambda c: c.rank)
        caveats += filter(None, (rests_on(decision, facts), UNSEEN))
    if isinstance(decision.proposal, CreateIndex) and decision.proposal.holds_values:
        caveats.insert(0, _only_for_values(decision.proposal.definition))
    caveats += replication_caveats(*table_of(shown), facts)
    masked = _masks(decision.proposal, show_values)
    if masked:
        caveats.insert(0, HIDDEN if is_incomplete(decision.proposal) else MASKED)
    return Recommendation(
        key=key,
        anchor=anchor(f"do:{key}"),
        rank=rank,
        title=_title(shown),
        proposal=shown,
        steps=made.steps,
        checks=made.checks,
        caveats=tuple(caveats),
        gain=_gain(decision, facts),
        price=_price(decision, facts),
        confidence=confidence,
        proof=proof_of(decision, facts, confidence),
        advised=None if decision.advised is None else shown_advised(decision.advised, shown, show_values),
        findings=tuple(finding.key for finding in decision.findings),
        severity=min((f.finding.severity for f in decision.findings), key=lambda s: s.rank),
        values_masked=masked,
    )


def _only_for_values(definition: IndexDefinition) -> str:
    """What cannot use an index that holds values: in its predicate, or else in what it is on."""
    in_predicate = masked_definition(definition).predicate != definition.predicate
    return ONLY_FOR_VALUES if in_predicate else ONLY_FOR_VALUES_IN_KEYS


def _gain(decision: Decision, facts: Facts) -> tuple[Evidence, ...]:
    """What the planner proved, where it did and statements gain; else what is known of the findings."""
    if decision.advised is not None and isinstance(decision.proposal, CreateIndex):
        return gain_of(decision.advised, facts) or gain(decision, facts)
    return gain(decision, facts)


def _price(decision: Decision, facts: Facts) -> tuple[Evidence, ...]:
    if decision.advised is not None and isinstance(decision.proposal, CreateIndex):
        return (*told(decision.advised.price, facts, decision.proposal.definition), UNDONE_BY_A_DROP)
    return price(decision, facts)


def partitions_of(proposal: Proposal, facts: Facts) -> tuple[Partition, ...]:
    """The partitions below the proposal's table, with those of their indexes that matter to it."""
    schema, name = table_of(proposal)
    table = facts.relation_named(schema, name)
    if isinstance(proposal, AnalyzeTable | AddPrimaryKey):
        definition = IndexDefinition(schema=schema, table=name, keys=())
        index = None
    else:
        definition = proposal.definition
        index = None if isinstance(proposal, CreateIndex) else facts.index_named(proposal.schema, proposal.name)
    if table is None or table.kind is not RelationKind.PARTITIONED:
        return ()
    return partition_tree(table.oid, definition, facts.children, facts.indexes_of, None if index is None else index.oid)


def _title(proposal: Proposal) -> str:
    match proposal:
        case CreateIndex():
            unique = "a unique" if proposal.definition.unique else "an"
            return f"Create {unique} index on {index_text(proposal.definition)}"
        case DropIndex():
            return f"Drop the index {proposal.schema}.{proposal.name}"
        case RebuildIndex():
            return f"Rebuild the index {proposal.schema}.{proposal.name}"
        case AnalyzeTable():
            return f"Analyze {proposal.schema}.{proposal.table}"
        case AddPrimaryKey():
            return f"Add a primary key ({', '.join(proposal.columns)}) to {proposal.schema}.{proposal.table}"


def table_of(proposal: Proposal) -> tuple[str, str]:
    """The table that a proposal is about, by schema and name."""
    if isinstance(proposal, AnalyzeTable | AddPrimaryKey):
        return proposal.schema, proposal.table
    return proposal.definition.schema, proposal.definition.table


def _verb(proposal: Proposal) -> str:
    return str(type(proposal).__struct_config__.tag)


def _identity(proposal: Proposal) -> str:
    match proposal:
        case CreateIndex() | RebuildIndex():
            return definition_identity(proposal.definition)
        case DropIndex():
            return f"{proposal.schema}.{proposal.name}"
        case AnalyzeTable() | AddPrimaryKey():
            return f"{proposal.schema}.{proposal.table}({', '.join(proposal.columns)})"


def is_incomplete(proposal: Proposal) -> bool:
    """Whether an index is to be built of which a constant is hidden."""
    return isinstance(proposal, CreateIndex) and is_hidden(proposal.definition)


def _masks(proposal: Proposal, show_values: bool) -> bool:
    """Whether the SQL of a proposal, as a report may show it, lacks a constant."""
    return is_incomplete(proposal) or _shown(proposal, show_values) != proposal


def _shown(proposal: Proposal, show_values: bool) -> Proposal:
    """The proposal as a report may show it, and its SQL with it: values of rows in what it defines are masked."""
    if show_values or not isinstance(proposal, CreateIndex) or not proposal.holds_values:
        return proposal
    return msgspec.structs.replace(proposal, definition=masked_definition(proposal.definition))
