"""Server programs in a container: those of the official image, on files of ours, without a network.

The container sees one folder of the machine, the server's own, at the same path and as the server's user, so that its
socket is used and its files are written to from outside as if the programs were installed. The image's own start script
is not run. Docker's engine is the only one asked for; others answer by its name.

No engine runs where this is tested: there a program called docker stands in for the client, which checks its arguments
and runs installed programs (tests/support/engine.py).
https://docs.docker.com/reference/cli/docker/container/run/
"""

from __future__ import annotations

import dataclasses
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

from pgadvisor.localserver.binaries import Binaries, version_in
from pgadvisor.localserver.errors import LocalServerError
from pgadvisor.localserver.identity import Identity, client_identity

_IMAGE = "postgres:{major}"
_ASK_TIMEOUT_S = 10
_START_TIMEOUT_S = 60
_PULL_TIMEOUT_S = 900
_RUN = ("run", "--rm", "--interactive", "--pull", "never", "--network", "none", "--cap-drop", "ALL")
# Of SELinux: it would keep a container from a folder that is not labelled for it.
_SECURITY = ("--security-opt", "no-new-privileges", "--security-opt", "label=disable")
_BIN_DIR = Path("/usr/lib/postgresql")


@dataclasses.dataclass(frozen=True)
class ContainerBinaries(Binaries):
    """The server programs of an image; image is its id. arguments mount a server's folder, once there is one."""

    engine: str
    image: str
    arguments: tuple[str, ...] = ()

    def program(self, name: str) -> Path:
        """Where the official image has a program."""
        return self.bin_dir / name

    @property
    def contained(self) -> bool:
        """Always."""
        return True

    @property
    def fingerprint(self) -> str:
        """The image's id."""
        return self.image

    def command(self, name: str, *arguments: str | Path) -> Sequence[str | Path]:
        """The command that runs one program in a container of its own, which is removed at the program's end."""
        return [self.engine, *_RUN, *_SECURITY, *self.arguments, "--entrypoint", name, self.image, *arguments]

    def used_by(self, identity: Identity, folder: Path) -> Binaries:
        """The same programs on a server's folder, as its user."""
        # initdb wants its user to have a name.
        users = folder / "passwd"
        users.write_text(f"server:x:{identity.uid}:{identity.gid}::/:/bin/false\n", encoding="utf-8")
        users.chmod(0o644)
        arguments = ["--name", folder.name, "--user", f"{identity.uid}:{identity.gid}", "--env", "LC_ALL=C"]
        arguments += ["--env", "TZ=UTC", "--mount", f"type=bind,source={folder},target={folder}"]
        arguments += ["--mount", f"type=bind,source={users},target=/etc/passwd,readonly"]
        return dataclasses.replace(self, arguments=tuple(arguments))


def container_binaries(major: int, *, pull: bool = False) -> ContainerBinaries:
    """The server programs of Docker's official image of a major version.

    pull: the image may be fetched. Raises LocalServerError where there is no engine, it does not answer, or it has and
    gets no such image.
    """
    engine = shutil.which("docker")
    if engine is None:
        raise LocalServerError("there is no program docker; install Docker, or PostgreSQL itself")
    _ask(engine, "version", what="Docker does not answer")
    image = _IMAGE.format(major=major)
    inspect = ("image", "inspect", "--format", "{{.Id}}", image)
    missing = f"Docker has no image {image} (docker pull {image} gets it)"
    try:
        found = _ask(engine, *inspect, what=missing)
    except LocalServerError:
        if not pull:
            raise
        _ask(engine, "pull", "--quiet", image, what=f"Docker cannot get the image {image}", timeout_s=_PULL_TIMEOUT_S)
        found = _ask(engine, *inspect, what=missing)
    says = _ask(
        engine, *_RUN, *_SECURITY, "--entrypoint", "postgres", found, "--version",
        what=f"the image {image} does not run", timeout_s=_START_TIMEOUT_S,
    )  # fmt: skip
    version, its_major = version_in(says) or ("", 0)
    if its_major != major:
        raise LocalServerError(f"the image {image} is not of PostgreSQL {major}: it says {says!r}")
    return ContainerBinaries(_BIN_DIR / str(major) / "bin", version, major, engine, found)


def _ask(engine: str, *arguments: str, what: str, timeout_s: float = _ASK_TIMEOUT_S) -> str:
    """What Docker's client prints; raises LocalServerError that begins with `what`."""
    try:
        answer = client_identity().run([engine, *arguments], timeout_s=timeout_s)
    except subprocess.TimeoutExpired:
        raise LocalServerError(f"{what}: no answer within {timeout_s:g} s") from None
    except OSError as error:
        raise LocalServerError(f"{what}: {error.strerror}") from error
    if answer.returncode != 0:
        said = (answer.stderr.strip() or answer.stdout.strip() or "no reason given").splitlines()[-1]
        raise LocalServerError(f"{what}: {said}")
    return answer.stdout.strip()
