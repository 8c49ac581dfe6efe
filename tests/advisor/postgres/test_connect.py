"""Connecting, and every way in which it fails: one sentence that helps, without the password."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from pgadvisor.postgres.connect import ConnectError, UnsupportedServer, connect, explain, require_supported
from support.databases import Database
from support.servers import Server

SECRET = "s3cr3t pass'word"


@pytest.fixture(autouse=True)
def no_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("PGHOST", "PGPORT", "PGUSER", "PGDATABASE", "PGPASSWORD", "PGSERVICE", "PGCONNECT_TIMEOUT"):
        monkeypatch.delenv(name, raising=False)


def refused(dsn: str, **changed: str) -> str:
    with pytest.raises(ConnectError) as caught:
        connect(make_conninfo(dsn, **changed) if changed else dsn, connect_timeout_s=2)
    message = str(caught.value)
    assert "\n" not in message and SECRET not in message
    return message


def test_no_such_host() -> None:
    message = refused("", host="nosuchhost.invalid", password=SECRET, user="x")
    assert message == "Cannot connect to nosuchhost.invalid: there is no host of this name. Check the host name."


def test_nobody_listens() -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = str(free.getsockname()[1])
        message = refused("", host="127.0.0.1", port=port, password=SECRET, user="x")
    assert message.startswith(f"Cannot connect to 127.0.0.1:{port}: nothing accepts connections there.")


def test_nobody_answers() -> None:
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        port = str(silent.getsockname()[1])
        message = refused("", host="127.0.0.1", port=port, password=SECRET, user="x", sslmode="disable")
    assert "did not answer in time" in message and "--connect-timeout" in message


def test_no_socket(tmp_path: Path) -> None:
    assert "no server has its socket there" in refused("", host=str(tmp_path), user="x")


def test_no_such_service(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PGSERVICEFILE", str(tmp_path / "none"))
    assert "none" in refused("service=nosuchservice")
    (tmp_path / "some").write_text("[other]\nhost=x\n")
    monkeypatch.setenv("PGSERVICEFILE", str(tmp_path / "some"))
    assert "there is no service nosuchservice in the service file" in refused("service=nosuchservice")


@pytest.mark.parametrize(
    "dsn", [f"postgresql://u:%zz{SECRET}@h/d", f"host=h password={SECRET}=", "postgres//u@h", "nonsense"]
)
def test_a_connection_string_that_cannot_be_read_is_not_repeated(dsn: str) -> None:
    message = refused(dsn)
    assert "key=value" in message
    assert "s3cr3t" not in message and "word" not in message


def test_a_password_in_what_libpq_says_is_hidden(monkeypatch: pytest.MonkeyPatch) -> None:
    assert explain(f'FATAL:  odd "{SECRET}"', {"password": SECRET}) == 'Cannot connect: odd "***"'
    monkeypatch.setenv("PGPASSWORD", SECRET)
    assert SECRET not in explain(f"it is {SECRET}", {})


def test_what_the_server_says_in_its_own_words_is_passed_on() -> None:
    message = 'connection failed: connection to server at "h", port 5 failed: FATAL:  kein Eintrag\nin der Datei'
    assert explain(message, {}) == "Cannot connect to h:5: kein Eintrag in der Datei"
    said = 'could not access file "x": No such file or directory'
    message = f'connection to server on socket "/s/.s.PGSQL.1" failed: FATAL:  {said}'
    assert explain(message, {}) == f"Cannot connect to /s/.s.PGSQL.1: {said}"


def test_a_server_that_is_too_old() -> None:
    require_supported(130000)
    with pytest.raises(UnsupportedServer, match=r"PostgreSQL 12\.22; the oldest version that can be audited is 13"):
        require_supported(120022)
    with pytest.raises(UnsupportedServer, match=r"PostgreSQL 9\.6"):
        require_supported(90624)


@pytest.mark.server
def test_wrong_password_database_and_role(database: Database) -> None:
    role = database.role("visitor")
    wrong = refused(role.dsn_tcp, password=SECRET)
    assert "the password is wrong" in wrong and "PGPASSWORD" in wrong
    given = {name: str(value) for name, value in conninfo_to_dict(role.dsn_tcp).items() if name != "password"}
    missing = make_conninfo("", **given)
    assert "asks for a password and none was given" in refused(missing, passfile="/nonexistent")
    assert "there is no database no such" in refused(role.dsn_tcp, dbname="no such")
    assert "there is no role nobody here" in refused(database.dsn, user="nobody here")
    database.execute(f'ALTER ROLE "{role.name}" NOLOGIN')
    assert "the role may not log in" in refused(role.dsn_tcp)


@pytest.mark.server
def test_a_database_that_lets_nobody_in(database: Database) -> None:
    role = database.role("visitor")
    database.execute(
        "DO $$ BEGIN EXECUTE format('REVOKE CONNECT ON DATABASE %I FROM PUBLIC', current_database()); END $$"
    )
    assert "GRANT CONNECT" in refused(role.dsn)


@pytest.mark.server
def test_a_connection_follows_libpq_s_conventions(
    server: Server, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    for name, value in conninfo_to_dict(server.dsn("postgres")).items():
        monkeypatch.setenv(f"PG{'DATABASE' if name == 'dbname' else name.upper()}", str(value))
    for dsn in (None, "", "application_name=mine"):
        with connect(dsn, connect_timeout_s=5) as connection:
            assert connection.autocommit and connection.prepare_threshold is None
            ((encoding, name),) = connection.execute(
                "SELECT current_setting('client_encoding'), current_setting('application_name')"
            ).fetchall()
            assert (encoding, name) == ("UTF8", "mine" if dsn else "pgadvisor")
