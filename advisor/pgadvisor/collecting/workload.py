"""The workload of one run: which statements are looked into, in all databases together, and their plans in each."""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from pgadvisor.facts import Facts
from pgadvisor.model.coverage import Fact, Gap, GapKind, Presence
from pgadvisor.model.plans import PlanMethod
from pgadvisor.model.shape import StatementKind, StatementShape
from pgadvisor.model.statements import SourceKind, StatementRow, Statements, StatementText
from pgadvisor.planner.observation import Runs
from pgadvisor.planner.observe import Candidate, observe
from pgadvisor.postgres.session import Session
from pgadvisor.postgres.statements import ServerStatements
from pgadvisor.postgres.texts import StatementId, Texts, read_texts
from pgadvisor.progress import Progress
from pgadvisor.snapshots.sources import nothing_counted, with_sources
from pgadvisor.snapshots.statement_delta import grown
from pgadvisor.workload.choose import choose_among
from pgadvisor.workload.folding import entries_of, folded
from pgadvisor.workload.plan_shape import understood_by_plans
from pgadvisor.workload.role_settings import costliest_roles, search_paths
from pgadvisor.workload.schema import SchemaView
from pgadvisor.workload.secrets import without_secrets
from pgadvisor.workload.shapes import understand_all
from pgadvisor.workload.sources.read import read_source

if TYPE_CHECKING:
    from pgadvisor.collecting.look import Look
    from pgadvisor.config import CollectConfig

# Statements left out that took a smaller share of the time, all together, are not worth a word.
NEGLIGIBLE_SHARE = 0.01
# How many more candidates than statements wanted: so many of the costliest may turn out to be this tool's own, or
# entries of one statement. With files to compare with, as many as pg_stat_statements.max is by default.
SPARE_CANDIDATES = 500
SPARE_FOR_FILES = 5_000
# Where all of them are entries of too few statements, so many times as many are read, and more at most twice.
_MORE = 8
_ROUNDS = 3
# Limits that are for all databases together; each gets its share of what is left by its part of the statements.
_SHARED_LIMITS = ("max_explains", "max_value_explains", "execute_max_statements", "execute_total_ms")


