"""Values and names of a real database do not survive redaction, and the analysis stays the same."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import msgspec
import psycopg
import pytest

from pgadvisor.analyze import analyze
from pgadvisor.collect import collect
from pgadvisor.config import Config
from pgadvisor.model.report import Report
from pgadvisor.model.snapshot import Snapshot
from pgadvisor.model.statistics import PgStats
from pgadvisor.registry import load_rules
from pgadvisor.snapshots.check import problem
from pgadvisor.snapshots.redaction import redacted
from pgadvisor.snapshots.redaction.arrays import elements
from pgadvisor.snapshots.redaction.names import own_words
from pgadvisor.workload.schema import SchemaView
from pgadvisor.workload.shapes import understand_all
from support.databases import Database, fresh_database
from support.runs import short_run
from support.servers import SUPPORTED, Server

# Values of rows, and constants in what is defined over them: none may be found again, whole or in part.
# Numbers have eight digits and more: a snapshot has hundreds of times, which hold any four digits by chance.
CANARIES = (
    "canaryvalue", "Canary Über", "canary'quote", "canaryrare", "canarydefault", "canarycheck", "canarypolicy",
    "canaryview", "canarybody", "canarycomment", "canarylist", "canarybound", "canaryutility", "canaryapp",
    "canarytrigger", "canaryelement", "canaryjson", "canarypattern", "canaryhash", "canarysetting", "canarydomain",
    "canaryargument", "canarylabel",
    "735129863", "73512.98635", ".88276431", "627193854", "2019-03-17", "2031-11-23", "9d3f6c1e-5a77",
    "10.77.66.55", "deadbeefcafe", "7:13:42.5917", "SECRETNUMBER",
)  # fmt: skip
NAMES = ("zoo", "animals", "keeper_of", "species_name", "feeding_log", "cage_number", "visitors", "beast")
PASSWORD = "hunter2"
SCHEMA = """
CREATE SCHEMA zoo;
CREATE TYPE zoo.species_name AS ENUM ('canarylabel', 'bird');
CREATE DOMAIN zoo.cage_code AS text DEFAULT 'canarydomain' CHECK (VALUE <> 'canarydomain');
CREATE TABLE zoo.keeper_of (id bigint PRIMARY KEY, keeper text NOT NULL);
CREATE TABLE zoo.animals (
    id bigint PRIMARY KEY, name text DEFAULT 'canarydefault', kind zoo.species_name, cage_number numeric,
    keeper_id bigint REFERENCES zoo.keeper_of, born date, seen timestamptz, tag uuid, address inet, photo bytea,
    nicknames text[], data jsonb, fed time, stay int4range, code zoo.cage_code,
    CHECK (name <> 'canarycheck'), CHECK (cage_number < 735129863)
);
CREATE TABLE zoo.feeding_log (at date, who text) PARTITION BY RANGE (at, who);
CREATE TABLE zoo.feeding_log_1 PARTITION OF zoo.feeding_log
    FOR VALUES FROM ('2019-03-17', 'canarybound') TO ('2031-11-23', 'canarylist');
CREATE TABLE zoo.visitors (a int, b text) PARTITION BY LIST (b);
CREATE TABLE zoo.visitors_1 PARTITION OF zoo.visitors FOR VALUES IN ('canarylist', 'canaryrare');
INSERT INTO zoo.keeper_of SELECT n, 'keeper ' || n FROM generate_series(627193854, 627195916) AS n;
INSERT INTO zoo.animals SELECT n,
    CASE WHEN n % 10 < 5 THEN 'canaryvalue' WHEN n % 10 < 7 THEN 'canary''quote' WHEN n % 500 = 7 THEN 'canaryrare'
         ELSE 'Canary Über ' || n END,
    CASE WHEN n % 2 = 0 THEN 'canarylabel' ELSE 'bird' END::zoo.species_name,
    CASE WHEN n % 3 = 0 THEN 73512.98635 ELSE n + 41.88276431 END, 627193854 + n % 2000,
    date '2019-03-17' + n % 900, timestamptz '2019-03-17 17:13:42.5917+00' + n * interval '1 hour',
    ('9d3f6c1e-5a77-4000-8000-' || lpad(n::text, 12, '0'))::uuid, ('10.77.66.' || n % 250)::inet,
    decode('deadbeefcafe' || lpad(to_hex(n), 8, '0'), 'hex'), ARRAY['canaryelement', 'n' || n % 10],
    jsonb_build_object('canaryjson', n % 5), '17:13:42.5917', int4range(n, n + 627193854), 'code ' || n
    FROM generate_series(1, 3000) AS n;
