"""The statements of a what-if together: in which order they are told, and what becomes of all of them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from msgspec.structs import replace

from pgadvisor.advise.whatif_judging import Costs, greatest
from pgadvisor.model.effects import Effect, Reason, Shortcoming, TimeRange
from pgadvisor.model.whatif_result import Fidelity, WhatIfStatement, Workload

if TYPE_CHECKING:
    from pgadvisor.facts import Facts

# In this order statements are told.
_TOLD = (Effect.LOSES, Effect.GAINS, Effect.OTHER_PLAN)


def rank(row: WhatIfStatement) -> tuple[float, float, float, str]:
    """The greatest change of time first, then of cost; of those without any, or by plans alone, the costliest."""
    if row.effect is Effect.OTHER_PLAN:
        return (-row.total_ms, -1.0, 0.0, row.query_id)
    if row.effect not in (Effect.LOSES, Effect.GAINS):
        return (0.0, 0.0, -row.total_ms, row.query_id)
    costs = Costs(row.cost_before, row.cost_after)
    if costs.effect is not row.effect:
        each = greatest([each for each in row.by_values if each.effect is row.effect])
        costs = Costs(each.cost_before, each.cost_after)
    if costs.before is None or costs.after is None or costs.ratio is None:
        return (0.0, 0.0, -row.total_ms, row.query_id)
    change = abs(costs.after - costs.before) * max(row.calls, 1)
    return (-abs(row.total_ms * (1 - costs.ratio)), -change, -row.total_ms, row.query_id)


def workload_of(rows: Sequence[WhatIfStatement], facts: Facts, *, units_differ: bool) -> Workload:
    """All statements together."""

    def having(effect: Effect) -> int:
        return sum(1 for row in rows if row.effect is effect)

    planned = [row for row in rows if row.effect is not Effect.NOT_PLANNED]
    return Workload(
        statements=len(rows),
        gain=having(Effect.GAINS),
        lose=having(Effect.LOSES),
        stay=having(Effect.STAYS),
        not_planned=having(Effect.NOT_PLANNED),
        cost_before=sum((row.cost_before or 0.0) * row.calls for row in planned),
        cost_after=sum((row.cost_after or 0.0) * row.calls for row in planned),
        total_ms=sum(row.total_ms for row in planned),
        estimated=None if units_differ else total_of([row.estimated for row in planned if row.estimated is not None]),
        share=facts.share_of_time(sum(facts.statements[row.query_id].own_ms for row in planned)),
        by_value=sum(1 for row in planned if row.by_value),
        lost=sum(1 for row in rows if row.effect is Effect.NOT_PLANNED and row.cost_before is not None),
        other_plan=having(Effect.OTHER_PLAN),
        units_differ=units_differ,
    )


def total_of(ranges: Sequence[TimeRange]) -> TimeRange:
    """The time of several statements after a change, bounded on one side as theirs is: above where anything is."""
    if any(each.high_ms is None for each in ranges):
        return TimeRange(low_ms=sum(each.low_ms for each in ranges), high_ms=None)
    high_ms = sum(each.high_ms or 0.0 for each in ranges)
    changes = any(each.low_ms != each.high_ms for each in ranges)
    return TimeRange(low_ms=0.0 if changes else high_ms, high_ms=high_ms)


def in_order_of_appearance(
    rows: Sequence[WhatIfStatement], fidelity: Fidelity, shortcomings: Sequence[Shortcoming]
) -> tuple[list[WhatIfStatement], Fidelity, tuple[Shortcoming, ...]]:
    """The same, with shortcomings numbered as a reader meets their marks: what loses first, then what gains."""
    order = [row for effect in _TOLD for row in rows if row.effect is effect]
    met = [number for row in (*order, *rows) for number in row.marks]
    met += [number for each in fidelity.differences for number in each.marks]
    numbers = {
        old: new for new, old in enumerate(dict.fromkeys([*met, *(each.number for each in shortcomings)]), start=1)
    }

    def marked(marks: Sequence[int]) -> tuple[int, ...]:
        return tuple(sorted(numbers[number] for number in marks))

    return (
        [replace(row, marks=marked(row.marks)) for row in rows],
        replace(fidelity, differences=tuple(replace(e, marks=marked(e.marks)) for e in fidelity.differences)),
        tuple(sorted((replace(e, number=numbers[e.number]) for e in shortcomings), key=lambda each: each.number)),
    )


def reasons_of(rows: Sequence[WhatIfStatement]) -> tuple[Reason, ...]:
    """Why statements could not be planned: first what the change brings, then the commonest reason."""
    groups: dict[str, list[str]] = defaultdict(list)
    lost = {row.reason for row in rows if row.cost_before is not None}
    for row in rows:
        if row.reason:
            groups[row.reason].append(row.query_id)
    ordered: Iterator[tuple[str, list[str]]] = iter(
        sorted(groups.items(), key=lambda each: (each[0] not in lost, -len(each[1]), each[0]))
    )
    return tuple(Reason(reason=reason, statements=len(ids), query_ids=tuple(ids)) for reason, ids in ordered)
