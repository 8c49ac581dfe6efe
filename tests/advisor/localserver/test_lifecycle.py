"""However its owner ends, a server leaves nothing; what a killed owner leaves goes with the next start."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from support.folders import open_folder
from support.leavings import alive, assert_nothing_left, processes_below, segments, wait_until
from support.runs import short_run

pytestmark = pytest.mark.server

_WAIT_S = 30
_OWNER = """
import sys, time
from pgadvisor.localserver import LocalServer
server = LocalServer()
{before}
with server:
    print(server.pid, flush=True)
    {inside}
"""
Start = Callable[..., subprocess.Popen[str]]


@pytest.fixture
def temporary() -> Iterator[Path]:
    """A temporary folder for the server's owner, short and open to the server's user."""
    with open_folder() as path:
        yield path


@pytest.fixture
def start(temporary: Path) -> Iterator[Start]:
    """Starts a process that owns a server: `before` is run first, `inside` while it runs."""
    with contextlib.ExitStack() as stack:

        def start(*, before: str = "", inside: str = "pass") -> subprocess.Popen[str]:
            owner = subprocess.Popen(
                [sys.executable, "-c", _OWNER.format(before=before, inside=inside)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                text=True,
                env=os.environ | {"TMPDIR": str(temporary)},
                start_new_session=True,
            )
            stack.enter_context(owner)
            stack.callback(owner.kill)
            return owner

        yield start


def test_nothing_left_after_normal_exit(temporary: Path, start: Start) -> None:
    owner = start(inside="pass")
    pid = _pid(owner)
    assert owner.wait(_WAIT_S) == 0
    assert_nothing_left(temporary, pid)


def test_nothing_left_after_exception(temporary: Path, start: Start) -> None:
    owner = start(inside="raise RuntimeError('planned')")
    pid = _pid(owner)
    assert owner.wait(_WAIT_S) == 1
    assert owner.stderr
    assert "planned" in owner.stderr.read()
    assert_nothing_left(temporary, pid)


def test_nothing_left_where_nobody_stops_it(temporary: Path, start: Start) -> None:
    owner = start(before="server.start(); print(server.pid, flush=True); sys.exit(3)")
    pid = _pid(owner)
    assert owner.wait(_WAIT_S) == 3
    assert_nothing_left(temporary, pid)


@pytest.mark.parametrize("number", short_run(signal.SIGTERM, of=(signal.SIGINT, signal.SIGTERM, signal.SIGHUP)))
def test_nothing_left_after_signal(temporary: Path, start: Start, number: signal.Signals) -> None:
    owner = start(inside="time.sleep(60)")
    pid = _pid(owner)
    assert alive(pid)
    os.killpg(owner.pid, number)  # as a terminal does it
    assert owner.wait(_WAIT_S) == -number
    assert_nothing_left(temporary, pid)


@pytest.mark.parametrize("number", short_run(signal.SIGINT, of=(signal.SIGINT, signal.SIGTERM)))
def test_nothing_left_after_signal_while_it_starts(temporary: Path, start: Start, number: signal.Signals) -> None:
    owner = start(inside="time.sleep(60)")
    wait_until(lambda: any(map(segments, processes_below(temporary))))
    pids = set(processes_below(temporary))
    owner.send_signal(number)
    assert owner.wait(_WAIT_S) == -number
    wait_until(lambda: not any(processes_below(temporary)))
    assert list(temporary.iterdir()) == []
    assert not any(map(segments, pids))


def test_a_signal_twice_does_not_break_the_end(temporary: Path, start: Start) -> None:
    owner = start(inside="time.sleep(60)")
    pid = _pid(owner)
    owner.send_signal(signal.SIGINT)
    with contextlib.suppress(ProcessLookupError):
        for _ in range(20):
            owner.send_signal(signal.SIGINT)
            time.sleep(0.005)
    owner.wait(_WAIT_S)
    assert_nothing_left(temporary, pid)


def test_killed_owner_is_cleaned_up_after_by_the_next(temporary: Path, start: Start) -> None:
    owner = start(inside="time.sleep(60)")
    pid = _pid(owner)
    owner.kill()
    owner.wait(_WAIT_S)
    assert alive(pid)
    assert list(temporary.iterdir()) != []
    _run_another(start)
    assert_nothing_left(temporary, pid)


def test_killed_server_of_a_killed_owner_is_cleaned_up_after_by_the_next(temporary: Path, start: Start) -> None:
    owner = start(inside="time.sleep(60)")
    pid = _pid(owner)
    owner.kill()
    owner.wait(_WAIT_S)
    os.kill(pid, signal.SIGKILL)
    wait_until(lambda: not alive(pid))
    assert segments(pid) != []
    _run_another(start)
    assert_nothing_left(temporary, pid)


def test_owner_killed_while_initdb_runs_is_cleaned_up_after_by_the_next(temporary: Path, start: Start) -> None:
    kept = temporary / "kept" / "data"
    owner = start(before=f"from pathlib import Path; server = LocalServer(data_dir=Path({str(kept)!r}))")
    wait_until(lambda: any(map(segments, processes_below(temporary))))
    pids = set(processes_below(temporary))
    owner.kill()
    owner.wait(_WAIT_S)
    assert list(kept.parent.iterdir()) != []
    _run_another(start)
    wait_until(lambda: not any(processes_below(temporary)))
    assert list(kept.parent.iterdir()) == []
    assert list(temporary.iterdir()) == [kept.parent]
    assert not any(map(segments, pids))


def test_another_run_leaves_a_living_server_alone(temporary: Path, start: Start) -> None:
    owner = start(inside="sys.stdin.read()")
    pid = _pid(owner)
    before = list(temporary.iterdir())
    _run_another(start)
    assert alive(pid)
    assert list(temporary.iterdir()) == before
    owner.communicate("", timeout=_WAIT_S)
    assert owner.returncode == 0
    assert_nothing_left(temporary, pid)


def test_a_forked_child_does_not_stop_its_parents_server(temporary: Path, start: Start) -> None:
    forked = "import os; child = os.fork(); child or sys.exit(); os.waitpid(child, 0); "
    forked += "open(f'/proc/{server.pid}/cmdline').read() or sys.exit('it is a zombie')"
    owner = start(inside=forked)
    pid = _pid(owner)
    assert owner.wait(_WAIT_S) == 0
    assert_nothing_left(temporary, pid)


def test_machine_is_unchanged(temporary: Path, start: Start) -> None:
    """No user is added and no folder opened, as root above all."""
    import pgadvisor

    watched = [temporary, *temporary.parents, *Path(pgadvisor.__file__).parents, *Path(sys.prefix).parents]
    before = [_permissions(path) for path in watched]
    users = [Path(name).read_bytes() for name in ("/etc/passwd", "/etc/group")]
    _run_another(start)
    assert [_permissions(path) for path in watched] == before
    assert [Path(name).read_bytes() for name in ("/etc/passwd", "/etc/group")] == users


def _pid(owner: subprocess.Popen[str]) -> int:
    assert owner.stdout
    line = owner.stdout.readline()
    if not line:
        pytest.fail(owner.communicate()[1])
    return int(line)


def _run_another(start: Start) -> None:
    owner = start()
    _, errors = owner.communicate(timeout=_WAIT_S)
    assert owner.returncode == 0, errors


def _permissions(path: Path) -> tuple[int, int, int]:
    status = path.stat()
    return status.st_mode, status.st_uid, status.st_gid
