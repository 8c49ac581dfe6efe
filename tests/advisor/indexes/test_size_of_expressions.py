"""What the estimates know of expressions by the column that they are made from, without a server."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from pgadvisor.indexes.size import estimate
from pgadvisor.indexes.sizes.attributes import KeyStatistics, of_type
from pgadvisor.indexes.sizes.expressions import of_expression
from pgadvisor.indexes.sizes.layout import widths
from pgadvisor.indexes.sizes.result import IndexEstimate
from pgadvisor.model.catalog import IndexDefinition, IndexKey


def _key(type_name: str, length_bytes: int = -1, **fields: Any) -> KeyStatistics:
    return replace(of_type(type_name, length_bytes, "i", None), **fields)


def _inverted(column: KeyStatistics, expression: KeyStatistics) -> IndexEstimate:
    index = IndexDefinition(schema="public", table="t", keys=(IndexKey(expression="lower(a)"),), access_method="gin")
    found = estimate(index, row_count=100_000, columns={"a": column}, expressions={"lower(a)": expression})
    assert found is not None
    return found


def test_an_expression_has_what_its_column_has() -> None:
    words = ("Red car", "blue car", "red bus")
    text = _key("text", -1, n_distinct=50, null_fraction=0.5, values=words, average_width_bytes=9.0)
    columns = {"a": text, "b": _key("int8", 8), 'Odd "x"': text, "text": _key("int8", 8)}
    typed = of_type("text", -1, "i", None)
    for expression in ("lower(a)", "(a)::text", "upper((a)::text)", 'lower("Odd ""x""")'):
        found = of_expression(expression, typed, columns)
        assert (found.n_distinct, found.null_fraction, found.values) == (50, 0.5, words)
    assert of_expression("concat(a, 'b')", typed, columns) == replace(typed, n_distinct=50, null_fraction=0.5)
    for expression in ("lower('a')", "(a || (b)::text)", "now()", "b(1)"):
        assert of_expression(expression, typed, columns) == typed
    vector = of_expression("to_tsvector('simple'::regconfig, a)", of_type("tsvector", -1, "i", None), columns)
    assert (vector.elements, vector.elements_per_value) == (("car", "red"), 2.0)
    assert vector.element_frequencies == pytest.approx((1 / 3, 1 / 3))
    bare = _key("text", -1)
    empty = of_expression("to_tsvector('simple', a)", of_type("tsvector", -1, "i", None), {"a": bare})
    assert empty.elements_per_value is None


def test_periods_are_as_many_as_between_the_moments_known() -> None:
    moments = ("2024-01-01 00:00:00+01", "2024-01-31 12:00:00+00", "2024-01-05 07:08:09.5+00")
    columns = {"a": _key("timestamptz", 8, values=moments), "b": _key("timestamptz", 8, values=(*moments, "infinity"))}
    moment, day = of_type("timestamptz", 8, "d", None), of_type("date", 4, "i", None)
    assert of_expression("(a)::date", day, columns).n_distinct == 31
    assert of_expression("date_trunc('hour'::text, a)", moment, columns).n_distinct == 24 * 30 + 14
    assert of_expression("(b)::date", day, columns).n_distinct == -1
    assert of_expression("(a + '1 day'::interval)", moment, columns).n_distinct == -1
    few = {"a": _key("timestamp", 8, n_distinct=5, values=("2024-01-01 00:00:00", "2024-12-31 00:00:00"))}
    assert of_expression("date(a)", day, few).n_distinct == 5


def test_a_field_of_documents_is_seen_in_those_known() -> None:
    given = [json.dumps({"id": n, "it's": f"kind {n % 3}"}) for n in range(30)]
    documents = (*given, "{}", "7", "{broken")
    columns = {"a": _key("jsonb", -1, values=documents)}
    typed = of_type("text", -1, "i", None)
    kind = of_expression("(a ->> 'it''s'::text)", typed, columns)
    assert (kind.n_distinct, kind.average_width_bytes) == (3, 7)
    assert kind.null_fraction == pytest.approx(1 / 31)
    # Numbers from 0 to 29 and a few more.
    number = of_type("int4", 4, "i", None)
    for text, type_of in (("(a ->> 'id'::text)", typed), ("((a ->> 'id'::text))::integer", number)):
        assert of_expression(text, type_of, columns).n_distinct == 32
    assert of_expression("((a ->> 'it''s'::text))::integer", number, columns).average_width_bytes == 4
    own = {"a": _key("jsonb", -1, values=tuple(json.dumps({"id": f"{'abcdefgh'[n]}{n}"}) for n in range(8)))}
    assert of_expression("(a ->> 'id'::text)", typed, own).n_distinct == -1
    assert of_expression("(a ->> 'none'::text)", typed, columns) == typed
    # Of documents the half is NULL, and one of two common ones has the field.
    common = _key("jsonb", -1, values=('{"id": 1}', "{}"), value_frequencies=(0.1, 0.4), null_fraction=0.5)
    assert of_expression("(a ->> 'id'::text)", typed, {"a": common}).null_fraction == pytest.approx(0.9)


