"""The demo's workload and its list of problems, without a server."""

from __future__ import annotations

import itertools
import tomllib
from collections import Counter
from importlib.resources import files

from pgadvisor.demo import workload
from pgadvisor.demo.calls import APP, REPORT
from pgadvisor.demo.size import Size
from pgadvisor.registry import load_rules

SIZE = Size(0.1)


def names(first: float, last: float) -> list[str]:
    return [kind.name for kind, _ in workload.schedule(SIZE, first, last)]


def test_each_call_happens_once_in_the_day() -> None:
    parts = names(0, 0.3) + names(0.3, 1)
    assert Counter(parts) == {kind.name: kind.calls for kind in workload.CALLS}


def test_names_tell_calls_apart() -> None:
    assert len({kind.name for kind in workload.CALLS}) == len(workload.CALLS)


def test_the_day_is_the_same_every_time() -> None:
    def values() -> list[int]:
        return [dice.customer for _, dice in workload.schedule(SIZE, 0, 0.1)]

    assert values() == values()
    assert names(0, 1) == names(0, 1)


def test_every_role_has_work_in_both_halves() -> None:
    for first, last in ((0, 0.5), (0.5, 1)):
        roles = {kind.role for kind, _ in workload.schedule(SIZE, first, last)}
        assert roles == {APP, REPORT}


def test_kinds_are_spread_over_the_day() -> None:
    longest = max(len(list(run)) for _, run in itertools.groupby(names(0, 1)))
    assert longest <= 2


def test_the_shop_has_a_problem_for_every_rule() -> None:
    problems = tomllib.loads((files("pgadvisor.demo") / "problems.toml").read_text(encoding="utf-8"))["problem"]
    assert {problem["rule"] for problem in problems} == {rule.name for rule in load_rules()}


def test_a_problem_is_known_by_rule_and_table() -> None:
    problems = tomllib.loads((files("pgadvisor.demo") / "problems.toml").read_text(encoding="utf-8"))["problem"]
    assert len({(problem["rule"], problem["table"]) for problem in problems}) == len(problems)
    assert all(problem["mend"] and problem["undo"] and problem["what"] for problem in problems)
