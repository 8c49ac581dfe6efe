"""What is said of indexes in words: shared by the page and the terminal."""

from __future__ import annotations

from collections.abc import Sequence

from pgadvisor.model.catalog import IndexDefinition
from pgadvisor.model.coverage import Fact, Gap
from pgadvisor.model.effects import Effect, Reason, TimeRange
from pgadvisor.model.index_advice import (
    AdvisedIndex,
    Goal,
    IndexAdvice,
    IndexPrice,
    LeftIndex,
    StatementEffect,
    WorkloadEffect,
)
from pgadvisor.model.index_text import index_text
from pgadvisor.model.proposals import DropIndex
from pgadvisor.model.report import Report
from pgadvisor_reports import formatting
from pgadvisor_reports.index_view import AdvisedRow, IndexPage, Scale, least_gain
from pgadvisor_reports.page import GapGroup, group_gaps
from pgadvisor_reports.whatif_words import factor, time_range
from pgadvisor_reports.words import plural

_MAX_NAMED = 3
_UNTOLD = "cannot be told"
# Of the time of the statements.
_NEXT_TO_NOTHING = 0.001


def headline(page: IndexPage) -> str:
    """What is to be done, in one phrase."""
    advice = page.advice
    if advice is None:
        return "Indexes: nothing is proved, since no planner said what they are worth"
    parts = [
        f"{plural(number, 'index', 'indexes')} to {verb}"
        for number, verb in ((advice.created, "create"), (advice.dropped, "drop"))
        if number
    ]
    return ", ".join(parts) if parts else "No index is to be created or dropped"


def figures(page: IndexPage) -> tuple[tuple[str, str], ...]:
    """What the workload costs now and after, and the price, with a label each."""
    advice = page.advice
    if advice is None:
        return ()
    work, scale = advice.workload, page.scale
    found = [("Cost, weighted by calls", cost_change(work.cost_before, work.cost_after))]
    if work.before_ms:
        found.append((f"Time of the statements, {scale.over}", time_change(work, advice.effects, scale.bare)))
    if unexplained(advice, scale.bare):
        found.append((f"Beyond what plans explain, {scale.over}", unexplained(advice, scale.bare)))
    if page.rows:
        found.append(("Disk", disk(page)))
        found.append((f"Time to write, {scale.over}", writes(advice.write_ms, scale.bare)))
    return tuple(found)


def cost_change(before: float, after: float) -> str:
    """Costs before and after, and how they change."""
    return f"{formatting.count(before).text} → {formatting.count(after).text}, {factor(before, after)}"


def time_change(work: WorkloadEffect, effects: Sequence[StatementEffect], scale: Scale) -> str:
    """What the measured time would become."""
    before, after = scale.duration(work.before_ms), scaled(bounds(work, effects), scale)
    told = f"{before}; after: {after}" if after == _UNTOLD else f"{before} → {after}, estimated"
    return "; ".join(filter(None, (told, losing(work, effects, scale))))


def time_after(work: WorkloadEffect, effects: Sequence[StatementEffect], scale: Scale) -> str:
    """What the time would become, and what takes longer."""
    return "; ".join(filter(None, (scaled(bounds(work, effects), scale), losing(work, effects, scale))))


def bounds(work: WorkloadEffect, effects: Sequence[StatementEffect]) -> TimeRange:
    """What the time would become, over the statements' window; where some gain and some lose, but for what these lose.

    A loss without an upper bound would otherwise hide what is gained.
    """
    if not _is_mixed(work, effects):
        return work.estimated
    gaining = [each for each in effects if each.effect is Effect.GAINS]
    after, rest_ms = _added(gaining), max(work.before_ms - sum(each.total_ms for each in gaining), 0.0)
    return TimeRange(
        low_ms=rest_ms + after.low_ms if after.low_ms else 0.0,
        high_ms=None if after.high_ms is None else rest_ms + after.high_ms,
    )


