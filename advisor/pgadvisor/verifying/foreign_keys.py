"""What a server runs by itself to keep a foreign key, as a SELECT that may be run in its place on a copy."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING

from pgadvisor.indexes.quoting import qualified, quote_identifier
from pgadvisor.model.catalog import Constraint, ConstraintKind, Relation, RelationKind
from pgadvisor.model.index_advice import FOREIGN_KEY_CHECK, StatementEffect
from pgadvisor.model.report import Rate, RateUnit, StatementView
from pgadvisor.verifying.wanted import Plan

if TYPE_CHECKING:
    from pgadvisor.facts import Facts


def with_foreign_key_checks(plan: Plan, facts: Facts) -> Plan:
    """The plan with the checks of foreign keys that its indexes are for, as the copy has these.

    Their text is made from the copy's catalog: of the report's only the key's name is taken.
    """
    keys = dict(_keys(facts))
    known = {view.query_id for view in plan.statements} | plan.left_out
    effects = {
        effect.query_id: effect
        for wanted in plan.indexes
        if wanted.recommendation.advised is not None
        for effect in wanted.recommendation.advised.effects
        if effect.query_id in wanted.promises and effect.query_id not in known
    }
    found = [_view(effect, *keys[query_id]) for query_id, effect in effects.items() if query_id in keys]
    ranked = sorted((*plan.statements, *found), key=lambda view: (-view.total_ms, view.query_id))
    return replace(plan, statements=tuple(ranked))


def _keys(facts: Facts) -> Iterator[tuple[str, tuple[Constraint, Relation]]]:
    for key in facts.constraints.values():
        table = facts.relations.get(key.table_oid)
        if key.kind is ConstraintKind.FOREIGN_KEY and table is not None and key.columns:
            name = f"{FOREIGN_KEY_CHECK}{qualified(table.schema, table.name)}.{quote_identifier(key.name)}"
            yield name, (key, table)


def _view(effect: StatementEffect, key: Constraint, table: Relation) -> StatementView:
    only = "" if table.kind is RelationKind.PARTITIONED else "ONLY "
    found = " AND ".join(f"x.{quote_identifier(column)} = ${number}" for number, column in enumerate(key.columns, 1))
    total = Rate(total=effect.total_ms, value=effect.total_ms, per=RateUnit.TOTAL)
    return StatementView(
        query_id=effect.query_id,
        anchor=effect.anchor,
        # Names are quoted, and are the copy's own.
        text=f"SELECT 1 FROM {only}{qualified(table.schema, table.name)} x WHERE {found}",  # noqa: S608
        calls=effect.calls,
        total_ms=effect.total_ms,
        mean_ms=effect.total_ms / max(effect.calls, 1),
        max_ms=0.0,
        rows=0,
        share=0.0,
        time=total,
        understood=True,
    )
