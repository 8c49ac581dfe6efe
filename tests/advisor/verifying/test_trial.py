"""Recommended indexes are tried on a copy: built, used, measured, held against what was promised, and gone."""

from __future__ import annotations

from pathlib import Path

import pytest

from pgadvisor.config import CollectConfig, Config
from pgadvisor.model.catalog import IndexKey
from pgadvisor.model.proposals import DropIndex
from pgadvisor.model.report import Report
from pgadvisor.model.verification import MeasuredIndex, MeasuredStatement, Verdict
from pgadvisor.verify import TrialOptions, verify
from support.audits import pgadvisor
from support.databases import Database
from support.trials import create, mark, recommended, relations_of, statement, trial_report, written

pytestmark = pytest.mark.server

POINT = statement("1", "SELECT count(*) FROM orders WHERE customer_id = $1", "public.orders", calls=1000)
LOWER = statement("2", "SELECT count(*) FROM orders WHERE lower(note) = $1", "public.orders")
AMOUNT = statement("3", "SELECT count(*) FROM orders WHERE amount > $1", "public.orders")
WRITE = statement("4", "UPDATE orders SET note = $1 WHERE customer_id = $2", "public.orders")
STATUS = statement("5", "SELECT count(*) FROM orders WHERE status = 'open'", "public.orders")
QUICK = TrialOptions(runs=2, values=1)


def shop(database: Database) -> None:
    """Orders, marked as a copy."""
    mark(database)
    database.execute("CREATE TABLE orders (id int PRIMARY KEY, customer_id int, status text, note text, amount int)")
    database.execute(
        "INSERT INTO orders SELECT i, i % 3000, CASE WHEN i % 500 = 0 THEN 'open' ELSE 'done' END, 'Note ' || i, i % 97"
        " FROM generate_series(1, 30000) i"
    )
    database.execute("CREATE INDEX orders_status_idx ON orders (status)")
    database.execute("ANALYZE orders")


def of(report: Report, number: int) -> MeasuredIndex:
    measured = report.recommendations[number - 1].measured
    assert measured is not None
    return measured


def together(report: Report, query_id: str) -> MeasuredStatement:
    assert report.verification is not None
    (found,) = [each for each in report.verification.statements if each.query_id == query_id]
    return found


def test_what_is_promised_is_held_against_what_is_measured(end_database: Database) -> None:
    database = end_database
    shop(database)
    before = relations_of(database)
    report = trial_report(
        (
            recommended(1, create("orders", "customer_id"), {"1": 0.02, "4": 0.02}, size_bytes=230_000),
            recommended(2, create("orders", IndexKey(expression="lower(note)")), {"2": 0.1}),
            recommended(3, create("orders", "amount", predicate="(status = 'open'::text)"), {"3": 0.0001}),
        ),
        (POINT, LOWER, AMOUNT, WRITE),
    )
    tried = verify(report, database.dsn, Config(), QUICK)
    verification = tried.verification
    assert verification is not None
    assert not verification.cut_short
    assert (verification.database, verification.not_run) == (database.name, 0)
    assert verification.analyzed == ("public.orders",)
    point = together(tried, "1")
    assert point.verdict in (Verdict.KEPT, Verdict.BETTER)
    assert point.uses == ("idx_1",)
    assert point.before_ms is not None
    assert point.after_ms is not None
    assert point.after_ms < point.before_ms / 3
    assert point.cost_before is not None
    assert point.cost_after is not None
    assert point.cost_after < point.cost_before / 3
    assert point.runs >= 4
    assert point.values == ("typical",)
    assert together(tried, "2").uses == ("idx_2",)
    assert together(tried, "4").equivalent
    assert together(tried, "4").uses == ("idx_1",)
    # No plan uses that one.
    assert together(tried, "3").verdict is Verdict.WORSE
    assert of(tried, 3).verdict is Verdict.WORSE
    assert not tried.promises_kept()
    index = of(tried, 1)
    assert index.verdict in (Verdict.KEPT, Verdict.BETTER)
    assert index.promised_bytes == 230_000
    assert index.size_bytes is not None
    assert 100_000 < index.size_bytes < 700_000
    assert index.build_ms is not None
    assert {each.query_id for each in index.statements} == {"1", "4"}
    # Neither index nor statistics nor anything else is left of it.
    assert relations_of(database) == before