def losing(work: WorkloadEffect, effects: Sequence[StatementEffect], scale: Scale) -> str:
    """What takes longer where other statements gain, "" where nothing does."""
    if not _is_mixed(work, effects):
        return ""
    found = [each for each in effects if each.effect is Effect.LOSES]
    told = f"{plural(work.lose, 'statement')} {'takes' if work.lose == 1 else 'take'} longer"
    before_ms = sum(each.total_ms for each in found)
    after = becomes(_added(found), before_ms, scale)
    return told if after == _UNTOLD else f"{told}: {scale.duration(before_ms)} → {after}"


def _is_mixed(work: WorkloadEffect, effects: Sequence[StatementEffect]) -> bool:
    """Whether some statements gain and some lose, and it is known which."""
    return bool(work.gain and work.lose and effects)


def unexplained(advice: IndexAdvice, scale: Scale) -> str:
    """What statements took besides, "" where it is next to nothing."""
    if advice.unexplained_ms <= _NEXT_TO_NOTHING * advice.workload.before_ms:
        return ""
    return f"{scale.duration(advice.unexplained_ms)} more: waits, or plans that they had before; no index saves it"


def scaled(estimated: TimeRange | None, scale: Scale) -> str:
    """A range of time, as a rate where the window allows one."""
    if estimated is None:
        return ""
    high = estimated.high_ms
    times = TimeRange(low_ms=estimated.low_ms * scale.factor, high_ms=None if high is None else high * scale.factor)
    said = time_range(times)
    return said if said == _UNTOLD else f"{said}{scale.unit}"


def becomes(estimated: TimeRange | None, before_ms: float, scale: Scale) -> str:
    """What a time becomes; where all that is sure is what it was, that it is the same or less, or more."""
    before, after = f"{scale.bare.duration(before_ms)} or ", scaled(estimated, scale)
    return f"the same or {after.removeprefix(before)}" if after.startswith(before) else after


def _added(effects: Sequence[StatementEffect]) -> TimeRange:
    ranges = [each.estimated for each in effects if each.estimated is not None]
    highs = [each.high_ms for each in ranges if each.high_ms is not None]
    return TimeRange(
        low_ms=sum(each.low_ms for each in ranges), high_ms=sum(highs) if len(highs) == len(ranges) else None
    )


def disk(page: IndexPage) -> str:
    """What all of it takes on disk, of what it may take."""
    advice = page.advice
    if advice is None:
        return ""
    said = signed_size(advice.size_bytes)
    freed = page.new_bytes - advice.size_bytes
    if page.new_bytes and freed > 0:
        said = f"{said} ({formatting.size(page.new_bytes).text} of new indexes, {formatting.size(freed).text} freed)"
    if advice.budget_bytes is None:
        return f"{said}, without a budget"
    return f"{said}; the budget of new ones is {formatting.size(advice.budget_bytes).text}"


def signed_size(size_bytes: int | None) -> str:
    """A size that is added, or freed.

    >>> signed_size(8192), signed_size(-8192), signed_size(None)
    ('8 kB more', '8 kB less', 'unknown')
    """
    if not size_bytes:
        return "unknown" if size_bytes is None else "none"
    return f"{formatting.size(abs(size_bytes)).text} {'less' if size_bytes < 0 else 'more'}"


def writes(write_ms: float | None, scale: Scale) -> str:
    """What writing takes more or less."""
    if write_ms is None:
        return "how many rows are written is not known, so neither is what that will take"
    if not write_ms:
        return "nothing is written to these tables"
    return f"{scale.duration(abs(write_ms))} {'less' if write_ms < 0 else 'more'}, estimated"


def effects(work: WorkloadEffect) -> str:
    """How many statements gain and lose."""
    if not (work.gain or work.lose):
        return "No statement gains or loses"
    gaining = plural(work.gain, "statement") if work.gain else "No statement"
    return f"{gaining} {'gains' if work.gain < 2 else 'gain'}, {_loses(work.lose)}"


