"""Tables, types, partitions, indexes and constraints of a twin are those of its server."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from msgspec.structs import replace

from pgadvisor.facts import Facts
from pgadvisor.localserver import find_binaries
from pgadvisor.model.catalog import Catalog
from pgadvisor.model.objects import Tablespace
from pgadvisor.model.whatif import Shortfall
from pgadvisor.planner.twin.building import Building
from pgadvisor.planner.twin.schema import tablespaces
from support.databases import Database, fresh_database
from support.server_packages import packaged_binaries
from support.servers import SUPPORTED, Server
from support.twin_schemas import catalogs, schema_of
from support.twins import question, snapshot_of, twin_of

pytestmark = pytest.mark.server

SCHEMA = (Path(__file__).parent / "relations.sql").read_text(encoding="utf-8")
# What there is from a major on.
SINCE = {
    14: """
        CREATE TABLE public.ranges (m int4multirange, own public.floats_multirange, x int, y int);
        CREATE STATISTICS public.of_expressions ON (x + y), x, (y % 10) FROM public.ranges;
        CREATE STATISTICS public.of_one ON (abs(x)) FROM public.ranges;
    """,
    15: """
        CREATE UNIQUE INDEX not_distinct ON public.empty_no_more (x) NULLS NOT DISTINCT;
        ALTER TABLE public.empty_no_more ADD CONSTRAINT u UNIQUE NULLS NOT DISTINCT (x, y);
    """,
    17: """
        CREATE TABLE public.counted (id int GENERATED ALWAYS AS IDENTITY, k int) PARTITION BY LIST (k);
        CREATE TABLE public.counted_1 PARTITION OF public.counted FOR VALUES IN (1);
    """,
    18: """
        CREATE EXTENSION btree_gist;
        CREATE TABLE public.stays (room int, during tsrange, twice int GENERATED ALWAYS AS (room * 2) VIRTUAL,
            CONSTRAINT stays_key PRIMARY KEY (room, during WITHOUT OVERLAPS));
        CREATE TABLE public.meals (room int CONSTRAINT "a room" NOT NULL NO INHERIT, during tsrange, n int, m int,
            CONSTRAINT of_stay FOREIGN KEY (room, PERIOD during) REFERENCES public.stays (room, PERIOD during));
        ALTER TABLE public.meals ADD CONSTRAINT "some n" NOT NULL n NOT VALID;
        ALTER TABLE public.meals ADD CONSTRAINT loose FOREIGN KEY (n) REFERENCES public.events_keys NOT ENFORCED;
    """,
}
EVERYWHERE = """
    CREATE TABLE public.empty_no_more (x int, y int);
    CREATE TABLE public.events_keys (id int PRIMARY KEY);
"""


def _programs(server: Server) -> str:
    """Where a twin of a server's own major finds its programs; the newest is what it takes anyway."""
    return "auto" if server.major not in range(13, 18) else str(packaged_binaries(server.major).bin_dir)


def _fill(database: Database) -> None:
    database.execute(SCHEMA + EVERYWHERE)
    for since, text in SINCE.items():
        if database.server.major >= since:
            database.execute(text)


def _whats(building: Building) -> dict[str, Shortfall]:
    return {shortfall.what: shortfall for shortfall in building.shortfalls}


def test_catalogs_are_those_of_the_server(newest_database: Database) -> None:
    _fill(newest_database)
    snapshot = snapshot_of(newest_database.dsn)
    with (
        schema_of(snapshot, server=_programs(newest_database.server)) as building,
        newest_database.connect() as connection,
    ):
        there, here = catalogs(connection), catalogs(building.admin)
        for what, rows in there.items():
            assert here[what] == rows, what
        facts = building.facts
        assert set(building.oids) == set(facts.relations) | set(facts.indexes)
        names = building.admin.execute("SELECT oid::int8, relname FROM pg_class").fetchall()
        twin_names = dict(names)
        assert {oid: twin_names[twin] for oid, twin in building.oids.items()} == {
            **{relation.oid: relation.name for relation in facts.relations.values()},
            **{index.oid: index.name for index in facts.indexes.values()},
        }
        assert not building.failed
        assert "foreign table public.far" in _whats(building)
        assert not [what for what in _whats(building) if what.startswith(("table", "index", "constraint", "type"))]