CREATE INDEX rare ON zoo.animals (keeper_id) WHERE name = 'canaryrare';
CREATE INDEX spelled ON zoo.animals ((name || 'canaryhash'));
CREATE INDEX by_kind ON zoo.animals (name);
CREATE STATISTICS zoo.both_of (mcv) ON name, kind FROM zoo.animals;
CREATE VIEW zoo.seen_ones AS SELECT id FROM zoo.animals WHERE name = 'canaryview' OR cage_number = 73512.98635;
CREATE FUNCTION zoo.feed(a text DEFAULT 'canaryargument') RETURNS text LANGUAGE sql IMMUTABLE AS
    $$ SELECT 'canarybody' || a /* canarycomment */ $$;
CREATE FUNCTION zoo.note() RETURNS trigger LANGUAGE plpgsql AS
    $$ BEGIN RAISE NOTICE 'canarybody'; RETURN NEW; END -- canarycomment
    $$;
CREATE INDEX fed ON zoo.animals (zoo.feed(name));
CREATE TRIGGER noted BEFORE UPDATE ON zoo.animals FOR EACH ROW WHEN (NEW.name = 'canarytrigger')
    EXECUTE FUNCTION zoo.note('canaryargument');
ALTER TABLE zoo.animals ENABLE ROW LEVEL SECURITY;
CREATE POLICY kept ON zoo.animals USING (name <> 'canarypolicy');
ANALYZE;
"""
STATEMENTS = (
    "SELECT count(*) FROM zoo.animals AS beast WHERE beast.name = 'canaryrare' /* canarycomment */",
    "SELECT id FROM zoo.animals WHERE name LIKE 'canarypattern%' AND cage_number > 73512.98635 ORDER BY born LIMIT 150",
    "SELECT a.id FROM zoo.animals a JOIN zoo.keeper_of k ON k.id = a.keeper_id WHERE k.keeper = 'keeper 627193854'",
    "SET app.note = 'canarysetting'",
    "COMMENT ON TABLE zoo.animals IS 'canaryutility'",
    "CREATE TABLE zoo.copied AS SELECT * FROM zoo.animals WHERE name = 'canaryutility' AND id = 735129863",
)


@pytest.fixture(params=short_run(13, 18), ids="postgres{}".format)
def each_database(request: pytest.FixtureRequest, old_server: Callable[[int], Server]) -> Iterator[Database]:
    """A fresh database on each major in turn."""
    with fresh_database(old_server(request.param)) as database:
        yield database


def collected(database: Database) -> Snapshot:
    """A snapshot of a database full of canaries."""
    database.execute(SCHEMA)
    with psycopg.connect(database.dsn, autocommit=True, application_name="canaryapp") as connection:
        connection.execute("SET pg_stat_statements.track_utility = on")
        for statement in STATEMENTS:
            for _ in range(3):
                try:
                    connection.execute(statement)
                except psycopg.errors.DuplicateTable:
                    connection.execute("DROP TABLE zoo.copied")
    return collect(database.dsn, Config().collect)


def surviving(snapshot: Snapshot, words: tuple[str, ...]) -> list[str]:
    """The words that the bytes of a snapshot hold."""
    text = msgspec.json.encode(snapshot).decode()
    decoded = text.encode().decode("unicode_escape", "ignore").lower()
    return [word for word in words if word.lower() in text.lower() or word.lower() in decoded]


def told(report: Report) -> list[tuple[str, str, int]]:
    return [(finding.rule, finding.severity.value, len(finding.query_ids)) for finding in report.findings]


def test_no_value_survives_and_the_same_is_found(each_database: Database) -> None:
    snapshot = collected(each_database)
    # The test would prove nothing if the values had not been there.
    there = surviving(snapshot, CANARIES)
    assert {"canaryvalue", "canaryrare", "73512.98635", ".88276431", "2019-03-17", "9d3f6c1e-5a77"} <= set(there)
    rules = load_rules()
    before = analyze(snapshot, Config(), rules)
    for names in (False, True):
        made = redacted(snapshot, names=names)
        assert problem(made) is None
        assert msgspec.json.decode(msgspec.json.encode(made), type=Snapshot) == made
        kept = () if names else ("canarylabel",)
        assert [word for word in surviving(made, CANARIES) if word not in kept] == []
        assert (made.contents.redacted, made.contents.names_redacted) == (True, names)
        assert told(analyze(made, Config(), rules)) == told(before)
        _keeps_order(snapshot, made)
        _keeps_equality(made)
    assert surviving(made, (*NAMES, each_database.name)) == []
    assert len(surviving(snapshot, NAMES)) > 5
    _same_shapes(snapshot, made)


def _keeps_order(before: Snapshot, made: Snapshot) -> None:
    """Distinct values stay distinct, and bounds ascend."""
    for old, new in zip(before.column_statistics, made.column_statistics, strict=True):
        for attribute in ("most_common_vals", "histogram", "most_common_elems"):
            were, are = (elements(getattr(row, attribute) or "") for row in (old, new))
            assert len(set(were)) == len(set(are))
            assert len(were) == len(are)
        bounds = elements(new.histogram or "")
        if all(bound.startswith("v") for bound in bounds):
            assert bounds == sorted(bounds)
        if all(bound.isdigit() for bound in bounds):
            assert list(map(int, bounds)) == sorted(map(int, bounds))


def _keeps_equality(made: Snapshot) -> None:
    """The value of a partial index is one of those that the column's statistics name, and of a partition's list."""
    predicate = next(index.definition.predicate for index in made.catalog.indexes if index.definition.predicate)
    assert predicate is not None
    value = predicate.split("'")[1]
    bounds = [relation.partition_bound or "" for relation in made.catalog.relations]
    assert any(f"'{value}'" in bound for bound in bounds) or not any(bounds)
    texts = () if made.statements is None else made.statements.texts
    assert isinstance(made.column_statistics[0], PgStats)
    assert [text.text for text in texts if "canary" in (text.text or "").replace("canarylabel", "")] == []


def _same_shapes(before: Snapshot, made: Snapshot) -> None:
    """Statements are understood as before, over the same relations."""

    def shapes(snapshot: Snapshot) -> dict[str, tuple[list[int], list[str], int]]:
        texts = () if snapshot.statements is None else snapshot.statements.texts
        found, _ = understand_all(texts, SchemaView(snapshot.catalog, snapshot.server.search_path))
        return {
            query_id: (
                [relation.relation_oid for relation in shape.relations],
                [predicate.operator for predicate in shape.predicates],
                len(shape.columns_read),
            )
            for query_id, shape in found.items()
        }

    assert shapes(made) == shapes(before)


SECRETS = (
    f"CREATE ROLE keeper_role PASSWORD '{PASSWORD}'",
    f"ALTER ROLE keeper_role ENCRYPTED PASSWORD E'{PASSWORD}' VALID UNTIL '2031-01-01'",
    f"ALTER ROLE keeper_role SET app.jwt_secret = '{PASSWORD}'",
    f"SET app.token TO {PASSWORD}",
    f"DO $$ BEGIN EXECUTE 'ALTER ROLE keeper_role PASSWORD ''{PASSWORD}'''; END $$",
    f"SELECT 1 /* password={PASSWORD} */",
    f"SELECT 'postgres://ann:{PASSWORD}@h/d'::text AS uri INTO TEMPORARY uris",
    f"CREATE VIEW public.linked AS SELECT 'host=h password={PASSWORD}'::text AS dsn",
    "DROP ROLE keeper_role",
)


def test_secrets_do_not_reach_a_snapshot(each_database: Database) -> None:
    with psycopg.connect(each_database.dsn, autocommit=True) as connection:
        connection.execute("SET pg_stat_statements.track_utility = on")
        connection.execute("DROP ROLE IF EXISTS keeper_role")
        for statement in SECRETS[:-1]:
            connection.execute(statement)
        try:
            snapshot = collect(each_database.dsn, Config().collect)
        finally:
            connection.execute(SECRETS[-1])
    texts = " ".join(text.text or "" for text in snapshot.statements.texts) if snapshot.statements else ""
    assert "keeper_role" in texts
    assert surviving(snapshot, (PASSWORD,)) == []
    assert any("text" in phrase for phrase in snapshot.contents.holds)


OWN_WORDS = """
SELECT word FROM pg_catalog.pg_get_keywords()
UNION SELECT typname FROM pg_catalog.pg_type WHERE typnamespace = 'pg_catalog'::regnamespace AND typname NOT LIKE '\\_%'
UNION SELECT proname FROM pg_catalog.pg_proc WHERE pronamespace = 'pg_catalog'::regnamespace
UNION SELECT relname FROM pg_catalog.pg_class
    WHERE relnamespace = 'information_schema'::regnamespace AND relkind IN ('r', 'v')
"""


def test_words_of_the_servers_own_are_known(old_server: Callable[[int], Server]) -> None:
    """A keyword, type or function that is not known would be taken for a name of users, and renamed."""
    with fresh_database(old_server(SUPPORTED[-1])) as database, psycopg.connect(database.dsn) as connection:
        words = {str(word) for (word,) in connection.execute(OWN_WORDS)}
    assert len(words) > 2000
    assert {word for word in words if not word.startswith("pg_")} - own_words() == set()
