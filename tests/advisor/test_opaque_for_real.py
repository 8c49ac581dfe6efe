"""Time inside functions, CALL, DO and FETCH on real servers: opaque, unless nested statements are counted."""

from __future__ import annotations

import pytest

from pgadvisor.analyze import analyze
from pgadvisor.collect import collect
from pgadvisor.config import CollectConfig, Config, Execute
from pgadvisor.model.coverage import Fact
from pgadvisor.model.report import Report
from pgadvisor.registry import load_rules
from support.databases import Database

pytestmark = pytest.mark.server

SCHEMA = """
    CREATE TABLE t (id int PRIMARY KEY);
    INSERT INTO t SELECT generate_series(1, 1000);
    CREATE FUNCTION slow(int) RETURNS bigint LANGUAGE plpgsql AS $$
    BEGIN RETURN (SELECT count(*) FROM t AS a, t AS b WHERE a.id + b.id > $1); END $$;
    CREATE FUNCTION plain(int) RETURNS int LANGUAGE sql IMMUTABLE AS 'SELECT $1 + 1';
    CREATE PROCEDURE proceed() LANGUAGE plpgsql AS $$
    BEGIN PERFORM count(*) FROM t AS a, t AS b WHERE a.id < b.id; END $$;
    ANALYZE;
"""


def run(database: Database) -> Report:
    """Each kind of opaque statement once, and one that is none."""
    database.execute("SELECT pg_stat_reset(), pg_stat_statements_reset()")
    with database.connect() as connection:
        connection.execute("SELECT slow(%s)", (1,))
        connection.execute("CALL proceed()")
        connection.execute("DO $$ BEGIN PERFORM count(*) FROM t AS a, t AS b WHERE a.id > b.id; END $$")
        connection.execute("SELECT plain(id) FROM t WHERE id > %s", (1,))
        with connection.transaction():
            connection.execute("DECLARE c CURSOR FOR SELECT count(*) FROM t AS a, t AS b WHERE a.id <> b.id")
            connection.execute("FETCH ALL IN c")
    database.settle()
    config = Config(collect=CollectConfig(execute=Execute.OFF))
    return analyze(collect(database.dsn, config.collect), config, load_rules())


def shares(report: Report) -> dict[str, float]:
    return {share.label: share.time_ms / share.of_time_ms for share in report.trust.shares}


def test_what_runs_inside_is_opaque_until_it_is_counted(newest_database: Database) -> None:
    newest_database.execute(SCHEMA)
    report = run(newest_database)
    gaps = [gap for gap in report.trust.gaps if gap.fact is Fact.SHAPES and "statements' time" in gap.reason]
    assert sorted(gap.reason.partition(", are ")[2].split(",")[0] for gap in gaps) == [
        "in CALL",
        "in DO",
        "in FETCH and MOVE",
        "in statements that call functions whose inside is not seen: slow",
    ]
    before = shares(report)
    assert before["opaque"] > 0.9 and before["understood"] < 0.1 and before["looked into"] == 1.0
    assert sum(part.time_ms for part in report.trust.parts) == pytest.approx(report.trust.parts[0].of_time_ms)
    active = report.trust.active
    if newest_database.server.major >= 14:
        assert active.reason == "" and 0 < (active.statements_ms or 0) <= (active.active_ms or 0)
    else:
        assert "Before 14" in active.reason
        return
    # Who is not told of levels (before 1.9) does not take nested entries for the callers' own.
    newest_database.execute("ALTER ROLE CURRENT_USER SET pg_stat_statements.track = 'all'")
    try:
        newest_database.disconnect()
        report = run(newest_database)
    finally:
        newest_database.execute("ALTER ROLE CURRENT_USER RESET pg_stat_statements.track")
    after = shares(report)
    assert after["opaque"] < 0.5 < after["understood"]
    assert max(after.values()) <= 1.0
    nested = [view for view in report.statements if view.nested_share]
    assert len(nested) >= 3 and all(0 < view.nested_share <= view.share <= 1 for view in nested)
    assert sum(view.share - view.nested_share for view in report.statements) == pytest.approx(1, abs=0.01)
