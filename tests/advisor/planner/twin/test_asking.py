"""A twin is asked as production would be: the same roles, settings and values, and for any set of indexes."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import msgspec
import pytest

from pgadvisor.facts import Facts
from pgadvisor.model.server import Setting, SettingOverride
from pgadvisor.model.statements import StatementRole
from pgadvisor.model.whatif import AS_IS, Configuration, IndexName
from pgadvisor.planner.live import Live
from pgadvisor.planner.protocol import PlannerError
from pgadvisor.planner.twin import configure
from pgadvisor.planner.twin.settings import Environment
from pgadvisor.planner.twin.twin import Twin
from support.databases import Database
from support.planning import OFF
from support.reading import open_session
from support.server_packages import packaged_binaries
from support.servers import MAIN
from support.twins import question, snapshot_of

pytestmark = pytest.mark.server

SECRET = "hunter2"
BY_KIND = question("SELECT * FROM t WHERE kind = 3")
OF_PARTITIONS = question("SELECT * FROM p WHERE x = 3")
GENERIC = question("SELECT * FROM t WHERE kind = $1 AND id > $2")
UNQUALIFIED = question("SELECT * FROM things")


def fill(database: Database) -> str:
    """Tables and a role with settings of its own; the role's name."""
    database.execute(
        """
        CREATE TABLE t (id int PRIMARY KEY, kind int, at timestamptz DEFAULT now());
        CREATE INDEX "kind's "" index" ON t (kind);
        INSERT INTO t SELECT i, i % 7000 FROM generate_series(1, 20000) AS i;
        CREATE TABLE p (id int, x int) PARTITION BY RANGE (id);
        CREATE TABLE p_1 PARTITION OF p FOR VALUES FROM (0) TO (10000);
        CREATE TABLE p_2 PARTITION OF p FOR VALUES FROM (10000) TO (20000);
        INSERT INTO p SELECT i, i % 777 FROM generate_series(0, 19999) AS i;
        CREATE INDEX p_x ON p (x);
        """
    )
    role = database.role().name
    quoted = '"' + role + '"'
    database.execute(
        f"""
        CREATE SCHEMA {quoted} AUTHORIZATION {quoted};
        CREATE TABLE {quoted}.things AS SELECT generate_series(1, 1000) AS i;
        ALTER ROLE {quoted} SET enable_bitmapscan = off;
        ALTER DATABASE "{database.name.replace('"', '""')}" SET random_page_cost = 1.5;
        """
    )
    database.execute("VACUUM ANALYZE")
    database.disconnect()
    return role


@pytest.fixture
def twin_and_role(newest_database: Database) -> Iterator[tuple[Twin, str]]:
    role = fill(newest_database)
    snapshot = snapshot_of(newest_database.dsn)
    # Overrides are read with the statements' roles; the snapshot of a test has no statements.
    own = SettingOverride(database=None, role=role, name="enable_bitmapscan", value="off")
    snapshot = msgspec.structs.replace(snapshot, server=msgspec.structs.replace(snapshot.server, overrides=(own,)))
    major = newest_database.server.major
    where = "auto" if major == MAIN else str(packaged_binaries(major).bin_dir)
    with Twin(Facts(snapshot, {}), server=where) as twin:
        yield twin, role


def cost(database: Database, text: str, first: str = "") -> float:
    """What the database itself says after a change that is rolled back."""
    with database.connect() as connection, connection.transaction(force_rollback=True):
        if first:
            connection.execute(first.encode())
        ((plans,),) = connection.execute(f"EXPLAIN (FORMAT JSON) {text}".encode()).fetchall()
    return float(plans[0]["Plan"]["Total Cost"])


