"""How much of the workload's time went how far, and of the database's active time how much is the workload's."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from pgadvisor.model.plans import PlanMethod
from pgadvisor.model.report import ActiveTime, Share

if TYPE_CHECKING:
    from pgadvisor.advise.opaque import Opaque
    from pgadvisor.facts import Facts
    from pgadvisor.model.plans import ObservedPlan
    from pgadvisor.model.snapshot import Snapshot

# Two windows are one where they begin within this share of the longer one of each other.
_SAME_WINDOW = 0.1
_RAN = frozenset((PlanMethod.EXECUTED, PlanMethod.LOGGED))
_LOOK_TWICE = "Look twice, with --watch or at two snapshots: an interval has both counted over the same time."


def shares(facts: Facts, opaque: Opaque) -> tuple[Share, ...]:
    """How much of the time was looked into, understood, planned and executed, and how much is opaque.

    Nested statements count within their callers. Of opaque ones only what nested ones account for counts as any more
    than looked into.
    """
    planned = frozenset(facts.planned())
    executed = frozenset(plan.query_id for plan in facts.snapshot.plans if _ran(plan))
    inside_ms = opaque.accounted_ms(frozenset(facts.shapes))
    return (
        _share("looked into", _texts(facts), facts),
        *(
            _share(label, query_ids - opaque.kinds.keys(), facts, opaque.accounted_ms(query_ids))
            for label, query_ids in (
                ("understood", frozenset(facts.shapes) & _texts(facts)),
                ("planned", planned),
                ("executed", executed),
            )
        ),
        _share("opaque", frozenset(opaque.kinds), facts, -inside_ms),
    )


def parts(facts: Facts, opaque: Opaque) -> tuple[Share, ...]:
    """The statements' time cut up without overlaps; what nested statements account for is taken from the opaque."""
    texts, planned = _texts(facts), frozenset(facts.planned())
    understood = frozenset(facts.shapes) & texts
    clear = texts - opaque.kinds.keys()
    both_ms = opaque.accounted_ms(understood & planned)
    inside_ms = opaque.accounted_ms(understood)
    return (
        _share("understood and planned", clear & understood & planned, facts, both_ms),
        _share("understood, not planned", (clear & understood) - planned, facts, inside_ms - both_ms),
        _share("planned, not understood", (clear & planned) - understood, facts),
        _share("opaque", frozenset(opaque.kinds), facts, -inside_ms),
        _share("not understood", clear - understood - planned, facts),
        _share("not looked into", frozenset(facts.statements) - texts, facts),
    )


def _ran(plan: ObservedPlan) -> bool:
    """Whether a plan tells of an execution: with auto_explain.log_analyze = off, one of a log has estimates alone."""
    return plan.method in _RAN and "Actual Loops" in plan.plan.get("Plan", {})


def active_time(snapshot: Snapshot) -> ActiveTime:
    """The statements' time and the database's active time, where both were counted over the same time.

    Active is a session that executes a command (pg_stat_database.active_time, from 14 on); pg_stat_statements has of it
    what its entries hold, planning where track_planning is on.
    """
    statements, counters = snapshot.statements, snapshot.counters
    database = None if counters is None else counters.database
    if statements is None or counters is None or database is None:
        return ActiveTime()
    if database.active_ms is None:
        return ActiveTime(reason="Before 14 a server does not count the time in which its sessions are active")
    if snapshot.hosts:
        return ActiveTime(reason="Of several servers added up, statements and active time have windows of their own")
    if any(source.counted and source.name for source in statements.sources):
        return ActiveTime(reason="Some of the statements' time comes from files, which say nothing of the database's")
    if snapshot.change is None:
        begun, until = statements.window.since, statements.window.until
        reason = _differ(begun, database.reset_at, until)
        if reason:
            return ActiveTime(reason=reason, remedy=_LOOK_TWICE)
    spent_ms = sum(row.total_ms + (row.plan_ms or 0.0) for row in statements.rows if row.toplevel is not False)
    if spent_ms > database.active_ms:
        # Sessions tell their active time only when it ends, up to a second late.
        spent_ms = database.active_ms
    return ActiveTime(statements_ms=spent_ms, active_ms=database.active_ms)


def _differ(statements: datetime | None, database: datetime | None, until: datetime) -> str:
    """Why two windows cannot be compared, "" where they can."""
    if statements is None or database is None:
        what = "statements" if statements is None else "the database's active time"
        return f"Since when {what} was counted is not known".replace("statements was", "statements were")
    length_s = max((until - statements).total_seconds(), (until - database).total_seconds())
    if abs((statements - database).total_seconds()) > _SAME_WINDOW * length_s:
        return (
            f"Statements have been counted since {_moment(statements)} and the database's active time since "
            f"{_moment(database)}"
        )
    return ""


def _moment(moment: datetime) -> str:
    return f"{moment.astimezone(UTC):%Y-%m-%d %H:%M} UTC"


def added_shares(every: Sequence[Sequence[Share]]) -> tuple[Share, ...]:
    """Shares of several databases, added up by their labels."""
    by_label: dict[str, list[Share]] = {}
    for one in every:
        for share in one:
            by_label.setdefault(share.label, []).append(share)
    return tuple(
        Share(
            label=label,
            statements=sum(share.statements for share in found),
            of_statements=sum(share.of_statements for share in found),
            time_ms=sum(share.time_ms for share in found),
            of_time_ms=sum(share.of_time_ms for share in found),
        )
        for label, found in by_label.items()
    )


def added_active(every: Sequence[ActiveTime]) -> ActiveTime:
    """Active time of several databases, added up where each of them has one; else why the first without has none."""
    without = next((each for each in every if each.active_ms is None), None)
    if without is not None:
        return without
    return ActiveTime(
        statements_ms=sum(each.statements_ms or 0.0 for each in every),
        active_ms=sum(each.active_ms or 0.0 for each in every),
    )


def _texts(facts: Facts) -> frozenset[str]:
    return frozenset(query_id for query_id, statement in facts.statements.items() if statement.text is not None)


def _share(label: str, query_ids: Collection[str], facts: Facts, more_ms: float = 0.0) -> Share:
    # In the order of the statements: floats added in the order of a set differ from run to run.
    time_ms = sum(each.own_ms for query_id, each in facts.statements.items() if query_id in query_ids)
    return Share(
        label=label,
        statements=len(query_ids),
        of_statements=len(facts.statements),
        time_ms=max(time_ms + more_ms, 0.0),
        of_time_ms=facts.total_statement_ms,
    )
