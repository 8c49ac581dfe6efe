"""A snapshot whose author wants to do harm: a twin is built of it, and is asked, and nothing happens."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from pathlib import Path

import msgspec
import psycopg
import pytest

from pgadvisor.facts import Facts
from pgadvisor.model.objects import Collation, Function
from pgadvisor.model.server import Extension, SettingOverride
from pgadvisor.model.snapshot import Snapshot
from pgadvisor.model.statements import StatementRole, Statements
from pgadvisor.model.statistics import PgStats
from pgadvisor.planner.protocol import Question
from pgadvisor.planner.twin import asking
from pgadvisor.planner.twin.building import Building
from pgadvisor.planner.twin.database import BUILDER, PLANNER
from pgadvisor.planner.twin.server import SUPERUSER
from pgadvisor.planner.twin.twin import Twin
from support.databases import Database
from support.folders import open_folder
from support.twins import snapshot_of

pytestmark = pytest.mark.server

SECRET = "4711 is what the file says"
INNOCENT = """
    CREATE TABLE innocent (id int PRIMARY KEY, name text);
    INSERT INTO innocent SELECT i, 'n' || i FROM generate_series(1, 10000) AS i;
    ANALYZE innocent;
"""
# Wherever an expression stands in a schema, a call that the snapshot's author puts another in place of.
VICTIM = """
    CREATE FUNCTION call_%(n)s() RETURNS int LANGUAGE sql IMMUTABLE AS 'SELECT 1';
    CREATE DOMAIN domain_%(n)s AS int CHECK (VALUE >= call_%(n)s());
    CREATE TABLE table_%(n)s (
      id int DEFAULT call_%(n)s(), made int GENERATED ALWAYS AS (id + call_%(n)s()) STORED, limited domain_%(n)s,
      CONSTRAINT check_%(n)s CHECK (id + call_%(n)s() > 0)
    );
    CREATE INDEX index_%(n)s ON table_%(n)s ((id + call_%(n)s())) WHERE id > call_%(n)s();
    CREATE VIEW view_%(n)s AS SELECT id FROM table_%(n)s WHERE id = call_%(n)s();
    CREATE TABLE guarded_%(n)s (id int);
    CREATE POLICY guard ON guarded_%(n)s USING (id = call_%(n)s());
    ALTER TABLE guarded_%(n)s ENABLE ROW LEVEL SECURITY;
    CREATE TABLE parts_%(n)s (id int) PARTITION BY RANGE ((id + call_%(n)s()));
"""
REACHING = (
    "SELECT * FROM table_{n} WHERE id = {call}",
    "SELECT * FROM table_{n} WHERE id + {call} > 3 AND id > {call}",
    "SELECT * FROM view_{n}",
    "SELECT * FROM guarded_{n}",
    "INSERT INTO table_{n} (limited) VALUES (3)",
    "SELECT 5::domain_{n}",
)


class Attacker:
    """Makes hostile functions; each attempt to run a program has a canary of its own."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.count = 0
        self.functions: list[Function] = []

    @property
    def program(self) -> str:
        """A command that leaves a file if whoever runs it may."""
        self.count += 1
        return f"COPY (SELECT 1) TO PROGRAM 'touch {self.folder}/{self.count}'"

    def function(self, name: str, body: str, **changes: object) -> None:
        """A function whose body is given, or all of its definition."""
        head = f"CREATE OR REPLACE FUNCTION public.{name}()\n RETURNS integer\n LANGUAGE sql\n IMMUTABLE\n"
        given = {
            "oid": 900_000 + len(self.functions),
            "schema": "public",
            "name": name,
            "result": "integer",
            "language": "sql",
            "owner": "app",
            "volatility": "i",
            "cost": 1,
            "definition": body if body.startswith("CREATE") else f"{head}AS $function${body}$function$\n",
        }
        self.functions.append(msgspec.convert(given | changes, Function))

    def make_functions(self) -> list[str]:
        """Functions, each of which would do harm if it were what it says and ran; calls of them."""
        head = "CREATE OR REPLACE FUNCTION public.{}()\n RETURNS integer\n LANGUAGE {}\n IMMUTABLE\nAS "
        plpgsql = "BEGIN {}; RETURN 1; END"
        self.function("language", head.format("language", "plpgsql") + f"$x${plpgsql.format(self.program)}$x$")
        self.function("of_c", head.format("of_c", "c") + "'$libdir/plpgsql', 'plpgsql_call_handler'", language="c")
        self.function("twice", head.format("twice", "sql") + f"$x$SELECT 1$x$ LANGUAGE plpgsql AS $x${self.program}$x$")
        self.function("commands", head.format("commands", "sql") + f"$x$SELECT 1$x$; {self.program}")
        self.function("queries", f"SELECT 1; {self.program}")
        self.function("no_query", self.program)
        self.function("no_function", f"CREATE ROLE intruder SUPERUSER; {self.program}")
        ending = f") RETURNS int LANGUAGE plpgsql IMMUTABLE AS $$BEGIN {self.program}; RETURN 1; END$$ --"
        self.function("signature", "", arguments=ending, definition=None, language="plpgsql")
        self.function("result", "", result=f"int{ending[14:]}", definition=None, language="plpgsql")
        self.function("definer", f"SELECT 1; {self.program}", security_definer=True)
        self.function("configured", "SELECT 1", configuration=("session_preload_libraries=evil",))
        self.function("leakproof", f"SELECT 1; {self.program}", leakproof=True)
        secret = f"pg_read_file('{self.folder}/secret')"
        self.function("shows", f"SELECT {secret}::int")
        self.function("lists", "SELECT array_length(array(1, pg_ls_dir('/')), 1)")
        self.function("exports", f"SELECT lo_export(lo_from_bytea(0, 'x'), '{self.folder}/exported')")
        self.function("imports", f"SELECT lo_import('{self.folder}/secret')::int")
        self.function("runs_sql", f"SELECT length(query_to_xml($q${self.program}$q$, true, true, '')::text)")
        for name, setting, value in (
            ("puts_off", "statement_timeout", "0"),
            ("becomes", "role", SUPERUSER),
            ("authorises", "session_authorization", SUPERUSER),
            ("misleads", "standard_conforming_strings", "off"),
        ):
            self.function(name, f"SELECT length(set_config('{setting}', '{value}', false))")
        self.function("ends", "SELECT CASE WHEN pg_terminate_backend(pg_backend_pid()) THEN 1 ELSE 2 END")
        self.function("reloads", "SELECT CASE WHEN pg_reload_conf() THEN 1 ELSE 2 END")
        self.function("sleeps", "SELECT CASE WHEN pg_sleep(3600) IS NULL THEN 1 ELSE 2 END")
        calls = [f"{function.name}()" for function in self.functions]
        # 2^60 calls, of which none can be put in place.
        endless = "SELECT CASE WHEN a > 60 THEN 1 ELSE public.endless(a + 1) + public.endless(a + 1) END"
        definition = head.replace("()", "(a integer)").format("endless", "sql") + f"$x${endless}$x$"
        self.function("endless", definition, arguments="a integer")
        return [*calls, "endless(1)"]


