"""Nothing is built but on a database that carries the marker, and that is not the audited one."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
import psycopg
import pytest
from psycopg import sql

from pgadvisor.config import Config
from pgadvisor.localserver import LocalServer
from pgadvisor.model.report import Report
from pgadvisor.model.snapshot import Contents, Host
from pgadvisor.verify import TrialOptions, verify
from pgadvisor.verifying.place import NotACopyError, Place, check_place
from support.audits import pgadvisor
from support.databases import Database
from support.servers import SETTINGS, standby_of
from support.trials import AUDITED_AT, create, mark, recommended, relations_of, statement, trial_report, written

STARTED = AUDITED_AT + timedelta(hours=1)


def place(**more: Any) -> Place:
    fields: dict[str, Any] = {
        "database": "copy",
        "server_version": "18.0",
        "in_recovery": False,
        "started_at": STARTED,
        "now": STARTED,
        "address": "192.0.2.8",
        "address_port": 5432,
        "marker": "yes",
        "system_identifier": "1",
    }
    return Place(**(fields | more))


def report(**source: Any) -> Report:
    return trial_report((), (), **source)


def test_a_copy_at_another_address_is_one() -> None:
    check_place(place(), report())
    check_place(place(marker=" YES "), report())


@pytest.mark.parametrize("marker", [None, "", "no", "on", "production"])
def test_the_marker_has_to_be_there(marker: str | None) -> None:
    with pytest.raises(NotACopyError, match="not marked as a copy"):
        check_place(place(marker=marker), report())


def test_a_standby_is_refused() -> None:
    with pytest.raises(NotACopyError, match="is a standby"):
        check_place(place(in_recovery=True), report())


def test_the_same_start_is_the_same_server_at_whatever_address() -> None:
    started: datetime = report().source.started_at
    for address in ("192.0.2.7", "10.0.0.1", None):
        with pytest.raises(NotACopyError, match="at the same moment"):
            check_place(place(started_at=started, address=address, system_identifier="2"), report())
    check_place(place(started_at=started + timedelta(microseconds=1)), report())
    host = Host(name="standby", in_recovery=True, started_at=STARTED, collected_at=AUDITED_AT)
    with pytest.raises(NotACopyError, match="at the same moment"):
        check_place(place(), report(hosts=(host,)))


def test_what_started_since_may_be_the_audited_server_restarted() -> None:
    same = "restarted since the report was made"
    for pair in (("192.0.2.7", "192.0.2.7"), ("127.0.0.1", "192.0.2.7"), ("::1", "127.0.0.1")):
        with pytest.raises(NotACopyError, match=same):
            check_place(place(address=pair[0]), report(address=pair[1]))
    for unknown in ({"address": None, "address_port": None}, {}):
        with pytest.raises(NotACopyError, match="cannot be told from the audited one"):
            check_place(place(**unknown), report(**({} if unknown else {"address": None, "address_port": None})))
    # Another port, or files of another origin, are another server; so is one that ran while the other was looked at.
    check_place(place(address="127.0.0.1", address_port=5433), report(address="127.0.0.1"))
    check_place(place(address="192.0.2.7", system_identifier="2"), report())
    check_place(place(address=None, started_at=AUDITED_AT - timedelta(seconds=1)), report())
    with pytest.raises(NotACopyError, match=same):
        check_place(place(address="192.0.2.7", system_identifier=None), report())


def test_any_of_several_databases_may_be_the_audited_one() -> None:
    several = report()
    other = msgspec.structs.replace(several.source, database="other", started_at=STARTED)
    several = msgspec.structs.replace(several, databases=(several.source, other))
    with pytest.raises(NotACopyError, match="at the same moment"):
        check_place(place(), several)


def test_a_report_with_made_up_values_does_not_say_which_server_it_is_about() -> None:
    plain = report()
    trust = msgspec.structs.replace(plain.trust, contents=Contents(redacted=True))
    with pytest.raises(NotACopyError, match="replaced"):
        check_place(place(), msgspec.structs.replace(plain, trust=trust))


def one_index(**source: Any) -> Report:
    text = "SELECT count(*) FROM t WHERE a = 7"
    return trial_report((recommended(1, create("t", "a"), {"1": 0.5}),), (statement("1", text, "public.t"),), **source)


@pytest.mark.server
def test_no_client_and_no_role_can_fake_the_marker(end_database: Database, tmp_path: Path) -> None:
    database = end_database
    database.execute("CREATE TABLE t (a int); INSERT INTO t SELECT generate_series(1, 1000); ANALYZE t")
    before = relations_of(database)
    role = database.role("faker", attributes="SUPERUSER")
    for scope in ("", f" IN DATABASE {sql.Identifier(database.name).as_string()}"):
        database.execute(f"ALTER ROLE {sql.Identifier(role.name).as_string()}{scope} SET pgadvisor.copy = 'yes'")
    options = psycopg.conninfo.make_conninfo(role.dsn, options="-c pgadvisor.copy=yes")
    path = written(one_index(), tmp_path)
    ran = pgadvisor("verify", path, options, env={"PGOPTIONS": "-c pgadvisor.copy=yes"})
    assert ran.code == 2
    assert "is not marked as a copy" in ran.err
    assert "ALTER DATABASE" in ran.err
    mark(database, "no")
    assert pgadvisor("verify", path, database.dsn).code == 2
    assert relations_of(database) == before
    mark(database)
    ran = pgadvisor("verify", path, database.dsn, "--runs", "1", "--values", "1")
    assert ran.code == 0, ran.err
    assert role.password not in ran.out + ran.err


@pytest.mark.server
def test_the_audited_server_itself_is_refused(database: Database, tmp_path: Path) -> None:
    mark(database)
    ((started_at,),) = database.execute("SELECT pg_postmaster_start_time()")
    path = written(one_index(started_at=started_at), tmp_path)
    for dsn in (database.dsn, database.dsn_tcp):
        ran = pgadvisor("verify", path, dsn)
        assert ran.code == 2
        assert "at the same moment as the audited one" in ran.err


@pytest.mark.server
def test_a_role_that_owns_nothing_there_builds_nothing(database: Database) -> None:
    mark(database)
    database.execute("CREATE TABLE t (a int); INSERT INTO t SELECT generate_series(1, 1000); ANALYZE t")
    role = database.role("reader", grants=("SELECT ON t",))
    tried = verify(one_index(), role.dsn, Config(), TrialOptions(runs=1, values=1))
    (action,) = tried.recommendations
    assert action.measured is not None
    assert "Connect as the owner of its table" in action.measured.reason


@pytest.mark.server
@pytest.mark.slow
def test_a_real_standby_is_refused(tmp_path: Path) -> None:
    with LocalServer(settings=SETTINGS) as primary:
        with psycopg.connect(primary.dsn(), autocommit=True) as connection:
            connection.execute("ALTER DATABASE postgres SET pgadvisor.copy = 'yes'")
        with standby_of(primary) as standby:
            standby.catch_up()
            ran = pgadvisor("verify", written(one_index(), tmp_path), standby.dsn())
    assert ran.code == 2
    assert "is a standby" in ran.err
