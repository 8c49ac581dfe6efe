"""Several twins answer as one, and what was asked once is not asked again."""

from __future__ import annotations

import pytest

from pgadvisor.facts import Facts
from pgadvisor.model.catalog import IndexDefinition, IndexKey
from pgadvisor.model.whatif import AS_IS, Configuration
from pgadvisor.planner.protocol import PlannerError
from pgadvisor.planner.twin.several import twins
from pgadvisor.planner.workers import Workers
from support.databases import Database
from support.twins import question, snapshot_of, twin_of

pytestmark = pytest.mark.server


def test_two_twins_answer_as_one(database: Database) -> None:
    database.execute(
        """
        CREATE TABLE t (id int PRIMARY KEY, kind int);
        INSERT INTO t SELECT i, i % 7000 FROM generate_series(1, 20000) AS i;
        CREATE TABLE other AS SELECT * FROM t;
        """
    )
    database.execute("VACUUM ANALYZE")
    snapshot = snapshot_of(database.dsn)
    texts = ["SELECT * FROM t WHERE kind = 3", "SELECT * FROM t WHERE id < $1", "SELECT nope", "SELECT * FROM other"]
    asked = [question(text, snapshot) for text in texts]
    index = IndexDefinition(schema="public", table="t", keys=(IndexKey(column="kind"),))
    new = Configuration(create=(index,))
    with twin_of(database) as one:
        expected = [one.costs(asked, each) for each in (AS_IS, new)]
        sizes = one.sizes([index])
    assert expected[1][0] < expected[0][0] / 2  # type: ignore[operator]
    planner = twins(Facts(snapshot, {}), count=2)
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
