"""Names of indexes that are only imagined, in plans."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from pgadvisor.indexes.ddl import index_name
from pgadvisor.model.catalog import IndexDefinition

if TYPE_CHECKING:
    from pgadvisor.facts import Facts


def names_taken(facts: Facts, schema: str) -> set[str]:
    """What an index of a schema cannot be called, since a relation or an index is."""
    found = {relation.name for relation in facts.relations.values() if relation.schema == schema}
    return found | {index.name for index in facts.indexes.values() if index.schema == schema}


def names_taken_by_schema(facts: Facts) -> defaultdict[str, set[str]]:
    """The names that a new index may not have, by schema: those of relations, which indexes share, and of constraints.

    A schema for each tenant has the same names as the others, so that new ones are to be the same as well.
    """
    taken: defaultdict[str, set[str]] = defaultdict(set)
    for index in facts.indexes.values():
        taken[index.schema].add(index.name)
    for relation in facts.relations.values():
        taken[relation.schema].add(relation.name)
    for sequence in facts.snapshot.catalog.sequences:
        taken[sequence.schema].add(sequence.name)
    for constraint in facts.constraints.values():
        if table := facts.relations.get(constraint.table_oid):
            taken[table.schema].add(constraint.name)
    return taken


def names_in_order(definitions: Sequence[IndexDefinition], facts: Facts) -> tuple[str, ...]:
    """What indexes are called by what they are on, each by a name that those before it have not taken."""
    taken: dict[str, set[str]] = {}
    found = []
    for definition in definitions:
        if definition.schema not in taken:
            taken[definition.schema] = names_taken(facts, definition.schema)
        name = index_name(definition, taken[definition.schema])
        taken[definition.schema].add(name)
        found.append(name)
    return tuple(found)


def with_index_names(node: dict[str, Any], names: Mapping[str, str]) -> dict[str, Any]:
    """A node of EXPLAIN's JSON and all below it, with other names of indexes."""
    copy = dict(node)
    if copy.get("Index Name") in names:
        copy["Index Name"] = names[copy["Index Name"]]
    if "Plans" in copy:
        copy["Plans"] = [with_index_names(child, names) for child in copy["Plans"]]
    return copy
