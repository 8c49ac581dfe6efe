"""A cluster kept in one file: whole or not at all, and only its owner's."""

from __future__ import annotations

import errno
import fcntl
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from pgadvisor.localserver import Template, folder
from pgadvisor.localserver.folder import RunFolder
from pgadvisor.localserver.identity import Identity

_OURSELVES = Identity(os.geteuid(), os.getegid(), switched=False)


@pytest.fixture
def kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where clusters are kept."""
    monkeypatch.setattr(folder, "_CACHE", str(tmp_path / "pgadvisor"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    return tmp_path / "pgadvisor" / "clusters"


@pytest.fixture
def cluster(tmp_path: Path) -> Path:
    made = tmp_path / "made"
    (made / "base" / "1").mkdir(parents=True)
    (made / "empty").mkdir()
    (made / "PG_VERSION").write_bytes(b"18\n")
    (made / "base" / "1" / "ü").write_bytes(b"\0" * 8192)
    return made


def test_what_is_restored_is_what_was_kept(kept: Path, cluster: Path, tmp_path: Path) -> None:
    assert not Template("18.6").restore(tmp_path, _OURSELVES)
    Template("18.6").keep(cluster)
    assert not Template("18.7").restore(tmp_path, _OURSELVES)
    copy = tmp_path / "copy"
    copy.mkdir()
    assert Template("18.6").restore(copy, _OURSELVES)
    contents = [
        {path.relative_to(place): path.is_file() and path.read_bytes() for path in place.rglob("*")}
        for place in (cluster, copy)
    ]
    assert contents[0] == contents[1]
    assert all(path.stat().st_mode & 0o077 == 0 for path in copy.rglob("*"))
    assert len(list(kept.iterdir())) == 1


def test_what_a_killed_writer_left_is_overwritten_and_a_living_ones_is_not(
    kept: Path, cluster: Path, tmp_path: Path
) -> None:
    Template("x").keep(cluster)
    (whole,) = kept.iterdir()
    content = whole.read_bytes()
    left = whole.rename(whole.with_name(f"{whole.name}.new"))
    left.write_bytes(b"half" + content)
    with left.open("rb") as living:
        fcntl.flock(living, fcntl.LOCK_EX)
        Template("x").keep(cluster)
        assert list(kept.iterdir()) == [left]
    Template("x").keep(cluster)
    assert list(kept.iterdir()) == [whole]
    assert whole.read_bytes() == content


def test_a_link_in_its_name_is_not_followed(kept: Path, cluster: Path, tmp_path: Path) -> None:
    Template("x").keep(cluster)
    (whole,) = kept.iterdir()
    stranger = tmp_path / "stranger"
    stranger.write_bytes(whole.read_bytes())
    whole.unlink()
    for name in (whole.name, f"{whole.name}.new"):
        (kept / name).symlink_to(stranger)
    before = stranger.read_bytes()
    assert not Template("x").restore(tmp_path, _OURSELVES)
    Template("x").keep(cluster)
    assert stranger.read_bytes() == before


def test_what_is_no_cluster_of_its_own_is_not_kept(kept: Path, cluster: Path, tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_bytes(b"ours alone")
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "more").write_bytes(b"ours alone")
    planted = cluster / "base" / "planted"
    plants: list[Callable[[], object]] = [
        lambda: planted.symlink_to(secret),
        lambda: planted.hardlink_to(secret),
        lambda: planted.symlink_to(tmp_path / "folder"),
        lambda: os.mkfifo(planted),
        lambda: Path(os.fsdecode(bytes(planted) + b"\xff")).touch(),
    ]
    for plant in plants:
        plant()
        Template("x").keep(cluster)
        assert not kept.exists()
        for path in (cluster / "base").glob("planted*"):
            path.unlink()
    Template("x").keep(cluster)
    assert len(list(kept.iterdir())) == 1


@pytest.mark.skipif(os.geteuid() != 0, reason="only root's servers are another user's")
def test_what_the_servers_user_plants_leads_nowhere(kept: Path, cluster: Path, tmp_path: Path) -> None:
    """While it is written out, what root makes in the folder of another user is out of that one's reach."""
    Template("x").keep(cluster)
    copy, elsewhere = tmp_path / "copy", tmp_path / "elsewhere"
    copy.mkdir()
    elsewhere.mkdir()
    (copy / "base").symlink_to(elsewhere)
    os.chown(copy, 65534, 65534)
    with pytest.raises(FileExistsError):
        Template("x").restore(copy, Identity(65534, 65534, switched=True))
    assert list(elsewhere.iterdir()) == []
    (copy / "base").unlink()
    (copy / "PG_VERSION").unlink(missing_ok=True)
    seen: list[tuple[str, int]] = []

    class Watched(Identity):
        def own_open(self, handle: int) -> None:
            seen.append((Path(f"/proc/self/fd/{handle}").readlink().name, os.fstat(handle).st_uid))
            super().own_open(handle)

    assert Template("x").restore(copy, Watched(65534, 65534, switched=True))
    assert {path.stat().st_uid for path in copy.rglob("*")} == {65534}
    # Folders are given away when all is in them.
    assert {name for name, _ in seen[-4:]} == {"copy", "base", "1", "empty"}


def test_where_folders_cannot_be_spread_over_the_disk_they_are_made_all_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_arguments: object) -> None:
        raise OSError(errno.ENOTTY, os.strerror(errno.ENOTTY))

    monkeypatch.setattr(folder, "_temporary_folders", lambda: iter([tmp_path]))
    monkeypatch.setattr(folder, "_LONGEST_SOCKET_PATH", 1000)
    monkeypatch.setattr(fcntl, "ioctl", refuse)
    made = RunFolder(_OURSELVES)
    made.make_data()
    assert made.data.resolve().parent == made.path.resolve()
    assert made.data.resolve().stat().st_mode & 0o777 == 0o700
    made.remove()
    assert list(tmp_path.iterdir()) == []
