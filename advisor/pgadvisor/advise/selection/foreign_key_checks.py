"""What the server runs by itself to keep foreign keys, as part of the workload.

A row that is deleted, or whose key changes, has the referencing table searched by a statement of the server's own
(RI_FKey_noaction_del and others in ri_triggers.c). pg_stat_statements counts it only where it tracks all; else its time
is within that of the statement that deleted, and how much of it is estimated here from the costs of both.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from pgadvisor.advise.candidates.foreign_keys import ReferencingKey, referencing_keys
from pgadvisor.advise.selection.loads import Load
from pgadvisor.facts import Facts
from pgadvisor.indexes.quoting import qualified, quote_identifier
from pgadvisor.model.catalog import Constraint, Relation, RelationKind
from pgadvisor.model.index_advice import FOREIGN_KEY_CHECK
from pgadvisor.model.shape import (
    ColumnRef,
    Comparand,
    Predicate,
    ShapeRelation,
    StatementKind,
    StatementShape,
)
from pgadvisor.planner.protocol import Planner, Question

# The costliest statements say what a unit of cost takes on this server.
_MOST_TELLING = 100
# Where nothing tells: a page read from memory, which costs 1, takes about this long.
_MS_PER_UNIT = 0.005
_OPERATOR = "OPERATOR(pg_catalog.=)"


@dataclass(frozen=True)
class _Check:
    """The check of one key, with its cost as the planner has it."""

    of: ReferencingKey
    load: Load
    cost: float


def with_foreign_key_checks(facts: Facts, loads: Sequence[Load], planner: Planner) -> tuple[Load, ...]:
    """The workload with the checks of foreign keys that ran, the costliest first.

    Their calls are the rows deleted from the referenced tables, and those given other keys. Their time is estimated,
    and taken out of the time of the statements that delete where these are known. It is no more than these took, or
    where none is known all statements: rows may have gone before any of them was counted. Checks that were measured
    themselves stay as they are. Raises PlannerError where the planner is gone.
    """
    keys = [each for each in referencing_keys(facts) if each.checks >= 1 and not _measured(facts, each)]
    of_keys = [_load(each) for each in keys]
    checks = [
        _Check(key, load, cost)
        for key, load, cost in zip(keys, of_keys, _costs(of_keys, planner), strict=True)
        if cost is not None
    ]
    if not checks:
        return tuple(loads)
    by_parent: dict[int, list[_Check]] = defaultdict(list)
    for check in checks:
        by_parent[check.of.key.referenced_oid or 0].append(check)
    by_id = {load.query_id: load for load in loads}
    unit = _ms_per_unit(loads, planner)
    found, of_unknown = [], []
    for parent, group in by_parent.items():
        callers = [by_id[shape.query_id] for shape in _deleting(facts, parent, group) if shape.query_id in by_id]
        shared = _shared(facts, group, callers, planner)
        for caller, left_ms in shared.left_ms.items():
            by_id[caller] = replace(by_id[caller], total_ms=left_ms)
        if shared.ms_per_unit is None:
            of_unknown += _taking(group, unit)
        else:
            found += _within(_taking(group, shared.ms_per_unit), shared.time_ms)
    # Without any statement nobody can say what is much.
    took_ms = sum(load.total_ms for load in loads) if loads else math.inf
    whole = (*by_id.values(), *found, *_within(of_unknown, took_ms))
    return tuple(sorted(whole, key=lambda load: (-load.total_ms, load.query_id)))


def _costs(loads: Sequence[Load], planner: Planner) -> tuple[float | None, ...]:
    """What one call of each costs, by the first of its questions."""
    return planner.costs([load.questions[0] for load in loads])


def _taking(group: Sequence[_Check], ms_per_unit: float) -> list[Load]:
    """Checks with the time that so many of their cost take."""
    return [replace(each.load, total_ms=each.of.checks * each.cost * ms_per_unit) for each in group]


def _within(checks: Sequence[Load], most_ms: float) -> list[Load]:
    """Checks that take so long together at most."""
    took_ms = sum(each.total_ms for each in checks)
    if took_ms <= most_ms:
        return list(checks)
    return [replace(each, total_ms=each.total_ms * most_ms / took_ms) for each in checks]


def _load(of: ReferencingKey) -> Load:
    """The check as a statement of the workload."""
    key, table = of.key, of.table
    name = f"{FOREIGN_KEY_CHECK}{qualified(table.schema, table.name)}.{quote_identifier(key.name)}"
    kind, text = _statement(key, table)
    refs = tuple(ColumnRef(relation_oid=table.oid, column=column) for column in key.columns)
    shape = StatementShape(
        query_id=name,
        kind=kind,
        relations=(ShapeRelation(relation_oid=table.oid, alias="x", written=kind is not StatementKind.SELECT),),
        predicates=tuple(
            Predicate(
                relation_oid=table.oid,
                alias="x",
                column=column,
                operator="=",
                comparand=Comparand.PARAMETER,
                parameters=(number,),
            )
            for number, column in enumerate(key.columns, 1)
        ),
        columns_read=refs,
        columns_written=refs if kind is StatementKind.UPDATE else (),
        locking="for key share" if kind is StatementKind.SELECT else "",
    )
    return Load(
        query_id=name,
        shape=shape,
        questions=(Question(query_id=name, text=text, shape=shape),),
        weights=(1.0,),
        calls=max(round(of.checks), 1),
        total_ms=0.0,
        foreign_key=f"{table.schema}.{table.name}.{key.name}",
    )


def _statement(key: Constraint, table: Relation) -> tuple[StatementKind, str]:
    """What the server runs where a referenced row goes, as its sources spell it."""
    only = () if table.kind is RelationKind.PARTITIONED else ("ONLY",)
    target = (*only, qualified(table.schema, table.name))
    columns = [quote_identifier(column) for column in key.columns]
    found = ("WHERE", " AND ".join(f"${number} {_OPERATOR} {name}" for number, name in enumerate(columns, 1)))
    if key.on_delete == "c":
        return StatementKind.DELETE, " ".join(("DELETE FROM", *target, *found))
    if key.on_delete in ("n", "d"):
        value = "NULL" if key.on_delete == "n" else "DEFAULT"
        changes = ", ".join(f"{name} = {value}" for name in columns)
        return StatementKind.UPDATE, " ".join(("UPDATE", *target, "SET", changes, *found))
    return StatementKind.SELECT, " ".join(("SELECT 1 FROM", *target, "x", *found, "FOR KEY SHARE OF x"))


def _measured(facts: Facts, of: ReferencingKey) -> bool:
    """Whether the server's own statement is among those counted: nobody else spells the operator so."""
    columns = set(of.key.columns)
    for shape in facts.statements_on(of.table.oid):
        text = facts.statements[shape.query_id].text or ""
        if _OPERATOR in text and {each.column for each in shape.predicates} == columns:
            return True
    return False


