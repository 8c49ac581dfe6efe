"""One private PostgreSQL server, from initdb to the removal of its last file."""

from __future__ import annotations

import contextlib
import os
import secrets
import signal
import socket
import subprocess
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self
from urllib.parse import quote

from pgadvisor.localserver import cleanup
from pgadvisor.localserver.binaries import Binaries, find_binaries
from pgadvisor.localserver.environment import of_our_own
from pgadvisor.localserver.errors import LocalServerError
from pgadvisor.localserver.folder import RunFolder, sweep
from pgadvisor.localserver.identity import Identity, client_identity, server_identity
from pgadvisor.localserver.inside import read_inside
from pgadvisor.localserver.leftovers import LOCK_FILE, MOST_LOCK_BYTES

SUPERUSER = "postgres"
_START_TIMEOUT_S = 60
_STOP_TIMEOUT_S = 30
_LOG_TAIL_LINES = 15
_MOST_VERSION_BYTES = 100
_SOCKET_PORT = 5432
_PORT_ATTEMPTS = 5
# In files of the data folder: a container's /dev/shm may be tiny, and nothing stays behind there.
_SHARED_MEMORY = "mmap"
_SETTINGS_IN_INITDB = 16
# The second where the system lacks the first.
_LOCALES = ("C.UTF-8", "C")
_HBA = """\
local all all trust
local replication all trust
host all all 127.0.0.1/32 scram-sha-256
"""


