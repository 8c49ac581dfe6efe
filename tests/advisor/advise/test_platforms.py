"""Tables that an extension manages, and tables that are replicated."""

from __future__ import annotations

from typing import Any

import msgspec

from pgadvisor.advise.recommend import table_of
from pgadvisor.analyze import analyze
from pgadvisor.config import Config
from pgadvisor.model.activity import Activity, Replication
from pgadvisor.model.objects import Publication
from pgadvisor.model.report import Report
from pgadvisor.model.snapshot import Snapshot
from pgadvisor.registry import load_rules
from support.snapshots import snapshot

RULES = load_rules()


def with_duplicates(**changes: Any) -> dict[str, Any]:
    """A table with the same index twice."""
    return {
        "rows": 100_000,
        "columns": ["id bigint not null"],
        "stats": {"id": {"n_distinct": -1.0}},
        "constraints": {"pkey": "primary key (id)"},
        "indexes": {"one": "btree (id desc)", "two": "btree (id desc)"},
    } | changes


def report(made: Snapshot) -> Report:
    return analyze(made, Config(), RULES)


def about(made: Report) -> set[str]:
    return {f"{finding.subject.schema}.{finding.subject.relation}" for finding in made.findings}


def test_hypertables_and_their_chunks_are_left_out_and_said() -> None:
    chunk = "_timescaledb_internal._hyper_1_1_chunk"
    tables = {
        "public.metrics": with_duplicates(),
        chunk: with_duplicates(
            inherits="public.metrics", constraints={}, indexes={"c1": "btree (id desc)", "c2": "btree (id desc)"}
        ),
        "public.plain": with_duplicates(
            constraints={"p": "primary key (id)"}, indexes={"three": "btree (id desc)", "four": "btree (id desc)"}
        ),
    }
    plain = report(snapshot({"tables": tables}))
    assert plain.trust.gaps == ()
    made = report(snapshot({"tables": tables, "extensions": {"timescaledb": "2.17"}}))
    assert about(made) == {"public.plain"}
    (gap,) = made.trust.gaps
    assert gap.scope == "timescaledb" and "1 hypertables and 1 chunks" in gap.reason
    assert {g.scope for o in made.outcomes for g in o.gaps if o.rule != "missing_index"} == {"public.metrics", chunk}


def test_citus_is_said() -> None:
    made = report(snapshot({"tables": {"public.t": with_duplicates()}, "extensions": {"citus": "13.0"}}))
    assert about(made) == {"public.t"}
    assert [gap.scope for gap in made.trust.gaps] == ["citus"]


def test_a_published_table_s_recommendations_say_that_ddl_is_not_replicated() -> None:
    made = snapshot(
        {
            "tables": {
                "public.t": with_duplicates(),
                "public.u": with_duplicates(
                    constraints={"q": "primary key (id)"}, indexes={"x": "btree (id desc)", "y": "btree (id desc)"}
                ),
            }
        }
    )
    oids = {relation.name: relation.oid for relation in made.catalog.relations}
    published = Publication(oid=1, name="out", relation_oids=(oids["t"],))
    catalog = msgspec.structs.replace(made.catalog, publications=(published,))
    changed = report(msgspec.structs.replace(made, catalog=catalog))
    caveats = {table_of(r.proposal)[1]: r.caveats for r in changed.recommendations}
    assert any("(out)" in caveat for caveat in caveats["t"])
    assert not any("published" in caveat for caveat in caveats["u"])
    everything = msgspec.structs.replace(made.catalog, publications=(Publication(oid=1, name="all", all_tables=True),))
    assert all(
        any("(all)" in c for c in r.caveats)
        for r in report(msgspec.structs.replace(made, catalog=everything)).recommendations
    )
    subscriber = msgspec.structs.replace(made, activity=Activity(replication=Replication(subscriptions=("in",))))
    assert all(any("subscribes" in c for c in r.caveats) for r in report(subscriber).recommendations)
