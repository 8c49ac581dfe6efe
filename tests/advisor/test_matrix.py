"""Every version, every role, every state of the extension: what is seen, what is said of the rest, and the list of it.

docs/versions.md is written by what real servers answer: PGADVISOR_WRITE_DOCS=1 with this file's tests writes it anew.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import pytest
from psycopg import sql

from pgadvisor.analyze import analyze
from pgadvisor.collect import collect
from pgadvisor.config import Config
from pgadvisor.model.coverage import Fact, Presence
from pgadvisor.model.findings import OutcomeStatus
from pgadvisor.model.report import Report
from pgadvisor.model.snapshot import Snapshot
from pgadvisor.postgres.reader import Collected, Reader
from pgadvisor.postgres.sqlfiles import sql_files
from pgadvisor.progress import silent
from pgadvisor.registry import load_rules
from support.databases import Database, fresh_database
from support.reading import open_session
from support.servers import SUPPORTED, Server, Servers

pytestmark = pytest.mark.server

DOCUMENT = Path(__file__).parents[2] / "docs" / "versions.md"
ROLES = ("superuser", "pg_monitor", "login only")
STATES = ("as shipped", "oldest", "in another schema", "absent")
# Not of sight: they depend on what the statements are, on what the server has run before, or on a planner of ours.
NOT_SIGHT = (Fact.STATEMENT_TEXTS, Fact.SHAPES, Fact.PLANS, Fact.EXECUTED_PLANS, Fact.INDEX_ADVICE)


def fill(database: Database) -> None:
    """A problem that structure alone shows, and one that a plan shows; rights for nobody."""
    database.execute(
        """
        CREATE TABLE customers (id int PRIMARY KEY, email text);
        CREATE TABLE orders (id int PRIMARY KEY, customer_id int NOT NULL REFERENCES customers, state text);
        CREATE INDEX one ON orders (state);
        CREATE INDEX two ON orders (state);
        CREATE VIEW open_orders AS SELECT * FROM orders WHERE state = 'open';
        INSERT INTO customers SELECT i, 'c' || i FROM generate_series(1, 2000) i;
        INSERT INTO orders SELECT i, i % 2000 + 1, 'open' FROM generate_series(1, 20000) i;
        ANALYZE customers, orders;
        """
    )
    for (schema,) in database.execute(
        "SELECT extnamespace::regnamespace::text FROM pg_extension WHERE extname = 'pg_stat_statements'"
    ):
        # What filled the tables is not the workload.
        reset = f"BEGIN PERFORM {schema}.pg_stat_statements_reset(); END"
        database.execute(sql.SQL("DO {}").format(sql.Literal(reset)))
    for _ in range(20):
        database.execute("SELECT * FROM orders WHERE customer_id = 7")
    database.settle()


@contextmanager
def filled(server: Server, state: str = "as shipped") -> Iterator[Database]:
    with fresh_database(server) as database:
        if state != "as shipped":
            database.execute("DROP EXTENSION pg_stat_statements")
        if state == "in another schema":
            database.execute('CREATE SCHEMA "o\'s"; CREATE EXTENSION pg_stat_statements SCHEMA "o\'s"')
        elif state == "oldest":
            versions = [
                v
                for (v,) in database.execute(
                    "SELECT version FROM pg_available_extension_versions WHERE name = 'pg_stat_statements'"
                )
            ]
            oldest = min(versions, key=lambda version: [int(part) for part in version.split(".")])
            database.execute(f"CREATE EXTENSION pg_stat_statements VERSION '{oldest}'")
        fill(database)
        yield database


def dsn_of(database: Database, role: str) -> str:
    if role == "superuser":
        return database.dsn
    return database.role(member_of=["pg_monitor"] if role == "pg_monitor" else []).dsn


def audited(database: Database, role: str) -> tuple[Snapshot, Report]:
    config = Config()
    snapshot = collect(dsn_of(database, role), config.collect)
    return snapshot, analyze(snapshot, config, load_rules())


def check(snapshot: Snapshot, report: Report, state: str) -> None:
    """Whatever could not be seen: no rule crashed, what structure shows was found, and each gap says what to do."""
    assert [o for o in report.outcomes if o.status is OutcomeStatus.FAILED] == []
    assert {"duplicate_index"} <= {finding.rule for finding in report.findings}
    incomplete = {entry.fact for entry in snapshot.coverage.facts if entry.presence is not Presence.PRESENT}
    explained = {gap.fact for gap in snapshot.coverage.gaps}
    assert incomplete - explained - set(NOT_SIGHT) == set()
    for gap in snapshot.coverage.gaps:
        assert gap.reason
        assert gap.remedy or gap.fact in NOT_SIGHT, gap
    if state == "absent":
        assert snapshot.statements is None


@dataclass(frozen=True)
class Seen:
    """What one version showed: the columns it has, and by role what was collected and reported."""

    columns: frozenset[str]
    by_role: dict[str, tuple[Snapshot, Report]]


@pytest.fixture(scope="module")
def seen(servers: Servers) -> Callable[[int], Seen]:
    @cache
    def look(major: int) -> Seen:
        with filled(servers.of_major(major)) as database:
            return Seen(available(database), {role: audited(database, role) for role in ROLES})

    return look


@pytest.mark.parametrize("major", SUPPORTED)
def test_every_role_gets_a_useful_report(seen: Callable[[int], Seen], major: int) -> None:
    for role, (snapshot, report) in seen(major).by_role.items():
        check(snapshot, report, "as shipped")
        if role == "superuser":
            assert [gap for gap in snapshot.coverage.gaps if gap.fact not in NOT_SIGHT] == []


@pytest.mark.slow
@pytest.mark.parametrize("role", ROLES)
@pytest.mark.parametrize("state", STATES[1:])
def test_every_state_of_the_extension(any_server: Server, state: str, role: str) -> None:
    with filled(any_server, state) as database:
        snapshot, report = audited(database, role)
    check(snapshot, report, state)


def test_the_list_of_what_differs_is_what_servers_answer(seen: Callable[[int], Seen]) -> None:
    written = document({major: seen(major) for major in SUPPORTED})
    if os.environ.get("PGADVISOR_WRITE_DOCS"):
        DOCUMENT.write_text(written, encoding="utf-8")
    assert DOCUMENT.read_text(encoding="utf-8") == written


def available(database: Database) -> frozenset[str]:
    """The columns that variants of our questions ask for, as far as this server has them."""
    with open_session(database.dsn) as session:
        reader = Reader(session, Config().collect, Collected(), silent)
        reader.probe()
        asked = {need for file in sql_files() for need in file.needs}
        return frozenset(need for need in asked if need in reader.queries.available)


def document(seen: dict[int, Seen]) -> str:
    presence = {
        (major, role): {entry.fact: entry.presence for entry in snapshot.coverage.facts}
        for major, each in seen.items()
        for role, (snapshot, _) in each.by_role.items()
    }
    columns = {major: each.columns for major, each in seen.items()}
    lines = [
        "# What differs from version to version and from role to role",
        "",
        "Written by `tests/advisor/test_matrix.py` from what real servers answer, and held against it in each run.",
        "",
        "## What each role sees",
        "",
        "Of a database whose tables are somebody else's. With `partial` and `absent` comes a gap in the report that",
        "says why, and what to do. Versions are named where they differ.",
        "",
        f"| fact | {' | '.join(ROLES)} |",
        f"|---|{'---|' * len(ROLES)}",
    ]
    for fact in Fact:
        if fact not in NOT_SIGHT:
            cells = [_cell({major: presence[major, role].get(fact) for major in SUPPORTED}) for role in ROLES]
            lines.append(f"| {fact.value} | {' | '.join(cells)} |")
    lines += [
        "",
        "## Columns that not every version has",
        "",
        "Where one is missing, the snapshot holds null. Columns of pg_stat_statements are those of the version of the",
        "extension that ships with the server.",
        "",
        f"| column | {' | '.join(map(str, SUPPORTED))} |",
        f"|---|{'---|' * len(SUPPORTED)}",
    ]
    for column in sorted(set().union(*columns.values())):
        if any(column not in columns[major] for major in SUPPORTED):
            marks = ["yes" if column in columns[major] else "–" for major in SUPPORTED]
            lines.append(f"| `{column}` | {' | '.join(marks)} |")
    return "\n".join(lines) + "\n"


def _cell(by_major: dict[int, Presence | None]) -> str:
    """One word where all versions agree, else a word with its versions each."""
    words = {major: "absent" if seen is None else seen.value for major, seen in by_major.items()}
    if len(set(words.values())) == 1:
        return next(iter(words.values()))
    return ", ".join(
        f"{word} on {' '.join(str(major) for major in words if words[major] == word)}"
        for word in dict.fromkeys(words.values())
    )
