"""Column statistics: what is hidden from the role is never taken for missing."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from pgadvisor.config import CollectConfig
from pgadvisor.model.coverage import Fact, GapKind, Presence
from pgadvisor.model.objects import ExtendedStatistics
from pgadvisor.model.statistics import PgStats
from pgadvisor.postgres import statistics
from pgadvisor.postgres.session import Transaction
from pgadvisor.postgres.sqlfiles import Queries
from support.databases import Database, Role
from support.reading import Seen, read_database

pytestmark = pytest.mark.server

VALUES = ("a,b", 'q"uote', "b\\ack", "{curly}", "NULL", "", " x ", "</script>")


def fill(database: Database) -> None:
    database.execute("CREATE TABLE t (id int, word text, list text[], empty text)")
    for number, value in enumerate(VALUES):
        database.execute(
            "INSERT INTO t SELECT i, %s, ARRAY[%s], NULL FROM generate_series(1, %s) i", [value, value, 100 + number]
        )
    database.execute("CREATE TABLE never (id int)")
    database.execute("ANALYZE t")


def test_values_are_the_server_s_own_whatever_they_hold(any_database: Database) -> None:
    fill(any_database)
    seen = read_database(any_database.dsn)
    word = seen.statistics["t", "word"]
    assert word.most_common_values == tuple(reversed(VALUES))
    assert word.most_common_frequencies is not None
    assert sum(word.most_common_frequencies) == pytest.approx(1, abs=1e-6)
    assert word.n_distinct == len(VALUES)
    assert (word.null_fraction, word.inherited, word.histogram_bounds) == (0, False, None)
    identifiers = seen.statistics["t", "id"]
    assert identifiers.histogram_bounds is not None or identifiers.most_common_values is not None
    lists = seen.statistics["t", "list"].most_common_values
    assert lists is not None and len(lists) == len(VALUES) and lists[-1] == '{"a,b"}'
    assert seen.statistics["t", "empty"].null_fraction == 1
    assert ("never", "id") not in seen.statistics
    assert seen.relations["never"].statistics_visible
    assert seen.collected.presence[Fact.COLUMN_STATISTICS] is Presence.PRESENT


def test_partitioned_tables_have_statistics_of_their_own(any_database: Database) -> None:
    any_database.execute("""
        CREATE TABLE parted (id int, k text) PARTITION BY LIST (k);
        CREATE TABLE leaf PARTITION OF parted FOR VALUES IN ('a', 'b');
        INSERT INTO parted SELECT i, CASE WHEN i % 10 = 0 THEN 'a' ELSE 'b' END FROM generate_series(1, 1000) i;
        ANALYZE parted;
    """)
    seen = read_database(any_database.dsn)
    assert seen.statistics["parted", "k"].inherited and not seen.statistics["leaf", "k"].inherited
    assert seen.statistics["parted", "k"].most_common_values == ("b", "a")


def role(database: Database, *grants: str, **options: list[str]) -> Role:
    return database.role(grants=["USAGE ON SCHEMA public", *grants], **options)  # type: ignore[arg-type]


def presence(seen: Seen) -> Presence:
    return seen.collected.presence[Fact.COLUMN_STATISTICS]


def test_what_a_role_may_not_read_is_hidden_not_missing(any_database: Database) -> None:
    fill(any_database)
    monitor = role(any_database, member_of=["pg_monitor"])
    blind = read_database(monitor.dsn)
    assert blind.statistics == {} and presence(blind) is Presence.ABSENT
    assert [gap.scope for gap in blind.gaps(Fact.COLUMN_STATISTICS)] == ["public.t", "public.never"]
    assert all("may not read the table" in gap.reason for gap in blind.gaps(Fact.COLUMN_STATISTICS))
    (gap, *_) = blind.gaps(Fact.COLUMN_STATISTICS)
    assert ("pg_read_all_data" in gap.remedy) == (any_database.server.major >= 14)
    assert f'"{monitor.name}"' in gap.remedy
    assert not blind.relations["t"].statistics_visible


def test_some_tables_and_some_columns(any_database: Database) -> None:
    fill(any_database)
    any_database.execute("CREATE TABLE other (id int); INSERT INTO other VALUES (1), (1); ANALYZE other")
    partial = read_database(role(any_database, "SELECT (id, word) ON t", "SELECT ON other").dsn)
    assert set(partial.statistics) == {("t", "id"), ("t", "word"), ("other", "id")}
    assert presence(partial) is Presence.PARTIAL
    assert [gap.scope for gap in partial.gaps(Fact.COLUMN_STATISTICS)] == ["public.t", "public.never"]
    assert partial.relations["other"].statistics_visible
    columns = read_database(role(any_database, "SELECT (id, word, list, empty) ON t", "SELECT ON never, other").dsn)
    assert presence(columns) is Presence.PRESENT and columns.gaps(Fact.COLUMN_STATISTICS) == []


def test_row_security_hides_statistics_too(any_database: Database) -> None:
    fill(any_database)
    any_database.execute("ALTER TABLE t ENABLE ROW LEVEL SECURITY")
    seen = read_database(role(any_database, "SELECT ON t, never").dsn)
    assert seen.statistics == {}
    (gap,) = seen.gaps(Fact.COLUMN_STATISTICS)
    assert gap.scope == "public.t" and "Row security" in gap.reason
    assert presence(seen) is Presence.PARTIAL
    assert presence(read_database(any_database.dsn)) is Presence.PRESENT


def test_many_hidden_tables_are_one_gap(database: Database) -> None:
    for number in range(30):
        database.execute(f"CREATE TABLE t{number} (id int)")
    (gap,) = read_database(role(database).dsn).gaps(Fact.COLUMN_STATISTICS)
    assert gap.scope == "30 relations"
    assert "public.t0, public.t1" in gap.reason


def rows_of(seen: Seen) -> dict[tuple[str, str], PgStats]:
    """The rows as they are stored, by table or index and column."""
    catalog = seen.collected.catalog
    names = {relation.oid: relation.name for relation in catalog.relations}
    names |= {index.oid: index.name for index in catalog.indexes}
    return {(names[row.relation_oid], row.column): row for row in seen.collected.column_statistics}


def test_every_column_of_the_view_is_kept(any_database: Database) -> None:
    any_database.execute("""
        CREATE TABLE t (id int, list int[], span int4range, word text);
        INSERT INTO t SELECT i, ARRAY[i % 3, i % 5], int4range(i, i + i % 7), repeat('x', i % 4)
          FROM generate_series(1, 1000) i;
        INSERT INTO t (id) SELECT i FROM generate_series(1, 1000) i;
        ANALYZE t;
    """)
    found = rows_of(read_database(any_database.dsn))
    has_ranges = any_database.server.major >= 17
    columns = """null_frac::float8, avg_width, n_distinct::float8, most_common_vals::text, most_common_freqs::text,
        histogram_bounds::text, correlation::float8, most_common_elems::text, most_common_elem_freqs::text,
        elem_count_histogram::text"""
    ranges = "range_length_histogram::text, range_empty_frac::float8, range_bounds_histogram::text"
    expected = any_database.execute(
        f"SELECT attname, {columns}, {ranges if has_ranges else 'NULL, NULL, NULL'} FROM pg_stats WHERE tablename = 't'"
    )
    assert {name for _, name in found} == {row[0] for row in expected} == {"id", "list", "span", "word"}
    for name, *values in expected:
        row = found["t", name]
        assert [
            row.null_fraction, row.average_width_bytes, row.n_distinct, row.most_common_vals, row.most_common_freqs,
            row.histogram, row.correlation, row.most_common_elems, row.most_common_elem_freqs,
            row.elem_count_histogram, row.range_length_histogram, row.range_empty_fraction, row.range_bounds_histogram,
        ] == values  # fmt: skip
    assert found["t", "list"].most_common_elems == "{0,1,2,3,4}" and found["t", "list"].elem_count_histogram
    assert (found["t", "span"].range_bounds_histogram is not None) == has_ranges
    assert (found["t", "span"].range_empty_fraction is not None) == has_ranges


def test_an_index_on_expressions_has_statistics_of_its_own(any_database: Database) -> None:
    any_database.execute("""
        CREATE TABLE t (id int, word text);
        CREATE INDEX "I'dx" ON t (id, (upper(word)), (id % 10));
        CREATE INDEX plain ON t (word);
        INSERT INTO t SELECT i, 'w' || i % 2 FROM generate_series(1, 1000) i;
        ANALYZE t;
    """)
    seen = read_database(any_database.dsn)
    found = rows_of(seen)
    assert set(found) == {("t", "id"), ("t", "word"), ("I'dx", "upper"), ("I'dx", "expr")}
    assert found["I'dx", "upper"].most_common_vals == "{W0,W1}" and found["I'dx", "expr"].n_distinct == 10
    reader = role(any_database, "SELECT ON t")
    partial = read_database(reader.dsn)
    assert set(rows_of(partial)) == {("t", "id"), ("t", "word")} and presence(partial) is Presence.PARTIAL
    (gap,) = partial.gaps(Fact.COLUMN_STATISTICS)
    assert gap.scope == 'public."I\'dx"' and gap.kind is GapKind.HIDDEN and "owner" in gap.reason
    assert ("pg_read_all_data" in gap.remedy) == (any_database.server.major >= 14)
    any_database.execute(f'ALTER TABLE t OWNER TO "{reader.name}"')
    owner = read_database(reader.dsn)
    assert set(rows_of(owner)) == set(found) and presence(owner) is Presence.PRESENT
    any_database.execute("ALTER TABLE t ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY")
    guarded = read_database(reader.dsn)
    assert rows_of(guarded) == {} and [gap.scope for gap in guarded.gaps(Fact.COLUMN_STATISTICS)] == ["public.t"]
    any_database.execute("ALTER TABLE t OWNER TO CURRENT_USER")


def test_batches_cut_between_schemas_and_within_large_ones(
    any_database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The same names in every schema; each row still goes to its own table, once."""
    names = ["a", 'B "b', "</script>", "%s"]
    for schema in ("one", "two", '3"3', "four"):
        any_database.execute(f"""CREATE SCHEMA "{schema.replace('"', '""')}" """)
        for number, name in enumerate(names if schema != "four" else names[:1]):
            table = f'"{schema.replace(chr(34), chr(34) * 2)}"."{name.replace(chr(34), chr(34) * 2)}"'
            any_database.execute(f"CREATE TABLE {table} (x text, y int, z int)")
            value = f"{schema} {number}"
            any_database.execute(f"INSERT INTO {table} SELECT '{value}', 1, 1 FROM generate_series(1, 9)")
    any_database.execute("ANALYZE")
    looks: list[str] = []
    original = Queries.__getitem__

    def note(queries: Queries, name: str) -> object:
        looks.append(name)
        return original(queries, name)

    monkeypatch.setattr(Queries, "__getitem__", note)
    expected = None
    # Twelve columns in each of three schemas, three in the fourth.
    for columns, batches in ((10_000, 1), (9, 7), (13, 4), (1, 13)):
        monkeypatch.setattr(statistics, "BATCH_COLUMNS", columns)
        looks.clear()
        seen = read_database(any_database.dsn)
        assert looks.count("column_statistics") == batches
        tables = {relation.oid: relation for relation in seen.collected.catalog.relations}
        found = [(tables[row.relation_oid], row) for row in seen.collected.column_statistics]
        assert len(found) == 13 * 3
        for owner, row in found:
            if row.column == "x":
                schema = owner.schema.replace('"', '\\"')
                assert row.most_common_vals == f'{{"{schema} {names.index(owner.name)}"}}'
        expected = expected or seen.collected.column_statistics
        assert seen.collected.column_statistics == expected
        assert presence(seen) is Presence.PRESENT
    some = read_database(any_database.dsn, CollectConfig(schemas=("four",)))
    assert {row.column for row in some.collected.column_statistics} == {"x", "y", "z"}
    assert len(some.collected.column_statistics) == 3


