"""A run asks nothing more once its server time is spent, at whatever step that is, and says what it left out."""

from __future__ import annotations

import pytest

from pgadvisor.analyze import analyze
from pgadvisor.collect import collect
from pgadvisor.config import CollectConfig, Config
from pgadvisor.model.coverage import Fact, GapKind, Presence
from pgadvisor.postgres.connect import ConnectError
from pgadvisor.registry import load_rules
from support.audits import pgadvisor
from support.databases import Database
from support.sessions import noted_sessions

pytestmark = pytest.mark.server


def fill(database: Database) -> None:
    database.execute(
        """
        CREATE TABLE t (id int PRIMARY KEY, a int CHECK (a > 0));
        CREATE INDEX ON t ((a + 1)) WHERE a > 5;
        INSERT INTO t SELECT i, i FROM generate_series(1, 1000) i;
        ANALYZE t;
        """
    )
    for _ in range(12):
        database.execute("SELECT count(*) FROM t WHERE a = %s", [7])


def test_at_whatever_step(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    fill(database)
    config = CollectConfig()
    steps: dict[str, None] = {}
    collect(database.dsn, config, lambda step, done=0, total=None: steps.setdefault(step))
    kept = 0
    for step in list(steps)[1:]:
        with monkeypatch.context() as patch:
            sessions = noted_sessions(patch)
            spent: list[int] = []

            def progress(
                now: str, done: int = 0, total: int | None = None, *, step: str = step, spent: list[int] = spent
            ) -> None:
                if now == step and not spent:
                    (session,) = sessions  # noqa: B023  called within this turn of the loop
                    session.server_ms = 1e9
                    spent.append(session.queries)

            try:
                snapshot = collect(database.dsn, config, progress)
            except ConnectError as error:
                assert not kept and "--max-server-time" in str(error)
                continue
            (session,) = sessions
        kept += 1
        # A transaction that was open then is still rolled back.
        assert session.queries <= spent[0] + 1
        coverage = snapshot.coverage
        assert coverage.presence(Fact.CONNECTION) is Presence.PRESENT
        late = [gap for gap in coverage.gaps if "server time" in gap.reason]
        assert all(gap.kind is GapKind.LIMIT and "--max-server-time" in gap.remedy for gap in late)
        assert not [gap for gap in coverage.gaps if gap.kind is GapKind.TIMED_OUT]
        told = {gap.fact for gap in late}
        unread = {entry.fact for entry in coverage.facts if entry.presence is Presence.ABSENT}
        assert bool(unread) <= bool(told), f"at {step!r} nothing says why {unread} is missing"
        analyze(snapshot, Config(), load_rules())
    assert kept > 5


def test_the_limit_bounds_a_single_query_too(database: Database) -> None:
    """Within what is left of it, whatever the statement timeout allows."""
    fill(database)
    whole = collect(database.dsn, CollectConfig()).coverage.footprint.server_ms
    ends = set()
    for share in (0.3, 0.5, 0.7):
        limit_ms = whole * share
        try:
            snapshot = collect(database.dsn, CollectConfig(max_server_time_s=limit_ms / 1000))
        except ConnectError as error:
            assert "--max-server-time" in str(error)
            continue
        assert snapshot.coverage.footprint.server_ms < limit_ms + 100
        ends |= {gap.kind for gap in snapshot.coverage.gaps}
    assert GapKind.TIMED_OUT not in ends


def test_the_option(database: Database) -> None:
    ran = pgadvisor("audit", database.dsn, "--quiet", "--max-server-time", "0.0001")
    assert ran.code == 4 and "--max-server-time" in ran.err
