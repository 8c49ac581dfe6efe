"""A whole run through PgBouncer: it works, and leaves nothing in the connections that others get next."""

from __future__ import annotations

from collections.abc import Callable

import psycopg
import pytest
from psycopg.conninfo import make_conninfo

from pgadvisor.collect import collect
from pgadvisor.config import CollectConfig
from pgadvisor.model.coverage import Fact, Presence
from pgadvisor.model.plans import PlanMethod
from pgadvisor.postgres.connect import ConnectError, connect
from support.audits import audit
from support.databases import Database, Role, fresh_database
from support.pooler import Pooler, pooler
from support.servers import Server

pytestmark = [pytest.mark.server, pytest.mark.slow]

# Of the session that runs it: what no other client of the pool should find. The timeouts are the server's defaults.
LEFT_BEHIND = """
    SELECT
      (SELECT count(*) FROM pg_prepared_statements),
      (SELECT count(*) FROM pg_locks WHERE pid = pg_backend_pid() AND locktype = 'advisory'),
      (SELECT count(*) FROM pg_class WHERE relnamespace = pg_my_temp_schema()),
      (SELECT count(*) FROM pg_cursors WHERE name <> ''),
      (SELECT count(*) FROM pg_listening_channels()),
      (SELECT array_agg(name ORDER BY name) FROM pg_settings
       WHERE source = 'session' AND name NOT IN ('application_name', 'client_encoding'))
"""


def fill(database: Database) -> Role:
    database.execute(
        """
        CREATE TABLE orders (id int PRIMARY KEY, status text) PARTITION BY RANGE (id);
        CREATE TABLE orders_1 PARTITION OF orders FOR VALUES FROM (0) TO (1000);
        CREATE TABLE orders_2 PARTITION OF orders FOR VALUES FROM (1000) TO (30000);
        INSERT INTO orders
            SELECT i, CASE WHEN i % 100 = 0 THEN 'failed' ELSE 'paid' END FROM generate_series(1, 20000) i;
        CREATE INDEX ON orders ((lower(status)));
        ANALYZE;
        """
    )
    for _ in range(12):
        database.execute("SELECT count(*) FROM orders WHERE id = %s", [7])
        database.execute("SELECT count(*) FROM orders WHERE status = %s", ["failed"])
    return database.role("monitor", grants=["SELECT ON ALL TABLES IN SCHEMA public"], member_of=["pg_monitor"])


def backend(dsn: str) -> tuple[int, tuple[object, ...]]:
    """The server's process behind a client of the pool, and what of a session it holds."""
    with psycopg.connect(dsn, autocommit=True, prepare_threshold=None) as client, client.transaction():
        pid = client.execute("SELECT pg_backend_pid()").fetchone()
        left = client.execute(LEFT_BEHIND).fetchone()
    assert pid is not None and left is not None
    return pid[0], left


@pytest.mark.parametrize("mode", ["transaction", "session"])
def test_a_run_through_pgbouncer(any_database: Database, mode: str) -> None:
    """One connection to the server for all: whatever we left in it, the next client would find."""
    role = fill(any_database)
    with pooler(mode, databases={"shop": role.dsn_tcp}) as bouncer:
        dsn = bouncer.dsn("shop", role.name, role.password)
        pid, before = backend(dsn)
        snapshot = collect(dsn, CollectConfig())
        ran = audit(dsn)
        pid_after, after = backend(dsn)
        assert after == before, "the pooled connection is no longer what it was"
        # In session mode the pooler gives up a server connection with the client that could not have it.
        assert mode == "session" or pid_after == pid
    assert before == (0, 0, 0, 0, 0, None)
    assert snapshot.coverage.presence(Fact.CONNECTION) is Presence.PRESENT
    assert {relation.name for relation in snapshot.catalog.relations} == {"orders", "orders_1", "orders_2"}
    assert not [gap for gap in snapshot.coverage.gaps if gap.fact in (Fact.CATALOG, Fact.SIZES, Fact.SERVER)]
    methods = {plan.method for plan in snapshot.plans}
    # Our transaction has the only connection, so nobody could look whether others wait for it.
    assert PlanMethod.GENERIC in methods and PlanMethod.EXECUTED not in methods
    assert [gap for gap in snapshot.coverage.gaps if "unwatched" in gap.reason]
    assert snapshot.server.role == role.name
    assert ran.code in (0, 1), ran.err
    assert not ran.report["trust"]["partial_reason"]


