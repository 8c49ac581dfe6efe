"""What the applications' requests are made of: a clock that stands, and numbers that look like chance."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from datetime import UTC, datetime

NOW = datetime(2026, 6, 15, 9, tzinfo=UTC)

Run = Callable[..., list[tuple]]


def md5(text: str) -> str:
    return hashlib.md5(text.encode()).hexdigest()


def pick(i: int, salt: int, n: int) -> int:
    """A number below n that looks like chance and is always the same."""
    return int(md5(f"{salt}/{i}")[:8], 16) % n


def marks(values: Sequence[object]) -> str:
    return ", ".join(["%s"] * len(values))
