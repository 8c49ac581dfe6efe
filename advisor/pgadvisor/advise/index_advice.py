"""The index advisor: candidates, the best set of them, what may go, and the proof of each."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from pgadvisor.advise.answering import answered
from pgadvisor.advise.candidates.candidate import Candidate
from pgadvisor.advise.candidates.generate import Generated, generate
from pgadvisor.advise.equality_first import equality_first
from pgadvisor.advise.exchanges import exchanges
from pgadvisor.advise.exchanging import imaginable
from pgadvisor.advise.handing_over import Handed, handed_over
from pgadvisor.advise.left_words import without_server_words, without_values
from pgadvisor.advise.one_for_several import one_for_several
from pgadvisor.advise.paying import keep_what_pays
from pgadvisor.advise.proof import Proof
from pgadvisor.advise.rates import writes_are_bounds
from pgadvisor.advise.selection.evaluator import Evaluator
from pgadvisor.advise.selection.foreign_key_checks import with_foreign_key_checks
from pgadvisor.advise.selection.likely_values import with_likely_values
from pgadvisor.advise.selection.loads import Load, lacks_values, loads_of, share_of_time
from pgadvisor.advise.selection.prices import Prices
from pgadvisor.advise.selection.search import Selection, select
from pgadvisor.advise.slimming import slim
from pgadvisor.facts import Facts
from pgadvisor.model.effects import Reason
from pgadvisor.model.index_advice import AdvisedIndex, Goal, IndexAdvice, IndexDecisions, LeftIndex
from pgadvisor.planner.counted import Counted
from pgadvisor.planner.protocol import NoPlanError, Planner
from pgadvisor.progress import Progress, silent

if TYPE_CHECKING:
    from pgadvisor.advise.wishes import Going
    from pgadvisor.config import IndexesConfig


# Of what was left so much is told; what findings ask for comes first.
MAX_LEFT = 200


def advise_indexes(
    facts: Facts,
    planner: Planner,
    options: IndexesConfig,
    wished: Sequence[Candidate] = (),
    progress: Progress = silent,
    *,
    going: Sequence[Going] = (),
    show_values: bool = False,
    only_wished: bool = False,
) -> IndexDecisions:
    """The best indexes that were found for the statements of a snapshot, with those that rules wish for.

    going are existing indexes that rules would drop. Values of rows are masked in plans and sentences unless shown.
    only_wished is for where nobody would tell of an index that no rule wishes for: none is chosen then.

    Raises PlannerError where the planner is gone, or gives no plan of anything but what is.
    """
    prices = Prices(facts)
    counted = Counted(planner, options.max_explains)
    choice = _chosen(facts, counted, prices, options, wished, progress, only_wished=only_wished)
    progress("Looking at what may go")
    exchanged = exchanges(facts, choice.evaluator, choice.selection, going, prices, options)
    if choice.evaluator.why_nothing:
        raise NoPlanError(choice.evaluator.why_nothing)
    handed = handed_over(facts, choice.selection, exchanged, options)
    proof = Proof(
        facts,
        choice.evaluator,
        exchanged.configuration,
        handed.names,
        show_values=show_values,
        for_known_values=exchanged.for_known_values,
    )
    proved = _proved(handed, proof, progress)
    refused = choice.selection.left if show_values else without_server_words(choice.selection.left)
    created, others = answered(proved, wished, (*exchanged.left, *refused, *choice.generated.left))
    if not show_values:
        others = without_values(others, [each.proposal.definition for each in created])
    left = tuple(sorted(others, key=lambda each: not each.findings))
    dropped = tuple(each.proved(proof) for each in handed.dropped)
    return IndexDecisions(
        created=created,
        dropped=dropped,
        left=left,
        untried=tuple(exchanged.untried),
        # All has been asked by now, which it counts.
        advice=_advice(options, choice, proof, created, dropped, left, counted.explains),
    )


def _proved(handed: Handed, proof: Proof, progress: Progress) -> list[AdvisedIndex]:
    proved = []
    for number, each in enumerate(handed.created):
        progress("Proving what is advised", number, len(handed.created))
        proved.append(each.proved(proof))
    return proved


@dataclass(frozen=True)
class _Choice:
    """The workload as it weighs, the candidates for it, and the best set of them that pays."""

    asked: Sequence[Load]
    evaluator: Evaluator
    generated: Generated
    selection: Selection


def _advice(
    options: IndexesConfig,
    choice: _Choice,
    proof: Proof,
    created: Sequence[AdvisedIndex],
    dropped: Sequence[AdvisedIndex],
    left: Sequence[LeftIndex],
    explains: int,
) -> IndexAdvice:
    """What is told of all of it together."""
    evaluator = choice.evaluator
    return IndexAdvice(
        planner=evaluator.planner.identity,
        goal=options.goal,
        budget_bytes=options.max_bytes,
        created=len(created),
        dropped=len(dropped),
        left=tuple(left[:MAX_LEFT]),
        left_out=max(len(left) - MAX_LEFT, 0),
        workload=proof.workload(),
        unexplained_ms=evaluator.unexplained_ms,
        effects=proof.effects(),
        size_bytes=_size(created) - _size(dropped),
        write_ms=_writes(created, dropped),
        writes_at_most=evaluator.facts is not None and writes_are_bounds(evaluator.facts),
        candidates=len(choice.generated.candidates),
        explains=explains,
        without_values=share_of_time(choice.asked, lacks_values),
        not_planned_share=share_of_time(choice.asked, lambda load: load.query_id in evaluator.refused),
        cut_short=choice.selection.cut_short,
        compression=evaluator.compression,
        not_planned=_reasons(evaluator.refused),
        shortcomings=proof.shortcomings.told([each.marks for index in created for each in index.effects]),
    )


def _chosen(
    facts: Facts,
    planner: Planner,
    prices: Prices,
    options: IndexesConfig,
    wished: Sequence[Candidate],
    progress: Progress,
    *,
    only_wished: bool,
) -> _Choice:
    progress("Asking for plans as it is")
    asked = loads_of(facts)
    likely = with_likely_values(facts, asked, planner)
    loads = with_foreign_key_checks(facts, likely, planner)
    evaluator = Evaluator(
        planner,
        loads,
        options.max_explains,
        facts,
        options.max_seconds,
        options.max_statements,
        # That is for time: costs are the planner's own.
        cautious=options.goal is Goal.TIME,
    )
    generated = generate(facts, evaluator.loads, wished, options, planner)
    if only_wished:
        generated = replace(generated, candidates=tuple(each for each in generated.candidates if each.findings))
    selection = select(evaluator, generated.candidates, prices, options, progress)
    able = imaginable(generated.candidates, selection)
    one_for_several(selection, able, evaluator, prices, options)
    slim(selection, able, evaluator, prices, options)
    keep_what_pays(selection, evaluator, options)
    if equality_first(selection, able, evaluator, prices, options):
        # Beside what is there now another may do next to nothing.
        keep_what_pays(selection, evaluator, options)
    return _Choice(asked, evaluator, generated, selection)


def _size(indexes: Sequence[AdvisedIndex]) -> int:
    return sum(each.price.size_bytes or 0 for each in indexes)


def _writes(created: Sequence[AdvisedIndex], dropped: Sequence[AdvisedIndex]) -> float | None:
    """Milliseconds that writes take more over the window; None where nobody knows of any of them."""
    known = [
        sign * each.price.write_ms
        for sign, indexes in ((1, created), (-1, dropped))
        for each in indexes
        if each.price.write_ms is not None
    ]
    return sum(known) if known else None


def _reasons(refused: dict[str, str]) -> tuple[Reason, ...]:
    """Why statements could not be planned, the commonest reason first."""
    by_reason: dict[str, list[str]] = {}
    for query_id, reason in refused.items():
        by_reason.setdefault(reason, []).append(query_id)
    ordered = sorted(by_reason.items(), key=lambda each: (-len(each[1]), each[0]))
    return tuple(Reason(reason=reason, statements=len(ids), query_ids=tuple(ids)) for reason, ids in ordered)
