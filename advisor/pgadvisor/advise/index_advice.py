"""The index advisor: candidates, the best set of them, and the proof of each."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from pgadvisor.advise.candidates.candidate import Candidate
from pgadvisor.advise.candidates.generate import generate
from pgadvisor.advise.proof import effects_of, prove, workload_effect
from pgadvisor.advise.selection.evaluator import Evaluator
from pgadvisor.advise.selection.loads import loads_of
from pgadvisor.advise.selection.prices import Prices
from pgadvisor.advise.selection.search import select
from pgadvisor.advise.whatif_shortcomings import Shortcomings
from pgadvisor.facts import Facts
from pgadvisor.model.effects import Reason
from pgadvisor.model.index_advice import Compression, IndexAdvice, IndexDecisions
from pgadvisor.planner.protocol import Planner
from pgadvisor.progress import Progress, silent

if TYPE_CHECKING:
    from pgadvisor.config import IndexesConfig


def advise_indexes(
    facts: Facts,
    planner: Planner,
    options: IndexesConfig,
    wished: Sequence[Candidate] = (),
    progress: Progress = silent,
) -> IndexDecisions:
    """The best indexes that were found for the statements of a snapshot, with those that rules wish for.

    Raises PlannerError where the planner is gone.
    """
    loads = loads_of(facts)
    progress("Asking for plans as it is")
    evaluator = Evaluator(planner, loads, options.max_explains)
    generated = generate(facts, evaluator.loads, wished, options)
    selection = select(evaluator, generated.candidates, Prices(facts), options, progress)
    created = prove(evaluator, selection)
    after = evaluator.costs(selection.configuration)
    writes = [each.price.write_ms for each in created]
    known = [each for each in writes if each is not None]
    return IndexDecisions(
        created=created,
        advice=IndexAdvice(
            planner=planner.identity,
            goal=options.goal,
            budget_bytes=options.max_bytes,
            created=len(created),
            left=(*generated.left, *selection.left),
            workload=workload_effect(evaluator.base, after),
            effects=effects_of(evaluator.base, after),
            size_bytes=sum(each.price.size_bytes or 0 for each in created),
            write_ms=sum(known) if known else None,
            candidates=len(generated.candidates),
            explains=evaluator.explains,
            cut_short=selection.cut_short,
            compression=Compression(statements=len(evaluator.loads), of_statements=len(loads)),
            not_planned=_reasons(evaluator.refused),
            shortcomings=Shortcomings(planner.shortfalls, facts).told(()),
        ),
    )


def _reasons(refused: dict[str, str]) -> tuple[Reason, ...]:
    """Why statements could not be planned, the commonest reason first."""
    by_reason: dict[str, list[str]] = {}
    for query_id, reason in refused.items():
        by_reason.setdefault(reason, []).append(query_id)
    ordered = sorted(by_reason.items(), key=lambda each: (-len(each[1]), each[0]))
    return tuple(Reason(reason=reason, statements=len(ids), query_ids=tuple(ids)) for reason, ids in ordered)
