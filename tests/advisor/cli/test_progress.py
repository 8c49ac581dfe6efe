"""What is shown of progress off a terminal."""

from __future__ import annotations

import io
import sys

import pytest

from pgadvisor.cli._progress import shown
from pgadvisor.collecting import watch

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


def test_a_wait_is_told_at_its_start_and_then_once_a_minute_at_most(monkeypatch: pytest.MonkeyPatch) -> None:
    log, clock = io.StringIO(), [1000.0]
    monkeypatch.setattr(sys, "stderr", log)
    monkeypatch.setattr("time.monotonic", lambda: clock[0])

    def sleep(seconds: float) -> None:
        clock[0] += seconds

    with shown(quiet=False) as progress:
        watch.wait(30.0, progress, sleep)
        assert log.getvalue() == "Waiting 30 s for the second look; Ctrl-C takes it now\n"
    log.truncate(0)
    with shown(quiet=False) as progress:
        watch.wait(300.0, progress, sleep)
    told = log.getvalue().strip("\0").splitlines()
    left = ["5 min", "4 min", "3 min", "2 min", "1 min"]
    assert told == [f"Waiting {each} for the second look; Ctrl-C takes it now" for each in left]


@pytest.mark.parametrize("quiet", [False, True])
def test_names_steer_no_terminal(monkeypatch: pytest.MonkeyPatch, quiet: bool) -> None:
    log = io.StringIO()
    monkeypatch.setattr(sys, "stderr", log)
    with shown(quiet) as progress:
        progress("Executing on \x1b]0;x\x07a\n\x9b31mb\u202e", 1, 2)
    told = "Executing on \N{REPLACEMENT CHARACTER}]0;x\N{REPLACEMENT CHARACTER}a \N{REPLACEMENT CHARACTER}31mb"
    assert log.getvalue() == ("" if quiet else f"{told}\N{REPLACEMENT CHARACTER} (1 of 2)\n")
