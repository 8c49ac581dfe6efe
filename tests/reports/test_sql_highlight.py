from __future__ import annotations

import html
import re
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pgadvisor_reports.sql_highlight import folded, highlight, tokens

PIECES = [*"aE_$1.5'\"-/*\\\n\t ();<>&é", "select", "from", "$a$", "--", "/*", "*/"]
SQL = st.lists(st.sampled_from(PIECES), max_size=60).map("".join)


def plain(markup: str) -> str:
    return html.unescape(re.sub(r"<[^>]*>", "", markup))


@given(SQL | st.text(st.characters(exclude_categories=["Cs", "Cc"]), max_size=60))
def test_no_text_is_lost(sql: str) -> None:
    assert "".join(text for _, text in tokens(sql)) == sql
    assert plain(highlight(sql)) == sql


@given(SQL)
def test_folding_changes_white_space_alone(sql: str) -> None:
    long = f"with x as (select {sql} from u) select {sql} from {'t' * 90} where a = 1"
    assert "".join("".join(text for _, text in folded(long)).split()) == "".join(long.split())


@pytest.mark.parametrize(
    ("sql", "kind", "text"),
    [
        ("select 1", "keyword", "select"),
        ('select "select"', "name", '"select"'),
        ("x = 'it''s'", "string", "'it''s'"),
        (r"x = e'a\'b'", "string", r"e'a\'b'"),
        ("x = 'never closed", "string", "'never closed"),
        ("x = $tag$ $x$ '$tag$ y", "string", "$tag$ $x$ '$tag$"),
        ("x = $$a", "string", "$$a"),
        ("x = $12", "parameter", "$12"),
        ("x = 1.5e-3", "number", "1.5e-3"),
        ("col1 = 2", "name", "col1"),
        ("-- to the end\nselect", "comment", "-- to the end"),
        ("/* a /* nested */ one */ select", "comment", "/* a /* nested */ one */"),
        ("/* never closed", "comment", "/* never closed"),
    ],
)
def test_tokens(sql: str, kind: str, text: str) -> None:
    assert (kind, text) in list(tokens(sql))


def test_markup_in_sql_is_escaped() -> None:
    assert "<script" not in highlight("'</script><script>' <b> &amp;")
    assert highlight("<b>") == "&lt;b&gt;"


def test_characters_that_act_are_named_and_kept_for_a_copy() -> None:
    assert highlight("a\u202eb") == 'a<span class="ctl" title="U+202E">\u202e</span>b'
    assert highlight("a\x00b") == 'a<span class="ctl" title="U+0000">\ufffd</span>b'


def test_a_long_statement_is_folded_before_its_clauses() -> None:
    sql = "select a, (select b from u where c) from t left join v using (k) where d between 1 and 2 order by e limit 5"
    shown = "".join(text for _, text in folded(sql))
    assert shown.split("\n") == [
        "select a, (select b from u where c)",
        "from t",
        "left join v using (k)",
        "where d between 1 and 2",
        "order by e",
        "limit 5",
    ]


def test_a_long_subquery_is_folded_and_indented() -> None:
    inner = "select sum(quantity) as pieces from shop.order_items as i join shop.orders as o using (order_id) where x"
    shown = "".join(text for _, text in folded(f"with sold as ({inner}) select pieces from sold"))
    assert shown.split("\n") == [
        "with sold as (select sum(quantity) as pieces",
        "  from shop.order_items as i",
        "  join shop.orders as o using (order_id)",
        "  where x)",
        "select pieces",
        "from sold",
    ]


def test_a_short_statement_or_one_with_line_breaks_stays() -> None:
    for sql in ("select a from t", "select a\n" + "b" * 100 + " from t"):
        assert "".join(text for _, text in folded(sql)) == sql


@pytest.mark.parametrize("sql", ["'" * 100_001, "$" * 100_000, "/*" * 50_000, "e'" + "\\" * 100_000, '"' * 100_001])
def test_no_text_takes_long(sql: str) -> None:
    started = time.process_time()
    assert "".join(text for _, text in tokens(sql)) == sql
    assert time.process_time() - started < 5
