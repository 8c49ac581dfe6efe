"""A report is a stranger's file: what it says of indexes and statements runs nothing but what it should."""

from __future__ import annotations

import json
from pathlib import Path

import msgspec
import psycopg
import pytest
from psycopg.conninfo import make_conninfo

from pgadvisor.advise.recommend import commented
from pgadvisor.advise.rewriting import LEFT_OUT, MADE_ANEW, rewritten
from pgadvisor.config import CollectConfig, Config
from pgadvisor.indexes.quoting import quote_identifier
from pgadvisor.indexes.recipes import recipe
from pgadvisor.model.catalog import IndexKey
from pgadvisor.model.proposals import AnalyzeTable, CreateIndex, DropIndex, Proposal, RebuildIndex
from pgadvisor.model.report import Recommendation, Step
from pgadvisor.model.verification import MeasuredIndex, Verdict
from pgadvisor.planner.refusals import NotDone
from pgadvisor.verify import NothingToTryError, TrialOptions, verify
from pgadvisor.verifying.report_file import ReportError, read_report
from pgadvisor.verifying.wanted import runnable_text
from support.audits import pgadvisor
from support.databases import Database
from support.trials import create, mark, recommended, relations_of, statement, trial_report, written

pytestmark = pytest.mark.server
QUICK = TrialOptions(runs=1, values=1, statement_timeout_ms=5_000)
HOSTILE_NAME = "a\"; DROP TABLE t; --'%\n</script>"
FUNCTIONS = """
CREATE FUNCTION evil(int) RETURNS int LANGUAGE plpgsql IMMUTABLE AS
    $$BEGIN PERFORM dblink_exec('', 'x'); INSERT INTO hit VALUES (1); RETURN 1; END$$;
CREATE FUNCTION quiet(int) RETURNS int LANGUAGE plpgsql IMMUTABLE AS $$BEGIN RETURN 1; END$$;
CREATE FUNCTION looks_safe(int) RETURNS int LANGUAGE sql STABLE AS 'SELECT evil($1)';
CREATE VIEW through AS SELECT looks_safe(a) AS a FROM t;
"""


def prepare(database: Database) -> None:
    mark(database)
    database.execute("CREATE TABLE t (a int, b text); INSERT INTO t SELECT i, i::text FROM generate_series(1, 1000) i")
    database.execute("CREATE TABLE hit (n int); ANALYZE t")
    stranger = database.role("stranger", grants=("ALL ON SCHEMA public",))
    with stranger.connect() as connection:
        connection.execute(FUNCTIONS.encode(), prepare=False)


def by_expression(expression: str) -> CreateIndex:
    return create("t", IndexKey(expression=expression))