@dataclass
class Workload:
    """Statements of all databases of a run, read and chosen once.

    chosen are those looked into, the costliest first; failed is why their texts could not be had. to_plan counts, per
    database that is still to come, the statements whose plans are wanted; used is what has been taken from the limits
    that are for all of them. earlier is what statements had been counted at a first look, by database: then the
    costliest since are chosen.
    """

    config: CollectConfig
    statements: ServerStatements
    earlier: Mapping[int, Sequence[StatementRow]] = field(default_factory=dict)
    chosen: tuple[StatementId, ...] = ()
    failed: Gap | None = None
    to_plan: Counter[int] = field(default_factory=Counter)
    used: Counter[str] = field(default_factory=Counter)
    files: tuple[Path, ...] = ()
    files_read: bool = False
    known: dict[int, dict[str, StatementText]] = field(default_factory=dict)

    def choose(self, session: Session, progress: Progress) -> None:
        """Chooses the costliest statements of all databases and reads their texts.

        Whatever turns out to be this tool's own is taken off; entries that are one statement are chosen as one.
        """
        by_database = self.statements.by_database
        progress("Choosing statements")
        rows = {oid: grown(self.earlier.get(oid, ()), found.statements.rows) for oid, found in by_database.items()}
        texts, wanted = Texts(), self.config.statements + (SPARE_FOR_FILES if self.files else SPARE_CANDIDATES)
        for _ in range(_ROUNDS if self.config.statements else 0):
            candidates = choose_among(rows, wanted)
            progress("Reading statement texts", 0, len(candidates))
            texts = read_texts(session, self.statements.schema, sorted(by_database), candidates, len(candidates))
            self._fold(candidates, texts, rows)
            if self.failed is not None or len(self.chosen) >= self.config.statements or len(candidates) < wanted:
                break
            wanted *= _MORE
        self.to_plan = Counter(oid for oid, _ in self.chosen)
        for oid, found in by_database.items():
            found.statements = self.with_texts(oid, found.statements, texts)

    def _fold(
        self, candidates: Sequence[StatementId], texts: Texts, rows: Mapping[int, Sequence[StatementRow]]
    ) -> None:
        """Chooses the costliest statements, each with all its entries among the candidates."""
        self.failed = texts.failed
        others = [statement for statement in candidates if statement not in texts.own]
        total: dict[StatementId, float] = defaultdict(float)
        for oid, each in rows.items():
            for row in each:
                total[oid, row.query_id] += row.total_ms
        costs: dict[StatementId, float] = {}
        for oid in rows:
            found = folded([texts.text(statement) for statement in others if statement[0] == oid], rows[oid])
            self.known[oid] = {text.query_id: text for text in found}
            costs.update(((oid, text.query_id), sum(total[oid, each] for each in entries_of(text))) for text in found)
        order = sorted(costs, key=lambda statement: (-costs[statement], statement[1], statement[0]))
        self.chosen = tuple(order[: self.config.statements])

    def with_texts(self, oid: int, statements: Statements, texts: Texts) -> Statements:
        """The statements of a database with the texts of those chosen, without this tool's own."""
        rows = tuple(row for row in statements.rows if (oid, row.query_id) not in texts.own)
        return msgspec.structs.replace(
            statements,
            rows=rows,
            own_entries=len(statements.rows) - len(rows),
            texts=tuple(_harmless(self._text(statement, texts)) for statement in self.chosen if statement[0] == oid),
        )

    def _text(self, statement: StatementId, texts: Texts) -> StatementText:
        oid, query_id = statement
        return self.known.get(oid, {}).get(query_id) or texts.text(statement)

    def add_files(self, look: Look, progress: Progress) -> None:
        """Puts statements of files and logs among those of a database that was just read.

        What does not say of which database it is counts for the first one. Raises SourceError.
        """
        collected = look.collected
        server = collected.server
        if not self.files or server is None:
            return
        sources = [read_source(path, server.database, progress) for path in self.files]
        if self.files_read:
            sources = [each for each in sources if each.source.kind is not SourceKind.SQL_FILE]
        self.files_read = True
        statements = collected.statements or nothing_counted(server.collected_at, sources)
        known = tuple(map(_harmless, self.known.get(server.database_oid, {}).values())) or statements.texts
        merged = with_sources(statements, sources, known, self.config.statements)
        collected.statements = merged.statements
        collected.gaps += merged.gaps
        look.observation.plans += merged.plans
        if collected.presence.get(Fact.STATEMENTS, Presence.ABSENT) is Presence.ABSENT:
            collected.presence[Fact.STATEMENTS] = Presence.PARTIAL
        self.to_plan[server.database_oid] += len(merged.statements.texts) - len(statements.texts)

    def limits(self, database_oid: int) -> CollectConfig:
        """The limits of one database: its share of what is left, by its part of the statements still to plan."""
        part, total = self.to_plan[database_oid], self.to_plan.total()
        left = {name: max(getattr(self.config, name) - self.used[name], 0) for name in _SHARED_LIMITS}
        shares = {name: math.ceil(amount * part / total) if total else 0 for name, amount in left.items()}
        return msgspec.structs.replace(self.config, **shares)

    def skip(self, database_oid: int) -> None:
        """Nothing more is planned in a database; the others share what is left."""
        del self.to_plan[database_oid]

    def spent(self, look: Look, database_oid: int) -> None:
        """Takes what a database has used from what is left for the others."""
        self.skip(database_oid)
        observation = look.observation
        self.used["max_explains"] += observation.explained + observation.executed
        self.used["max_value_explains"] += observation.value_explains
        self.used["execute_max_statements"] += observation.executed
        self.used["execute_total_ms"] += math.ceil(observation.executed_ms)


def _harmless(text: StatementText) -> StatementText:
    """A text as a snapshot may hold it, without passwords."""
    return text if text.text is None else msgspec.structs.replace(text, text=without_secrets(text.text))


