"""PgBouncer between the tests and their servers, on loopback."""

from __future__ import annotations

import contextlib
import secrets
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import psycopg
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from pgadvisor.localserver.folder import RunFolder
from pgadvisor.localserver.identity import server_identity

_START_TIMEOUT_S = 10
_PLACES = "/usr/sbin:/usr/local/sbin"


def binary() -> str:
    """The program. AssertionError, with what to install, where there is none."""
    found = shutil.which("pgbouncer") or shutil.which("pgbouncer", path=_PLACES)
    assert found, "there is no pgbouncer on PATH or in /usr/sbin; install the package pgbouncer (Debian, PGDG)"
    return found


class Pooler:
    """A running PgBouncer. It asks its clients for a password, and logs in to servers with that same user's."""

    def __init__(self, folder: RunFolder, port: int, mode: str, pool_size: int) -> None:
        self._folder, self.port, self._mode, self._pool_size = folder, port, mode, pool_size
        self._databases: dict[str, str] = {}
        self._users = {"admin": secrets.token_hex(8)}

    def dsn(self, database: str, user: str, password: str, **more: str) -> str:
        """How a client connects to a database through it."""
        given = {"host": "127.0.0.1", "port": str(self.port), "dbname": database, "user": user, "password": password}
        return make_conninfo("", **given, **more)

    @property
    def console_dsn(self) -> str:
        """Its admin console, which calls itself a database."""
        return self.dsn("pgbouncer", "admin", self._users["admin"])

    def lead(self, name: str, dsn: str) -> str:
        """Leads a database of this name, a plain word, to the one of a DSN with user and password; the client's DSN."""
        target = {key: str(value) for key, value in conninfo_to_dict(dsn).items()}
        self._users[target["user"]] = target["password"]
        self._databases[name] = " ".join(f"{key}={_quoted(target[key])}" for key in ("host", "port", "dbname"))
        self.configure()
        return self.dsn(name, target["user"], target["password"])

    def configure(self) -> Path:
        """Writes its files; a running one reads them again and closes its connections to servers when they are free."""
        users = "".join(f'"{_doubled(name)}" "{_doubled(password)}"\n' for name, password in self._users.items())
        settings = {
            "listen_addr": "127.0.0.1",
            "listen_port": str(self.port),
            "unix_socket_dir": "",
            "auth_type": "scram-sha-256",
            "auth_file": str(self._folder.write("users.txt", users)),
            "admin_users": "admin",
            "pool_mode": self._mode,
            "default_pool_size": str(self._pool_size),
            "server_reset_query": "",
            "server_round_robin": "1",
        }
        databases = "".join(f"{name} = {target}\n" for name, target in self._databases.items())
        own = "".join(f"{key} = {value}\n" for key, value in settings.items())
        path = self._folder.write("pgbouncer.ini", f"[databases]\n{databases}[pgbouncer]\n{own}")
        with contextlib.suppress(psycopg.OperationalError), self.console() as console:
            console.execute("RELOAD")
            console.execute("RECONNECT")
        return path

    def console(self) -> psycopg.Connection[Any]:
        """A connection to its admin console, which knows the simple protocol alone."""
        return psycopg.connect(self.console_dsn, autocommit=True, cursor_factory=psycopg.ClientCursor)


@contextlib.contextmanager
def pooler(mode: str = "transaction", *, pool_size: int = 1, databases: Mapping[str, str] = {}) -> Iterator[Pooler]:
    """A running PgBouncer, not as root, which it refuses. databases: names, and the DSNs that they lead to."""
    identity = server_identity()
    folder = RunFolder(identity)
    process: subprocess.Popen[bytes] | None = None
    try:
        running = Pooler(folder, _free_port(), mode, pool_size)
        for name, dsn in databases.items():
            running.lead(name, dsn)
        with (folder.path / "log").open("wb") as log:
            process = identity.start([binary(), str(running.configure())], log)
        _wait(running, process, folder.path / "log")
        yield running
    finally:
        if process is not None:
            process.terminate()
            process.wait(_START_TIMEOUT_S)
        folder.remove()


def _wait(running: Pooler, process: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + _START_TIMEOUT_S
    while True:
        try:
            running.console().close()
        except psycopg.OperationalError as error:
            said = log.read_text(encoding="utf-8", errors="replace")
            assert process.poll() is None and time.monotonic() < deadline, f"PgBouncer does not start: {said}\n{error}"
            time.sleep(0.05)
        else:
            return


def _doubled(name: str) -> str:
    return name.replace('"', '""')


def _quoted(value: str) -> str:
    return "'" + value.replace("'", "''") + "'"


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
