"""What a log did not say, and the settings that would make it say so."""

from __future__ import annotations

from collections.abc import Iterator

from pgadvisor.model.coverage import Fact, Gap, GapKind
from pgadvisor.workload.logs.events import Events
from pgadvisor.workload.logs.record import Reading
from pgadvisor.workload.logs.tally import MAX_STATEMENTS, Tally

_DURATIONS = "Set log_min_duration_statement (docs/logs.md), and read a log that was written since."


def log_gaps(name: str, database: str | None, events: Events, reading: Reading, damage: str) -> Iterator[Gap]:
    """All that is missing from one log."""
    if damage:
        yield _gap(name, f"The log {name} could not be read to its end: {damage}.", "Copy it again.", GapKind.CUT_SHORT)
    yield from _durations(name, events, reading, database)
    yield from _values(name, events)
    if database is not None and not reading.says_database:
        yield _gap(
            name,
            f"The log {name} does not say in which database a statement ran, so those of all databases are mixed.",
            "Put %d into log_line_prefix, or write the log as csvlog or jsonlog.",
        )
    if not reading.says_session and events.statements:
        yield _gap(
            name,
            f"The log {name} does not say which session a line is of, so a duration may be given to a wrong statement.",
            "Put %p into log_line_prefix, or write the log as csvlog or jsonlog.",
        )
    if events.unread_plans:
        yield _gap(
            name,
            f"{_plans(events.unread_plans)} in the log {name} could not be read: cut, or in XML or YAML.",
            "Set auto_explain.log_format to json or text.",
            fact=Fact.PLANS,
        )
    yield from _limits(name, events.tally)


def _durations(name: str, events: Events, reading: Reading, database: str | None) -> Iterator[Gap]:
    if events.localised:
        yield _gap(
            name,
            f"The log {name} has messages in another language than English, which are not read: "
            f"{events.localised} of them seem to be durations.",
            "Set lc_messages to C or en_US.UTF-8 on the server, and read a log that was written since.",
        )
    elif not events.durations and events.statements:
        yield _gap(
            name,
            f"The log {name} names statements, but not how long they took, so none of them is counted.",
            _DURATIONS,
            GapKind.SWITCHED_OFF,
        )
    elif not events.durations and reading.elsewhere:
        yield _gap(
            name,
            f"The log {name} holds no statement of the database {database}, but records of others.",
            "Name the log of a server that has this database, or connect to another database.",
        )
    elif not events.durations:
        yield _gap(name, f"The log {name} holds no statement with its duration.", _DURATIONS, GapKind.SWITCHED_OFF)


def _values(name: str, events: Events) -> Iterator[Gap]:
    missing = events.without_values + events.cut_values
    if missing:
        yield _gap(
            name,
            f"The values of {missing} of {missing + events.with_values} calls with parameters are not in the log "
            f"{name}, or not whole.",
            "Set log_parameter_max_length to -1: values are then logged whole.",
            GapKind.SWITCHED_OFF if events.without_values else GapKind.LIMIT,
        )


def _limits(name: str, tally: Tally) -> Iterator[Gap]:
    if tally.dropped_statements:
        yield _gap(
            name,
            f"The log {name} holds more than {MAX_STATEMENTS} different statements, or very long ones: "
            f"{tally.dropped_statements} times one of the cheapest was left out, "
            f"{tally.dropped.calls} calls that took {tally.dropped.total:.0f} ms in all.",
            "Read the log in parts.",
            GapKind.LIMIT,
        )
    if tally.long_plans:
        yield _gap(
            name,
            f"{_plans(tally.long_plans)} in the log {name} are too long to be kept.",
            "",
            GapKind.LIMIT,
            Fact.PLANS,
        )


def _plans(number: int) -> str:
    return f"{number} plans of auto_explain" if number != 1 else "1 plan of auto_explain"


def _gap(name: str, reason: str, remedy: str, kind: GapKind = GapKind.OTHER, fact: Fact = Fact.STATEMENTS) -> Gap:
    return Gap(fact=fact, scope=name, reason=reason, remedy=remedy, kind=kind)
