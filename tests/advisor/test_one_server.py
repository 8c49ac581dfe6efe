"""A run that lands on another server ends there: nothing of two servers is ever in one snapshot."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from pgadvisor.analyze import analyze
from pgadvisor.collect import collect
from pgadvisor.config import Config, GateConfig
from pgadvisor.gate import ExitCode, gate
from pgadvisor.localserver import LocalServer
from pgadvisor.model.coverage import Fact, GapKind, Presence
from pgadvisor.model.snapshot import Snapshot
from pgadvisor.postgres.connect import ConnectError, connect
from pgadvisor.postgres.identity import ServerChanged, ServerIdentity
from pgadvisor.registry import load_rules
from support.databases import Database, fresh_database
from support.reading import open_session
from support.servers import SETTINGS, Server, standby_of
from support.sessions import noted_sessions

pytestmark = pytest.mark.server
CONFIG = Config()


@contextmanager
def another(old_server: Callable[[int], Server]) -> Iterator[Database]:
    with fresh_database(old_server(13)) as second:
        second.execute("CREATE TABLE of_the_second (id int)")
        yield second


def test_another_server_is_noticed_before_it_is_asked_anything(
    database: Database, old_server: Callable[[int], Server]
) -> None:
    with open_session(database.dsn_tcp) as session, another(old_server) as second:
        with session.transaction():
            pass
        first = session.connection
        with connect(second.dsn_tcp, connect_timeout_s=10) as session.connection:
            with pytest.raises(ServerChanged, match="led to another server") as caught, session.transaction():
                raise AssertionError("it was given the transaction")
            assert session.connection.info.transaction_status.name == "IDLE"
        ports = [str(first.info.port), str(second.server.tcp["port"])]
        session.connection = first
        with session.transaction() as transaction:
            assert transaction.row("SELECT 1 AS one") == {"one": 1}
    assert [reason.split("port ")[1].split(",")[0] for reason in caught.value.reason.split("then")] == ports
    assert "directly" in caught.value.remedy


def test_one_server_by_two_addresses_is_one(database: Database) -> None:
    with open_session(database.dsn) as session:
        with session.transaction():
            pass
        with connect(database.dsn_tcp, connect_timeout_s=10) as session.connection, session.transaction():
            pass
    assert session.transactions == 2


@pytest.mark.parametrize(
    ("then", "said"),
    [
        (ServerIdentity("10.0.0.2", 5432, "b", False), "led to another server"),
        (ServerIdentity("10.0.0.1", 5432, "b", False), "was restarted"),
        (ServerIdentity("10.0.0.1", 5432, "a", True), "became a standby"),
    ],
)
def test_what_changed_is_told_from_what_to_what(then: ServerIdentity, said: str) -> None:
    first = ServerIdentity("10.0.0.1", 5432, "a", False)
    first.check(first)
    with pytest.raises(ServerChanged) as caught:
        then.check(first)
    assert said in caught.value.reason and caught.value.reason.endswith(f"first {first}, then {then}")
    assert caught.value.remedy


def collect_changing(database: Database, second_dsn: str, step: str, monkeypatch: pytest.MonkeyPatch) -> Snapshot:
    """A run whose connection leads to the second server from a step on."""
    sessions = noted_sessions(monkeypatch)

    def progress(now: str, done: int = 0, total: int | None = None) -> None:
        if now == step and sessions and not elsewhere:
            elsewhere.append(connect(second_dsn, connect_timeout_s=10))
            sessions[0].connection = elsewhere[-1]

    elsewhere: list[Any] = []
    try:
        return collect(database.dsn, CONFIG.collect, progress)
    finally:
        for connection in elsewhere:
            connection.close()


def steps_of(database: Database) -> list[str]:
    steps: dict[str, None] = {}
    collect(database.dsn, CONFIG.collect, lambda step, done=0, total=None: steps.setdefault(step))
    return list(steps)


def test_at_whatever_step(
    database: Database, old_server: Callable[[int], Server], monkeypatch: pytest.MonkeyPatch
) -> None:
    database.execute("CREATE TABLE of_the_first (id int PRIMARY KEY, a int)")
    for _ in range(12):
        database.execute("SELECT a FROM of_the_first WHERE id = %s", [7])
    steps = [step for step in steps_of(database) if step != "Connecting"]
    whole = collect(database.dsn, CONFIG.collect)
    kept = 0
    with another(old_server) as second:
        for step in steps:
            try:
                snapshot = collect_changing(database, second.dsn, step, monkeypatch)
            except ConnectError as error:
                assert not kept and "another server" in str(error)
                continue
            assert snapshot.server.started_at == whole.server.started_at
            assert "of_the_second" not in {relation.name for relation in snapshot.catalog.relations}
            if snapshot.coverage.presence(Fact.CONNECTION) is Presence.PRESENT:
                continue
            kept += 1
            (gap,) = [gap for gap in snapshot.coverage.gaps if gap.fact is Fact.CONNECTION]
            assert gap.kind is GapKind.CUT_SHORT and "another server" in gap.reason and gap.remedy
            report = analyze(snapshot, CONFIG, load_rules())
            assert report.trust.partial_reason
            assert gate(report, GateConfig()) in (ExitCode.INCOMPLETE, ExitCode.FINDINGS)
    assert kept > 3


@pytest.mark.slow
def test_a_failover_is_a_change() -> None:
    with (
        LocalServer(settings=SETTINGS) as primary,
        standby_of(primary) as standby,
        open_session(standby.dsn()) as session,
    ):
        with session.transaction():
            pass
        session.connection.execute("SELECT pg_promote()")
        with pytest.raises(ServerChanged, match="was promoted") as caught, session.transaction():
            pass
        assert "when the failover is over" in caught.value.remedy
