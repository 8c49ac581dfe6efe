"""What a what-if says in words: shared by its page and the terminal."""

from __future__ import annotations

import re
from collections.abc import Sequence

from pgadvisor.model.effects import STAYS_WITHIN, Effect, Reason, Shortcoming, TimeRange
from pgadvisor.model.report import Step
from pgadvisor.model.whatif import PlannerIdentity, PlannerKind
from pgadvisor.model.whatif_result import COST_WITHIN, Difference, ValuesCost, WhatIfResult, WhatIfStatement
from pgadvisor_reports import formatting
from pgadvisor_reports.words import plural

_PLANNERS = {
    PlannerKind.TWIN: "the twin",
    PlannerKind.HYPOPG: "the server itself, with HypoPG",
    PlannerKind.LIVE: "the server itself",
    PlannerKind.RECORDED: "answers kept in the snapshot",
}
# PostgreSQL of the extra `embedded`.
_MAJOR_OF_THE_WHEEL = "18"
# Factors below say in percent what others say in times.
_IN_TIMES = 2.0
# Times that are fewer times apart than this are told in the same unit.
_NEAR = 10.0
_MAX_NAMED = 3
_MAX_UNTOUCHING = 10
_MAX_VALUES = 4
_UNTOLD = "cannot be told"
_UNIT = re.compile(r"(\S+) (ms|s|min|h|days)")
_IN_MS = {"ms": 1.0, "s": 1e3, "min": 6e4, "h": 3.6e6, "days": 8.64e7}
UNITS_DIFFER = (
    "The settings imagined are units of cost: costs before and after cannot be compared, no time can be estimated, and "
    "plans alone are told."
)


def title(result: WhatIfResult) -> str:
    """What is imagined, in one phrase."""
    parts = [
        f"{plural(len(items), noun, nouns)} {word}" if noun else word
        for items, noun, nouns, word in (
            (result.created, "index", "indexes", "more"),
            (result.dropped, "index", "indexes", "less"),
            (result.settings, "setting", "settings", "otherwise"),
        )
        if items
    ]
    return f"What if: {', '.join(parts)}" if parts else "What the planner says as it is"


def planner(identity: PlannerIdentity) -> str:
    """Who planned, and how exact that makes it."""
    who = f"Planned by {_PLANNERS[identity.kind]}, PostgreSQL {identity.version}"
    if identity.same_major:
        return f"{who}, of the same major version as the server."
    said = f"{who}, where the server is {identity.server_version}: plans and costs may differ between major versions."
    if identity.kind is not PlannerKind.TWIN:
        return said
    major = identity.server_version.partition(".")[0]
    wheel = ", or pip install 'pgadvisor[embedded]'" if major == _MAJOR_OF_THE_WHEEL else ""
    return f"{said} For exact ones install PostgreSQL {major}, or name its programs by --twin-server{wheel}."


def fidelity(result: WhatIfResult) -> str:
    """How far it gives the plans observed, in one sentence."""
    seen = result.fidelity
    if not seen.compared:
        return "No plan for unknown values was observed on the server, so how exact it is cannot be told."
    within = formatting.fraction(COST_WITHIN).text
    said = f"It gives {seen.same} of {plural(seen.compared, 'observed plan')}"
    if seen.same and seen.near == seen.same:
        said += f", cost equal within {within}"
    elif seen.same:
        largest = formatting.fraction(seen.largest).text
        said += f", cost equal within {within} for {seen.near} of them, and within {largest} for all"
    catalogs = f" {plural(seen.on_catalogs, 'statement')} on system catalogs left out." if seen.on_catalogs else ""
    return f"{said}.{catalogs}"