def test_answers_as_the_server_would(newest_database: Database, twin_and_role: tuple[Twin, str]) -> None:
    database, (twin, role) = newest_database, twin_and_role
    asked = [BY_KIND, OF_PARTITIONS]
    as_is = tuple(cost(database, each.text) for each in asked)
    without_kind = Configuration(drop=(IndexName(schema="public", name="kind's \" index"),))
    without_x = Configuration(drop=(IndexName(schema="public", name="p_x"),))
    cheap = Configuration(settings=(("enable_bitmapscan", "off"), ("random_page_cost", "1")))

    assert twin.costs(asked) == as_is
    dropped = cost(database, BY_KIND.text, 'DROP INDEX "kind\'s "" index"')
    assert twin.costs(asked, without_kind) == (dropped, as_is[1])
    # Those of partitions are gone with it.
    dropped = cost(database, OF_PARTITIONS.text, "DROP INDEX p_x")
    assert twin.costs(asked, without_x) == (as_is[0], dropped)
    set_so = cost(database, BY_KIND.text, "SET LOCAL enable_bitmapscan = off; SET LOCAL random_page_cost = 1")
    assert twin.plan(BY_KIND, cheap).cost == set_so
    # Nothing of it lasts.
    assert twin.costs(asked) == as_is

    # As its role, with its settings and its schema.
    app = StatementRole(oid=1, name=role)
    assert twin.plan(UNQUALIFIED).refusal.startswith("The server does not know a name in it")
    own = twin.costs([replace(UNQUALIFIED, role=app), BY_KIND, replace(BY_KIND, role=app)])
    assert own[0] == cost(database, f'SELECT * FROM "{role}".things')
    assert own[1:] == (as_is[0], cost(database, BY_KIND.text, "SET LOCAL enable_bitmapscan = off"))

    # With values, and without.
    of_values = replace(GENERIC, values=("3", "19000"))
    assert twin.plan(of_values).cost == cost(database, "SELECT * FROM t WHERE kind = 3 AND id > 19000")
    assert twin.plan(replace(GENERIC, values=(None, "1"))).cost == cost(
        database, "SELECT * FROM t WHERE kind = NULL AND id > 1"
    )
    unknown = twin.plan(GENERIC)
    assert unknown.cost == generic_cost(database, GENERIC.text)
    assert unknown.plan is not None
    assert "Output" in unknown.plan["Plan"]
    assert (
        twin.costs([GENERIC, of_values, GENERIC], without_kind)[::2]
        == (generic_cost(database, GENERIC.text, 'DROP INDEX "kind\'s "" index"'),) * 2
    )


