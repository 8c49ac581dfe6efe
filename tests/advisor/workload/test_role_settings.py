"""Under which settings a role runs its statements, and where its names lead."""

from __future__ import annotations

import msgspec
import pytest

from pgadvisor.analyze import analyze
from pgadvisor.config import Config
from pgadvisor.model.server import Server, Setting, SettingOverride
from pgadvisor.model.statements import StatementRole, StatementText
from pgadvisor.workload.role_settings import (
    bears_on_plans,
    costliest_roles,
    search_path_of,
    search_paths,
    settings_of,
    split_path,
)
from support.snapshots import snapshot


def server(*overrides: tuple[str | None, str | None, str, str], path: Setting | None = None) -> Server:
    """A server whose database is shop and whose collecting role is monitor."""
    return msgspec.structs.replace(
        snapshot({}).server,
        database="shop",
        role="monitor",
        search_path=("mine",),
        settings=() if path is None else (path,),
        overrides=tuple(
            SettingOverride(database=database, role=role, name=name, value=value)
            for database, role, name, value in overrides
        ),
    )


def test_the_more_special_setting_goes_first() -> None:
    """The order of PostgreSQL's process_settings: role in database, role, database, all."""
    every = (None, None, "work_mem", "1MB")
    database = ("shop", None, "work_mem", "2MB")
    role = (None, "app", "work_mem", "3MB")
    both = ("shop", "app", "work_mem", "4MB")
    others = (("other", "app", "work_mem", "8MB"), ("shop", "else", "work_mem", "9MB"))
    for count, expected in ((1, "1MB"), (2, "2MB"), (3, "3MB"), (4, "4MB")):
        given = (every, database, role, both)[:count]
        assert settings_of(server(*reversed(given), *others), "app")["work_mem"] == expected
    assert "work_mem" not in settings_of(server(*others), "app")


@pytest.mark.parametrize(
    ("name", "does"),
    [
        ("enable_seqscan", True),
        ("TimeZone", True),
        ("app.tenant_id", True),
        ("statement_timeout", False),
        ("session_preload_libraries", False),
        ("log_statement", False),
        ("pg_stat_statements.track", False),
        ("AUTO_EXPLAIN.log_min_duration", False),
        ("jit", False),
        ("transaction_read_only", False),
    ],
)
def test_only_what_plans_hang_on_is_taken_over(name: str, does: bool) -> None:
    assert bears_on_plans(name) is does
    assert (name in settings_of(server((None, "app", name, "1")), "app")) is does


def test_a_path_is_read_as_the_server_reads_it() -> None:
    assert split_path('"$user", "a ""b"", c",Public , x', "app") == ("app", 'a "b", c', "public", "x")
    assert search_path_of(server((None, "app", "search_path", '"", "s"')), "app") == ("s",)


def test_the_collecting_role_s_own_path_is_nobody_else_s() -> None:
    own = Setting(name="search_path", value="mine", unit=None, source="user", default=None)
    assert search_path_of(server(path=own), "app") == ("app", "public")
    everybodys = Setting(name="search_path", value="shared", unit=None, source="configuration file", default=None)
    assert search_path_of(server(path=everybodys), "app") == ("shared",)
    assert search_path_of(server(path=everybodys), "monitor") == ("mine",)


def test_a_statement_s_names_are_those_of_its_costliest_role() -> None:
    """orders is another table for the role that runs the statement than for the one that collects."""
    made = snapshot(
        {
            "tables": {"public.orders": {"columns": ["id bigint"]}, "app.orders": {"columns": ["id bigint"]}},
            "statements": [
                {"id": "1", "text": "SELECT id FROM orders WHERE id = $1", "total_ms": 10},
                {"id": "2", "total_ms": 1},
            ],
        }
    )
    assert made.statements is not None
    (first, rare) = made.statements.rows
    rows = (
        msgspec.structs.replace(first, user_oid=7),
        msgspec.structs.replace(first, user_oid=8, total_ms=1.0),
        msgspec.structs.replace(rare, user_oid=9),
        msgspec.structs.replace(rare, query_id="3", user_oid=8, total_ms=20.0),
    )
    roles = (StatementRole(oid=7, name="app"), StatementRole(oid=8, name="other"))
    made = msgspec.structs.replace(made, statements=msgspec.structs.replace(made.statements, rows=rows, roles=roles))
    assert made.statements is not None
    assert {query_id: role.name for query_id, role in costliest_roles(made.statements).items()} == {
        "1": "app",
        "3": "other",
    }
    assert search_paths(made)["1"] == ("app", "public")
    (view,) = (view for view in analyze(made, Config(), ()).statements if view.query_id == "1")
    assert view.relations == ("app.orders",)
    # Entries that are one statement count together.
    text = StatementText(query_id="1", text="SELECT id FROM orders WHERE id = $1", also=("3",))
    folded = msgspec.structs.replace(made.statements, texts=(text,))
    assert costliest_roles(folded)["1"].name == "other"
