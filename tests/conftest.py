"""Fixtures for every test: servers, started when first asked for, and databases of their own."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator

import pytest

from support.databases import Database, fresh_database
from support.runs import short_run
from support.servers import SUPPORTED, Server, Servers

ENDS = short_run(SUPPORTED[0], SUPPORTED[-1])
NEWEST = short_run(SUPPORTED[-1])

# A shell makes what it starts in the background deaf to Ctrl-C, nohup to a lost terminal, and so all that this starts.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)
if signal.getsignal(signal.SIGHUP) is signal.SIG_IGN:
    signal.signal(signal.SIGHUP, signal.SIG_DFL)


@pytest.fixture(scope="session")
def servers() -> Iterator[Servers]:
    """All servers of this run."""
    running = Servers()
    try:
        yield running
    finally:
        running.close()


@pytest.fixture(scope="session")
def server(servers: Servers) -> Server:
    """The main server: PostgreSQL 18, unless PGADVISOR_TEST_DSN names another."""
    return servers.main()


@pytest.fixture
def database(server: Server) -> Iterator[Database]:
    """A fresh database on the main server."""
    with fresh_database(server) as database:
        yield database


@pytest.fixture(scope="session")
def old_server(servers: Servers) -> Callable[[int], Server]:
    """The server of a given major."""
    return servers.of_major


@pytest.fixture(scope="session", params=SUPPORTED, ids="postgres{}".format)
def any_server(request: pytest.FixtureRequest, servers: Servers) -> Server:
    """Each supported major in turn."""
    return servers.of_major(request.param)


@pytest.fixture
def any_database(any_server: Server) -> Iterator[Database]:
    """A fresh database on each supported major in turn."""
    with fresh_database(any_server) as database:
        yield database


@pytest.fixture(scope="session", params=NEWEST, ids="postgres{}".format)
def newest_server(request: pytest.FixtureRequest, servers: Servers) -> Server:
    """The newest supported major; the others in the long run alone."""
    return servers.of_major(request.param)


@pytest.fixture
def newest_database(newest_server: Server) -> Iterator[Database]:
    """A fresh database on the newest supported major; on the others in the long run alone."""
    with fresh_database(newest_server) as database:
        yield database


@pytest.fixture(scope="session", params=ENDS, ids="postgres{}".format)
def end_server(request: pytest.FixtureRequest, servers: Servers) -> Server:
    """The oldest and the newest supported major, for promises to do no harm; those between in the long run alone."""
    return servers.of_major(request.param)


@pytest.fixture
def end_database(end_server: Server) -> Iterator[Database]:
    """A fresh database on the oldest and the newest supported major; between them in the long run alone."""
    with fresh_database(end_server) as database:
        yield database