INDEXES = {
    "two commands": by_expression("a); DROP TABLE t; --"),
    "a comment": by_expression("a /* */"),
    "unbalanced": by_expression("a)) TABLESPACE pg_default; SELECT ((1"),
    "a stranger's function": by_expression("public.evil(a)"),
    "a stranger's quiet function": by_expression("public.quiet(a)"),
    "volatile": by_expression("a + (random() * 10)::int"),
    "sleep": by_expression("length(pg_sleep(3)::text)"),
    "a subquery": by_expression("(SELECT 1)"),
    "a file": by_expression("length(pg_read_file('/etc/passwd'))"),
    "dblink": by_expression("dblink('', 'x')"),
    "a parameter": by_expression("a + $1"),
    "a predicate that ends": create("t", "a", predicate="true; DROP TABLE t"),
    "a predicate of a stranger": create("t", "a", predicate="public.evil(a) > 0"),
    "no such table": create(HOSTILE_NAME, "a"),
    "no such column": create("t", HOSTILE_NAME),
    "a system table": create("pg_class", "relname", schema="pg_catalog"),
    "an access method": create("t", "a", access_method=HOSTILE_NAME),
    "an operator class": create("t", IndexKey(column="a", operator_class="x); DROP t", default_operator_class=False)),
    "a collation": create("t", IndexKey(column="b", collation=HOSTILE_NAME, default_collation=False)),
    "a parameter of storage": create("t", "a", options=("fillfactor=70); DROP TABLE t; --",)),
    "a parameter without a name": create("t", "a", options=("=1",)),
    "a parameter with a NUL": create("t", "a", options=("fillfactor=\0",)),
    "an option of a class without a name": create(
        "t", IndexKey(column="a", operator_class="int4_ops", operator_class_options=("=1",))
    ),
    "no keys": create("t"),
    "both": create("t", IndexKey(column="a", expression="a")),
    "masked": create("t", "a", predicate="(b = '…'::text)"),
}  # fmt: skip
STATEMENTS = {
    "a write": "INSERT INTO hit VALUES (1)",
    "a write in a CTE": "WITH w AS (INSERT INTO hit VALUES (1) RETURNING n) SELECT * FROM w",
    "two commands": "SELECT 1; INSERT INTO hit VALUES (1)",
    "into": "SELECT a INTO gotcha FROM t",
    "locks": "SELECT 1 FROM t WHERE a = 1 FOR UPDATE OF t; COMMIT",
    "sleep": "SELECT pg_sleep(3)",
    "program": "COPY t TO PROGRAM 'touch /tmp/pgadvisor_was_here'",
    "dblink": "SELECT dblink('', 'x')",
    "a stranger's function": "SELECT public.evil(a) FROM t",
    "a stranger's quiet function": "SELECT public.quiet(a) FROM t",
    "through a view": "SELECT * FROM through",
    "ends the trial": "COMMIT",
    "a setting": "SELECT set_config('transaction_read_only', 'off', false)",
    "a file": "SELECT pg_read_file('/etc/passwd')",
    "a sequence": "SELECT nextval('s')",
    "kills": "SELECT pg_terminate_backend(pid) FROM pg_stat_activity",
    "no text": None,
    "masked": "SELECT a FROM t WHERE b = '…'",
    "explains": "EXPLAIN ANALYZE INSERT INTO hit VALUES (1)",
    "a block": "DO $$BEGIN INSERT INTO hit VALUES (1); END$$",
    "not closed": "SELECT 'a",
}


def test_nothing_runs_that_should_not(end_database: Database) -> None:
    database = end_database
    prepare(database)
    before = relations_of(database)
    good = recommended(0, create("t", "a"), dict.fromkeys(STATEMENTS, 0.5))
    bad = [recommended(number, proposal, {}) for number, proposal in enumerate(INDEXES.values(), start=1)]
    statements = [statement(query_id, text, "public.t") for query_id, text in STATEMENTS.items()]
    tried = verify(trial_report((good, *bad), statements), database.dsn, Config(), QUICK)
    built = {
        name: each.measured.size_bytes
        for name, each in zip(["good", *INDEXES], tried.recommendations, strict=True)
        if each.measured is not None
    }
    assert [name for name, size in built.items() if size is not None] == ["good"]
    assert all(each.measured is not None and each.measured.reason for each in tried.recommendations[1:]), (
        tried.recommendations
    )
    assert tried.verification is not None
    assert not tried.verification.cut_short
    # Of FOR UPDATE what it finds may be run, and of two commands nothing.
    assert [each.query_id for each in tried.verification.statements if each.before_ms is not None] == []
    assert all(each.reason for each in tried.verification.statements)
    assert relations_of(database) == before
    assert database.execute("SELECT count(*) FROM hit") == [(0,)]
    assert not Path("/tmp/pgadvisor_was_here").exists()


def test_hostile_names_are_names(database: Database, tmp_path: Path) -> None:
    mark(database)
    name = HOSTILE_NAME
    quoted = '"' + name.replace('"', '""') + '"'
    database.execute(f"CREATE TABLE {quoted} ({quoted} int)")
    database.execute(f"INSERT INTO {quoted} SELECT generate_series(1, 1000); ANALYZE {quoted}")
    text = f"SELECT count(*) FROM {quoted} WHERE {quoted} = $1"
    report = trial_report((recommended(1, create(name, name), {"1": 0.5}),), (statement("1", text, f"public.{name}"),))
    ran = pgadvisor("verify", written(report, tmp_path), database.dsn, "--runs", "1", "--values", "1")
    assert ran.code == 0, ran.err
    assert "uses idx_1" in ran.out


