"""What a test is run with in `make test`, and which in `make test-all` alone."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from typing import TypeVar

import pytest
from _pytest.mark import ParameterSet

from support.servers import SUPPORTED

T = TypeVar("T", bound=Hashable)


# The majors of a server and of its twin.
TWIN_PAIRS = ((18, 18), (15, 15), (13, 13), (13, 18))


def short_run(*short: T, of: Sequence[T] = SUPPORTED) -> list[T | ParameterSet]:
    """Parameters of a test or fixture, by default all supported majors: those that are not named are slow."""
    return [each if each in short else pytest.param(each, marks=pytest.mark.slow) for each in of]
