"""Hollow files: as long as told, in as many segments as it takes, on no disk."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from pgadvisor.planner.twin.storage.files import HollowFiles

BLOCK = 8192


def lengths(folder: Path) -> dict[str, int]:
    return {path.name: path.stat().st_size // BLOCK for path in folder.iterdir()}


def test_segments_are_full_but_for_the_last(tmp_path: Path) -> None:
    files = HollowFiles(tmp_path, BLOCK, segment_pages=1000)
    for name, pages in (("1", 0), ("2", 999), ("3", 1000), ("4", 1001), ("5", 3000), ("6", 3210)):
        (tmp_path / name).write_bytes(b"")
        with files.opened(name) as file:
            file.set_pages(pages)
    assert lengths(tmp_path) == {
        "1": 0,
        "2": 999,
        "3": 1000,
        "4": 1000,
        "4.1": 1,
        "5": 1000,
        "5.1": 1000,
        "5.2": 1000,
        "6": 1000,
        "6.1": 1000,
        "6.2": 1000,
        "6.3": 210,
    }
    assert sum(path.stat().st_blocks for path in tmp_path.iterdir()) == 0


def test_a_file_seems_empty_until_it_is_filled_again(tmp_path: Path) -> None:
    files = HollowFiles(tmp_path, BLOCK, segment_pages=10)
    (tmp_path / "1").write_bytes(b"")
    with files.opened("1") as file:
        file.set_pages(25)
    before = lengths(tmp_path)
    size_bytes = files.empty("1")
    # Whoever opens it anew sees a first segment that is not full, and looks for no other.
    assert lengths(tmp_path)["1"] == 0
    files.refill("1", size_bytes)
    assert lengths(tmp_path) == before


def test_no_link_that_somebody_planted_is_followed(tmp_path: Path) -> None:
    data, precious = tmp_path / "data", tmp_path / "precious"
    (data / "base" / "5").mkdir(parents=True)
    (tmp_path / "base" / "5").mkdir(parents=True)
    for path in (precious, tmp_path / "base" / "5" / "1"):
        path.write_bytes(b"precious")
    (data / "base" / "5" / "link").symlink_to(precious)
    (data / "base" / "5" / "same").hardlink_to(precious)
    os.mkfifo(data / "base" / "5" / "pipe")
    (data / "away").symlink_to(tmp_path / "base")
    files = HollowFiles(data, BLOCK, segment_pages=10)
    for place in ("base/5/link", "base/5/same", "base/5/pipe", "away/5/1", "base/5"):
        with pytest.raises(OSError):
            files.empty(place)
        with pytest.raises(OSError):
            files.refill(place, 5)
    (data / "base" / "5" / "1").touch()
    (data / "base" / "5" / "1.1").symlink_to(precious)
    with files.opened("base/5/1") as file, pytest.raises(OSError):
        file.set_pages(15)
    assert precious.read_bytes() == (tmp_path / "base" / "5" / "1").read_bytes() == b"precious"


@pytest.mark.skipif(os.geteuid() != 0, reason="only root meets files of others")
def test_what_belongs_to_another_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "5").mkdir()
    os.chown(tmp_path, 65534, 65534)
    (tmp_path / "1").write_bytes(b"root's")
    (tmp_path / "5" / "1").write_bytes(b"root's")
    for path in ("1", "5/1"):
        with pytest.raises(PermissionError):
            HollowFiles(tmp_path, BLOCK, segment_pages=10).empty(path)
    os.chown(tmp_path / "1", 65534, 65534)
    with HollowFiles(tmp_path, BLOCK, segment_pages=10).opened("1") as file:
        file.set_pages(25)
    assert {(tmp_path / name).stat().st_uid for name in ("1", "1.1", "1.2")} == {65534}
