"""The base of everything that is stored in a snapshot or sent in a report."""

from __future__ import annotations

import enum

import msgspec


class Model(msgspec.Struct, frozen=True, kw_only=True):
    """A frozen value, validated when it is decoded from a file.

    Subclasses repeat ``frozen=True, kw_only=True``: msgspec does not inherit the latter, and type checkers need both.
    """


class Severity(enum.StrEnum):
    """How much a finding hurts; ordered by `rank`, most severe first."""

    CRITICAL = "critical"
    WARNING = "warning"
    INFO = "info"

    @property
    def rank(self) -> int:
        """0 for the most severe."""
        return list(Severity).index(self)


class Confidence(enum.StrEnum):
    """How a finding is known; ordered by `rank`, most certain first.

    measured: executed and timed. proved: the planner said so. estimated: computed from statistics.
    heuristic: read off the structure alone.
    """

    MEASURED = "measured"
    PROVED = "proved"
    ESTIMATED = "estimated"
    HEURISTIC = "heuristic"

    @property
    def rank(self) -> int:
        """0 for the most certain."""
        return list(Confidence).index(self)
