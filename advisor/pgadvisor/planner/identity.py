"""As whom a statement is planned: the role that runs it, with its search path, settings and policies, or ourselves.

A role is put on for one transaction alone, by the rights that the session has anyway, and never one with more rights
than ours. That narrows what a statement may read, and widens nothing: code that planning runs can put the role off
again (RESET ROLE), so whose code may run is judged by who we are (planner/functions.py).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import psycopg
from psycopg import sql

from pgadvisor.indexes.quoting import quote_identifier
from pgadvisor.planner.mentions import Mentions
from pgadvisor.planner.questions import ask
from pgadvisor.planner.refusals import NotDone
from pgadvisor.postgres.gaps import raise_if_lost
from pgadvisor.workload.role_settings import is_users_own, settings_of, split_path

if TYPE_CHECKING:
    from pgadvisor.facts import Facts
    from pgadvisor.model.statements import StatementRole
    from pgadvisor.planner.observation import Candidate
    from pgadvisor.postgres.session import Session, Transaction

# Since 16 being a member of a role is not yet being allowed to become it.
_SET_OPTION_SINCE = 160000
_MAY_NOT_BECOME = "the collecting role may not become it"
_STRONGER = "it has rights that the collecting role does not have"
_REFUSALS = (
    psycopg.errors.InsufficientPrivilege,
    psycopg.errors.InvalidParameterValue,
    psycopg.errors.UndefinedObject,
    psycopg.errors.InvalidName,
    psycopg.errors.CantChangeRuntimeParam,
)
# By SQLSTATE, https://www.postgresql.org/docs/current/errcodes-appendix.html
WHY_REFUSED = {
    "22023": (
        "it cannot have that value, ",
        "Give it a value that SET takes, such as 64MB, on or a number; SHOW and pg_settings tell its kind and bounds.",
    ),
    "42501": ("the role may not make it, ", "Leave it out, or from 15 on GRANT SET ON PARAMETER to the role."),
    "42704": ("this server has no such setting, ", "Leave it out, or correct its name."),
    "42602": ("its name is none, ", "Correct its name."),
    "55P02": ("it cannot be made in a session, ", "Leave it out, or make it where the server starts."),
}


@dataclass(frozen=True)
class Identity:
    """As whom one statement is planned.

    role is put on where it is not "". settings are made after that, so with no more rights than it has, and then those
    of the configuration. missed names the role that runs the statement where it is planned as another and that may
    make a difference; reason says why, and may_be_granted that a GRANT would mend it.
    """

    role: str = ""
    settings: Mapping[str, str] = field(default_factory=dict)
    session: Mapping[str, str] = field(default_factory=dict)
    missed: str = ""
    reason: str = ""
    may_be_granted: bool = False

    def assume(self, transaction: Transaction) -> None:
        """Puts it on until the transaction ends. Raises NotDone where the server does not let us."""
        try:
            if self.role:
                # Bound as a value, so that it is a name whatever it holds.
                transaction.set_local(role=self.role)
            if self.settings:
                transaction.set_local(**self.settings)
        except _REFUSALS as error:
            raise NotAssumed(f"the server refused it with SQLSTATE {error.sqlstate}") from error
        try:
            if self.session:
                transaction.set_local(**self.session)
        except _REFUSALS as error:
            raise self._refused(error) from error

    def _refused(self, error: psycopg.Error) -> NotDone:
        """What became of the settings of the configuration; by name alone, since a value may be a secret."""
        message = error.diag.message_primary or ""
        named = sorted((message.find(name), -len(name), name) for name in self.session if name in message)
        name = named[0][2] if named else next(iter(self.session)) if len(self.session) == 1 else ""
        what = f"the setting {name}" if name else "a setting"
        why, remedy = WHY_REFUSED.get(error.sqlstate or "", ("", "Correct it or leave it out."))
        return NotDone(
            f"The server refused {what} of [session] in the configuration: {why}SQLSTATE {error.sqlstate}", remedy
        )

    def as_another(self) -> NotDone:
        """What the reader is to know of a plan that was made as another role than runs the statement."""
        return NotDone(
            f'Planned as another role than "{self.missed}", which runs it: {self.reason}. Policies or settings of that '
            "role may give it another plan",
            f"GRANT {quote_identifier(self.missed)} to the role." if self.may_be_granted else "",
        )


class NotAssumed(NotDone):
    """The server did not let us become a role, or make its settings."""


class Identities:
    """Finds out as whom statements are planned; each role is asked about once."""

    def __init__(self, session: Session, facts: Facts, settings: Mapping[str, str]) -> None:
        self._session = session
        self._facts = facts
        self._settings = dict(settings)
        self._by_role: dict[int, Identity] = {}
        self._guarded = [relation.name for relation in facts.relations.values() if relation.row_security]

    def of(self, candidate: Candidate) -> Identity:
        """As whom a statement is planned. Raises psycopg.OperationalError where the connection is lost."""
        role = candidate.role
        if role is None or role.name == self._facts.server.role:
            return Identity(session=self._settings)
        if role.oid not in self._by_role:
            self._by_role[role.oid] = self._identity(role)
        found = self._by_role[role.oid]
        # Where its settings could be made, only policies are left to make a difference.
        if found.missed and found.settings and not self._has_policies(candidate):
            return Identity(settings=found.settings, session=found.session)
        return found

    def refused(self, candidate: Candidate, error: NotAssumed) -> Identity:
        """Notes that the identity of a statement could not be assumed, and returns the one to plan it as instead."""
        if candidate.role is not None:
            name = candidate.role.name
            self._by_role[candidate.role.oid] = Identity(session=self._settings, missed=name, reason=error.reason)
        return Identity(session=self._settings)

    def may_not_write(self, candidate: Candidate) -> NotDone:
        """A write whose plan the server shows to nobody who may not make it, and that no SELECT stands for."""
        self.of(candidate)
        role = candidate.role
        found = None if role is None else self._by_role.get(role.oid)
        may_be_granted = role is not None and found is not None and found.may_be_granted
        return NotDone(
            "The server shows the plan of a write only to a role that may make it, which the collecting role may not, "
            "and no SELECT has a plan like it",
            f"GRANT {quote_identifier(role.name)} to the role: then it is planned as that one, and never executed."
            if role is not None and may_be_granted
            else "If its plan matters, collect as a role that may write to its tables: writes are never executed.",
        )

    def _identity(self, role: StatementRole) -> Identity:
        own = settings_of(self._facts.server, role.name)
        reason = self._why_not(role)
        if not reason:
            return Identity(role=role.name, settings=own, session=self._settings)
        # Its own settings are read by its policies, which are not ours; a path may name it.
        settings = {name: value for name, value in own.items() if not is_users_own(name)}
        settings["search_path"] = _path_as_another(settings["search_path"], role.name)
        missed = "" if self._facts.server.is_superuser and role.is_superuser else role.name
        return Identity(
            settings=settings,
            session=self._settings,
            missed=missed,
            reason=reason,
            may_be_granted=reason == _MAY_NOT_BECOME,
        )

    def _why_not(self, role: StatementRole) -> str:
        """Why a role may not be put on; "" where it may."""
        privilege = "SET" if self._session.connection.info.server_version >= _SET_OPTION_SINCE else "MEMBER"
        try:
            with self._session.transaction() as transaction:
                rows = ask(transaction, "role_to_plan_as", oid=role.oid, privilege=privilege)
        except psycopg.Error as error:
            raise_if_lost(self._session, error)
            return "whether it may be planned as that role could not be found out"
        if not rows or rows[0]["name"] != role.name:
            return "there is no such role any more"
        (row,) = rows
        if not row["may_set"]:
            return _MAY_NOT_BECOME if not row["is_stronger"] else _STRONGER
        if row["is_superuser"] or row["is_stronger"]:
            return _STRONGER
        return ""

    def _has_policies(self, candidate: Candidate) -> bool:
        """Whether tables with row security are in a statement, so that who runs it makes a difference to its plan."""
        shape = candidate.shape
        if shape is not None:
            relations = (self._facts.relations.get(relation.relation_oid) for relation in shape.relations)
            return any(relation is not None and relation.row_security for relation in relations)
        if not self._guarded:
            return False
        mentions = Mentions(candidate.text)
        return any(mentions.mention(name) for name in self._guarded)


def _path_as_another(path: str, role: str) -> str:
    """A role's search_path as text that means the same to another role."""
    return ", ".join(sql.Identifier(schema).as_string() for schema in split_path(path, role))
