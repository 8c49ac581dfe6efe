"""Runs the command as a user does, and says what came of it."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from support.forked import run_forked


@dataclass(frozen=True)
class Ran:
    """A finished command."""

    code: int
    out: str
    err: str

    @property
    def report(self) -> dict[str, Any]:
        """The JSON report on standard output."""
        report: dict[str, Any] = json.loads(self.out)
        return report


def pgadvisor(*arguments: str | Path, env: dict[str, str] | None = None, folder: Path | None = None) -> Ran:
    """Runs `pgadvisor` in a process of its own, without the caller's PG* variables."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PG")}
    return Ran(*run_forked([*map(str, arguments)], environment | {"COLUMNS": "80"} | (env or {}), folder))


def audit(dsn: str, *arguments: str | Path, env: dict[str, str] | None = None) -> Ran:
    """`pgadvisor audit DSN --json - ...`; no planner is asked about indexes, which takes longer, unless told to."""
    return pgadvisor("audit", dsn, "--json", "-", "--planner", "none", *arguments, env=env)


def rules_fired(report: dict[str, Any], rules: Sequence[str] = ()) -> list[str]:
    """Keys of findings, of the given rules alone if any are given."""
    return [finding["key"] for finding in report["findings"] if not rules or finding["rule"] in rules]
