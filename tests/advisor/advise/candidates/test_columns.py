"""What an index can hold, as a server says."""

from __future__ import annotations

from pgadvisor.advise.candidates.columns import NO_BTREE_TYPES, Columns
from pgadvisor.facts import Facts
from support.databases import Database
from support.twins import snapshot_of

_UNSORTABLE = """
SELECT t.typname FROM pg_type AS t
WHERE t.typtype = 'b' AND t.typcategory NOT IN ('A', 'Z') AND t.typnamespace = 'pg_catalog'::regnamespace
AND t.typname NOT LIKE 'pg\\_%' AND t.typname NOT LIKE 'reg%'
AND NOT EXISTS (
    SELECT FROM pg_opclass AS c JOIN pg_am AS am ON am.oid = c.opcmethod AND am.amname = 'btree'
    WHERE c.opcdefault AND (
        c.opcintype = t.oid
        OR EXISTS (
            SELECT FROM pg_cast AS k
            WHERE k.castsource = t.oid AND k.casttarget = c.opcintype AND k.castmethod = 'b' AND k.castcontext = 'i'
        )
    )
)
"""


def test_types_without_an_operator_class_are_those_of_the_server(any_database: Database) -> None:
    unsortable = {name for (name,) in any_database.execute(_UNSORTABLE)}
    assert unsortable <= NO_BTREE_TYPES
    assert {"json", "xml", "point", "xid"} <= unsortable


def test_what_an_index_cannot_hold(database: Database) -> None:
    database.execute(
        """
        CREATE DOMAIN spot AS point;
        CREATE DOMAIN favourite AS spot;
        CREATE TABLE t (
            id int, "a""b" favourite, many json[], body text, short varchar(90),
            doubled int GENERATED ALWAYS AS (id * 2)
        );
        INSERT INTO t SELECT 1, '(1,2)', NULL, repeat('x', 800), repeat('y', 80);
        ANALYZE t;
        """
    )
    seen = Facts(snapshot_of(database.dsn), {})
    (table,) = [each for each in seen.relations.values() if each.name == "t"]
    columns = Columns(seen).of(table)
    said = {name: columns.impossible(name) for name in ("id", 'a"b', "many", "body", "short", "doubled", "ctid")}
    assert said == {
        "id": "",
        'a"b': 'a"b is of type public.favourite, which no B-tree can sort.',
        "many": "many is of type json[], which no B-tree can sort.",
        "body": "Values of body may be wider than a third of a page, and writing such rows would then fail.",
        "short": "",
        "doubled": "doubled is a virtual generated column, which no index can hold.",
        "ctid": "ctid is no column of the table's own, so no index can hold it.",
    }
    assert columns.usable(said) == ("id", "short")
    assert not columns.can_include("doubled")
