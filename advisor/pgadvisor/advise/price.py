"""What a recommendation gains and costs, as figures over the observation windows."""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache

from pgadvisor.advise.decide import Decision
from pgadvisor.advise.rates import of_statements, writes_are_bounds
from pgadvisor.advise.selection.prices import Prices
from pgadvisor.facts import Facts
from pgadvisor.model.catalog import IndexDefinition
from pgadvisor.model.counters import Window
from pgadvisor.model.findings import Evidence, Unit
from pgadvisor.model.index_advice import IndexPrice
from pgadvisor.model.proposals import CreateIndex, DropIndex
from pgadvisor.model.report import Rate, RateUnit
from pgadvisor.model.spans import span


def gain(decision: Decision, facts: Facts) -> tuple[Evidence, ...]:
    """What the change saves at most, as far as anything was counted."""
    if isinstance(decision.proposal, DropIndex):
        return _gain_of_drop(decision.proposal, facts)
    times = [f.finding.impact.time_ms for f in decision.findings if f.finding.impact.time_ms is not None]
    if not times:
        return ()
    # Findings of one cause look at the same time, so the largest counts, not the sum.
    spent = of_statements(max(times), facts)
    window = facts.snapshot.calls_window
    return (_rated("time now spent, of which it saves a part", spent, Unit.MILLISECONDS, window),)


def price(decision: Decision, facts: Facts) -> tuple[Evidence, ...]:
    """What the change costs in disk and writes, or what undoing a drop would."""
    if isinstance(decision.proposal, CreateIndex):
        return price_of_creation(decision.proposal.definition, facts)
    if isinstance(decision.proposal, DropIndex) and (priced := _credit(decision.proposal, facts)) is not None:
        return tuple(_build("time to build it again, about", priced))
    return ()


def price_of_creation(
    definition: IndexDefinition, facts: Facts, share: float | None = None, size_bytes: int | None = None
) -> tuple[Evidence, ...]:
    """What an index costs in disk, time to build and writes, as far as it is known.

    share is how much of the rows its predicate admits, None where there is none or that is not known; size_bytes is
    its size where somebody knows better.
    """
    return told(_prices(facts).of(definition, size_bytes, share), facts, definition, share)


def told(
    priced: IndexPrice, facts: Facts, definition: IndexDefinition, share: float | None = None
) -> tuple[Evidence, ...]:
    """The price of a new index as lines of a report; share is as in price_of_creation."""
    costs = []
    if priced.size_bytes is not None:
        costs.append(Evidence(label="disk, estimated", value=priced.size_bytes, unit=Unit.BYTES))
    costs += _build("time to build, about", priced)
    if priced.entries is not None:
        label = "index entries written"
        if definition.predicate is not None:
            label = f"{label}, {'at most' if share is None and priced.size_bytes is None else 'about'}"
        costs.append(_written(label, priced.entries, Unit.COUNT, facts))
    costs += _time_and_log(priced, facts, "writes take longer, about", "more WAL, about")
    if priced.hot_updates:
        costs.append(_written("HOT updates that stop being HOT, about", priced.hot_updates, Unit.COUNT, facts))
    return tuple(costs)


def _gain_of_drop(proposal: DropIndex, facts: Facts) -> tuple[Evidence, ...]:
    priced = _credit(proposal, facts)
    if priced is None:
        return ()
    saved = []
    if priced.size_bytes is not None:
        saved.append(Evidence(label="disk freed", value=priced.size_bytes, unit=Unit.BYTES))
    if priced.entries is not None:
        saved.append(_written("index entries no longer written", priced.entries, Unit.COUNT, facts))
    saved += _time_and_log(priced, facts, "time of writes saved, about", "less WAL, about")
    if priced.hot_updates:
        saved.append(_written("updates that may become HOT, about", priced.hot_updates, Unit.COUNT, facts))
    return tuple(saved)


def _time_and_log(priced: IndexPrice, facts: Facts, time: str, log: str) -> Iterator[Evidence]:
    if priced.write_ms:
        yield _written(time, priced.write_ms, Unit.MILLISECONDS, facts)
    if priced.wal_bytes:
        yield _written(log, priced.wal_bytes, Unit.BYTES, facts)


def _build(label: str, priced: IndexPrice) -> Iterator[Evidence]:
    if priced.build_ms is not None:
        yield Evidence(label=label, value=_in_seconds(priced.build_ms), unit=Unit.SECONDS)


@lru_cache(maxsize=1)
def _prices(facts: Facts) -> Prices:
    return Prices(facts)


def _credit(proposal: DropIndex, facts: Facts) -> IndexPrice | None:
    found = facts.index_named(proposal.schema, proposal.name)
    return None if found is None else _prices(facts).of_existing(found)


def _in_seconds(ms: float) -> float:
    seconds = ms / 1000
    return max(round(seconds, 1), 0.1) if seconds < 1 else round(seconds)


def _written(label: str, amount: float, unit: Unit, facts: Facts) -> Evidence:
    """Of writes: where they may have been counted for longer than is known, at most so much."""
    if writes_are_bounds(facts):
        label = f"{label.partition(', ')[0]}, at most"
    return _rated(label, of_statements(round(amount), facts), unit, facts.snapshot.calls_window)


def _rated(label: str, figure: Rate, unit: Unit, window: Window | None) -> Evidence:
    """A figure with what it is over: counts of statements and of writes each have a window of their own."""
    seconds = None if window is None else window.seconds
    over = "over the window seen" if seconds is None else f"over {span(seconds)}"
    suffix = over if figure.per is RateUnit.TOTAL else figure.per.value
    return Evidence(label=f"{label}, {suffix}", value=round(figure.value, 1), unit=unit)
