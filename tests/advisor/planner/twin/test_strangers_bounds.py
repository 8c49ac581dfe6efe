"""What a stranger's code does while a twin plans has an end, and changes nothing of what is asked after it."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import msgspec
import psycopg
import pytest

from pgadvisor.facts import Facts
from pgadvisor.localserver import environment
from pgadvisor.model.catalog import IndexDefinition, IndexKey
from pgadvisor.model.objects import Function
from pgadvisor.model.whatif import Configuration
from pgadvisor.planner import wire
from pgadvisor.planner.protocol import PlannerError, Question
from pgadvisor.planner.twin import asking, deadline, server, under_configuration
from pgadvisor.planner.twin.storage import new_indexes, questions
from pgadvisor.planner.twin.storage.questions import TableQuestions
from pgadvisor.planner.twin.twin import Twin
from support.databases import Database
from support.server_packages import packaged_binaries
from support.servers import MAIN
from support.twins import question, snapshot_of

pytestmark = pytest.mark.server

BY_ID = question("SELECT * FROM t WHERE id = 3")
SETS = "SELECT length(set_config('{}', '{}', false))"
# Put off in the first of several plans, endless in the next.
ENDLESS = (
    "SELECT CASE WHEN current_setting('statement_timeout') = '0' THEN length(pg_sleep(1000)::text) "
    "ELSE length(set_config('statement_timeout', '0', false)) END"
)
BODIES = {
    "mislead": SETS.format("standard_conforming_strings", "off"),
    "encode": SETS.format("client_encoding", "SJIS"),
    "endless": ENDLESS,
    "sleeps": "SELECT CASE WHEN pg_sleep(3600) IS NULL THEN 1 ELSE 2 END",
    "locks": "SELECT length(query_to_xml('SELECT pg_advisory_lock(i) FROM generate_series(1, 3000000) AS i', "
    "true, true, '')::text)",
    "writes": "SELECT length(query_to_xml('SELECT lo_from_bytea(0, ''x'')', true, true, '')::text)",
    "logs": "SELECT length(query_to_xml('SELECT pg_logical_emit_message(false, ''x'', ''y'')', true, true, '')::text)",
    "takes": "SELECT " + " + ".join(f"length(repeat(repeat(chr({97 + n}), 100000), 600))" for n in range(6)),
}


def function(name: str, body: str, oid: int) -> Function:
    definition = (
        f"CREATE OR REPLACE FUNCTION public.{name}()\n RETURNS integer\n LANGUAGE sql\n IMMUTABLE\n"
        f"AS $function${body}$function$\n"
    )
    return Function(
        oid=oid, schema="public", name=name, arguments="", result="integer", language="sql", owner="app",
        volatility="i", cost=1, definition=definition,
    )  # fmt: skip


@contextmanager
def hostile_twin(database: Database) -> Iterator[Twin]:
    """A twin of a table, with functions of a stranger's."""
    database.execute(
        """
        CREATE TABLE t (id int PRIMARY KEY, name text);
        INSERT INTO t SELECT i, 'n' || i FROM generate_series(1, 10000) AS i;
        CREATE TABLE p (id int, k int) PARTITION BY LIST (id);
        CREATE TABLE p_1 PARTITION OF p FOR VALUES IN (1);
        CREATE TABLE p_2 PARTITION OF p FOR VALUES IN (2);
        ANALYZE;
        """
    )
    snapshot = snapshot_of(database.dsn)
    functions = tuple(function(name, body, 900_000 + n) for n, (name, body) in enumerate(BODIES.items()))
    catalog = msgspec.structs.replace(snapshot.catalog, functions=functions)
    major = database.server.major
    where = "auto" if major == MAIN else str(packaged_binaries(major).bin_dir)
    with Twin(Facts(msgspec.structs.replace(snapshot, catalog=catalog), {}), server=where) as twin:
        yield twin


