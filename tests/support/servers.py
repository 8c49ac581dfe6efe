"""PostgreSQL servers for tests: one per major, found, fetched or made when first asked for."""

from __future__ import annotations

import contextlib
import os
import secrets
import shutil
import subprocess
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from pgadvisor.localserver import Binaries, LocalServer, LocalServerError, find_binaries
from support.server_packages import NoPackageError, packaged_binaries

MAIN = 18
SUPPORTED = tuple(range(13, MAIN + 1))
SETTINGS = {
    "shared_preload_libraries": "pg_stat_statements",
    "pg_stat_statements.max": "10000",
    "autovacuum": "off",
    "track_io_timing": "on",
    "synchronous_commit": "off",
    "full_page_writes": "off",
    "max_wal_size": "4GB",
}
_IMAGE = "postgres:{major}"
_ENGINE_TIMEOUT_S = 5
_START_TIMEOUT_S = 60


@dataclass(frozen=True)
class Server:
    """A running server. tcp holds host, port, user and password of its superuser; local is ours, if it is."""

    major: int
    superuser_dsn: str
    tcp: Mapping[str, str]
    local: LocalServer | None = None

    def dsn(self, dbname: str = "postgres", user: str | None = None, password: str | None = None) -> str:
        """A key=value connection string, by default the superuser's."""
        given = {"dbname": dbname, "user": user, "password": password}
        return make_conninfo(self.superuser_dsn, **{key: value for key, value in given.items() if value is not None})

    def tcp_dsn(self, dbname: str = "postgres", **changed: str) -> str:
        """The same over TCP, where the server asks for the password."""
        return make_conninfo("", dbname=dbname, **(dict(self.tcp) | changed))

    def connect(self, dbname: str = "postgres") -> psycopg.Connection[Any]:
        """A superuser's connection, in autocommit mode."""
        return psycopg.connect(self.dsn(dbname), autocommit=True)


class Servers:
    """Starts each server once, when it is first asked for, and stops them all in the end."""

    def __init__(self) -> None:
        self._stack = contextlib.ExitStack()
        self._running: dict[int, Server] = {}

    def main(self) -> Server:
        """The server of PGADVISOR_TEST_DSN, or else one of the newest major."""
        given = self._given()
        return given or self.of_major(MAIN)

    def of_major(self, major: int) -> Server:
        """A server of this major. A missing one is a failure: AssertionError with every reason."""
        if major not in self._running:
            self._running[major] = self._obtain(major)
        return self._running[major]

    def close(self) -> None:
        self._stack.close()

    def _given(self) -> Server | None:
        dsn = os.environ.get("PGADVISOR_TEST_DSN")
        if not dsn:
            return None
        server = _server(dsn, None)
        return self._running.setdefault(server.major, server)

    def _obtain(self, major: int) -> Server:
        given = self._given()
        if given and given.major == major:
            return given
        reasons = []
        for source in (self._in_container, self._installed, self._packaged):
            try:
                server = source(major)
            except (NoPackageError, LocalServerError, _NoContainerError) as error:
                reasons.append(str(error))
            else:
                assert server.major == major
                return server
        raise AssertionError(f"no PostgreSQL {major} for the tests: {'; '.join(reasons)}")

    def _installed(self, major: int) -> Server:
        return self._start(find_binaries(major=major))

    def _packaged(self, major: int) -> Server:
        return self._start(packaged_binaries(major))

    def _start(self, binaries: Binaries) -> Server:
        local = self._stack.enter_context(LocalServer(binaries, settings=SETTINGS, tcp=True))
        return _server(local.dsn(), local)

    def _in_container(self, major: int) -> Server:
        return _server(self._stack.enter_context(_container(_IMAGE.format(major=major))), None)


class Standby(LocalServer):
    """A hot standby that streams from another private server."""

    def __init__(self, primary: LocalServer) -> None:
        super().__init__(primary.binaries, settings=SETTINGS)
        self._primary = primary

    def initialise(self, data: Path) -> None:
        self.run(
            "pg_basebackup", "-d", self._primary.dsn(), "-D", data, "-R", "-X", "stream", "-c", "fast", "--no-sync"
        )

    def catch_up(self) -> None:
        """Waits until all that the primary has written so far is visible here."""
        with psycopg.connect(self._primary.dsn(), autocommit=True) as connection:
            # A commit of something that is waited for writes out the ones before it that were not.
            connection.execute("SET synchronous_commit = local")
            connection.execute("SELECT pg_logical_emit_message(true, 'tests', '')")
            (written,) = connection.execute("SELECT pg_current_wal_flush_lsn()").fetchone() or ("",)
        deadline = time.monotonic() + _START_TIMEOUT_S
        with psycopg.connect(self.dsn(), autocommit=True) as connection:
            while connection.execute("SELECT pg_last_wal_replay_lsn() >= %s", [written]).fetchone() != (True,):
                assert time.monotonic() < deadline, "the standby does not follow"
                time.sleep(0.02)


@contextlib.contextmanager
def standby_of(primary: LocalServer) -> Iterator[Standby]:
    """A running hot standby of a private server, whose programs must include pg_basebackup (the wheel's do)."""
    with Standby(primary) as standby:
        yield standby


class _NoContainerError(Exception):
    """No container engine that has, or can get, the image."""


@contextlib.contextmanager
def _container(image: str) -> Iterator[str]:
    """The superuser's DSN of a server in a container."""
    _ask_engine()
    import docker  # type: ignore[import-untyped]
    from testcontainers.core.container import DockerContainer

    password = secrets.token_urlsafe(12)
    settings = {"fsync": "off"} | SETTINGS
    command = ["postgres", *(part for name, value in settings.items() for part in ("-c", f"{name}={value}"))]
    container = DockerContainer(image).with_env("POSTGRES_PASSWORD", password)
    try:
        container.with_exposed_ports(5432).with_command(command).start()
    except docker.errors.DockerException as error:
        raise _NoContainerError(f"no container of {image}: {error}") from error
    try:
        host, port = container.get_container_host_ip(), str(container.get_exposed_port(5432))
        dsn = make_conninfo("", host=host, port=port, user="postgres", password=password, dbname="postgres")
        _wait_for(dsn)
        yield dsn
    finally:
        container.stop()


def _ask_engine() -> None:
    """Raises unless a container engine answers at once. The library leaks its socket where none does."""
    docker = shutil.which("docker")
    if docker is None:
        raise _NoContainerError("there is no container engine")
    try:
        subprocess.run([docker, "version"], capture_output=True, timeout=_ENGINE_TIMEOUT_S, check=True)
    except subprocess.SubprocessError as error:
        raise _NoContainerError("the container engine does not answer") from error


def _wait_for(dsn: str) -> None:
    """Waits until TCP is answered: while the image makes its data, the server only listens inside the container."""
    deadline = time.monotonic() + _START_TIMEOUT_S
    while True:
        try:
            psycopg.connect(dsn, connect_timeout=_ENGINE_TIMEOUT_S).close()
        except psycopg.OperationalError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.2)
        else:
            return


def _server(dsn: str, local: LocalServer | None) -> Server:
    parts: dict[str, Any] = conninfo_to_dict(local.tcp_uri() if local else dsn)
    tcp = {key: str(value) for key, value in parts.items() if key in ("host", "port", "user", "password")}
    with psycopg.connect(dsn) as connection:
        return Server(connection.info.server_version // 10000, dsn, tcp, local)
