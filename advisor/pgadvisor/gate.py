"""Turns a report into an exit code."""

from __future__ import annotations

import enum
from typing import TYPE_CHECKING

from pgadvisor.model.coverage import Fact, FactCoverage, Presence
from pgadvisor.model.findings import OutcomeStatus

if TYPE_CHECKING:
    from collections.abc import Iterable

    from pgadvisor.config import GateConfig
    from pgadvisor.model.report import Report


class ExitCode(enum.IntEnum):
    """What a run says to the shell; the README lists them."""

    CLEAN = 0
    FINDINGS = 1
    USAGE = 2
    INCOMPLETE = 3
    CANNOT_CONNECT = 4
    CANNOT_WRITE = 5
    INTERRUPTED = 130


def gate(report: Report, config: GateConfig) -> ExitCode:
    """Findings at or above the threshold win over incomplete, incomplete over clean.

    Incomplete is a run that did not wholly see an essential fact, or in which a rule crashed.
    """
    if config.fail_on.reached_by(report.worst_severity()):
        return ExitCode.FINDINGS
    if unseen(report.trust.coverage, config):
        return ExitCode.INCOMPLETE
    if any(outcome.status is OutcomeStatus.FAILED for outcome in report.outcomes):
        return ExitCode.INCOMPLETE
    return ExitCode.CLEAN


def unseen(coverage: Iterable[FactCoverage], config: GateConfig) -> tuple[Fact, ...]:
    """The essential facts that were not wholly seen."""
    presence = {entry.fact: entry.presence for entry in coverage}
    return tuple(fact for fact in config.essential if presence.get(fact) is not Presence.PRESENT)
