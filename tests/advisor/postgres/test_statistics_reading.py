"""Column statistics: what is hidden from the role is never taken for missing."""

from __future__ import annotations

import pytest

from pgadvisor.model.coverage import Fact, Presence
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
