"""Runs the command in a process forked from one that has imported it: importing takes longer than most runs.

The process that is forked from is this module, run by itself. It reads one request a line, and answers each with the
exit code of the command; it ends when nobody writes to it any more.
"""

from __future__ import annotations

import atexit
import gc
import json
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from functools import cache
from pathlib import Path

_TIMEOUT_S = 120
# What a command imports when it runs, but pandas, which starts threads.
_IMPORTED = ("pgadvisor.__main__", "pgadvisor.collect", "pgadvisor.analyze", "pgadvisor.registry", "jinja2", "rich")


def run_forked(arguments: list[str], env: dict[str, str], folder: Path | None) -> tuple[int, str, str]:
    """Exit code, standard output and standard error of `pgadvisor` with these arguments, in this environment alone."""
    # A thread waits for its own command alone.
    origin = _origin(threading.get_ident())
    assert origin.stdin is not None
    assert origin.stdout is not None
    with tempfile.TemporaryDirectory() as place:
        out, err = Path(place, "out"), Path(place, "err")
        request = {
            "arguments": arguments,
            "env": env,
            "folder": str(folder or Path.cwd()),
            "out": str(out),
            "err": str(err),
        }
        origin.stdin.write(json.dumps(request) + "\n")
        origin.stdin.flush()
        code = int(origin.stdout.readline())
        return code, out.read_text(encoding="utf-8"), err.read_text(encoding="utf-8")


@cache
def _origin(thread: int) -> subprocess.Popen[str]:
    """The process that a thread's commands are forked from, started with the first of them."""
    origin = subprocess.Popen(
        [sys.executable, "-m", "support.forked"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env=os.environ | {"PYTHONPATH": str(Path(__file__).parents[1])},
    )
    atexit.register(_end, origin)
    return origin


def _end(origin: subprocess.Popen[str]) -> None:
    with origin:
        assert origin.stdin is not None
        origin.stdin.close()


def _serve() -> dict[str, object] | None:
    """Forks for each request; None at the end, in a forked process the request that it is to do."""
    answers = os.fdopen(os.dup(1), "w")
    for line in iter(sys.stdin.readline, ""):
        pid = os.fork()
        if pid == 0:
            answers.close()
            found: dict[str, object] = json.loads(line)
            return found
        code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
        answers.write(f"{code}\n")
        answers.flush()
    return None


def _become(request: dict[str, object]) -> None:
    """Makes this process what a shell would have started."""
    os.environ.clear()
    os.environ.update(request["env"])  # type: ignore[call-overload]
    # What may have been worked out from another environment.
    tempfile.tempdir = None
    time.tzset()
    os.chdir(str(request["folder"]))
    for number, path in enumerate((os.devnull, request["out"], request["err"])):
        opened = os.open(str(path), os.O_RDWR | os.O_CREAT, 0o600)
        os.dup2(opened, number)
        os.close(opened)
    sys.argv = ["pgadvisor", *request["arguments"]]  # type: ignore[misc]
    # A command that takes longer is ended, and its test fails by the exit code.
    signal.alarm(_TIMEOUT_S)


if __name__ == "__main__":
    for name in _IMPORTED:
        __import__(name)
    # What is never looked through for garbage is never copied.
    gc.freeze()
    wanted = _serve()
    if wanted is not None:
        from pgadvisor.__main__ import main

        _become(wanted)
        # What ends it ends this process, as it would end one of its own.
        main()
