"""Statistics that a twin cannot have cost no others, run no stranger's code, and are named."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest

from pgadvisor.facts import Facts
from pgadvisor.model.coverage import Coverage
from pgadvisor.model.snapshot import Snapshot
from pgadvisor.model.statistics import PgStats
from pgadvisor.planner.twin.statistics.hidden import hidden_statistics
from pgadvisor.planner.twin.statistics.load import load_statistics
from support.databases import Database
from support.folders import open_folder
from support.reading import read_database
from support.runs import short_run
from support.servers import Server
from support.twin_statistics import hollow_copy, statistics, two_databases
from support.twins import snapshot_of

pytestmark = pytest.mark.server

SCHEMA = """
CREATE TYPE mood AS ENUM ('sad', 'ok');
CREATE TABLE t (a int, b mood, c date, d int[], e text, f numeric, g money);
CREATE TABLE u (id int);
"""
ROWS = """
INSERT INTO t SELECT i % 10, 'sad', date '2020-01-01' + i % 5, ARRAY[i % 4], 't' || i % 9, i,
  (i % 3)::numeric::money
FROM generate_series(1, 500) AS i;
INSERT INTO u SELECT generate_series(1, 500);
ANALYZE t, u;
"""
# As for the types of some extensions, such as PostGIS's.
OWN_ANALYZE = """
CREATE FUNCTION own_analyze(internal) RETURNS bool LANGUAGE internal AS 'array_typanalyze';
UPDATE pg_type SET typanalyze = 'own_analyze'::regproc WHERE typname = 'mood';
"""
SECRET = "hunter2"
BROKEN: dict[str, dict[str, Any]] = {
    "a": {"most_common_vals": f"{{1,{SECRET}}}", "most_common_freqs": "{0.1,0.2}"},
    "b": {"most_common_vals": f"{{{SECRET}}}"},
    "c": {"histogram": f"{{2020-01-01,{SECRET}", "most_common_vals": None},
    "d": {"most_common_elems": "not an array"},
    # Fewer frequencies than values: the planner would read past their end.
    "e": {"most_common_freqs": "{0.5}"},
    "f": {"null_fraction": 1e300},
}


def broken(snapshot: Snapshot) -> Snapshot:
    """The snapshot with something that cannot be read in each column of t, one row twice and one of no column."""
    rows: list[PgStats] = []
    for row in snapshot.column_statistics:
        is_t = row.column in BROKEN
        rows.append(msgspec.structs.replace(row, **BROKEN[row.column]) if is_t else row)
    rows += [rows[0], msgspec.structs.replace(rows[0], column="no\0ne"), msgspec.structs.replace(rows[0], column="zz")]
    settings = tuple(
        msgspec.structs.replace(each, value="no_WHERE") if each.name == "lc_monetary" else each
        for each in snapshot.server.settings
    )
    server = msgspec.structs.replace(snapshot.server, settings=settings)
    return msgspec.structs.replace(snapshot, column_statistics=tuple(rows), server=server)


@pytest.mark.parametrize("major", short_run(18, of=(18, 13)))
def test_what_cannot_be_read_costs_nothing_else(old_server: Callable[[int], Server], major: int) -> None:
    with two_databases(old_server, (major, major), SCHEMA) as (source, copy):
        source.execute(ROWS)
        copy.execute(OWN_ANALYZE)
        with hollow_copy(broken(snapshot_of(source.dsn)), copy) as building:
            load_statistics(building)
        expected, found = statistics(source), statistics(copy)
    assert found["u", "id", False] == expected["u", "id", False]
    assert found.keys() == expected.keys() - {("t", "f", False)}
    for column in "abcdeg":
        key = ("t", column, False)
        # Nulls, width and number of values, and the correlation of those that have one.
        assert found[key][:3] == expected[key][:3]
        correlations = [slot for slot in (found[key][3 + 5 * n : 8 + 5 * n] for n in range(5)) if slot[0] == 3]
        assert correlations == [
            slot for slot in (expected[key][3 + 5 * n : 8 + 5 * n] for n in range(5)) if slot[0] == 3
        ]
        assert not any(SECRET in str(value) for value in found[key])
    told = [shortfall.what.replace("public.t, column ", "") for shortfall in building.shortfalls]
    assert told == [
        "statistics of b",
        "values in the statistics of g",
        "statistics of no\0ne; zz",
        "values in the statistics of a; b; c; d; e; f",
    ]
    assert SECRET not in str(building.shortfalls)


DOMAINS = """
CREATE DOMAIN plain AS int;
CREATE DOMAIN listed AS int[];
CREATE TYPE pair AS (a int, b plain);
CREATE TYPE nested AS (p pair);
CREATE TYPE span AS RANGE (subtype = plain);
CREATE TABLE t (a plain, b plain[], c listed, d pair, e pair[], f nested, g span, h int);
CREATE INDEX ON t ((h::plain));
CREATE STATISTICS s (mcv) ON a, h FROM t;
CREATE STATISTICS s2 (mcv) ON d, h FROM t;
"""
DOMAIN_ROWS = """
INSERT INTO t
SELECT
  v, ARRAY[v], ARRAY[v], ROW(1, v)::pair, ARRAY[ROW(1, v)::pair], ROW(ROW(1, v)::pair)::nested, span(v, 10::plain), v
