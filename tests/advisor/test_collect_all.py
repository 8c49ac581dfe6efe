"""All databases of a server in one run: one connection at a time, statements read once, what stays closed is said."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import psycopg
import pytest
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict

from pgadvisor.collect import collect, collect_all
from pgadvisor.collecting.databases import dsn_of, not_looked_at
from pgadvisor.config import CollectConfig
from pgadvisor.model.coverage import Fact, GapKind, Presence
from pgadvisor.model.snapshot import Snapshot
from pgadvisor.postgres.connect import ConnectError
from pgadvisor.postgres.session import Transaction
from pgadvisor.progress import silent
from support.databases import Database, Role, fresh_database
from support.servers import Server

pytestmark = pytest.mark.server
ALL = CollectConfig(all_databases=True)
HOSTILE = "a=b 'c' \"d\" %s \\ </x>\npostgresql://ü"


@contextmanager
def named_database(server: Server, name: str) -> Iterator[Database]:
    """A database of exactly this name, without pg_stat_statements."""
    database = Database(server, name)
    with server.connect() as connection:
        connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
    try:
        yield database
    finally:
        database.drop()


def fill(database: Database, name: str) -> None:
    database.execute(f"CREATE TABLE {name} (id int PRIMARY KEY, a int)")
    database.execute(f"INSERT INTO {name} SELECT i, i FROM generate_series(1, 300) AS i")
    database.execute(f"ANALYZE {name}")
    for _ in range(15):
        database.execute(f"SELECT count(*) FROM {name} WHERE a = %s", [7])
    database.execute(f"SELECT * FROM {name} ORDER BY a LIMIT 1")


def by_name(snapshots: tuple[Snapshot, ...]) -> dict[str, Snapshot]:
    return {snapshot.server.database: snapshot for snapshot in snapshots}


def texts_of(snapshot: Snapshot) -> set[str | None]:
    assert snapshot.statements is not None
    return {text.text for text in snapshot.statements.texts}


@pytest.fixture
def asked_for_texts(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Queries that had the server read the texts of statements."""
    asked: list[str] = []
    rows = Transaction.rows

    def note(transaction: Transaction, query: Any, *args: Any, **options: Any) -> list[dict[str, Any]]:
        text = query if isinstance(query, str) else query.as_string()
        if "pg_stat_statements(true)" in text or "pg_stat_statements AS" in text:
            asked.append(text)
        return rows(transaction, query, *args, **options)

    monkeypatch.setattr(Transaction, "rows", note)
    return asked


def test_one_database_has_its_texts_read_once(database: Database, asked_for_texts: list[str]) -> None:
    fill(database, "t")
    snapshot = collect(database.dsn, CollectConfig())
    assert "SELECT count(*) FROM t WHERE a = $1" in texts_of(snapshot)
    assert len(asked_for_texts) == 1
    assert collect_all(database.dsn, CollectConfig())[0].server.database == database.name
    assert len(asked_for_texts) == 2


def test_all_databases(any_server: Server, asked_for_texts: list[str]) -> None:
    with ExitStack() as stack:
        installed = stack.enter_context(fresh_database(any_server))
        hostile = stack.enter_context(named_database(any_server, HOSTILE))
        closed = stack.enter_context(named_database(any_server, 'closed "to all"'))
        full = stack.enter_context(named_database(any_server, "full"))
        hidden = [stack.enter_context(named_database(any_server, name)) for name in ("rdsadmin", "a template", "off")]
        # What tests before this one ran in other databases would be the costliest of the server.
        installed.execute("SELECT pg_stat_statements_reset()")
        fill(installed, "here")
        fill(hostile, "there")
        closed.execute("SELECT 1")
        role = hostile.role(member_of=["pg_monitor"], grants=["SELECT ON there"])
        installed.execute("GRANT SELECT ON here TO PUBLIC")
        installed.execute('REVOKE CONNECT ON DATABASE "closed ""to all""" FROM PUBLIC')
        installed.execute('ALTER DATABASE "full" CONNECTION LIMIT 0; ALTER DATABASE "a template" IS_TEMPLATE true')
        installed.execute("ALTER DATABASE off ALLOW_CONNECTIONS false")
        together: list[int] = []

        def count(step: str, done: int = 0, total: int | None = None) -> None:
            assert step.isprintable()
            query = "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'pgadvisor' AND usename = %s"
            together.append(installed.execute(query, [role.name])[0][0])

        try:
            snapshots = collect_all(role.dsn, ALL, count)
        finally:
            installed.execute('ALTER DATABASE "a template" IS_TEMPLATE false')
        names = [snapshot.server.database for snapshot in snapshots]
        assert names == [hostile.name, *sorted(set(names) - {hostile.name})]
        assert {installed.name, "postgres"} <= set(names)
        assert set(names).isdisjoint({"template0", "template1", closed.name, full.name} | {d.name for d in hidden})
        assert len(asked_for_texts) == 1
        # One for the database looked at, and for a moment one that watches.
        assert max(together) <= 2
        here, there = by_name(snapshots)[installed.name], by_name(snapshots)[hostile.name]
        check_workloads(here, there)
        check_closed(snapshots, role)
        # Without the others the database whose extension is elsewhere has a gap that says so.
        alone = collect(role.dsn, CollectConfig())
        (gap,) = (gap for gap in alone.coverage.gaps if gap.fact is Fact.STATEMENTS)
        assert alone.statements is None and "--all-databases" in gap.remedy


