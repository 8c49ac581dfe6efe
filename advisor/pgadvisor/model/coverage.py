"""What was seen, what was not and why: gaps travel from the query file to the page."""

from __future__ import annotations

import enum

from pgadvisor.model.base import Model

# The scope of the gap in the connection that Ctrl-C leaves.
INTERRUPTED = "interrupted"


class Fact(enum.StrEnum):
    """The facts a snapshot can hold; rules name those they need."""

    CONNECTION = "connection"
    SERVER = "server"
    SETTINGS = "settings"
    SETTING_OVERRIDES = "setting_overrides"
    CATALOG = "catalog"
    DEFINITIONS = "definitions"
    OBJECTS = "objects"
    COLUMN_STATISTICS = "column_statistics"
    EXTENDED_STATISTICS = "extended_statistics"
    TABLE_COUNTERS = "table_counters"
    INDEX_COUNTERS = "index_counters"
    DATABASE_COUNTERS = "database_counters"
    SERVER_COUNTERS = "server_counters"
    SIZES = "sizes"
    ACTIVITY = "activity"
    SESSIONS = "sessions"
    REPLICATION = "replication"
    PROGRESS = "progress"
    STATEMENTS = "pg_stat_statements"
    STATEMENT_TEXTS = "statement_texts"
    SHAPES = "shapes"
    PLANS = "plans"
    EXECUTED_PLANS = "executed_plans"
    INDEX_ADVICE = "index_advice"


class Presence(enum.StrEnum):
    """How much of a fact was collected."""

    PRESENT = "present"
    PARTIAL = "partial"
    ABSENT = "absent"


class GapKind(enum.StrEnum):
    """Why something was not seen, as a word for a table; the sentence is the gap's reason."""

    NOT_OFFERED = "not in this version"
    HIDDEN = "hidden from this role"
    NOT_INSTALLED = "not installed"
    SWITCHED_OFF = "switched off"
    TIMED_OUT = "timed out"
    LOCKED = "locked"
    LIMIT = "left out by a limit"
    CUT_SHORT = "cut short"
    OTHER = "not read"


class Gap(Model, frozen=True, kw_only=True):
    """Something that was not seen.

    fact: which kind of knowledge is missing. scope: on what (a qualified name, a query id, or "" for all
    of it). reason: one sentence. remedy: what the reader can do about it (the GRANT, the option, the command), or ""
    where nothing helps.
    """

    fact: Fact
    scope: str
    reason: str
    remedy: str = ""
    kind: GapKind = GapKind.OTHER


class FactCoverage(Model, frozen=True, kw_only=True):
    """How far one fact is covered."""

    fact: Fact
    presence: Presence


class Footprint(Model, frozen=True, kw_only=True):
    """What looking cost the server.

    server_ms is the time spent waiting for the server's answers, an upper bound of its work.
    statement_entries is how many entries our own statements added to pg_stat_statements at most.
    scans_added counts, per qualified relation, the scans that executed plans added to its counters.
    """

    server_ms: float = 0.0
    transactions: int = 0
    queries: int = 0
    explained: int = 0
    executed: int = 0
    executed_ms: float = 0.0
    longest_transaction_ms: float = 0.0
    peak_locks: int | None = None
    statement_entries: int = 0
    scans_added: dict[str, int] = {}


class Coverage(Model, frozen=True, kw_only=True):
    """Coverage of a snapshot: which facts, which gaps, at what price."""

    facts: tuple[FactCoverage, ...] = ()
    gaps: tuple[Gap, ...] = ()
    footprint: Footprint = Footprint()

    def presence(self, fact: Fact) -> Presence:
        """How far the fact is covered; a fact nobody reported on is absent."""
        for entry in self.facts:
            if entry.fact is fact:
                return entry.presence
        return Presence.ABSENT

    @property
    def interrupted(self) -> bool:
        """Whether the user ended the run: the gap in the connection says so by its scope."""
        return any(gap.fact is Fact.CONNECTION and gap.scope == INTERRUPTED for gap in self.gaps)