def test_nothing_that_planning_runs_changes_what_is_asked_next(
    end_database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in (asking, under_configuration):
        monkeypatch.setattr(module, "TIMEOUT_MS", 3000)
    monkeypatch.setattr(server, "_MEMORY_BYTES", 2**27)
    with hostile_twin(end_database) as twin:
        assert twin._building is not None
        admin = twin._building.admin
        as_is = twin.plan(BY_ID).cost
        # One command where a backslash is a character, several where it escapes a quote; with and without parameters.
        for rest in ("", ", $1::int"):
            text = f"SELECT '\\' , '; COMMIT; CREATE TABLE public.smuggled (); SELECT 1; --'{rest}"
            twice = [Question(query_id=id_, text=text) for id_ in "12"]
            for misleading in ("mislead", "encode"):
                first, _, last, after = twin.costs([twice[0], question(f"SELECT {misleading}()"), twice[1], BY_ID])
                assert (first, after) == (last, as_is)
                assert first is not None
            # In one statement, the first of which is read before the last is sent.
            assert twin.plan(question(text.replace("SELECT ", "SELECT mislead(), "))).plan is not None
        assert admin.execute("SELECT to_regclass('public.smuggled')").fetchone() == (None,)

        began = time.monotonic()
        refusal = twin.plan(question("SELECT * FROM p WHERE id = $1 AND k <> endless()")).refusal
        # A generic plan takes two EXPLAINs there.
        assert ("longer than 3 s" in refusal) == (admin.info.server_version < 160000)
        assert time.monotonic() - began < 20

        # What the session took is given back, and what would stay is refused.
        assert "53200" in twin.plan(question("SELECT locks()")).refusal
        assert admin.execute("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory'").fetchone() == (0,)
        for name in ("writes", "logs"):
            assert "permission denied for function" in twin.plan(question(f"SELECT {name}()")).refusal
        # It would be more than 360 MB.
        assert "53200" in twin.plan(question("SELECT takes()")).refusal
        assert twin.costs([question("SELECT locks()"), BY_ID]) == (None, as_is)
        size = twin.sizes([IndexDefinition(schema="public", table="t", keys=(IndexKey(column="name"),))])[0]
        assert size.size_bytes

        monkeypatch.setattr(questions, "_PATIENCE_S", 0.4)
        began = time.monotonic()
        with TableQuestions(twin._building) as parts:
            oid = next(new for old, new in twin._building.oids.items() if old == table_oid(end_database))
            assert [parts.selectivity(oid, "id > sleeps()") for _ in range(20)] == [None] * 20
        assert time.monotonic() - began < 5


def table_oid(database: Database) -> int:
    ((oid,),) = database.execute("SELECT 't'::regclass::oid::int")
    return int(oid)


def test_a_cancel_that_comes_late_is_no_end_of_the_twin(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    run = asking.Asker.run
    late = ["once", "twice"]

    def cancelled(asker: asking.Asker, command: str) -> bytes:
        if command.startswith("ROLLBACK") and late:
            late.pop()
            raise psycopg.errors.QueryCanceled
        return run(asker, command)

    with hostile_twin(database) as twin:
        monkeypatch.setattr(asking.Asker, "run", cancelled)
        assert twin.plan(BY_ID).plan is not None
        assert not late
        monkeypatch.setattr(asking, "_ENDINGS", 0)
        with pytest.raises(PlannerError, match="could not be ended"):
            twin.plan(BY_ID)


def test_a_cancel_that_comes_late_takes_no_index_with_it(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    run_one = wire.run_one
    on_name, on_id = (
        IndexDefinition(schema="public", table="t", keys=(IndexKey(column=column),)) for column in ("name", "id")
    )
    late = ["once"]

    def cancelled(connection: psycopg.Connection[Any], command: str) -> None:
        if late:
            raise psycopg.errors.QueryCanceled(late.pop())
        run_one(connection, command)

    with hostile_twin(database) as twin:
        monkeypatch.setattr(new_indexes, "run_one", cancelled)
        assert twin.unable(Configuration(create=(on_name,))) == ""
        # One that comes again and again is meant.
        late += ["thrice", "twice", "once"]
        assert (twin.unable(Configuration(create=(on_id,))), late) == ("Twice.", ["thrice"])


def test_a_twin_that_hears_no_cancel_is_given_up(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(asking, "TIMEOUT_MS", 200)
    monkeypatch.setattr(deadline, "_GRACE_S", 0.5)
    # As C code is that never looks.
    monkeypatch.setattr(psycopg.Connection, "cancel", lambda _connection: None)
    with hostile_twin(database) as twin:
        began = time.monotonic()
        with pytest.raises(PlannerError, match=r"statement 'deaf' took longer than .* could not be cancelled"):
            twin.costs([question("SELECT endless()"), Question(query_id="deaf", text="SELECT endless() + 1"), BY_ID])
        assert time.monotonic() - began < 10
        with pytest.raises(PlannerError, match="given up"):
            twin.plan(BY_ID)


def test_more_than_one_command_gives_the_twin_up(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever let it through: none of what is said after it could be believed."""
    monkeypatch.setattr(asking, "_READING", {})
    with hostile_twin(database) as twin:
        text = "SELECT '\\' , '; COMMIT; SELECT 1; --', $1::int"
        twice = [Question(query_id=id_, text=text) for id_ in "12"]
        with pytest.raises(PlannerError, match="statement '2' ran commands beside its EXPLAIN"):
            twin.costs([twice[0], question("SELECT mislead()"), twice[1]])


def test_it_ends_with_its_client_and_a_client_with_it(database: Database) -> None:
    with hostile_twin(database) as twin:
        assert twin._building is not None
        admin = twin._building.admin
        # As one that is killed, which says nothing to the server.
        client = psycopg.connect(twin._server.dsn())
        client.pgconn.send_query(b"SELECT pg_sleep(3600)")
        pid = client.info.backend_pid
        client.pgconn.finish()
        gone = "SELECT pid FROM pg_stat_activity WHERE pid = %s"
        until = time.monotonic() + 20
        while admin.execute(gone, (pid,)).fetchone() and time.monotonic() < until:
            time.sleep(0.1)
        assert admin.execute(gone, (pid,)).fetchone() is None

        assert twin._asker is not None
        admin.execute("SELECT pg_terminate_backend(%s, 5000)", (twin._asker._connection.info.backend_pid,))
        with pytest.raises(PlannerError, match="gone"):
            twin.plan(BY_ID)


def test_the_environment_does_not_lead_elsewhere(
    database: Database, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Of all that libpq reads from it that would keep a connection from a server of our own."""
    service = tmp_path / "services"
    service.write_text("[else]\nhostaddr=127.0.0.1\nport=1\ntarget_session_attrs=standby\noptions=-c geqo=off\n")
    for name, value in {
        "PGHOSTADDR": "127.0.0.1",
        "PGOPTIONS": "-c default_transaction_read_only=on",
        "PGREQUIREAUTH": "scram-sha-256",
        "PGTARGETSESSIONATTRS": "standby",
        "PGCLIENTENCODING": "LATIN1",
        "PGGSSENCMODE": "require",
        "PGCHANNELBINDING": "require",
        "PGREQUIREPEER": "nobody-else",
        "PGSSLMODE": "require",
        "PGSSLNEGOTIATION": "direct",
        "PGSSLROOTCERT": "system",
        "PGSSLCERTMODE": "require",
        "PGSSLMINPROTOCOLVERSION": "TLSv1.3",
        "PGSSLMAXPROTOCOLVERSION": "TLSv1",
        "PGLOADBALANCEHOSTS": "random",
        "PGSERVICEFILE": str(service),
    }.items():
        monkeypatch.setenv(name, value)
    snapshot = snapshot_of(environment.of_our_own(database.dsn))
    monkeypatch.setenv("PGSERVICE", "else")
    with Twin(Facts(snapshot, {})) as twin:
        assert twin.plan(question("SELECT 'é', 1")).plan is not None
