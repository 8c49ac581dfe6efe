"""Of an index that goes only statements are asked about that use its table, under the drops that concern them."""

from __future__ import annotations

from collections import UserDict
from collections.abc import Iterator
from typing import Any

import pytest

from pgadvisor.advise.exchanges import exchanges
from pgadvisor.advise.handing_over import handed_over
from pgadvisor.advise.proof import Proof
from pgadvisor.advise.selection.evaluator import Evaluator
from pgadvisor.advise.selection.loads import loads_of
from pgadvisor.advise.selection.prices import Prices
from pgadvisor.advise.selection.readers import Readers
from pgadvisor.advise.selection.search import Selection
from pgadvisor.advise.wishes import Going
from pgadvisor.config import IndexesConfig
from pgadvisor.model.catalog import Index, IndexDefinition
from pgadvisor.model.proposals import DropIndex
from pgadvisor.model.whatif import Configuration, IndexName
from pgadvisor.planner.protocol import Question
from support.fake_planner import FakePlanner
from support.snapshots import facts

TEXTS = {
    "of t": "select b from public.t where a = 1",
    "of u": "select b from public.u where a = 1",
    "of v": "select b from public.v where a = 1",
    "of both": "select t.b from public.t join public.u using (a) where t.a = 1",
    "of anything": "select b from elsewhere.v",
}


def test_of_an_index_that_goes_only_those_are_asked_that_use_its_table() -> None:
    known = facts(
        {
            "tables": {
                f"public.{table}": {
                    "columns": ["a int", "b int"],
                    "rows": 1e6,
                    "indexes": {f"{table}_a": "btree (a)", f"{table}_b": "btree (b)"},
                }
                for table in "tuv"
            },
            "statements": [{"id": each, "text": text, "total_ms": 10.0} for each, text in TEXTS.items()],
        }
    )

    def tree(question: Question, configuration: Configuration) -> str:
        gone = {each.name for each in configuration.drop}
        of = {"of t": "t", "of u": "u", "of v": "v"}.get(question.query_id, "tuv")
        used = [f"\n  Index Scan using {each}_a on public.t cost=1" for each in of if f"{each}_a" not in gone]
        # Whoever reads t needs its index on a to the last.
        dear = "t_a" in gone and question.query_id in ("of t", "of both")
        return f"Result cost={100 if dear else 5}{''.join(used)}"

    planner = FakePlanner(tree)
    evaluator = Evaluator(planner, loads_of(known), 1_000, known)
    going = [
        Going(DropIndex(schema="public", name=name, definition=index.definition), ())
        for name in ("u_b", "u_a", "t_b", "t_a", "v_a")
        if (index := known.index_named("public", name)) is not None
    ]
    planner.asked.clear()
    found = exchanges(known, evaluator, Selection(), going, Prices(known), IndexesConfig())
    assert [each.drop.name for each in found.made] == ["u_b", "u_a", "t_b", "v_a"]
    assert [each.sentence for each in found.left] == ["Without it the statement of both would cost 20 times as much."]
    asked = [(each.query_id, sorted(name.name for name in under.drop)) for each, under in planner.asked]
    # u_b and t_b are in no plan, so that nobody is asked about them.
    assert sorted(asked) == [
        ("of anything", ["t_a", "t_b", "u_a", "u_b"]),
        ("of anything", ["t_b", "u_a", "u_b", "v_a"]),
        ("of anything", ["u_a", "u_b"]),
        ("of both", ["t_a", "t_b", "u_a", "u_b"]),
        ("of both", ["u_a", "u_b"]),
        ("of t", ["t_a", "t_b", "u_a", "u_b"]),
        ("of u", ["u_a", "u_b"]),
        ("of v", ["v_a"]),
    ]
    handed = handed_over(known, Selection(), found, IndexesConfig())
    proof = Proof(known, evaluator, found.configuration, handed.names, show_values=False)
    told = [each.proved(proof).together for each in handed.dropped]
    assert [(each.cost_before, each.cost_after, each.lose) for each in told] == [(2_500, 2_500, 0)] * 4
    # What one of them does is told beside all that it does not touch.
    alone = proof.alone(Configuration(drop=(IndexName(schema="public", name="t_a"),)))
    assert (alone.cost_before, alone.cost_after, alone.lose) == (2_500, 21_500, 2)


class _Counted(UserDict[int, Index]):
    """Indexes, and how often somebody looked through all of them."""

    looks = 0

    def __iter__(self) -> Iterator[int]:
        self.looks += 1
        return super().__iter__()


def test_for_each_of_many_drops_the_others_are_not_looked_through(monkeypatch: pytest.MonkeyPatch) -> None:
    many = 100
    known = facts(
        {
            "tables": {
                f"public.t{at}": {"columns": ["a int"], "rows": 1e6, "indexes": {f"t{at}_a": "btree (a)"}}
                for at in range(many)
            },
            "statements": [
                {"id": f"q{at}", "text": f"select a from public.t{at} where a = 1", "total_ms": 10.0}
                for at in range(many)
            ],
        }
    )

    def tree(question: Question, configuration: Configuration) -> str:
        at = int(question.query_id[1:])
        # Every other index is needed.
        dear = at % 2 and any(each.name == f"t{at}_a" for each in configuration.drop)
        return f"Result cost={100 if dear else 5}\n  Index Scan using t{at}_a on public.t{at} cost=1"

    looks: list[Any] = []
    family = Readers.family

    def counted(self: Readers, item: IndexDefinition | IndexName) -> int | None:
        looks.append(item)
        return family(self, item)

    monkeypatch.setattr(Readers, "family", counted)
    evaluator = Evaluator(FakePlanner(tree), loads_of(known), 10_000, known)
    going = [
        Going(DropIndex(schema="public", name=index.name, definition=index.definition), ())
        for index in known.indexes.values()
    ]
    known.indexes = indexes = _Counted(known.indexes)
    found = exchanges(known, evaluator, Selection(), going, Prices(known), IndexesConfig())
    assert (len(found.made), len(found.left)) == (many // 2, many // 2)
    assert len(looks) <= 3 * many
    assert indexes.looks < many // 10
