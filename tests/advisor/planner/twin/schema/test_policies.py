"""Views, row security and roles of a twin: whoever runs a statement gets the plan that he gets in production."""

from __future__ import annotations

import msgspec
import pytest
from psycopg import sql

from pgadvisor.facts import Facts
from pgadvisor.model.counters import Window
from pgadvisor.model.server import Extension
from pgadvisor.model.snapshot import Snapshot
from pgadvisor.model.statements import StatementRole, Statements
from pgadvisor.planner.protocol import Question
from pgadvisor.planner.twin.twin import Twin
from support.databases import Database
from support.server_packages import packaged_binaries
from support.servers import MAIN
from support.twins import question, snapshot_of, twin_of

pytestmark = pytest.mark.server

SCHEMA = """
    CREATE FUNCTION tenant() RETURNS int LANGUAGE sql STABLE AS
        $$SELECT coalesce(nullif(current_setting('app.tenant', true), ''), '3')::int$$;
    CREATE TABLE orders (id int PRIMARY KEY, tenant int, owner text, price int);
    INSERT INTO orders SELECT i, i % 50, 'o' || i % 9, i FROM generate_series(1, 20000) AS i;
    CREATE INDEX ON orders (tenant);
    ALTER TABLE orders ENABLE ROW LEVEL SECURITY;
    CREATE POLICY by_tenant ON orders USING (tenant = tenant());
    CREATE POLICY "it's ""for\nsome" ON orders AS RESTRICTIVE FOR SELECT TO {group} USING (price > 19000);
    CREATE TABLE forced (id int);
    INSERT INTO forced SELECT generate_series(1, 1000);
    ALTER TABLE forced ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
    CREATE VIEW of_owner AS SELECT id, tenant FROM orders;
    CREATE VIEW of_owner_again WITH (security_barrier) AS SELECT * FROM of_owner WHERE tenant < 9;
    CREATE RECURSIVE VIEW counted (n) AS VALUES (1) UNION ALL SELECT n + 1 FROM counted WHERE n < 9;
    CREATE VIEW written AS SELECT 1 AS id;
    CREATE FUNCTION writes() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END';
    CREATE TRIGGER "in's" INSTEAD OF INSERT OR UPDATE ON written FOR EACH ROW EXECUTE FUNCTION writes();
    GRANT ALL ON ALL TABLES IN SCHEMA public TO PUBLIC;
    GRANT ALL ON SCHEMA public TO PUBLIC;
    ALTER TABLE orders OWNER TO {owner};
    ALTER TABLE forced OWNER TO {owner};
    ALTER VIEW of_owner OWNER TO {owner};
"""
INVOKING = "CREATE VIEW invoking WITH (security_invoker) AS SELECT * FROM orders; GRANT ALL ON invoking TO PUBLIC"
TEXTS = [
    "SELECT * FROM orders",
    "SELECT * FROM orders WHERE owner = 'o1' AND price < 9",
    "SELECT * FROM forced",
    "SELECT * FROM of_owner",
    "SELECT * FROM of_owner_again WHERE id = 3",
    "SELECT * FROM counted",
    "INSERT INTO written VALUES (1)",
    "UPDATE orders SET price = 3",
]


def test_whoever_runs_a_statement_has_his_plan(newest_database: Database) -> None:
    database = newest_database
    group = database.role('gr"oup')
    owner, member = database.role("ow'ner"), database.role("member", member_of=[group.name])
    bypassing, other = database.role("bypassing", attributes="BYPASSRLS"), database.role("other")
    names = {"group": sql.Identifier(group.name), "owner": sql.Identifier(owner.name)}
    database.execute(sql.SQL(SCHEMA).format(**names))
    texts = list(TEXTS)
    if database.server.major >= 15:
        database.execute(INVOKING)
        texts.append("SELECT * FROM invoking")
    database.execute("VACUUM ANALYZE orders, forced")
    roles = (
        StatementRole(oid=1, name=owner.name),
        StatementRole(oid=2, name=member.name, member_of=(group.name,)),
        StatementRole(oid=3, name=bypassing.name, bypasses_policies=True),
        StatementRole(oid=4, name=other.name),
    )
    snapshot = _with_roles(snapshot_of(database.dsn), roles)
    plans = set()
    programs = "auto" if database.server.major == MAIN else str(packaged_binaries(database.server.major).bin_dir)
    with Twin(Facts(snapshot, {}), server=programs) as twin:
        for role in roles:
            with database.connect() as connection:
                connection.execute(sql.SQL("SET ROLE {}").format(sql.Identifier(role.name)))
                for text in texts:
                    ((expected,),) = connection.execute(f"EXPLAIN (FORMAT JSON) {text}".encode()).fetchall()
                    answer = twin.plan(Question(query_id=text, text=text, role=role))
                    assert answer.cost == expected[0]["Plan"]["Total Cost"], (role.name, text, answer.refusal)
                    plans.add((text, answer.cost))
        assert [shortfall.what for shortfall in twin.shortfalls] == ["catalogs of the system"]
    assert len(plans) > len(texts), "they plan alike whoever runs them, so that nothing was tested"


