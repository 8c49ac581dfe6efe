"""The demo as a user runs it, from start to end and interrupted."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from pgadvisor.gate import ExitCode
from pgadvisor.localserver import reusable_folder

pytestmark = [pytest.mark.server, pytest.mark.slow]


@contextmanager
def demo(folder: Path) -> Iterator[subprocess.Popen[str]]:
    command = [sys.executable, "-m", "pgadvisor", "demo", "--html", "page.html", "--json", "data.json"]
    with subprocess.Popen(
        command, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, start_new_session=True
    ) as process:
        try:
            yield process
        finally:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGTERM)


def read_until(process: subprocess.Popen[str], words: str) -> None:
    assert process.stdout is not None
    seen = []
    for line in process.stdout:
        seen.append(line)
        if words in line:
            return
    pytest.fail(f"never said {words!r}:\n{''.join(seen)}")


def servers_left() -> list[Path]:
    return list(reusable_folder("demo").glob("shop-*/postmaster.pid"))


def test_it_audits_the_shop_and_stops_the_server(tmp_path: Path) -> None:
    with demo(tmp_path) as process:
        told, _ = process.communicate()
    assert process.returncode == ExitCode.CLEAN, told
    assert "Starting a private PostgreSQL" in told
    assert "-m pgadvisor audit" in told
    assert str(tmp_path / "page.html") in told
    report = json.loads((tmp_path / "data.json").read_text(encoding="utf-8"))
    assert report["source"]["role"] == "pgadvisor"
    assert not report["source"]["is_superuser"]
    assert servers_left() == []


@pytest.mark.parametrize("moment", ["Copying the shop", "The shop works", "release", "The audit, as role"])
def test_interrupted_it_stops_the_server(tmp_path: Path, moment: str) -> None:
    with demo(tmp_path) as process:
        read_until(process, moment)
        assert servers_left() != []
        os.killpg(process.pid, signal.SIGINT)
        told, _ = process.communicate()
    assert process.returncode == ExitCode.INTERRUPTED, told
    assert "the server is stopped" in told
    assert servers_left() == []


def test_two_at_once_are_one_too_many(tmp_path: Path) -> None:
    with demo(tmp_path) as first:
        read_until(first, "The shop works")
        with demo(tmp_path) as second:
            told, _ = second.communicate()
        os.killpg(first.pid, signal.SIGINT)
        first.communicate()
    assert second.returncode == ExitCode.CANNOT_CONNECT
    assert f"another demo is running (process {first.pid}); wait for it" in told
