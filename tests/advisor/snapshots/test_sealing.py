"""What is no SQL can hold a password as well."""

from __future__ import annotations

from collections.abc import Callable

import msgspec
import pytest

from pgadvisor.analyze import analyze
from pgadvisor.collect import collect
from pgadvisor.config import Config, ReportConfig
from pgadvisor.masking import MASK
from pgadvisor.model.activity import Activity, Replication, SessionState, StandbyState
from pgadvisor.model.counters import Window
from pgadvisor.model.plans import ObservedPlan, ParameterValue, PlanMethod, ValueChoice
from pgadvisor.model.statements import Statements, StatementText
from pgadvisor.registry import load_rules
from pgadvisor.snapshots.check import problem
from pgadvisor.snapshots.redaction import redacted
from pgadvisor.snapshots.sealing import sealed
from support.databases import fresh_database
from support.servers import Server
from support.snapshots import snapshot

SECRET = "hunter2"


def test_names_of_applications_that_are_command_lines() -> None:
    names = (f"psql postgresql://app:{SECRET}@db/shop", f"dump host=db password={SECRET}", "Rails web: [1 of 4]", None)
    sessions = tuple(SessionState(pid=pid, application=name) for pid, name in enumerate(names, start=1))
    standbys = (StandbyState(application=f"walreceiver password={SECRET}"), StandbyState(application="standby1"))
    activity = msgspec.structs.replace(
        snapshot({}).activity or Activity(sessions=1, max_connections=10, waiting_sessions=0),
        noted_sessions=sessions,
        replication=Replication(standbys=standbys),
    )
    kept = sealed(msgspec.structs.replace(snapshot({}), activity=activity)).activity
    assert kept is not None
    assert kept.replication is not None
    assert [session.application for session in kept.noted_sessions] == [MASK, MASK, "Rails web: [1 of 4]", None]
    assert [standby.application for standby in kept.replication.standbys] == [MASK, "standby1"]


SCHEMA = """
CREATE TABLE users (
    id bigint PRIMARY KEY, name text, password text NOT NULL DEFAULT 'hunter2', pin integer DEFAULT 7351298,
    token uuid, "apiKey" bytea, token_count integer DEFAULT 3, state text, CHECK (password <> 'hunter2check')
);
INSERT INTO users SELECT n, 'name ' || n, CASE WHEN n % 2 = 0 THEN 'hunter2common' ELSE 'hunter2 ' || n END, 7351298,
    '9d3f6c1e-5a77-4000-8000-00000000beef', 'hunter2'::bytea, n % 5, CASE WHEN n % 2 = 0 THEN 'open' ELSE 'done' END
    FROM generate_series(1, 1000) AS n;
CREATE INDEX weak ON users (name) WHERE password <> 'hunter2predicate';
CREATE INDEX weaker ON users (name) WHERE password <> 'hunter2other';
CREATE INDEX lowered ON users (lower(password));
CREATE INDEX busy ON users (name) WHERE state = 'open' AND password IS NOT NULL;
CREATE STATISTICS both_of (mcv) ON name, password FROM users;
CREATE TABLE secrets (id bigint, value text DEFAULT 'hunter2');
INSERT INTO secrets SELECT n, 'hunter2 ' || n % 3 FROM generate_series(1, 300) AS n;
CREATE VIEW settings AS SELECT 'hunter2'::text AS api_key;
CREATE FUNCTION get_api_key() RETURNS text LANGUAGE sql AS $$ SELECT 'hunter2'::text $$;
CREATE FUNCTION login(password text DEFAULT 'hunter2') RETURNS boolean LANGUAGE sql AS 'SELECT true';
CREATE FUNCTION hook() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END';
CREATE TRIGGER told AFTER INSERT ON users FOR EACH ROW EXECUTE FUNCTION hook('https://example.com/hunter2');
CREATE POLICY own ON users USING (login() AND password <> 'hunter2policy' AND name <> get_api_key());
CREATE TABLE by_token (token text) PARTITION BY LIST (token);
CREATE TABLE by_token_1 PARTITION OF by_token FOR VALUES IN ('hunter2bound');
ANALYZE;
"""
STATEMENTS = (
    "SELECT id FROM users WHERE password = 'hunter2common' AND pin = 7351298",
    "SELECT id FROM secrets WHERE value = 'hunter2 1'",
    "SELECT id FROM users WHERE password > 'hunter2 5'",
    "ALTER TABLE users ALTER password SET DEFAULT 'hunter2'",
    "DO $$ BEGIN PERFORM 'hunter2'; END $$",
    """NOTIFY ch, '{"pass": "hunter2"}'""",
)


@pytest.mark.parametrize("major", [13, 18])
def test_no_secret_of_a_database_reaches_a_snapshot_or_a_report(
    major: int, old_server: Callable[[int], Server]
) -> None:
    with fresh_database(old_server(major)) as database:
        database.execute(SCHEMA)
        with database.connect() as connection:
            connection.execute("SET pg_stat_statements.track_utility = on")
            for statement in STATEMENTS:
                connection.execute(statement)
        snapshot = collect(database.dsn, Config().collect)
    assert problem(snapshot) is None
    report = analyze(snapshot, Config(report=ReportConfig(show_values=True)), load_rules())
    for held in (snapshot, report, redacted(snapshot, names=False)):
        text = msgspec.json.encode(held).decode()
        assert [secret for secret in (SECRET, SECRET.encode().hex(), "7351298", "9d3f6c1e") if secret in text] == []
    catalog = snapshot.catalog
    indexes = {index.name: index for index in catalog.indexes}
    assert [indexes[name].complete for name in ("weak", "weaker", "lowered", "busy")] == [False, False, True, True]
    # Two that only look alike now are not called duplicates, nor is SQL made of them.
    assert not [finding for finding in report.findings if "weak" in finding.sentence]
    assert b"or holds a secret" in msgspec.json.encode(report)
    columns = {column.name: column for column in catalog.columns}
    assert (columns["password"].default, columns["token_count"].default) == (f"'{MASK}'::text", "3")
    statistics = {row.column: row for row in snapshot.column_statistics}
    assert statistics["password"].most_common_freqs == "{0.5}"
    assert statistics["password"].read.most_common_values not in (None, ())
    bounds = statistics["password"].read.histogram_bounds
    assert bounds is not None and len(bounds) == 101 and list(bounds) == sorted(bounds)
    assert statistics["state"].read.most_common_values == ("done", "open")


def test_values_of_a_call_whose_statement_names_a_secret_are_hidden() -> None:
    texts = {"1": "SELECT id FROM users WHERE password = $1", "2": "SELECT id FROM users WHERE id = $1"}
    value = ParameterValue(position=1, type="text", value=SECRET, source="slowest call in a log")
    plans = tuple(
        ObservedPlan(
            query_id=query_id,
            method=PlanMethod.VALUES,
            values=ValueChoice.LOGGED,
            parameters=(value,),
            planner="PostgreSQL 18",
            plan={"Plan": {"Node Type": "Seq Scan", "Filter": f"(password = '{SECRET}'::text)"}},
        )
        for query_id in texts
    )
    window = Window(since=None, until=snapshot({}).server.collected_at, source="test")
    statements = Statements(
        window=window, texts=tuple(StatementText(query_id=key, text=text) for key, text in texts.items())
    )
    telling, other = sealed(msgspec.structs.replace(snapshot({}), statements=statements, plans=plans)).plans
    assert telling.parameters[0].value == MASK
    assert SECRET not in str(telling.plan)
    assert other.parameters[0].value == SECRET
