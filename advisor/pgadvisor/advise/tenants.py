"""A schema for each tenant: many copies of the same tables are one subject, with one finding and one recommendation."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Sequence

import msgspec

from pgadvisor.advise.keys import anchor
from pgadvisor.advise.recommend import table_of
from pgadvisor.facts import Facts
from pgadvisor.model.findings import Evidence, Finding, Impact, Outcome, Unit
from pgadvisor.model.report import Recommendation, Step

# From so many schemas on that hold a table of the same name and columns, these are copies of one.
MIN_SCHEMAS = 3
# The SQL of so many schemas is written out.
MAX_WRITTEN_OUT = 200
MAX_STATEMENTS = 20
_ANY = "*"

Family = dict[tuple[str, str], int]


def families(facts: Facts) -> Family:
    """Tables that stand with the same columns in several schemas, by schema and name, with its family's number."""
    alike: dict[tuple[object, ...], list[tuple[str, str]]] = defaultdict(list)
    for relation in facts.relations.values():
        columns = tuple((column.name, column.type_name) for column in facts.columns(relation.oid))
        alike[relation.name, relation.kind, columns].append((relation.schema, relation.name))
    return {
        table: number
        for number, tables in enumerate(tables for tables in alike.values() if len(tables) >= MIN_SCHEMAS)
        for table in tables
    }


def folded(outcomes: Sequence[Outcome], facts: Facts) -> tuple[Outcome, ...]:
    """The outcomes, with what a rule found alike in copies of one table as one finding that proposes for all."""
    family = families(facts)
    if not family:
        return tuple(outcomes)
    return tuple(msgspec.structs.replace(outcome, findings=_folded(outcome.findings, family)) for outcome in outcomes)


def _folded(findings: Sequence[Finding], family: Family) -> tuple[Finding, ...]:
    groups: dict[object, list[Finding]] = {}
    for number, finding in enumerate(findings):
        subject = finding.subject
        member = family.get((subject.schema, subject.relation))
        alike = (member, subject.kind, without_schema(finding.identity, subject.schema))
        groups.setdefault(number if member is None else alike, []).append(finding)
    return tuple(group[0] if len(group) == 1 else _as_one(group) for group in groups.values())


def _as_one(findings: Sequence[Finding]) -> Finding:
    """The weightiest of them speaks for all."""
    first = min(findings, key=_weight)
    rest = [finding for finding in findings if finding is not first]
    schema, others = first.subject.schema, [finding.subject.schema for finding in rest]
    word = "schema" if len(others) == 1 else "schemas"
    return msgspec.structs.replace(
        first,
        identity=without_schema(first.identity, schema),
        sentence=f"{first.sentence} The same holds in {len(others)} other {word} with the same table; the "
        f"evidence below is that of schema {schema}, the impact that of all {len(findings)}.",
        severity=min((finding.severity for finding in findings), key=lambda severity: severity.rank),
        evidence=(
            Evidence(label="schemas with this table and problem", value=len(findings), unit=Unit.COUNT),
            *first.evidence,
        ),
        causes=tuple(without_schema(cause, schema) for cause in first.causes),
        proposals=tuple(proposal for finding in (first, *rest) for proposal in finding.proposals),
        query_ids=tuple(dict.fromkeys(q for finding in (first, *rest) for q in finding.query_ids))[:MAX_STATEMENTS],
        impact=Impact(
            time_ms=_sum([finding.impact.time_ms for finding in findings]),
            bytes=_whole(_sum([finding.impact.bytes for finding in findings])),
            writes=_whole(_sum([finding.impact.writes for finding in findings])),
        ),
        copies=tuple(sorted(others)),
    )


def _weight(finding: Finding) -> tuple[object, ...]:
    impact = finding.impact
    return (
        finding.severity.rank,
        -(impact.time_ms or 0.0),
        -(impact.bytes or 0),
        -(impact.writes or 0),
        finding.confidence.rank,
        finding.subject.schema,
    )


def _sum(amounts: Sequence[float | None]) -> float | None:
    known = [amount for amount in amounts if amount is not None]
    return sum(known) if known else None


def _whole(amount: float | None) -> int | None:
    return None if amount is None else int(amount)


def without_schema(text: str, schema: str) -> str:
    """The text with a schema's name, where it qualifies another name, made that of any."""
    return re.sub(rf"(?<![\w.\"]){re.escape(schema)}\.", f"{_ANY}.", text)


def folded_recommendations(
    recommendations: Sequence[Recommendation],
) -> tuple[Recommendation, ...]:
    """The recommendations, with those for copies of one table as one whose SQL is that of the first of them.

    The SQL of the others stands by itself, in `copy_steps`. Only what serves the same findings is put together. Where
    tables of one name are copies of several, as when half of the tenants have a new column, the keys of the others are
    numbered, as those of findings are.
    """
    groups: dict[tuple[tuple[str, ...], str], list[Recommendation]] = {}
    for item in recommendations:
        groups.setdefault((item.findings, _without_its_schema(item)), []).append(item)
    taken: Counter[str] = Counter()
    one_each = []
    for (_, key), group in groups.items():
        if len(group) == 1:
            one_each.append(group[0])
            continue
        taken[key] += 1
        one_each.append(_one_for_all(group, key if taken[key] == 1 else f"{key}#{taken[key]}"))
    return tuple(msgspec.structs.replace(item, rank=rank) for rank, item in enumerate(one_each, start=1))


def _without_its_schema(item: Recommendation) -> str:
    verb, colon, identity = item.key.partition(":")
    return verb + colon + without_schema(identity, table_of(item.proposal)[0])


def _one_for_all(items: Sequence[Recommendation], key: str) -> Recommendation:
    first, written = items[0], items[:MAX_WRITTEN_OUT]
    others = [table_of(item.proposal)[0] for item in items[1:]]
    caveats = list(first.caveats)
    if first.checks:
        caveats.append(
            f"The checks are those of schema {table_of(first.proposal)[0]}: put another name in its place before "
            "and after the SQL for that one."
        )
    if len(items) > len(written):
        caveats.append(
            f"The SQL is that for {len(written)} of {len(items)} schemas; --schema NAME shows that for any of them."
        )
    return msgspec.structs.replace(
        first,
        key=key,
        anchor=anchor(f"do:{key}"),
        title=f"{first.title}, and so in {len(others)} other schema{'s' if len(others) > 1 else ''}",
        caveats=tuple(caveats),
        gain=_added([item.gain for item in items]),
        price=_added([item.price for item in items]),
        severity=min((item.severity for item in items), key=lambda severity: severity.rank),
        copies=tuple(others),
        copy_steps=_in_one_session([step for item in written[1:] for step in item.steps]),
    )


def _in_one_session(steps: Sequence[Step]) -> tuple[Step, ...]:
    """The steps of several copies one after the other: what prepares the session is said where it changes."""
    kept: list[Step] = []
    prepared: Step | None = None
    for step in steps:
        if step.prepares:
            if step == prepared:
                continue
            prepared = step
        kept.append(step)
    return tuple(kept)


def _added(figures: Sequence[Sequence[Evidence]]) -> tuple[Evidence, ...]:
    """Figures of the same label added up; what is no number is that of the first."""
    added: dict[str, Evidence] = {}
    for figure in (figure for each in figures for figure in each):
        known = added.get(figure.label)
        if known is None:
            added[figure.label] = figure
        elif isinstance(known.value, int | float) and isinstance(figure.value, int | float):
            added[figure.label] = msgspec.structs.replace(known, value=round(known.value + figure.value, 1))
    return tuple(added.values())
