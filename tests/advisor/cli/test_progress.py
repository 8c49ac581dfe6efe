"""What is shown of progress off a terminal."""

from __future__ import annotations

import io
import sys

import pytest

from pgadvisor.cli._progress import shown

EXECUTING = "Executing up to 3 statements, read-only"


@pytest.mark.parametrize("quiet", [False, True])
def test_executions_are_announced_once_unless_quiet(monkeypatch: pytest.MonkeyPatch, quiet: bool) -> None:
    log = io.StringIO()
    monkeypatch.setattr(sys, "stderr", log)
    with shown(quiet) as progress:
        progress("Reading the catalog", 0, 2)
        for done in range(3):
            progress(EXECUTING, done, 3)
        progress("Finding problems")
    assert log.getvalue() == ("" if quiet else f"{EXECUTING} (0 of 3)\n")
