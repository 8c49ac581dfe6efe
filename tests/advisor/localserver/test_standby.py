"""A hot standby for the tests that need one."""

from __future__ import annotations

import psycopg
import pytest

from pgadvisor.localserver import LocalServer
from support.servers import SETTINGS, standby_of

pytestmark = [pytest.mark.server, pytest.mark.slow]


def test_a_standby_follows_its_primary() -> None:
    with LocalServer(settings=SETTINGS) as primary, standby_of(primary) as standby:
        with psycopg.connect(primary.dsn(), autocommit=True) as connection:
            connection.execute("CREATE TABLE followed AS SELECT 1 AS a")
        standby.catch_up()
        with psycopg.connect(standby.dsn()) as connection:
            assert connection.execute("SELECT pg_is_in_recovery()").fetchone() == (True,)
            assert connection.execute("SELECT a FROM followed").fetchone() == (1,)
            with pytest.raises(psycopg.errors.ReadOnlySqlTransaction):
                connection.execute("CREATE TABLE own (a int)")
