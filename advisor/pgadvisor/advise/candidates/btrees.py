"""All B-trees on bare columns that the statements of a workload might gain by."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from pgadvisor.advise.candidates.candidate import Candidate
from pgadvisor.advise.candidates.columns import Columns, key
from pgadvisor.advise.candidates.covering import covering
from pgadvisor.advise.candidates.demands import Demand, demands_of
from pgadvisor.advise.candidates.merging import Entry, TableWishes
from pgadvisor.advise.candidates.ordered import ordered
from pgadvisor.advise.candidates.searched import searched
from pgadvisor.advise.candidates.wishes import Wish
from pgadvisor.advise.selection.loads import Load
from pgadvisor.facts import Facts
from pgadvisor.model.catalog import IndexDefinition, Relation, RelationKind
from pgadvisor.model.index_advice import LeftIndex, WhyNot

if TYPE_CHECKING:
    from pgadvisor.config import IndexesConfig

# Of one statement for one table.
_MOST_WISHES = 24
# Of a table so many for each statement that uses it, as for so many statements at least; fewer where the workload is
# large, since the planner has to be asked about each: so many in all, as long as that leaves each statement its first.
_MOST_OF_STATEMENT, _FEWEST_OF_STATEMENT = 6, 2
_AS_FOR_STATEMENTS = 8
_MOST_IN_ALL = 6_000


@dataclass
class _Asked:
    """What is asked of one table."""

    table: Relation
    demands: list[Demand] = field(default_factory=list)


def b_trees(facts: Facts, loads: Sequence[Load], options: IndexesConfig) -> Iterator[Candidate | LeftIndex]:
    """Candidates table by table, the foremost wishes of the costliest statements first; too many are left out."""
    columns = Columns(facts)
    asked: dict[int, _Asked] = {}
    for load in loads:
        if load.shape is not None:
            for demand in demands_of(facts, columns, load.shape, load.query_id, load.total_ms):
                asked.setdefault(demand.table.oid, _Asked(demand.table)).demands.append(demand)
    in_all = _MOST_IN_ALL // max(sum(len(each.demands) for each in asked.values()), 1)
    of_each = min(max(in_all, _FEWEST_OF_STATEMENT), _MOST_OF_STATEMENT)
    for of_table in asked.values():
        most = of_each * max(len(of_table.demands), _AS_FOR_STATEMENTS)
        yield from _of_table(of_table, columns, options, most)


def _of_table(asked: _Asked, columns: Columns, options: IndexesConfig, most: int) -> Iterator[Candidate | LeftIndex]:
    of_table = columns.of(asked.table)
    found = TableWishes(of_table)
    small = (of_table.rows or 0.0) < options.min_rows
    shared: dict[frozenset[str], float] = defaultdict(float)
    for demand in asked.demands:
        for names in dict.fromkeys((tuple(demand.equal), *demand.joined)):
            shared[frozenset(names)] += demand.weight
    for demand in asked.demands:
        wishes = list(_wishes(demand, shared, options.max_columns))
        # Nothing more than that it was thought of is said of a small table.
        for place, wish in enumerate(wishes[: 1 if small else _MOST_WISHES]):
            found.add(wish, demand.query_id, demand.weight, place)
        for name in demand.impossible:
            found.add(Wish(keys=(key(name),), reason="conditions"), demand.query_id, demand.weight, 0)
    for place, entry in enumerate(found.merged(options.max_columns)):
        candidate = _candidate(asked.table, entry)
        yield candidate if place < most else _not_examined(candidate, most)


def _wishes(demand: Demand, shared: dict[frozenset[str], float], max_columns: int) -> Iterator[Wish]:
    """What one statement wishes for, the best first: what it is searched by, sorted by, and both in the index alone."""
    by_search = list(searched(demand, shared, max_columns))
    by_order = list(ordered(demand, max_columns))
    first = [*by_order, *by_search] if demand.limited else [*by_search, *by_order]
    alone = list(covering(demand, first, max_columns))
    # Each kind in turn, so that a bound leaves some of both.
    most = max(len(first), len(alone))
    known = set()
    for number in range(most):
        for wish in (*first[number : number + 1], *alone[number : number + 1]):
            what = (wish.keys, wish.include)
            if what not in known and not demand.columns.too_wide((*wish.columns, *wish.include)):
                known.add(what)
                yield wish


def _not_examined(candidate: Candidate, most: int) -> LeftIndex:
    return LeftIndex(
        definition=candidate.definition,
        why=WhyNot.NOT_EXAMINED,
        sentence=f"On its table {most} others are the first wishes of statements or those of costlier ones.",
        query_ids=tuple(sorted(candidate.query_ids)),
    )


def _candidate(table: Relation, entry: Entry) -> Candidate:
    return Candidate(
        definition=IndexDefinition(schema=table.schema, table=table.name, keys=entry.keys, include=entry.include),
        query_ids=frozenset(entry.query_ids),
        reasons=frozenset(entry.reasons),
        partitioned=table.kind is RelationKind.PARTITIONED,
        any_order=entry.any_order,
    )