class LocalServer:
    """A PostgreSQL of our own, reached over a Unix socket that only this user and the server can enter.

    settings go into its configuration file, where ALTER SYSTEM can override them. data_dir is made where it is missing
    and kept; without it the data is gone after stop(). tcp: it also listens on 127.0.0.1, at a port of the system's
    choice, for passwords; the superuser has `password`. superuser is its name, database one that is always there.
    memory_bytes is what each of its processes may have of its own, outside of a container. Its data is not safe from a
    crash of the machine (fsync is off).

    As root its processes run as the user nobody. Whatever ends this process, the server is stopped and its folder
    removed: by the context manager, at exit, on SIGTERM and SIGHUP; after SIGKILL by the next start of any server.
    """

    def __init__(
        self,
        binaries: Binaries | None = None,
        *,
        settings: Mapping[str, str] | None = None,
        data_dir: Path | None = None,
        tcp: bool = False,
        superuser: str = SUPERUSER,
        database: str = "postgres",
        memory_bytes: int | None = None,
    ) -> None:
        self._found = binaries
        self._settings = dict(settings or {})
        self._kept = data_dir
        self._tcp = tcp
        self._memory_bytes = memory_bytes
        self.superuser = superuser
        self.database = database
        self._owner = os.getpid()
        self._folder: RunFolder | None = None
        self._identity: Identity | None = None
        self._binaries: Binaries | None = None
        self._process: subprocess.Popen[bytes] | None = None
        self.port = _SOCKET_PORT
        self.password = secrets.token_urlsafe(16) if tcp else ""

    def __enter__(self) -> Self:
        """Starts it."""
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stops it."""
        self.stop()

    @property
    def binaries(self) -> Binaries:
        """The programs it runs from; as root this may be a copy. Raises LocalServerError before start()."""
        if self._binaries is None:
            raise LocalServerError("the server has not been started")
        return self._binaries

    @property
    def folder(self) -> RunFolder:
        """Where it lives. Raises LocalServerError unless it runs."""
        if self._folder is None:
            raise LocalServerError("the server is not running")
        return self._folder

    @property
    def identity(self) -> Identity:
        """Who it runs as. Raises LocalServerError before start()."""
        if self._identity is None:
            raise LocalServerError("the server has not been started")
        return self._identity

    @property
    def pid(self) -> int:
        """The process id of its postmaster. Raises LocalServerError unless it runs."""
        if self._process is None:
            raise LocalServerError("the server is not running")
        return self._process.pid

    def start(self) -> None:
        """Makes the data where there is none, starts the server and waits until it answers.

        Raises LocalServerError, with the end of the server's log, where that fails; nothing is left then.
        """
        if self._folder is not None:
            raise LocalServerError("the server is running already")
        cleanup.register(self)
        try:
            self._identity = server_identity()
            sweep(self._identity)
            found = self._found or find_binaries()
            with cleanup.uninterrupted():
                self._folder = RunFolder(self._identity)
            if found.contained:
                self._folder.expect_container()
            self._binaries = found.used_by(self._identity, self._folder.path)
            self._make_data()
            if self._tcp:
                self._launch_with_port()
                self._set_password()
            else:
                self._launch()
        except BaseException:
            self.stop()
            raise

    def stop(self) -> None:
        """Stops the server and removes its folder; stopping it twice is no error."""
        if os.getpid() != self._owner:
            return
        with cleanup.uninterrupted():
            self._end(signal.SIGINT if self._kept else signal.SIGQUIT)
            if self._folder is not None:
                self._folder.remove()
                self._folder = None
            cleanup.unregister(self)

    def restart(self, settings: Mapping[str, str] | None = None) -> None:
        """An orderly restart, with more settings if given. Raises LocalServerError where the server does not start."""
        self._settings |= settings or {}
        with cleanup.uninterrupted():
            self._end(signal.SIGINT)
        self._launch()

    def quit(self) -> None:
        """Ends the server at once, without waiting for it, from any thread; what it leaves, stop() removes."""
        process = self._process
        if process is not None:
            # Its children end in a signal handler, whatever they are at; after five seconds it kills them.
            process.send_signal(signal.SIGQUIT)

    def dsn(self, dbname: str = "", user: str = "") -> str:
        """A key=value connection string over the socket, where every role is let in without a password.

        By default the superuser's, to the database that is always there.
        """
        values = {
            "host": str(self.folder.sockets),
            "port": str(self.port),
            "dbname": dbname or self.database,
            "user": user or self.superuser,
        }
        return " ".join(f"{key}={_conninfo_value(value)}" for key, value in values.items())

    def tcp_uri(self, dbname: str = "", user: str = "", password: str | None = None) -> str:
        """A connection URI over TCP, by default the superuser's; password None gives the superuser's."""
        secret = self.password if password is None else password
        given = (user or self.superuser, secret, dbname or self.database)
        name, secret, database = (quote(text, safe="") for text in given)
        return f"postgresql://{name}:{secret}@127.0.0.1:{self.port}/{database}"

    def run(self, program: str, *arguments: str | Path, entered: str = "") -> str:
        """What a program of the same installation prints, run as the server's user; it reads what is entered.

        Raises LocalServerError with what it said where it is missing or fails.
        """
        try:
            answer = self._runner.run(self.binaries.command(program, *arguments), entered=entered)
        except (OSError, subprocess.TimeoutExpired) as error:
            raise LocalServerError(f"cannot run {program}: {error}") from error
        if answer.returncode != 0:
            raise LocalServerError(f"{program} failed: {answer.stderr.strip() or answer.stdout.strip()}")
        return answer.stdout

    def log(self) -> str:
        """All that the server has written to its log."""
        return (self.folder.path / "log").read_text(encoding="utf-8", errors="replace")

    @property
    def _runner(self) -> Identity:
        return client_identity() if self.binaries.contained else self.identity

    def initialise(self, data: Path) -> None:
        """Fills an empty folder with a new cluster: UTF8, the superuser. Raises LocalServerError where that fails."""
        command: list[str | Path] = ["-D", data, "-U", self.superuser, "-E", "UTF8", "-A", "trust", "--no-sync"]
        if self.binaries.major >= _SETTINGS_IN_INITDB:
            command += ["-c", f"dynamic_shared_memory_type={_SHARED_MEMORY}"]
        self.check_named()
        for locale in _LOCALES:
            try:
                self.run("initdb", *command, f"--locale={locale}")
            except LocalServerError as error:
                if locale == _LOCALES[-1] or "invalid locale" not in str(error):
                    raise
            else:
                return

    def check_named(self) -> None:
        """Raises LocalServerError where initdb would refuse its user, who has no name; in a container every one has."""
        if not self.binaries.contained:
            self.identity.check_named()

    def _make_data(self) -> None:
        if self._kept is None:
            self.folder.make_data()
            self.initialise(self.folder.data)
            return
        kept = self._kept.absolute()
        try:
            self._make_kept(kept)
        except OSError as error:
            raise LocalServerError(f"cannot keep a server's data in {kept}: {error.strerror}") from error
        self.folder.keep_data(kept)

    def _make_kept(self, kept: Path) -> None:
        kept.parent.mkdir(parents=True, exist_ok=True)
        if not self.identity.can_enter(kept.parent):
            raise LocalServerError(f"the user of the server cannot enter {kept.parent}; keep its data elsewhere")
        if not (kept / "PG_VERSION").exists():
            # Only what initdb finished gets the name, so an interrupted run is not taken for a cluster.
            fresh = self.folder.new_data_beside(kept)
            self.initialise(self.folder.data)
            fresh.rename(kept)
        version = read_inside(kept, "PG_VERSION", _MOST_VERSION_BYTES).decode(errors="replace").strip()
        if version != str(self.binaries.major):
            raise LocalServerError(f"{kept} is of PostgreSQL {version}, the programs are of {self.binaries.major}")

    def _launch_with_port(self) -> None:
        """Starts at a free port, which somebody else may take before the server does."""
        for attempts_left in reversed(range(_PORT_ATTEMPTS)):
            self.port = _free_port()
            try:
                self._launch()
            except LocalServerError as error:
                if not attempts_left or "Address already in use" not in str(error):
                    raise
            else:
                return

    def _launch(self) -> None:
        own = {
            "listen_addresses": "127.0.0.1" if self._tcp else "",
            "port": str(self.port),
            "unix_socket_directories": str(self.folder.sockets),
            "hba_file": str(self.folder.write("pg_hba.conf", _HBA)),
            "dynamic_shared_memory_type": _SHARED_MEMORY,
            "fsync": "off",
            "password_encryption": "scram-sha-256",
            "timezone": "UTC",
            "log_timezone": "UTC",
        }
        lines = [f"{name} = {_setting_value(value)}\n" for name, value in (own | self._settings).items()]
        configuration = self.folder.write("postgresql.conf", "".join(lines))
        command = self.binaries.command("postgres", "-D", self.folder.data, "-c", f"config_file={configuration}")
        try:
            with (self.folder.path / "log").open("ab") as log, cleanup.uninterrupted():
                self._process = self._runner.start(self._bounded(command), log)
        except OSError as error:
            raise LocalServerError(f"cannot start {command[0]}: {error.strerror}") from error
        self._wait_until_ready(self._process)

    def _bounded(self, command: Sequence[str | Path]) -> Sequence[str | Path]:
        """A command whose processes may have so much memory and no more; they are refused what is beyond it."""
        if self._memory_bytes is None or self.binaries.contained:
            return command
        # As the user of the server: another one's limits take a right that root may lack in a container.
        limited = f'ulimit -d {self._memory_bytes // 1024} 2>/dev/null; exec "$@"'
        return ["/bin/sh", "-c", limited, "sh", *command]

    def _wait_until_ready(self, process: subprocess.Popen[bytes]) -> None:
        """Waits for the line that the server adds to its lock file once it lets clients in."""
        deadline = time.monotonic() + _START_TIMEOUT_S
        while process.poll() is None:
            with contextlib.suppress(OSError):
                lines = read_inside(self.folder.data, LOCK_FILE, MOST_LOCK_BYTES).decode(errors="replace").splitlines()
                # In a container it has another process id, and we know our client's.
                ours = self.binaries.contained or lines[:1] == [str(process.pid)]
                if ours and lines and lines[-1].strip() == "ready":
                    return
            if time.monotonic() > deadline:
                raise LocalServerError(f"PostgreSQL did not get ready within {_START_TIMEOUT_S} s: {self._log_tail()}")
            time.sleep(0.02)
        raise LocalServerError(f"PostgreSQL did not start: {self._log_tail()}")

    def _end(self, number: signal.Signals) -> None:
        """Stops the postmaster: SIGINT in good order, SIGQUIT at once, SIGKILL where it does not listen."""
        process, self._process = self._process, None
        if process is None:
            return
        for sent in dict.fromkeys((number, signal.SIGQUIT, signal.SIGKILL)):
            process.send_signal(sent)
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(_STOP_TIMEOUT_S)
                return

    def _set_password(self) -> None:
        import psycopg  # heavy, and only a server with passwords needs it
        from psycopg import sql

        with psycopg.connect(of_our_own(self.dsn()), autocommit=True) as connection:
            change = sql.SQL("ALTER ROLE {} PASSWORD {}")
            connection.execute(change.format(sql.Identifier(self.superuser), sql.Literal(self.password)))

    def _log_tail(self) -> str:
        return "\n".join(self.log().splitlines()[-_LOG_TAIL_LINES:])


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _conninfo_value(text: str) -> str:
    """https://www.postgresql.org/docs/current/libpq-connect.html#LIBPQ-CONNSTRING-KEYWORD-VALUE."""
    escaped = text.replace("\\", "\\\\").replace("'", "\\'")
    return f"'{escaped}'"


def _setting_value(text: str) -> str:
    """https://www.postgresql.org/docs/current/config-setting.html#CONFIG-SETTING-CONFIGURATION-FILE."""
    escaped = text.replace("\\", "\\\\").replace("'", "''").replace("\n", "\\n")
    return f"'{escaped}'"
