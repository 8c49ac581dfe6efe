"""Partitions and children: tables that were made on their own, and are put under their parents.

On their own, since the order of columns of a child need not be that of its parent. Before any index is there: a parent
with indexes would make more of them.
"""

from __future__ import annotations

from collections.abc import Sequence

from pgadvisor.facts import Facts
from pgadvisor.indexes.quoting import qualified
from pgadvisor.model.catalog import Relation
from pgadvisor.model.whatif import Shortfall
from pgadvisor.planner.twin.building import Building
from pgadvisor.planner.twin.schema.making import Way, Wish, clause, make_all


def attach_partitions(building: Building) -> None:
    """Puts every partition and every child under its parents, from the top down, default partitions last.

    The last since each partition that comes after the default one has that searched for its rows.
    """
    facts = building.facts
    children = [relation for relation in facts.relations.values() if relation.parents]
    depths = depths_of(facts)
    children.sort(key=lambda child: (depths[child.oid], child.partition_bound == "DEFAULT"))
    wishes = []
    for child in children:
        if child.oid in building.failed:
            building.shortfalls.append(_missing_child(facts, child))
        else:
            wishes.append(_wish(facts, child))
    make_all(building, wishes)


def depths_of(facts: Facts) -> dict[int, int]:
    """How many partitioned or inherited tables each relation is below, along its first parents."""
    depths: dict[int, int] = {}
    for relation in facts.relations.values():
        path: list[Relation] = []
        each: Relation | None = relation
        # A file may say that a table is below itself.
        while each is not None and each.oid not in depths and len(path) <= len(facts.relations):
            path.append(each)
            each = facts.relations.get(each.parent_oid) if each.parent_oid is not None else None
        depth = -1 if each is None else depths.get(each.oid, -1)
        for one in reversed(path):
            depth += 1
            depths[one.oid] = depth
    return depths


def ancestors(facts: Facts, relation: Relation) -> tuple[int, ...]:
    """The relations that a relation is below, all levels."""
    found: dict[int, None] = {}
    pending = list(relation.parents)
    while pending:
        oid = pending.pop()
        parent = facts.relations.get(oid)
        if parent is not None and oid not in found:
            found[oid] = None
            pending += parent.parents
    return tuple(sorted(found))


def _wish(facts: Facts, child: Relation) -> Wish:
    return Wish(
        what=f"{_kind(child)} {child.schema}.{child.name}",
        ways=lambda: _ways(facts, child),
        without="it is a table of its own there, which no statement on its parent reads",
        relation_oids=(*ancestors(facts, child), child.oid),
    )


def _ways(facts: Facts, child: Relation) -> Sequence[Way]:
    name = qualified(child.schema, child.name)
    parents = [facts.relations[oid] for oid in child.parents if oid in facts.relations]
    if len(parents) < len(child.parents) and not parents:
        raise ValueError("its parent is not in the schemas that were looked at")
    if not child.is_partition:
        clauses = ", ".join(f"INHERIT {qualified(parent.schema, parent.name)}" for parent in parents)
        return (Way(f"ALTER TABLE {name} {clauses}"),)
    if child.partition_bound is None:
        raise ValueError("its bound could not be read")
    bound = clause(child.partition_bound, "for", "default")
    return (Way(f"ALTER TABLE {qualified(parents[0].schema, parents[0].name)} ATTACH PARTITION {name} {bound}"),)


def _missing_child(facts: Facts, child: Relation) -> Shortfall:
    return Shortfall(
        what=f"{_kind(child)} {child.schema}.{child.name}",
        reason="It could not be made; statements on its parent are planned without it.",
        relation_oids=ancestors(facts, child),
    )


def _kind(child: Relation) -> str:
    return "partition" if child.is_partition else "child"
