"""Rewrite rules, of which a snapshot says only that they are there: writes are planned without them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator

from pgadvisor.model.catalog import RelationKind
from pgadvisor.model.whatif import Shortfall
from pgadvisor.planner.twin.building import Building

# Bits of what pg_relation_is_updatable says: 1 << CmdType (nodes.h), the same from 13 on.
_BITS = {"update": 1 << 2, "insert": 1 << 3, "delete": 1 << 4}
_EVENTS = ("insert", "update", "delete")


def note_rules(building: Building) -> None:
    """Says which writes are planned without their rules, and which, to views, cannot be planned without them.

    It comes when oids are noted. Raises psycopg.OperationalError where the server is gone.
    """
    events: dict[int, set[str]] = defaultdict(set)
    for rule in building.facts.snapshot.catalog.rules:
        if rule.fires and rule.event in _EVENTS and rule.relation_oid in building.facts.relations:
            events[rule.relation_oid].add(rule.event)
    if events:
        possible = _possible(building, events)
        for oid, found in events.items():
            building.shortfalls += _shortfalls(building, oid, found, possible.get(oid))


def _shortfalls(building: Building, oid: int, events: set[str], possible: int | None) -> Iterator[Shortfall]:
    relation = building.facts.relations[oid]
    lost = {event for event in events if possible is not None and not possible & _BITS[event]}
    for some, end in ((events - lost, "is planned without"), (lost, "cannot be planned")):
        if some:
            said = tuple(event for event in _EVENTS if event in some)
            yield Shortfall(
                what=f"rules of {relation.schema}.{relation.name}",
                reason=f"What its rules do is not in a snapshot; what would {' or '.join(said)} there {end}.",
                relation_oids=(oid,),
                events=said,
                prevents=some is lost,
            )


def _possible(building: Building, events: dict[int, set[str]]) -> dict[int, int]:
    """What the twin's views among relations can be written to without rules, as bits by the oid of the snapshot."""
    relations = building.facts.relations
    views = {
        building.oids[oid]: oid for oid in events if relations[oid].kind is RelationKind.VIEW and oid in building.oids
    }
    rows = building.builder.execute(
        "SELECT v.oid::pg_catalog.int8, pg_catalog.pg_relation_is_updatable(v.oid, true) "
        "FROM pg_catalog.unnest(%s::pg_catalog.oid[]) AS v (oid)",
        (list(views),),
    )
    return {views[oid]: bits for oid, bits in rows}
