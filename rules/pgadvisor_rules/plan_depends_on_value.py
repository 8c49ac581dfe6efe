"""Statements whose plan for unknown values is wrong for some of the values they meet."""

from __future__ import annotations

import itertools
from collections.abc import Iterator

from pgadvisor.rules_api import (
    Amount,
    Confidence,
    Evidence,
    Fact,
    Facts,
    Finding,
    Gap,
    Impact,
    Options,
    Rule,
    Severity,
    Statement,
    StatementPlan,
    Subject,
    SubjectKind,
    Unit,
    ValueChoice,
)
from pgadvisor_rules._common import window_evidence
from pgadvisor_rules._value_plans import Difference, described, differences

_RANGES = (ValueChoice.LOW, ValueChoice.HIGH)
_EQUALITIES = frozenset(("=", "in", "= any", "any"))
_NAMES = {
    ValueChoice.COMMON: "a common value",
    ValueChoice.RARE: "a rare value",
    ValueChoice.LOW: "values that few rows match",
    ValueChoice.HIGH: "values that many rows match",
    ValueChoice.LOGGED: "the values of a real call",
}
# A statement that is planned in less than this share of its calls runs plans that were kept.
_PLANNED_SHARE = 0.5


class PlanDependsOnValueOptions(Options, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """min_ratio and min_cost: the wrong plan must cost so many times as much, and so much more, in the planner's units.
    min_total_ms and min_share: the statement must take so much time over its window, and such a share of all time.
    """

    min_ratio: Amount = 10.0
    min_cost: Amount = 1_000.0
    min_total_ms: Amount = 500.0
    min_share: Amount = 0.005


def check(facts: Facts, options: PlanDependsOnValueOptions) -> Iterator[Finding | Gap]:
    """One finding per column whose value decides, with all the statements concerned."""
    least_ms = max(options.min_total_ms, options.min_share * facts.total_statement_ms)
    found: dict[str, list[tuple[Statement, Difference, str]]] = {}
    for statement in facts.statements.values():
        if statement.total_ms < least_ms or not facts.plans(statement.query_id) or _always_custom(facts, statement):
            continue
        worst = _worst(facts, statement, options)
        if worst is not None:
            identity, columns = _what_varies(facts, statement, worst)
            found.setdefault(identity, []).append((statement, worst, columns))
    for identity, cases in found.items():
        yield _finding(facts, identity, cases)


def _worst(facts: Facts, statement: Statement, options: PlanDependsOnValueOptions) -> Difference | None:
    """The difference that matters most: that of the plan for unknown values, where this one is wrong at all."""
    kept = _keeps_plans(facts, statement)
    matters = [
        each
        for each in differences(facts, statement)
        if each.ratio >= options.min_ratio
        and each.cost - each.by.root.total_cost >= options.min_cost
        and (kept or not each.avoided)
        # Every wide range costs more than a narrow one: that is news only where both run one plan.
        and ((kept and each.generic) or not _is_of_ranges(facts, statement, each))
    ]
    return max(matters, key=lambda each: (each.generic, each.ratio), default=None)


def _is_of_ranges(facts: Facts, statement: Statement, difference: Difference) -> bool:
    """Whether values differ, or are chosen, by how wide a range they leave; of real calls the statement tells."""
    choices = {difference.by.observed.values} | ({difference.dearer.observed.values} - {None})
    if ValueChoice.LOGGED not in choices:
        return bool(choices & set(_RANGES))
    varied = _varied(difference)
    predicates = getattr(facts.shapes.get(statement.query_id), "predicates", ())
    return not any(each.operator in _EQUALITIES and varied & set(each.parameters) for each in predicates)


def _varied(difference: Difference) -> set[int]:
    """Positions of the parameters that have other values, or had none."""
    values = {each.position: each.value for each in difference.dearer.observed.parameters}
    return {
        each.position
        for each in difference.by.observed.parameters
        if difference.generic or values.get(each.position) != each.value
    }


def _always_custom(facts: Facts, statement: Statement) -> bool:
    """Whether every role that runs a statement has it planned anew each time."""
    general = {setting.name: setting.value for setting in facts.server.settings}.get("plan_cache_mode", "auto")
    modes = [_mode_of(facts, role, general) for role in _roles(facts, statement)] or [general]
    return all(mode == "force_custom_plan" for mode in modes)


def _roles(facts: Facts, statement: Statement) -> list[str]:
    statements = facts.snapshot.statements
    if statements is None:
        return []
    names = {role.oid: role.name for role in statements.roles}
    entries = _entries(facts, statement)
    oids = {row.user_oid for row in statements.rows if row.query_id in entries}
    return sorted(names[oid] for oid in oids if oid in names)


def _entries(facts: Facts, statement: Statement) -> frozenset[str]:
    """The query ids of all entries that are one statement."""
    texts = () if facts.snapshot.statements is None else facts.snapshot.statements.texts
    others = (text.also for text in texts if text.query_id == statement.query_id)
    return frozenset((statement.query_id, *itertools.chain.from_iterable(others)))


def _mode_of(facts: Facts, role: str, general: str) -> str:
    own = [each for each in facts.server.overrides if each.name == "plan_cache_mode" and each.role == role]
    here = [each.value for each in own if each.database is not None] or [each.value for each in own]
    return here[0] if here else general


def _keeps_plans(facts: Facts, statement: Statement) -> bool:
    """Whether the server is known to run kept plans: it plans more seldom than it runs, or it was told to."""
    statements, entries = facts.snapshot.statements, _entries(facts, statement)
    rows = () if statements is None else statements.rows
    planned = sum(row.plans or 0 for row in rows if row.query_id in entries)
    if 0 < planned < _PLANNED_SHARE * statement.calls:
        return True
    general = {setting.name: setting.value for setting in facts.server.settings}.get("plan_cache_mode", "auto")
    modes = [_mode_of(facts, role, general) for role in _roles(facts, statement)] or [general]
    return "force_generic_plan" in modes


def _what_varies(facts: Facts, statement: Statement, worst: Difference) -> tuple[str, str]:
    """An identity, and the columns whose value decides."""
    varied = _varied(worst)
    schema, name = worst.relation
    relation = facts.relation_named(schema, name)
    root = None if relation is None else facts.root(relation.oid)
    schema, name = (schema, name) if root is None else (root.schema, root.name)
    predicates = getattr(facts.shapes.get(statement.query_id), "predicates", ())
    columns = sorted(
        {
            each.column
            for each in predicates
            if root is not None and each.relation_oid == root.oid and varied & set(each.parameters)
        }
    )
    listed = ", ".join(columns)
    return f"{schema}.{name}({listed})", listed


def _finding(facts: Facts, identity: str, cases: list[tuple[Statement, Difference, str]]) -> Finding:
    cases = sorted(cases, key=lambda case: (-case[0].total_ms, case[0].query_id))
    statement, worst, columns = max(cases, key=lambda case: (case[1].generic, case[0].total_ms))
    kept = any(each.generic and _keeps_plans(facts, one) for one, each, _ in cases)
    time_ms = sum(each.total_ms for each, _, _ in cases)
    schema, name = identity.rpartition("(")[0].split(".", 1)
    return Finding(
        subject=Subject(kind=SubjectKind.TABLE, schema=schema, relation=name),
        identity=identity,
        sentence=_sentence(worst, f"{schema}.{name}" + (f" ({columns})" if columns else ""), kept=kept),
        severity=Severity.WARNING if kept else Severity.INFO,
        confidence=Confidence.ESTIMATED if worst.scaled else Confidence.PROVED,
        evidence=_evidence(facts, statement, worst, time_ms, len(cases)),
        causes=(f"plans by value of {identity}",),
        query_ids=tuple(each.query_id for each, _, _ in cases),
        impact=Impact(time_ms=time_ms),
    )


def _sentence(worst: Difference, what: str, *, kept: bool) -> str:
    values = _NAMES[_choice(worst.by)]
    if not worst.generic:
        pair = f"{values} and {_NAMES[_choice(worst.dearer)]}"
        return f"On {what} {pair} need different plans, and the second costs {worst.ratio:.0f} times as much."
    about = "about " if worst.scaled else ""
    runs = "The server runs such plans." if kept else "Prepared statements may run it from their sixth call on."
    return (
        f"On {what} the plan for unknown values costs {about}{worst.ratio:.0f} times as much for {values} as the plan "
        f"made for them. {runs}"
    )


def _evidence(
    facts: Facts, statement: Statement, worst: Difference, time_ms: float, statements: int
) -> tuple[Evidence, ...]:
    dearer = "plan for unknown values" if worst.generic else f"plan for {_NAMES[_choice(worst.dearer)]}"
    evidence = [
        Evidence(label="time of the statements", value=round(time_ms, 1), unit=Unit.MILLISECONDS),
        Evidence(
            label="share of all statements' time", value=round(facts.share_of_time(time_ms), 4), unit=Unit.FRACTION
        ),
        window_evidence(facts.statements_window, "statements cover"),
        Evidence(label="statements", value=statements),
        Evidence(label="mean time", value=round(statement.mean_ms, 2), unit=Unit.MILLISECONDS),
        Evidence(label="slowest call", value=round(statement.max_ms, 2), unit=Unit.MILLISECONDS),
        Evidence(label=f"plan for {_NAMES[_choice(worst.by)]}", value=described(worst.by.root), unit=Unit.TEXT),
        Evidence(label="its cost", value=round(worst.by.root.total_cost, 2), unit=Unit.COST),
        Evidence(label=dearer, value=described(worst.dearer.root), unit=Unit.TEXT),
        Evidence(label="its cost for these values", value=round(worst.cost, 2), unit=Unit.COST),
    ]
    for parameter in worst.by.observed.parameters:
        evidence.append(Evidence(label=f"${parameter.position} is", value=parameter.source, unit=Unit.TEXT))
        evidence.append(
            Evidence(label=f"value of ${parameter.position}", value=parameter.value, unit=Unit.TEXT, holds_values=True)
        )
    return tuple(evidence)


def _choice(plan: StatementPlan) -> ValueChoice:
    return plan.observed.values or ValueChoice.LOGGED


RULE = Rule(
    id="PLN001",
    name="plan_depends_on_value",
    title="The right plan depends on the value",
    looks_for="Statements whose plan for unknown values costs many times as much, for a common or a rare value, as the "
    "plan made for that value, and statements whose plans for such values differ in shape and by much in cost.",
    why="A prepared statement, and every statement in a PL/pgSQL function, is planned for unknown values from its "
    "sixth call on if that looks no dearer than the plans before it did on average. With skewed values it is then slow "
    "for some, all of a sudden and without a change of anything. Where each value's own plan looks cheaper, the server "
    "keeps to those, and nothing is told unless it is seen to run the other.",
    fix="Have it planned for each value where it is prepared: ALTER ROLE ... SET plan_cache_mode = force_custom_plan, "
    "or ALTER FUNCTION ... SET for a function. Where the application asks for the rare value by name, write it as a "
    "constant and build a partial index for it, or split the statement in two. Where several columns go together, "
    "CREATE STATISTICS (mcv) tells the planner.",
    false_positives=(
        "An application that prepares nothing: each call is planned for its own value.",
        "A value that is never asked for: a rare or common value of the column need not be one of the queries.",
        "A constant of the application that is shown as a parameter: a plan for an unknown LIMIT is none "
        "that an application with LIMIT 10 in its text ever gets.",
    ),
    severity=Severity.INFO,
    confidence=Confidence.PROVED,
    needs=(Fact.CATALOG, Fact.STATEMENTS, Fact.PLANS),
    references=(
        "https://www.postgresql.org/docs/current/sql-prepare.html",
        "https://www.postgresql.org/docs/current/runtime-config-query.html#GUC-PLAN-CACHE-MODE",
        "https://www.postgresql.org/docs/current/planner-stats.html",
    ),
    options=PlanDependsOnValueOptions,
    check=check,
)