def test_a_field_that_is_cast_to_numeric_has_the_digits_of_its_numbers() -> None:
    def cast(to: str, *values: object) -> KeyStatistics:
        column = _key("jsonb", -1, values=tuple(f'{{"price": {value}}}' for value in values))
        return of_expression(f"((a ->> 'price'::text))::{to}", numeric, {"a": column})

    numeric = of_type("numeric", -1, "i", None)
    prices = cast("numeric", *(f"{n}.{n:02}" for n in range(1, 40)), '"0.5"')
    # Two groups of digits, but for the text, whatever digits there are in those.
    assert prices.average_width_bytes == pytest.approx((39 * 7 + 5) / 40)
    assert prices.shares_entries is False
    assert widths(prices) == ((7, 1 / 12),) * 12
    assert cast("numeric", "0.00001", "1e-5").values == ("0.00001", "0.00001")
    assert cast("numeric(10,2)", "9.005", "-9.005", 7).values == ("9.01", "-9.01", "7.00")
    assert cast("numeric(10,0)", "9.5", "9.4").values == ("10", "9")
    assert cast("numeric(3,-2)", "1250").values == ("1300",)
    # Rounded, there are as many as there are whole numbers, whatever is after the point.
    assert cast("numeric(10,0)", *(f"{n}.{n}" for n in range(10, 30))).n_distinct == pytest.approx(21, abs=1)
    # What is no number, or no server would have, says nothing.
    for value in ('"x"', "1e400", '"1e999999999"', '"NaN"', '"-Infinity"', f'"1{"0" * 5000}"'):
        for to in ("numeric", "numeric(10,2)", "numeric(9999,9999)"):
            assert not cast(to, 7, value).values, (value, to)
    assert not cast("numeric", 7, '"1e-999999999"').values
    assert not cast("numeric(10,99999)", 7).values


def test_a_part_of_documents_is_seen_in_those_known() -> None:
    documents = tuple(json.dumps({"id": n, "tags": [f"t{n % 7}", "é"]} if n % 2 else {"id": n}) for n in range(24))
    column = _key("jsonb", -1, values=documents, value_frequencies=(0.1, 0.2, 0.05, 0.05), null_fraction=0.1)
    typed = of_type("jsonb", -1, "i", None)
    tags = of_expression("(a -> 'tags'::text)", typed, {"a": column})
    assert tags.values[:3] == ('["t1", "é"]', '["t3", "é"]', '["t5", "é"]')
    assert (len(tags.values), tags.value_frequencies) == (12, (0.2, 0.05))
    # Those that are common, and half of the rest.
    assert 1 - tags.null_fraction == pytest.approx(0.25 + 0.5 / 2)
    common = replace(column, value_frequencies=(0.02,) * 24)
    assert of_expression("(a -> 'tags'::text)", typed, {"a": common}).null_fraction == pytest.approx(0.55)
    assert not of_expression("(a -> 'none'::text)", typed, {"a": column}).values
    # Seven tags and the one they share, which are keys to jsonb_ops, and NULL.
    assert _inverted(column, tags).n_entries == pytest.approx(9, abs=1)


def test_a_part_of_common_documents_is_in_so_many_rows() -> None:
    typed = of_type("jsonb", -1, "i", None)

    def part(values: tuple[str, ...], **fields: Any) -> tuple[KeyStatistics, IndexEstimate]:
        known = _key("jsonb", -1, values=values, **fields)
        found = of_expression("(a -> 'k'::text)", typed, {"a": known})
        return found, _inverted(known, found)

    both = ('{"k": "é"}', '{"k": "ü"}')
    found, index = part(both, value_frequencies=(0.25, 0.25), null_fraction=0.5, n_distinct=2)
    assert (found.null_fraction, found.n_distinct, found.average_width_bytes) == (0.5, 2, 5)
    assert (index.n_entries, index.entries) == (3, 100_000)
    found, index = part(('{"k": 1}', "{}"), value_frequencies=(0.9, 0.1), n_distinct=2)
    assert (found.null_fraction, found.n_distinct) == pytest.approx((0.1, 1))
    assert (index.n_entries, index.entries) == pytest.approx((2, 100_000))
    # Others are like those known: three in four have the part, one of which is common.
    some = ("{}", *both, '{"k": 3}', '{"k": 4}', '{"k": 5}', "7")
    found, _ = part(some, value_frequencies=(0.2, 0.2, 0.1), n_distinct=203)
    assert (found.null_fraction, found.n_distinct) == pytest.approx((0.325, 152))
    assert part(some, n_distinct=-0.7)[0].n_distinct == pytest.approx(-0.5)
    assert part(some, n_distinct=0)[0].n_distinct == 0
    # None of the others has it: all that have are known.
    found, _ = part((*both, "{}", "7"), value_frequencies=(0.2, 0.2), n_distinct=-0.5)
    assert (found.null_fraction, found.n_distinct) == pytest.approx((0.6, 2))
    # No server has such frequencies.
    assert part(both, value_frequencies=(0.0, 0.0))[0].null_fraction == 1
    assert part(both, value_frequencies=(0.5, 0.4, 0.1))[0].null_fraction == pytest.approx(0.1)
