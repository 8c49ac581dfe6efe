"""B-trees by the columns that a statement searches a table by: equality first, then what is a range or sorted by."""

from __future__ import annotations

from collections.abc import Iterator

from pgadvisor.advise.candidates.candidate import Candidate
from pgadvisor.facts import Facts
from pgadvisor.model.catalog import IndexDefinition, IndexKey, Relation, RelationKind
from pgadvisor.model.shape import StatementShape

_EQUALITIES = frozenset({"=", "in", "is null"})


def searched(facts: Facts, shape: StatementShape, max_columns: int) -> Iterator[Candidate]:
    """Candidates for each table that a statement uses."""
    for relation in dict.fromkeys(facts.root(used.relation_oid) for used in shape.relations):
        if relation is not None and relation.kind in (RelationKind.TABLE, RelationKind.PARTITIONED):
            for columns in _keys(facts, relation, shape):
                yield Candidate(
                    definition=IndexDefinition(
                        schema=relation.schema,
                        table=relation.name,
                        keys=tuple(IndexKey(column=column) for column in columns[:max_columns]),
                    ),
                    query_ids=frozenset({shape.query_id}),
                    reasons=frozenset({"conditions"}),
                    partitioned=relation.kind is RelationKind.PARTITIONED,
                )


def _keys(facts: Facts, relation: Relation, shape: StatementShape) -> Iterator[tuple[str, ...]]:
    own = [p for p in shape.predicates if p.indexable and not p.in_or and facts.root(p.relation_oid) == relation]
    equal = tuple(dict.fromkeys(p.column for p in own if p.operator in _EQUALITIES))
    other = tuple(dict.fromkeys(p.column for p in own if p.column not in equal))
    joined = tuple(
        dict.fromkeys(
            side.column
            for join in shape.joins
            for side in (join.left, join.right)
            if facts.root(side.relation_oid) == relation
        )
    )
    for column in (*equal, *other, *joined):
        yield (column,)
    for first in (equal, *((column,) for column in joined)):
        for last in ((), *((column,) for column in other)):
            if first or last:
                yield tuple(dict.fromkeys((*first, *equal, *last)))