def test_an_older_server_has_a_newer_twin(old_server: Callable[[int], Server]) -> None:
    with fresh_database(old_server(15)) as database:
        _fill(database)
        newest = str(find_binaries(major=SUPPORTED[-1]).bin_dir)
        with schema_of(snapshot_of(database.dsn), server=newest) as building, database.connect() as connection:
            assert building.major > database.server.major
            there, here = catalogs(connection), catalogs(building.admin)
    here["constraints"] = [row for row in here["constraints"] if not row[2].startswith("NOT NULL")]
    for what, rows in there.items():
        assert here[what] == rows, what


def test_what_is_newer_than_the_twin_is_named(database: Database) -> None:
    _fill(database)
    with schema_of(snapshot_of(database.dsn), server=str(packaged_binaries(13).bin_dir)) as building:
        whats = _whats(building)
        statistics = building.facts.snapshot.catalog.extended_statistics
        assert building.failed == {each.oid for each in statistics if each.name in ("of_expressions", "of_one")}
        assert whats["virtual generated columns"].relation_oids == (_oid(building, "stays"),)
        assert whats["type int4multirange"].relation_oids == (_oid(building, "ranges"),)
        assert whats["index public.not_distinct"].reason == "Its NULLs are distinct there."
        assert whats["constraint of_stay of public.meals"].relation_oids
        assert whats["index public.stays_key"].reason == "It is an index without its constraint there."


def _oid(building: Building, name: str) -> int:
    (oid,) = (relation.oid for relation in building.facts.relations.values() if relation.name == name)
    return oid


HOSTILE = """
    CREATE TABLE public.victim (id int PRIMARY KEY, a int DEFAULT 1, b text DEFAULT 'x',
        g int GENERATED ALWAYS AS (1) STORED, CONSTRAINT checked CHECK (a > 0),
        CONSTRAINT kept CHECK (a < 9), CONSTRAINT late CHECK (a > 1) NOT VALID);
    CREATE INDEX over_a ON public.victim ((a + 1)) WHERE a > 0;
    CREATE INDEX kept_too ON public.victim (a);
    CREATE TABLE public.parts (a int) PARTITION BY LIST (a);
    CREATE TABLE public.part_1 PARTITION OF public.parts FOR VALUES IN (1);
    CREATE TABLE public.part_2 PARTITION OF public.parts FOR VALUES IN (2);
    CREATE TABLE public.keyed (a int) PARTITION BY LIST (a);
    CREATE TABLE public.other (a int, b int);
    CREATE DOMAIN public.checked AS int DEFAULT 3 CHECK (VALUE > 0);
    CREATE STATISTICS public.over_both ON a, b FROM public.other;
"""
COMMANDS = "1)); DROP TABLE public.other; SELECT ((1"
ANOTHER_COLUMN = "1, evil int DEFAULT 2"
CLOSING = "1)), evil int DEFAULT ((2"
COMMENT = "1 --"


def _with_text(catalog: Catalog, text: str) -> Catalog:
    """A catalog in which a text of a stranger stands wherever a server's own would."""
    return replace(
        catalog,
        columns=tuple(
            replace(each, default=text if each.default is not None else None)
            if each.name != "b" or each.default is None
            else replace(each, type=f"int DEFAULT {text}")
            for each in catalog.columns
        ),
        constraints=tuple(
            replace(each, definition=f"CHECK ((a > {text}))") if each.definition and each.name != "kept" else each
            for each in catalog.constraints
        ),
        indexes=tuple(
            replace(each, definition=replace(each.definition, predicate=f"a > {text}"))
            if each.name == "over_a"
            else each
            for each in catalog.indexes
        ),
        relations=tuple(
            replace(each, partition_bound=f"FOR VALUES IN ({text})")
            if each.name == "part_2"
            else replace(each, partition_key=f"LIST ({text})")
            if each.name == "keyed"
            else each
            for each in catalog.relations
        ),
        types=tuple(replace(each, default=text, checks=(f"CHECK ((VALUE > {text}))",)) for each in catalog.types),
        extended_statistics=tuple(replace(each, expressions=(text,)) for each in catalog.extended_statistics),
    )


