"""The algebra against itself: laws that must hold for whatever indexes there are."""

from __future__ import annotations

from itertools import permutations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from pgadvisor.indexes.algebra import alike, covers, equal, same_scan_direction, serves_equality_on
from pgadvisor.indexes.predicates import MAX_LENGTH, conjuncts, predicate_implies
from pgadvisor.indexes.standing import Standing
from pgadvisor.model.catalog import IndexDefinition, IndexKey

laws = settings(derandomize=True, max_examples=300)

COLUMNS = ("a", "b", "c")
PARTS = ("(a IS NOT NULL)", "(b IS NOT NULL)", "(c IS NOT NULL)", "(a > 5)", "(b = 'x AND y'::text)", "(NOT c)")


@st.composite
def keys(draw: st.DrawFn) -> IndexKey:
    expression = draw(st.sampled_from([None, None, None, "lower(b)"]))
    return IndexKey(
        column=None if expression else draw(st.sampled_from(COLUMNS)),
        expression=expression,
        operator_class=draw(st.sampled_from(["text_ops", "text_pattern_ops"])),
        default_operator_class=False,
        collation=draw(st.sampled_from([None, '"C"'])),
        descending=draw(st.booleans()),
        nulls_first=draw(st.booleans()),
    )


@st.composite
def predicates(draw: st.DrawFn) -> str | None:
    parts = draw(st.lists(st.sampled_from(PARTS), max_size=3))
    if not parts:
        return None
    return parts[0] if len(parts) == 1 else "(" + " AND ".join(parts) + ")"


@st.composite
def definitions(draw: st.DrawFn) -> IndexDefinition:
    method = draw(st.sampled_from(["btree", "btree", "btree", "gin", "gist", "hash", "brin", "rum"]))
    found = draw(st.lists(keys(), min_size=1, max_size=3))
    if method != "btree":
        found = [replace(key, descending=False, nulls_first=False) for key in found]
    return IndexDefinition(
        schema="public",
        table="t",
        access_method=method,
        keys=tuple(found),
        include=tuple(draw(st.lists(st.sampled_from(COLUMNS), max_size=2, unique=True))),
        predicate=draw(predicates()),
        unique=draw(st.booleans()),
        nulls_not_distinct=draw(st.booleans()),
        options=tuple(draw(st.lists(st.sampled_from(["fillfactor=70", "pages_per_range=4"]), max_size=2, unique=True))),
    )


@st.composite
def relatives(draw: st.DrawFn, count: int) -> list[IndexDefinition]:
    """Definitions that differ in little, so that laws with a condition have something to hold for."""
    first = draw(definitions())
    family = [first]
    for _ in range(count - 1):
        other = draw(st.sampled_from(family))
        changes = {
            "keys": draw(st.sampled_from([other.keys, other.keys[:1], (*other.keys, draw(keys()))])),
            "include": draw(st.sampled_from([other.include, (), tuple(reversed(other.include))])),
            "predicate": draw(st.one_of(st.just(other.predicate), predicates())),
            "unique": draw(st.booleans()),
        }
        turned = replace(other, **{name: changes[name] for name in draw(st.sets(st.sampled_from(sorted(changes))))})
        family.append(_reversed(turned) if draw(st.booleans()) else turned)
    return draw(st.permutations(family))


def _reversed(definition: IndexDefinition) -> IndexDefinition:
    return replace(
        definition,
        keys=tuple(
            replace(key, descending=not key.descending, nulls_first=not key.nulls_first) for key in definition.keys
        ),
    )


@laws
@given(definitions())
def test_everything_equals_and_covers_itself(one: IndexDefinition) -> None:
    assert equal(one, one)
    assert covers(one, one)
    assert alike(one, one)


@laws
@given(relatives(2))
def test_equal_is_symmetric_and_equal_indexes_cover_each_other(pair: list[IndexDefinition]) -> None:
    one, other = pair
    assert equal(one, other) == equal(other, one)
    assert alike(one, other) == alike(other, one)
    if equal(one, other) and one.options == other.options:
        assert covers(one, other)
        assert alike(one, other)


