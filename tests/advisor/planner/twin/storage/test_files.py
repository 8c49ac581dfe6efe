"""Hollow files: as long as told, in as many segments as it takes, on no disk."""

from __future__ import annotations

from pathlib import Path

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
