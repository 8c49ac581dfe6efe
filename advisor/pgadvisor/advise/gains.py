"""What an index that is advised gains, as figures over the statements' window."""

from __future__ import annotations

from collections.abc import Iterator

from pgadvisor.advise.rates import of_statements
from pgadvisor.facts import Facts
from pgadvisor.model.effects import Effect
from pgadvisor.model.findings import Evidence, Unit
from pgadvisor.model.index_advice import AdvisedIndex
from pgadvisor.model.report import RateUnit
from pgadvisor.model.spans import span


def gain_of(advised: AdvisedIndex, facts: Facts) -> tuple[Evidence, ...]:
    """The time that statements gain and lose by it beside all else that is advised: the sure part, and the most."""
    return tuple(_figures(advised, facts))


def saved_ms(advised: AdvisedIndex) -> tuple[float, float]:
    """Milliseconds over the statements' window that it saves at least, and at most."""
    gaining = [each for each in advised.effects if each.effect is Effect.GAINS and each.estimated is not None]
    least = sum(each.total_ms - (each.estimated.high_ms or each.total_ms) for each in gaining if each.estimated)
    most = sum(each.total_ms - each.estimated.low_ms for each in gaining if each.estimated)
    return max(least, 0.0), max(most, 0.0)


def _figures(advised: AdvisedIndex, facts: Facts) -> Iterator[Evidence]:
    gaining = [each for each in advised.effects if each.effect is Effect.GAINS]
    losing = [each for each in advised.effects if each.effect is Effect.LOSES]
    if gaining:
        least, most = saved_ms(advised)
        yield _time("time saved, at least", least, facts)
        yield _time("time saved, at most", most, facts)
    if losing:
        lost = sum(max(each.estimated.low_ms - each.total_ms, 0.0) for each in losing if each.estimated is not None)
        yield _time("time lost by others, at least", lost, facts)
    if gaining or losing:
        changed = (*gaining, *losing)
        before = sum(each.cost_before * max(each.calls, 1) for each in changed)
        after = sum(each.cost_after * max(each.calls, 1) for each in changed)
        yield Evidence(label="cost of these statements before", value=round(before, 1), unit=Unit.COST)
        yield Evidence(label="cost of these statements after", value=round(after, 1), unit=Unit.COST)


def _time(label: str, ms: float, facts: Facts) -> Evidence:
    rate, window = of_statements(ms, facts), facts.snapshot.calls_window
    seconds = None if window is None else window.seconds
    over = "over the window seen" if seconds is None else f"over {span(seconds)}"
    suffix = over if rate.per is RateUnit.TOTAL else rate.per.value
    return Evidence(label=f"{label}, {suffix}", value=round(rate.value, 1), unit=Unit.MILLISECONDS)