def test_a_pool_of_two_executes_too(database: Database) -> None:
    role = fill(database)
    with pooler(pool_size=2, databases={"shop": role.dsn_tcp}) as bouncer:
        snapshot = collect(bouncer.dsn("shop", role.name, role.password), CollectConfig())
    assert PlanMethod.EXECUTED in {plan.method for plan in snapshot.plans}


def test_the_same_as_without(database: Database) -> None:
    role = fill(database)
    with pooler(databases={"shop": role.dsn_tcp}) as bouncer:
        through = collect(bouncer.dsn("shop", role.name, role.password), CollectConfig(max_explains=0))
    direct = collect(role.dsn_tcp, CollectConfig(max_explains=0))
    for section in ("catalog", "column_statistics"):
        assert getattr(through, section) == getattr(direct, section)
    assert through.coverage.facts == direct.coverage.facts
    assert [gap.reason for gap in through.coverage.gaps] == [gap.reason for gap in direct.coverage.gaps]


def test_an_interrupted_planning_leaves_nothing_either(
    old_server: Callable[[int], Server], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The oldest versions plan by PREPARE, which outlives a transaction."""

    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("pgadvisor.planner.generic._explain_prepared", interrupt)
    with fresh_database(old_server(13)) as database:
        role = fill(database)
        with pooler(databases={"shop": role.dsn_tcp}) as bouncer:
            dsn = bouncer.dsn("shop", role.name, role.password)
            pid, before = backend(dsn)
            snapshot = collect(dsn, CollectConfig())
            assert backend(dsn) == (pid, before)
    assert [gap.scope for gap in snapshot.coverage.gaps if gap.fact is Fact.CONNECTION] == ["interrupted"]


def test_what_pgbouncer_refuses_is_told(database: Database) -> None:
    role = fill(database)
    with pooler(databases={"shop": role.dsn_tcp}) as bouncer:
        dsn = bouncer.dsn("shop", role.name, role.password)
        assert "admin console" in refusal(bouncer.console_dsn)
        assert "password is wrong" in refusal(make_conninfo(dsn, password="wrong"))
        assert "knows no database elsewhere" in refusal(make_conninfo(dsn, dbname="elsewhere"))
        told = refusal(make_conninfo(dsn, options="-c statement_timeout=1000"))
        assert "does not take the startup parameter" in told and "PGOPTIONS" in told


def refusal(dsn: str) -> str:
    with pytest.raises(ConnectError) as caught:
        connect(dsn, connect_timeout_s=5)
    message = str(caught.value)
    assert "\n" not in message
    return message


def leads_elsewhere(bouncer: Pooler, dsn: str) -> Callable[..., None]:
    """A progress that has the pool lead to another server once the catalog is read."""

    def progress(step: str, done: int = 0, total: int | None = None) -> None:
        if step == "Reading column statistics":
            bouncer.lead("shop", dsn)

    return progress


def test_a_pool_that_leads_to_another_server(server: Server, old_server: Callable[[int], Server]) -> None:
    """What was read of the first is kept, and nothing of the second is in it."""
    with fresh_database(server) as first, fresh_database(old_server(13)) as second:
        role = fill(first)
        second.execute("CREATE TABLE of_the_second (id int)")
        second.execute(
            psycopg.sql.SQL("CREATE ROLE {} LOGIN PASSWORD {}").format(
                psycopg.sql.Identifier(role.name), psycopg.sql.Literal(role.password)
            )
        )
        second.roles.append(role.name)
        elsewhere = second.server.tcp_dsn(second.name, user=role.name, password=role.password)
        with pooler(databases={"shop": role.dsn_tcp}) as bouncer:
            dsn = bouncer.dsn("shop", role.name, role.password)
            snapshot = collect(dsn, CollectConfig(), leads_elsewhere(bouncer, elsewhere))
    assert snapshot.server.major == server.major
    assert "of_the_second" not in {relation.name for relation in snapshot.catalog.relations}
    assert snapshot.column_statistics == () and snapshot.plans == ()
    assert snapshot.coverage.presence(Fact.CONNECTION) is Presence.PARTIAL
    (gap,) = [gap for gap in snapshot.coverage.gaps if gap.fact is Fact.CONNECTION]
    assert gap.reason.startswith("The connection led to another server") and "directly" in gap.remedy
