"""Foreign keys whose referencing columns no index serves."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator

from pgadvisor.rules_api import (
    Amount,
    Confidence,
    Constraint,
    Count,
    CreateIndex,
    Evidence,
    Fact,
    Facts,
    Finding,
    Gap,
    Impact,
    Options,
    Relation,
    RelationKind,
    Rule,
    Severity,
    Subject,
    SubjectKind,
    Unit,
)
from pgadvisor_rules._common import absent, qualified, shorter_than, window_evidence
from pgadvisor_rules._foreign_keys import Checks, Use, checks, rows_per_key, served, use, wanted_index


class UnindexedForeignKeyOptions(Options, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """min_rows: smaller referencing tables are passed over. min_scanned_rows: from so many rows on, read over the
    counters' window by checks of the key, the finding is a warning. max_rows_per_key: a key that is only joined on
    gets an index where no more rows than this share a value. min_null_fraction: from this share of NULLs on the index
    leaves them out. min_window_days: over fewer days no deletes mean nothing.
    """

    min_rows: Count = 10_000
    min_scanned_rows: Count = 1_000_000
    max_rows_per_key: Count = 1_000
    min_null_fraction: Amount = 0.5
    min_window_days: Amount = 7.0


def check(facts: Facts, options: UnindexedForeignKeyOptions) -> Iterator[Finding | Gap]:
    """Foreign keys as declared (those derived for partitions are told at their root) that no index serves."""
    yield from absent(
        facts,
        {
            Fact.TABLE_COUNTERS: "How often rows of referenced tables are deleted is unknown",
            Fact.STATEMENTS: "Whether statements join on the keys is unknown",
        },
    )
    unserved: list[tuple[Constraint, Relation, float | None]] = []
    for key in facts.foreign_keys():
        table = facts.relations.get(key.table_oid)
        if table is None or not key.enforced or table.kind not in (RelationKind.TABLE, RelationKind.PARTITIONED):
            continue
        rows = facts.row_count(table.oid)
        if rows is not None and rows < options.min_rows:
            continue
        verdict = served(facts, key)
        if verdict is None:
            yield Gap(
                fact=Fact.CATALOG, scope=qualified(table), reason="An index of this table could not be read whole"
            )
        elif not verdict:
            unserved.append((key, table, rows))
    # Time in deletes of one parent is shared by all its unserved children, each by the rows it has to read.
    siblings: dict[int | None, float] = defaultdict(float)
    for key, _, rows in unserved:
        siblings[key.referenced_oid] += rows or 0.0
    for key, table, rows in unserved:
        of_all = siblings[key.referenced_oid]
        yield _finding(facts, key, table, rows, (rows or 0.0) / of_all if of_all else 0.0, options)


def _finding(
    facts: Facts,
    key: Constraint,
    table: Relation,
    rows: float | None,
    share: float,
    options: UnindexedForeignKeyOptions,
) -> Finding:
    done, used = checks(facts, key), use(facts, key)
    per_key = rows_per_key(facts, key)
    searched = bool(used.statements) and per_key is not None and per_key <= options.max_rows_per_key
    costly = done.count * (rows or 0.0) >= options.min_scanned_rows
    definition = wanted_index(facts, key, table, used, options.min_null_fraction)
    proposal = CreateIndex(definition=definition, partitioned=table.kind is RelationKind.PARTITIONED, any_order=True)
    spent_ms = sum(statement.total_ms for statement in done.statements) * share
    columns = ", ".join(column or "" for column in definition.key_columns)
    return Finding(
        subject=Subject(kind=SubjectKind.CONSTRAINT, schema=table.schema, relation=table.name, name=key.name),
        identity=f"{qualified(table)}({', '.join(key.columns)}) -> {_parent(facts, key)}",
        sentence=_sentence(facts, key, table, done, used, options),
        severity=Severity.WARNING if costly else Severity.INFO,
        confidence=Confidence.ESTIMATED if done.count or searched else Confidence.HEURISTIC,
        evidence=_evidence(facts, table, rows, done, used, per_key, options),
        causes=tuple(
            dict.fromkeys((f"{qualified(table)}({columns})", f"{qualified(table)}({definition.key_columns[0]})"))
        ),
        proposals=(proposal,) if done.count or searched else (),
        query_ids=tuple(dict.fromkeys(s.query_id for s in (*done.statements, *used.statements))),
        impact=Impact(time_ms=spent_ms if done.statements else None),
    )


def _parent(facts: Facts, key: Constraint) -> str:
    parent = facts.relations.get(key.referenced_oid or 0)
    return qualified(parent) if parent is not None else "a table that was not collected"


def _sentence(
    facts: Facts, key: Constraint, table: Relation, done: Checks, used: Use, options: UnindexedForeignKeyOptions
) -> str:
    parent = _parent(facts, key)
    text = f"No index serves the foreign key {qualified(table)} ({', '.join(key.columns)})"
    if done.count:
        return f"{text}, so each row deleted from {parent}, or given another key, has all of {qualified(table)} read."
    if done.deletes is None:
        return f"{text}; whether rows of {parent} are deleted is not known."
    if shorter_than(facts.counters_window, options.min_window_days):
        return f"{text}; no row of {parent} was deleted, over too short a time to say that none ever is."
    joined = ", but statements look rows up by it" if used.statements else " or looked up by it"
    return f"{text}; no row of {parent} was deleted{joined}."


def _evidence(
    facts: Facts,
    table: Relation,
    rows: float | None,
    done: Checks,
    used: Use,
    per_key: float | None,
    options: UnindexedForeignKeyOptions,
) -> tuple[Evidence, ...]:
    evidence = [
        Evidence(label="rows read by each check", value=rows, unit=Unit.ROWS),
        Evidence(label="size of the table", value=facts.size_bytes(table.oid), unit=Unit.BYTES),
        Evidence(label="rows deleted from the referenced table", value=done.deletes, unit=Unit.ROWS),
        Evidence(label="referenced keys changed", value=done.key_updates, unit=Unit.ROWS),
        window_evidence(facts.counters_window, "counters cover"),
    ]
    if shorter_than(facts.counters_window, options.min_window_days):
        evidence.append(Evidence(label="counters", value="cover too short a time to tell", unit=Unit.TEXT))
    if done.statements:
        spent_ms = sum(statement.total_ms for statement in done.statements)
        evidence.append(
            Evidence(label="time in deletes and key changes of the parent", value=spent_ms, unit=Unit.MILLISECONDS)
        )
    evidence.append(Evidence(label="statements that look rows up by the key", value=len(used.statements)))
    if per_key is not None:
        evidence.append(Evidence(label="rows per key", value=round(per_key, 1), unit=Unit.ROWS))
    return tuple(evidence)


RULE = Rule(
    id="IDX001",
    name="unindexed_foreign_key",
    title="Foreign key without an index on the referencing columns",
    looks_for="Foreign keys for which no valid B-tree index starts with all referencing columns, in whatever order (or "
    "hash index on the one column), apart from indexes that leave out rows with a key.",
    why="PostgreSQL indexes the referenced columns, not the referencing ones. Each row deleted from the referenced "
    "table, and each change of its key, then reads the whole referencing table while it holds locks: a clean-up job "
    "of a thousand rows reads it a thousand times.",
    fix="Build an index that starts with the referencing columns. A partial index that leaves out only rows without a "
    "key does as well.",
    false_positives=(
        "Rows of the referenced table are never deleted and their keys never change, as with tables of codes.",
        "The referencing table is written heavily and looked up by other columns, and deletes may be slow.",
    ),
    severity=Severity.WARNING,
    confidence=Confidence.ESTIMATED,
    needs=(Fact.CATALOG,),
    references=(
        "https://www.postgresql.org/docs/current/ddl-constraints.html#DDL-CONSTRAINTS-FK",
        "https://www.postgresql.org/docs/current/indexes-multicolumn.html",
    ),
    options=UnindexedForeignKeyOptions,
    check=check,
)
