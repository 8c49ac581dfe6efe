"""Mutated statements of the corpus, as benchmarks/fuzz_statements.py makes them: no error, none takes a second."""

from __future__ import annotations

import importlib.util
import time
from pathlib import Path
from types import ModuleType

import pytest

from pgadvisor.model.shape import NotUnderstood
from pgadvisor.workload.understand import understand

SCRIPT = Path(__file__).parents[3] / "benchmarks" / "fuzz_statements.py"


def script() -> ModuleType:
    spec = importlib.util.spec_from_file_location("fuzz_statements", SCRIPT)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def check(count: int, seed: int) -> None:
    result = script().run(count, seed)
    outcomes = result["outcomes"]
    assert {name: number for name, number in outcomes.items() if "raised" in name and number} == {}
    assert outcomes["over a second"] == outcomes["as a condition over a second"] == 0, result["slowest_texts"]
    assert outcomes["understood"] > count / 10


def test_mutated_statements_are_understood_or_not() -> None:
    check(3_000, seed=2)


@pytest.mark.slow
def test_many_mutated_statements_are_understood_or_not() -> None:
    check(30_000, seed=3)


def test_a_select_without_parentheses_in_from_takes_no_time() -> None:
    started = time.process_time()
    text = "SELECT a, b.* FROM b, " * 60 + "c WHERE b.d = c.d"
    result = understand("1", text, script().its_words(text))
    assert isinstance(result, NotUnderstood)
    assert time.process_time() - started < 1
