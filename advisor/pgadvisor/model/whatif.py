"""Questions of "what if" and their answers: other indexes, other settings, the planner's cost of it."""

from __future__ import annotations

import enum
from typing import Any

from pgadvisor.model.base import Model
from pgadvisor.model.catalog import IndexDefinition


class PlannerKind(enum.StrEnum):
    """Which kind of planner answers."""

    LIVE = "live server"
    HYPOPG = "HypoPG"
    TWIN = "twin"
    RECORDED = "recorded"


class PlannerChoice(enum.StrEnum):
    """Which planner a user wants to be asked."""

    TWIN = "twin"
    HYPOPG = "hypopg"
    LIVE = "live"
    RECORDED = "recorded"


class PlannerIdentity(Model, frozen=True, kw_only=True):
    """Which planner gave an answer.

    version is that of the planner, such as "18.6", server_version that of the server whose plans it stands for.
    """

    kind: PlannerKind
    version: str
    server_version: str

    @property
    def same_major(self) -> bool:
        """Whether the planner is of the server's own major version; only then its answers can be exact."""
        return self.version.partition(".")[0] == self.server_version.partition(".")[0]


class IndexName(Model, frozen=True, kw_only=True):
    """An index that exists."""

    schema: str
    name: str


ConfigurationContents = tuple[frozenset[IndexDefinition], frozenset[IndexName], frozenset[tuple[str, str]]]


class Configuration(Model, frozen=True, kw_only=True):
    """What is otherwise than it is: indexes added, indexes gone, settings changed.

    It is hashed and compared with the order that its parts are named in: contents is what it is without. An index of a
    partitioned table stands for those of its partitions, added or gone with it.
    """

    create: tuple[IndexDefinition, ...] = ()
    drop: tuple[IndexName, ...] = ()
    settings: tuple[tuple[str, str], ...] = ()

    @property
    def contents(self) -> ConfigurationContents:
        """All of it, whatever the order in which it is named: no plan hangs on that, so answers are kept by it."""
        return frozenset(self.create), frozenset(self.drop), frozenset(self.settings)


AS_IS = Configuration()


class Shortfall(Model, frozen=True, kw_only=True):
    """Something of the audited server that a planner has not, or has otherwise, so that plans may differ.

    what names it, in a few words without an end ("extension postgis", "collation public.de"); reason is one sentence
    that says why and what stands in for it. relation_oids are the relations (of the snapshot) whose statements it
    touches, where there are events (insert, update, delete) only those that do one of these to them; names are words or
    operators, such as a function's name, whose mention in a text shows that a statement is touched; query_ids are
    statements that showed themselves to be touched when they were asked about; everywhere: it touches every statement.
    prevents: a statement that it touches cannot be planned, not only less well.
    """

    what: str
    reason: str
    relation_oids: tuple[int, ...] = ()
    events: tuple[str, ...] = ()
    names: tuple[str, ...] = ()
    query_ids: tuple[str, ...] = ()
    everywhere: bool = False
    prevents: bool = False


class IndexSize(Model, frozen=True, kw_only=True):
    """How large a planner takes an index that does not exist to be, None where it has no idea."""

    definition: IndexDefinition
    size_bytes: int | None


class WhatIfAnswer(Model, frozen=True, kw_only=True):
    """What a planner said of one statement under one configuration, kept so that it can be said again.

    values are the parameters' as text, None for unknown ones (a generic plan). role is the one that it was planned for,
    "" where that is not known. Without a plan refusal says why.
    """

    query_id: str
    role: str = ""
    configuration: Configuration
    planner: PlannerIdentity
    values: tuple[str | None, ...] | None = None
    plan: dict[str, Any] | None = None
    refusal: str = ""
