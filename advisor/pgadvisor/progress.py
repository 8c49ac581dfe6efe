"""How long steps tell whoever waits how far they are."""

from __future__ import annotations

from typing import Protocol


class Progress(Protocol):
    """Told about each step; total is None where the number of parts is not known."""

    def __call__(self, step: str, done: int = 0, total: int | None = None, /) -> None:
        """A step has begun or gone on."""


def silent(step: str, done: int = 0, total: int | None = None) -> None:
    """Tells nobody."""