def _deleting(facts: Facts, parent: int, group: Sequence[_Check]) -> Iterator[StatementShape]:
    """Statements that delete from a table or give its rows other keys."""
    keys = {column for check in group for column in check.of.key.referenced_columns}
    for shape in facts.statements_on(parent):
        oids = {used.relation_oid for used in shape.relations if used.written and _is(facts, used.relation_oid, parent)}
        changed = {ref.column for ref in shape.columns_written if ref.relation_oid in oids}
        if oids and (shape.kind is StatementKind.DELETE or (shape.kind is StatementKind.UPDATE and changed & keys)):
            yield shape


def _is(facts: Facts, used_oid: int, table_oid: int) -> bool:
    root = facts.root(used_oid)
    return used_oid == table_oid or (root is not None and root.oid == table_oid)


@dataclass(frozen=True)
class _Shared:
    """What a unit of cost takes in deletes from one table, what they took, and what of it is their own."""

    ms_per_unit: float | None
    time_ms: float
    left_ms: dict[str, float]


def _shared(facts: Facts, group: Sequence[_Check], callers: Sequence[Load], planner: Planner) -> _Shared:
    """Shares the time of statements that delete between them and the checks of the rows that they deleted."""
    per_row = sum(check.cost for check in group)
    time_ms, units, left_ms = 0.0, 0.0, {}
    for caller, cost in zip(callers, _costs(callers, planner), strict=True):
        if cost is None or not caller.total_ms:
            continue
        own, checked = caller.calls * cost, facts.statements[caller.query_id].rows * per_row
        time_ms += caller.total_ms
        units += own + checked
        left_ms[caller.query_id] = caller.total_ms * own / (own + checked) if own + checked else caller.total_ms
    return _Shared(time_ms / units if units else None, time_ms, left_ms)


def _ms_per_unit(loads: Sequence[Load], planner: Planner) -> float:
    """Milliseconds that a unit of cost takes: the median over statements, by the time that each took."""
    known, telling = [], loads[:_MOST_TELLING]
    for load, cost in zip(telling, _costs(telling, planner), strict=True):
        if cost and load.calls and load.total_ms:
            known.append((load.total_ms / (cost * load.calls), load.total_ms))
    half, passed = sum(weight for _, weight in known) / 2, 0.0
    for ratio, weight in sorted(known):
        passed += weight
        if passed >= half:
            return ratio
    return _MS_PER_UNIT
