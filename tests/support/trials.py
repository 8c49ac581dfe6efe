"""Reports made by hand for trials on a copy: recommendations, what was promised of them, and their statements."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
from psycopg import sql

from pgadvisor.model.base import Confidence, Severity
from pgadvisor.model.catalog import IndexDefinition, IndexKey
from pgadvisor.model.effects import Effect, TimeRange
from pgadvisor.model.index_advice import AdvisedIndex, IndexPrice, StatementEffect, WorkloadEffect
from pgadvisor.model.proposals import CreateIndex, Proposal
from pgadvisor.model.report import Rate, RateUnit, Recommendation, Report, Source, StatementView, Tool, Trust
from support.databases import Database
from support.reports import anchor

AUDITED_AT = datetime(2031, 1, 1, tzinfo=UTC)
_NOTHING = TimeRange(low_ms=0.0, high_ms=None)
_EFFECT = WorkloadEffect(gain=1, lose=0, cost_before=1.0, cost_after=1.0, before_ms=1.0, estimated=_NOTHING)


def mark(database: Database, value: str = "yes") -> None:
    """Says that a database is a copy."""
    database.execute(
        sql.SQL("ALTER DATABASE {} SET pgadvisor.copy = {}").format(sql.Identifier(database.name), sql.Literal(value))
    )


def create(table: str, *keys: str | IndexKey, schema: str = "public", **more: Any) -> CreateIndex:
    """An index to create; strings are columns."""
    columns = tuple(IndexKey(column=key) if isinstance(key, str) else key for key in keys)
    return CreateIndex(definition=IndexDefinition(schema=schema, table=table, keys=columns, **more))


def recommended(
    number: int, proposal: Proposal, promised: Mapping[str, float] | None = None, size_bytes: int | None = None
) -> Recommendation:
    """A recommendation; promised are ratios of cost by statement, None where no planner was asked."""
    advised = None
    if promised is not None and not isinstance(proposal, CreateIndex):
        raise ValueError("promises are made of new indexes here")
    if promised is not None and isinstance(proposal, CreateIndex):
        effects = tuple(
            StatementEffect(
                query_id=query_id,
                anchor=anchor(query_id),
                calls=100,
                total_ms=1_000.0,
                effect=Effect.GAINS if ratio < 1 else Effect.LOSES,
                cost_before=1_000.0,
                cost_after=1_000.0 * ratio,
                worst=ratio,
                estimated=TimeRange(low_ms=0.0, high_ms=1_000.0 * ratio**0.5)
                if ratio < 1
                else TimeRange(low_ms=1_000.0 * ratio**0.5, high_ms=None),
            )
            for query_id, ratio in promised.items()
        )
        advised = AdvisedIndex(
            proposal=proposal,
            name=f"idx_{number}",
            price=IndexPrice(size_bytes=size_bytes),
            alone=_EFFECT,
            together=_EFFECT,
            effects=effects,
        )
    return Recommendation(
        key=f"r{number}",
        anchor=anchor(f"r{number}"),
        rank=number,
        title=f"Recommendation {number}",
        proposal=proposal,
        steps=(),
        confidence=Confidence.PROVED,
        proof="A planner said so.",
        severity=Severity.WARNING,
        advised=advised,
    )


def statement(query_id: str, text: str | None, *relations: str, calls: int = 100, **more: Any) -> StatementView:
    """A statement that took 10 ms a call."""
    return StatementView(
        query_id=query_id,
        anchor=anchor(query_id),
        text=text,
        calls=calls,
        total_ms=calls * 10.0,
        mean_ms=10.0,
        max_ms=20.0,
        rows=calls,
        share=0.1,
        time=Rate(total=calls * 10.0, value=calls * 10.0, per=RateUnit.TOTAL),
        understood=True,
        relations=relations,
        **more,
    )


def trial_report(
    recommendations: Sequence[Recommendation], statements: Sequence[StatementView], **source: Any
) -> Report:
    """A report on a server that was looked at when every server of the tests had been running for long."""
    fields: dict[str, Any] = {
        "server_version": "18.0",
        "database": "shop",
        "role": "monitor",
        "is_superuser": False,
        "host": "db.example.com",
        "port": 5432,
        "in_recovery": False,
        "started_at": AUDITED_AT - timedelta(days=30),
        "collected_at": AUDITED_AT,
        "database_size_bytes": None,
        "address": "192.0.2.7",
        "address_port": 5432,
        "system_identifier": "1",
    }
    return Report(
        tool=Tool(name="pgadvisor", version="0"),
        source=Source(**(fields | source)),
        trust=Trust(counters_window=None, statements_window=None),
        recommendations=tuple(recommendations),
        statements=tuple(statements),
    )


def written(report: Report, folder: Path) -> Path:
    """The report as a file."""
    path = folder / "report.json"
    path.write_bytes(msgspec.json.encode(report))
    return path


def relations_of(database: Database) -> list[tuple[Any, ...]]:
    """Every relation of a database with what a trial could change of it."""
    database.execute("SELECT pg_catalog.pg_stat_clear_snapshot()")
    return database.execute(
        "SELECT c.oid, c.relname, c.relkind, c.relfilenode, c.relowner, d.description FROM pg_class c"
        " LEFT JOIN pg_description d ON d.objoid = c.oid WHERE c.oid >= 16384 ORDER BY c.oid"
    )
