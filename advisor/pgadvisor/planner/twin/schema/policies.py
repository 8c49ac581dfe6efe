"""Row security."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial

from pgadvisor.indexes.quoting import qualified, quote_identifier
from pgadvisor.model.catalog import Relation, RelationKind
from pgadvisor.model.objects import Policy
from pgadvisor.planner.twin.building import Building
from pgadvisor.planner.twin.schema.making import Way, Wish, expression, make_all
from pgadvisor.planner.twin.schema.roles import role_of_twin

_COMMANDS = ("all", "select", "insert", "update", "delete")


def create_policies(building: Building) -> None:
    """Switches it on and makes the policies. Owners get their tables and views: no policy holds for an owner.

    Views are their owners' only where there is row security, which is then that owner's for what they read.
    """
    relations = building.facts.relations
    secured = [relation for relation in relations.values() if relation.row_security]
    if not secured:
        return
    make_all(
        building,
        (
            _policy(building, policy, relations[policy.relation_oid])
            for policy in building.facts.snapshot.catalog.policies
            if policy.relation_oid in relations and relations[policy.relation_oid].row_security
        ),
    )
    make_all(building, (wish for relation in secured for wish in _switches(relation)))
    views = (relation for relation in relations.values() if relation.kind is RelationKind.VIEW)
    make_all(
        building,
        (_owner(building, relation) for relation in (*secured, *views) if relation.oid not in building.failed),
    )


def _policy(building: Building, policy: Policy, relation: Relation) -> Wish:
    return Wish(
        f"policy {policy.name} of {relation.schema}.{relation.name}",
        partial(_ways_to_policy, building, policy, relation),
        "without a policy for them the planner takes it that there are no rows",
        relation_oids=(relation.oid,),
    )


def _ways_to_policy(building: Building, policy: Policy, relation: Relation) -> Sequence[Way]:
    roles = [role for name in policy.roles if (role := role_of_twin(building, name)) is not None]
    if policy.roles and not roles:
        raise ValueError("it is for no role that the twin can have")
    command = policy.command if policy.command in _COMMANDS else "all"
    head = (
        f"CREATE POLICY {quote_identifier(policy.name)} ON {qualified(relation.schema, relation.name)} "
        f"AS {'PERMISSIVE' if policy.permissive else 'RESTRICTIVE'} FOR {command} "
        f"TO {', '.join(map(quote_identifier, roles)) if roles else 'PUBLIC'}"
    )
    for_all = Way(
        f"{head} {'WITH CHECK' if command == 'insert' else 'USING'} (true)",
        "a policy that lets every row pass stands in",
    )
    if policy.using is None and policy.check is None:
        return (for_all,)
    try:
        using = "" if policy.using is None else f" USING {expression(policy.using)}"
        check = "" if policy.check is None else f" WITH CHECK {expression(policy.check)}"
    except ValueError:
        return (for_all,)
    return Way(f"{head}{using}{check}"), for_all


def _switches(relation: Relation) -> Iterator[Wish]:
    for action, wanted in (("ENABLE", True), ("FORCE", relation.force_row_security)):
        if wanted:
            yield Wish(
                f"row security of {relation.schema}.{relation.name}",
                partial(_alter, f"TABLE {{}} {action} ROW LEVEL SECURITY", relation),
                "plans are those without it",
                relation_oids=(relation.oid,),
            )


def _alter(change: str, relation: Relation) -> Sequence[Way]:
    return (Way(f"ALTER {change.replace('{}', qualified(relation.schema, relation.name), 1)}"),)


def _owner(building: Building, relation: Relation) -> Wish:
    return Wish(
        f"owner of {relation.schema}.{relation.name}",
        partial(_ways_to_owner, building, relation),
        "policies hold for its owner as well",
        relation_oids=(relation.oid,),
    )


def _ways_to_owner(building: Building, relation: Relation) -> Sequence[Way]:
    role = role_of_twin(building, relation.owner)
    if role is None:
        raise ValueError("there can be no role of its name")
    kind = "VIEW" if relation.kind is RelationKind.VIEW else "TABLE"
    return (Way(f"ALTER {kind} {qualified(relation.schema, relation.name)} OWNER TO {quote_identifier(role)}"),)