def test_an_index_that_is_to_go_is_away_for_the_trial_alone(database: Database) -> None:
    shop(database)
    before = relations_of(database)
    standing = create("orders", "status").definition
    drop = DropIndex(schema="public", name="orders_status_idx", definition=standing)
    other = DropIndex(schema="public", name="orders_pkey", definition=standing)
    missing = DropIndex(schema="public", name="nowhere", definition=standing)
    report = trial_report((recommended(1, drop),), (STATUS,))
    tried = verify(report, database.dsn, Config(), QUICK)
    status = together(tried, "5")
    assert status.before_ms is not None
    assert status.after_ms is not None
    assert status.cost_before is not None
    assert status.cost_after is not None
    assert status.cost_after > status.cost_before
    assert status.verdict is Verdict.WORSE
    assert of(tried, 1).verdict is Verdict.WORSE
    assert of(tried, 1).build_ms is None
    report = trial_report((recommended(2, other), recommended(3, missing)), (STATUS,))
    tried = verify(report, database.dsn, Config(), QUICK)
    assert "another one than the report speaks of" in of(tried, 1).reason
    assert "has no index public.nowhere" in of(tried, 2).reason
    assert relations_of(database) == before


def test_an_index_that_no_plan_may_use_yet_is_not_blamed(database: Database) -> None:
    shop(database)
    with database.connect() as other:
        other.execute("BEGIN ISOLATION LEVEL REPEATABLE READ")
        other.execute("SELECT count(*) FROM orders")
        database.execute("UPDATE orders SET customer_id = customer_id + 1 WHERE id > 29990")
        report = trial_report((recommended(1, create("orders", "customer_id"), {"1": 0.02}),), (POINT,))
        tried = verify(report, database.dsn, Config(), QUICK)
    assert of(tried, 1).verdict is Verdict.NOT_RUN
    assert "No plan may use it yet" in of(tried, 1).reason
    assert of(tried, 1).size_bytes is not None
    assert together(tried, "1").verdict is Verdict.NOT_RUN


def test_the_check_of_a_foreign_key_is_run_as_the_copy_has_it(database: Database) -> None:
    shop(database)
    database.execute("CREATE TABLE notes (order_id int REFERENCES orders, note text)")
    database.execute("INSERT INTO notes SELECT i % 5000 + 1, 'n' FROM generate_series(1, 30000) i; ANALYZE notes")
    check, other = "foreign key public.notes.notes_order_id_fkey", "foreign key public.notes.nothing"
    report = trial_report((recommended(1, create("notes", "order_id"), {check: 0.05, other: 0.05}),), ())
    tried = verify(report, database.dsn, Config(), QUICK)
    assert tried.verification is not None
    (each,) = tried.verification.statements
    assert each.query_id == check
    assert each.uses == ("idx_1",)
    assert of(tried, 1).verdict in (Verdict.KEPT, Verdict.BETTER)


def test_the_command_tells_promises_and_times(database: Database, tmp_path: Path) -> None:
    shop(database)
    report = trial_report((recommended(1, create("orders", "customer_id"), {"1": 0.02}),), (POINT,))
    path, html = written(report, tmp_path), tmp_path / "r.html"
    short = ("--runs", "2", "--values", "1")
    ran = pgadvisor("verify", path, database.dsn, *short, "--html", html, env={"COLUMNS": "100"})
    assert ran.code == 0, ran.err
    assert "customer_id = $1" in ran.out
    assert "uses idx_1" in ran.out
    assert "Recommendation 1: " in ran.out
    assert "Recommendation 1" in html.read_text()
    first = "1 statement was run: 1 "
    assert first in " ".join(ran.out.split())
    assert first in html.read_text()
    others = [statement(number, "SELECT count(*) FROM gone", "public.gone") for number in ("7", "8")]
    promised = dict.fromkeys(("1", "7", "8"), 0.02)
    report = trial_report((recommended(1, create("orders", "customer_id"), promised),), (POINT, *others))
    ran = pgadvisor("verify", written(report, tmp_path), database.dsn, *short, "--html", html)
    assert ran.code == 0, ran.err
    first = "1 of 3 statements was run: 1 "
    assert first in " ".join(ran.out.split())
    assert first in html.read_text()
    report = trial_report((recommended(1, create("orders", "note"), {"1": 0.01}),), (POINT,))
    ran = pgadvisor("verify", written(report, tmp_path), database.dsn, "--json", "-", *short)
    assert ran.code == 1
    assert ran.err.endswith("Exit code 1: a statement was slower than promised.\n")
    assert ran.report["verification"]["statements"][0]["verdict"] == "worse than promised"


