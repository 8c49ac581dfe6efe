"""Which of the proposed drops can be made together."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence

from pgadvisor.facts import Facts
from pgadvisor.indexes.standing import Standing
from pgadvisor.model.catalog import Constraint, ConstraintKind, Index, IndexDefinition
from pgadvisor.model.proposals import AddPrimaryKey, DropIndex


def decide_drops(
    drops: Sequence[DropIndex],
    keys: Iterable[AddPrimaryKey],
    facts: Facts,
    coming: Iterable[IndexDefinition] = (),
) -> dict[DropIndex, str]:
    """The drops not to be made, with reasons, given in rank order; coming are indexes that are built before.

    Each may be right alone and wrong with another: an index stays that stands in for a dropped one (unless it has a
    stand-in itself), that is to become a primary key, or that is the last to serve a foreign key.
    """
    rejected: dict[DropIndex, str] = {}
    becoming = {(key.schema, key.using_index) for key in keys}
    served = _stand_ins(drops, facts)
    for drop in drops:
        if (drop.schema, drop.name) in becoming:
            rejected[drop] = "It is to become the primary key."
        elif drop.because_of is None and (other := served.get(f"{drop.schema}.{drop.name}")):
            rejected[drop] = f"It stands in for {other}, which is to be dropped; look again when that is done."
    _keep_served(drops, rejected, facts, coming)
    return rejected


def _stand_ins(drops: Sequence[DropIndex], facts: Facts) -> dict[str, str]:
    """What each index stands in for; an index of a partition goes with the parent's, so that one stands in as well."""
    by_name = {f"{index.schema}.{index.name}": index for index in facts.indexes.values()}
    served = {}
    for drop in drops:
        if drop.because_of is not None and drop.because_of in by_name:
            for index in _with_parents(by_name[drop.because_of], facts):
                served[f"{index.schema}.{index.name}"] = f"{drop.schema}.{drop.name}"
    return served


def _keep_served(
    drops: Sequence[DropIndex], rejected: dict[DropIndex, str], facts: Facts, coming: Iterable[IndexDefinition]
) -> None:
    """Rejects the last ranked of the drops that together would leave a foreign key without an index."""
    new: dict[tuple[str, str], Standing[None]] = defaultdict(Standing)
    for definition in coming:
        new[definition.schema, definition.table].add(None, definition)
    rank = {drop: number for number, drop in enumerate(drops)}
    going = {(drop.schema, drop.name): drop for drop in drops if drop not in rejected}
    standing: dict[int, Standing[Index]] = {}
    served: set[tuple[int, frozenset[str]]] = set()
    for key in sorted(_foreign_keys(facts), key=lambda constraint: constraint.oid) if going else ():
        check = (key.table_oid, frozenset(key.columns))
        table = facts.relations.get(key.table_oid)
        served_anew = table is not None and any(
            True for _ in new[table.schema, table.name].serving_equality(key.columns)
        )
        if check in served or served_anew:
            continue
        if key.table_oid not in standing:
            valid = (index for index in facts.indexes_of(key.table_oid) if index.valid)
            standing[key.table_oid] = Standing((index, index.definition) for index in valid)
        lost = _lost(standing[key.table_oid].serving_equality(key.columns), going, facts)
        if not lost:
            # What serves it now stays, so that it serves the other foreign keys on these columns as well.
            served.add(check)
            continue
        # One with a stand-in goes before one without: what stands in for it serves the key too.
        last = max(lost, key=lambda drop: (drop.because_of is None, rank[drop]))
        rejected[last] = f"With the others it would leave the foreign key {key.name} without an index."
        del going[last.schema, last.name]


def _lost(servers: Iterable[Index], going: Mapping[tuple[str, str], DropIndex], facts: Facts) -> list[DropIndex]:
    """The drops that the servers of a foreign key go by; none where one stays, or where there is none."""
    lost = []
    for index in servers:
        gone = [going[name] for each in _with_parents(index, facts) if (name := (each.schema, each.name)) in going]
        if not gone:
            return []
        lost += gone
    return lost


def _foreign_keys(facts: Facts) -> Iterator[Constraint]:
    """Foreign keys of every table, partitions too, whose indexes may be their own."""
    for constraint in facts.constraints.values():
        if constraint.kind is ConstraintKind.FOREIGN_KEY:
            yield constraint


def _with_parents(index: Index, facts: Facts) -> Iterator[Index]:
    """An index and those it is a part of, up to the topmost."""
    while True:
        yield index
        parent = facts.indexes.get(index.parent_oid or 0)
        if parent is None:
            return
        index = parent
