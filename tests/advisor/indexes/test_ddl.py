"""Names and the text of commands; test_recipes.py runs them."""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pgadvisor.indexes.ddl import create_index, free_name, index_name
from pgadvisor.indexes.quoting import RESERVED, qualified, qualified_sql, quote_identifier, quote_literal
from pgadvisor.model.catalog import IndexDefinition, IndexKey
from support.databases import Database

names = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), min_size=1, max_size=80)


def _index(table: str, *columns: str | None) -> IndexDefinition:
    keys = tuple(IndexKey(column=c) if c is not None else IndexKey(expression="lower(x)") for c in columns)
    return IndexDefinition(schema="public", table=table, keys=keys)


def test_names_say_table_and_columns() -> None:
    assert index_name(_index("orders", "customer_id", None), ()) == "idx_orders_customer_id_lower_x"
    assert index_name(_index("Order lines", "a'b"), ()) == "idx_Order_lines_a_b"
    # No constant, which may be a secret.
    secret = IndexKey(expression="((name || 'hunter2'::text) || 4711)")
    assert index_name(msgspec.structs.replace(_index("t"), keys=(secret,)), ()) == "idx_t_name_text"


def test_taken_names_are_numbered() -> None:
    assert index_name(_index("t", "a"), {"idx_t_a", "idx_t_a_2"}) == "idx_t_a_3"


@settings(derandomize=True)
@given(names, st.lists(names, min_size=1, max_size=4))
def test_names_fit_and_are_new(table: str, columns: list[str]) -> None:
    taken: set[str] = set()
    for _ in range(12):
        name = index_name(_index(table, *columns), taken)
        assert name not in taken
        assert 0 < len(name.encode()) <= 63
        taken.add(name)


def test_a_cut_keeps_whole_characters() -> None:
    assert free_name("ab" + "é" * 40, ()) == "ab" + "é" * 30
    assert free_name("a" + "é" * 40, ()) == "a" + "é" * 31
    assert free_name("a" + "語" * 40, {"a" + "語" * 20}) == "a" + "語" * 20 + "_2"


def test_only_what_needs_it_is_quoted() -> None:
    assert qualified("public", "orders") == "public.orders"
    assert qualified("Public", "a.b") == '"Public"."a.b"'
    assert quote_identifier("select") == '"select"'
    assert quote_identifier('a"b') == '"a""b"'
    for wrong in ("", "a\0b"):
        with pytest.raises(ValueError, match="identifier"):
            quote_identifier(wrong)


def test_names_of_classes_and_collations() -> None:
    assert qualified_sql("text_pattern_ops") == "text_pattern_ops"
    assert qualified_sql('public."my ops"') == 'public."my ops"'
    assert qualified_sql('"a""b".c') == '"a""b".c'
    assert qualified_sql("en_US") == '"en_US"'
    assert qualified_sql("default") == '"default"'
    assert qualified_sql("x); DROP TABLE t; --") == '"x); DROP TABLE t; --"'
    assert qualified_sql('"a" "b"; x') == '"""a"" ""b""; x"'


def test_a_definition_in_full() -> None:
    definition = IndexDefinition(
        schema="public",
        table="Order",
        access_method="gist",
        keys=(
            IndexKey(column="select", operator_class="gist_trgm_ops", operator_class_options=("siglen=32",)),
            IndexKey(expression="lower(b)", collation="C", default_collation=False, descending=True),
        ),
        include=("c d",),
        predicate="(x > 5)",
        unique=True,
        nulls_not_distinct=True,
        options=("fillfactor=70",),
        tablespace="fast disks",
    )
    assert create_index(definition, "i") == (
        'CREATE UNIQUE INDEX CONCURRENTLY i ON public."Order" USING gist ("select" gist_trgm_ops (siglen = \'32\'), '
        '(lower(b)) COLLATE "C" DESC NULLS LAST) INCLUDE ("c d") NULLS NOT DISTINCT WITH (fillfactor = \'70\') '
        'TABLESPACE "fast disks" WHERE (x > 5);'
    )
    assert create_index(_index("t", "a"), "i", on_only=True) == "CREATE INDEX i ON ONLY public.t (a);"


@pytest.mark.server
def test_the_server_reads_back_every_name_and_text(database: Database) -> None:
    for text in ("Order", "a b", "x';--", 'q"q', "back\\slash", "select", "é€\u202e", "a\nb", "%s", "{{ }}"):
        assert database.execute(f"SELECT 1 AS {quote_identifier(text)}, {quote_literal(text)}") == [(1, text)]
        database.execute("SET standard_conforming_strings = off; SET escape_string_warning = off")
        assert database.execute(f"SELECT {quote_literal(text)}") == [(text,)]
        database.execute("RESET ALL")


@pytest.mark.server
def test_every_keyword_that_is_not_free_is_known(newest_database: Database) -> None:
    found = {row[0] for row in newest_database.execute("SELECT word FROM pg_get_keywords() WHERE catcode <> 'U'")}
    assert found <= RESERVED
