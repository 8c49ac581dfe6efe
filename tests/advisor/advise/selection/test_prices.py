"""What an index costs: entries, HOT updates lost, WAL and time, over the statements' window."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec
import psycopg
import pytest

from pgadvisor.advise.price import price_of_creation
from pgadvisor.advise.selection.prices import Prices
from pgadvisor.advise.selection.writes import TableWrites
from pgadvisor.analyze import read_facts
from pgadvisor.collect import collect
from pgadvisor.config import CollectConfig, Execute
from pgadvisor.facts import Facts
from pgadvisor.model.catalog import IndexDefinition, IndexKey
from pgadvisor.model.index_advice import IndexPrice
from support.databases import Database, fresh_database
from support.servers import Server
from support.snapshots import facts

ROWS = 20_000


def definition(*columns: str, table: str = "jobs", **more: Any) -> IndexDefinition:
    keys = tuple(IndexKey(column=column) for column in columns)
    return IndexDefinition(schema="public", table=table, keys=keys, **more)


def jobs(**changed: Any) -> dict[str, Any]:
    """A table of a million rows that is inserted into, updated and deleted from; 60 days in both windows."""
    table = {
        "rows": 1e6,
        "columns": ["id bigint not null", "customer integer", "state text", "seen integer", "doc jsonb"],
        "stats": {
            "id": {"correlation": 1.0},
            "customer": {"n_distinct": -0.2, "correlation": 0.01},
            "state": {"n_distinct": 4.0, "width": 6},
            "seen": {"n_distinct": -0.5, "correlation": 0.0},
            "doc": {"width": 100},
        },
        "indexes": {"jobs_pkey": "btree (id) unique"},
        "counters": {
            "rows_inserted": 600_000,
            "rows_updated": 400_000,
            "rows_hot_updated": 300_000,
            "rows_deleted": 100_000,
            "live_rows": 500_000,
        },
    }
    statements = [
        {"id": "1", "text": "INSERT INTO jobs (id, customer) VALUES ($1, $2)", "calls": 600_000, "rows": 600_000},
        {"id": "2", "text": "UPDATE jobs SET seen = $1 WHERE id = $2", "calls": 300_000, "rows": 300_000},
        {"id": "3", "text": "UPDATE jobs SET customer = $1 WHERE id = $2", "calls": 100_000, "rows": 100_000},
    ]
    return {"tables": {"public.jobs": table}, "statements": statements, **changed}


def priced(data: dict[str, Any], wanted: IndexDefinition, size_bytes: int | None = 20_000_000) -> IndexPrice:
    return Prices(facts(data)).of(wanted, size_bytes)


def test_hot_updates_are_lost_by_the_share_of_statements_that_write_the_column() -> None:
    price = priced(jobs(), definition("customer"))
    assert price.hot_updates == 75_000
    assert price.entries == 600_000 + 100_000 + 75_000
    kept = priced(jobs(), definition("state"))
    assert kept.hot_updates == 0
    assert kept.entries == 700_000
    assert price.write_ms and kept.write_ms and price.write_ms > kept.write_ms


def test_updates_that_another_index_hinders_already_are_not_lost_again() -> None:
    data = jobs()
    data["tables"]["public.jobs"]["indexes"]["jobs_customer"] = "btree (customer)"
    assert priced(data, definition("customer", "state")).hot_updates == 0
    # All those that were HOT were of the other statement.
    assert priced(data, definition("seen")).hot_updates == 300_000


def test_a_block_range_index_hinders_no_hot_update_since_16() -> None:
    brin = definition("customer", access_method="brin")
    assert priced(jobs(), brin).hot_updates == 0
    assert priced(jobs(version=150_003), brin).hot_updates == 75_000


def test_a_predicate_hinders_hot_updates_and_leaves_out_rows() -> None:
    live = definition("state", predicate="(seen IS NULL)")
    price = priced(jobs(), live, size_bytes=1_000_000)
    assert price.hot_updates == 225_000
    queue = definition("id", predicate="(customer = 7)")
    # What arrives may have been in it, since an update changes the column.
    assert (priced(jobs(), queue, size_bytes=100_000).entries or 0) >= 600_000
    rare = definition("id", predicate="(state = 'new'::text)")
    assert (priced(jobs(), rare, size_bytes=300_000).entries or 1e9) < 50_000


def test_windows_that_differ_are_scaled_and_unknown_ones_leave_what_statements_tell() -> None:
    data = jobs(counters_days=120.0, statements_days=60.0)
    assert priced(data, definition("state")).entries == 600_000 + 100_000
    data["statements"] = data["statements"][:1]
    assert priced(data, definition("state")).entries == 600_000 + 50_000
    unknown = priced(jobs(counters_days="unknown"), definition("state"))
    assert unknown.entries == 600_000 + 400_000 * 0.25
    nothing = jobs(counters_days="unknown", statements=[])
    assert priced(nothing, definition("state")).write_ms is None
    assert priced(jobs(in_recovery=True), definition("state")).write_ms is None


def test_counts_from_before_a_clean_stop_are_not_taken_for_those_since() -> None:
    data = jobs(counters_days=0.01, statements_days=60.0)
    seen = facts(data)
    (table,) = seen.relations.values()
    counters = seen.snapshot.counters
    assert counters is not None

    def updated(source: str) -> float:
        window = msgspec.structs.replace(counters.window, source=source)
        known = msgspec.structs.replace(seen.snapshot, counters=msgspec.structs.replace(counters, window=window))
        writes = TableWrites(Facts(known, seen.shapes)).of(table.oid)
        assert writes is not None
        return writes.updated

    assert updated("server start") == 400_000
    # Counted since then in fact, they were many.
    assert updated("reset of this database's counters") == pytest.approx(400_000 * 6_000)


def test_rows_that_statements_updated_are_no_fewer_than_the_counters_tell() -> None:
    # The load of long ago is in the window of the counters.
    seen = facts(jobs(counters_days=600.0, statements_days=60.0))
    (table,) = seen.relations.values()
    writes = TableWrites(seen).of(table.oid)
    assert writes is not None
    assert (writes.updated, writes.hot_updated) == (400_000, 300_000)


def test_statements_of_files_do_not_say_that_nothing_else_is_written() -> None:
    reads = {"id": "1", "text": "SELECT id FROM jobs WHERE customer = $1", "calls": 100, "rows": 100}
    seen = facts(jobs(counters_days="unknown", statements=[reads]))
    assert Prices(seen).of(definition("customer"), 20_000_000).write_ms == 0
    assert seen.snapshot.statements is not None
    rows = tuple(msgspec.structs.replace(row, user_oid=0) for row in seen.snapshot.statements.rows)
    statements = msgspec.structs.replace(seen.snapshot.statements, rows=rows)
    of_files = Facts(msgspec.structs.replace(seen.snapshot, statements=statements), seen.shapes)
    assert Prices(of_files).of(definition("customer"), 20_000_000).write_ms is None


def test_rows_that_statements_deleted_are_no_fewer_than_the_counters_tell() -> None:
    text = {"id": "4", "text": "DELETE FROM jobs WHERE id = $1", "calls": 1_000}
    for counted, days, deleted, expected in (
        (100_000, 60.0, 90_000, 100_000),
        # Counters that were reset late, or come late, know of fewer.
        (100_000, 60.0, 150_000, 150_000),
        (100_000, 120.0, 90_000, 90_000),
    ):
        data = jobs(counters_days=days)
        data["tables"]["public.jobs"]["counters"]["rows_deleted"] = counted
        data["statements"].append({**text, "rows": deleted})
        seen = facts(data)
        (table,) = seen.relations.values()
        writes = TableWrites(seen).of(table.oid)
        assert writes is not None
        assert writes.deleted == expected


def test_what_was_loaded_once_is_no_daily_write() -> None:
    data = jobs()
    data["tables"]["public.jobs"]["counters"] = {"rows_inserted": 1_000_000, "live_rows": 1_000_000}
    data["statements"] = [{"id": "1", "text": "INSERT INTO jobs (id) SELECT $1", "calls": 1, "rows": 1_000_000}]
    assert priced(data, definition("customer")).entries == 0
    data["statements"].append({"id": "2", "text": "INSERT INTO jobs (id) VALUES ($1)", "calls": 500, "rows": 500})
    assert priced(data, definition("customer")).entries == 500


def test_kinds_of_indexes_differ_in_what_an_entry_takes() -> None:
    def each(wanted: IndexDefinition) -> float:
        price = priced(jobs(), wanted)
        assert price.write_ms is not None
        assert price.entries
        return price.write_ms / price.entries

    inverted, anywhere, ordered, ranges = (
        each(definition("doc", access_method="gin")),
        each(definition("seen")),
        each(definition("id", "state")),
        each(definition("state", access_method="brin")),
    )
    assert inverted > anywhere > ordered > ranges


def test_an_index_larger_than_the_cache_costs_more_for_each_entry() -> None:
    small = jobs(settings={"shared_buffers": "8e9", "effective_cache_size": "3e10"})
    large = jobs(settings={"shared_buffers": "1e8", "effective_cache_size": "5e8"})
    for data in (small, large):
        data["tables"]["public.jobs"]["bytes"] = 4_000_000_000
    in_memory, beyond = (priced(data, definition("seen"), 2_000_000_000).write_ms or 0 for data in (small, large))
    assert beyond > 3 * in_memory


def test_a_server_slow_to_insert_is_slow_to_write_indexes_within_bounds() -> None:
    def at(total_ms: float) -> float:
        data = jobs()
        data["statements"][0]["total_ms"] = total_ms
        return priced(data, definition("state")).write_ms or 0.0

    fast, usual, slow, slower = at(4_000), at(15_000), at(40_000), at(6e7)
    assert fast < usual < slow < slower
    assert slower == pytest.approx(8 * fast)


def taken_by_all(data: dict[str, Any], *statements: tuple[str, int, int, float], held: float = 1_000) -> float:
    """What the indexes of a table take of writes with these texts, calls, rows and total_ms: milliseconds.

    held are the rows in each of those with a predicate.
    """
    rows = [
        {"id": str(n), "text": text, "calls": calls, "rows": rows, "total_ms": total_ms}
        for n, (text, calls, rows, total_ms) in enumerate(statements)
    ]
    known = facts(data | {"statements": rows})
    catalog = known.snapshot.catalog
    indexes = tuple(
        msgspec.structs.replace(each, row_count=held if each.definition.predicate else each.row_count)
        for each in catalog.indexes
    )
    catalog = msgspec.structs.replace(catalog, indexes=indexes)
    known = Facts(msgspec.structs.replace(known.snapshot, catalog=catalog), known.shapes)
    prices = Prices(known)
    return sum(prices.of_existing(index).write_ms or 0.0 for index in indexes)


COLUMNS = ("id", "customer", "state", "seen")
INSERT = "INSERT INTO jobs (id, customer) VALUES ($1, $2)"


def rarely_written(**counters: int) -> dict[str, Any]:
    """A table with four indexes and a few writes an hour: each entry is the first on its page since a checkpoint."""
    data = jobs()
    data["tables"]["public.jobs"] |= {
        "indexes": {f"jobs_{each}": f"btree ({each})" for each in COLUMNS},
        "counters": {"live_rows": 40_000, **counters},
    }
    return data


@pytest.mark.parametrize(
    ("text", "calls"),
    [
        (INSERT, 40_000),
        ("INSERT INTO jobs (id, customer) SELECT id, customer FROM jobs WHERE seen = $1", 10),
        (
            "MERGE INTO jobs USING others o ON o.id = jobs.id"
            " WHEN NOT MATCHED THEN INSERT (id, customer) VALUES (o.id, o.customer)",
            10,
        ),
    ],
)
@pytest.mark.parametrize("total_ms", [3.0, 800.0])
def test_all_indexes_of_a_table_take_no_longer_than_its_writes_did(text: str, calls: int, total_ms: float) -> None:
    data = rarely_written(rows_inserted=40_000)
    taken = taken_by_all(data, (text, calls, 40_000, total_ms))
    assert taken == pytest.approx(total_ms)
    assert taken < taken_by_all(data, (text, calls, 40_000, 10 * total_ms)) <= 10 * total_ms * 1.0001
    assert taken_by_all(data, (text, calls, 40_000, 1e6)) < 10_000


def test_what_writes_no_entry_says_nothing_of_what_entries_take() -> None:
    data = rarely_written(rows_inserted=40_000, rows_updated=40_000, rows_hot_updated=40_000)
    alone = taken_by_all(data, (INSERT, 40_000, 40_000, 800.0))
    for other in (
        ("DELETE FROM jobs WHERE id = $1", 10_000_000, 0, 50_000.0),
        ("INSERT INTO jobs (id) VALUES ($1) ON CONFLICT DO NOTHING", 10_000_000, 0, 50_000.0),
        ("UPDATE jobs SET doc = $1 WHERE id = $2", 40_000, 40_000, 50_000.0),
        ("UPDATE jobs SET doc = $1 WHERE id = $2", 40_000, 40_000, 0.0),
    ):
        assert taken_by_all(data, (INSERT, 40_000, 40_000, 800.0), other) == pytest.approx(alone)


def test_rows_that_pass_through_partial_indexes_are_bounded_by_their_writes_too() -> None:
    data = rarely_written(rows_inserted=40_000, rows_updated=40_000, rows_hot_updated=0)
    table = data["tables"]["public.jobs"]
    table["indexes"] = {f"jobs_{each}": f"btree ({each}) where (state = 'new'::text)" for each in COLUMNS}
    update = "UPDATE jobs SET state = $1 WHERE id = $2"
    taken = taken_by_all(data, (INSERT, 40_000, 40_000, 80.0), (update, 40_000, 40_000, 40.0))
    # Vacuum is not among what statements take.
    assert 110 < taken < 150


def test_a_drop_is_credited_with_what_the_index_costs_now() -> None:
    data = jobs()
    data["tables"]["public.jobs"]["indexes"]["jobs_seen"] = "btree (seen)"
    data["tables"]["public.jobs"]["counters"]["rows_hot_updated"] = 50_000
    known = facts(data)
    prices = Prices(known)
    index = known.index_named("public", "jobs_seen")
    assert index is not None
    credit = prices.of_existing(index)
    assert credit.write_ms and credit.build_ms and credit.build_wal_bytes
    assert credit.entries and credit.entries >= 950_000
    # With it gone updates of the column may be HOT as the others are: half of those.
    assert credit.hot_updates == 150_000
    assert credit.size_bytes == 20_000_000


def test_a_build_takes_what_rows_keys_and_pages_take() -> None:
    def built(wanted: IndexDefinition, **changed: Any) -> float:
        data = jobs()
        data["tables"]["public.jobs"] |= changed
        return priced(data, wanted).build_ms or 0.0

    integer, text = built(definition("customer")), built(definition("state"))
    assert 0 < integer < text < built(definition("doc", access_method="gin"))
    assert built(definition("customer"), rows=4e6) > 3 * integer
    assert built(definition("customer"), bytes=50_000_000_000) > 100 * integer
    price = priced(jobs(), definition("customer"))
    assert price.build_wal_bytes is not None
    assert 0.8 < price.build_wal_bytes / 20_000_000 < 1


def test_the_report_tells_the_price_that_was_weighed() -> None:
    known = facts(jobs())
    weighed = Prices(known).of(definition("customer"), 20_000_000)
    lines = {each.label: each.value for each in price_of_creation(definition("customer"), known, None, 20_000_000)}
    assert weighed.write_ms is not None
    assert lines["disk, estimated"] == 20_000_000
    assert lines["index entries written, per day"] == pytest.approx((weighed.entries or 0) / 60, rel=0.01)
    assert lines["writes take longer, about, per day"] == pytest.approx(weighed.write_ms / 60, rel=0.01)
    assert lines["HOT updates that stop being HOT, about, per day"] == 75_000 / 60


def test_what_nobody_knows_has_no_price() -> None:
    assert priced(jobs(), definition("id", table="none")).write_ms is None
    data = jobs()
    data["tables"]["public.jobs"]["rows"] = -1
    data["tables"]["public.jobs"]["counters"] = {}
    assert priced(data, definition("id")).build_ms is None


@pytest.mark.parametrize("major", [15, 18])
def test_entries_hot_updates_and_wal_are_as_foretold(
    major: int, server: Server, old_server: Callable[[int], Server]
) -> None:
    with fresh_database(server if major == 18 else old_server(major)) as database:
        load(database)
        database.execute("SELECT pg_stat_reset()")
        database.execute("SELECT pg_stat_statements_reset()")
        before = work(database)
        database.settle()
        config = CollectConfig(max_explains=0, max_value_explains=0, execute=Execute.OFF)
        known: Facts = read_facts(collect(database.dsn, config))[0]
        price = Prices(known).of(definition("customer"), None)
        load(database)
        database.execute("CREATE INDEX ON jobs (customer)")
        after = work(database)
    lost = before["hot"] - after["hot"]
    assert price.hot_updates == pytest.approx(lost, rel=0.1)
    assert price.entries == pytest.approx(2_000 + after["updated"] - after["hot"], rel=0.1)
    assert price.wal_bytes is not None
    assert 0.5 < price.wal_bytes / (after["wal"] - before["wal"]) < 2


def load(database: Database) -> None:
    database.execute(
        "DROP TABLE IF EXISTS jobs;"
        "CREATE TABLE jobs (id int PRIMARY KEY, customer int, seen int, note text)"
        " WITH (fillfactor = 40, autovacuum_enabled = off);"
        f"INSERT INTO jobs SELECT n, n * 7919 % 100003, 0, md5(n::text) FROM generate_series(1, {ROWS}) n;"
    )
    database.execute("VACUUM ANALYZE jobs")


def work(database: Database) -> dict[str, float]:
    """A day of the table: what was updated, how much of it HOT, and bytes of WAL."""
    database.execute("CHECKPOINT")
    database.settle()
    counters = "SELECT n_tup_upd, n_tup_hot_upd FROM pg_stat_all_tables WHERE relname = 'jobs'"
    (before,) = database.execute(counters)
    ((begun,),) = database.execute("SELECT pg_current_wal_insert_lsn()")
    with psycopg.connect(database.dsn, autocommit=True) as connection, connection.cursor() as cursor:
        rows = [(ROWS + 1 + n, n * 104_729 % 100_003) for n in range(2_000)]
        cursor.executemany("INSERT INTO jobs (id, customer, seen, note) VALUES (%s, %s, 0, 'new')", rows)
        cursor.execute("UPDATE jobs SET seen = seen + 1 WHERE id % 5 = 0")
        cursor.execute("UPDATE jobs SET customer = (customer + 50000) % 100003 WHERE id % 10 = 1")
        cursor.execute("DELETE FROM jobs WHERE id % 20 = 3")
    ((wal,),) = database.execute("SELECT pg_current_wal_insert_lsn() - %s::pg_lsn", [begun])
    database.wait_until("SELECT n_tup_del >= 1000 FROM pg_stat_all_tables WHERE relname = 'jobs'")
    (after,) = database.execute(counters)
    return {"updated": after[0] - before[0], "hot": after[1] - before[1], "wal": float(wal)}
