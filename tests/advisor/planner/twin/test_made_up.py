"""A file may say what no server says: it costs what it is about, and it has an end."""

from __future__ import annotations

import time
from typing import Any

import pytest
from msgspec.structs import replace

from pgadvisor.facts import Facts
from pgadvisor.model.catalog import IndexDefinition, IndexKey
from pgadvisor.model.whatif import Configuration
from pgadvisor.planner.protocol import PlannerError
from pgadvisor.planner.twin import building as building_module
from pgadvisor.planner.twin.building import Building, Command
from pgadvisor.planner.twin.schema.making import Way, Wish, make_all
from pgadvisor.planner.twin.twin import Twin
from support.databases import Database
from support.twins import question, snapshot_of, twin_of

pytestmark = pytest.mark.server

SCHEMA = """
CREATE TABLE t (id int, a int, b int, tags int[]);
CREATE STATISTICS fine ON a, b FROM t;
CREATE STATISTICS s0 (mcv) ON a, b FROM t;
CREATE STATISTICS s1 (mcv) ON a, b FROM t;
CREATE STATISTICS s2 (mcv) ON a, b FROM t;
CREATE STATISTICS s3 (mcv) ON a, b FROM t;
CREATE STATISTICS s4 (mcv) ON a, b FROM t;
CREATE INDEX t_id ON t (id);
INSERT INTO t SELECT i, i % 10, i % 10, ARRAY[i % 7, i % 5] FROM generate_series(1, 3000) AS i;
CREATE TABLE child () INHERITS (t);
INSERT INTO child SELECT i, i % 10, i % 10, ARRAY[i % 7] FROM generate_series(1, 3000) AS i;
ANALYZE t, child;
"""
# Values, frequencies, base frequencies.
COMBINATIONS = {
    "s0": ("{{1,2}}", None, None),
    "s1": ("{}", "{}", "{}"),
    "s2": ("{{1,2}}", "{NULL}", "{NULL}"),
    "s3": ("{{1,2}}", "{{1,2}}", "{{1}}"),
    "s4": ("{ab,cd}", "{0.5,0.5}", "{NaN,7}"),
}
COLUMNS: dict[str, dict[str, Any]] = {
    "id": {"correlation": 1e30, "null_fraction": 0.0},
    "a": {"most_common_freqs": "{NULL}"},
    "tags": {"elem_count_histogram": "{1,1e300}", "most_common_elem_freqs": "{NaN,NaN}"},
}


def test_what_no_server_says_costs_what_it_is_about(database: Database) -> None:
    database.execute(SCHEMA)
    snapshot = snapshot_of(database.dsn)
    catalog = snapshot.catalog
    assert [each.inherited for each in catalog.extended_statistics if each.name == "fine"] == [False, True]
    (t,) = [relation for relation in catalog.relations if relation.name == "t"]
    objects = [
        replace(
            each,
            most_common_values=COMBINATIONS[each.name][0],
            most_common_frequencies=COMBINATIONS[each.name][1],
            most_common_base_frequencies=COMBINATIONS[each.name][2],
        )
        if each.name in COMBINATIONS
        else each
        for each in catalog.extended_statistics
    ]
    made_up = replace(
        snapshot,
        column_statistics=tuple(replace(row, **COLUMNS.get(row.column, {})) for row in snapshot.column_statistics),
        catalog=replace(
            catalog,
            # In a schema that is not listed, and has the name of our own.
            relations=(*catalog.relations, replace(t, oid=77_777, schema="pgadvisor_twin", name="zz")),
            columns=tuple(replace(column, statistics_target=100_000) for column in catalog.columns),
            extended_statistics=tuple(objects),
        ),
    )
    gin = IndexDefinition(schema="public", table="t", access_method="gin", keys=(IndexKey(column="tags"),))
    with Twin(Facts(made_up, {})) as twin:
        told = {shortfall.what: shortfall.reason for shortfall in twin.shortfalls}
        values = next(what for what in told if what.startswith("values in the statistics of "))
        assert all(f"public.t, column {column}" in values for column in ("a", "tags"))
        # Those of a table with children are made once.
        assert not any("public.fine" in what or "already exists" in reason for what, reason in told.items())
        lost = " ".join(what for what in told if what.startswith("extended statistics"))
        assert [name for name in COMBINATIONS if f"public.{name}" not in lost] == []
        cost = twin.plan(question("SELECT * FROM t WHERE id BETWEEN 10 AND 20")).cost
        assert cost is not None
        assert 0 < cost < 1000
        found = twin.plan(question("SELECT * FROM t WHERE tags @> ARRAY[1]"), Configuration(create=(gin,)))
        assert found.refusal == ""


def test_what_never_ends_has_no_more_than_so_long(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    """Thousands of such commands would otherwise take hours, however short the patience with each."""
    database.execute("CREATE TABLE t (id int)")
    settings = {"_BATCH": 10, "_LEAST_PATIENCE_S": 0.1, "_LOST_S": 0.5, "_MOST_LOST_S": 1.5}
    for name, value in settings.items():
        monkeypatch.setattr(building_module, name, value)
    with twin_of(database) as twin:
        building = twin._building
        assert building is not None
        building._patience_s = 0.2
        endless, honest = "SELECT pg_catalog.pg_sleep(600)", "SELECT 1"
        began = time.monotonic()
        assert building.run([Command(honest), *[Command(endless)] * 30, *[Command(honest)] * 10]) == [
            True,
            *[False] * 30,
            # One of them is in a batch with endless ones, and goes with those.
            *[False] * 9,
            *[True] * 1,
        ]
        assert time.monotonic() - began < 20
        made = len(building.shortfalls)
        assert make_all(building, [_wish(endless)]) == [False]
        (told,) = building.shortfalls[made:]
        assert told.reason.startswith("The twin's server took too long over it")
        with pytest.raises(PlannerError, match=r"^the twin cannot be built: \d+ s went into what .* does not end"):
            _run_on(building, endless)


def _wish(text: str) -> Wish:
    return Wish(what="it", ways=lambda: (Way(text),), without="it is missing")


def _run_on(building: Building, text: str) -> None:
    for _ in range(20):
        building.run([Command(text)])
