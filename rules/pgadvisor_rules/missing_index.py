"""Indexes that the planner would use and that nobody has asked for yet."""

from __future__ import annotations

from collections.abc import Iterator

from pgadvisor.indexes.identity import masked_definition
from pgadvisor.rules_api import (
    AdvisedIndex,
    Amount,
    Confidence,
    Evidence,
    Fact,
    Facts,
    Finding,
    Gap,
    Impact,
    IndexAdvice,
    IndexDefinition,
    Options,
    Rule,
    Severity,
    Subject,
    SubjectKind,
    Unit,
    definition_identity,
)
from pgadvisor_rules._common import window_evidence

# Reasons of statements without a plan that are told.
MAX_REASONS = 5


class MissingIndexOptions(Options, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """min_share: an index that spares at least this share of all the time spent is a warning, others information."""

    min_share: Amount = 0.005


def check(facts: Facts, options: MissingIndexOptions) -> Iterator[Finding | Gap]:
    """One finding per index that the advisor chose and no other finding asks for."""
    if facts.advice is None:
        return
    yield from _not_seen(facts.advice.advice)
    for advised in facts.advice.created:
        if not advised.findings:
            yield _finding(facts, advised, options)


def _not_seen(advice: IndexAdvice) -> Iterator[Gap]:
    """Statements that the planner did not plan, the commonest reasons, and what ended the search."""
    for reason in advice.not_planned[:MAX_REASONS]:
        count = "1 statement" if reason.statements == 1 else f"{reason.statements} statements"
        yield Gap(fact=Fact.INDEX_ADVICE, scope=count, reason=f"The planner gave no plan: {reason.reason}")
    if advice.cut_short:
        yield Gap(
            fact=Fact.INDEX_ADVICE,
            scope="",
            reason=f"The search for indexes ended before it was done: {advice.cut_short}",
            remedy="Raise max_explains or max_seconds in [indexes] of the configuration; where the audited "
            "server itself is asked, max_server_time_s in [collect].",
        )


def _finding(facts: Facts, advised: AdvisedIndex, options: MissingIndexOptions) -> Finding:
    definition = masked_definition(advised.proposal.definition)
    together = advised.together
    spared_ms = max(together.before_ms - (together.estimated.high_ms or together.before_ms), 0.0)
    gaining = [each for each in advised.effects if each.effect == "gains"]
    taken_ms = sum(each.total_ms for each in gaining)
    share = facts.share_of_time(spared_ms)
    first = definition.key_columns[0] if definition.key_columns else None
    table = f"{definition.schema}.{definition.table}"
    return Finding(
        subject=Subject(kind=SubjectKind.TABLE, schema=definition.schema, relation=definition.table),
        identity=definition_identity(definition),
        sentence=_sentence(table, definition, together.gain),
        severity=Severity.WARNING if share >= options.min_share else Severity.INFO,
        confidence=Confidence.PROVED if _is_exact(facts, advised) else Confidence.ESTIMATED,
        evidence=(
            Evidence(label="statements that gain", value=together.gain),
            Evidence(label="executions of these", value=sum(each.calls for each in gaining)),
            Evidence(label="time in these statements", value=round(taken_ms, 1), unit=Unit.MILLISECONDS),
            Evidence(label="of it spared, at least", value=round(spared_ms, 1), unit=Unit.MILLISECONDS),
            Evidence(label="share of all statements' time", value=round(share, 4), unit=Unit.FRACTION),
            window_evidence(facts.statements_window, "statements cover"),
            Evidence(
                label="their cost before", value=round(sum(each.cost_before for each in gaining), 1), unit=Unit.COST
            ),
            Evidence(
                label="their cost after", value=round(sum(each.cost_after for each in gaining), 1), unit=Unit.COST
            ),
            Evidence(label="statements that lose", value=together.lose),
            Evidence(label="size of the index, estimated", value=advised.price.size_bytes, unit=Unit.BYTES),
        ),
        causes=tuple(dict.fromkeys((f"{table}({_columns(definition)})", f"{table}({first or _columns(definition)})"))),
        proposals=(advised.proposal,),
        query_ids=tuple(each.query_id for each in gaining) or advised.query_ids,
        impact=Impact(time_ms=taken_ms),
    )


def _is_exact(facts: Facts, advised: AdvisedIndex) -> bool:
    """Whether the planner is of the server's own version, and has all that the statements that gain need."""
    known = facts.advice is not None and facts.advice.advice.planner.same_major
    return known and not any(each.marks for each in advised.effects if each.effect == "gains")


def _columns(definition: IndexDefinition) -> str:
    return ", ".join(
        (key.column if key.column is not None else key.expression or "") + (" desc" if key.descending else "")
        for key in definition.keys
    )


def _sentence(table: str, definition: IndexDefinition, gain: int) -> str:
    article = "an" if definition.access_method == "btree" else f"a {definition.access_method}"
    include = f" including ({', '.join(definition.include)})" if definition.include else ""
    where = f" where {definition.predicate}" if definition.predicate else ""
    who = "A statement" if gain == 1 else f"{gain} statements"
    return f"{who} would use {article} index on {table} ({_columns(definition)}){include}{where}, which there is not."


RULE = Rule(
    id="IDX008",
    name="missing_index",
    title="Index that statements would use",
    looks_for="Indexes that the index advisor chose for the whole workload: the planner uses them, and what they spare "
    "is more than what it costs to keep them. What another finding asks for as well is told there.",
    why="Without the index its statements read, join or sort far more rows than they return, at every execution.",
    fix="Build the index proposed. The proof names the statements that gain, with their plans before and after; the "
    "price says what the index costs in disk and at every write.",
    false_positives=(
        "Costs are the planner's: where its estimates of rows are wrong, so is the gain.",
        "Statements that run in a maintenance window only, and may take their time.",
        "Writes that are still to come, such as a load at the end of the month, are not in the price.",
    ),
    severity=Severity.WARNING,
    confidence=Confidence.PROVED,
    needs=(Fact.CATALOG, Fact.STATEMENTS, Fact.INDEX_ADVICE),
    references=(
        "https://www.postgresql.org/docs/current/indexes-examine.html",
        "https://www.postgresql.org/docs/current/indexes-multicolumn.html",
        "https://www.postgresql.org/docs/current/using-explain.html",
    ),
    options=MissingIndexOptions,
    check=check,
)
