"""A workload of very many statements as one of fewer, with what that leaves out said.

Statements that ask an index for the same are searched for as one: the same tables, conditions by column and operator,
joins, order, groups and columns read. Then the long tail of those that take next to no time is left out.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Hashable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from pgadvisor.model.index_advice import Compression

if TYPE_CHECKING:
    from pgadvisor.advise.selection.evaluator import LoadCost
    from pgadvisor.advise.selection.loads import Load

# The tail that is left out where there are too many takes this share of the time, more only if there are more still.
_TAIL = 0.01


@dataclass(frozen=True)
class Compressed:
    """Loads that stand for a workload, the costliest first, those that they stand for or that are left out, and why."""

    base: tuple[LoadCost, ...]
    others: tuple[LoadCost, ...]
    compression: Compression


def compress(base: Sequence[LoadCost], most: int, of_statements: int) -> Compressed:
    """A workload of at most so many loads; the same where it has no more. of_statements are those it was made of."""
    if len(base) <= most:
        return Compressed(tuple(base), (), Compression(statements=len(base), of_statements=of_statements))
    alike: dict[Hashable, list[LoadCost]] = defaultdict(list)
    for each in base:
        alike[_likeness(each.load)].append(each)
    groups = [sorted(group, key=_rank) for group in alike.values()]
    folded = sorted(((_folded(group), group) for group in groups), key=lambda pair: _rank(pair[0]))
    weights = [_weight(each) for each, _ in folded]
    kept = _kept(weights, most)
    whole = sum(weights)
    first = {group[0].load.query_id for _, group in folded[:kept]}
    return Compressed(
        base=tuple(each for each, _ in folded[:kept]),
        others=tuple(each for each in base if each.load.query_id not in first),
        compression=Compression(
            statements=kept,
            of_statements=of_statements,
            left_out_share=sum(weights[kept:]) / whole if whole else 0.0,
        ),
    )


def _kept(weights: Sequence[float], most: int) -> int:
    """How many of the weightiest stay: all but the tail, and no more than the most."""
    if len(weights) <= most:
        return len(weights)
    allowed, left = _TAIL * sum(weights), 0.0
    kept = len(weights)
    while kept > most and left + weights[kept - 1] <= allowed:
        kept -= 1
        left += weights[kept]
    return min(kept, most)


def _folded(group: Sequence[LoadCost]) -> LoadCost:
    """The weightiest of several, with the calls and the time of all of them."""
    first = group[0]
    load = replace(
        first.load,
        calls=sum(each.load.calls for each in group),
        total_ms=sum(each.load.total_ms for each in group),
        stands_for=tuple(each.load.query_id for each in group[1:]),
    )
    return replace(first, load=load)


def _weight(cost: LoadCost) -> float:
    """The time that it took, or where no time is known what it costs."""
    return cost.load.total_ms or cost.mean * max(cost.load.calls, 1) * 1e-9


def _rank(cost: LoadCost) -> tuple[float, str]:
    return -_weight(cost), cost.load.query_id


def _likeness(load: Load) -> Hashable:
    """What statements have in common that ask an index for the same."""
    shape = load.shape
    if shape is None or shape.unresolved or load.foreign_key:
        return load.query_id
    conditions = frozenset(
        (each.relation_oid, each.column, each.operator, each.hidden_by, each.in_or, each.negated, each.indexable)
        for each in shape.predicates
    )
    role = load.questions[0].role
    return (
        shape.kind,
        tuple(sorted((each.relation_oid, each.written) for each in shape.relations)),
        conditions,
        frozenset(shape.joins),
        (shape.sort, frozenset(shape.group), frozenset(shape.distinct), shape.is_distinct, shape.has_limit),
        frozenset(shape.columns_read),
        shape.functions,
        None if role is None else role.name,
    )
