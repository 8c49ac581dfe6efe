"""Standbys, slots, the server upstream and subscriptions, without a password of any of them."""

from __future__ import annotations

import time
from collections.abc import Callable

import psycopg
import pytest

from pgadvisor.localserver import LocalServer
from pgadvisor.model.activity import Replication
from pgadvisor.model.coverage import Fact, GapKind, Presence
from support.databases import Database
from support.reading import Seen, read_database
from support.servers import SETTINGS, Server, standby_of

pytestmark = pytest.mark.server

SECRET = "s3cr3t"


def replication_of(seen: Seen) -> Replication:
    assert seen.collected.activity is not None and seen.collected.activity.replication is not None
    return seen.collected.activity.replication


def test_slots_and_subscriptions(any_database: Database) -> None:
    subscription = """a'b" %s </script>"""
    quoted = subscription.replace('"', '""')
    any_database.execute("SELECT pg_create_physical_replication_slot('kept', true)")
    any_database.execute("SELECT pg_create_physical_replication_slot('unused')")
    try:
        any_database.execute(
            f"""CREATE SUBSCRIPTION "{quoted}" CONNECTION 'host=nowhere password={SECRET}' PUBLICATION p"""
            " WITH (connect = false, enabled = false, slot_name = NONE)"
        )
        any_database.execute("CREATE TABLE t AS SELECT i FROM generate_series(1, 10000) i; CHECKPOINT")
        seen = read_database(any_database.dsn)
        elsewhere = read_database(any_database.server.dsn())
        plain = read_database(any_database.role().dsn)
    finally:
        any_database.execute("SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots")
        any_database.execute(f'DROP SUBSCRIPTION IF EXISTS "{quoted}"')
    kept, unused = replication_of(seen).slots
    assert (kept.name, kept.kind, kept.plugin, kept.database) == ("kept", "physical", None, None)
    assert not kept.active and not kept.temporary and kept.wal_status == "reserved" and kept.conflicting is None
    assert kept.retained_bytes is not None and 300_000 < kept.retained_bytes < 2**30
    assert (unused.name, unused.retained_bytes, unused.horizon_age) == ("unused", None, None)
    assert replication_of(seen).subscriptions == (subscription,)
    assert replication_of(elsewhere).subscriptions == ()
    assert replication_of(seen).standbys == () and replication_of(seen).upstream is None
    assert SECRET not in str(seen.collected)
    assert replication_of(plain).subscriptions == (subscription,) and len(replication_of(plain).slots) == 2
    for each in (seen, plain):
        assert each.collected.presence[Fact.REPLICATION] is Presence.PRESENT and each.gaps(Fact.REPLICATION) == []


@pytest.mark.slow
@pytest.mark.parametrize("major", [18])
def test_a_primary_and_its_standby(old_server: Callable[[int], Server], major: int) -> None:
    base = old_server(major).local
    assert base is not None
    settings = SETTINGS | {"wal_level": "logical"}
    with (
        LocalServer(base.binaries, settings=settings) as primary,
        standby_of(primary) as standby,
        psycopg.connect(primary.dsn(), autocommit=True) as connection,
        psycopg.connect(standby.dsn(), autocommit=True) as reader,
    ):
        connection.execute("CREATE ROLE bare LOGIN")
        connection.execute("SELECT pg_create_logical_replication_slot('logical', 'pgoutput')")
        connection.execute("CREATE TABLE t AS SELECT i FROM generate_series(1, 10000) i")
        standby.catch_up()
        reader.execute("ALTER SYSTEM SET hot_standby_feedback = on")
        reader.execute("ALTER SYSTEM SET wal_receiver_status_interval = '1s'")
        reader.execute("SELECT pg_reload_conf()")
        reader.execute("BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT count(*) FROM t")
        wait_for(connection, "SELECT count(backend_xmin) = 1 FROM pg_stat_replication")
        for _ in range(40):
            connection.execute("SELECT txid_current()")
        above, below = read_database(primary.dsn()), read_database(standby.dsn())
        plain_above = read_database(primary.dsn(user="bare"))
        plain_below = read_database(standby.dsn(user="bare"))
    check_primary(above)
    check_standby(below)
    (hidden,) = replication_of(plain_above).standbys
    assert (hidden.state, hidden.sent_lag_bytes, hidden.replay_lag_bytes) == (None, None, None)
    assert replication_of(plain_below).upstream is None
    for seen in (plain_above, plain_below):
        assert seen.collected.presence[Fact.REPLICATION] is Presence.PARTIAL
        (gap,) = seen.gaps(Fact.REPLICATION)
        assert gap.kind is GapKind.HIDDEN and gap.remedy == "GRANT pg_read_all_stats TO bare."


def check_primary(seen: Seen) -> None:
    (follower,) = replication_of(seen).standbys
    assert (follower.state, follower.sync_state, follower.address) == ("streaming", "async", None)
    assert follower.application == "walreceiver"
    assert follower.sent_lag_bytes is not None and 0 <= follower.sent_lag_bytes < 2**20
    assert follower.replay_lag_bytes is not None and follower.sent_lag_bytes <= follower.replay_lag_bytes < 2**20
    assert follower.horizon_age is not None and follower.horizon_age >= 40
    assert seen.collected.activity is not None
    assert seen.collected.activity.oldest_horizon_age == follower.horizon_age
    (slot,) = replication_of(seen).slots
    assert (slot.kind, slot.plugin, slot.database, slot.conflicting) == ("logical", "pgoutput", "postgres", False)
    assert slot.catalog_horizon_age is not None and slot.catalog_horizon_age >= 40
    assert seen.collected.presence[Fact.REPLICATION] is Presence.PRESENT


def check_standby(seen: Seen) -> None:
    assert seen.gaps(Fact.REPLICATION) == [] and seen.collected.presence[Fact.REPLICATION] is Presence.PRESENT
    upstream = replication_of(seen).upstream
    assert upstream is not None and upstream.startswith("/") and upstream.rpartition(":")[2].isdigit()
    assert not replication_of(seen).slots and not replication_of(seen).standbys


def wait_for(connection: psycopg.Connection[tuple[object, ...]], condition: str) -> None:
    deadline = time.monotonic() + 20
    while connection.execute(condition.encode()).fetchone() != (True,):
        assert time.monotonic() < deadline, condition
        time.sleep(0.05)
