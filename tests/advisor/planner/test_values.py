"""Values for parameters from statistics."""

from __future__ import annotations

from typing import Any

import pytest

from pgadvisor.facts import Facts
from pgadvisor.model.shape import Comparand, Predicate, StatementKind, StatementShape
from pgadvisor.planner.guard import ParameterType
from pgadvisor.planner.values import choose_values
from support.snapshots import facts

TEXT = ParameterType("text", is_array=False)
TEXTS = ParameterType("text[]", is_array=True)
BOUNDS = [str(number) for number in range(101)]


def table(**statistics: Any) -> Facts:
    return facts({"tables": {"s.t": {"columns": ["c text"], "rows": 1000, "stats": {"c": statistics}}}})


def predicate(operator: str, *parameters: int, hidden_by: str = "", column: str = "c") -> Predicate:
    oid = next(iter(table().relations))
    return Predicate(
        relation_oid=oid,
        alias="t",
        column=column,
        operator=operator,
        comparand=Comparand.PARAMETER,
        parameters=parameters,
        hidden_by=hidden_by,
    )


def chosen(known: Facts, *predicates: Predicate, types: tuple[ParameterType, ...] = (TEXT,), **shape: Any) -> list[Any]:
    """Values by position, None where there is none."""
    statement = StatementShape(query_id="1", kind=StatementKind.SELECT, predicates=predicates, **shape)
    values, missing = choose_values(statement, types, known)
    by_position = {value.position: value.value for value in values} | dict.fromkeys(missing)
    return [by_position[position] for position in range(1, len(types) + 1)]


@pytest.mark.parametrize(
    ("operator", "expected"),
    [
        ("=", "often"), ("<>", "less"), ("in", "often"), (">", "50"), ("<=", "50"), ("like", "oft%"), ("@>", None),
        ("~", "^oft"), ("~*", "^oft"), ("<->", None),
    ],
)  # fmt: skip
def test_operators(operator: str, expected: str | None) -> None:
    assert chosen(table(values=["often", "less"], bounds=BOUNDS), predicate(operator, 1)) == [expected]


def test_members_of_a_list_differ() -> None:
    known = table(values=["a", "b"])
    assert chosen(known, predicate("in", 1, 2, 3), types=(TEXT, TEXT, TEXT)) == ["a", "b", "a"]


def test_a_column_without_common_values_gives_its_middle() -> None:
    assert chosen(table(bounds=BOUNDS), predicate("=", 1)) == ["50"]


def test_two_ends_enclose_a_tenth() -> None:
    known = table(bounds=BOUNDS)
    assert chosen(known, predicate("between", 1, 2), types=(TEXT, TEXT)) == ["45", "55"]
    both = (predicate(">=", 2), predicate("<", 1))
    assert chosen(known, *both, types=(TEXT, TEXT)) == ["55", "45"]


def test_ranges_over_few_values_use_one_of_them() -> None:
    assert chosen(table(values=["a", "b"]), predicate(">=", 1)) == ["a"]


def test_limit_and_offset() -> None:
    assert chosen(table(), types=(TEXT, TEXT), limit_parameters=(2,), offset_parameters=(1,)) == ["0", "10"]


@pytest.mark.parametrize(
    ("hidden_by", "expected"),
    [
        ("function lower", "ab"), ("function upper", "AB"), ("cast to text", "Ab"), ("function md5", None),
        ("expression", None),
    ],
)  # fmt: skip
def test_columns_that_are_hidden(hidden_by: str, expected: str | None) -> None:
    assert chosen(table(values=["Ab"]), predicate("=", 1, hidden_by=hidden_by)) == [expected]


def test_arrays_are_quoted() -> None:
    assert chosen(table(values=['a"b', "c\\d", "e,f", "g"]), predicate("=", 1), types=(TEXTS,)) == [
        '{"a\\"b","c\\\\d","e,f"}'
    ]


def test_patterns_escape_what_is_special() -> None:
    assert chosen(table(values=["5%_\\x"]), predicate("like", 1)) == ["5\\%\\_%"]


def test_without_statistics_or_shape_there_is_no_value() -> None:
    assert chosen(facts({"tables": {"s.t": {"columns": ["c text"]}}}), predicate("=", 1)) == [None]
    assert chosen(table(), predicate("=", 1)) == [None]
    assert choose_values(None, (TEXT, TEXT), table()) == ((), (1, 2))
    assert choose_values(None, (), table()) == ((), ())


def test_the_source_says_where_a_value_is_from() -> None:
    statement = StatementShape(query_id="1", kind=StatementKind.SELECT, predicates=(predicate(">", 1),))
    ((value,), _) = choose_values(statement, (TEXT,), table(bounds=BOUNDS))
    assert (value.source, value.type) == ("50% point of s.t.c", "text")