@laws
@given(relatives(3))
def test_covers_is_transitive(family: list[IndexDefinition]) -> None:
    for wide, middle, narrow in permutations(family):
        if covers(wide, middle) and covers(middle, narrow):
            assert covers(wide, narrow)


@laws
@given(relatives(2))
def test_what_covers_serves_the_same_equality_and_holds_the_rows(pair: list[IndexDefinition]) -> None:
    wide, narrow = pair
    if not covers(wide, narrow):
        return
    assert predicate_implies(narrow.predicate, wide.predicate)
    for columns in ({"a"}, {"b"}, {"a", "b"}, {"a", "b", "c"}):
        if serves_equality_on(narrow, columns) and narrow.predicate is None:
            assert serves_equality_on(wide, columns)
    if narrow.unique:
        assert wide.unique


@laws
@given(definitions())
def test_a_btree_read_backwards_is_the_same_index(one: IndexDefinition) -> None:
    other = _reversed(one)
    assert same_scan_direction(one.keys, other.keys)
    assert alike(one, other) == (one.access_method == "btree")
    assert not equal(one, other)


@laws
@given(definitions(), st.sampled_from(["schema", "table", "access_method"]))
def test_nothing_covers_an_index_elsewhere(one: IndexDefinition, field: str) -> None:
    other = replace(one, **{field: "another"})
    assert not equal(one, other)
    assert not covers(one, other)


@laws
@given(predicates(), predicates(), predicates())
def test_implication_is_reflexive_and_transitive(one: str | None, two: str | None, three: str | None) -> None:
    assert predicate_implies(one, one)
    assert predicate_implies(one, None)
    if predicate_implies(one, two) and predicate_implies(two, three):
        assert predicate_implies(one, three)


@pytest.mark.parametrize(
    ("predicate", "parts"),
    [
        ("(a > 5)", ("a > 5",)),
        ("((a > 5) AND (b IS NOT NULL))", ("a > 5", "b IS NOT NULL")),
        ("((a > 5) OR (b IS NOT NULL))", ("(a > 5) OR (b IS NOT NULL)",)),
        ("(((a > 5) OR c) AND (b IS NOT NULL))", ("(a > 5) OR c", "b IS NOT NULL")),
        ("(b = ') AND ('::text)", ("b = ') AND ('::text",)),
        ("((b = 'it''s'::text) AND (\"x AND (\" IS NOT NULL))", ("b = 'it''s'::text", '"x AND (" IS NOT NULL')),
        ("(NOT (a AND b))", ("NOT (a AND b)",)),
        ("(a) > (5)", ("(a) > (5)",)),
    ],
)
def test_predicates_are_taken_apart(predicate: str, parts: tuple[str, ...]) -> None:
    assert conjuncts(predicate) == parts


@pytest.mark.parametrize(
    ("stronger", "weaker", "implied"),
    [
        ("(a > 5)", "(a IS NOT NULL)", True),
        ("((a)::text = 'x'::text)", "(a IS NOT NULL)", True),
        ("(a = ANY (ARRAY['x'::text, 'y'::text]))", "(a IS NOT NULL)", True),
        ("(a = ANY ('{1,2}'::integer[]))", "(a IS NOT NULL)", True),
        ("(a <> ALL ('{1,2}'::integer[]))", "(a IS NOT NULL)", False),
        ("(a > b)", "(a IS NOT NULL)", False),
        ("((a > 5) OR (b > 5))", "(a IS NOT NULL)", False),
        ("(NOT (a > 5))", "(a IS NOT NULL)", False),
        ("(a IS DISTINCT FROM 5)", "(a IS NOT NULL)", False),
        ("(a IS NULL)", "(a IS NOT NULL)", False),
        ("(a > 5)", "(a > 4)", False),
        ("(\"A B\" = 'x'::text)", '("A B" IS NOT NULL)', True),
        ("(coalesce(a, 5) > 5)", "(a IS NOT NULL)", False),
    ],
)
def test_what_implies_not_null(stronger: str, weaker: str, implied: bool) -> None:
    assert predicate_implies(stronger, weaker) is implied


