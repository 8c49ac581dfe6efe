"""A stand-in for Docker's client: it runs installed programs where an engine would run those of an image.

It knows the commands that localserver/container.py gives and refuses any other, and notes each in a file. Where a
container would be removed, what it started is ended.
"""

from __future__ import annotations

import sys
from pathlib import Path

_CLIENT = """#!{python} -I
import os, signal, subprocess, sys
from pathlib import Path

state, bin_dir = Path({state!r}), {bin_dir!r}
words = sys.argv[1:]
with (state / "commands").open("a") as log:
    log.write(" ".join(words) + "\\n")
if (state / "down").exists():
    sys.exit("Cannot connect to the Docker daemon at unix:///var/run/docker.sock. Is the docker daemon running?")
if words == ["version"]:
    sys.exit()
if words[:4] == ["image", "inspect", "--format", "{{{{.Id}}}}"]:
    if not (state / "image").exists():
        sys.exit("Error response from daemon: No such image: " + words[4])
    print("sha256:0123")
    sys.exit()
if words[:2] == ["pull", "--quiet"]:
    if (state / "unknown").exists():
        sys.exit("Error response from daemon: manifest unknown")
    (state / "image").touch()
    sys.exit()
if words[:2] == ["rm", "--force"]:
    try:
        os.killpg(int((state / words[2]).read_text()), signal.SIGKILL)
    except (FileNotFoundError, ProcessLookupError):
        sys.exit("Error response from daemon: No such container: " + words[2])
    sys.exit()
assert words.pop(0) == "run", words
flags, options = set(), []
while words[0].startswith("--"):
    if words[0] in ("--rm", "--interactive"):
        flags.add(words.pop(0))
    else:
        options.append((words.pop(0), words.pop(0)))
assert flags == {{"--rm", "--interactive"}} and words.pop(0) == "sha256:0123", words
for needed in (("--pull", "never"), ("--network", "none"), ("--cap-drop", "ALL")):
    assert needed in options, options
given = dict(options)
program = [f"{{bin_dir}}/{{given['--entrypoint']}}", *words]
if "--name" not in given:
    os.execv(program[0], program)
mounted = [value for name, value in options if name == "--mount"]
assert any(value.endswith("target=/etc/passwd,readonly") for value in mounted), mounted
# Nothing else of the machine is there.
folder = mounted[0].partition("target=")[2]
assert all(word.startswith(folder) for word in words if "/" in word and not word.startswith("config_file=")), words
uid, gid = given["--user"].split(":")
mine = os.geteuid() == 0
container = subprocess.Popen(
    program, start_new_session=True, cwd="/", env={{"LC_ALL": given.get("--env") and "C"}},
    user=int(uid) if mine else None, group=int(gid) if mine else None, extra_groups=[] if mine else None,
)
(state / given["--name"]).write_text(str(container.pid))
for number in (signal.SIGINT, signal.SIGQUIT, signal.SIGTERM):
    signal.signal(number, lambda number, _frame: container.send_signal(number))
code = container.wait()
(state / given["--name"]).unlink()
sys.exit(code)
"""


class FakeEngine:
    """A program docker in a folder of its own, to be put on PATH; the programs of its image are in bin_dir."""

    def __init__(self, folder: Path, bin_dir: Path) -> None:
        self.folder = folder / "client"
        self.folder.mkdir()
        self._state = folder / "state"
        self._state.mkdir()
        client = self.folder / "docker"
        client.write_text(_CLIENT.format(python=sys.executable, state=str(self._state), bin_dir=str(bin_dir)))
        client.chmod(0o755)

    @property
    def commands(self) -> list[str]:
        """What it was told, in order."""
        log = self._state / "commands"
        return log.read_text().splitlines() if log.exists() else []

    def set(self, state: str) -> None:
        """It is "down", has the "image", or its registry does not know the image ("unknown")."""
        (self._state / state).touch()
