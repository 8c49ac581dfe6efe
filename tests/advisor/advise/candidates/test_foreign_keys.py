"""Foreign keys without an index: their candidates, and their checks as part of the workload."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from pgadvisor.advise.candidates.foreign_keys import foreign_keys, referencing_keys
from pgadvisor.advise.candidates.generate import generate
from pgadvisor.advise.selection.foreign_key_checks import with_foreign_key_checks
from pgadvisor.advise.selection.loads import Load, loads_of
from pgadvisor.config import IndexesConfig
from pgadvisor.engine import run
from pgadvisor.facts import Facts
from pgadvisor.model.coverage import Coverage, Fact, FactCoverage, Presence
from pgadvisor.model.index_advice import LeftIndex, WhyNot
from pgadvisor.model.proposals import CreateIndex
from pgadvisor.model.shape import StatementKind
from pgadvisor.model.whatif import Configuration
from pgadvisor.planner.protocol import Question
from pgadvisor.planner.twin.twin import Twin
from pgadvisor.registry import load_rules
from support.databases import Database
from support.fake_planner import FakePlanner
from support.snapshots import facts
from support.twins import snapshot_of

_PARENT: dict[str, Any] = {
    "rows": 10_000,
    "columns": ["id bigint not null", "name text"],
    "indexes": {"parents_pkey": "unique primary btree (id)"},
    "constraints": {"parents_pkey": "primary key (id)"},
    "counters": {"rows_deleted": 100},
}


def _child(action: str = "", **more: Any) -> dict[str, Any]:
    constraint = f"foreign key (parent_id) references public.parents (id) {action}".strip()
    return {
        "rows": 1_000_000,
        "columns": ["id bigint not null", "parent_id bigint", "kind int"],
        "stats": {"parent_id": {"n_distinct": 10_000}},
        "constraints": {"c_parent_fk": constraint},
        **more,
    }


def _seen(
    child: dict[str, Any], *statements: dict[str, Any], parent: dict[str, Any] | None = None, **tables: Any
) -> Facts:
    return facts(
        {
            "tables": {"public.parents": {**_PARENT, **(parent or {})}, "public.children": child},
            "statements": list(statements),
        }
    )


def _loads(seen: Facts, check: float = 20_000.0, other: float = 10.0) -> dict[str, Load]:
    def tree(question: Question, configuration: object) -> str:
        cost = check if question.query_id.startswith("foreign key") else other
        return f"Seq Scan on public.children cost={cost} rows=1"

    return {load.query_id: load for load in with_foreign_key_checks(seen, loads_of(seen), FakePlanner(tree))}


_NAME = "foreign key public.children.c_parent_fk"


def test_a_key_without_an_index_has_a_candidate_as_the_rule_proposes() -> None:
    seen = _seen(_child())
    (candidate,) = generate(seen, loads_of(seen), (), IndexesConfig()).candidates
    assert candidate.foreign_keys == {"c_parent_fk"}
    assert candidate.any_order
    rules = [rule for rule in load_rules() if rule.name == "unindexed_foreign_key"]
    (outcome,) = run(rules, seen, {})
    (proposal,) = outcome.findings[0].proposals
    assert isinstance(proposal, CreateIndex)
    assert candidate.definition == proposal.definition
    # Where most rows have no key the index leaves them out.
    (empty,) = foreign_keys(_seen(_child(stats={"parent_id": {"nulls": 0.9}})), (), IndexesConfig())
    assert not isinstance(empty, LeftIndex)
    assert empty.definition.predicate == "(parent_id IS NOT NULL)"


@pytest.mark.parametrize(
    ("definition", "state", "served"),
    [
        ("btree (parent_id, kind)", "", True),
        ("hash (parent_id)", "", True),
        ("btree (parent_id) where (parent_id IS NOT NULL)", "", True),
        ("btree (kind, parent_id)", "", False),
        ("btree (parent_id) where (kind = 1)", "", False),
        ("btree (parent_id)", "invalid", False),
        ("btree (parent_id)", "built", True),
        ("btree (kind)", "unread", None),
    ],
)
def test_whether_an_index_serves_is_judged_as_by_the_rule(definition: str, state: str, served: bool | None) -> None:
    seen = _seen(_child(indexes={"i": definition}))
    catalog = seen.snapshot.catalog
    changed = tuple(
        msgspec.structs.replace(
            each, valid=state not in ("invalid", "built"), being_built=state == "built", complete=state != "unread"
        )
        if each.name == "i"
        else each
        for each in catalog.indexes
    )
    seen = Facts(msgspec.structs.replace(seen.snapshot, catalog=msgspec.structs.replace(catalog, indexes=changed)), {})
    (key,) = referencing_keys(seen)
    assert key.served is served
    (outcome,) = run([rule for rule in load_rules() if rule.name == "unindexed_foreign_key"], seen, {})
    assert (len(outcome.findings), len(outcome.gaps)) == {True: (0, 0), False: (1, 0), None: (0, 1)}[served]
    found = list(foreign_keys(seen, (), IndexesConfig()))
    assert [isinstance(each, LeftIndex) and each.why is WhyNot.NOT_EXAMINED for each in found] == {
        True: [],
        False: [False],
        None: [True],
    }[served]


def test_a_small_table_counts_where_its_checks_read_many_rows() -> None:
    small = _child(rows=9_000)
    left = generate(_seen(small), (), (), IndexesConfig()).left
    assert [each.why for each in left if each.definition.table == "children"] == [WhyNot.SMALL_TABLE]
    hurting = _seen(small, parent={"counters": {"rows_deleted": 1_000}})
    (candidate,) = generate(hurting, (), (), IndexesConfig()).candidates
    assert candidate.foreign_keys == {"c_parent_fk"}


@pytest.mark.parametrize(
    ("action", "kind", "text"),
    [
        (
            "",
            StatementKind.SELECT,
            "SELECT 1 FROM ONLY public.children x WHERE $1 OPERATOR(pg_catalog.=) parent_id FOR KEY SHARE OF x",
        ),
        (
            "on delete cascade",
            StatementKind.DELETE,
            "DELETE FROM ONLY public.children WHERE $1 OPERATOR(pg_catalog.=) parent_id",
        ),
        (
            "on delete set null",
            StatementKind.UPDATE,
            "UPDATE ONLY public.children SET parent_id = NULL WHERE $1 OPERATOR(pg_catalog.=) parent_id",
        ),
    ],
)
def test_what_the_server_runs_is_part_of_the_workload(action: str, kind: StatementKind, text: str) -> None:
    load = _loads(_seen(_child(action)))[_NAME]
    assert load.questions[0].text == text
    assert load.shape is not None
    assert (load.shape.kind, load.calls, load.foreign_key) == (kind, 100, "public.children.c_parent_fk")


def test_its_time_is_taken_out_of_the_statements_that_delete() -> None:
    delete = {"id": "1", "text": "DELETE FROM parents WHERE id = $1", "calls": 50, "rows": 50, "total_ms": 1_000_500.0}
    other = {"id": "2", "text": "SELECT name FROM parents WHERE id = $1", "calls": 1_000, "total_ms": 77.0}
    loads = _loads(_seen(_child(), delete, other))
    # 50 deletes: 50 * 10 of their own and 50 checks of 20,000, over which their time is spread; 100 rows went in all,
    # whose checks are taken to have been no longer than the deletes that are known.
    assert loads["1"].total_ms == pytest.approx(500.0)
    assert loads[_NAME].total_ms == pytest.approx(1_000_500.0)
    loads = _loads(_seen(_child(), delete, other, parent={"counters": {"rows_deleted": 50}}))
    assert loads[_NAME].total_ms == pytest.approx(1_000_000.0)
    assert loads["2"].total_ms == 77.0


def test_without_a_statement_that_deletes_time_is_that_of_costs_elsewhere() -> None:
    other = {"id": "2", "text": "SELECT name FROM parents WHERE id = $1", "calls": 1_000, "total_ms": 100.0}
    loads = _loads(_seen(_child(), other), check=50.0)
    assert loads[_NAME].total_ms == pytest.approx(100 * 50.0 * 100.0 / (1_000 * 10.0))
    # No more than all statements took, whatever was counted.
    loads = _loads(_seen(_child(), other, parent={"counters": {"rows_deleted": 10_000_000}}))
    assert loads[_NAME].total_ms == pytest.approx(100.0)


@pytest.mark.parametrize(("days", "checked"), [(10.0, True), ("unknown", False)])
def test_rows_that_went_in_an_unknown_time_are_no_checks(days: float | str, checked: bool) -> None:
    other = {"id": "2", "text": "SELECT name FROM parents WHERE id = $1", "calls": 1_000, "total_ms": 100.0}
    tables = {"public.parents": _PARENT, "public.children": _child()}
    assert (_NAME in _loads(facts({"tables": tables, "statements": [other], "statements_days": days}))) is checked


def test_what_was_measured_itself_and_what_never_ran_is_no_load() -> None:
    own = {
        "id": "3",
        "text": 'SELECT $2 FROM ONLY "public"."children" x WHERE $1 OPERATOR(pg_catalog.=) "parent_id" '
        "FOR KEY SHARE OF x",
        "calls": 100,
    }
    assert _NAME not in _loads(_seen(_child(), own))
    assert _NAME not in _loads(_seen(_child(), parent={"counters": {"rows_deleted": 0}}))
    keys = {"id": "4", "text": "UPDATE parents SET id = $1 WHERE id = $2", "calls": 30, "rows": 30, "total_ms": 5.0}
    loads = _loads(_seen(_child(), keys, parent={"counters": {"rows_deleted": 0}}))
    assert loads[_NAME].calls == 30


def test_the_planner_proves_the_check_on_every_kind_of_key(database: Database) -> None:
    database.execute(
        """
        CREATE TABLE "a""b" (id int PRIMARY KEY, code varchar(9) UNIQUE);
        CREATE TABLE "Order" (
            "x%y" int REFERENCES "a""b", y varchar(9) REFERENCES "a""b" (code) ON DELETE SET NULL
        );
        CREATE TABLE parted (x int REFERENCES "a""b" ON DELETE CASCADE) PARTITION BY HASH (x);
        CREATE TABLE parted_1 PARTITION OF parted FOR VALUES WITH (MODULUS 1, REMAINDER 0);
        INSERT INTO "a""b" SELECT n, n FROM generate_series(1, 30001) AS n;
        INSERT INTO "Order" SELECT n, n FROM generate_series(1, 30000) AS n;
        INSERT INTO parted SELECT n FROM generate_series(1, 30000) AS n;
        ANALYZE;
        DELETE FROM "a""b" WHERE id > 30000;
        """
    )
    database.settle()
    database.wait_until("SELECT sum(n_tup_del) > 0 FROM pg_stat_user_tables")
    covered = Coverage(facts=(FactCoverage(fact=Fact.TABLE_COUNTERS, presence=Presence.PRESENT),))
    seen = Facts(msgspec.structs.replace(snapshot_of(database.dsn), coverage=covered), {})
    candidates = [each for each in foreign_keys(seen, (), IndexesConfig()) if not isinstance(each, LeftIndex)]
    assert [each.partitioned for each in candidates] == [False, False, True]
    with Twin(seen) as twin:
        loads = with_foreign_key_checks(seen, (), twin)
        assert len(loads) == 3
        indexed = Configuration(create=tuple(each.definition for each in candidates))
        for load in loads:
            (before,), (after,) = twin.costs(load.questions), twin.costs(load.questions, indexed)
            assert before is not None and after is not None
            assert after < before / 10, load.query_id
            assert load.total_ms > 0