@pytest.mark.parametrize("text", [COMMANDS, ANOTHER_COLUMN, CLOSING, COMMENT])
def test_texts_of_strangers_make_nothing_else(database: Database, text: str) -> None:
    database.execute(HOSTILE)
    snapshot = snapshot_of(database.dsn)
    hostile = replace(snapshot, catalog=_with_text(snapshot.catalog, text))
    with schema_of(hostile) as building:
        here = catalogs(building.admin)
        names = {relation.name for relation in building.facts.relations.values()}
        whats = set(_whats(building))
        left_out = building.facts.relations.keys() - building.oids.keys()
        # It is a plain table, so not the one that the snapshot means.
        assert left_out == {_oid(building, "keyed")}
    assert "evil" not in {name for _, name, *_ in here["columns"]}
    assert {row[0] for row in here["relations"] if row[1] in "rp"} == {f"public.{name}" for name in names}
    assert {row[1] for row in here["constraints"] if row[0] == "public.victim" and row[2].startswith("CHECK")} == {
        "kept"
    }
    assert {row[0] for row in here["indexes"]} == {"public.victim_pkey", "public.kept_too"}
    assert [row[4:] for row in here["domains"]] == [(None, "{}")]
    assert not here["statistics"]
    assert whats >= {
        "default of public.victim.a",
        "expression of generated column public.victim.g",
        f"type int DEFAULT {text}",
        "constraint checked of public.victim",
        "constraint late of public.victim",
        "index public.over_a",
        "partition public.part_2",
        "partition key of public.keyed",
        "type public.checked",
        "a check of domain public.checked",
        "statistics public.over_both",
    }


DEPENDING = """
    CREATE TABLE public.places (id int PRIMARY KEY, at text DEFAULT 'POINT(0 0)', other bigint, note text DEFAULT 'n',
        many text[], u text COLLATE "C");
    CREATE INDEX places_at ON public.places (at);
    CREATE INDEX places_note ON public.places (note);
    CREATE INDEX places_masked ON public.places (lower(note));
    CREATE TABLE public.parts (a int, b int) PARTITION BY LIST (a);
    CREATE TABLE public.part_1 PARTITION OF public.parts FOR VALUES IN (1) PARTITION BY LIST (b);
    CREATE TABLE public.part_1_1 PARTITION OF public.part_1 FOR VALUES IN (1);
    CREATE TABLE public.part_2 PARTITION OF public.parts FOR VALUES IN (2);
    CREATE INDEX over_a ON public.parts (a);
    CREATE TABLE public.of_rows (a int, b int);
    CREATE FUNCTION public.is_fine(public.of_rows) RETURNS bool LANGUAGE sql IMMUTABLE AS 'SELECT $1.a > 0';
    ALTER TABLE public.of_rows ADD CONSTRAINT fine CHECK (public.is_fine(of_rows));
    ALTER TABLE public.of_rows ADD CONSTRAINT plain CHECK (a > b);
    CREATE TABLE public.base (a int);
    CREATE TABLE public.derived () INHERITS (public.base);
    CREATE TABLE public.one (id int PRIMARY KEY);
    CREATE TABLE public.two (id int REFERENCES public.one);
"""


