"""A CREATE INDEX as a user types it becomes the index that the server would make; what is wrong has its place."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from pgadvisor.facts import Facts
from pgadvisor.indexes.algebra import equal
from pgadvisor.indexes.ddl import create_index
from pgadvisor.workload.index_names import IndexTextError, find_index
from pgadvisor.workload.index_text import read_index
from support.databases import Database
from support.reading import read_database
from support.snapshots import facts

HOSTILE = "O\"dd; DROP TABLE x; -- 'é'"
HOSTILE_SQL = '"O""dd; DROP TABLE x; -- \'é\'"'


@pytest.fixture(scope="module")
def shop() -> Facts:
    return facts(
        {
            "tables": {
                "public.users": {
                    "columns": ["id bigint not null", "email text", "active boolean", "n integer"],
                    "indexes": {"users_email_idx": "btree (email)", "users_n_idx": "btree (n)"},
                },
                f"public.{HOSTILE_SQL}": {"columns": ["a integer"]},
                '"My Schema"."T"': {"columns": ['"Col umn" integer'], "indexes": {"strange": 'btree ("Col umn")'}},
                "public.v": {"columns": ["a integer"], "kind": "view"},
                "public.parts": {"columns": ["a integer"], "partition_by": "range (a)"},
            }
        }
    )


def sql(text: str, shop: Facts) -> str:
    given = read_index(text, shop.snapshot.catalog, ("public",))
    return create_index(given.definition, given.name or "x", concurrently=False)


@pytest.mark.parametrize(
    ("text", "made"),
    [
        ("CREATE INDEX ON users (email)", "CREATE INDEX x ON public.users (email);"),
        (
            "create index CONCURRENTLY if not exists i on only Public.Users(EMAIL)",
            "CREATE INDEX i ON public.users (email);",
        ),
        (
            'CREATE UNIQUE INDEX "I" ON users USING btree (lower(email) COLLATE "C" text_pattern_ops DESC NULLS LAST, '
            "(n + 1) ASC NULLS FIRST) INCLUDE (id, n) NULLS NOT DISTINCT WITH (FillFactor = 70, deduplicate_items=OFF) "
            "TABLESPACE fast WHERE active AND n > 5 ;",
            'CREATE UNIQUE INDEX "I" ON public.users ((lower(email)) COLLATE "C" text_pattern_ops DESC NULLS LAST, '
            "(n + 1) NULLS FIRST) INCLUDE (id, n) NULLS NOT DISTINCT WITH (fillfactor = '70', deduplicate_items = "
            "'off') TABLESPACE fast WHERE (active AND n > 5);",
        ),
        ("CREATE INDEX ON users ((n))", "CREATE INDEX x ON public.users (n);"),
        ("CREATE INDEX ON users ((lower(email)))", "CREATE INDEX x ON public.users ((lower(email)));"),
        (
            "CREATE INDEX ON users (coalesce(email, ';')) WHERE (n > 1) /* ; */ -- ;",
            "CREATE INDEX x ON public.users ((coalesce(email, ';'))) WHERE (n > 1);",
        ),
        ("CREATE INDEX ON users (email) WHERE active", "CREATE INDEX x ON public.users (email) WHERE active;"),
        (
            "CREATE INDEX ON users (email) WHERE NOT (active)",
            "CREATE INDEX x ON public.users (email) WHERE (NOT (active));",
        ),
        (
            "CREATE INDEX ON users USING gist (email public.gist_trgm_ops (siglen = 32))",
            "CREATE INDEX x ON public.users USING gist (email public.gist_trgm_ops (siglen = '32'));",
        ),
        ("CREATE INDEX ON users (email pg_catalog.text_ops)", "CREATE INDEX x ON public.users (email text_ops);"),
        (
            "CREATE INDEX ON users USING brin (id, n) WITH (pages_per_range = '32', autosummarize)",
            "CREATE INDEX x ON public.users USING brin (id, n) WITH (pages_per_range = '32', autosummarize = 'true');",
        ),
        ('CREATE INDEX ON "My Schema"."T" ("Col umn")', 'CREATE INDEX x ON "My Schema"."T" ("Col umn");'),
        (f"CREATE INDEX ON {HOSTILE_SQL} (a)", f"CREATE INDEX x ON public.{HOSTILE_SQL} (a);"),
    ],
)
def test_what_is_typed(text: str, made: str, shop: Facts) -> None:
    assert sql(text, shop) == made


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "CREATE INDEX ON users (emial)",
            'At "emial", character 24 of "CREATE INDEX ON users (emial)": public.users has no such column; did you '
            "mean email?",
        ),
        (
            'CREATE INDEX ON "My Schema"."T" ("col umn")',
            'has no such column; did you mean "Col umn"?',
        ),
        (
            "CREATE INDEX ON users (EMIAL)",
            "public.users has no such column: without quotes it is emial; did you mean email?",
        ),
        (
            "CREATE INDEX ON Userz (email)",
            "no such table along the search path: without quotes it is userz; did you mean public.users?",
        ),
        ("CREATE INDEX ON users (id) INCLUDE (emial)", "public.users has no such column; did you mean email?"),
        ("CREATE INDEX ON user (email)", "there is no such table along the search path; did you mean public.users?"),
        ("CREATE INDEX ON other.users (email)", "there is no such table; did you mean public.users?"),
        ("CREATE INDEX ON users USING btre (email)", "there is no access method btre; did you mean btree?"),
        ("CREATE INDEX ON users USING gin (email DESC)", 'At "DESC", character 40'),
        ("CREATE INDEX ON users USING hash (email, n)", "an index by hash has one column."),
        ("CREATE UNIQUE INDEX ON users USING hash (email)", "an index by hash cannot be unique."),
        ("CREATE INDEX ON users USING gin (email) INCLUDE (n)", "an index by gin has no INCLUDE."),
        ("CREATE INDEX ON users (email", "parentheses do not match."),
        ("CREATE INDEX ON users (email) WHERE n = 'x", "a string is not closed."),
        ("CREATE INDEX ON users (email) WHERE n = $1", "a condition of an index has no parameters."),
        ("CREATE INDEX ON users (email); DROP TABLE users", 'At ";", character 30'),
        ("CREATE INDEX ON users (email) WHERE n > 1; DROP TABLE users", "one command alone can be read."),
        ("CREATE INDEX ON users (email) WHERE", "a condition is missing here."),
        ("CREATE INDEX ON users (users.email)", "or a column with its table, is no key."),
        ("CREATE INDEX ON users ()", "a column or an expression is missing here."),
        ("CREATE INDEX s.i ON users (email)", "its name is given without one."),
        ("CREATE INDEX ON v (a)", "a view has no indexes."),
        ("CREATE INDEX ON ONLY parts (a)", "leave out ONLY."),
        ("CREATE TABLE t (a int)", 'At "TABLE", character 8 of "CREATE TABLE t (a int)": INDEX is missing here.'),
        ("", 'At the end of "": a CREATE INDEX is wanted here.'),
    ],
)
def test_what_is_wrong_is_told_by_its_place(text: str, message: str, shop: Facts) -> None:
    with pytest.raises(IndexTextError) as caught:
        sql(text, shop)
    assert str(caught.value).endswith(message) or message in str(caught.value)


def test_names_of_indexes(shop: Facts) -> None:
    mine = tuple(shop.indexes.values())
    strange = next(index for index in mine if index.name == "strange")
    indexes = (*mine, replace(strange, oid=1, schema="public"))
    assert find_index("USERS_N_IDX", indexes, ("public",)).name == "users_n_idx"
    assert find_index('"public"."users_n_idx"', indexes, ()).name == "users_n_idx"
    assert find_index("strange", indexes, ("My Schema", "public")).schema == "My Schema"
    assert find_index("My Schema.strange", indexes, ()).schema == "My Schema"
    for wrong, message in (
        ("users_emial_idx", 'There is no index "users_emial_idx". Did you mean public.users_email_idx or'),
        ("My Schema.users_n_idx", "There is no index"),
        ("nothing like it", 'There is no index "nothing like it".'),
        ("strange", 'There are 2 indexes called "strange": say which, such as "My Schema".strange, public.strange.'),
    ):
        with pytest.raises(IndexTextError) as caught:
            find_index(wrong, indexes, ())
        assert message in str(caught.value)


@pytest.mark.server
def test_the_server_makes_the_same_of_it(database: Database) -> None:
    database.execute(f"CREATE TABLE t (a int, b text, c text); CREATE TABLE {HOSTILE_SQL} (a int)")
    texts = [
        'CREATE UNIQUE INDEX i0 ON t (a DESC, b COLLATE "C" text_pattern_ops) INCLUDE (c) WITH (fillfactor = 70)',
        "CREATE INDEX i1 ON t USING hash (b)",
        "CREATE INDEX i2 ON t (lower(b), ((a)) NULLS FIRST) WHERE (a IS NOT NULL)",
        f"CREATE INDEX i3 ON {HOSTILE_SQL} USING brin (a) WITH (pages_per_range = 32)",
    ]
    for text in texts:
        database.execute(text)
    catalog = read_database(database.dsn).collected.catalog
    made = {index.name: index.definition for index in catalog.indexes}
    for text in texts:
        given = read_index(text, catalog, ("public",))
        assert equal(given.definition, made[given.name]), text
        assert given.definition.options == made[given.name].options