def effects(result: WhatIfResult) -> str:
    """How many statements gain, lose and stay."""
    work = result.workload
    planned = work.statements - work.not_planned
    counts = []
    if work.units_differ:
        counts = [f"{work.other_plan} with another plan", f"{work.stay} with the same plan"]
    elif result.changes_anything:
        counts = [
            f"{work.gain} gaining",
            f"{work.lose} losing",
            f"{work.stay} staying as {'it is' if work.stay == 1 else 'they are'}",
        ]
    else:
        counts = [f"{planned} planned"]
    if work.lost:
        counts.append(f"{work.lost} planned before that cannot be planned after")
    if work.not_planned > work.lost:
        counts.append(f"{work.not_planned - work.lost} that could not be planned")
    said = f"{plural(work.statements, 'statement')}: {', '.join(counts)}."
    if not work.statements:
        return "No statements are known, so nothing is said of a workload."
    if planned:
        said += f" Those planned took {formatting.fraction(work.share).text} of the time."
    if work.units_differ:
        said += f" {UNITS_DIFFER}"
    if work.by_value:
        said += f" What becomes of {plural(work.by_value, 'statement')} depends on the value."
    return said


def totals(result: WhatIfResult) -> tuple[tuple[str, str], ...]:
    """Cost and time of all statements that could be planned, with a label each; none where none could."""
    work = result.workload
    if work.statements == work.not_planned:
        return ()
    before, after = formatting.count(work.cost_before).text, formatting.count(work.cost_after).text
    time = f"{formatting.duration(work.total_ms).text} measured"
    label = f"Time{over(result)}"
    if not result.changes_anything:
        return (("Cost, weighted by calls", before), (label, time))
    if work.units_differ:
        return ((label, time),)
    change, then = factor(work.cost_before, work.cost_after), time_after(result)
    return (
        ("Cost, weighted by calls", f"{before} → {after}, {change}"),
        (label, f"{time}; estimated: {then}" if "→" in then or then == _UNTOLD else f"{time} → estimated {then}"),
    )


def over(result: WhatIfResult) -> str:
    """Over which time statements were counted, as words to go on with; "" where none were."""
    window = result.statements_window
    if window is None:
        return ""
    return " since an unknown time" if window.seconds is None else f" over {formatting.span(window.seconds)}"


def called(query_id: str, result: WhatIfResult) -> str:
    """What a statement is called: by its id, but for one that its user gave as a text, who never saw its id."""
    own = any(each.own for each in result.statements if each.query_id == query_id)
    return "the text of --query" if own else query_id


def reason(item: Reason, result: WhatIfResult) -> str:
    """Why statements could not be planned, with the first of them."""
    named = ", ".join(called(each, result) for each in item.query_ids[:_MAX_NAMED])
    more = f" and {item.statements - _MAX_NAMED} more" if item.statements > _MAX_NAMED else ""
    return f"{plural(item.statements, 'statement')} ({named}{more}): {item.reason}"


def left_out(result: WhatIfResult) -> str:
    """How many statements nothing is said of; "" for none."""
    if not result.left_out:
        return ""
    return f"Nothing is said of {plural(result.left_out, 'statement')} whose text was not collected."


def factor(before: float | None, after: float | None) -> str:
    """How a cost changes.

    >>> factor(100, 10), factor(100, 150), factor(100, 100), factor(100, 300), factor(100, 90)
    ('10 times less', '50% more', 'the same', '3 times more', '10% less')
    """
    if before is None or after is None:
        return ""
    if before == after:
        return "the same"
    if min(before, after) <= 0:
        return "less" if after < before else "more"
    word = "less" if after < before else "more"
    times = max(before, after) / min(before, after)
    if times >= _IN_TIMES:
        return f"{formatting.significant(times)} times {word}"
    return f"{formatting.fraction(abs(after - before) / before).text} {word}"


def time_range(estimated: TimeRange | None, before_ms: float | None = None) -> str:
    """A range of time, with its unit once where it is the same, in the unit of a time before it where one is given."""
    if before_ms and estimated is not None:
        return _bounded(estimated, before_ms)
    if estimated is None:
        return ""
    if estimated.high_ms is None:
        return f"{formatting.duration(estimated.low_ms).text} or more" if estimated.low_ms else _UNTOLD
    if not estimated.low_ms and estimated.high_ms:
        return f"{formatting.duration(estimated.high_ms).text} or less"
    low, high = formatting.duration(estimated.low_ms).text, formatting.duration(estimated.high_ms).text
    if low == high:
        return low
    (number, _, unit), (_, _, other) = low.rpartition(" "), high.rpartition(" ")
    return f"{number} to {high}" if unit == other and not number.startswith("<") else f"{low} to {high}"