@pytest.fixture
def canaries() -> Iterator[Path]:
    """A folder that the server's user can write to, with a file that it can read."""
    with open_folder(0o777) as folder:
        (folder / "secret").write_text(SECRET)
        (folder / "secret").chmod(0o644)
        yield folder


def test_a_strangers_snapshot_is_harmless(database: Database, canaries: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(asking, "TIMEOUT_MS", 200)
    monkeypatch.setattr(Building, "_patience_s", 1.0)
    attacker = Attacker(canaries)
    calls = attacker.make_functions()
    database.execute(INNOCENT)
    for number in range(len(calls)):
        database.execute(VICTIM % {"n": number})
    innocent = "SELECT * FROM innocent WHERE id < 100"
    ((plans,),) = database.execute(f"EXPLAIN (FORMAT JSON) {innocent}")
    snapshot = poisoned(snapshot_of(database.dsn), attacker, calls)
    began = time.monotonic()
    with Twin(Facts(snapshot, {})) as twin:
        assert twin._building is not None
        admin = twin._building.admin
        texts = [text.format(n=n, call=call) for n, call in enumerate(calls) for text in REACHING]
        texts += [
            f"SELECT 1; {attacker.program}",
            f"SELECT 1\n; {attacker.program} --",
            attacker.program,
            f"ANALYZE SELECT 1; {attacker.program}",
            f"SELECT '\\'; {attacker.program}; --'",
            f"SELECT query_to_xml($q${attacker.program}$q$, true, true, '')",
            f"SELECT * FROM innocent WHERE name = pg_read_file('{canaries}/secret')",
            f"SET ROLE {SUPERUSER}",
            f"RESET SESSION AUTHORIZATION; {attacker.program}",
        ]
        roles = [None, *(snapshot.statements.roles if snapshot.statements else ())]
        told = ""
        for number, text in enumerate(texts):
            answer = twin.plan(Question(query_id=text, text=text, role=roles[number % len(roles)]))
            told += f"{answer.plan} {answer.refusal}"
        costs = twin.costs([Question(query_id=text, text=text) for text in (*texts, innocent)])
        took_s = time.monotonic() - began
        answer = twin.plan(Question(query_id="", text=innocent))
        told += repr(twin.shortfalls)
        roles_of_twin = admin.execute("SELECT rolname, rolsuper, rolcreaterole, rolcanlogin FROM pg_roles").fetchall()
        powers = admin.execute(
            "SELECT m.roleid::regrole, m.member::regrole FROM pg_auth_members AS m "
            "WHERE m.roleid < 16384 AND m.member >= 16384"
        ).fetchall()
        languages = {name for (name,) in admin.execute("SELECT lanname FROM pg_language").fetchall()}
        extensions = {name for (name,) in admin.execute("SELECT extname FROM pg_extension").fetchall()}
        # Whoever has the right can leave a canary: the folder is one where it would be seen.
        assert [path.name for path in canaries.iterdir()] == ["secret"]
        admin.execute(attacker.program.encode())
        assert len(list(canaries.iterdir())) == 2
    assert SECRET not in told and SECRET.partition(" ")[0] not in told
    assert {name for name, is_super, *_ in roles_of_twin if is_super} == {SUPERUSER}
    assert {name for name, _, creates, _ in roles_of_twin if creates} == {SUPERUSER}
    assert {name for name, _, _, logs_in in roles_of_twin if logs_in} == {SUPERUSER, BUILDER, PLANNER}
    assert powers == []
    assert languages == {"internal", "c", "sql", "plpgsql"} and extensions == {"plpgsql"}
    assert answer.cost == plans[0]["Plan"]["Total Cost"] == costs[-1]
    assert took_s < 120


def poisoned(snapshot: Snapshot, attacker: Attacker, calls: list[str]) -> Snapshot:
    """The snapshot with hostile calls in place of its own, and hostile names, settings and values."""
    text = msgspec.json.encode(snapshot).decode()
    text = re.sub(r"call_(\d+)\(\)", lambda match: calls[int(match[1])], text)
    made = msgspec.json.decode(text, type=Snapshot)
    bad = f"x'; {attacker.program}; --"
    names = (
        SUPERUSER,
        BUILDER,
        PLANNER,
        "public",
        "none",
        "pg_execute_server_program",
        bad,
        '"; DROP ROLE x',
        "a\0b",
        "",
    )
    columns = {column.relation_oid: column for column in made.catalog.columns if column.type_name.startswith("domain")}
    return msgspec.structs.replace(
        made,
        server=msgspec.structs.replace(
            made.server,
            collation=bad,
            ctype=bad,
            locale=bad,
            extensions=tuple(
                Extension(name=name, version=bad, schema=bad)
                for name in ("dblink", "file_fdw", "plpython3u", "adminpack", bad)
            ),
            overrides=tuple(
                SettingOverride(database=None, role=None, name=name, value=bad)
                for name in ("work_mem", "search_path", "session_preload_libraries", "role", bad)
            ),
            settings=tuple(
                msgspec.structs.replace(setting, value=bad) if number % 3 == 0 else setting
                for number, setting in enumerate(made.server.settings)
                if not setting.name.endswith("_cost")
            ),
        ),
        catalog=msgspec.structs.replace(
            made.catalog,
            functions=tuple(attacker.functions),
            relations=tuple(
                relation
                if relation.name == "innocent"
                else msgspec.structs.replace(relation, owner=names[number % len(names)])
                for number, relation in enumerate(made.catalog.relations)
            ),
            policies=tuple(
                msgspec.structs.replace(policy, roles=(names[number % len(names)],))
                for number, policy in enumerate(made.catalog.policies)
            ),
            collations=(
                *made.catalog.collations,
                Collation(oid=1, schema="public", name=bad, provider="i", deterministic=False, locale=bad),
                Collation(oid=2, schema="pg_catalog", name=bad, provider="c", deterministic=True, collate=bad),
            ),
        ),
        column_statistics=(
            *made.column_statistics,
            *(
                PgStats(
                    relation_oid=oid, column=column.name, null_fraction=0, average_width_bytes=4, n_distinct=-1,
                    most_common_vals=values, most_common_freqs="{0.5}", histogram=values,
                )
                for (oid, column), values in zip(
                    columns.items(), ["{-1}", "{x}", f"{{{bad}}}", "{{}", "'"] * len(columns), strict=False
                )
            ),
        ),
        statements=Statements(
            window=made.counters.window if made.counters else None,  # type: ignore[arg-type]
            roles=tuple(
                StatementRole(oid=70_000 + number, name=name, is_superuser=True, member_of=names)
                for number, name in enumerate(names)
            ),
        ),
    )  # fmt: skip


def test_the_roles_of_a_twin_can_do_nothing_to_its_server(database: Database, canaries: Path) -> None:
    with Twin(Facts(snapshot_of(database.dsn), {})) as twin:
        assert twin._building is not None
        for role in (BUILDER, PLANNER):
            place = twin._server.dsn(twin._building.database, role)
            with psycopg.connect(place, autocommit=True) as connection:
                for command in (
                    f"COPY (SELECT 1) TO PROGRAM 'touch {canaries}/x'",
                    f"COPY (SELECT 1) TO '{canaries}/x'",
                    f"SELECT pg_read_file('{canaries}/secret')",
                    f"SET ROLE {SUPERUSER}",
                    f"SET SESSION AUTHORIZATION {SUPERUSER}",
                    "CREATE ROLE x",
                    "DO $$BEGIN END$$",
                    "CREATE FUNCTION f() RETURNS int LANGUAGE plpgsql AS 'BEGIN END'",
                    "CREATE FUNCTION f() RETURNS int LANGUAGE internal AS 'int4in'",
                    "CREATE EXTENSION dblink",
                    "LOAD 'auto_explain'",
                    "ALTER SYSTEM SET work_mem = '1GB'",
                    "SET temp_file_limit = -1",
                    "SELECT pg_terminate_backend(pg_backend_pid())",
                    "UPDATE pg_catalog.pg_index SET indisvalid = false",
                ):
                    with pytest.raises(psycopg.errors.InsufficientPrivilege):
                        connection.execute(command.encode())