def failing(monkeypatch: pytest.MonkeyPatch, fails: Callable[[dict[str, Any]], bool]) -> list[int]:
    """Lets looks at column statistics fail where their parameters say so; how many relations each look asked for."""
    original = Transaction.rows
    asked: list[int] = []

    def rows(transaction: Transaction, query: Any, parameters: Any = None, **options: Any) -> list[dict[str, Any]]:
        if parameters and "relation_names" in parameters:
            asked.append(len(parameters["relation_names"]))
            if fails(parameters):
                query, parameters = "SELECT 1 / 0", None
        return original(transaction, query, parameters, **options)

    monkeypatch.setattr(Transaction, "rows", rows)
    return asked


def test_looks_that_fail_are_halved_and_in_the_end_given_up(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One relation whose statistics cannot be read costs itself alone; where all fail, not all are tried."""
    for number in range(8):
        database.execute(f"CREATE TABLE t{number} (id int); INSERT INTO t{number} VALUES (1), (1); ANALYZE t{number}")
    with monkeypatch.context() as patch:
        asked = failing(patch, lambda parameters: "t5" in parameters["relation_names"])
        seen = read_database(database.dsn)
    assert asked == [8, 4, 4, 2, 1, 1, 2]
    assert {name for name, _ in seen.statistics} == {f"t{number}" for number in range(8)} - {"t5"}
    assert presence(seen) is Presence.PARTIAL
    (gap,) = seen.gaps(Fact.COLUMN_STATISTICS)
    assert gap.scope == "public.t5" and "division by zero" in gap.reason
    monkeypatch.setattr(statistics, "BATCH_COLUMNS", 1)
    monkeypatch.setattr(statistics, "MAX_FAILURES", 3)
    asked = failing(monkeypatch, lambda _: len(asked) > 2)
    seen = read_database(database.dsn)
    assert len(seen.collected.column_statistics) == 2 and presence(seen) is Presence.PARTIAL
    assert len(asked) == 2 + statistics.MAX_FAILURES
    read = {row.relation_oid for row in seen.collected.column_statistics}
    for relation in seen.relations.values():
        assert relation.statistics_visible is (relation.oid in read), "what was not read was not never analyzed"
    unread = {f"public.{relation.name}" for relation in seen.relations.values() if relation.oid not in read}
    assert {gap.scope for gap in seen.gaps(Fact.COLUMN_STATISTICS)} == unread and len(unread) == 6


def extended(seen: Seen) -> dict[tuple[str, bool], ExtendedStatistics]:
    return {(each.name, each.inherited): each for each in seen.collected.catalog.extended_statistics}


EXTENDED = """
    CREATE SCHEMA "o's";
    CREATE TABLE t (a int, b int, c text);
    CREATE TABLE empty (a int, b int);
    INSERT INTO t SELECT i % 10, i % 10, '</script> %s' FROM generate_series(1, 1000) i;
    INSERT INTO t SELECT NULL, 1, 'x' FROM generate_series(1, 100) i;
    CREATE STATISTICS "o's"."S""t" (ndistinct, dependencies, mcv) ON a, b FROM t;
    ALTER STATISTICS "o's"."S""t" SET STATISTICS 50;
    CREATE STATISTICS one_kind (mcv) ON c, a FROM t;
    CREATE STATISTICS unbuilt ON a, b FROM empty;
    ANALYZE t;
"""


def test_extended_statistics_and_their_data(any_database: Database) -> None:
    any_database.execute(EXTENDED)
    seen = read_database(any_database.dsn)
    found = extended(seen)
    assert set(found) == {('S"t', False), ("one_kind", False), ("unbuilt", False)}
    whole = found['S"t', False]
    assert (whole.schema, whole.relation_oid) == ("o's", seen.relations["t"].oid)
    assert (whole.kinds, whole.columns, whole.statistics_target) == (
        ("ndistinct", "dependencies", "mcv"),
        ("a", "b"),
        50,
    )
    (expected,) = any_database.execute(
        """SELECT n_distinct::text, dependencies::text, most_common_vals::text, most_common_val_nulls::text,
           most_common_freqs::text, most_common_base_freqs::text FROM pg_stats_ext WHERE statistics_name = 'S"t'"""
    )
    assert expected == (
        whole.n_distinct, whole.dependencies, whole.most_common_values, whole.most_common_value_nulls,
        whole.most_common_frequencies, whole.most_common_base_frequencies,
    )  # fmt: skip
    assert all(expected) and "11" in str(whole.n_distinct)
    kind = found["one_kind", False]
    assert (kind.kinds, kind.columns, kind.statistics_target) == (("mcv",), ("a", "c"), None)
    assert kind.n_distinct is None and "</script> %s" in str(kind.most_common_values)
    unbuilt = found["unbuilt", False]
    assert unbuilt.n_distinct is unbuilt.dependencies is unbuilt.most_common_values is None
    assert seen.gaps(Fact.EXTENDED_STATISTICS) == []
    assert seen.collected.presence[Fact.EXTENDED_STATISTICS] is Presence.PRESENT


def test_hidden_extended_statistics_are_not_unbuilt_ones(any_database: Database) -> None:
    any_database.execute(EXTENDED)
    seen = read_database(role(any_database, member_of=["pg_monitor"]).dsn)
    assert set(extended(seen)) == {('S"t', False), ("one_kind", False), ("unbuilt", False)}
    assert all(each.n_distinct is each.most_common_values is None for each in extended(seen).values())
    gaps = seen.gaps(Fact.EXTENDED_STATISTICS)
    assert {gap.scope for gap in gaps} == {'"o\'s"."S""t"', "public.one_kind", "public.unbuilt"}
    assert all(gap.kind is GapKind.HIDDEN and "GRANT" in gap.remedy for gap in gaps)
    assert seen.collected.presence[Fact.EXTENDED_STATISTICS] is Presence.PARTIAL
    # Up to 13 the view goes by the columns, since a fix of 2024 by the owner.
    reader = read_database(role(any_database, "SELECT ON t").dsn)
    shown = {name for (name, _), each in extended(reader).items() if each.most_common_values}
    assert shown == (set() if any_database.server.major >= 14 else {'S"t', "one_kind"})
    assert {gap.scope for gap in reader.gaps(Fact.EXTENDED_STATISTICS)} == {
        gap.scope for gap in gaps if gap.scope == "public.unbuilt" or any_database.server.major >= 14
    }
    owner = role(any_database, "SELECT ON t")
    any_database.execute(f'ALTER TABLE t OWNER TO "{owner.name}"; ALTER TABLE empty OWNER TO "{owner.name}"')
    whole = read_database(owner.dsn)
    assert whole.gaps(Fact.EXTENDED_STATISTICS) == [] and extended(whole)['S"t', False].n_distinct
    any_database.execute("ALTER TABLE t ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY")
    guarded = read_database(owner.dsn)
    assert {gap.reason for gap in guarded.gaps(Fact.EXTENDED_STATISTICS)} == {
        "Row security applies to the role, so the server hides the data of the statistics"
    }
    assert extended(guarded)['S"t', False].n_distinct is None
    any_database.execute("ALTER TABLE t OWNER TO CURRENT_USER; ALTER TABLE empty OWNER TO CURRENT_USER")


def test_extended_statistics_of_expressions_and_over_children(any_database: Database) -> None:
    major = any_database.server.major
    any_database.execute("""
        CREATE TABLE parent (a int, b int);
        CREATE TABLE child () INHERITS (parent);
        INSERT INTO parent SELECT i % 4, i % 4 FROM generate_series(1, 100) i;
        INSERT INTO child SELECT i % 9, i % 9 FROM generate_series(1, 100) i;
        CREATE STATISTICS for_both (ndistinct) ON a, b FROM parent;
        CREATE TABLE parted (a int, b int) PARTITION BY LIST (a);
        CREATE TABLE leaf PARTITION OF parted DEFAULT;
        INSERT INTO parted SELECT i % 4, i % 4 FROM generate_series(1, 100) i;
        CREATE STATISTICS over_leaves (ndistinct) ON a, b FROM parted;
    """)
    if major >= 14:
        any_database.execute("CREATE STATISTICS expr ON (a % 3), (a * 2 || '%s') FROM parent")
    any_database.execute("ANALYZE parent, parted")
    found = extended(read_database(any_database.dsn))
    assert found["over_leaves", True].n_distinct is not None
    if major < 14:
        return
    if major >= 15:
        assert "9" in str(found["for_both", True].n_distinct) and "9" not in str(found["for_both", False].n_distinct)
    expr = found["expr", False]
    assert expr.columns == () and set(expr.kinds) >= {"expressions", "mcv"}
    assert expr.expressions == ("(a % 3)", "((a * 2) || '%s'::text)")
    first, second = expr.expression_statistics
    assert (first["expr"], first["n_distinct"]) == ("(a % 3)", "3")
    assert second["most_common_vals"] and second["histogram_bounds"] is None and "inherited" not in second
    with any_database.connect() as holder:
        holder.execute("BEGIN; LOCK TABLE parent IN ACCESS EXCLUSIVE MODE")
        seen = read_database(any_database.dsn)
        holder.execute("ROLLBACK")
    held = extended(seen)["expr", False]
    assert (held.expressions, held.expression_statistics) == ((), ()) and held.most_common_values
    (gap,) = seen.gaps(Fact.EXTENDED_STATISTICS)
    assert gap.scope == "public.expr" and gap.kind is GapKind.LOCKED
    assert seen.session.longest_transaction_ms < 900
