"""What to run for a change that was imagined: as a recommendation has it, and as PostgreSQL takes it."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec.structs import replace

from pgadvisor.advise.whatif import Change, whatif_of
from pgadvisor.facts import Facts
from pgadvisor.model.server import SettingOverride
from pgadvisor.model.whatif_result import WhatIfResult
from pgadvisor.workload.index_names import find_index
from pgadvisor.workload.index_text import read_index
from support.databases import Database
from support.fake_planner import FakePlanner
from support.snapshots import facts
from support.twins import snapshot_of

SHOP: dict[str, Any] = {
    "tables": {
        "public.orders": {
            "columns": ["id bigint not null", "status text", "note text"],
            "indexes": {
                "orders_pkey": "unique primary btree (id)",
                "open_idx": "btree (note) where (status = 'secret')",
                "status_idx": "btree (status)",
            },
            "constraints": {"orders_pkey": "primary key (id)"},
        },
    },
    "settings": {"work_mem": "4096"},
}


def _result(known: Facts, create: tuple[str, ...] = (), drop: tuple[str, ...] = (), **more: Any) -> WhatIfResult:
    settings = more.pop("settings", ())
    wish = Change(
        tuple(read_index(text, known.snapshot.catalog, ("public",)) for text in create),
        tuple(find_index(name, known.indexes.values(), ("public",)) for name in drop),
        settings,
    )
    return whatif_of(known, FakePlanner(lambda *_: "Result cost=1 rows=1"), wish, **more)


def _sql(steps: Any) -> list[str]:
    return [step.sql for step in steps if not step.prepares]


def test_the_users_own_text_is_shown_as_given_and_the_snapshots_masked() -> None:
    shop = facts(SHOP)
    create = "CREATE INDEX mine ON orders (note) WHERE status = 'of the user'"
    result = _result(shop, (create,), ("open_idx", "status_idx", "orders_pkey"))
    (created,) = result.created
    assert created.sql == (
        "CREATE INDEX CONCURRENTLY mine ON public.orders (note) WHERE (status = 'of the user');"
    )  # fmt: skip
    assert created.next is not None
    assert _sql(created.next.steps) == [created.sql]
    assert [step.undo for step in created.next.steps if step.undo] == ["DROP INDEX CONCURRENTLY IF EXISTS public.mine;"]
    masked, plain, key = result.dropped
    assert "secret" not in str(result)
    assert masked.next is not None
    assert _sql(masked.next.steps) == ["DROP INDEX CONCURRENTLY public.open_idx;"]
    # Nobody runs by mistake what is masked.
    assert all(step.undo.startswith("-- CREATE INDEX") for step in masked.next.steps if step.undo)
    assert "--show-values" in masked.next.caveats[0]
    assert plain.next is not None
    assert [step.undo for step in plain.next.steps if step.undo] == [plain.definition]
    # A constraint's index is not to be dropped alone.
    assert (key.next, "without which it cannot go" in key.caveats[0]) == (None, True)
    (shown, *_) = _result(shop, (), ("open_idx",), show_values=True).dropped
    assert shown.next is not None
    assert shown.next.steps[-1].undo == shown.definition
    assert "'secret'" in shown.definition


def test_settings_are_as_show_gives_them_with_what_makes_and_undoes_them() -> None:
    shop = facts(SHOP)
    known = {each.name: each for each in shop.server.settings}
    settings = [replace(known["work_mem"], unit="kB", source="configuration file")]
    overrides = (SettingOverride(database="shop", role=None, name="work_mem", value="8MB"),)
    server = replace(shop.server, settings=tuple(settings), overrides=overrides)
    result = _result(Facts(replace(shop.snapshot, server=server), {}), settings=(("work_mem", "64"), ("app.of", "a'b")))
    app, memory = result.settings
    assert (memory.before, memory.after) == ("4MB", "64kB")
    database, everywhere = memory.ways
    assert database.sql == "ALTER DATABASE shop SET work_mem TO '64kB';"
    assert database.undo == "ALTER DATABASE shop SET work_mem TO '8MB';"
    assert everywhere.sql.splitlines()[0] == "ALTER SYSTEM SET work_mem TO '64kB';"
    assert everywhere.undo.splitlines()[0] == "ALTER SYSTEM SET work_mem TO '4MB';"
    assert [way.sql for way in app.ways] == ["ALTER DATABASE shop SET app.of TO 'a''b';"]


@pytest.mark.server
def test_every_command_runs_and_is_undone(database: Database) -> None:
    """Also on a partitioned table, and of settings of several kinds."""
    database.execute(
        'CREATE TABLE "Odd\'s" (id int, k int) PARTITION BY LIST (k);'
        'CREATE TABLE "Odd\'s 1" PARTITION OF "Odd\'s" FOR VALUES IN (1);'
        'CREATE TABLE "Odd\'s 2" PARTITION OF "Odd\'s" FOR VALUES IN (2);'
        'CREATE INDEX by_k ON "Odd\'s" (k);'
        "CREATE TABLE plain (id int); CREATE INDEX plain_idx ON plain (id);"
    )
    known = Facts(snapshot_of(database.dsn), {})
    result = _result(
        known,
        ('CREATE INDEX "My \'index" ON "Odd\'s" (id)', "CREATE INDEX ON plain (id) WHERE id > 5"),
        ("by_k", "plain_idx"),
        settings=(("work_mem", "64MB"), ("search_path", '"$user", public, "Odd"'), ("enable_sort", "off")),
        show_values=True,
    )

    def indexes() -> Any:
        return database.execute(
            "SELECT indexrelid::regclass::text, indisvalid FROM pg_index JOIN pg_class c ON c.oid = indrelid"
            " WHERE relnamespace = 'public'::regnamespace ORDER BY 1"
        )

    before = indexes()
    for to_run in (*(each.next for each in result.created), *(each.next for each in result.dropped)):
        assert to_run is not None
        checks = to_run.checks
        for step in (*(each for each in checks if "-- Before" in each.sql), *to_run.steps):
            database.execute(step.sql)
        assert indexes() != before
        assert all(valid for _, valid in indexes())
        for check in checks:
            if "-- Before" not in check.sql:
                database.execute(check.sql)
        for step in reversed(to_run.steps):
            for command in step.undo.split(";\n"):
                database.execute(command)
        assert indexes() == before
    database.execute(result.created[0].sql)
    for setting in result.settings:
        # What is for the whole server would disturb the others that use it.
        for way in setting.ways[:-1]:
            database.execute(way.sql)
            ((made,),) = database.execute(
                "SELECT setconfig FROM pg_db_role_setting JOIN pg_database d ON d.oid ="
                " setdatabase WHERE datname = current_database()"
            )
            assert made == [f"{setting.name}={setting.after}"]
            database.execute(way.undo)
