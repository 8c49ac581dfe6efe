"""What a test is run with in `make test`, and which of it in `make test-all` alone."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from support.servers import SUPPORTED

# The majors of a server and of its twin.
TWIN_PAIRS = ((18, 18), (15, 15), (13, 13), (13, 18))


def short_run(*short: Any, of: Sequence[Any] = SUPPORTED) -> list[Any]:
    """Parameters of a test or fixture, by default all supported majors: those that are not named are slow."""
    return [each if each in short else pytest.param(each, marks=pytest.mark.slow) for each in of]