def _bounded(estimated: TimeRange, before_ms: float) -> str:
    """What a time becomes, beside the one before it: a bound, in the same unit where they are near each other."""
    low_ms, high_ms = estimated.low_ms, estimated.high_ms
    if high_ms is None:
        return f"{_in_unit_of(before_ms, low_ms)} or more" if low_ms else _UNTOLD
    return _in_unit_of(before_ms, high_ms) + ("" if low_ms == high_ms else " or less")


def _in_unit_of(other_ms: float, ms: float) -> str:
    """A time in the unit of another one, where they are near each other; else in its own."""
    unit = _UNIT.fullmatch(formatting.duration(other_ms).text)
    if unit is None or not other_ms / _NEAR < ms < other_ms * _NEAR:
        return formatting.duration(ms).text
    return f"{formatting.significant(ms / _IN_MS[unit[2]])} {unit[2]}"


def _least_change(estimated: TimeRange, before_ms: float) -> str:
    """How much less or more the bound is than the time before, in parentheses; "" where that is nothing."""
    bound = estimated.low_ms if estimated.high_ms is None else estimated.high_ms
    said = factor(before_ms, bound) if bound else ""
    return f" ({said})" if said not in ("", "the same") else ""


def time_after(result: WhatIfResult) -> str:
    """What the measured time would become; of those that gain and those that lose apart where there are both.

    A loss without an upper bound would otherwise hide what is gained.
    """
    work = result.workload
    if not (work.gain and work.lose):
        after = work.estimated
        return "" if after is None else time_range(after, work.total_ms) + _least_change(after, work.total_ms)
    parts = []
    for effect, word in ((Effect.GAINS, "what gains"), (Effect.LOSES, "what loses")):
        found = having(result, effect)
        ranges = [each.estimated for each in found if each.estimated is not None]
        highs = [each.high_ms for each in ranges if each.high_ms is not None]
        high = sum(highs) if len(highs) == len(ranges) else None
        before_ms = sum(each.total_ms for each in found)
        after = TimeRange(low_ms=sum(each.low_ms for each in ranges), high_ms=high)
        told = time_range(after, before_ms) + _least_change(after, before_ms)
        parts.append(f"{word} {formatting.duration(before_ms).text} → {told}")
    return ", ".join(parts)


def having(result: WhatIfResult, effect: Effect) -> tuple[WhatIfStatement, ...]:
    """Statements to which the change does this, the greatest first."""
    return tuple(each for each in result.statements if each.effect is effect)


def beside(result: WhatIfResult) -> tuple[WhatIfStatement, ...]:
    """Statements whose plans are shown, those asked about first."""
    shown = [each for each in result.statements if each.plans is not None]
    return tuple(sorted(shown, key=lambda each: not each.asked))


def marks(numbers: Sequence[int]) -> str:
    """Marks of shortcomings, as they stand beside a statement."""
    return "".join(f"[{number}]" for number in numbers)


def touching(result: WhatIfResult) -> tuple[Shortcoming, ...]:
    """What is otherwise and touches a statement looked into."""
    return tuple(each for each in result.shortcomings if each.statements)


def untouching(result: WhatIfResult) -> str:
    """What is otherwise and touches none, in one line; "" where there is none such."""
    rest = [each for each in result.shortcomings if not each.statements]
    if not rest:
        return ""
    named = "; ".join(f"{marks((each.number,))} {each.what}" for each in rest[:_MAX_UNTOUCHING])
    more = f"; and {len(rest) - _MAX_UNTOUCHING} more" if len(rest) > _MAX_UNTOUCHING else ""
    return f"Otherwise too, where no statement looked into is touched: {named}{more}."


def shortcoming(item: Shortcoming) -> str:
    """What is otherwise, and how many statements it touches."""
    touched = f"{plural(item.statements, 'statement')} {'cannot be planned' if item.prevents else 'touched'}"
    return f"{item.what}: {item.reason.rstrip('.')} ({touched})."


def difference(item: Difference) -> str:
    """How a plan differs from the one observed."""
    return "; ".join(item.changes) or "the same plan"


def plan_heading(statement: WhatIfStatement) -> str:
    """What becomes of a statement's plan."""
    pair = statement.plans
    if pair is None or pair.after is None or pair.before is None:
        return ""
    said = f"{'; '.join(pair.changes)}." if pair.changes else "The plan is the same."
    return f"For {pair.planned_for}: {said}" if pair.planned_for else said


