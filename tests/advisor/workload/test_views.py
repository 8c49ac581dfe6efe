"""Views on views come to an end, are parsed once, and say where they could not be looked into."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pgadvisor.model.shape import NotUnderstood, StatementShape
from pgadvisor.workload.parsing import parse
from pgadvisor.workload.reader import MAX_VIEWS
from pgadvisor.workload.schema import SchemaView
from pgadvisor.workload.trees import Tree
from pgadvisor.workload.understand import understand
from pgadvisor.workload.views import MAX_DEFINITION_CHARS, MAX_VIEW_DEPTH
from pgadvisor.workload.words import words
from support.snapshots import snapshot


def schema_of(**definitions: str | None) -> SchemaView:
    """A schema with a table t and the given views, all of columns a and b."""
    columns = ["a bigint", "b text"]
    tables: dict[str, object] = {"public.t": {"columns": columns}}
    for name, definition in definitions.items():
        tables[f"public.{name}"] = {"columns": columns, "kind": "view", "definition": definition}
    return SchemaView(snapshot({"tables": tables}).catalog, ("public",))


def shape_of(text: str, schema: SchemaView) -> StatementShape:
    shape = understand("1", text, schema)
    assert isinstance(shape, StatementShape)
    return shape


def test_views_on_each_other_come_to_an_end() -> None:
    schema = schema_of(v="SELECT a, b FROM public.w", w="SELECT a, b FROM public.v")
    shape = shape_of("select a from v where b = $1", schema)
    assert shape.views == ("public.v", "public.w")
    assert shape.unresolved == ("view public.v",)
    assert not shape.relations
    assert not shape.predicates


def test_views_on_views_are_followed_so_deep_and_no_deeper() -> None:
    chain = {f"v{n}": f"SELECT a, b FROM public.v{n - 1}" for n in range(1, MAX_VIEW_DEPTH + 1)}
    schema = schema_of(v0="SELECT a, b FROM public.t", **chain)
    followed = shape_of(f"select a from v{MAX_VIEW_DEPTH - 1} where b = $1", schema)
    assert [len(relation.through) for relation in followed.relations] == [MAX_VIEW_DEPTH]
    assert [predicate.column for predicate in followed.predicates] == ["b"]
    assert shape_of(f"select a from v{MAX_VIEW_DEPTH} where b = $1", schema).unresolved == ("view public.v0",)


def test_views_that_multiply_are_looked_into_so_often() -> None:
    doubled = {
        f"v{n}": f"SELECT x.a, y.b FROM public.v{n - 1} x JOIN public.v{n - 1} y USING (a)" for n in range(1, 15)
    }
    schema = schema_of(v0="SELECT a, b FROM public.t", **doubled)
    shape = shape_of("select a from v14 where b = $1", schema)
    assert "view public.v4" in shape.unresolved
    assert len(shape.relations) < MAX_VIEWS


@pytest.mark.parametrize(
    "definition",
    [
        None,
        "",
        "SELECT (",
        "SELECT a FROM public.t; DROP TABLE t",
        "UPDATE public.t SET a = 1",
        "SELECT " + "(" * 60 + "a" + ")" * 60 + " FROM public.t",
        "SELECT a, b FROM public.t WHERE b = '" + "x" * MAX_DEFINITION_CHARS + "'",
    ],
    ids=lambda text: str(text)[:30],
)
def test_a_definition_that_cannot_be_read_is_named(definition: str | None) -> None:
    shape = shape_of("select v.a from v join t on t.a = v.a where v.b = $1", schema_of(v=definition))
    assert shape.unresolved == ("view public.v",)
    assert shape.views == ()
    assert [relation.alias for relation in shape.relations] == ["t"]


def test_a_definition_is_parsed_once(monkeypatch: pytest.MonkeyPatch) -> None:
    parsed: list[str] = []

    def counted(text: str) -> Tree:
        parsed.append(text)
        return parse(text)

    monkeypatch.setattr("pgadvisor.workload.views.parse", counted)
    schema = schema_of(v="SELECT a, b FROM public.t", bad="SELECT (a FROM FROM)")
    for _ in range(3):
        shape_of("select x.a from v x, v y, bad where x.a = y.a", schema)
    assert parsed == ["SELECT a, b FROM public.t", "SELECT (a FROM FROM)"]


def test_in_a_view_only_the_catalog_stands_without_its_schema() -> None:
    schema = schema_of(v="SELECT a, b FROM t", w="SELECT 1 AS a, relname AS b FROM pg_class")
    assert shape_of("select a from v", schema).unresolved == ("t",)
    assert shape_of("select a from w", schema).unresolved == ("pg_class",)


WORDS = sorted(
    words("select from where v w u t a b v.a w.b x * , ( ) = < and or not in $1 's' is null join left on using (a)")
    | words("union all except exists limit offset group by having count(*) distinct with as for update lateral old")
    | words("insert into values update set delete returning merge using when matched then case end between order desc")
    | words("ctid like '%x' any collate fetch first rows only over partition not exists true row new excluded.a")
)
VIEWS = schema_of(
    v="SELECT a, lower(b) AS b FROM public.t WHERE a > 1",
    w="SELECT x.a, y.b FROM public.v x LEFT JOIN public.t y USING (a)",
    u="SELECT a, b FROM public.v UNION ALL SELECT a, b FROM public.w",
)
STARTS = ["select a from ", "select * from v where ", "with x as (select * from u) select ", "update v set a = ", ""]


@settings(max_examples=400, deadline=None)
@given(st.sampled_from(STARTS), st.lists(st.sampled_from(WORDS), max_size=25).map(" ".join))
def test_words_about_views_are_read_or_refused(start: str, rest: str) -> None:
    result = understand("1", start + rest, VIEWS)
    assert isinstance(result, StatementShape | NotUnderstood)
    assert not (isinstance(result, NotUnderstood) and result.reason.startswith("the parser failed"))