@pytest.mark.parametrize(
    "content",
    [b"", b"{}", b"[]", b"\xff\xfe", b"[" * 100_000, b'{"format": 1}', b"null", b'{"snapshots": []}'],
)
def test_what_is_no_report_is_refused(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "r.json"
    path.write_bytes(content)
    with pytest.raises(ReportError, match=r"is no report|nested deeper"):
        read_report(path)


def test_a_report_without_indexes_or_of_another_format_is_refused(tmp_path: Path, database: Database) -> None:
    mark(database)
    report = trial_report((), ())
    with pytest.raises(NothingToTryError):
        verify(report, database.dsn, Config(), QUICK)
    path = tmp_path / "r.json"
    path.write_text(json.dumps(msgspec.to_builtins(report) | {"format": 99}, default=str))
    ran = pgadvisor("verify", path, database.dsn)
    assert ran.code == 2
    assert "format 99" in ran.err
    assert pgadvisor("verify", tmp_path / "none.json", database.dsn).code == 2


def test_names_stand_for_the_same_where_they_are_probed_and_where_they_are_built(end_database: Database) -> None:
    database = end_database
    mark(database)
    database.execute(
        "CREATE SCHEMA app; CREATE TABLE app.t (v varchar); CREATE SEQUENCE hits; GRANT ALL ON SEQUENCE hits TO public"
    )
    database.execute("INSERT INTO app.t SELECT i::text FROM generate_series(1, 100) i; ANALYZE app.t")
    stranger = database.role("stranger", grants=("ALL ON SCHEMA public",))
    with stranger.connect() as connection:
        connection.execute(
            "CREATE FUNCTION public.lower(varchar) RETURNS text LANGUAGE plpgsql IMMUTABLE AS"
            " $$BEGIN PERFORM pg_catalog.nextval('public.hits'); RETURN $1; END$$"
        )
    lower = create("t", IndexKey(expression="lower((v)::varchar)"), schema="app")
    report = trial_report((recommended(1, lower, {}),), ())
    config = Config(collect=CollectConfig(session={"search_path": "app"}))
    for each in (Config(), config):
        (tried,) = verify(report, database.dsn, each, QUICK).recommendations
        assert tried.measured is not None
        # The system's own lower, or none at all.
        assert (tried.measured.size_bytes is not None) is (each is config)
        assert database.execute("SELECT is_called FROM hits") == [(False,)]


def test_no_other_server_is_asked_for_statistics(end_database: Database) -> None:
    database = end_database
    mark(database)
    database.execute("CREATE EXTENSION file_fdw; CREATE SERVER far FOREIGN DATA WRAPPER file_fdw")
    database.execute(
        "CREATE TABLE t (a int); INSERT INTO t SELECT generate_series(1, 100); CREATE TABLE near () INHERITS (t)"
    )
    database.execute("CREATE FOREIGN TABLE far () INHERITS (near) SERVER far OPTIONS (filename '/dev/null')")
    report = trial_report((recommended(1, by_expression("(a + 1)"), {}),), ())
    tried = verify(report, database.dsn, Config(), QUICK)
    assert tried.verification is not None
    assert tried.verification.analyzed == ()
    (each,) = tried.recommendations
    assert each.measured is not None
    assert each.measured.size_bytes is not None
    assert "asks another server about public.far" in each.measured.reason


def test_no_value_of_a_row_is_told(database: Database) -> None:
    mark(database)
    database.execute(
        "CREATE TABLE t (a int, b text); INSERT INTO t SELECT i, 'secret-' || i FROM generate_series(1, 1000) i"
    )
    database.execute(
        "CREATE FUNCTION named(text) RETURNS oid LANGUAGE sql IMMUTABLE AS 'SELECT $1::pg_catalog.regclass::oid'"
    )
    texts = {
        "1": "SELECT count(*) FROM t WHERE b::regclass = 5",
        "2": "SELECT count(*) FROM t WHERE b = $1 AND $1::regclass IS NOT NULL",
        "3": "SELECT count(*) FROM nowhere",
    }
    good = recommended(1, create("t", "a"), dict.fromkeys(texts, 0.5))
    named = recommended(2, create("t", IndexKey(expression="public.named(b)")), {})
    statements = [statement(query_id, text, "public.t") for query_id, text in texts.items()]
    tried = verify(trial_report((good, named), statements), database.dsn, Config(), QUICK)
    assert tried.verification is not None
    reasons = {each.query_id: each.reason for each in tried.verification.statements}
    assert "42P01" in reasons["1"]
    assert 'relation "nowhere" does not exist' in reasons["3"]
    assert tried.recommendations[1].measured is not None
    assert "42P01" in tried.recommendations[1].measured.reason
    assert b"secret" not in msgspec.json.encode(tried)


def test_what_a_file_says_was_measured_is_forgotten(database: Database) -> None:
    mark(database)
    database.execute("CREATE TABLE t (a int, b text)")
    claimed = MeasuredIndex(verdict=Verdict.KEPT, size_bytes=1, build_ms=1.0)
    indexes = (
        recommended(1, create("t", "a"), {}),
        recommended(2, create("nowhere", "a"), {}),
        recommended(3, AnalyzeTable(schema="public", table="t")),
    )
    report = trial_report([msgspec.structs.replace(each, measured=claimed) for each in indexes], ())
    tried = verify(report, database.dsn, Config(), QUICK)
    assert [each.measured and each.measured.verdict for each in tried.recommendations] == [
        Verdict.NOT_RUN, Verdict.NOT_RUN, None
    ]  # fmt: skip


@pytest.mark.parametrize("encoding", ["UTF8", "LATIN1"])
def test_what_no_name_can_hold_does_not_end_the_trial(database: Database, encoding: str) -> None:
    database.execute(f"CREATE DATABASE other TEMPLATE template0 ENCODING '{encoding}' LOCALE 'C'")
    try:
        database.execute("ALTER DATABASE other SET pgadvisor.copy = 'yes'")
        dsn = make_conninfo(database.dsn, dbname="other")
        with psycopg.connect(dsn) as connection:
            connection.execute("CREATE TABLE t (a int, b text)")
        keys = [
            *(
                IndexKey(column="a", operator_class=name, default_operator_class=False)
                for name in ("x\0y", "\u4e00", '"')
            ),
            IndexKey(column="b", collation='"a\0"', default_collation=False),
        ]
        indexes = [recommended(number, create("t", key), {}) for number, key in enumerate(keys)]
        tried = verify(trial_report((*indexes, recommended(9, create("t", "a"), {})), ()), dsn, Config(), QUICK)
    finally:
        database.execute("DROP DATABASE other WITH (FORCE)")
    assert tried.verification is not None
    assert not tried.verification.cut_short
    *refused, built = [each.measured for each in tried.recommendations]
    assert all(each is not None and each.size_bytes is None and each.reason for each in refused)
    assert built is not None
    assert built.size_bytes is not None


def test_what_is_refused_is_not_called_a_lost_connection(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    mark(database)
    database.execute("CREATE TABLE t (a int)")
    report = trial_report((recommended(1, create("t", "a"), {}),), ())

    def refused(*_: object) -> None:
        raise psycopg.errors.InsufficientPrivilege("no")

    for longest in (QUICK, TrialOptions(max_time_s=720 * 3600.0)):
        tried = verify(report, database.dsn, Config(), longest)
        assert tried.verification is not None
        assert not tried.verification.cut_short
    monkeypatch.setattr("pgadvisor.verify.run_all", refused)
    tried = verify(report, database.dsn, Config(), QUICK)
    assert tried.verification is not None
    assert tried.verification.cut_short.startswith("The copy refused what no trial can do without, SQLSTATE 42501")


@pytest.mark.parametrize(
    ("where", "value", "why"),
    [
        (("source", "collected_at"), "2020-01-01T00:00:00", "without its zone"),
        (("source", "started_at"), "2020-01-01T00:00:00", "without its zone"),
        (("statements", 0, "calls"), 10**400, "no server counts to"),
        (("recommendations", 0, "advised", "price", "size_bytes"), 10**400, "no server counts to"),
        (("recommendations", 1, "key"), "r1", "have one key"),
    ],
)
def test_what_no_report_has_is_refused(where: tuple[str | int, ...], value: object, why: str, tmp_path: Path) -> None:
    indexes = (recommended(1, create("t", "a"), {"1": 0.5}), recommended(2, create("t", "b"), {}))
    document = msgspec.to_builtins(
        trial_report(indexes, [statement("1", "SELECT 1", "public.t")]), builtin_types=(int,)
    )
    path = tmp_path / "r.json"
    path.write_text(json.dumps(document))
    assert read_report(path).recommendations
    part = document
    for step in where[:-1]:
        part = part[step]
    part[where[-1]] = value
    path.write_text(json.dumps(document))
    with pytest.raises(ReportError, match=why):
        read_report(path)


def test_no_command_of_a_file_stands_beside_a_verdict(database: Database) -> None:
    mark(database)
    database.execute("CREATE TABLE t (a int, b text); CREATE INDEX t_a ON t (a)")
    forged = Step(sql="DROP DATABASE shop", undo="DROP DATABASE shop", lock="")
    honest = recipe(create("t", "a"), (), name="idx_4")
    indexes = (
        recommended(1, create("t", "b"), {}),
        recommended(2, DropIndex(schema="public", name="t_a", definition=create("t", "a").definition)),
        recommended(3, INDEXES["two commands"], {}),
    )
    forgeries = [
        msgspec.structs.replace(each, steps=(forged,), checks=(forged,), copy_steps=(forged,)) for each in indexes
    ]
    good = msgspec.structs.replace(recommended(4, create("t", "a"), {}), steps=honest.steps, checks=honest.checks)
    kept = verify(trial_report((*forgeries, good, *_no_indexes(forged)), ()), database.dsn, Config(), QUICK)
    tried, others = kept.recommendations[:4], kept.recommendations[4:]
    assert [each.measured is None for each in others] == [True] * 3
    assert [each.steps[-1].sql if each.steps else "" for each in others] == [
        "ANALYZE public.t (b);",
        f"REINDEX INDEX CONCURRENTLY public.{quote_identifier(HOSTILE_NAME)};",
        "",
    ]
    assert [each.caveats[:1] for each in others] == [(MADE_ANEW,), (MADE_ANEW,), (LEFT_OUT,)]
    assert [each.steps[-1].sql if each.steps else "" for each in tried] == [
        "CREATE INDEX CONCURRENTLY idx_1 ON public.t (b);",
        "DROP INDEX CONCURRENTLY public.t_a;",
        "",
        "CREATE INDEX CONCURRENTLY idx_4 ON public.t (a);",
    ]
    assert [each.caveats[:1] for each in tried] == [(MADE_ANEW,), (MADE_ANEW,), (LEFT_OUT,), ()]
    assert b"DROP DATABASE" not in msgspec.json.encode(kept)


def _no_indexes(forged: Step) -> list[Recommendation]:
    """Recommendations with forged commands that are no indexes to build or to drop."""
    bad = INDEXES["two commands"].definition
    proposals: tuple[Proposal, ...] = (
        AnalyzeTable(schema="public", table="t", columns=("b",)),
        RebuildIndex(schema="public", name=HOSTILE_NAME, definition=create("t", "a").definition),
        RebuildIndex(schema="public", name="t_a", definition=bad),
    )
    return [
        msgspec.structs.replace(recommended(number, each), steps=(forged,), checks=(forged,))
        for number, each in enumerate(proposals, start=5)
    ]


def test_of_another_database_only_what_its_proposal_makes_stays() -> None:
    """Its tables are not known: what would be made without may be wrong, so it is left out where it differs."""
    proposal = create("t", "a")
    honest = recipe(proposal, (), name="idx_1")
    kept = msgspec.structs.replace(recommended(1, proposal, {}), steps=honest.steps, checks=honest.checks)
    assert rewritten(kept, None, {}) == kept
    forged = msgspec.structs.replace(kept, checks=())
    assert (rewritten(forged, None, {}).steps, rewritten(forged, None, {}).caveats[-1:]) == ((), (LEFT_OUT,))
    # What follows a masked step stays commented out.
    commented_out = msgspec.structs.replace(kept, steps=tuple(map(commented, kept.steps)))
    assert rewritten(commented_out, None, {}) == commented_out


def test_a_text_that_nobody_understands_for_its_length_is_not_run() -> None:
    with pytest.raises(NotDone, match="longer than 100,000 characters"):
        runnable_text(statement("1", "SELECT 1" + " + 1" * 30_000, "public.t"))
