from __future__ import annotations

import pytest

from pgadvisor.model.plan_reading import parse_plan
from pgadvisor.plans.misestimates import misestimates, sentence
from pgadvisor.plans.text import parse_text_plan
from pgadvisor.plans.wording import condition
from support.plan_files import plan_files


def judged(text: str) -> list[tuple[float, str] | None]:
    """Factor and direction of each node, the guilty one marked."""
    found = misestimates(parse_plan(parse_text_plan(text)))
    return [
        None if each is None else (round(each.factor, 1), ("+" if each.more else "-") + "!" * each.guilty)
        for each in found
    ]


def test_the_lowest_node_that_explains_the_rest_is_guilty_and_told_with_its_condition() -> None:
    text = """
Sort  (cost=9..9 rows=20 width=4) (actual time=9..9 rows=8000 loops=1)
  ->  Hash Join  (cost=1..9 rows=20 width=4) (actual time=1..9 rows=8000 loops=1)
        Hash Cond: (o.c = c.id)
        ->  Seq Scan on public.orders o  (cost=0..9 rows=20 width=4) (actual time=0..9 rows=8000 loops=1)
              Filter: (status = 'new'::text)
        ->  Hash  (cost=1..1 rows=100 width=4) (actual time=1..1 rows=100 loops=1)
              ->  Seq Scan on public.customers c  (cost=0..1 rows=100 width=4) (actual time=0..1 rows=100 loops=1)
"""
    assert judged(text) == [(400, "+"), (400, "+"), (400, "+!"), (1, "-"), (1, "-")]
    (guilty,) = [each for each in misestimates(parse_plan(parse_text_plan(text))) if each is not None and each.guilty]
    assert sentence(guilty, condition(guilty.node)) == (
        "Seq Scan on public.orders o, (status = 'new'::text): 20 rows expected, 8,000 rows came, 400 times more"
    )


def test_a_join_is_guilty_of_what_its_sides_do_not_explain() -> None:
    text = """
Hash Join  (cost=1..9 rows=10 width=4) (actual time=1..9 rows=3000 loops=1)
  ->  Seq Scan on a  (cost=0..9 rows=100 width=4) (actual time=0..9 rows=150 loops=1)
  ->  Hash  (cost=1..1 rows=100 width=4) (actual time=1..1 rows=200 loops=1)
        ->  Seq Scan on b  (cost=0..1 rows=100 width=4) (actual time=0..1 rows=200 loops=1)
"""
    assert judged(text) == [(300, "+!"), (1.5, "+"), (2, "+"), (2, "+")]
    join = misestimates(parse_plan(parse_text_plan(text)))[0]
    assert join is not None
    assert join.own_factor == pytest.approx(100)


def test_rows_that_processes_share_are_compared_together() -> None:
    """Planned for 2.4 processes, as the leader has other work too; three took part."""
    assert judged("""
Gather  (cost=0..9 rows=24000 width=4) (actual time=0..9 rows=24000 loops=1)
  Workers Planned: 2
  Workers Launched: 2
  ->  Parallel Seq Scan on a  (cost=0..9 rows=10000 width=4) (actual time=0..9 rows=8000 loops=3)
""") == [(1, "-"), (1, "-")]


@pytest.mark.parametrize(
    "text",
    [
        """
Limit  (cost=0..9 rows=10 width=4) (actual time=0..9 rows=10 loops=1)
  ->  Seq Scan on a  (cost=0..9 rows=10000 width=4) (actual time=0..9 rows=10 loops=1)
""",
        """
Nested Loop Semi Join  (cost=0..9 rows=10 width=4) (actual time=0..9 rows=10 loops=1)
  ->  Seq Scan on a  (cost=0..9 rows=10 width=4) (actual time=0..9 rows=10 loops=1)
  ->  Index Scan using i on b  (cost=0..9 rows=5000 width=4) (actual time=0..9 rows=1 loops=10)
""",
        """
Hash Join  (cost=0..9 rows=1 width=4) (actual time=0..9 rows=0 loops=1)
  ->  Seq Scan on a  (cost=0..9 rows=5000 width=4) (actual time=0..9 rows=1 loops=1)
  ->  Hash  (cost=1..1 rows=1 width=4) (actual time=1..1 rows=0 loops=1)
        ->  Seq Scan on b  (cost=0..1 rows=1 width=4) (actual time=0..1 rows=0 loops=1)
""",
        """
Append  (cost=0..9 rows=2 width=4) (actual time=0..9 rows=1 loops=1)
  ->  Seq Scan on a  (cost=0..9 rows=1 width=4) (actual time=0..9 rows=1 loops=1)
  ->  Seq Scan on b  (cost=0..9 rows=5000 width=4) (never executed)
""",
        """
Limit  (cost=0..9 rows=1 width=4) (actual time=0..9 rows=1 loops=1)
  CTE c
    ->  Seq Scan on a  (cost=0..9 rows=9000 width=4) (actual time=0..9 rows=1 loops=1)
  ->  CTE Scan on c  (cost=0..9 rows=9000 width=4) (actual time=0..9 rows=1 loops=1)
""",
        """
Nested Loop  (cost=0..9 rows=900 width=4) (actual time=0..9 rows=900 loops=1)
  ->  Seq Scan on a  (cost=0..9 rows=300 width=4) (actual time=0..9 rows=300 loops=1)
  ->  Index Scan using i on b  (cost=0..9 rows=3 width=4) (actual time=0..9 rows=3 loops=300)
""",
    ],
    ids=["limit", "semi join", "empty hash", "never executed", "cte cut by a limit", "inner side"],
)
def test_what_is_no_error_is_not_judged_one(text: str) -> None:
    assert all(each is None or each[0] < 10 for each in judged(text))


def test_a_sort_below_a_limit_reads_everything() -> None:
    assert judged("""
Limit  (cost=0..9 rows=10 width=4) (actual time=0..9 rows=3 loops=1)
  ->  Sort  (cost=9..9 rows=9000 width=4) (actual time=0..9 rows=3 loops=1)
        ->  Seq Scan on a  (cost=0..9 rows=9000 width=4) (actual time=0..9 rows=3 loops=1)
""") == [(3.3, "-"), None, (3000, "-!")]


def test_real_plans_have_one_guilty_node_at_most_and_it_is_misjudged() -> None:
    marked = 0
    for plan in plan_files():
        found = [each for each in misestimates(parse_plan(plan)) if each is not None]
        guilty = [each for each in found if each.guilty]
        assert len(guilty) <= 1
        assert all(each.factor >= 10 and each.own_factor > 3 for each in guilty)
        assert all(sentence(each, condition(each.node)) for each in found)
        marked += len(guilty)
    assert marked > 40