def decisive(statement: WhatIfStatement) -> ValuesCost:
    """The costs by which a statement gains or loses, and what they are for: "" where that is the statement itself.

    Where it stays for what the question is about, they are those for the values for which it changes by the most.
    """
    own = ValuesCost(
        label="",
        values=(),
        cost_before=statement.cost_before,
        cost_after=statement.cost_after,
        effect=statement.effect,
    )
    alike = [each for each in statement.by_values if each.effect is statement.effect]
    if statement.effect not in (Effect.GAINS, Effect.LOSES) or not _stays(own) or not alike:
        return own
    return max(alike, key=_times)


def _stays(each: ValuesCost) -> bool:
    before, after = each.cost_before, each.cost_after
    return before is not None and after is not None and abs(after - before) <= STAYS_WITHIN * before


def _times(each: ValuesCost) -> float:
    before, after = max(each.cost_before or 0.0, 0.01), max(each.cost_after or 0.0, 0.01)
    return max(before, after) / min(before, after)


def change(statement: WhatIfStatement) -> str:
    """How the cost of a statement changes, or that its plan does where costs cannot be compared."""
    if statement.effect is Effect.OTHER_PLAN:
        return "another plan"
    costs = decisive(statement)
    return factor(costs.cost_before, costs.cost_after)


def values_change(each: ValuesCost, *, units_differ: bool) -> str:
    """How a statement changes for certain values."""
    if units_differ:
        return {Effect.OTHER_PLAN: "another plan", Effect.STAYS: "the same plan"}.get(each.effect, "")
    return factor(each.cost_before, each.cost_after)


def time_of(statement: WhatIfStatement) -> str:
    """What the time of all calls of a statement would become; that nobody knows where costs cannot be compared."""
    if not statement.total_ms:
        return ""
    return _UNTOLD if statement.effect is Effect.OTHER_PLAN else time_range(statement.estimated, statement.total_ms)


def plan_changes(statement: WhatIfStatement) -> str:
    """How the plan differs, of a statement of which that alone is told; "" of others."""
    return "; ".join(statement.plan_changes)


def by_value(statement: WhatIfStatement) -> str:
    """What becomes of it for the values that are known, where that is not the same for all; "" where it is."""
    if not statement.by_value:
        return ""
    if statement.effect is Effect.OTHER_PLAN:
        same = [each.label for each in statement.by_values if each.effect is not Effect.OTHER_PLAN][:_MAX_VALUES]
        return f"It depends on the value: the same plan for {', '.join(same)}" if same else "It depends on the value"
    parts = [
        f"{each.label} {formatting.cost(each.cost_before).text} → {formatting.cost(each.cost_after).text}"
        f" ({factor(each.cost_before, each.cost_after)})"
        for each in statement.by_values[:_MAX_VALUES]
        if not (each.given and statement.planned_for)
    ]
    return f"It depends on the value: {', '.join(parts)}"


def summary_line(statement: WhatIfStatement, result: WhatIfResult) -> str:
    """Costs of a statement, one call of it, before and after where anything is imagined."""
    if not result.changes_anything:
        cost = f"for {statement.planned_for}, cost" if statement.planned_for else "cost"
        return f"{cost} {formatting.cost(statement.cost_before).text}"
    before, after = formatting.cost(statement.cost_before).text, formatting.cost(statement.cost_after).text
    said = "in other units" if result.workload.units_differ else factor(statement.cost_before, statement.cost_after)
    cost = f"for {statement.planned_for}, cost" if statement.planned_for else "cost"
    return f"{cost} {before} → {after}" + (f", {said}" if said else "")


def than(before: float, low: float, high: float | None) -> str:
    """The kind of bar that a figure after a change has beside the one before: less, more, or neither for sure."""
    if low == before == high:
        return "was"
    if high is not None and high <= before:
        return "less"
    return "more" if low >= before else "was"


def commands(steps: Sequence[Step]) -> tuple[Step, ...]:
    """The steps that do something lasting, without those that only set the session."""
    return tuple(step for step in steps if not step.prepares)