def test_an_object_that_cannot_be_made_takes_no_other_with_it(database: Database) -> None:
    database.execute(DEPENDING)
    snapshot = snapshot_of(database.dsn)
    types = {"at": "public.geometry(Point,4326)", "other": "public.big", "many": "public.geometry[]"}
    renamed = {"part_2": "part_1", "base": "na\0me"}
    catalog = replace(
        snapshot.catalog,
        columns=tuple(
            replace(
                each, type=types.get(each.name, each.type), options=("n_distinct=no", "x") if each.name == "u" else ()
            )
            for each in snapshot.catalog.columns
        ),
        relations=tuple(
            replace(
                each,
                name=renamed.get(each.name, each.name),
                schema="pg_mine" if each.name == "one" else each.schema,
                options=("parallel_workers=7", "no_such_thing=1") if each.name == "two" else (),
            )
            for each in snapshot.catalog.relations
        ),
        indexes=tuple(
            replace(each, complete=each.name != "places_masked", valid=each.name != "places_note")
            for each in snapshot.catalog.indexes
        ),
    )
    oids = {relation.name: relation.oid for relation in snapshot.catalog.relations}
    with schema_of(replace(snapshot, catalog=catalog)) as building:
        here = catalogs(building.admin)
        whats = _whats(building)
        failed = building.failed.intersection(oids.values())
    columns = {row[1]: row for row in here["columns"] if row[0] == "public.places"}
    assert [columns[name][2] for name in ("id", "at", "other", "many")] == ["integer", "text", "bigint", "text[]"]
    assert (columns["at"][7], columns["note"][7], columns["u"][6]) == (None, "'n'::text", "C")
    assert whats["type public.geometry"].relation_oids == (oids["places"],)
    assert whats["type public.big"].relation_oids == (oids["places"],)
    # By its name a table that is there already, and one that no server can have.
    assert failed == {oids["part_2"], oids["base"], oids["one"]}
    assert whats["table public.part_1"].prevents
    assert whats["partition public.part_1"].relation_oids == (oids["parts"],)
    assert "schema pg_mine" in whats
    assert whats["child public.derived"].relation_oids == (oids["base"], oids["derived"])
    relations = {row[0]: row for row in here["relations"]}
    assert relations["public.part_1_1"][5] == "{public.part_1}"
    assert relations["public.two"][2] == "{parallel_workers=7,no_such_thing=1}"
    indexes = {row[0]: row for row in here["indexes"]}
    assert {name: row[2] for name, row in indexes.items() if "places" in name} == {
        "public.places_pkey": True,
        "public.places_at": True,
        "public.places_note": False,
    }
    assert {row[1] for row in here["constraints"] if row[0] == "public.of_rows"} == {"fine", "plain"}


def test_a_file_may_say_what_no_server_can(database: Database) -> None:
    """Tables that are below themselves, and an index of a table that is not there."""
    database.execute(DEPENDING)
    snapshot = snapshot_of(database.dsn)
    catalog = replace(
        snapshot.catalog,
        relations=tuple(
            replace(each, parent_oid=each.oid, parents=(each.oid, 1)) for each in snapshot.catalog.relations
        ),
        indexes=tuple(
            replace(each, table_oid=1 if each.name == "places_at" else each.table_oid, parent_oid=each.oid)
            for each in snapshot.catalog.indexes
        ),
        constraints=tuple(
            replace(each, columns=("no such",), definition=None) for each in snapshot.catalog.constraints
        ),
    )
    with schema_of(replace(snapshot, catalog=catalog)) as building:
        assert {relation.oid for relation in catalog.relations} <= building.oids.keys()


