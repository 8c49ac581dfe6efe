"""Roles of the snapshot, as far as plans hang on them."""

from __future__ import annotations

from contextlib import suppress

import psycopg
from psycopg import sql

from pgadvisor.facts import Facts
from pgadvisor.model.whatif import Shortfall
from pgadvisor.planner.twin.building import Building
from pgadvisor.planner.twin.database import BUILDER, MAX_NAME_BYTES, PLANNER

# The server keeps these words and this beginning to itself.
_KEPT = ("public", "none")
_KEPT_PREFIX = "pg_"
_RENAMED = "twin of "


def create_roles(building: Building) -> None:
    """Makes them, without rights beyond membership: owners, those of policies, and those that run statements.

    The planner may become each of them, and the builder give things to them; no role of the twin's server is touched,
    whatever a snapshot calls its own.
    """
    members = sql.SQL(", ").join((sql.Identifier(BUILDER), sql.Identifier(PLANNER)))
    bypassing = _bypassing(building.facts)
    made: set[str] = set()
    with building.admin.transaction():
        for name in sorted(_roles(building.facts)):
            role = role_of_twin(building, name)
            if role is None or role in made:
                continue
            made.add(role)
            attributes = sql.SQL("NOLOGIN BYPASSRLS" if name in bypassing else "NOLOGIN")
            building.admin.execute(sql.SQL("CREATE ROLE {} {}").format(sql.Identifier(role), attributes))
            building.admin.execute(sql.SQL("GRANT {} TO {}").format(sql.Identifier(role), members))
        for name, groups in _memberships(building.facts).items():
            for group in groups:
                member, role = role_of_twin(building, name), role_of_twin(building, group)
                if member is not None and role is not None and {member, role} <= made:
                    _grant(building, role, member)
    _note_renamed(building)


def _grant(building: Building, role: str, member: str) -> None:
    command = sql.SQL("GRANT {} TO {}").format(sql.Identifier(role), sql.Identifier(member))
    # In no server two roles are members of each other; in a file they may be.
    with suppress(psycopg.errors.InvalidGrantOperation), building.admin.transaction():
        building.admin.execute(command)


def role_of_twin(building: Building, name: str) -> str | None:
    """What a role of the snapshot is called on the twin; None where no role can be called so.

    It is the same name, unless the twin's server has or keeps that for itself.
    """
    encoded = name.encode("utf-8", "ignore")
    if not encoded or "\0" in name:
        return None
    reserved = (BUILDER, PLANNER, building.admin.info.user, *_KEPT)
    if name in reserved or name.startswith(_KEPT_PREFIX):
        encoded = _RENAMED.encode() + encoded
    return encoded[:MAX_NAME_BYTES].decode("utf-8", "ignore")


def _roles(facts: Facts) -> set[str]:
    snapshot = facts.snapshot
    roles = {relation.owner for relation in facts.relations.values()}
    roles |= {role for policy in snapshot.catalog.policies for role in policy.roles}
    if snapshot.statements is not None:
        roles |= {role.name for role in snapshot.statements.roles}
    return roles


def _memberships(facts: Facts) -> dict[str, tuple[str, ...]]:
    """Roles that run statements, and the roles whose rights, and so whose policies, they have."""
    statements = facts.snapshot.statements
    return {} if statements is None else {role.name: role.member_of for role in statements.roles}


def _bypassing(facts: Facts) -> set[str]:
    """Those for whom no policy holds. The attribute is all that is left of being a superuser."""
    statements, server = facts.snapshot.statements, facts.server
    roles = {server.role} if server.is_superuser else set()
    if statements is not None:
        roles |= {role.name for role in statements.roles if role.is_superuser or role.bypasses_policies}
    return roles


def _note_renamed(building: Building) -> None:
    for name in sorted(_roles(building.facts)):
        role = role_of_twin(building, name)
        if role != name:
            stand_in = "it has none" if role is None else f"it is called {role}"
            building.shortfalls.append(
                Shortfall(
                    what=f"name of role {name}",
                    reason=f"The twin's server cannot have another role of that name; {stand_in}.",
                    names=("current_user", "session_user", "user"),
                )
            )
