"""Colours only where they are wanted, and files as they are."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from pgadvisor.cli._output import coloured, refuse_overwriting, write_bytes
from pgadvisor.snapshots.file import write_snapshots
from support.audits import pgadvisor
from support.snapshots import snapshot


@pytest.mark.parametrize(
    ("tty", "env", "wanted"),
    [
        (True, {}, True),
        (True, {"NO_COLOR": "", "TERM": "xterm"}, True),
        (True, {"NO_COLOR": "1"}, False),
        (True, {"NO_COLOR": "false"}, False),
        (True, {"TERM": "dumb"}, False),
        (False, {"TERM": "xterm"}, False),
    ],
)
def test_colours(monkeypatch: pytest.MonkeyPatch, tty: bool, env: dict[str, str], wanted: bool) -> None:
    for name in ("NO_COLOR", "TERM"):
        monkeypatch.delenv(name, raising=False)
    for name, value in env.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(sys.stdout, "isatty", lambda: tty)
    assert coloured() is wanted


def test_what_is_no_regular_file_is_written_to_and_stays(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    try:
        write_bytes(b"a report", pipe)
        assert os.read(reader, 100) == b"a report"
    finally:
        os.close(reader)
    assert pipe.is_fifo()


def test_a_link_stays_a_link(tmp_path: Path) -> None:
    (tmp_path / "real").write_bytes(b"before")
    (tmp_path / "link").symlink_to(tmp_path / "real")
    write_bytes(b"after", tmp_path / "link")
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "real").read_bytes() == b"after"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["link", "real"]


@pytest.mark.parametrize(
    ("stdout", "reason"),
    [("/dev/full", "No space left on device."), (None, "it is closed. Name a file.")],
)
def test_standard_output_that_takes_nothing_is_a_sentence(tmp_path: Path, stdout: str | None, reason: str) -> None:
    """Whatever is said there: the report for the terminal, or a file."""
    saved = tmp_path / "saved.json.gz"
    write_snapshots(saved, (snapshot({}),))
    place = "1>&-" if stdout is None else f"1>{stdout}"
    for command in (f"analyze {saved}", f"analyze {saved} --quiet --json -"):
        ended = subprocess.run(
            ["/bin/sh", "-c", f"exec {sys.executable} -m pgadvisor {command} {place}"],
            stderr=subprocess.PIPE,
            text=True,
            check=False,
        )
        said = ended.stderr.splitlines()
        assert (ended.returncode, said) == (5, [f"Error: Cannot write to standard output: {reason}"]), command


def test_nothing_that_is_read_is_written_to_nor_one_file_written_twice(tmp_path: Path) -> None:
    kept, link, hard, new = (tmp_path / name for name in ("kept.json.gz", "link", "hard", "new"))
    write_snapshots(kept, (snapshot({"tables": {"public.orders": {"columns": ["id int"]}}}),))
    content = kept.read_bytes()
    link.symlink_to(kept)
    hard.hardlink_to(kept)
    log, settings = tmp_path / "log.sql", tmp_path / "settings.toml"
    log.write_text("SELECT 1;")
    settings.write_text("")
    nowhere, far = "host=/nowhere", f"host=/nowhere application_name={'x' * 5000}"
    read, twice = "is what is read, and would be overwritten", "named for two things"
    runs: list[tuple[list[str | Path], str]] = [
        (["whatif", kept, "--html", kept], read),
        (["whatif", kept, "--json", link], read),
        (["whatif", far, "--save", new, "--html", tmp_path / "." / "new"], twice),
        (["indexes", kept, "--html", hard], read),
        (["explain", "SELECT 1", kept, "--json", kept], read),
        (["analyze", link, "--html", kept], read),
        (["analyze", kept, "--html", new, "--json", new], twice),
        (["audit", nowhere, "--workload", log, "--html", log], read),
        (["audit", nowhere, "--snapshot", new, "--json", new], twice),
        (["collect", nowhere, "-o", settings, "--config", settings], read),
        (["demo", "--html", new, "--json", new], twice),
        (["verify", kept, nowhere, "--json", kept], read),
    ]
    for arguments, message in runs:
        ran = pgadvisor(*arguments)
        assert (ran.code, ran.out) == (2, ""), ran.err
        assert message in " ".join(ran.err.split())
    assert (kept.read_bytes(), new.exists()) == (content, False)
    # What keeps nothing may be named twice.
    refuse_overwriting([Path(os.devnull)] * 2, [Path(os.devnull)])
