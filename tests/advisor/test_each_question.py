"""Each question of a run in turn goes wrong: what it would have told is missing and said to be, the rest is there.

Which questions there are, and what they tell, is taken from a run in which nothing goes wrong.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import msgspec
import pytest
from click.testing import CliRunner
from psycopg import sql
from psycopg.pq import TransactionStatus

from pgadvisor.analyze import analyze
from pgadvisor.cli import cli
from pgadvisor.collect import collect
from pgadvisor.config import CollectConfig, Config
from pgadvisor.gate import ExitCode
from pgadvisor.model.coverage import Fact, GapKind, Presence
from pgadvisor.model.findings import OutcomeStatus
from pgadvisor.model.report import Report
from pgadvisor.model.snapshot import Snapshot
from pgadvisor.postgres.connect import ConnectError
from pgadvisor.postgres.sqlfiles import sql_files
from pgadvisor.registry import load_rules
from pgadvisor.snapshots.file import read_snapshots
from support.databases import Database, fresh_database
from support.faults import at_question, fill, instead_of, noted_questions
from support.servers import Server
from support.sessions import noted_sessions

pytestmark = pytest.mark.server

# Asked only of several databases, where schemas are named, and where pg_stat_statements may not be called.
ELSEWHERE = {"databases", "role_named", "schemas", "statements_privileges"}
# Without them all is there: that it is not known since when statements are counted is said with their window; where
# nobody knows what is locked, what is not can be read all the same; by whom a statement is run is said by its gap.
DISPENSABLE = {"statements_window", "statements_offered", "statement_roles", "strong_locks"}
# A thin slice for every run: of each way to ask one, the first questions and those that much depends on.
SOME = ("extensions", "statements", "memberships", "relations", "index_expressions", "column_statistics", "activity")
# What sections of a snapshot belong to; the longest prefix counts. No rows of ours: those of others come and go.
FACTS = {
    "server": Fact.SERVER,
    "server.settings": Fact.SETTINGS,
    "server.overrides": Fact.SETTING_OVERRIDES,
    "catalog.relations": Fact.CATALOG,
    "catalog.relations.definition": Fact.DEFINITIONS,
    "catalog.relations.partition_key": Fact.DEFINITIONS,
    "catalog.relations.partition_bound": Fact.DEFINITIONS,
    "catalog.columns": Fact.CATALOG,
    "catalog.columns.default": Fact.DEFINITIONS,
    "catalog.indexes": Fact.CATALOG,
    "catalog.constraints": Fact.CATALOG,
    "catalog.constraints.definition": Fact.DEFINITIONS,
    "catalog.triggers": Fact.CATALOG,
    "catalog.triggers.definition": Fact.DEFINITIONS,
    "catalog.policies": Fact.CATALOG,
    "catalog.policies.using": Fact.DEFINITIONS,
    "catalog.policies.check": Fact.DEFINITIONS,
    "catalog.schemas": Fact.OBJECTS,
    "catalog.types": Fact.OBJECTS,
    "catalog.functions": Fact.OBJECTS,
    "catalog.sequences": Fact.OBJECTS,
    "catalog.collations": Fact.OBJECTS,
    "catalog.tablespaces": Fact.OBJECTS,
    "catalog.publications": Fact.OBJECTS,
    "catalog.operators": Fact.OBJECTS,
    "catalog.rules": Fact.OBJECTS,
    "catalog.extended_statistics": Fact.EXTENDED_STATISTICS,
    "column_statistics": Fact.COLUMN_STATISTICS,
    "counters.window": Fact.TABLE_COUNTERS,
    "counters.tables": Fact.TABLE_COUNTERS,
    "counters.indexes": Fact.INDEX_COUNTERS,
    "counters.sequences": Fact.DATABASE_COUNTERS,
    "counters.functions": Fact.DATABASE_COUNTERS,
    "counters.database": Fact.DATABASE_COUNTERS,
    "counters.server_views": Fact.SERVER_COUNTERS,
    "counters.sizes": Fact.SIZES,
    "counters.database_size_bytes": Fact.SIZES,
    "activity.max_connections": Fact.ACTIVITY,
    "statements.capacity": Fact.STATEMENTS,
    "statements.texts": Fact.STATEMENT_TEXTS,
}
VOLATILE = (
    "counters.tables.last_",
    "counters.indexes.last_",
    "counters.server_views.reset_at",
    "statements.texts.reason",
)


def held(snapshot: Snapshot) -> Counter[str]:
    """How much is in each place of a snapshot: rows, and values that are not missing."""
    found: Counter[str] = Counter()

    def count(value: object, place: str) -> None:
        if isinstance(value, msgspec.Struct):
            for name in value.__struct_fields__:
                count(getattr(value, name), f"{place}.{name}" if place else name)
        elif isinstance(value, tuple):
            found[place] += len(value)
            for each in value:
                count(each, place)
        elif value not in (None, ""):
            found[place] += 1

    count(snapshot, "")
    return found


def fact_of(place: str) -> Fact | None:
    """Which fact a place belongs to; None for what says something about the snapshot itself, or is volatile."""
    if place.startswith(VOLATILE):
        return None
    prefixes = [prefix for prefix in FACTS if place == prefix or place.startswith(f"{prefix}.")]
    return FACTS[max(prefixes, key=len)] if prefixes else None


def check_honest(snapshot: Snapshot, whole: Snapshot, report: Report) -> None:
    """What is said to be there is there as wholly as where nothing went wrong; nobody calls the rest fine."""
    less, all_of_it = held(snapshot), held(whole)
    lacking = {fact_of(place) for place, amount in all_of_it.items() if less[place] < amount} - {None}
    for fact in lacking:
        assert fact is not None
        assert snapshot.coverage.presence(fact) is not Presence.PRESENT, f"{fact} is said to be there"
    needs = {rule.name: rule.needs for rule in load_rules()}
    presence = {entry.fact: entry.presence for entry in report.trust.coverage}
    with_gaps = {gap.fact for gap in report.trust.gaps}
    for outcome in report.outcomes:
        assert outcome.status is not OutcomeStatus.FAILED, outcome
        if outcome.status is OutcomeStatus.CLEAN:
            assert not with_gaps & set(needs[outcome.rule]), outcome.rule
            for fact in needs[outcome.rule]:
                assert presence.get(fact, Presence.ABSENT) is not Presence.ABSENT, (outcome.rule, fact)


@dataclass(frozen=True)
class Whole:
    """A run in which nothing went wrong."""

    database: Database
    questions: tuple[str, ...]
    snapshot: Snapshot


@pytest.fixture(scope="module")
def whole(server: Server) -> Iterator[Whole]:
    with fresh_database(server) as database, pytest.MonkeyPatch.context() as patch:
        fill(database)
        asked = noted_questions(patch)
        snapshot = collect(database.dsn, CollectConfig())
        yield Whole(database, tuple(asked), snapshot)


def judged(snapshot: Snapshot) -> Report:
    return analyze(snapshot, Config(), load_rules())


def test_there_are_no_other_questions(whole: Whole) -> None:
    files = {file.name for file in sql_files() if not file.name.startswith("_")}
    assert set(whole.questions) == files - ELSEWHERE
    assert set(SOME) <= set(whole.questions)
    seen = {fact for place, amount in held(whole.snapshot).items() if amount and (fact := fact_of(place))}
    not_in_sections = {Fact.CONNECTION, Fact.SESSIONS, Fact.PROGRESS, Fact.SHAPES, Fact.PLANS, Fact.EXECUTED_PLANS}
    # There are none here: they would be the whole server's.
    none = {Fact.SETTING_OVERRIDES, Fact.REPLICATION}
    # It is no matter of collection: a planner is asked when the snapshot is judged.
    judged_of = {Fact.INDEX_ADVICE}
    assert seen | not_in_sections | none | judged_of == set(Fact)


def timed_out(whole: Whole, question: str) -> Snapshot | None:
    """The run in which one question takes too long for its statement timeout; None where nothing came of it."""
    with pytest.MonkeyPatch.context() as patch:
        sessions = noted_sessions(patch)

        def endless() -> sql.Composed:
            connection = sessions[0].connection
            if connection.info.transaction_status is TransactionStatus.INTRANS:
                connection.execute("SET LOCAL statement_timeout = '20ms'", prepare=False)
            return sql.SQL("SELECT pg_catalog.pg_sleep({})").format(sql.Literal(60))

        instead_of(patch, question, endless)
        try:
            return collect(whole.database.dsn, CollectConfig(statement_timeout_ms=1_000))
        except ConnectError as error:
            assert "--statement-timeout" in str(error)
            return None


def check_timeout(whole: Whole, question: str) -> None:
    snapshot = timed_out(whole, question)
    if snapshot is None:
        assert question == "server", "who the server is must be known, all else can be done without"
        return
    coverage, before = snapshot.coverage, whole.snapshot.coverage
    gaps = [gap for gap in coverage.gaps if gap.kind is GapKind.TIMED_OUT]
    assert gaps
    for gap in gaps:
        assert "was cancelled: canceling statement due to statement timeout" in gap.reason
        assert gap.remedy.startswith("Raise --")
        assert coverage.presence(gap.fact) is not Presence.PRESENT or question in DISPENSABLE, gap
    assert coverage.presence(Fact.CONNECTION) is Presence.PRESENT
    # Each fact of which less is seen than else says so itself, so that none has to be guessed from others.
    explained = {gap.fact for gap in coverage.gaps}
    less = {entry.fact for entry in before.facts if coverage.presence(entry.fact) is not entry.presence}
    of_statements = {Fact.STATEMENT_TEXTS, Fact.SHAPES, Fact.PLANS, Fact.EXECUTED_PLANS}
    if Fact.STATEMENT_TEXTS in explained:
        # Without texts nobody knows which of the statements are ours; that gap says so.
        of_statements.add(Fact.STATEMENTS)
    assert less - explained <= of_statements
    wrong = ("not installed", "too old", "not offer")
    assert not [gap for gap in coverage.gaps if any(word in gap.reason for word in wrong)]
    check_honest(snapshot, whole.snapshot, judged(snapshot))


@pytest.mark.parametrize("question", SOME)
def test_a_question_that_takes_too_long(whole: Whole, question: str) -> None:
    check_timeout(whole, question)


@pytest.mark.slow
def test_every_question_that_takes_too_long(whole: Whole) -> None:
    failed = {}
    for question in whole.questions:
        try:
            check_timeout(whole, question)
        except AssertionError as error:
            failed[question] = str(error)
    assert not failed, "\n".join(f"{question}: {error}" for question, error in failed.items())


def cut(whole: Whole, question: str, path: Path, *, interrupted: bool) -> int:
    """The exit code of `collect` where the connection is lost, or Ctrl-C comes, before one question is asked."""
    with pytest.MonkeyPatch.context() as patch:
        sessions = noted_sessions(patch)

        def lose() -> None:
            if interrupted:
                raise KeyboardInterrupt
            pid = sessions[0].connection.info.backend_pid
            whole.database.execute("SELECT pg_terminate_backend(%s, 5000)", [pid])

        at_question(patch, question, lose)
        return CliRunner().invoke(cli, ["collect", whole.database.dsn, "-o", str(path), "--quiet"]).exit_code


def check_cut(whole: Whole, question: str, path: Path, *, interrupted: bool) -> bool:
    """Whether there is a file; then it says that it was cut short, and nothing that is missing is said to be there."""
    code = cut(whole, question, path, interrupted=interrupted)
    if not path.exists():
        assert code == (ExitCode.INTERRUPTED if interrupted else ExitCode.CANNOT_CONNECT)
        return False
    assert code == (ExitCode.INTERRUPTED if interrupted else ExitCode.INCOMPLETE)
    (snapshot,) = read_snapshots(path)
    path.unlink()
    assert snapshot.coverage.presence(Fact.CONNECTION) is Presence.PARTIAL
    (gap,) = (gap for gap in snapshot.coverage.gaps if gap.fact is Fact.CONNECTION)
    assert gap.kind is GapKind.CUT_SHORT
    assert gap.remedy
    assert snapshot.coverage.interrupted is interrupted
    report = judged(snapshot)
    assert report.trust.partial_reason
    check_honest(snapshot, whole.snapshot, report)
    return True


def check_cuts(whole: Whole, questions: tuple[str, ...], folder: Path, *, interrupted: bool) -> None:
    kept = []
    for question in questions:
        try:
            kept.append(check_cut(whole, question, folder / "s.json.gz", interrupted=interrupted))
        except AssertionError as error:
            raise AssertionError(f"cut before {question}: {error}") from error
    # Once there was something to keep, it is kept wherever the cut comes.
    assert kept == sorted(kept)
    assert kept.count(True) > len(kept) // 2


@pytest.mark.parametrize("interrupted", [False, True], ids=["connection lost", "Ctrl-C"])
def test_cut_before_some_questions(whole: Whole, tmp_path: Path, interrupted: bool) -> None:
    some = tuple(question for question in whole.questions if question in SOME)
    check_cuts(whole, some, tmp_path, interrupted=interrupted)


@pytest.mark.slow
@pytest.mark.parametrize("interrupted", [False, True], ids=["connection lost", "Ctrl-C"])
def test_cut_before_every_question(whole: Whole, tmp_path: Path, interrupted: bool) -> None:
    check_cuts(whole, whole.questions, tmp_path, interrupted=interrupted)
