"""Operators of users on a twin, and what of writes to relations with rewrite rules is not there."""

from __future__ import annotations

import msgspec
import pytest

from pgadvisor.advise.whatif_shortcomings import Shortcomings
from pgadvisor.facts import Facts
from pgadvisor.planner.twin.twin import Twin
from pgadvisor.snapshots.sealing import sealed
from support.databases import Database
from support.twins import question, snapshot_of

pytestmark = pytest.mark.server

SCHEMA = """
    CREATE SCHEMA "o's";
    CREATE TABLE t (id int PRIMARY KEY, kind int, name text);
    INSERT INTO t SELECT i, i % 7, 'n' || i % 100 FROM generate_series(1, 20000) AS i;
    CREATE FUNCTION "o's".same(int, int) RETURNS boolean LANGUAGE sql IMMUTABLE AS 'SELECT $1 = $2';
    CREATE OPERATOR "o's".=== (
      FUNCTION = "o's".same, LEFTARG = int, RIGHTARG = int, COMMUTATOR = OPERATOR("o's".===), RESTRICT = eqsel,
      JOIN = eqjoinsel, NEGATOR = OPERATOR(public.!==)
    );
    CREATE FUNCTION differs(int, int) RETURNS boolean LANGUAGE plpgsql IMMUTABLE AS 'BEGIN RETURN $1 <> $2; END';
    CREATE OPERATOR !== (FUNCTION = differs, LEFTARG = int, RIGHTARG = int, NEGATOR = OPERATOR("o's".===));
    CREATE OPERATOR <~> (FUNCTION = differs, LEFTARG = int, RIGHTARG = int, RESTRICT = eqsel);
    CREATE OPERATOR @-@ (FUNCTION = int4um, RIGHTARG = int);
    CREATE FUNCTION of_row(t, int) RETURNS boolean LANGUAGE sql AS 'SELECT $1.kind = $2';
    CREATE OPERATOR ~== (FUNCTION = of_row, LEFTARG = t, RIGHTARG = int);
    CREATE FUNCTION of_class(int, int) RETURNS int LANGUAGE plpgsql IMMUTABLE AS 'BEGIN RETURN $1 - $2; END';
    CREATE OPERATOR CLASS odd FOR TYPE int USING btree AS OPERATOR 1 <, OPERATOR 2 <=, OPERATOR 3 =, OPERATOR 4 >=,
      OPERATOR 5 >, FUNCTION 1 of_class(int, int);
    CREATE INDEX by_class ON t (id odd);
    CREATE INDEX words ON t USING gin (to_tsvector('english', name));
    CREATE INDEX hidden ON t ((md5(name || 'password=hunter2')));
    CREATE VIEW v AS SELECT id FROM t WHERE kind OPERATOR("o's".===) 3;
    CREATE TABLE ruled (id int);
    CREATE VIEW counted AS SELECT count(*) AS n FROM t;
    CREATE RULE r AS ON UPDATE TO ruled DO ALSO DELETE FROM t WHERE id = OLD.id;
    CREATE RULE off AS ON INSERT TO ruled DO INSTEAD NOTHING;
    ALTER TABLE ruled DISABLE RULE off;
    CREATE RULE r AS ON INSERT TO counted DO INSTEAD DELETE FROM t;
    CREATE RULE r AS ON DELETE TO v DO ALSO DELETE FROM t;
"""
_KINDS = ("operator", "rules", "index", "entries")
PLANNED = (
    """SELECT * FROM t WHERE kind OPERATOR("o's".===) 3""",
    """SELECT * FROM t AS a JOIN t AS b ON a.kind OPERATOR("o's".===) b.kind WHERE a.id = 1""",
    "SELECT @-@ kind FROM t WHERE id !== 7",
    "SELECT * FROM t WHERE t ~== 3",
    "SELECT * FROM v",
)


def test_operators_and_rules(newest_database: Database) -> None:
    database = newest_database
    database.execute(SCHEMA)
    database.execute("VACUUM ANALYZE t")
    snapshot = sealed(snapshot_of(database.dsn))
    oids = {relation.name: relation.oid for relation in snapshot.catalog.relations}
    same = next(each for each in snapshot.catalog.operators if each.name == "===")
    program = "int); COPY (SELECT 1) TO PROGRAM 'touch x'; --"
    spoiled = [
        msgspec.structs.replace(same, oid=number, **changes)
        for number, changes in enumerate(
            (
                {"name": "=(="},
                {"name": "--"},
                {"name": "~+", "left_type": program},
                {"name": "~-", "join_estimator": program},
            )
        )
    ]
    operators = (*snapshot.catalog.operators, *spoiled)
    snapshot = msgspec.structs.replace(snapshot, catalog=msgspec.structs.replace(snapshot.catalog, operators=operators))
    with Twin(Facts(snapshot, {})) as twin:
        for text in PLANNED:
            ((plans,),) = database.execute(f"EXPLAIN (FORMAT JSON) {text}")
            answer = twin.plan(question(text, snapshot))
            # An index on an operator class is not there.
            assert answer.cost == pytest.approx(plans[0]["Plan"]["Total Cost"], rel=1e-6), (text, answer.refusal)
        refused = twin.plan(question("SELECT * FROM t WHERE kind <~> 3", snapshot))
        refused_write = twin.plan(question("INSERT INTO counted VALUES (1)", snapshot))
        said = {each.what: each for each in twin.shortfalls if each.what.split()[0] in _KINDS}
        sentences = [each.reason for each in twin.shortfalls]
        rules = [each for each in twin.shortfalls if each.what.startswith("rules of")]
    assert refused.refusal == "The body of function public.differs is not on the twin."
    assert refused_write.refusal == 'Rules are not on the twin: cannot insert into view "counted".'
    assert said.pop("entries of GIN indexes: public.words").relation_oids == (oids["t"],)
    assert "without a constant, which may be a secret;" in said.pop("index public.hidden").reason
    for hostile in spoiled:
        refused_one = said.pop(f"operator o's.{hostile.name}")
        assert refused_one.prevents and "not what a server writes" in refused_one.reason
    assert set(said) == {
        "operator public.<~>", "index public.by_class", "rules of public.ruled",
        "rules of public.counted", "rules of public.v",
    }  # fmt: skip
    assert all(sentence[0].isupper() and sentence.endswith(".") for sentence in sentences), sentences
    assert "operator class" in said["index public.by_class"].reason
    assert said["operator public.<~>"].names == ("<~>",) and not said["operator public.<~>"].prevents
    assert {(each.relation_oids, each.events, each.prevents) for each in rules} == {
        ((oids["ruled"],), ("update",), False),
        ((oids["counted"],), ("insert",), True),
        ((oids["v"],), ("delete",), False),
    }
    texts = ("UPDATE ruled SET id = 1", "INSERT INTO ruled VALUES (1)", "INSERT INTO counted VALUES (1)", *PLANNED)
    facts = Facts(snapshot, {text: shape for text in texts if (shape := question(text, snapshot).shape) is not None})
    marks = Shortcomings(rules, facts)
    assert [bool(marks.touching(text, text)) for text in texts] == [True, False, True, *(False for _ in PLANNED)]
