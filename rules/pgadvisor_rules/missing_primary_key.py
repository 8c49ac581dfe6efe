"""Tables without a primary key."""

from __future__ import annotations

from collections.abc import Iterator

from pgadvisor.rules_api import (
    AddPrimaryKey,
    Confidence,
    Constraint,
    ConstraintKind,
    Count,
    Evidence,
    Fact,
    Facts,
    Finding,
    Gap,
    Impact,
    Index,
    Options,
    Relation,
    RelationKind,
    Rule,
    Severity,
    Subject,
    SubjectKind,
    Unit,
)
from pgadvisor_rules._common import qualified, window_evidence


class MissingPrimaryKeyOptions(Options, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """min_rows: smaller tables are passed over. min_changed_rows: from so many updated and deleted rows on over the
    counters' window the finding is a warning.
    """

    min_rows: Count = 1_000
    min_changed_rows: Count = 10_000


def check(facts: Facts, options: MissingPrimaryKeyOptions) -> Iterator[Finding | Gap]:
    """Tables without a primary key; of a partitioned table only the root is judged."""
    for table in facts.tables():
        if facts.primary_key(table.oid) is not None or _identified(facts, table):
            continue
        rows = facts.row_count(table.oid)
        if rows is None or rows >= options.min_rows:
            yield _finding(facts, table, rows, options)


def _identified(facts: Facts, table: Relation) -> bool:
    """Whether a unique constraint over columns that are never null does a primary key's work already."""
    return any(
        constraint.kind is ConstraintKind.UNIQUE and not constraint.deferrable and not _nullable(facts, constraint)
        for constraint in facts.constraints_of(table.oid)
    )


def _nullable(facts: Facts, constraint: Constraint) -> bool:
    return any(
        (column := facts.column(constraint.table_oid, name)) is None or not column.not_null
        for name in constraint.columns
    )


def _finding(facts: Facts, table: Relation, rows: float | None, options: MissingPrimaryKeyOptions) -> Finding:
    counters = facts.table_counters(table.oid)
    counted = bool(counters) and facts.counts_writes
    changed = sum(row.rows_updated + row.rows_deleted for row in counters) if counted else 0
    full_identity = table.replica_identity == "f"
    candidate = _candidate(facts, table)
    evidence = [
        Evidence(label="rows in the table", value=rows, unit=Unit.ROWS),
        Evidence(label="rows updated or deleted", value=changed if counted else None, unit=Unit.ROWS),
        window_evidence(facts.counters_window, "counters cover"),
    ]
    if full_identity:
        evidence.append(Evidence(label="replica identity", value="the full row", unit=Unit.TEXT))
    sentence = f"{qualified(table)} has no primary key"
    if changed and full_identity:
        sentence += ", and a subscriber has to search it for every row that is updated or deleted"
    if candidate is not None:
        sentence += f"; its unique index {candidate.name} could become one"
        evidence.append(Evidence(label="unique index that could serve", value=candidate.name, unit=Unit.TEXT))
    often = changed >= options.min_changed_rows or (full_identity and changed > 0)
    return Finding(
        subject=Subject(kind=SubjectKind.TABLE, schema=table.schema, relation=table.name),
        identity=qualified(table),
        sentence=f"{sentence}.",
        severity=Severity.WARNING if often else Severity.INFO,
        confidence=Confidence.HEURISTIC,
        evidence=tuple(evidence),
        proposals=() if candidate is None else (_proposal(facts, table, candidate),),
        impact=Impact(writes=changed if counted else None),
    )


def _candidate(facts: Facts, table: Relation) -> Index | None:
    """The narrowest unique index that ADD PRIMARY KEY USING INDEX takes.

    It refuses partial indexes, expressions, orders other than the default, NULLS NOT DISTINCT and the indexes of
    constraints, and works on no partitioned table: https://www.postgresql.org/docs/current/sql-altertable.html
    """
    if table.kind is RelationKind.PARTITIONED:
        return None
    fit = [index for index in facts.indexes_of(table.oid) if _can_become_key(facts, index)]
    return min(fit, key=lambda index: (len(index.definition.keys), index.name), default=None)


def _can_become_key(facts: Facts, index: Index) -> bool:
    definition = index.definition
    return (
        definition.unique
        and definition.access_method == "btree"
        and definition.predicate is None
        and not definition.nulls_not_distinct
        and index.valid
        and index.ready
        and index.immediate
        and index.complete
        and index.constraint_oid is None
        and all(
            key.column is not None
            and key.default_operator_class
            and key.default_collation
            and not key.descending
            and not key.nulls_first
            and _never_null(facts, index.table_oid, key.column)
            for key in definition.keys
        )
    )


def _never_null(facts: Facts, relation_oid: int, name: str) -> bool:
    """Whether a column is NOT NULL, or statistics saw no NULL in it."""
    column = facts.column(relation_oid, name)
    statistics = facts.statistics(relation_oid, name)
    return column is not None and (column.not_null or (statistics is not None and statistics.null_fraction == 0))


def _proposal(facts: Facts, table: Relation, index: Index) -> AddPrimaryKey:
    names = tuple(key.column for key in index.definition.keys if key.column is not None)
    return AddPrimaryKey(
        schema=table.schema,
        table=table.name,
        columns=names,
        using_index=index.name,
        definition=index.definition,
        missing_not_null=tuple(
            name for name in names if (column := facts.column(table.oid, name)) is None or not column.not_null
        ),
    )


RULE = Rule(
    id="SCH001",
    name="missing_primary_key",
    title="Table without a primary key",
    looks_for="Tables and partitioned tables that have neither a primary key nor a unique constraint over columns that "
    "are never null.",
    why="Rows cannot be told apart: a duplicate cannot be removed alone, tools that repack or compare a table refuse "
    "it, and logical replication either rejects its updates and deletes or has the subscriber search the whole table "
    "for each of them.",
    fix="Add a primary key. An existing unique index over columns that are never null can become one without being "
    "built again.",
    false_positives=(
        "A staging or log table that is only appended to and read as a whole.",
        "A table whose rows are duplicates by design, such as raw measurements.",
    ),
    severity=Severity.INFO,
    confidence=Confidence.HEURISTIC,
    needs=(Fact.CATALOG,),
    references=(
        "https://www.postgresql.org/docs/current/ddl-constraints.html#DDL-CONSTRAINTS-PRIMARY-KEYS",
        "https://www.postgresql.org/docs/current/logical-replication-publication.html",
    ),
    options=MissingPrimaryKeyOptions,
    check=check,
)
