"""Which of the indexes advised does the work of each that rules wished for, so that one is told with all reasons."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence

from msgspec.structs import replace

from pgadvisor.advise.candidates.candidate import Candidate
from pgadvisor.advise.selection.reasons import described
from pgadvisor.indexes.algebra import likeness
from pgadvisor.indexes.standing import Standing
from pgadvisor.model.effects import Effect
from pgadvisor.model.index_advice import AdvisedIndex, LeftIndex, WhyNot

# What is wished for and left for another reason than that another does its work has that reason.
_MAY_BE_SERVED = frozenset({WhyNot.NO_GAIN, WhyNot.TOO_COSTLY, WhyNot.BETTER_ONE, WhyNot.NOT_EXAMINED})


def answered(
    created: Sequence[AdvisedIndex], wished: Sequence[Candidate], left: Sequence[LeftIndex]
) -> tuple[tuple[AdvisedIndex, ...], tuple[LeftIndex, ...]]:
    """The advised with the findings of all wishes that they answer, and what is left with what serves in its place.

    An index answers a wish that it stands in for, and one whose statements gain by it on the same table. A foreign key
    is answered only by what serves its check, which is none of these statements.
    """
    by_identity = {likeness(each.definition): each for each in left if not each.name}
    taken = {likeness(each.proposal.definition) for each in created}
    standing: dict[tuple[str, str], Standing[AdvisedIndex]] = defaultdict(Standing)
    for each in created:
        definition = each.proposal.definition
        standing[definition.schema, definition.table].add(each, definition)
    asked: dict[object, list[Candidate]] = defaultdict(list)
    instead: dict[object, AdvisedIndex] = {}
    unserved = set[object]()
    for wish in wished:
        same = likeness(wish.definition)
        reason = by_identity.get(same)
        if same in taken or (reason is not None and reason.why not in _MAY_BE_SERVED):
            continue
        members = standing[wish.definition.schema, wish.definition.table]
        serving = _standing_in(members, wish) or (None if wish.foreign_keys else _of_use(created, wish))
        if serving is None and wish.foreign_keys:
            unserved.add(same)
        elif serving is not None:
            asked[likeness(serving.proposal.definition)].append(wish)
            instead[same] = serving
    return (
        tuple(_with_wishes(each, asked.get(likeness(each.proposal.definition), ())) for each in created),
        tuple(_served(each, instead, unserved) for each in left),
    )


def _standing_in(standing: Standing[AdvisedIndex], wish: Candidate) -> AdvisedIndex | None:
    covering = next(standing.covering(wish.definition), None)
    if covering is not None or not wish.any_order:
        return covering
    columns = [column for column in wish.definition.key_columns if column is not None]
    return next(standing.serving_equality(columns), None)


def _of_use(created: Sequence[AdvisedIndex], wish: Candidate) -> AdvisedIndex | None:
    """The index on the same table by which most of the time of the wish's statements gains."""
    best: tuple[float, AdvisedIndex] | None = None
    for each in created:
        definition = each.proposal.definition
        if (definition.schema, definition.table) != (wish.definition.schema, wish.definition.table):
            continue
        gaining = [e for e in each.effects if e.effect is Effect.GAINS and e.query_id in wish.query_ids]
        spent_ms = sum(effect.total_ms for effect in gaining)
        if gaining and (best is None or spent_ms > best[0]):
            best = (spent_ms, each)
    return None if best is None else best[1]


def _with_wishes(advised: AdvisedIndex, wishes: Sequence[Candidate]) -> AdvisedIndex:
    return replace(
        advised,
        findings=tuple(sorted({*advised.findings, *(key for wish in wishes for key in wish.findings)})),
        foreign_keys=tuple(sorted({*advised.foreign_keys, *(key for wish in wishes for key in wish.foreign_keys)})),
    )


def _served(left: LeftIndex, instead: Mapping[object, AdvisedIndex], unserved: Collection[object]) -> LeftIndex:
    same = None if left.name else likeness(left.definition)
    if same in unserved:
        # What others leave it to gain may be next to nothing, but they do not do its work.
        return replace(left, why=WhyNot.NO_GAIN, served_by="") if left.why is WhyNot.BETTER_ONE else left
    by = instead.get(same)
    if by is None:
        return left
    return replace(
        left,
        why=WhyNot.BETTER_ONE,
        sentence=f"{described(by.proposal.definition)}, which is advised, does its work better.",
        served_by=by.name,
    )