def read_workload(look: Look, workload: Workload, progress: Progress) -> None:
    """Shapes of the chosen statements of one database, and the plans the server shows for them."""
    collected, server, statements = look.collected, look.collected.server, look.collected.statements
    if statements is None or server is None:
        return
    texts = statements.texts
    hidden = [text for text in texts if text.text is None]
    if workload.failed is not None:
        _note_failure(look, workload.failed)
    else:
        collected.gaps += [
            Gap(fact=Fact.STATEMENT_TEXTS, scope=f"statement {text.query_id}", reason=text.reason) for text in hidden
        ]
    collected.presence[Fact.STATEMENT_TEXTS] = _presence(len(texts) - len(hidden), len(texts))
    _note_the_rest(look, statements)
    snapshot = look.snapshot()
    schema = SchemaView(snapshot.catalog, snapshot.server.search_path)
    shapes, missed = understand_all(texts, schema, progress, search_paths(snapshot))
    collected.presence[Fact.SHAPES] = _presence(len(shapes), len(texts) - len(hidden))
    facts = Facts(snapshot, shapes)
    candidates = _candidates(facts, shapes)
    if not workload.config.max_explains:
        collected.gaps.append(
            Gap(
                fact=Fact.PLANS,
                scope="",
                reason="No EXPLAIN was allowed",
                remedy="Raise --max-explains.",
                kind=GapKind.LIMIT,
            )
        )
        return
    observation = look.observation
    try:
        observe(look.session, candidates, facts, workload.limits(server.database_oid), progress, observation)
    finally:
        workload.spent(look, server.database_oid)
        understood_by_plans(shapes, missed, observation.plans, schema)
        collected.presence[Fact.SHAPES] = _presence(len(shapes), len(texts) - len(hidden))
        planned = {plan.query_id for plan in observation.plans}
        executed = {plan.query_id for plan in observation.plans if plan.method is PlanMethod.EXECUTED}
        wanted = len(candidates) + len(hidden)
        collected.presence[Fact.PLANS] = _presence(len(planned), wanted)
        collected.presence[Fact.EXECUTED_PLANS] = _presence(len(executed), wanted)


def _candidates(facts: Facts, shapes: dict[str, StatementShape]) -> list[Candidate]:
    statements = facts.snapshot.statements
    roles = {} if statements is None else costliest_roles(statements)
    counted = {} if statements is None else _counted(statements)
    return [
        Candidate(
            query_id=statement.query_id,
            text=statement.text,
            shape=shapes.get(statement.query_id),
            calls=statement.calls,
            mean_ms=statement.mean_ms,
            max_ms=statement.max_ms,
            rows=statement.rows,
            role=roles.get(statement.query_id),
            counted=counted.get(statement.query_id),
        )
        for statement in facts.statements.values()
        if statement.text is not None and not _is_utility(shapes.get(statement.query_id))
    ]


def _counted(statements: Statements) -> dict[str, Runs]:
    """What the server itself has counted of the statements that files say something of, which have rows of no role."""
    same = {other: text.query_id for text in statements.texts for other in text.also}
    rows: dict[str, list[StatementRow]] = defaultdict(list)
    told = set[str]()
    for row in statements.rows:
        query_id = same.get(row.query_id, row.query_id)
        if row.user_oid:
            rows[query_id].append(row)
        else:
            told.add(query_id)
    return {query_id: _runs(rows[query_id]) for query_id in told}


def _runs(rows: Sequence[StatementRow]) -> Runs:
    calls = sum(row.calls for row in rows)
    return Runs(
        calls=calls,
        mean_ms=sum(row.total_ms for row in rows) / calls if calls else 0.0,
        max_ms=max((row.max_ms for row in rows), default=0.0),
    )


def _note_failure(look: Look, failed: Gap) -> None:
    """One refusal of all texts, which also leaves it open which statements are this tool's own."""
    reason = f"{failed.reason}; statements of this tool itself are among the others"
    look.collected.gaps.append(msgspec.structs.replace(failed, reason=reason))
    if look.collected.presence.get(Fact.STATEMENTS) is Presence.PRESENT:
        look.collected.presence[Fact.STATEMENTS] = Presence.PARTIAL


def _note_the_rest(look: Look, statements: Statements) -> None:
    """A gap for the statements that were not chosen, if they took time worth speaking of."""
    # Nested statements lie within the time of those that call them.
    rows = [row for row in statements.rows if row.toplevel is not False]
    looked_into = {query_id for text in statements.texts for query_id in (text.query_id, *text.also)}
    rest = {row.query_id for row in rows} - looked_into
    rest_ms = sum(row.total_ms for row in rows if row.query_id in rest)
    total_ms = sum(row.total_ms for row in rows)
    if rest and rest_ms > NEGLIGIBLE_SHARE * total_ms:
        look.collected.gaps.append(
            Gap(
                fact=Fact.PLANS,
                scope=f"{len(rest)} statements",
                reason=f"They are not among the {len(statements.texts)} costliest, but took {rest_ms / total_ms:.0%} "
                "of the time",
                remedy="Raise --statements.",
                kind=GapKind.LIMIT,
            )
        )


def _is_utility(shape: StatementShape | None) -> bool:
    """Whether a statement has no plan, so that not seeing one is no gap."""
    return shape is not None and shape.kind is StatementKind.UTILITY


def _presence(seen: int, wanted: int) -> Presence:
    if seen == wanted:
        return Presence.PRESENT
    return Presence.PARTIAL if seen else Presence.ABSENT