FROM (SELECT (i % 9)::plain AS v FROM generate_series(1, 500) AS i) AS i;
ANALYZE t;
"""


def checked_domains(database: Database, trap: Path) -> None:
    """Gives the domains a check that writes a file, as a snapshot's could if they came before its statistics."""
    database.execute(
        f"""
        CREATE TABLE mark (a int);
        CREATE FUNCTION touch(v anyelement) RETURNS bool LANGUAGE plpgsql AS
          $$BEGIN COPY (SELECT 1) TO '{trap}'; RETURN true; END$$;
        ALTER DOMAIN plain ADD CHECK (touch(VALUE)) NOT VALID;
        ALTER DOMAIN listed ADD CHECK (touch(VALUE)) NOT VALID;
        """
    )


@pytest.mark.parametrize("major", short_run(18, of=(18, 13)))
@pytest.mark.parametrize("has_checks", [False, True])
def test_no_check_of_a_domain_runs(old_server: Callable[[int], Server], major: int, has_checks: bool) -> None:
    with open_folder(0o777) as folder, two_databases(old_server, (major, major), DOMAINS) as (source, copy):
        trap = folder / "trap"
        source.execute(DOMAIN_ROWS)
        if has_checks:
            checked_domains(copy, trap)
        with hollow_copy(snapshot_of(source.dsn), copy) as building:
            load_statistics(building)
        expected, found = statistics(source), statistics(copy)
        assert not trap.exists()
        if has_checks:
            copy.execute("SELECT 1::plain")
            assert trap.exists()
    assert found.keys() == expected.keys()
    same = {key[1] for key in expected if found[key] == expected[key]}
    # A value of a domain is parsed as one of its base type, which checks nothing.
    shown = {"g"} if major >= 17 else set()
    assert same == ({"a", "c", "h"} if has_checks else {"a", "b", "c", "d", "e", "f", "h"} | shown)


def test_fewer_frequencies_than_values_are_told_where_all_else_is_right(database: Database) -> None:
    database.execute(SCHEMA + ROWS)
    snapshot = snapshot_of(database.dsn)
    rows = tuple(
        msgspec.structs.replace(row, **BROKEN["e"]) if row.column == "e" else row for row in snapshot.column_statistics
    )
    database.execute("DELETE FROM pg_statistic WHERE starelid >= 16384")
    with hollow_copy(msgspec.structs.replace(snapshot, column_statistics=rows), database) as building:
        load_statistics(building)
    assert [shortfall.what for shortfall in building.shortfalls] == ["values in the statistics of public.t, column e"]
    assert len(statistics(database)) == len(rows)


def test_a_type_of_any_depth_costs_its_values_alone(database: Database) -> None:
    deep = "".join(f"CREATE TYPE d{n} AS (a d{n - 1});" for n in range(1, 600))
    database.execute(f"CREATE TYPE d0 AS (a int); {deep} CREATE TABLE t (a d599)")
    snapshot = snapshot_of(database.dsn)
    (table,) = snapshot.catalog.relations
    row = PgStats(
        relation_oid=table.oid,
        column="a",
        null_fraction=0.5,
        average_width_bytes=4,
        n_distinct=1,
        most_common_vals="{1}",
    )
    with hollow_copy(msgspec.structs.replace(snapshot, column_statistics=(row,)), database) as building:
        load_statistics(building)
    assert statistics(database)["t", "a", False][:3] == ("0.5", 4, "1")
    (shortfall,) = building.shortfalls
    assert shortfall.what == "values in the statistics of public.t, column a"


HIDDEN = """
CREATE TABLE seen (a int, b int);
CREATE TABLE unseen (a int);
CREATE INDEX seen_twice ON seen ((a * 2));
CREATE INDEX unseen_twice ON unseen ((a * 2));
CREATE STATISTICS pairs ON a, b FROM seen;
INSERT INTO seen SELECT i, i FROM generate_series(1, 100) AS i;
INSERT INTO unseen SELECT generate_series(1, 100);
ANALYZE seen, unseen;
"""


def test_what_is_hidden_is_told_by_cause(database: Database) -> None:
    database.execute(HIDDEN)
    role = database.role(grants=["SELECT ON seen"])
    seen = read_database(role.dsn)
    collected = snapshot_of(role.dsn)
    snapshot = msgspec.structs.replace(collected, coverage=Coverage(gaps=tuple(seen.collected.gaps)))
    oids = {name: relation.oid for name, relation in seen.relations.items()}
    found = {each.what: each.relation_oids for each in hidden_statistics(Facts(snapshot, {}))}
    assert found == {
        "column statistics of public.unseen": (oids["unseen"],),
        "statistics of index expressions of public.seen_twice": (oids["seen"],),
        "extended statistics of public.pairs": (oids["seen"],),
    }
    assert hidden_statistics(Facts(snapshot_of(database.dsn), {})) == []
