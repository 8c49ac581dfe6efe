"""How long steps tell whoever waits how far they are."""

from __future__ import annotations

import math
from typing import Protocol


class Progress(Protocol):
    """Told about each step; total is None where the number of parts is not known."""

    def __call__(self, step: str, done: int = 0, total: int | None = None, /) -> None:
        """A step has begun or gone on."""


def silent(step: str, done: int = 0, total: int | None = None) -> None:
    """Tells nobody."""


def in_words(seconds: float) -> str:
    """How long that is, rounded up.

    >>> in_words(45.2), in_words(600), in_words(5430)
    ('46 s', '10 min', '1 h 31 min')
    """
    if seconds <= 60:
        return f"{math.ceil(seconds)} s"
    hours, minutes = divmod(math.ceil(seconds / 60), 60)
    return " ".join(part for part in (f"{hours} h" if hours else "", f"{minutes} min" if minutes else "") if part)
