"""Turns a report into an exit code."""

from __future__ import annotations

import enum
from typing import TYPE_CHECKING

from pgadvisor.model.coverage import Presence
from pgadvisor.model.findings import OutcomeStatus

if TYPE_CHECKING:
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
    presence = {entry.fact: entry.presence for entry in report.trust.coverage}
    if any(presence.get(fact) is not Presence.PRESENT for fact in config.essential):
        return ExitCode.INCOMPLETE
    if any(outcome.status is OutcomeStatus.FAILED for outcome in report.outcomes):
        return ExitCode.INCOMPLETE
    return ExitCode.CLEAN