def test_an_index_that_cannot_go_does_not_spoil_the_others(database: Database) -> None:
    shop(database)
    key = create("orders", "id", unique=True).definition
    drop = DropIndex(schema="public", name="orders_pkey", definition=key)
    gone = DropIndex(schema="public", name="orders_status_idx", definition=create("orders", "status").definition)
    indexes = (
        recommended(1, drop),
        recommended(2, create("orders", "customer_id"), {"1": 0.02}),
        recommended(3, gone),
        recommended(4, gone),
    )
    tried = verify(trial_report(indexes, (POINT,)), database.dsn, Config(), QUICK)
    assert "depends on it" in of(tried, 1).reason
    assert "takes it away already" in of(tried, 4).reason
    assert of(tried, 2).verdict in (Verdict.KEPT, Verdict.BETTER)


def test_planning_and_temporary_files_are_bounded(database: Database) -> None:
    shop(database)
    slow = "+".join(f"factorial({32_000 + number})" for number in range(14))
    texts = {
        "1": f"SELECT count(*) FROM orders WHERE customer_id = length(({slow})::text)",
        # Nothing is divided by zero where that is the limit.
        "2": "SELECT count(*) FROM orders WHERE customer_id / (current_setting('temp_file_limit') = '1GB')::int = 1",
    }
    report = trial_report(
        (recommended(1, create("orders", "customer_id"), dict.fromkeys(texts, 0.5)),),
        [statement(query_id, text, "public.orders") for query_id, text in texts.items()],
    )
    options = TrialOptions(runs=1, values=1, statement_timeout_ms=300, max_time_s=60)
    tried = verify(report, database.dsn, Config(), options)
    assert tried.verification is not None
    assert not tried.verification.cut_short
    assert "longer than the timeout to plan it" in together(tried, "1").reason
    assert together(tried, "2").before_ms is not None, together(tried, "2")


def test_locks_of_all_that_is_built_are_bounded(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    shop(database)
    # But for those that no other session shares.
    monkeypatch.setattr("pgadvisor.verify._LOCK_SHARE", 0.0)
    report = trial_report([recommended(number, create("orders", "amount"), {}) for number in range(1, 8)], ())
    tried = verify(report, database.dsn, Config(), QUICK)
    assert of(tried, 5).size_bytes is not None
    assert of(tried, 6).size_bytes is None
    assert "lock table" in of(tried, 7).reason


def test_the_search_path_of_the_configuration_is_that_of_values_too(database: Database) -> None:
    shop(database)
    database.execute("CREATE SCHEMA desk")
    database.execute("ALTER TABLE orders SET SCHEMA desk")
    point = statement("1", "SELECT count(*) FROM orders WHERE customer_id = $1", "desk.orders")
    report = trial_report((recommended(1, create("orders", "customer_id", schema="desk"), {"1": 0.02}),), (point,))
    refused = together(verify(report, database.dsn, Config(), QUICK), "1")
    assert refused.verdict is Verdict.NOT_RUN
    assert refused.reason == (
        'The copy refused it: relation "orders" does not exist. If it is there in another schema, set search_path in '
        "[session] of the configuration, or run ALTER DATABASE ... SET search_path on the copy."
    )
    config = Config(collect=CollectConfig(session={"search_path": "desk, public"}))
    ran = together(verify(report, database.dsn, config, QUICK), "1")
    assert ran.uses == ("idx_1",), ran.reason


def test_normalised_texts_that_no_server_reads_are_mended(database: Database) -> None:
    shop(database)
    database.execute("ALTER TABLE orders ADD placed_at timestamptz")
    database.execute("UPDATE orders SET placed_at = now() - id * interval '1 hour'")
    database.execute("VACUUM (FULL, ANALYZE) orders")
    texts = {
        "1": "SELECT date_trunc($1, placed_at), count(*) FROM orders WHERE placed_at > now() - interval $2"
        " AND customer_id = $3 GROUP BY date_trunc($4, placed_at)",
        "2": "SELECT count(*) FROM orders WHERE customer_id = $1 + $2 % $3",
    }
    report = trial_report(
        (recommended(1, create("orders", "customer_id"), dict.fromkeys(texts, 0.1)),),
        [statement(query_id, text, "public.orders") for query_id, text in texts.items()],
    )
    tried = verify(report, database.dsn, Config(), QUICK)
    assert together(tried, "1").uses == ("idx_1",), together(tried, "1").reason
    # Nothing tells what a remainder is taken of, and no ANALYZE would.
    assert together(tried, "2").reason == (
        "The copy's statistics give no value for $2, $3. They stand in what statistics of columns do not tell of, such "
        "as $1 % $2."
    )
    database.execute("DELETE FROM pg_statistic WHERE starelid = 'orders'::regclass")
    tried = verify(report, database.dsn, Config(), QUICK)
    assert together(tried, "2").reason.endswith("give no value for $1, $2, $3. ANALYZE its tables there.")