def test_thousands_of_configurations_leave_little(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(configure, "_VACUUM_AFTER", 200)
    fill(database)
    with Twin(Facts(snapshot_of(database.dsn), {})) as twin:
        without_x = Configuration(drop=(IndexName(schema="public", name="p_x"),))
        answers = {twin.costs([BY_KIND, OF_PARTITIONS], without_x) for _ in range(1000)}
        assert len(answers) == 1
        assert twin._building is not None
        # Three marks for each, of which a page holds less than a hundred.
        assert twin._building.admin.execute("SELECT pg_relation_size('pg_index') < 25 * 8192").fetchone() == (True,)


def generic_cost(database: Database, text: str, first: str = "SELECT 1") -> float:
    """The cost of the generic plan, as every version has it."""
    change = f"{first}; SET LOCAL plan_cache_mode = force_generic_plan; PREPARE s AS {text}"
    return cost(database, "EXECUTE s (NULL, NULL)", change)


def test_all_partitions_are_in_a_generic_plan(newest_database: Database, twin_and_role: tuple[Twin, str]) -> None:
    """Before 16 it is had with NULLs, which would prune them all; what comes after it is pruned as ever."""
    twin, _ = twin_and_role
    asked = [question("SELECT * FROM p WHERE id = $1"), question("SELECT * FROM p WHERE id = 5 AND x = $1")]
    with open_session(newest_database.dsn) as session:
        live = Live(session, Facts(snapshot_of(newest_database.dsn), {}), OFF)
        observed = [(live.plan(each).plan or {})["Plan"] for each in asked]
        live.close()
    assert [(twin.plan(each).plan or {})["Plan"] for each in asked] == observed
    assert twin.costs([*asked, *asked]) == tuple(plan["Total Cost"] for plan in observed) * 2
    assert "p_1" in str(observed[0])
    assert "p_2" in str(observed[0])
    assert "p_2" not in str(observed[1])


def test_what_is_refused_is_a_sentence_and_holds_nobody_up(
    newest_database: Database, twin_and_role: tuple[Twin, str]
) -> None:
    twin, _ = twin_and_role
    texts = {
        "SELECT 1; DROP TABLE t": "several",
        "VACUUM t": "not a statement that the planner plans",
        "SELECT nope FROM t": 'column "nope" does not exist',
        "SELECT * FROM t WHERE id = 'hunter2'": "SQLSTATE 22P02",
        "SELECT count(*) FROM t WHERE at > now() - interval $1": "",
        "SELECT $1": "",
    }
    questions = [BY_KIND, *(question(text) for text in texts), BY_KIND]
    answers = twin.costs(questions)
    assert answers == twin.costs(questions)
    assert [each is None for each in answers] == [False, True, True, True, True, False, False, False]
    for text, reason in texts.items():
        answer = twin.plan(question(text))
        if reason == "several":
            assert "does not accept it as one statement" in answer.refusal
        else:
            assert reason in answer.refusal
        assert bool(answer.refusal) == bool(reason)
        assert SECRET not in answer.refusal
    bound = replace(GENERIC, values=(SECRET, "1"))
    assert SECRET not in twin.plan(bound).refusal
    assert "SQLSTATE 22P02" in twin.plan(bound).refusal
    assert "2 parameters" in twin.plan(replace(GENERIC, values=("1",))).refusal
    # Numbers that mending closes up are those of the values still.
    regrouped = question(
        "SELECT date_part($1, at), $4::int FROM t WHERE id = $2 GROUP BY date_part($3, at)",
        values=("day", "5", "day", "6"),
    )
    assert twin.plan(regrouped).refusal == ""

    gone = Configuration(drop=(IndexName(schema="public", name="nowhere"),))
    for configuration, reason in (
        (gone, "There is no index public.nowhere"),
        (Configuration(settings=(("work_mem", SECRET),)), "cannot have that value"),
        (Configuration(settings=(("jit", "on"),)), "jit is no setting that"),
        (Configuration(settings=(("enable_seqscan", "off"),)), ""),
        (AS_IS, ""),
    ):
        assert twin.unable(configuration).startswith(reason) or reason in twin.unable(configuration)
        assert bool(twin.unable(configuration)) == bool(reason)
        assert SECRET not in twin.unable(configuration)
    assert twin.plan(BY_KIND, Configuration(settings=(("work_mem", SECRET),))).plan is None

    twin._server.stop()
    with pytest.raises(PlannerError, match="gone"):
        twin.costs([BY_KIND])


def test_settings_that_the_twin_cannot_have_are_told(database: Database) -> None:
    def setting(name: str, value: str, default: str) -> Setting:
        return Setting(name=name, value=value, unit=None, source="configuration file", default=default)

    server = snapshot_of(database.dsn).server
    server = msgspec.structs.replace(
        server,
        block_size_bytes=16384,
        settings=(
            setting("enable_time_travel", "on", "off"),
            setting("enable_nothing", "on", "on"),
            setting("work_mem", "-5", "4096"),
            setting("seq_page_cost", "2", "1"),
            setting("log_statement", "all", "none"),
        ),
        overrides=(SettingOverride(database=None, role="x", name="geqo_threshold", value=SECRET),),
    )
    with database.connect() as connection:
        connection.autocommit = False
        environment = Environment(server, {"app.tenant": "42"})
        shortfalls = environment.settle(connection)

        def shown(name: str) -> Any:
            return connection.execute("SELECT current_setting(%s)", [name]).fetchone()

        assert shown("seq_page_cost") == ("2",)
        assert shown("log_statement") == ("none",)
        assert shown("standard_conforming_strings") == ("on",)
        connection.execute(environment.of(StatementRole(oid=1, name="x")).commands().encode())
        assert shown("app.tenant") == ("42",)
    assert {each.what for each in shortfalls} == {
        "setting enable_time_travel",
        "setting work_mem",
        "setting geqo_threshold",
        "pages of 16384 bytes",
    }
    assert all(each.everywhere and SECRET not in each.reason for each in shortfalls)
