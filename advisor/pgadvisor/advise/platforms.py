"""Extensions that change what a table is: what they hold is left to them, and said.

TimescaleDB keeps the rows of a hypertable in chunks, tables of its own schemas that inherit from it, and makes indexes
by rules of its own (https://docs.timescale.com/use-timescale/latest/schema-management/indexing/). Citus keeps the rows
of a distributed table in shards on other servers, so that sizes and counters here are not those of the table
(https://docs.citusdata.com/en/stable/develop/api_metadata.html).
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from pgadvisor.facts import Facts
from pgadvisor.model.coverage import Fact, Gap
from pgadvisor.model.findings import Finding, Outcome

TIMESCALE_SCHEMAS = "_timescaledb_"
_TIMESCALE_REMEDY = "Look at the indexes of hypertables with TimescaleDB's own views and commands."
_CITUS_REMEDY = "Audit each worker, and make what is found there on the coordinator."


def platform_gaps(facts: Facts) -> tuple[Gap, ...]:
    """What is not judged because an extension has made it something else than a plain table."""
    installed = {extension.name for extension in facts.server.extensions}
    gaps = []
    if "timescaledb" in installed:
        chunks = sum(_is_chunk(relation.schema) for relation in facts.relations.values())
        tables = len(_hypertables(facts))
        reason = f"TimescaleDB is installed: its {tables} hypertables and {chunks} chunks are not judged"
        gaps.append(Gap(fact=Fact.CATALOG, scope="timescaledb", reason=reason, remedy=_TIMESCALE_REMEDY))
    if "citus" in installed:
        reason = "Citus is installed: sizes and counters of distributed tables are not those of their shards elsewhere"
        gaps.append(Gap(fact=Fact.CATALOG, scope="citus", reason=reason, remedy=_CITUS_REMEDY))
    return tuple(gaps)


def without_platforms(outcomes: Sequence[Outcome], facts: Facts) -> tuple[Outcome, ...]:
    """The outcomes without findings on tables that TimescaleDB manages: those are gaps."""
    managed = _hypertables(facts)
    if not managed and not any(_is_chunk(relation.schema) for relation in facts.relations.values()):
        return tuple(outcomes)

    def is_managed(finding: Finding) -> bool:
        return _is_chunk(finding.subject.schema) or (finding.subject.schema, finding.subject.relation) in managed

    return tuple(_without(outcome, [f for f in outcome.findings if is_managed(f)]) for outcome in outcomes)


def _without(outcome: Outcome, left_out: Sequence[Finding]) -> Outcome:
    if not left_out:
        return outcome
    tables = sorted({f"{finding.subject.schema}.{finding.subject.relation}" for finding in left_out})
    gaps = [
        Gap(fact=Fact.CATALOG, scope=table, reason="TimescaleDB manages this table", remedy=_TIMESCALE_REMEDY)
        for table in tables
    ]
    kept = tuple(finding for finding in outcome.findings if finding not in left_out)
    return msgspec.structs.replace(outcome, findings=kept, gaps=(*outcome.gaps, *gaps))


def _is_chunk(schema: str) -> bool:
    return schema.startswith(TIMESCALE_SCHEMAS)


def _hypertables(facts: Facts) -> frozenset[tuple[str, str]]:
    """Tables of users that chunks inherit from."""
    parents = {relation.parent_oid for relation in facts.relations.values() if _is_chunk(relation.schema)}
    return frozenset(
        (relation.schema, relation.name)
        for relation in facts.relations.values()
        if relation.oid in parents and not _is_chunk(relation.schema)
    )


def replication_caveats(schema: str, table: str, facts: Facts) -> tuple[str, ...]:
    """What to know of a change to a table that takes part in logical replication, which does not carry DDL.

    PostgreSQL manual, "Logical Replication: Restrictions".
    """
    relation = facts.relation_named(schema, table)
    root = None if relation is None else facts.root(relation.oid)
    oids = {each.oid for each in (relation, root) if each is not None}
    published = sorted(
        publication.name
        for publication in facts.snapshot.catalog.publications
        if publication.all_tables or schema in publication.schemas or oids & set(publication.relation_oids)
    )
    activity = facts.snapshot.activity
    subscribed = activity is not None and activity.replication is not None and activity.replication.subscriptions
    caveats = []
    if published:
        caveats.append(
            f"The table is published ({', '.join(published)}), and logical replication carries no DDL: what its "
            "subscribers need is made there by hand."
        )
    if subscribed:
        caveats.append(
            "This database subscribes to others: its tables may be copies, whose indexes serve the queries here alone."
        )
    return tuple(caveats)