def check_workloads(here: Snapshot, there: Snapshot) -> None:
    """Each database has its own tables, statements, texts and plans, and the sums of the others."""
    assert [relation.name for relation in here.catalog.relations] == ["here"]
    assert [relation.name for relation in there.catalog.relations] == ["there"]
    assert "SELECT count(*) FROM here WHERE a = $1" in texts_of(here)
    assert "SELECT count(*) FROM there WHERE a = $1" in texts_of(there)
    assert not any("there" in (text or "") for text in texts_of(here))
    for snapshot, table in ((here, "here"), (there, "there")):
        assert any(f"'Relation Name': '{table}'" in str(plan.plan) for plan in snapshot.plans)
    assert here.statements is not None and there.statements is not None
    assert here.statements.window == there.statements.window
    for one, other in ((here.statements, there.statements), (there.statements, here.statements)):
        assert one.other_databases_calls >= sum(row.calls for row in other.rows) > 0
        assert one.other_databases_ms >= sum(row.total_ms for row in other.rows) > 0
    for snapshot in (here, there):
        assert snapshot.coverage.presence(Fact.STATEMENTS) is Presence.PRESENT
        assert snapshot.coverage.presence(Fact.STATEMENT_TEXTS) is Presence.PRESENT
        assert snapshot.coverage.footprint.transactions > 5 and snapshot.coverage.footprint.explained > 0


def check_closed(snapshots: tuple[Snapshot, ...], role: Role) -> None:
    """What could not be looked at is said once, in the first."""
    first, *others = snapshots
    assert first.coverage.presence(Fact.CONNECTION) is Presence.PARTIAL
    assert all(other.coverage.presence(Fact.CONNECTION) is Presence.PRESENT for other in others)
    assert not any(gap.fact is Fact.CONNECTION for other in others for gap in other.coverage.gaps)
    gaps = {gap.scope: gap for gap in first.coverage.gaps if gap.fact is Fact.CONNECTION}
    closed = gaps['database "closed ""to all"""']
    assert closed.kind is GapKind.HIDDEN
    assert closed.remedy == f'GRANT CONNECT ON DATABASE "closed ""to all""" TO "{role.name}".'
    assert "no connection to spare" in gaps['database "full"'].reason
    assert len(gaps) == 2


def test_limits_are_for_all_databases_together(server: Server, database: Database) -> None:
    with fresh_database(server) as other:
        # What other tests ran on the server would cost more than the below.
        database.execute("SELECT pg_stat_statements_reset()")
        fill(database, "one")
        fill(other, "two")
        for _ in range(3):
            other.execute("SELECT pg_sleep(0.1)")
        few = collect_all(database.dsn, CollectConfig(all_databases=True, statements=4, max_explains=0))
        texts = [text.text for s in few if s.statements is not None for text in s.statements.texts]
        assert len(texts) == 4
        # The costliest of the server, wherever it ran.
        assert "SELECT pg_sleep($1)" in texts_of(by_name(few)[other.name])
        limits = CollectConfig(all_databases=True, max_explains=4, execute_max_statements=1)
        snapshots = by_name(collect_all(database.dsn, limits))
        costs = [snapshot.coverage.footprint for snapshot in snapshots.values()]
        assert sum(cost.explained + cost.executed for cost in costs) <= 4
        assert sum(cost.executed for cost in costs) <= 1
        for name in (database.name, other.name):
            assert snapshots[name].coverage.footprint.explained > 0
        enough = CollectConfig(all_databases=True, execute_max_statements=2)
        assert sum(snapshot.coverage.footprint.executed for snapshot in collect_all(database.dsn, enough)) == 2


