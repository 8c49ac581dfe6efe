"""Extended statistics as CREATE STATISTICS makes them; their data is loaded with other statistics."""

from __future__ import annotations

from pgadvisor.indexes.quoting import qualified, quote_identifier
from pgadvisor.model.objects import ExtendedStatistics
from pgadvisor.planner.twin.building import Building
from pgadvisor.planner.twin.schema.making import Way, Wish, expression, make_all

# What is asked for by name; statistics of expressions come with the expressions.
_NAMED_KINDS = ("ndistinct", "dependencies", "mcv")


def create_extended_statistics(building: Building) -> None:
    """Makes the objects, in the order of their oids, in which the planner looks at them."""
    facts = building.facts
    # Those of a table with children have a row with them and one without.
    objects = {each.oid: each for each in facts.snapshot.catalog.extended_statistics}
    wishes = (
        _wish(building, each)
        for each in objects.values()
        if each.relation_oid in facts.relations and each.relation_oid not in building.failed
    )
    make_all(building, wishes)


def _wish(building: Building, each: ExtendedStatistics) -> Wish:
    relation = building.facts.relations[each.relation_oid]

    def ways() -> tuple[Way]:
        kinds = [kind for kind in each.kinds if kind in _NAMED_KINDS]
        wanted = f" ({', '.join(kinds)})" if kinds else ""
        of = ", ".join((*map(quote_identifier, each.columns), *map(expression, each.expressions)))
        table = qualified(relation.schema, relation.name)
        return (Way(f"CREATE STATISTICS {qualified(each.schema, each.name)}{wanted} ON {of} FROM {table}"),)

    return Wish(
        what=f"statistics {each.schema}.{each.name}",
        ways=ways,
        without="its table is planned without them",
        relation_oids=(each.relation_oid,),
        oid=each.oid,
    )
