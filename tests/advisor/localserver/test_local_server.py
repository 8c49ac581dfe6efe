"""What a private server is: whose, with which settings, how reached, and what is said where it cannot be had."""

from __future__ import annotations

import os
import pwd
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from psycopg import sql

from pgadvisor.localserver import LocalServer, LocalServerError, find_binaries
from pgadvisor.localserver.identity import UNPRIVILEGED_USER, server_identity

pytestmark = pytest.mark.server

_HOSTILE = ['"Order"', "a b", "x';--", "back\\slash", "ü" * 31, "per%cent&host=/tmp", "{{ }}", "a/b@c:d"]


@pytest.fixture(scope="module")
def private() -> Iterator[LocalServer]:
    with LocalServer(settings={"cluster_name": "it's a \\ 'b'"}, tcp=True) as private:
        yield private


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """A folder that the server's user can enter, which pytest's own are not for root."""
    path = Path(tempfile.mkdtemp(dir="/tmp", prefix="t"))
    path.chmod(0o755)
    yield path
    shutil.rmtree(path)


def test_it_runs_as_an_ordinary_user(private: LocalServer) -> None:
    expected = pwd.getpwnam(UNPRIVILEGED_USER).pw_uid if os.geteuid() == 0 else os.geteuid()
    status = Path(f"/proc/{private.pid}/status").read_text().splitlines()
    ids = {line.split(":")[0]: line.split()[1:] for line in status}
    assert ids["Uid"] == [str(expected)] * 4


def test_it_has_none_of_roots_groups() -> None:
    identity = server_identity()
    own = os.getgroups()
    if identity.switched:
        os.setgroups([0, 1])
    try:
        groups = identity.run(["/bin/sh", "-c", "id -G"]).stdout.split()
    finally:
        if identity.switched:
            os.setgroups(own)
    expected = {identity.gid} if identity.switched else {identity.gid, *own}
    assert set(groups) == {str(group) for group in expected}


def test_only_its_user_can_enter_its_data_and_sockets(private: LocalServer) -> None:
    for path in (private.folder.data, private.folder.sockets):
        assert path.stat().st_mode & 0o777 == 0o700
        assert path.stat().st_uid == private.identity.uid
    assert private.folder.path.stat().st_uid == os.geteuid()
    assert private.folder.path.stat().st_mode & 0o022 == 0


def test_it_uses_no_shared_memory_outside_its_folder(private: LocalServer) -> None:
    with psycopg.connect(private.dsn()) as connection:
        connection.execute("SET debug_parallel_query = on; SET max_parallel_workers_per_gather = 2")
        assert connection.execute("SELECT count(*) > 0 FROM pg_class").fetchone() == (True,)
        backend = connection.info.backend_pid
        assert "/dev/shm" not in Path(f"/proc/{backend}/maps").read_text()
    made_by_initdb = (private.folder.data / "postgresql.conf").read_text()
    assert "\ndynamic_shared_memory_type = mmap" in made_by_initdb


def test_settings_arrive_as_they_were_given(private: LocalServer) -> None:
    with psycopg.connect(private.dsn()) as connection:
        assert connection.execute("SHOW cluster_name").fetchone() == ("it's a \\ 'b'",)
        assert connection.execute("SHOW server_encoding").fetchone() == ("UTF8",)


@pytest.mark.parametrize("name", _HOSTILE)
def test_hostile_names_reach_the_server(private: LocalServer, name: str) -> None:
    with psycopg.connect(private.dsn(), autocommit=True) as connection:
        connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
        create = sql.SQL("CREATE ROLE {} LOGIN PASSWORD {}")
        connection.execute(create.format(sql.Identifier(name), sql.Literal(name)))
    for dsn in (private.dsn(name, name), private.tcp_uri(name, name, name)):
        with psycopg.connect(dsn) as connection:
            assert connection.execute("SELECT current_database(), current_user").fetchone() == (name, name)


def test_over_tcp_the_password_counts(private: LocalServer) -> None:
    with psycopg.connect(private.tcp_uri()) as connection:
        assert connection.execute("SELECT inet_server_addr() = '127.0.0.1'").fetchone() == (True,)
    with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
        psycopg.connect(private.tcp_uri(password="wrong"))