def cut_at(database: Database, where: str, cut: Callable[[], None]) -> tuple[Snapshot, ...]:
    done = False

    def progress(step: str, _done: int = 0, total: int | None = None) -> None:
        nonlocal done
        if where in step and not done:
            done = True
            cut()

    return collect_all(database.dsn, ALL, progress)


def interrupt() -> None:
    raise KeyboardInterrupt


def test_an_interruption_keeps_what_was_collected(server: Server, database: Database) -> None:
    fill(database, "t")
    with fresh_database(server) as other:
        for where in (f"Connecting to {other.name}", f"Reading pg_stat_statements, in {other.name}"):
            first, *rest = cut_at(database, where, interrupt)
            assert first.server.database == database.name and first.plans
            assert other.name not in [snapshot.server.database for snapshot in rest]
            gaps = [gap for gap in first.coverage.gaps if gap.fact is Fact.CONNECTION]
            assert "interrupted" in [gap.scope for gap in gaps]
            assert any(other.name.replace('"', '""') in gap.scope for gap in gaps)
            assert first.coverage.presence(Fact.CONNECTION) is Presence.PARTIAL
        *_, last = cut_at(database, f"Reading the catalog, in {other.name}", interrupt)
        assert last.server.database == other.name
        assert "interrupted" in [gap.scope for gap in last.coverage.gaps if gap.fact is Fact.CONNECTION]
        (only,) = cut_at(database, f"Reading the catalog, in {database.name}", interrupt)
        assert only.statements is not None
        assert only.coverage.presence(Fact.CATALOG) is Presence.ABSENT
        with pytest.raises(KeyboardInterrupt):
            cut_at(database, "Connecting", interrupt)


def test_a_lost_connection_ends_the_look_at_one_database_alone(server: Server, database: Database) -> None:
    fill(database, "t")
    with fresh_database(server) as other:

        def end() -> None:
            query = (
                "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity"
                " WHERE application_name = 'pgadvisor' AND datname = current_database()"
            )
            database.execute(query)

        snapshots = cut_at(database, "Reading column statistics", end)
        assert snapshots[0].coverage.presence(Fact.CONNECTION) is Presence.PARTIAL
        whole = by_name(snapshots)[other.name]
        assert whole.coverage.presence(Fact.CONNECTION) is Presence.PRESENT
        assert whole.coverage.presence(Fact.STATEMENT_TEXTS) is Presence.PRESENT
        assert texts_of(whole)


def test_where_it_begins(database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With any form of connection string, and at a database that nearly every server has if there is no other."""
    few = CollectConfig(all_databases=True, max_explains=0)
    parts = {key: str(value) for key, value in conninfo_to_dict(database.server.superuser_dsn).items()}
    services = tmp_path / "services"
    services.write_text("[s]\n" + "".join(f"{k}={v}\n" for k, v in (parts | {"dbname": "postgres"}).items()))
    monkeypatch.setenv("PGSERVICEFILE", str(services))
    for dsn in ("service=s", database.server.tcp_dsn("postgres"), database.server.dsn("postgres")):
        names = [snapshot.server.database for snapshot in collect_all(dsn, few)]
        assert names[0] == "postgres" and database.name in names
    missing = collect_all(database.server.dsn("no such"), few)
    (gap,) = (gap for gap in missing[0].coverage.gaps if gap.fact is Fact.CONNECTION)
    assert gap.scope == 'database "no such"' and "there is no database" in gap.reason
    assert database.name in by_name(missing)
    # Nobody asked for the database that libpq takes for lack of a better one.
    given = dict(parts)
    given.pop("dbname", None)
    monkeypatch.setenv("PGDATABASE", "no such")
    assert collect_all(psycopg.conninfo.make_conninfo("", **given), few)[0].server.database == "postgres"


def test_none_at_all(database: Database) -> None:
    with pytest.raises(ConnectError, match="password"):
        collect_all(database.server.tcp_dsn("postgres", password="wrong"), ALL, silent)
    with pytest.raises(ConnectError, match="nothing accepts connections"):
        collect_all("host=127.0.0.1 port=1", ALL, silent)


def test_the_string_for_another_database() -> None:
    for dsn in (None, "", "postgresql://u:p%20w@h:5/old?sslmode=disable", "host=h dbname=old", "service=s"):
        given = conninfo_to_dict(dsn or "")
        assert conninfo_to_dict(dsn_of(dsn, HOSTILE)) == given | {"dbname": HOSTILE}


def test_many_databases_share_a_gap() -> None:
    gap = not_looked_at([f"d{n}" for n in range(25)], "Why.", "", GapKind.OTHER)
    assert '"d19" and 5 more' in gap.reason and "d20" not in gap.reason
    assert gap.scope.startswith('databases "d0", "d1"')
