"""Several twins answer as one, and what was asked once is not asked again."""

from __future__ import annotations

from contextlib import closing

import pytest

from pgadvisor.facts import Facts
from pgadvisor.model.catalog import IndexDefinition, IndexKey
from pgadvisor.model.whatif import AS_IS, Configuration
from pgadvisor.planner.protocol import PlannerError
from pgadvisor.planner.twin import several
from pgadvisor.planner.workers import Workers
from support.databases import Database
from support.fake_planner import FakePlanner
from support.snapshots import snapshot
from support.twins import question, snapshot_of, twin_of

pytestmark = pytest.mark.server


@pytest.fixture
def two_cores(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(several, "_cores", lambda: 2)


def test_a_second_twin_is_built_where_enough_is_asked(two_cores: None, monkeypatch: pytest.MonkeyPatch) -> None:
    built: list[FakePlanner] = []

    def twin(*_: object, **__: object) -> FakePlanner:
        built.append(FakePlanner(lambda *_: "Result cost=1 rows=1"))
        return built[-1]

    monkeypatch.setattr(several, "Twin", twin)
    tables = {f"public.t{number}": {"columns": ["id int"]} for number in range(5)}
    facts = Facts(snapshot({"tables": tables}), {})
    for explains, count in ((2004, 1), (2005, 2)):
        built.clear()
        with closing(several.twins(facts, explains=explains)):
            assert len(built) == count
        assert all(each.closed for each in built)


@pytest.mark.slow
def test_two_twins_answer_as_one(database: Database, two_cores: None) -> None:
    database.execute(
        """
        CREATE TABLE t (id int PRIMARY KEY, kind int);
        INSERT INTO t SELECT i, i % 7000 FROM generate_series(1, 20000) AS i;
        CREATE TABLE other AS SELECT * FROM t;
        """
    )
    database.execute("VACUUM ANALYZE")
    collected = snapshot_of(database.dsn)
    texts = ["SELECT * FROM t WHERE kind = 3", "SELECT * FROM t WHERE id < $1", "SELECT nope", "SELECT * FROM other"]
    asked = [question(text, collected) for text in texts]
    index = IndexDefinition(schema="public", table="t", keys=(IndexKey(column="kind"),))
    new = Configuration(create=(index,))
    with twin_of(database) as one:
        expected = [one.costs(asked, each) for each in (AS_IS, new)]
        sizes = one.sizes([index])
    assert expected[1][0] < expected[0][0] / 2  # type: ignore[operator]
    planner = several.twins(Facts(collected, {}), explains=10_000)
    try:
        assert [planner.unable(each) for each in (AS_IS, new)] == ["", ""]
        assert [planner.costs(asked, each) for each in (AS_IS, new)] == expected
        assert planner.sizes([index]) == sizes
        # No index on t changes the last two.
        assert (planner.asked, planner.saved) == (6, 2)
        workers = planner._planner
        assert isinstance(workers, Workers)
        workers._planners[1]._server.stop()  # type: ignore[attr-defined]
        with pytest.raises(PlannerError, match="gone"):
            planner.costs([question("SELECT 1"), question("SELECT 2")])
    finally:
        planner.close()
    with pytest.raises(PlannerError):
        planner.costs([question("SELECT 3")])
