"""The servers and databases that all other tests stand on."""

from __future__ import annotations

from collections.abc import Callable

import psycopg
import pytest

from support.databases import Database, fresh_database
from support.servers import SETTINGS, Server

pytestmark = pytest.mark.server


def test_main_server_counts_statements_and_leaves_tables_alone(database: Database) -> None:
    assert database.server.major >= 18
    for name in ("shared_preload_libraries", "autovacuum", "track_io_timing"):
        assert database.execute("SELECT current_setting(%s)", [name]) == [(SETTINGS[name],)]
    database.execute("CREATE TABLE t (a int); INSERT INTO t SELECT generate_series(1, 3)")
    database.settle()
    database.wait_until("SELECT n_tup_ins = 3 FROM pg_stat_user_tables WHERE relname = 't'")


def test_every_supported_major_is_there(any_server: Server, any_database: Database) -> None:
    assert any_database.server.major == any_server.major
    version = any_database.execute("SELECT current_setting('server_version_num')::int / 10000")
    assert version == [(any_server.major,)]
    any_database.execute("CREATE TABLE t (a int); INSERT INTO t VALUES (1)")
    any_database.settle()
    any_database.wait_until("SELECT n_tup_ins = 1 FROM pg_stat_user_tables WHERE relname = 't'")
    assert any_database.execute("SELECT count(*) > 0 FROM pg_stat_statements WHERE query LIKE 'INSERT INTO t%'") == [
        (True,)
    ]


def test_old_server_is_the_one_of_its_major(old_server: Callable[[int], Server]) -> None:
    assert old_server(13).major == 13
    assert old_server(13) is old_server(13)


def test_a_role_may_do_what_it_was_granted_and_no_more(database: Database) -> None:
    database.execute("CREATE TABLE t (a int); CREATE TABLE u (a int)")
    role = database.role("o'reader", grants=["SELECT ON t"], member_of=["pg_read_all_stats"])
    with role.connect() as connection:
        assert connection.execute("SELECT count(*) FROM t").fetchone() == (0,)
        assert connection.execute("SELECT pg_has_role('pg_read_all_stats', 'USAGE')").fetchone() == (True,)
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            connection.execute("SELECT count(*) FROM u")


def test_over_tcp_the_password_counts(database: Database) -> None:
    role = database.role()
    with psycopg.connect(role.dsn_tcp) as connection:
        assert connection.info.user == role.name
    wrong = database.server.tcp_dsn(database.name, user=role.name, password="wrong")
    with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
        psycopg.connect(wrong)


def test_database_and_roles_are_gone_afterwards(server: Server) -> None:
    with fresh_database(server) as database:
        role = database.role(grants=["CREATE ON SCHEMA public"])
        with role.connect() as connection:
            connection.execute("CREATE TABLE mine (a int)")
    with server.connect() as connection:
        left = connection.execute(
            "SELECT datname FROM pg_database UNION ALL SELECT rolname FROM pg_roles",
        )
        assert {database.name, role.name}.isdisjoint(name for (name,) in left)