def _index(*columns: str, **fields: object) -> IndexDefinition:
    return IndexDefinition(schema="s", table="t", keys=tuple(IndexKey(column=c) for c in columns), **fields)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("definition", "columns", "serves"),
    [
        (_index("a", "b", "c"), ("b", "a"), True),
        (_index("a", "c", "b"), ("a", "b"), False),
        (_index("a"), ("a", "b"), False),
        (_index("a", predicate="(a IS NOT NULL)"), ("a",), True),
        (_index("a", "b", predicate="((a IS NOT NULL) AND (b IS NOT NULL))"), ("a", "b"), True),
        (_index("a", predicate="(b IS NOT NULL)"), ("a",), False),
        (_index("a", predicate="(a > 5)"), ("a",), False),
        (_index("a", access_method="hash"), ("a",), True),
        (_index("a", access_method="brin"), ("a",), False),
        (_index("a", access_method="gin"), ("a",), False),
        (_index("a", include=("b",)), ("a", "b"), False),
        (_index("a"), (), False),
        (_index("a", "a"), ("a",), True),
    ],
)
def test_what_serves_a_foreign_key(definition: IndexDefinition, columns: tuple[str, ...], serves: bool) -> None:
    assert serves_equality_on(definition, columns) is serves


def test_an_index_with_another_equality_serves_none() -> None:
    other_class = IndexKey(column="a", operator_class="public.my_ops", default_operator_class=False)
    other_collation = IndexKey(column="a", collation='"de-x-icu"', default_collation=False)
    pattern = IndexKey(column="a", operator_class="text_pattern_ops", default_operator_class=False)
    for key, serves in ((other_class, False), (other_collation, False), (pattern, True)):
        assert serves_equality_on(IndexDefinition(schema="s", table="t", keys=(key,)), ("a",)) is serves


@laws
@given(relatives(2))
def test_alike_is_what_each_covers_of_the_other_but_for_uniqueness(pair: list[IndexDefinition]) -> None:
    one, other = (replace(each, unique=False, nulls_not_distinct=False) for each in pair)
    assert alike(one, other) == (covers(one, other) and covers(other, one))


@laws
@given(st.lists(definitions(), max_size=6), relatives(3))
def test_stand_ins_are_found_as_if_each_had_been_compared(
    some: list[IndexDefinition], family: list[IndexDefinition]
) -> None:
    every = [*some, *family]
    standing = Standing(enumerate(every))
    for narrow in every:
        assert list(standing.covering(narrow)) == [n for n, wide in enumerate(every) if covers(wide, narrow)]
    for columns in (("a",), ("b", "a"), ("a", "c", "b")):
        serving = [n for n, each in enumerate(every) if serves_equality_on(each, columns)]
        assert list(standing.serving_equality(columns)) == serving


def test_brackets_and_conditions_of_any_depth_are_taken_apart() -> None:
    # Looked through layer by layer, the first would take a minute; the second is deeper than Python's stack.
    assert conjuncts("(" * 32_000 + "a IS NOT NULL" + ")" * 32_000) == ("a IS NOT NULL",)
    nested = "a IS NOT NULL"
    for _ in range(2_500):
        nested = f"(b = 'x)'::text) AND ({nested})"
    assert set(conjuncts(nested)) == {"b = 'x)'::text", "a IS NOT NULL"}


def test_predicates_that_are_too_long_or_do_not_close_imply_only_themselves() -> None:
    long = "(" + " AND ".join(["(a IS NOT NULL)"] * 10_000) + ")"
    assert len(long) > MAX_LENGTH
    for opaque in (long, "a IS NOT NULL) AND (b", "(a IS NOT NULL AND b"):
        assert predicate_implies(opaque, opaque)
        assert conjuncts(opaque) == (opaque,)
        assert not predicate_implies(opaque, "(a IS NOT NULL)")
        assert not predicate_implies("(a IS NOT NULL)", opaque)
