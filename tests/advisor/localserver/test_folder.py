"""Folders that others could have prepared for us, and leftovers that are not ours to remove."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from pgadvisor.localserver import LocalServerError, folder, identity, reusable_folder
from pgadvisor.localserver.folder import RunFolder, sweep
from pgadvisor.localserver.identity import Identity, server_identity

_OURSELVES = Identity(os.geteuid(), os.getegid(), switched=False)
_LONG_AGO = time.time() - 3600


@pytest.fixture
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The only temporary folder there is; for the test it may be long."""
    monkeypatch.setattr(folder, "_temporary_folders", lambda: iter([tmp_path]))
    monkeypatch.setattr(folder, "_LONGEST_SOCKET_PATH", 1000)
    return tmp_path


def test_a_folder_whose_owner_is_gone_is_swept(temporary: Path) -> None:
    left = RunFolder(_OURSELVES)
    (left.path / "data").mkdir()
    (left.path / "data" / "file").touch()
    os.close(left._lock)  # as the end of a process does
    sweep(_OURSELVES)
    assert list(temporary.iterdir()) == []


def test_a_lock_file_that_is_a_pipe_keeps_nobody_waiting(temporary: Path) -> None:
    left = RunFolder(_OURSELVES)
    left.make_data()
    os.mkfifo(left.data / "postmaster.pid")
    os.close(left._lock)
    sweep(_OURSELVES)
    assert list(temporary.iterdir()) == []


def test_a_folder_whose_owner_lives_stays(temporary: Path) -> None:
    living = RunFolder(_OURSELVES)
    sweep(_OURSELVES)
    assert living.path.exists()
    living.remove()
    assert list(temporary.iterdir()) == []


def test_data_that_was_being_made_beside_a_kept_folder_is_swept(temporary: Path) -> None:
    left = RunFolder(_OURSELVES)
    elsewhere = temporary / "elsewhere"
    elsewhere.mkdir()
    fresh = left.new_data_beside(elsewhere / "data")
    (fresh / "PG_VERSION").touch()
    os.close(left._lock)
    sweep(_OURSELVES)
    assert list(elsewhere.iterdir()) == []


def test_kept_data_is_not_swept(temporary: Path) -> None:
    left = RunFolder(_OURSELVES)
    kept = temporary / "kept"
    kept.mkdir()
    (kept / "PG_VERSION").touch()
    left.keep_data(kept)
    os.close(left._lock)
    sweep(_OURSELVES)
    assert list(temporary.iterdir()) == [kept]
    assert (kept / "PG_VERSION").exists()


@pytest.mark.parametrize("name", ["pgadvisor-server-notes", "pgadvisor-server-12345678-copy", "pgadvisor", "other"])
def test_a_folder_with_another_name_stays(temporary: Path, name: str) -> None:
    (temporary / name).mkdir()
    (temporary / name / "lock").touch()
    os.utime(temporary / name, (_LONG_AGO, _LONG_AGO))
    sweep(_OURSELVES)
    assert (temporary / name / "lock").exists()


def test_a_link_in_our_name_is_not_followed(temporary: Path) -> None:
    target = temporary / "target"
    target.mkdir()
    (target / "lock").touch()
    (temporary / "pgadvisor-server-abcdefgh").symlink_to(target)
    sweep(_OURSELVES)
    assert (target / "lock").exists()


def test_a_folder_of_another_user_stays(temporary: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    left = RunFolder(_OURSELVES)
    os.close(left._lock)
    with monkeypatch.context() as patched:
        patched.setattr(os, "geteuid", lambda: left.path.stat().st_uid + 1)
        sweep(_OURSELVES)
    assert left.path.exists()


def test_a_half_made_folder_goes_once_it_is_old_and_only_if_empty(temporary: Path) -> None:
    made = [temporary / f"pgadvisor-server-{name}" for name in ("youngone", "oldempty", "oldfull0")]
    for path in made:
        path.mkdir()
    (made[2] / "letter").touch()
    for path in made[1:]:
        os.utime(path, (_LONG_AGO, _LONG_AGO))
    sweep(_OURSELVES)
    assert [path.exists() for path in made] == [True, False, True]


def test_a_temporary_folder_too_deep_for_a_socket_is_not_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    deep = tmp_path / ("d" * 100)
    deep.mkdir()
    monkeypatch.setattr(folder, "_temporary_folders", lambda: iter([deep]))
    with pytest.raises(LocalServerError, match="set TMPDIR to a short path"):
        RunFolder(_OURSELVES)
    monkeypatch.setattr(folder, "_temporary_folders", lambda: iter([deep, tmp_path]))
    monkeypatch.setattr(folder, "_LONGEST_SOCKET_PATH", len(str(tmp_path)) + 60)
    RunFolder(_OURSELVES).remove()


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where this user's reusable folders are, as root or not."""
    monkeypatch.setattr(folder, "_CACHE", str(tmp_path / "pgadvisor"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    return tmp_path / "pgadvisor"


def test_a_reusable_folder_is_the_same_each_time(cache: Path) -> None:
    assert reusable_folder("demo") == reusable_folder("demo") == cache / "demo"


def test_a_reusable_folder_that_others_can_write_to_is_refused(cache: Path) -> None:
    cache.mkdir()
    cache.chmod(0o777)
    with pytest.raises(LocalServerError, match="only this user can write to"):
        reusable_folder("demo")
    assert list(cache.iterdir()) == []


def test_a_reusable_folder_behind_a_link_is_refused(cache: Path) -> None:
    target = cache.with_name("target")
    target.mkdir()
    cache.symlink_to(target)
    with pytest.raises(LocalServerError, match="only this user can write to"):
        reusable_folder("demo")
    assert list(target.iterdir()) == []


def test_root_without_the_user_nobody_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    monkeypatch.setattr(identity, "UNPRIVILEGED_USER", "no such user")
    with pytest.raises(LocalServerError, match="as an ordinary user"):
        server_identity()


def test_a_user_without_a_name_is_told_at_once() -> None:
    with pytest.raises(LocalServerError, match=r"user id 1234567 has no entry in /etc/passwd.*:1234567:0::/tmp"):
        Identity(1234567, 0, switched=False).check_named()
    _OURSELVES.check_named()


def test_root_that_may_not_change_its_user_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_args: object, **_kwargs: object) -> None:
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(os, "geteuid", lambda: 0)
    monkeypatch.setattr(Identity, "run", refuse)
    with pytest.raises(LocalServerError, match="Operation not permitted"):
        server_identity()
