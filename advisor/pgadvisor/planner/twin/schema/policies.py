"""Row security."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

import psycopg

from pgadvisor.indexes.quoting import qualified, quote_identifier
from pgadvisor.model.catalog import Relation, RelationKind
from pgadvisor.model.objects import Policy
from pgadvisor.model.whatif import Shortfall
from pgadvisor.planner.twin.building import Building, Command
from pgadvisor.planner.twin.refused import why
from pgadvisor.planner.twin.schema.roles import role_of_twin

_COMMANDS = ("all", "select", "insert", "update", "delete")


def create_policies(building: Building) -> None:
    """Switches it on and makes the policies. Owners get their tables and views: no policy holds for an owner.

    Views are their owners' only where there is row security, which is then that owner's for what they read.
    """
    relations = building.facts.relations
    secured = [relation for relation in relations.values() if relation.row_security]
    policies = [
        policy
        for policy in building.facts.snapshot.catalog.policies
        if policy.relation_oid in relations and relations[policy.relation_oid].row_security
    ]
    if not secured:
        return
    building.run(command for policy in policies for command in _policy(building, policy, relations))
    building.run(command for relation in secured for command in _switches(relation))
    views = [relation for relation in relations.values() if relation.kind is RelationKind.VIEW]
    building.run(command for relation in (*secured, *views) for command in _owner(building, relation))


def _policy(building: Building, policy: Policy, relations: Mapping[int, Relation]) -> Iterator[Command]:
    relation = relations[policy.relation_oid]
    missing = _missing(f"policy {policy.name} of {relation.schema}.{relation.name}", relation)
    roles = [role_of_twin(building, role) for role in policy.roles]
    try:
        parts = [
            f"CREATE POLICY {quote_identifier(policy.name)} ON {qualified(relation.schema, relation.name)}",
            f"AS {'PERMISSIVE' if policy.permissive else 'RESTRICTIVE'}",
            f"FOR {policy.command if policy.command in _COMMANDS else 'all'}",
            f"TO {', '.join(quote_identifier(role) for role in roles if role) if roles else 'PUBLIC'}",
        ]
    except ValueError:
        building.shortfalls.append(missing(None))
        return
    if policy.using is not None:
        parts.append(f"USING ({policy.using}\n)")
    if policy.check is not None:
        parts.append(f"WITH CHECK ({policy.check}\n)")
    if policy.using is None and policy.command != "insert":
        building.shortfalls.append(missing(None))
    yield Command("\n".join(parts), missing=missing)


def _switches(relation: Relation) -> Iterator[Command]:
    missing = _missing(f"row security of {relation.schema}.{relation.name}", relation)
    try:
        name = qualified(relation.schema, relation.name)
    except ValueError:
        return
    yield Command(f"ALTER TABLE {name} ENABLE ROW LEVEL SECURITY", missing=missing)
    if relation.force_row_security:
        yield Command(f"ALTER TABLE {name} FORCE ROW LEVEL SECURITY", missing=missing)


def _owner(building: Building, relation: Relation) -> Iterator[Command]:
    role = role_of_twin(building, relation.owner)
    try:
        name = qualified(relation.schema, relation.name)
    except ValueError:
        return
    kind = "VIEW" if relation.kind is RelationKind.VIEW else "TABLE"
    missing = _missing(f"owner of {relation.schema}.{relation.name}", relation)
    if role is None:
        building.shortfalls.append(missing(None))
    elif relation.oid not in building.failed:
        yield Command(f"ALTER {kind} {name} OWNER TO {quote_identifier(role)}", missing=missing)


def _missing(what: str, relation: Relation) -> Callable[[psycopg.Error | None], Shortfall]:
    def missing(error: psycopg.Error | None) -> Shortfall:
        return Shortfall(
            what=what,
            reason=f"It is missing, since {why(error)}; plans are those without it.",
            relation_oids=(relation.oid,),
        )

    return missing
