"""Which of the proposed drops can be made together."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence

from pgadvisor.advise.remaining import Named, Remaining, with_parents
from pgadvisor.facts import Facts
from pgadvisor.indexes.standing import Standing
from pgadvisor.model.catalog import Constraint, ConstraintKind, Index, IndexDefinition
from pgadvisor.model.proposals import AddPrimaryKey, DropIndex

NO_STAND_IN = "{}, which could do its work, goes itself."
LAST_FOR_KEY = "With the others it would leave the foreign key {} without an index."


def becoming_keys(drops: Iterable[DropIndex], keys: Iterable[AddPrimaryKey]) -> dict[DropIndex, str]:
    """The drops of what is to become a primary key, with that as the reason against them."""
    becoming = {(key.schema, key.using_index) for key in keys}
    return {drop: "It is to become the primary key." for drop in drops if (drop.schema, drop.name) in becoming}


def decide_drops(
    drops: Sequence[DropIndex],
    keys: Iterable[AddPrimaryKey],
    facts: Facts,
    coming: Iterable[IndexDefinition] = (),
    unused: Collection[Named] = (),
) -> tuple[dict[DropIndex, str], dict[DropIndex, DropIndex]]:
    """The drops not to be made, with reasons, given in rank order, and those that are made for another reason.

    Each may be right alone and wrong with another. What goes with nothing in its place goes first, as nothing uses it:
    what it was to stand in for has another stand-in then, or stays, unless it is among the unused itself. Then the
    others go one after the other, each beside one that stays. An index also stays that is to become a primary key, or
    that is the last to serve a foreign key; coming are indexes that are built before.
    """
    rejected = becoming_keys(drops, keys)
    instead: dict[DropIndex, DropIndex] = {}
    gone = {(drop.schema, drop.name) for drop in drops if drop.because_of is None and drop not in rejected}
    remaining = Remaining(facts)
    beside = [drop for drop in drops if drop.because_of is not None and drop not in rejected]
    # The second time what stood in for one may have gone after it: it is told by what stands in for both.
    for drop in (*beside, *beside):
        if drop in rejected:
            continue
        name = (drop.schema, drop.name)
        made = remaining.as_is(instead.pop(drop, drop), gone, unused=name in unused)
        if made is None:
            rejected[drop] = NO_STAND_IN.format(drop.because_of)
            gone.discard(name)
            continue
        gone.add(name)
        if made != drop:
            instead[drop] = made
    _keep_served([instead.get(drop, drop) for drop in drops], rejected, facts, coming)
    for drop, made in instead.items():
        if made in rejected:
            rejected[drop] = rejected.pop(made)
    return rejected, instead


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
        rejected[last] = LAST_FOR_KEY.format(key.name)
        del going[last.schema, last.name]


def _lost(servers: Iterable[Index], going: Mapping[tuple[str, str], DropIndex], facts: Facts) -> list[DropIndex]:
    """The drops that the servers of a foreign key go by; none where one stays, or where there is none."""
    lost = []
    for index in servers:
        gone = [going[name] for each in with_parents(index, facts) if (name := (each.schema, each.name)) in going]
        if not gone:
            return []
        lost += gone
    return lost


def _foreign_keys(facts: Facts) -> Iterator[Constraint]:
    """Foreign keys of every table, partitions too, whose indexes may be their own."""
    for constraint in facts.constraints.values():
        if constraint.kind is ConstraintKind.FOREIGN_KEY:
            yield constraint
