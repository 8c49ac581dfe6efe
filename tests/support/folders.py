"""Folders of tests that the user of a private server, who may be another, can enter."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def open_folder(mode: int = 0o755) -> Iterator[Path]:
    """A folder below the system's own temporary folder, its path short enough for a socket's; removed in the end."""
    with tempfile.TemporaryDirectory(dir="/tmp", prefix="t") as name:
        folder = Path(name)
        folder.chmod(mode)
        yield folder
