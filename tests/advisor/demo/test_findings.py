"""The demo's report finds every planted problem and nothing else; each mended problem takes its finding with it."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Iterator, Sequence
from importlib.resources import files
from pathlib import Path
from typing import Any

import psycopg
import pytest

from pgadvisor.demo import shop, show, workload
from pgadvisor.demo.size import Size
from pgadvisor.localserver import LocalServer
from support.audits import Ran, pgadvisor

pytestmark = pytest.mark.server

# Large enough for every rule to think the tables worth its while.
SIZE = Size(0.45)
PROBLEMS: list[dict[str, Any]] = tomllib.loads((files("pgadvisor.demo") / "problems.toml").read_text(encoding="utf-8"))[
    "problem"
]
PLANTED = sorted((problem["rule"], problem["table"]) for problem in PROBLEMS)


@pytest.fixture(scope="module")
def worked() -> Iterator[LocalServer]:
    """A server with a shop after its day."""
    with LocalServer(settings=shop.SETTINGS | {"autovacuum": "off"}) as server:
        shop.load(server, SIZE, lambda _: None)
        show.work(server, SIZE, show.Teller())
        yield server


def audit(server: LocalServer, folder: Path) -> Ran:
    """The demo's own command."""
    command = show.audit_command(server, folder / "report.html", folder / "report.json")
    return pgadvisor(*command[command.index("audit") :])


def found(server: LocalServer, folder: Path) -> tuple[Ran, list[tuple[str, str]]]:
    """The demo's own command, and rule and table of each finding."""
    ran = audit(server, folder)
    assert ran.code in (0, 1), ran.err
    report = json.loads((folder / "report.json").read_text(encoding="utf-8"))
    subjects = [(finding["rule"], finding["subject"]) for finding in report["findings"]]
    return ran, sorted((rule, f"{subject['schema']}.{subject['relation']}") for rule, subject in subjects)


def told(folder: Path) -> list[str]:
    """What the last report says, for whoever looks into a failure."""
    report = json.loads((folder / "report.json").read_text(encoding="utf-8"))
    texts = {view["query_id"]: view["text"] for view in report["statements"]}
    return [f"{each['sentence']} {[texts.get(known) for known in each['query_ids']]}" for each in report["findings"]]


def execute(server: LocalServer, commands: Sequence[str]) -> None:
    """Runs commands as the owner; a unique index that cannot be built stays behind as it should."""
    with psycopg.connect(server.dsn(shop.DATABASE, shop.OWNER), autocommit=True) as connection:
        for command in commands:
            try:
                connection.execute(command.encode())
            except psycopg.errors.UniqueViolation:
                assert "UNIQUE INDEX CONCURRENTLY" in command


def test_every_planted_problem_is_found_and_nothing_else(worked: LocalServer, tmp_path: Path) -> None:
    ran, subjects = found(worked, tmp_path)
    assert subjects == PLANTED, told(tmp_path)
    assert ran.code == 1
    assert "shop.order_items" in ran.out
    assert "shop.order_items" in (tmp_path / "report.html").read_text(encoding="utf-8")


def mended(problems: Sequence[dict[str, Any]], server: LocalServer, folder: Path) -> list[tuple[str, str]]:
    """What is still found while some problems are mended."""
    try:
        for problem in problems:
            execute(server, problem["mend"])
        # The shop goes on with a call of each kind, so that new indexes get their use.
        calls = {kind.name: (kind, dice) for kind, dice in workload.schedule(SIZE, 0, 1)}
        workload.run(lambda role: server.dsn(shop.DATABASE, role), list(calls.values()), lambda _done, _of: None)
        return found(server, folder)[1]
    finally:
        for problem in problems:
            execute(server, problem["undo"])


@pytest.mark.parametrize("half", [0, 1])
def test_half_of_the_problems_mended_take_their_findings_with_them(
    worked: LocalServer, tmp_path: Path, half: int
) -> None:
    problems = PROBLEMS[half::2]
    gone = {(problem["rule"], problem["table"]) for problem in problems}
    assert mended(problems, worked, tmp_path) == [known for known in PLANTED if known not in gone], told(tmp_path)


@pytest.mark.slow
@pytest.mark.parametrize("problem", PROBLEMS, ids=lambda problem: f"{problem['rule']}-{problem['table']}")
def test_a_mended_problem_takes_its_finding_with_it(
    worked: LocalServer, tmp_path: Path, problem: dict[str, Any]
) -> None:
    after = mended([problem], worked, tmp_path)
    assert after == [known for known in PLANTED if known != (problem["rule"], problem["table"])], told(tmp_path)
