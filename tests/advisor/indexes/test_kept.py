"""Which expressions keep what ANALYZE found in their column."""

from __future__ import annotations

import pytest

from pgadvisor.indexes.sizes.kept import Kept, kept_of, statistics_of
from pgadvisor.model.statistics import PgStats

COLUMNS = {
    "email": "text",
    "Na\"me,'(": "varchar",
    "code": "bpchar",
    "id": "int4",
    "day": "date",
    "at": "timestamp",
    "price": "numeric",
    "doc": "json",
    "flag": "bool",
    "lower": "text",
    "label": "citext",
}


@pytest.mark.parametrize(
    ("expression", "kept"),
    [
        ("lower(email)", Kept("email", "text", ("lower",))),
        ("lower(lower)", Kept("lower", "text", ("lower",))),
        ('upper(("Na""me,\'(")::text)', Kept("Na\"me,'(", "text", ("upper",))),
        ("lower(TRIM(BOTH FROM email))", Kept("email", "text", ("btrim", "lower"))),
        ("TRIM(LEADING ' '::text FROM email)", Kept("email", "text", ("ltrim",))),
        ("rtrim(email, ' '::text)", Kept("email", "text", ("rtrim",))),
        ("((id)::text)", Kept("id", "text", has_order=False)),
        ("((id)::bigint)", Kept("id", "int8")),
        ("(((id)::numeric)::double precision)", Kept("id", "float8")),
        ("((day)::timestamp without time zone)", Kept("day", "timestamp")),
        ("lower((label)::text)", Kept("label", "text", ("lower",), has_texts=False, has_order=False)),
        ("((flag)::text)", Kept("flag", "text", has_texts=False, has_order=False)),
        ("((email)::uuid)", Kept("email", "uuid", has_texts=False, has_order=False)),
    ],
)
def test_what_is_kept(expression: str, kept: Kept) -> None:
    assert kept_of(expression, COLUMNS) == kept


@pytest.mark.parametrize(
    "expression",
    [
        "",
        "(",
        "(id % 7)",
        "(email || email)",
        "lower((email || 'x'::text))",
        "public.lower(email)",
        '"lower"(id)',
        "lower(id)",
        "substr(email, 1)",
        "TRIM(BOTH 'x'::text FROM email)",
        "TRIM(email)",
        "btrim(email, code)",
        "lower(email",
        "lower(email) x",
        "lower(gone)",
        'lower((email COLLATE "C"))',
        "((email)::character varying(3))",
        "((email)::text[])",
        "((email)::public.citext)",
        "((at)::date)",
        "((price)::integer)",
        "(doc ->> 'email'::text)",
        "EXTRACT(year FROM day)",
        "COALESCE(email, ''::text)",
        "(" * 10_000 + "email" + ")" * 10_000,
    ],
)
def test_what_is_not_kept(expression: str) -> None:
    assert kept_of(expression, COLUMNS) is None


def test_values_are_kept_where_all_that_are_known_would_be_the_same() -> None:
    row = PgStats(
        relation_oid=1,
        column="email",
        null_fraction=0.25,
        average_width_bytes=9,
        n_distinct=-0.5,
        most_common_vals='{a,"b c"}',
        most_common_freqs="{0.2,0.1}",
        histogram="{d,e,f}",
        correlation=0.5,
    )
    lower = Kept("email", "text", ("lower",))
    assert statistics_of(lower, row, same_collation=True) == row
    counted = PgStats(relation_oid=1, column="email", null_fraction=0.25, average_width_bytes=9, n_distinct=-0.5)
    upper = Kept("email", "text", ("lower", "upper"))
    assert statistics_of(upper, row, same_collation=True) == counted
    for values in ('{a,"b "}', "{a,B}"):
        changed = PgStats(
            relation_oid=1,
            column="email",
            null_fraction=0.25,
            average_width_bytes=9,
            n_distinct=-0.5,
            most_common_vals=values,
            most_common_freqs="{0.2,0.1}",
        )
        both = Kept("email", "text", ("rtrim", "lower"))
        assert statistics_of(both, changed, same_collation=True) == counted
    # Sorted otherwise, what is common is as common.
    other = statistics_of(lower, row, same_collation=False)
    assert (other.most_common_vals, other.histogram, other.correlation) == (row.most_common_vals, None, None)
    assert statistics_of(Kept("email", "text", has_order=False), row, same_collation=True) == other
    assert statistics_of(Kept("email", "uuid", has_texts=False), row, same_collation=True) == counted