def test_relations_are_in_tablespaces_with_costs_of_their_own(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    database.execute("CREATE TABLE public.t (id int PRIMARY KEY); CREATE INDEX i ON public.t (id)")
    snapshot = snapshot_of(database.dsn)
    slow = Tablespace(oid=1, name='slow "disk"', options=("random_page_cost=40", "seq_page_cost=2.5", "what=x"))
    plain = Tablespace(oid=2, name="plain")
    none = Tablespace(oid=3, name="pg_none", options=("seq_page_cost=3",))
    catalog = replace(
        snapshot.catalog,
        tablespaces=(slow, plain, none),
        relations=tuple(replace(each, tablespace="plain") for each in snapshot.catalog.relations),
        indexes=tuple(
            replace(each, definition=replace(each.definition, tablespace=none.name if each.primary else slow.name))
            for each in snapshot.catalog.indexes
        ),
    )
    with schema_of(replace(snapshot, catalog=catalog)) as building:
        assert catalogs(building.admin)["tablespaces"] == [
            ("public.i", slow.name, "{random_page_cost=40.0,seq_page_cost=2.5}")
        ]
        assert _whats(building)["tablespace pg_none"].relation_oids == tuple(building.facts.relations)
        assert not building.failed
        # Early minor versions of 13 and 14 make none inside of their data.
        monkeypatch.setattr(tablespaces, "_IN_PLACE", "no_such_setting")
        building.admin.execute("RESET allow_in_place_tablespaces")
        building.facts = Facts(
            replace(snapshot, catalog=replace(catalog, tablespaces=(replace(slow, name="new"),))), {}
        )
        assert tablespaces.create_tablespaces(building) == set()
        assert _whats(building)["tablespace new"].relation_oids == ()


PLANNED = """
    CREATE TYPE public.mood AS ENUM ('a', 'b', 'c');
    CREATE DOMAIN public.positive AS int CHECK (VALUE > 0);
    CREATE TABLE public.events (id bigint, day date NOT NULL, mood public.mood, p public.positive,
        PRIMARY KEY (id, day)) PARTITION BY RANGE (day);
    CREATE TABLE public.events_else PARTITION OF public.events DEFAULT;
    CREATE TABLE public.events_20 (mood public.mood, p public.positive, day date NOT NULL, id bigint NOT NULL);
    ALTER TABLE public.events ATTACH PARTITION public.events_20 FOR VALUES FROM ('2020-01-01') TO ('2021-01-01');
    CREATE TABLE public.events_21 PARTITION OF public.events FOR VALUES FROM ('2021-01-01') TO ('2022-01-01');
    INSERT INTO public.events
        SELECT i, '2019-11-01'::date + i % 800, (ARRAY['a', 'b', 'c'])[1 + i % 3]::public.mood, 1 + i % 50
        FROM generate_series(1, 20000) AS i;
    CREATE INDEX ON public.events (mood, day);
    CREATE INDEX ON public.events (p);
    CREATE TABLE public.base (a int, b text);
    CREATE TABLE public.first () INHERITS (public.base);
    CREATE TABLE public.second (CHECK (a > 100)) INHERITS (public.base);
    INSERT INTO public.first SELECT i, i::text FROM generate_series(1, 5000) AS i;
    INSERT INTO public.second SELECT 100 + i, 'x' FROM generate_series(1, 5000) AS i;
    CREATE INDEX ON public.first (a);
    CREATE INDEX ON public.second (a);
    CREATE INDEX ON public.first ((a % 7), b);
    CREATE TABLE public.refers (id int PRIMARY KEY, event bigint, day date,
        FOREIGN KEY (event, day) REFERENCES public.events);
    CREATE MATERIALIZED VIEW public.moods AS SELECT mood, count(*) FROM public.events GROUP BY mood;
"""
STATEMENTS = (
    "SELECT * FROM public.events WHERE day = '2020-05-05'",
    "SELECT * FROM public.events WHERE mood = 'b' AND day > '2021-05-01'",
    "SELECT * FROM public.events WHERE p = 3 ORDER BY id",
    "SELECT * FROM public.base WHERE a BETWEEN 10 AND 90 ORDER BY a",
    "SELECT * FROM public.first WHERE a % 7 = 3 AND b = '17'",
    "SELECT * FROM public.moods",
    "SELECT * FROM public.refers AS r JOIN public.events AS e ON r.event = e.id AND r.day = e.day",
    "INSERT INTO public.events SELECT * FROM public.events",
    "UPDATE public.base SET a = a + 1 WHERE a = 5",
)


def test_plans_over_partitions_and_children_are_the_servers(database: Database) -> None:
    database.execute(PLANNED)
    database.execute("VACUUM ANALYZE")
    plans = [database.execute(f"EXPLAIN (FORMAT JSON, VERBOSE) {text}")[0][0][0] for text in STATEMENTS]
    with twin_of(database) as twin:
        answers = [twin.plan(question(text)) for text in STATEMENTS]
    assert [answer.plan and answer.plan["Plan"] for answer in answers] == [plan["Plan"] for plan in plans]
