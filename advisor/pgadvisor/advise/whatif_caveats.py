"""What is to be minded of an index that is imagined: that it cannot be had, stands already, or serves nothing."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from typing import TYPE_CHECKING, Any

from pgadvisor.advise.whatif_next import is_partitioned
from pgadvisor.advise.whatif_parts import names_of
from pgadvisor.indexes.algebra import covers, equal
from pgadvisor.model.catalog import Index, IndexDefinition
from pgadvisor.model.whatif import Configuration
from pgadvisor.planner.protocol import Planner, Question

if TYPE_CHECKING:
    from pgadvisor.facts import Facts
    from pgadvisor.workload.index_text import GivenIndex

# Plans looked into for the indexes that they use.
_MAX_PLANS = 100
# A column of which ANALYZE's sample held no double has -1; estimates of many distinct values are too low by a part.
_SURELY_SHARED = 1.5
_MAX_NAMED = 3


def used_names(questions: Iterable[Question], planner: Planner, change: Configuration) -> frozenset[str] | None:
    """Names of the indexes in plans under a change, as the planner names them; None where they are too many to ask."""
    some = list(islice(questions, _MAX_PLANS + 1))
    if len(some) > _MAX_PLANS:
        return None
    answers = (planner.plan(question, change) for question in some)
    return frozenset(name for answer in answers if answer.plan is not None for name in _names(answer.plan["Plan"]))


def caveats_of(
    created: Sequence[GivenIndex], dropped: Sequence[Index], facts: Facts, used: frozenset[str] | None, *, is_any: bool
) -> tuple[tuple[str, ...], ...]:
    """Sentences without their ends, of each index in its order.

    used are the names of the indexes in plans whose cost is another than it was; None: nobody knows. is_any says
    whether there are statements that could be planned.
    """
    kept = [index for index in facts.indexes.values() if index.valid and index not in dropped]
    told = []
    for number, (given, (name, _)) in enumerate(zip(created, names_of(created, facts), strict=True)):
        definition = given.definition
        found = [*_standing(definition, kept), *_again(definition, [each.definition for each in created[:number]])]
        found += _doubles(definition, facts)
        if used is not None and name not in used and not found and not is_partitioned(definition, facts):
            found.append(_unused(definition, is_any=is_any))
        told.append(tuple(found))
    return tuple(told)


def _names(node: dict[str, Any]) -> Iterator[str]:
    if "Index Name" in node:
        yield node["Index Name"]
    for child in node.get("Plans", ()):
        yield from _names(child)


def _standing(definition: IndexDefinition, kept: Sequence[Index]) -> Iterator[str]:
    """Indexes that it would be a copy of, or that serve all that it would."""
    same = [f"{index.schema}.{index.name}" for index in kept if equal(index.definition, definition)]
    if same:
        yield f"It exists already: {', '.join(same[:_MAX_NAMED])}"
        return
    wider = [f"{index.schema}.{index.name}" for index in kept if covers(index.definition, definition)]
    if wider:
        yield f"What it would serve is served already by {', '.join(wider[:_MAX_NAMED])}, if not always as cheaply"


def _again(definition: IndexDefinition, before: Sequence[IndexDefinition]) -> Iterator[str]:
    if any(equal(each, definition) for each in before):
        yield "It is imagined twice: one of the two is enough, and its plans are those of one"


def _doubles(definition: IndexDefinition, facts: Facts) -> Iterator[str]:
    """Why a unique index would be refused, as far as statistics tell.

    As many distinct values as there are of each column, multiplied, are the most that there can be of them together.
    """
    table = facts.relation_named(definition.schema, definition.table)
    rows = None if table is None else facts.row_count(table.oid)
    if not definition.unique or definition.predicate is not None or table is None or not rows:
        return
    most = 1.0
    for column in definition.key_columns:
        distinct = None if column is None else facts.distinct_values(table.oid, column)
        found = None if column is None else facts.stored_statistics(table.oid, column)
        if distinct is None or found is None:
            return
        most *= max(distinct, 1.0)
        if not definition.nulls_not_distinct:
            rows *= 1 - (found.null_fraction or 0.0)
    each = rows / most
    if each > _SURELY_SHARED:
        names = ", ".join(filter(None, definition.key_columns))
        yield (
            f"It cannot be unique: by the statistics about {each:.2g} rows share each value of ({names}), "
            "and PostgreSQL refuses to build it over doubles"
        )


def _unused(definition: IndexDefinition, *, is_any: bool) -> str:
    if not is_any:
        return "No statements are known, so nobody knows what would use it. Ask by --query"
    if definition.predicate is None:
        return "No statement of the workload uses it"
    return (
        "No statement of the workload uses it. A plan for unknown values can use an index with WHERE only "
        "where the statement itself says so, not a parameter of it: ask by --query with values"
    )
