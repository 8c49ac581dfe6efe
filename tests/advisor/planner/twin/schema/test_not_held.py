"""Relations that a snapshot does not hold are named, so that statements on them are marked."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from pgadvisor.advise.whatif_shortcomings import Shortcomings
from pgadvisor.facts import Facts
from pgadvisor.planner.twin.twin import Twin
from support.databases import Database
from support.twin_storage import programs
from support.twins import snapshot_of

pytestmark = pytest.mark.server

MARKED = {
    "SELECT * FROM pg_class WHERE relname = $1": ["catalogs of the system"],
    "SELECT * FROM pg_catalog.pg_stat_activity": ["catalogs of the system"],
    "SELECT * FROM information_schema.tables": ["catalogs of the system"],
    "SELECT * FROM PG_Index": ["catalogs of the system"],
    "SELECT pg_catalog.upper(name) FROM t": [],
    "SELECT * FROM t": [],
}


def test_what_a_snapshot_does_not_hold_is_named(newest_database: Database) -> None:
    database = newest_database
    database.execute(
        """
        CREATE TABLE hidden (id int PRIMARY KEY);
        CREATE TABLE "o'er" (id int PRIMARY KEY, hidden_id int REFERENCES hidden, up int REFERENCES "o'er");
        CREATE TABLE t (id int, name text);
        CREATE VIEW counted AS SELECT count(*) FROM pg_class;
        CREATE VIEW plain AS SELECT * FROM t;
        """
    )
    snapshot = snapshot_of(database.dsn)
    relations = tuple(each for each in snapshot.catalog.relations if each.name != "hidden")
    facts = Facts(replace(snapshot, catalog=replace(snapshot.catalog, relations=relations)), {})
    oids = {relation.name: relation.oid for relation in relations}
    with Twin(facts, server=programs(database)) as twin:
        shortfalls = twin.shortfalls
    told = {each.what: each for each in shortfalls}
    assert told["catalogs of the system"].relation_oids == (oids["counted"],)
    assert told["foreign key o'er_hidden_id_fkey of public.o'er"].relation_oids == (oids["o'er"],)
    shortcomings = Shortcomings(shortfalls, facts)
    for text, expected in MARKED.items():
        marks = shortcomings.touching("none", text)
        assert [list(dict.fromkeys(shortfalls))[mark - 1].what for mark in marks] == expected, text
