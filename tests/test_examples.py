"""Examples in docstrings show what the code does."""

from __future__ import annotations

import doctest
import importlib
import pkgutil
from collections.abc import Iterator
from pathlib import Path

import pytest

import pgadvisor
import pgadvisor_reports
import pgadvisor_rules


def _with_examples() -> Iterator[str]:
    for package in (pgadvisor, pgadvisor_reports, pgadvisor_rules):
        for found in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
            spec = found.module_finder.find_spec(found.name, None)
            if spec is not None and spec.origin and ">>> " in Path(spec.origin).read_text("utf-8"):
                yield found.name


@pytest.mark.parametrize("name", [*_with_examples()])
def test_examples_are_true(name: str) -> None:
    result = doctest.testmod(importlib.import_module(name))
    assert result.attempted > 0
    assert result.failed == 0