def test_without_tcp_no_port_is_opened() -> None:
    with LocalServer() as private, psycopg.connect(private.dsn()) as connection:
        assert connection.execute("SHOW listen_addresses").fetchone() == ("",)


def test_restart_keeps_data_and_port_and_takes_settings(private: LocalServer) -> None:
    uri = private.tcp_uri()
    with psycopg.connect(uri, autocommit=True) as connection:
        connection.execute("CREATE TABLE survivor (a int)")
        connection.execute("ALTER SYSTEM SET work_mem = '5MB'")
    private.restart({"max_connections": "17"})
    with psycopg.connect(uri) as connection:
        assert connection.execute("SELECT count(*) FROM survivor").fetchone() == (0,)
        assert connection.execute("SHOW max_connections").fetchone() == ("17",)
        assert connection.execute("SHOW work_mem").fetchone() == ("5MB",)


def test_kept_data_is_there_the_next_time(open_folder: Path) -> None:
    kept = open_folder / "a folder" / "data"
    with LocalServer(data_dir=kept) as private, psycopg.connect(private.dsn()) as connection:
        connection.execute("CREATE TABLE survivor AS SELECT 1 AS a")
        connection.commit()
    with LocalServer(data_dir=kept) as private, psycopg.connect(private.dsn()) as connection:
        assert connection.execute("SELECT a FROM survivor").fetchone() == (1,)
        assert "interrupted" not in private.log()
    assert list(kept.parent.iterdir()) == [kept]
    assert not (kept / "postmaster.pid").exists()


def test_kept_data_of_another_major_is_refused(open_folder: Path) -> None:
    kept = open_folder / "data"
    kept.mkdir()
    (kept / "PG_VERSION").write_text("9.6\n")
    with pytest.raises(LocalServerError, match=r"is of PostgreSQL 9\.6"):
        LocalServer(data_dir=kept).start()


def test_a_folder_with_other_things_in_it_is_not_taken(open_folder: Path) -> None:
    kept = open_folder / "data"
    kept.mkdir()
    (kept / "letter").write_text("mine")
    with pytest.raises(LocalServerError, match="not empty"):
        LocalServer(data_dir=kept).start()
    assert (kept / "letter").read_text() == "mine"
    assert list(open_folder.iterdir()) == [kept]


def test_a_server_that_cannot_start_says_why_and_leaves_nothing() -> None:
    private = LocalServer(settings={"shared_preload_libraries": "no_such_library"})
    with pytest.raises(LocalServerError, match="no_such_library"):
        private.start()
    with pytest.raises(LocalServerError, match="not running"):
        private.dsn()


def test_a_server_is_not_started_twice(private: LocalServer) -> None:
    with pytest.raises(LocalServerError, match="running already"):
        private.start()
    psycopg.connect(private.dsn()).close()


def test_programs_that_its_user_cannot_reach_are_copied(open_folder: Path) -> None:
    """A virtual environment in root's home is the usual case."""
    place = open_folder / "closed"
    place.mkdir(mode=0o700)
    package = find_binaries(major=18).bin_dir.parents[1]
    for name in (package.name, f"{package.name}.libs"):
        (place / name).symlink_to(package.with_name(name))
    given = find_binaries(place / package.name / "pginstall")
    with LocalServer(given) as private:
        copied = private.folder.path in private.binaries.bin_dir.parents
        assert copied == (os.geteuid() == 0)
        with psycopg.connect(private.dsn()) as connection:
            connection.execute("CREATE EXTENSION pg_trgm")
        assert "18" in private.run("initdb", "--version")
    assert place.stat().st_mode & 0o777 == 0o700


def test_a_program_that_is_missing_or_fails_is_named(private: LocalServer) -> None:
    with pytest.raises(LocalServerError, match="has no program pg_nothing"):
        private.run("pg_nothing")
    with pytest.raises(LocalServerError, match="pg_controldata failed"):
        private.run("pg_controldata", "/nonexistent")
