"""Conditions that row security adds to statements, which their texts do not show.

https://www.postgresql.org/docs/current/ddl-rowsecurity.html
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from typing import TYPE_CHECKING

from msgspec import structs

from pgadvisor.indexes.quoting import qualified
from pgadvisor.model.shape import ColumnRef, Predicate, ShapeRelation, StatementKind, StatementShape
from pgadvisor.workload.schema import SchemaView
from pgadvisor.workload.understand import understand

if TYPE_CHECKING:
    from pgadvisor.facts import Facts
    from pgadvisor.model.catalog import Relation
    from pgadvisor.model.objects import Policy
    from pgadvisor.model.statements import StatementRole

_OF_WRITES = {StatementKind.UPDATE: "update", StatementKind.DELETE: "delete"}


class Policies:
    """The policies of a snapshot's tables, as conditions on their columns."""

    def __init__(self, facts: Facts) -> None:
        self._facts = facts
        self._of_relation: dict[int, list[Policy]] = defaultdict(list)
        for policy in facts.snapshot.catalog.policies:
            relation = facts.relations.get(policy.relation_oid)
            if relation is not None and relation.row_security and policy.using is not None:
                self._of_relation[relation.oid].append(policy)
        self._read: dict[int, StatementShape | None] = {}
        self._schema: SchemaView | None = None

    def within(self, shape: StatementShape, role: StatementRole | None) -> StatementShape:
        """The shape with the conditions of the policies that hold for a role, and the columns that they read.

        Of several policies by either of which a row is seen none limits anything by itself. The shape as it is where
        nobody knows whose statement it is.
        """
        if role is None or role.is_superuser or role.bypasses_policies or not self._of_relation:
            return shape
        predicates: list[Predicate] = []
        columns: list[ColumnRef] = []
        for used in shape.relations:
            for read in self._holding(shape, used, role):
                predicates += [
                    structs.replace(each, alias=used.alias)
                    for each in read.predicates
                    if (each.relation_oid, each.alias)
                    == (used.relation_oid, self._facts.relations[used.relation_oid].name)
                ]
                columns += [each for each in read.columns_read if each.relation_oid == used.relation_oid]
        if not predicates and not columns:
            return shape
        return structs.replace(
            shape,
            predicates=tuple(dict.fromkeys((*shape.predicates, *predicates))),
            columns_read=tuple(dict.fromkeys((*shape.columns_read, *columns))),
        )

    def _holding(self, shape: StatementShape, used: ShapeRelation, role: StatementRole) -> Iterator[StatementShape]:
        """What policies ask of one use of a table, all of which has to hold."""
        relation = self._facts.relations.get(used.relation_oid)
        # Rows that are inserted are checked one by one, and what a view reads is its owner's to see.
        if relation is None or used.through or (used.written and shape.kind not in _OF_WRITES):
            return
        if _owns(role, relation) and not relation.force_row_security:
            return
        # What is read and what is written are let pass by policies of their own, and have to pass both.
        for command in ("select", *([_OF_WRITES[shape.kind]] if used.written else [])):
            holding = [
                each
                for each in self._of_relation.get(relation.oid, ())
                if each.command in ("all", command) and (not each.roles or {role.name, *role.member_of} & {*each.roles})
            ]
            permissive = {each.using for each in holding if each.permissive}
            for policy in holding:
                if (not policy.permissive or len(permissive) == 1) and (read := self._understood(policy, relation)):
                    yield read

    def _understood(self, policy: Policy, relation: Relation) -> StatementShape | None:
        if policy.oid not in self._read:
            catalog, path = self._facts.snapshot.catalog, self._facts.snapshot.server.search_path
            self._schema = self._schema or SchemaView(catalog, path)
            text = f"SELECT 1 FROM {qualified(relation.schema, relation.name)} WHERE {policy.using}"  # noqa: S608 - parsed and never run
            found = understand("", text, self._schema)
            self._read[policy.oid] = found if isinstance(found, StatementShape) else None
        return self._read[policy.oid]


def _owns(role: StatementRole, relation: Relation) -> bool:
    return relation.owner in (role.name, *role.member_of)