def _loses(number: int) -> str:
    if not number:
        return "none loses"
    return f"{number} {'loses' if number == 1 else 'lose'}"


def searched(advice: IndexAdvice) -> str:
    """How it was found: how many were thought of, how much was asked, and what bounded it."""
    goal = "time measured" if advice.goal is Goal.TIME else "the planner's costs"
    said = (
        f"Chosen for {goal} from {plural(advice.candidates, 'candidate')} by "
        f"{plural(advice.explains, 'question')} to the planner."
    )
    if advice.cut_short:
        said += f" The search ended early: {advice.cut_short.rstrip('.')}. More may be gained by a longer one."
    return said


def definition(item: IndexDefinition) -> str:
    """An index in words that are nearly SQL, as in titles, and that it is unique where it is."""
    return f"{'unique ' if item.unique else ''}{index_text(item)}"


def advised(item: AdvisedIndex) -> str:
    """The index that is advised: what a new one is, what one that goes is called."""
    proposal = item.proposal
    if isinstance(proposal, DropIndex):
        return f"{proposal.schema}.{proposal.name}"
    return definition(proposal.definition)


def left(item: LeftIndex) -> str:
    """An index that was left: its name where it has one, and what it is."""
    return f"{item.name}: {definition(item.definition)}" if item.name else definition(item.definition)


def because(item: AdvisedIndex) -> str:
    """What it is for, in one line; "" where nobody says."""
    # A foreign key is named, which says more than that there is one.
    parts = [each for each in item.reasons if not (item.foreign_keys and each.endswith("foreign key"))]
    if item.foreign_keys:
        parts.append(f"foreign key {named(item.foreign_keys)}")
    if item.replaces:
        parts.append(f"in place of {named(item.replaces)}")
    return "; ".join(parts)


def named(names: Sequence[str]) -> str:
    """The first of some names, and how many more there are."""
    more = f" and {len(names) - _MAX_NAMED} more" if len(names) > _MAX_NAMED else ""
    return ", ".join(names[:_MAX_NAMED]) + more


def together(item: AdvisedIndex, scale: Scale) -> str:
    """What would be lost if it alone were left out."""
    work = item.together
    change = factor(work.cost_after, work.cost_before)
    if isinstance(item.proposal, DropIndex):
        return f"Within the set: {lowered(effects(work))}; if it were kept, the workload's cost would be {change}."
    least = least_gain(work, item.effects)
    saves = f"it saves at least {scale.duration(least)}, and " if least else ""
    return f"Within the set: {lowered(effects(work))}; {saves}without it the workload's cost would be {change}."


def alone(item: AdvisedIndex, scale: Scale) -> str:
    """What it does as the only change."""
    work = item.alone
    least = least_gain(work, ())
    saved = f", at least {scale.duration(least)} saved" if least else ""
    change = f"the workload's cost is {factor(work.cost_before, work.cost_after)}{saved}"
    return f"As the only change: {lowered(effects(work))}; {change}."


def gain(row: AdvisedRow, scale: Scale, goal: Goal) -> str:
    """What an index gains at least, as the table of all has it.

    Where time is no goal, none was measured or none is sure to be saved, it is the share of the workload's cost.
    """
    if row.goes:
        return "unknown" if row.gain_ms is None else _or_none(scale.bare.duration(row.gain_ms), row.gain_ms)
    if goal is Goal.COST or not row.gain_ms:
        return f"{formatting.fraction(row.cost_share).text} of cost"
    return scale.bare.duration(row.gain_ms)


def cost_saved(row: AdvisedRow) -> str:
    """The share of the workload's cost that an index saves within the set, or that one which goes adds."""
    share = formatting.fraction(abs(row.cost_share)).text
    return share if row.cost_share >= 0 else f"{share} more"


def price(row: AdvisedRow, scale: Scale) -> str:
    """What an index takes to write, as the table of all has it."""
    if row.goes:
        return "–"
    return "unknown" if row.price_ms is None else _or_none(scale.bare.duration(row.price_ms), row.price_ms)


