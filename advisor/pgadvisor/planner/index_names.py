"""Names of indexes that are only imagined, in plans."""

from __future__ import annotations

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
