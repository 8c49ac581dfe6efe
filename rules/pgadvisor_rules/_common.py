"""What several rules say alike."""

from __future__ import annotations

from collections.abc import Iterable

from pgadvisor.rules_api import Evidence, Fact, Facts, Gap, Presence, Relation, Statement, StatementShape, Unit, Window

SECONDS_PER_DAY = 86_400.0


def qualified(relation: Relation) -> str:
    """The name of a relation in a report."""
    return f"{relation.schema}.{relation.name}"


def window_evidence(window: Window | None, label: str) -> Evidence:
    """How long a window is, None where its start is unknown."""
    seconds = None if window is None else window.seconds
    return Evidence(label=label, value=None if seconds is None else round(seconds), unit=Unit.SECONDS)


def shorter_than(window: Window | None, days: float) -> bool:
    """Whether a window is too short, or of unknown length."""
    return window is None or window.seconds is None or window.seconds < days * SECONDS_PER_DAY


def counts_scans(facts: Facts) -> bool:
    """Whether no scans of an index means that there were none, which is not so where track_counts is off."""
    return facts.presence(Fact.INDEX_COUNTERS) is Presence.PRESENT


def scans_not_counted(what: str) -> Gap:
    """The gap of a rule that goes by scans; what names what it did not judge."""
    return Gap(
        fact=Fact.INDEX_COUNTERS,
        scope="",
        reason=f"Scans of indexes are not counted, or not fully, so {what}",
        remedy="Set track_counts to on, then wait for a typical period.",
    )


def absent(facts: Facts, consequences: dict[Fact, str]) -> Iterable[Gap]:
    """One gap for each of the facts that was not collected, with what could not be told for want of it."""
    for fact, consequence in consequences.items():
        if facts.presence(fact) is Presence.ABSENT:
            yield Gap(fact=fact, scope="", reason=consequence)


def statements_of(facts: Facts, shapes: Iterable[StatementShape]) -> tuple[Statement, ...]:
    """The statements that shapes belong to, in the order of the shapes."""
    return tuple(facts.statements[shape.query_id] for shape in shapes if shape.query_id in facts.statements)
