"""The costliest statements, summed over roles."""

from __future__ import annotations

from random import Random

from hypothesis import given, settings
from hypothesis import strategies as st

from pgadvisor.model.statements import StatementRow
from pgadvisor.workload.choose import choose_among


def statements(*rows: tuple[str, int, float]) -> tuple[StatementRow, ...]:
    return tuple(
        StatementRow(
            query_id=query_id,
            user_oid=user,
            calls=1,
            total_ms=total,
            min_ms=0,
            max_ms=total,
            mean_ms=total,
            stddev_ms=0,
            rows=0,
        )
        for query_id, user, total in rows
    )


def choose(rows: tuple[StatementRow, ...], count: int) -> tuple[str, ...]:
    """The choice among the statements of one database."""
    return tuple(query_id for _, query_id in choose_among({7: rows}, count))


def test_databases_share_ids_and_are_kept_apart() -> None:
    given = {7: statements(("1", 10, 5.0)), 8: statements(("1", 10, 6.0), ("2", 10, 1.0))}
    assert choose_among(given, 2) == ((8, "1"), (7, "1"))


def test_time_is_summed_over_roles() -> None:
    given = statements(("1", 10, 5.0), ("2", 10, 8.0), ("1", 11, 4.0), ("3", 10, 1.0))
    assert choose(given, 2) == ("1", "2")


def test_equal_costs_go_by_id() -> None:
    assert choose(statements(("b", 1, 1.0), ("c", 1, 1.0), ("a", 1, 1.0)), 2) == ("a", "b")


def test_close_ids_are_kept_apart() -> None:
    given = statements(("9007199254740993", 1, 2.0), ("9007199254740992", 1, 1.0), ("-9223372036854775808", 1, 3.0))
    assert choose(given, 9) == ("-9223372036854775808", "9007199254740993", "9007199254740992")


def test_nothing_comes_of_nothing() -> None:
    assert choose(statements(), 10) == ()
    assert choose(statements(("1", 1, 1.0)), 0) == ()


@settings(deadline=None)
@given(
    st.lists(st.tuples(st.sampled_from("abcdef"), st.integers(1, 3), st.integers(0, 50).map(float))),
    st.integers(0, 8),
    st.randoms(),
)
def test_the_order_of_rows_does_not_matter(rows: list[tuple[str, int, float]], count: int, random: Random) -> None:
    sums: dict[str, float] = {}
    for query_id, _, total in rows:
        sums[query_id] = sums.get(query_id, 0.0) + total
    shuffled = list(rows)
    random.shuffle(shuffled)
    expected = sorted(sums, key=lambda query_id: (-sums[query_id], query_id))[:count]
    assert list(choose(statements(*rows), count)) == expected
    assert choose(statements(*shuffled), count) == choose(statements(*rows), count)
