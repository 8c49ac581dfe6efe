"""The commands of what a report recommends, made from its structure: those in its file are a stranger's."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from pgadvisor.advise.recommend import AnyOf, commented, is_incomplete, partitions_of, schemas_of, table_of
from pgadvisor.indexes.recipes import Recipe, recipe
from pgadvisor.model.proposals import AnalyzeTable, CreateIndex
from pgadvisor.workload.expressions import is_expression

if TYPE_CHECKING:
    from collections.abc import Container, Mapping

    from pgadvisor.facts import Facts
    from pgadvisor.model.catalog import IndexDefinition
    from pgadvisor.model.report import Recommendation

MADE_ANEW = "Its commands were made anew from what is proposed: those in the file of the report were other ones."
LEFT_OUT = "Its commands are left out: those in the file of the report cannot be made from what is proposed."
COPIES_LEFT_OUT = "The commands for tables of other schemas are left out: they were not tried."


def rewritten(
    recommendation: Recommendation, facts: Facts | None, taken: Mapping[str, Container[str]]
) -> Recommendation:
    """A recommendation without any command but those that its proposal makes, which it says where they differ.

    facts are those of its database, None where nobody looked at it: then nothing is known that others could be made of.
    taken: names of relations by schema, which no new index may have.
    """
    made = _made(recommendation, facts, taken)
    steps, checks = (made.steps, made.checks) if made is not None else ((), ())
    masked = tuple(map(commented, steps))
    # What follows a step whose values are masked is commented out as well.
    incomplete = recommendation.values_masked or is_incomplete(recommendation.proposal)
    if incomplete or recommendation.steps == masked:
        steps = masked
    said = []
    if (steps, checks) != (recommendation.steps, recommendation.checks):
        if facts is None:
            made, steps, checks = None, (), ()
        said.append(LEFT_OUT if made is None else MADE_ANEW)
    if recommendation.copy_steps:
        said.append(COPIES_LEFT_OUT)
    caveats = (*recommendation.caveats, *said)
    return msgspec.structs.replace(recommendation, steps=steps, checks=checks, copy_steps=(), caveats=caveats)


def _made(recommendation: Recommendation, facts: Facts | None, taken: Mapping[str, Container[str]]) -> Recipe | None:
    """The recipe of a proposal; None where none can be made of it, or it would hold more than one command."""
    proposal = recommendation.proposal
    definition = None if isinstance(proposal, AnalyzeTable) else proposal.definition
    if definition is not None and not _is_plain(definition):
        return None
    partitions = () if facts is None else partitions_of(proposal, facts)
    if getattr(proposal, "partitioned", False) and not partitions:
        return None
    advised = recommendation.advised
    name = advised.name if advised is not None and isinstance(proposal, CreateIndex) else ""
    schemas = {table_of(proposal)[0], *schemas_of(partitions)}
    try:
        return recipe(proposal, AnyOf(taken.get(schema, ()) for schema in schemas), partitions, name=name)
    except ValueError:
        return None


def _is_plain(definition: IndexDefinition) -> bool:
    """Whether each expression in a definition is one, and keys are columns or expressions."""
    expressions = [key.expression for key in definition.keys if key.column is None]
    texts = [*expressions, *([definition.predicate] if definition.predicate else [])]
    return bool(definition.keys) and all(text is not None and is_expression(text) for text in texts)
