"""Progress for whoever waits at a terminal; lines for a log."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from pgadvisor.cli._errors import plain

if TYPE_CHECKING:
    from pgadvisor.progress import Progress

LOG_EVERY_S = 5.0
# Steps that are said whatever they take: whoever reads the log is to know that statements were executed.
ANNOUNCED = "Executing"
# Said at once as well, that a run that seems to do nothing is known to wait; each time in other words, so then seldom.
WAITING = "Waiting"
WAITING_EVERY_S = 60.0


@contextmanager
def shown(quiet: bool) -> Iterator[Progress]:
    """A progress that shows itself on standard error: a moving line at a terminal, else a line now and then."""
    from pgadvisor.progress import silent

    if quiet:
        yield silent
    elif sys.stderr.isatty():
        with _moving() as progress:
            yield progress
    else:
        yield _Logged()


@contextmanager
def _moving() -> Iterator[Progress]:
    from rich.console import Console
    from rich.text import Text

    console = Console(stderr=True)
    with console.status(Text("Starting")) as status:

        def progress(step: str, done: int = 0, total: int | None = None) -> None:
            status.update(Text(_line(step, done, total)))

        yield progress


class _Logged:
    """Says a step once it takes long, so that short runs stay silent in logs; executions and a wait at once."""

    def __init__(self) -> None:
        self._said = time.monotonic()
        self._announced: set[str] = set()

    def __call__(self, step: str, done: int = 0, total: int | None = None) -> None:
        now = time.monotonic()
        waits = step.startswith(WAITING)
        kind = WAITING if waits else step
        is_new = (waits or step.startswith(ANNOUNCED)) and kind not in self._announced
        if is_new or now - self._said >= (WAITING_EVERY_S if waits else LOG_EVERY_S):
            self._announced.add(kind)
            self._said = now
            print(_line(step, done, total), file=sys.stderr, flush=True)  # noqa: T201


def _line(step: str, done: int, total: int | None) -> str:
    """One line, whatever the names in it hold: they steer no terminal, and begin no lines of a log."""
    step = plain(" ".join(step.split()))
    return f"{step} ({done} of {total})" if total else step