def size(row: AdvisedRow) -> str:
    """The size of an index, with a minus where it goes."""
    if row.size_bytes is None:
        return "unknown"
    return ("−" if row.size_bytes < 0 else "") + formatting.size(abs(row.size_bytes)).text


def price_facts(item: IndexPrice, scale: Scale, *, goes: bool) -> tuple[tuple[str, str], ...]:
    """What an index costs to have, or one that goes no longer costs, with a label each."""
    wal, build_wal = item.wal_bytes, item.build_wal_bytes
    rows = (
        ("Disk", None if item.size_bytes is None else formatting.size(item.size_bytes).text),
        ("Entries written", _rated(item.entries, scale)),
        ("Writing them", None if item.write_ms is None else _or_none(scale.duration(item.write_ms), item.write_ms)),
        ("WAL for them", None if not wal else f"{formatting.size(wal * scale.factor).text}{scale.unit}"),
        ("Updates HOT again" if goes else "Updates no longer HOT", _rated(item.hot_updates, scale)),
        ("Time to build", None if item.build_ms is None else formatting.duration(item.build_ms).text),
        ("WAL of the build", None if build_wal is None else formatting.size(build_wal).text),
    )
    return tuple((label, text) for label, text in rows if text is not None)


def _or_none(text: str, amount: float) -> str:
    return text if amount else "none"


def lowered(text: str) -> str:
    """Words that go on where others stood, but for what is written in capitals always."""
    return text if text[1:2].isupper() else f"{text[:1].lower()}{text[1:]}"


def _rated(amount: float | None, scale: Scale) -> str | None:
    if not amount:
        return None
    scaled_amount = amount * scale.factor
    return f"{formatting.count(round(scaled_amount, 0 if scaled_amount >= 10 else 2)).text}{scale.unit}"


def statement_line(effect: StatementEffect, scale: Scale) -> str:
    """Cost and time of a statement before and after."""
    before, after = formatting.cost(effect.cost_before).text, formatting.cost(effect.cost_after).text
    said = f"cost {before} → {after}{with_caution(effect)}, {factor(effect.cost_before, effect.cost_after)}"
    if not effect.total_ms or effect.estimated is None:
        return said
    return f"{said}; {scale.duration(effect.total_ms)} → {becomes(effect.estimated, effect.total_ms, scale.bare)}"


def with_caution(effect: StatementEffect) -> str:
    """That a cost is not what EXPLAIN says; "" where it differs by no more than a hundredth."""
    if abs(effect.caution) <= 0.01 * effect.cost_after:
        return ""
    return f" ({formatting.cost(effect.cost_after - effect.caution).text} by EXPLAIN)"


def reason(item: Reason) -> str:
    """Why statements could not be planned, with the first of them."""
    more = f" and {item.statements - _MAX_NAMED} more" if item.statements > _MAX_NAMED else ""
    return f"{plural(item.statements, 'statement')} ({', '.join(item.query_ids[:_MAX_NAMED])}{more}): {item.reason}"


def gaps_of_advice(gaps: Sequence[Gap]) -> tuple[GapGroup, ...]:
    """Why no planner was asked about indexes, and what is missing of what any advice rests on."""
    essential = {Fact.CATALOG, Fact.STATEMENTS, Fact.INDEX_ADVICE}
    return group_gaps([gap for gap in gaps if gap.fact in essential and not gap.scope])


def not_judged(report: Report) -> tuple[str, ...]:
    """What rules could not tell of the use of existing indexes, such as that they were watched for too short a time."""
    gaps = [gap for outcome in report.outcomes for gap in outcome.gaps if gap.fact is Fact.INDEX_COUNTERS]
    return tuple(
        f"{gap.reason.rstrip('.')}{f' ({gap.scope})' if gap.scope else ''}. {gap.remedy}".rstrip()
        for gap in dict.fromkeys(gaps)
    )
