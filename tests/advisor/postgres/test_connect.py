"""Connecting, and every way in which it fails: one sentence that helps, without the password."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest
from psycopg import ConnectionInfo
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from pgadvisor.postgres.connect import ConnectError, UnsupportedServer, connect, explain, require_supported
from support.databases import Database
from support.servers import Server

SECRET = "s3cr3t pass'word"


@pytest.fixture(autouse=True)
def no_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in (
        "PGHOST",
        "PGPORT",
        "PGUSER",
        "PGDATABASE",
        "PGPASSWORD",
        "PGSERVICE",
        "PGCONNECT_TIMEOUT",
        "PGTARGETSESSIONATTRS",
    ):
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


@pytest.mark.parametrize("sslmode", ["prefer", "disable"])
@pytest.mark.parametrize(
    "greeting", [b"HTTP/1.1 400 Bad Request\r\n\r\n", b"SSH-2.0-x\r\n", b"J\0\0\0\n8.0", b"E\0\0", b""]
)
def test_what_speaks_no_postgresql(greeting: bytes, sslmode: str) -> None:
    with answering(greeting) as port:
        message = refused("", host="127.0.0.1", port=str(port), password=SECRET, user="x", sslmode=sslmode)
    assert message.startswith(f"Cannot connect to 127.0.0.1:{port}: what answers there ")
    assert "PostgreSQL's protocol" in message and "Check host and port" in message


@contextmanager
def answering(greeting: bytes) -> Iterator[int]:
    """A port at which something says this, whatever is said to it, and hangs up."""

    def serve() -> None:
        with suppress(OSError):
            while True:
                client, _ = listener.accept()
                with client, suppress(OSError):
                    client.recv(1000)
                    client.sendall(greeting)
                    client.settimeout(0.2)
                    client.recv(1000)

    with socket.socket() as listener, ThreadPoolExecutor(1) as pool:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        pool.submit(serve)
        yield int(listener.getsockname()[1])
        listener.shutdown(socket.SHUT_RDWR)


def test_of_several_hosts_each_failure_is_told_once() -> None:
    hosts = {"host": "nosuchhost.invalid,127.0.0.1,127.0.0.1", "port": "5432,1,2"}
    message = refused("", **hosts, password=SECRET, user="x")
    assert message.count("nothing accepts connections there") == 1 and "127.0.0.1:2" in message
    alike = {"host": "127.0.0.1,127.0.0.1", "port": "1,2"}
    assert refused("", **alike, user="x").count("Cannot connect") == 1


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
def test_services_and_several_hosts(server: Server, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    tcp = conninfo_to_dict(server.tcp_dsn())
    monkeypatch.setenv("PGSERVICEFILE", str(tmp_path / "services"))
    lines = "".join(f"{name}={value}\n" for name, value in tcp.items())
    (tmp_path / "services").write_text(f"[shop]\n{lines}")
    with connect("service=shop", connect_timeout_s=5) as connection:
        assert connection.info.port == int(str(tcp["port"]))
    several = {"host": f"127.0.0.1,{tcp['host']}", "port": f"1,{tcp['port']}"}
    monkeypatch.setenv("PGTARGETSESSIONATTRS", "read-write")
    with connect(server.tcp_dsn(**several), connect_timeout_s=5) as connection:
        assert connection.info.port == int(str(tcp["port"]))
    monkeypatch.setenv("PGTARGETSESSIONATTRS", "standby")
    message = refused(server.tcp_dsn(**several))
    assert "not of the kind that target_session_attrs asks for" in message and "PGTARGETSESSIONATTRS" in message
    monkeypatch.delenv("PGTARGETSESSIONATTRS")
    wrong = refused(server.tcp_dsn(**several), password=SECRET)
    assert "the password is wrong" in wrong and "127.0.0.1:1: nothing accepts" in wrong


@pytest.mark.server
def test_what_calls_itself_postgresql_and_is_none(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    """CockroachDB tells by a parameter of its own."""
    status = ConnectionInfo.parameter_status
    monkeypatch.setattr(
        ConnectionInfo, "parameter_status", lambda info, name: "v24" if name == "crdb_version" else status(info, name)
    )
    assert "is CockroachDB" in refused(server.dsn("postgres"))


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
