"""The private server of a twin: which programs it runs from, and how it is set up.

It is empty but for template1 and template0, so that a database of any other name can be made, and its superuser has a
name that CREATE ROLE refuses to everybody, so that no role of a snapshot can be taken for it.
"""

from __future__ import annotations

import math
import os
import stat
import struct
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

from pgadvisor.facts import Facts
from pgadvisor.localserver import (
    Binaries,
    LocalServer,
    LocalServerError,
    Template,
    container_binaries,
    find_binaries,
    newest_binaries,
)
from pgadvisor.localserver.environment import of_our_own
from pgadvisor.localserver.inside import opened_folder, read_inside
from pgadvisor.planner.protocol import PlannerError

# Names that begin with pg_ are the system's own: CREATE ROLE, and ALTER ROLE ... RENAME, refuse them.
SUPERUSER = "pg_twin_superuser"
# Where to connect before the twin has a database.
MAINTENANCE_DATABASE = "template1"
OLDEST_MAJOR = 13
AUTO = "auto"
DOCKER = "docker"

# How reasons begin that say no more than that nothing is installed.
_NOTHING_THERE = ("no PostgreSQL", "there is no program docker")

_MAX_CONNECTIONS = 16
# Beside two for each relation and index of the snapshot: one plan may need all of them, and a transaction that builds
# as well. These are for catalogs and for indexes to come.
_SPARE_LOCKS = 20_000
# What one process may have of its own: its caches hold what it met of each relation, and what planning puts together
# from a stranger's constants has a bound.
_MEMORY_BYTES = 2**30
_MEMORY_BYTES_OF_EACH = 2**15
_SETTINGS = {
    # It would truncate the hollow tables and put other statistics in place.
    "autovacuum": "off",
    # Nothing here outlives the machine.
    "fsync": "off",
    "full_page_writes": "off",
    "synchronous_commit": "off",
    "wal_level": "minimal",
    # With fsync off it costs nothing to "sync" new files, and the alternative writes them to the log as well.
    "wal_skip_threshold": "0",
    "wal_buffers": "4MB",
    # The log is small, its segments are used again at once, and what is written is written in one go.
    "min_wal_size": "2MB",
    "max_wal_size": "64MB",
    "checkpoint_timeout": "1d",
    "checkpoint_completion_target": "0",
    "bgwriter_lru_maxpages": "0",
    "bgwriter_delay": "10s",
    "wal_writer_delay": "10s",
    # A server that lost a process may not write its log over files that were changed behind its back.
    "restart_after_crash": "off",
    # Catalogs are all that it reads. The planner does not know of this setting.
    "shared_buffers": "32MB",
    "huge_pages": "off",
    "max_connections": str(_MAX_CONNECTIONS),
    "max_wal_senders": "0",
    "max_replication_slots": "0",
    "max_logical_replication_workers": "0",
    # Plans are parallel all the same; it executes none.
    "max_worker_processes": "0",
    "max_pred_locks_per_transaction": "10",
    "track_counts": "off",
    # Costs do not depend on the compiler, and EXPLAIN alone would load it.
    "jit_provider": "none_on_a_twin",
    # What code of a snapshot can make the server do has bounds that only a superuser can lift.
    "temp_file_limit": "1GB",
    "log_min_messages": "fatal",
    "log_min_error_statement": "panic",
    "statement_timeout": "10min",
}
_NEWER_SETTINGS = (
    (18, {"io_method": "sync"}),
    # What goes on for a client that was killed ends soon after it, where the system can tell.
    (14, {"client_connection_check_interval": "2s"} if sys.platform == "linux" else {}),
)
_CHECKSUMS_BY_DEFAULT = 18
_INITIAL_SUPERUSER = "initial"
# What is done to a new cluster. The first superuser has oid 10 (src/include/catalog/pg_authid.dat).
_SETTING_UP = (
    f"UPDATE pg_catalog.pg_authid SET rolname = '{SUPERUSER}' WHERE oid = 10\n"  # noqa: S608 - constants alone
    "DROP DATABASE postgres\n"
)
_LOG_SEGMENT_BYTES = 2**20
# The place of the last checkpoint in the log, and its timeline (ControlFileData, src/include/catalog/pg_control.h).
_CONTROL = struct.Struct("=40xQI")
_MOST_CONTROL_BYTES = 2**16


