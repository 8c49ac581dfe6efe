"""How far a recommendation is proved, and by what, in words."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from pgadvisor.advise.decide import Decision
from pgadvisor.advise.handing_over import FOR_KNOWN_VALUES
from pgadvisor.advise.statement_words import as_much
from pgadvisor.indexes.identity import masked_definition
from pgadvisor.model.base import Confidence
from pgadvisor.model.effects import Effect
from pgadvisor.model.index_advice import AdvisedIndex, IndexAdvice
from pgadvisor.model.proposals import CreateIndex, DropIndex, Proposal
from pgadvisor.model.whatif import PlannerIdentity, PlannerKind

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pgadvisor.facts import Facts
    from pgadvisor.model.index_advice import StatementEffect

# Statements that could not be planned are named, so many of them.
_NAMED = 3

_UNTRIED = {
    Confidence.MEASURED: "The problem was measured by executing a statement; the change itself was not tried.",
    Confidence.PROVED: "The problem is what the planner says; the change itself was not tried.",
    Confidence.ESTIMATED: "Estimated from statistics and counters; the change itself was not tried.",
    Confidence.HEURISTIC: "Read off the structure alone; the change itself was not tried.",
}

_UNPRICED = " What it takes to be written is not known and was not weighed: nobody counted how much is."


def confidence_of(decision: Decision, facts: Facts) -> Confidence:
    """How sure a recommendation is: what it creates as the planner proves it, what it drops never more than estimated.

    What the planner proved is proved where it is of the server's own version and has all that the statements need, and
    where it is known what writing the index takes.
    """
    found = min((each.finding.confidence for each in decision.findings), key=lambda each: each.rank)
    if isinstance(decision.proposal, DropIndex):
        return max(found, Confidence.ESTIMATED, key=lambda each: each.rank)
    if decision.advised is None or facts.advice is None:
        return found
    gaining = [each for each in decision.advised.effects if each.effect is Effect.GAINS]
    exact = facts.advice.advice.planner.same_major and not any(each.marks for each in gaining)
    if gaining:
        # That it gains is proved, but not that it gains more than it takes to write.
        priced = decision.advised.price.write_ms is not None
        return Confidence.PROVED if exact and priced else Confidence.ESTIMATED
    return max(found, Confidence.ESTIMATED, key=lambda each: each.rank)


def proof_of(decision: Decision, facts: Facts, confidence: Confidence) -> str:
    """One or two sentences on what was proved, and by whom."""
    advised, advice = decision.advised, None if facts.advice is None else facts.advice.advice
    if advised is None or advice is None:
        return _UNTRIED[confidence]
    planner = _planner(advice.planner)
    if isinstance(decision.proposal, DropIndex):
        return f"{planner} {_does_without(advised, decision.proposal, facts, advice)}"
    if advised.replaces and not any(each.effect is Effect.GAINS for each in advised.effects):
        return f"{planner} {_takes_the_place(advised)}"
    return f"{planner} {_chooses(advised)}{_exactness(advice.planner, advised, confidence)}"


def shown_advised(advised: AdvisedIndex, shown: Proposal, show_values: bool) -> AdvisedIndex:
    """What was proved, with the proposal as a report may show it."""
    assert isinstance(shown, CreateIndex | DropIndex)  # noqa: S101  what is advised is one of these
    return advised if show_values else msgspec.structs.replace(advised, proposal=shown)


def shown_advice(advice: IndexAdvice, show_values: bool) -> IndexAdvice:
    """The advice as a report may show it: values of rows in predicates are masked."""
    if show_values:
        return advice
    left = tuple(msgspec.structs.replace(each, definition=masked_definition(each.definition)) for each in advice.left)
    return msgspec.structs.replace(advice, left=left)


def _planner(identity: PlannerIdentity) -> str:
    match identity.kind:
        case PlannerKind.TWIN:
            return "The planner of a twin of this server"
        case PlannerKind.HYPOPG:
            return "The planner of this server, asked through HypoPG,"
        case _:
            return "The planner"


def rests_on(decision: Decision, facts: Facts) -> str:
    """What is to be built before an index goes that only new ones make dispensable; "" where that is not so."""
    advised = decision.advised
    if not isinstance(decision.proposal, DropIndex) or advised is None or facts.advice is None:
        return ""
    if advised.alone.lose <= advised.together.lose:
        return ""
    old = decision.proposal.definition
    created = [(each.name, each.proposal.definition) for each in facts.advice.created]
    names = [name for name, new in created if (new.schema, new.table) == (old.schema, old.table)]
    first = ", ".join(names) if names else "the new indexes that are advised"
    return (
        f"Build {first} first: as the only change this would make {_statements(advised.alone.lose)} cost more, beside "
        f"all that is advised {_statements(advised.together.lose) if advised.together.lose else 'none'}."
    )


def _does_without(advised: AdvisedIndex, drop: DropIndex, facts: Facts, advice: IndexAdvice) -> str:
    """What becomes of statements that an index is taken from, and of which nobody knows."""
    refused = {query_id for reason in advice.not_planned for query_id in reason.query_ids}
    table = facts.relation_named(drop.definition.schema, drop.definition.table)
    reading = {each.query_id for each in facts.statements_on(table.oid)} if table is not None else set()
    unplanned = sorted(reading & refused)
    losing = [each for each in advised.effects if each.effect is Effect.LOSES]
    if losing:
        text = _losing(losing, drop)
    elif not advice.compression.statements:
        text = "was asked about no statement: none was seen that can be planned."
    elif not reading - refused:
        text = "has plans without it that cost no statement seen any more, of which none is known to read its table."
    else:
        text = "has plans without it that cost no statement seen any more."
    if FOR_KNOWN_VALUES in advised.reasons:
        text = (
            f"{text} A plan for unknown values would cost more, and more than those for the values of calls that are "
            "known, so that the server does not keep it unless plan_cache_mode is force_generic_plan."
        )
    if unplanned:
        more = len(unplanned) - _NAMED
        named = ", ".join(unplanned[:_NAMED]) + (f" and {more:,} more" if more > 0 else "")
        text = f"{text} Of those on its table it could not plan {named}."
    return f"{text} Others were not seen."


def _losing(losing: Sequence[StatementEffect], drop: DropIndex) -> str:
    worst = max(each.worst for each in losing)
    where = "where values are not known to the planner" if drop.replaced else "for some values"
    text = f"has plans without it that cost {_statements(len(losing))} more, up to {as_much(worst)} {where}"
    if drop.because_of is None:
        return f"{text}."
    return (
        f"{text}: since {drop.because_of} does the same work, each may lose what --max-regression allows, or up to "
        "half of its cost where that is less than 0.1% of the workload's time."
    )


def _takes_the_place(advised: AdvisedIndex) -> str:
    """That a new index does what another does that is larger."""
    return (
        f"has plans with it in the place of {', '.join(advised.replaces)} that cost no statement seen more, for all "
        "values that are known and that it is made for."
    )


def _chooses(advised: AdvisedIndex) -> str:
    gaining = [each for each in advised.effects if each.effect is Effect.GAINS]
    if not gaining:
        return "sees no statement gain by it, and none lose; it stands on what no plan of a statement shows."
    before = sum(each.cost_before * max(each.calls, 1) for each in gaining)
    after = sum(each.cost_after * max(each.calls, 1) for each in gaining)
    share = after / before if before else 1.0
    which = "which then costs" if advised.together.gain == 1 else "which then cost"
    text = f"chooses it for {_statements(advised.together.gain)}, {which} {_percent(share)} of what they cost without"
    if advised.together.gain == 1:
        text = text.replace("what they cost", "what it costs")
    slower = advised.together.lose
    if slower:
        text = f"{text}; {_statements(slower)} {'costs' if slower == 1 else 'cost'} more"
    return f"{text}."


def _exactness(identity: PlannerIdentity, advised: AdvisedIndex, confidence: Confidence) -> str:
    unpriced = _UNPRICED if advised.price.write_ms is None else ""
    if not identity.same_major:
        return (
            f" It is PostgreSQL {identity.version.partition('.')[0]}, and the server "
            f"{identity.server_version.partition('.')[0]}: plans may differ.{unpriced}"
        )
    if confidence is Confidence.PROVED or not any(each.marks for each in advised.effects):
        return unpriced
    return (
        " Something of what these statements use is otherwise there than on this server: see what is said of it."
        f"{unpriced}"
    )


def _statements(count: int) -> str:
    return "1 statement" if count == 1 else f"{count:,} statements"


def _percent(share: float) -> str:
    if share < 0.001:
        return "less than 0.1%"
    return f"{share:.1%}" if share < 0.1 else f"{share:.0%}"
