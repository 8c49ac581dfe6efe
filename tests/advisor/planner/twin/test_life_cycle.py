"""However its owner ends, a twin leaves nothing; what a killed owner leaves goes with the next twin."""

from __future__ import annotations

import contextlib
import os
import pwd
import signal
import subprocess
import sys
import textwrap
from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec
import pytest

from pgadvisor.model.snapshot import Snapshot
from support.folders import open_folder
from support.leavings import processes_below, segments, wait_until
from support.runs import short_run
from support.snapshots import snapshot

pytestmark = pytest.mark.server

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGKILL)

_WAIT_S = 120
_OWNER = """
import sys
from pathlib import Path
import msgspec
from pgadvisor.facts import Facts
from pgadvisor.model.snapshot import Snapshot
from pgadvisor.planner.protocol import Question
from pgadvisor.planner.twin.twin import Twin

def ask(twin):
    return twin.plan(Question("1", "SELECT * FROM public.t0 WHERE a = 1")).plan["Plan"]["Node Type"]

facts = Facts(msgspec.json.decode(Path(sys.argv[1]).read_bytes(), type=Snapshot), {{}})
with Twin(facts) as first, Twin(facts) as second:
    print(ask(first), ask(second), flush=True)
{inside}
"""
_AS_USER = """first.close(), second.close()
import os
if os.geteuid() == 0:
    os.setgroups([])
    os.setgid({gid})
    os.setuid({uid})
with Twin(facts) as first:
    print(ask(first), first._server.folder.path, first._server.identity.switched)
"""
_FOR_EVER = "while True: ask(first), ask(second)"
Start = Callable[..., subprocess.Popen[str]]


def _snapshot(tables: int) -> Snapshot:
    return snapshot({"tables": {f"public.t{n}": {"rows": 1000, "columns": ["a int", "b text"]} for n in range(tables)}})


@pytest.fixture
def temporary() -> Iterator[Path]:
    """A temporary folder for a twin's owner, short and open to the server's user."""
    with open_folder() as path:
        yield path


@pytest.fixture
def start(temporary: Path, tmp_path: Path) -> Iterator[Start]:
    """Starts a process that owns two twins at a time, of a snapshot of so many tables."""
    with contextlib.ExitStack() as stack:

        def start(tables: int = 1, inside: str = "pass", **environment: str) -> subprocess.Popen[str]:
            path = tmp_path / f"{tables}.json"
            path.write_bytes(msgspec.json.encode(_snapshot(tables)))
            owner = subprocess.Popen(
                [sys.executable, "-c", _OWNER.format(inside=textwrap.indent(inside, "    ")), str(path)],
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                text=True,
                env=os.environ | {"TMPDIR": str(temporary)} | environment,
                start_new_session=True,
            )
            stack.enter_context(owner)
            stack.callback(owner.kill)
            return owner

        yield start


def test_nothing_left_after_an_exception(temporary: Path, start: Start) -> None:
    owner = start(inside="raise RuntimeError('planned')")
    output, errors = owner.communicate(timeout=_WAIT_S)
    assert (owner.returncode, output) == (1, "Seq Scan Seq Scan\n")
    assert "planned" in errors
    assert list(temporary.iterdir()) == []
    assert not any(processes_below(temporary))


@pytest.mark.parametrize("number", short_run(signal.SIGTERM, signal.SIGKILL, of=SIGNALS))
def test_nothing_left_after_a_signal_during_questions(temporary: Path, start: Start, number: signal.Signals) -> None:
    owner = start(inside=_FOR_EVER)
    assert owner.stdout
    assert owner.stdout.readline() == "Seq Scan Seq Scan\n"
    assert len(list(temporary.iterdir())) == 2
    _end(owner, number, temporary, start)


@pytest.mark.parametrize("number", short_run(signal.SIGINT, of=SIGNALS))
def test_nothing_left_after_a_signal_while_it_is_built(temporary: Path, start: Start, number: signal.Signals) -> None:
    owner = start(tables=400)
    # In a database of the second twin's own, beside the two that every server has.
    wait_until(lambda: any(len(list(path.glob("data/base/*/2619"))) > 2 for path in temporary.iterdir()))
    assert owner.poll() is None
    _end(owner, number, temporary, start)


def _end(owner: subprocess.Popen[str], number: signal.Signals, temporary: Path, start: Start) -> None:
    """Ends an owner, and has another one run where it could not clean up itself; nothing is left then."""
    pids = set(processes_below(temporary))
    assert pids
    os.killpg(owner.pid, number)  # as a terminal does it
    assert owner.wait(_WAIT_S) == -number
    if number == signal.SIGKILL:
        assert list(temporary.iterdir()) != []
        _, errors = start().communicate(timeout=_WAIT_S)
        assert errors == ""
    wait_until(lambda: not any(processes_below(temporary)))
    assert list(temporary.iterdir()) == []
    assert not any(map(segments, pids))


def test_an_ordinary_user_has_twins_with_a_closed_home_and_a_deep_folder(start: Start, temporary: Path) -> None:
    """What cannot be kept is made anew, and what is too deep for a socket is passed over."""
    user = pwd.getpwnam("daemon") if os.geteuid() == 0 else pwd.getpwuid(os.geteuid())
    deep, closed = temporary / ("d" * 90), temporary / "home"
    deep.mkdir()
    deep.chmod(0o777)
    closed.mkdir(mode=0o555)
    before = _ours(user.pw_uid)
    # Python may be where only root can read, so that it is all imported before root becomes somebody else.
    owner = start(
        inside=_AS_USER.format(uid=user.pw_uid, gid=user.pw_gid),
        TMPDIR=str(deep),
        HOME=str(closed),
        XDG_CACHE_HOME="",
    )
    output, errors = owner.communicate(timeout=_WAIT_S)
    assert (owner.returncode, errors) == (0, "")
    path, switched = output.splitlines()[1].removeprefix("Seq Scan ").split()
    assert switched == "False"
    assert path.startswith("/tmp/pgadvisor-server-")
    assert list(deep.iterdir()) == list(closed.iterdir()) == []
    assert _ours(user.pw_uid) <= before


def _ours(uid: int) -> set[Path]:
    """Folders of servers of a user in the system's temporary folder."""
    return {path for path in Path("/tmp").glob("pgadvisor-server-*") if path.lstat().st_uid == uid}