class TwinServer(LocalServer):
    """A private server whose new cluster comes from a template, with a superuser and databases of its own."""

    def __init__(self, binaries: Binaries, facts: Facts) -> None:
        settings = dict(_SETTINGS)
        for major, more in _NEWER_SETTINGS:
            if binaries.major >= major:
                settings |= more
        catalog = facts.snapshot.catalog
        locks = 2 * (len(catalog.relations) + len(catalog.indexes)) + _SPARE_LOCKS
        settings["max_locks_per_transaction"] = str(math.ceil(locks / _MAX_CONNECTIONS))
        super().__init__(
            binaries,
            settings=settings,
            superuser=SUPERUSER,
            database=MAINTENANCE_DATABASE,
            memory_bytes=_MEMORY_BYTES + _MEMORY_BYTES_OF_EACH * (len(catalog.relations) + len(catalog.indexes)),
        )

    def dsn(self, dbname: str = "", user: str = "") -> str:
        """As that of any server of our own, whatever the environment says of connections."""
        return of_our_own(super().dsn(dbname, user))

    def initialise(self, data: Path) -> None:
        """Fills an empty folder with a new cluster. Raises LocalServerError where that fails."""
        arguments = [
            "-U",
            _INITIAL_SUPERUSER,
            "-E",
            "UTF8",
            "--locale=C",
            "-A",
            "trust",
            "--no-sync",
            "--wal-segsize=1",
        ]
        if self.binaries.major >= _CHECKSUMS_BY_DEFAULT:
            # They would have to be right in the pages that the twin writes itself.
            arguments.append("--no-data-checksums")
        template = Template(self.binaries.fingerprint, *arguments, _SETTING_UP, _locales_of_the_system())
        try:
            if template.restore(data, self.identity):
                return
        except OSError as error:
            raise LocalServerError(f"cannot write a new server's data to {data}: {error.strerror}") from error
        self.check_named()
        self.run("initdb", "-D", data, *arguments)
        small = ("-c", "shared_buffers=1MB", "-c", "fsync=off", "-c", "exit_on_error=on")
        self.run("postgres", "--single", "-D", data, *small, MAINTENANCE_DATABASE, entered=_SETTING_UP)
        self._remove_old_log(data)
        template.keep(data)

    def _remove_old_log(self, data: Path) -> None:
        """Leaves of the write-ahead log the one file that the next start reads."""
        # A program would tell it, but not every installation has that.
        place, timeline = _CONTROL.unpack_from(read_inside(data, "global/pg_control", _MOST_CONTROL_BYTES))
        high, low = divmod(place // _LOG_SEGMENT_BYTES, 2**32 // _LOG_SEGMENT_BYTES)
        last = f"{timeline:08X}{high:08X}{low:08X}"
        with opened_folder(data, "pg_wal") as folder:
            names = os.listdir(folder)  # noqa: PTH208 - an open folder, not a path
            for name in names if last in names else ():
                if name != last and stat.S_ISREG(os.stat(name, dir_fd=folder, follow_symlinks=False).st_mode):
                    os.unlink(name, dir_fd=folder)


def start_server(facts: Facts, where: str = AUTO) -> LocalServer:
    """A started server for a twin of the server that the facts are of.

    where: auto takes programs of the same major that are installed, else Docker's image of it if that is there already,
    else the newest programs there are; docker takes Docker's, fetching the image if need be; anything else is the path
    of an installation, of the folder of its programs, or of its program postgres. Raises PlannerError where there is
    none, or none of them starts.
    """
    reasons = []
    for find in _places(facts.server.major, where):
        try:
            server = TwinServer(find(), facts)
            server.start()
        except LocalServerError as error:
            reasons.append(str(error))
        else:
            return server
    if where == AUTO and not _has_programs():
        said = [each for each in reasons if not each.startswith(_NOTHING_THERE)]
        raise PlannerError(
            f"there are no server programs of PostgreSQL here. Install PostgreSQL {facts.server.major}, or pip install "
            "'pgadvisor[embedded]' for PostgreSQL 18; or name others by --twin-server"
            + (f" ({'; '.join(said)})" if said else "")
        )
    raise PlannerError(f"no server for a twin: {'; '.join(dict.fromkeys(reasons))}")


def check_place(where: str) -> None:
    """Raises PlannerError where a path names no server programs that a twin can run; auto and docker are not tried."""
    if where in (AUTO, DOCKER):
        return
    try:
        _given(Path(where))
    except LocalServerError as error:
        raise PlannerError(str(error)) from error


def _has_programs() -> bool:
    """Whether any server programs are here, of whatever version."""
    try:
        newest_binaries()
    except LocalServerError:
        return False
    return True


def _places(major: int, where: str) -> Iterator[Callable[[], Binaries]]:
    """Finders of server programs, the best first."""
    if where == AUTO:
        yield lambda: find_binaries(major=major)
        yield lambda: container_binaries(major)
        yield newest_binaries
    elif where == DOCKER:
        yield lambda: container_binaries(major, pull=True)
    else:
        yield lambda: _given(Path(where))


def _given(path: Path) -> Binaries:
    binaries = find_binaries(path)
    if binaries.major < OLDEST_MAJOR:
        raise LocalServerError(f"{path} has PostgreSQL {binaries.version}; the oldest for a twin is {OLDEST_MAJOR}")
    return binaries


def _locales_of_the_system() -> str:
    """What changes when locales are added, which initdb copies into the catalog."""
    places = [path for path in map(Path, ("/usr/lib/locale", "/usr/lib/locale/locale-archive")) if path.exists()]
    return " ".join(str(path.stat().st_mtime_ns) for path in places)