def _with_roles(snapshot: Snapshot, roles: tuple[StatementRole, ...]) -> Snapshot:
    window = Window(since=None, until=snapshot.server.collected_at, source="test")
    return msgspec.structs.replace(snapshot, statements=Statements(window=window, roles=roles))


def test_what_a_twin_lacks_is_named(database: Database) -> None:
    database.execute(
        """
        CREATE EXTENSION citext; CREATE EXTENSION pg_trgm;
        CREATE TABLE t (id int, name citext, sorted text COLLATE "de-x", kind text);
        CREATE INDEX ON t USING gin (kind gin_trgm_ops);
        CREATE VIEW v AS SELECT id FROM t;
        CREATE VIEW on_v AS SELECT * FROM v;
        ALTER TABLE t ENABLE ROW LEVEL SECURITY;
        CREATE POLICY p ON t USING (id > 3);
        """.replace('"de-x"', '"C"')
    )
    snapshot = snapshot_of(database.dsn)
    catalog = snapshot.catalog
    oids = {relation.name: relation.oid for relation in catalog.relations}
    locale = "xx_XX.UTF-8"
    changed = msgspec.structs.replace(
        snapshot,
        server=msgspec.structs.replace(
            snapshot.server,
            collation=locale,
            ctype=locale,
            database="a=b 'c' \"d\"",
            extensions=(*snapshot.server.extensions, Extension(name="postgis", version="3", schema="public")),
        ),
        catalog=msgspec.structs.replace(
            catalog,
            relations=tuple(
                msgspec.structs.replace(relation, definition=None) if relation.name == "v" else relation
                for relation in catalog.relations
            ),
            policies=tuple(msgspec.structs.replace(policy, using="there IS NOT") for policy in catalog.policies),
            collations=tuple(
                msgspec.structs.replace(each, collate=locale, ctype=locale, name="xx") for each in catalog.collations
            ),
            columns=tuple(
                msgspec.structs.replace(column, collation="xx") if column.name == "sorted" else column
                for column in catalog.columns
            ),
        ),
    )
    with Twin(Facts(changed, {})) as twin:
        said = {shortfall.what: shortfall for shortfall in twin.shortfalls}
        # C.UTF-8 is not C: LIKE has no use of a plain index under it, as under any language's locale.
        plans = [twin.plan(question(text)) for text in ("SELECT current_database()", "SELECT sorted FROM t")]
        assert all(answer.plan is not None for answer in plans), plans
        assert twin._building is not None
        ((name, collate),) = twin._building.admin.execute(
            "SELECT datname::text, datcollate::text FROM pg_database WHERE datname = current_database()"
        ).fetchall()
        assert name == "a=b 'c' \"d\"" and collate.lower().startswith("c.utf")
    assert said[f"locale {locale}"].relation_oids == (oids["t"],)
    assert said["collation xx"].relation_oids == (oids["t"],)
    assert said["view public.v"].prevents and said["view public.on_v"].relation_oids == (oids["on_v"],)
    assert "extension postgis" in said and "policy p of public.t" in said
    assert not [what for what in said if "citext" in what or "trgm" in what]


def test_a_database_in_c_stays_so(database: Database) -> None:
    database.execute(
        """
        CREATE TABLE t (a text COLLATE "C", b text);
        INSERT INTO t SELECT md5(i::text), md5(i::text) FROM generate_series(1, 10000) AS i;
        CREATE INDEX ON t (a); CREATE INDEX ON t (b);
        """
    )
    database.execute("VACUUM ANALYZE t")
    with twin_of(database) as twin:
        served = [
            twin.plan(question(f"SELECT * FROM t WHERE {column} LIKE 'abc%'")).plan["Plan"]["Node Type"]  # type: ignore[index]
            for column in "ab"
        ]
    assert "Seq Scan" not in served[0] and served[1] == "Seq Scan"
