"""Which user the server runs as: PostgreSQL refuses root, so root hands its child processes to the user nobody."""

from __future__ import annotations

import os
import pwd
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from pgadvisor.localserver.errors import LocalServerError
from pgadvisor.localserver.leftovers import end_group

UNPRIVILEGED_USER = "nobody"

# The messages that are read here must be English, and nothing of PGDATA, PGPORT and the like may reach the server.
_ENVIRONMENT = {"PATH": "/usr/local/bin:/usr/bin:/bin", "LC_ALL": "C", "TZ": "UTC"}


@dataclass(frozen=True)
class Identity:
    """User and group ids that the server's processes have; switched: they are not our own.

    inherits: they have our environment, as the client of a container engine needs it.
    """

    uid: int
    gid: int
    switched: bool
    inherits: bool = False

    def run(
        self, command: Sequence[str | Path], *, timeout_s: float = 120, entered: str = ""
    ) -> subprocess.CompletedProcess[str]:
        """Runs a program to its end as this user, its output captured; it reads what is entered.

        Raises OSError where it cannot be started, subprocess.TimeoutExpired where it does not end.
        """
        process = subprocess.Popen(  # noqa: S603
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            encoding="utf-8",
            errors="replace",
            **self._arguments(),
        )
        with process:
            try:
                output, errors = process.communicate(entered, timeout=timeout_s)
            except BaseException:
                end_group(process.pid, self.uid)
                raise
        return subprocess.CompletedProcess(process.args, process.returncode, output, errors)

    def start(self, command: Sequence[str | Path], output: IO[bytes]) -> subprocess.Popen[bytes]:
        """Starts a program as this user. Raises OSError where it cannot be started."""
        return subprocess.Popen(  # noqa: S603
            command, stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT, **self._arguments()
        )

    def can_enter(self, folder: Path) -> bool:
        """Whether this user can read and pass the folder, all its parents included."""
        if not self.switched:
            return os.access(folder, os.R_OK | os.X_OK)
        # os.access only answers for ourselves, and modes alone say nothing of access control lists.
        test = 'test -r "$1" && test -x "$1"'
        return self.run(["/bin/sh", "-c", test, "sh", folder]).returncode == 0

    def own(self, path: Path) -> None:
        """Gives the path to this user."""
        if self.switched:
            os.chown(path, self.uid, self.gid, follow_symlinks=False)

    def own_open(self, handle: int) -> None:
        """Gives an open file or folder to this user."""
        if self.switched:
            os.fchown(handle, self.uid, self.gid)

    def check_named(self) -> None:
        """Raises LocalServerError where this user has no name, without which initdb does nothing."""
        try:
            pwd.getpwuid(self.uid)
        except KeyError:
            raise LocalServerError(
                f"PostgreSQL makes no cluster for a user without a name, and the user id {self.uid} has no entry in "
                "/etc/passwd, as in a container run with --user; start pgadvisor as a user who has one, or add one, "
                f"such as pgadvisor:x:{self.uid}:{self.gid}::/tmp:/bin/sh"
            ) from None

    def _arguments(self) -> dict[str, Any]:
        # A session of its own keeps the terminal's Ctrl-C from the server, which is to be stopped in order.
        environment = dict(os.environ) if self.inherits else _ENVIRONMENT
        common: dict[str, Any] = {"cwd": "/", "env": environment, "start_new_session": True, "umask": 0o077}
        if self.switched:
            common |= {"user": self.uid, "group": self.gid, "extra_groups": []}
        return common


def server_identity() -> Identity:
    """Ourselves, or the user nobody where we are root.

    Raises LocalServerError where root has no such user, or may not become it.
    """
    if os.geteuid() != 0:
        return Identity(os.geteuid(), os.getegid(), switched=False)
    try:
        entry = pwd.getpwnam(UNPRIVILEGED_USER)
    except KeyError:
        raise LocalServerError(
            f"PostgreSQL does not run as root, and there is no user {UNPRIVILEGED_USER} to run it as; "
            "start pgadvisor as an ordinary user"
        ) from None
    identity = Identity(entry.pw_uid, entry.pw_gid, switched=True)
    try:
        identity.run(["/bin/sh", "-c", ":"])
    except OSError as error:
        raise LocalServerError(
            f"PostgreSQL does not run as root, and this root may not become {UNPRIVILEGED_USER} ({error.strerror}); "
            "start pgadvisor as an ordinary user"
        ) from error
    return identity


def client_identity() -> Identity:
    """Ourselves with our environment, as whom the client of a container engine is run."""
    return Identity(os.geteuid(), os.getegid(), switched=False, inherits=True)
