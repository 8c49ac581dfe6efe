"""Statistics that the server has and the snapshot has not, since the role that collected was not shown them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeVar

from pgadvisor.facts import Facts
from pgadvisor.indexes.quoting import qualified
from pgadvisor.model.catalog import RelationKind
from pgadvisor.model.coverage import Fact
from pgadvisor.model.whatif import Shortfall
from pgadvisor.planner.twin.statistics.extended import has_data
from pgadvisor.planner.twin.statistics.losses import Losses

T = TypeVar("T")

_COLUMNS = (
    "the role that collected may not see the statistics of the columns, or they could not be read; the planner's "
    "defaults stand in"
)
_EXPRESSIONS = (
    "the role that collected may not see the statistics of their expressions; the planner's defaults stand in"
)
_EXTENDED = (
    "the role that collected may not see their data, or it could not be read; the columns are taken for independent"
)


def hidden_statistics(facts: Facts) -> list[Shortfall]:
    """One shortfall for each kind of statistics of which some are hidden."""
    losses = Losses(facts)
    for relation in facts.relations.values():
        if not relation.statistics_visible and relation.kind is not RelationKind.VIEW:
            losses.add("column statistics", _COLUMNS, relation.oid)
    for oid in _gaps(facts, Fact.COLUMN_STATISTICS, _bare_indexes(facts)):
        losses.add("statistics of index expressions", _EXPRESSIONS, oid)
    catalog = facts.snapshot.catalog
    bare = {qualified(each.schema, each.name): each for each in catalog.extended_statistics if not has_data(each)}
    for name in _gaps(facts, Fact.EXTENDED_STATISTICS, {name: name for name in bare}):
        losses.add("extended statistics", _EXTENDED, bare[name].relation_oid, named=name)
    return losses.shortfalls()


def _bare_indexes(facts: Facts) -> dict[str, int]:
    """Indexes on expressions without statistics, of tables whose own are seen, by name."""
    known = {row.relation_oid for row in facts.snapshot.column_statistics}
    return {
        qualified(index.schema, index.name): index.oid
        for index in facts.indexes.values()
        if index.oid not in known
        and None in index.definition.key_columns
        and (table := facts.relations.get(index.table_oid)) is not None
        and table.statistics_visible
    }


def _gaps(facts: Facts, fact: Fact, bare: Mapping[str, T]) -> list[T]:
    """Those of which a gap says that they were not seen: by name, or all that have none, where it names only some."""
    scopes = {gap.scope for gap in facts.coverage.gaps if gap.fact is fact}
    if not scopes:
        return []
    known = {qualified(each.schema, each.name) for each in facts.relations.values()}
    known |= {qualified(each.schema, each.name) for each in facts.indexes.values()}
    known |= {qualified(each.schema, each.name) for each in facts.snapshot.catalog.extended_statistics}
    is_summary = not scopes <= known
    return [value for name, value in bare.items() if is_summary or name in scopes]
