"""What a trial on a copy came to, in words that every format shares."""

from __future__ import annotations

from collections import Counter

from pgadvisor.model.verification import MeasuredIndex, MeasuredStatement, Verdict, Verification
from pgadvisor_reports import formatting, words

_NONE = "–"
_ALIKE = ", the plan being the same"
# Less is told as nothing.
_LEAST_NOISE = 0.001
_LEAST_MS = 0.001
# Runs are made in so many rounds at least.
_ROUNDS = 2


def verified(tried: Verification) -> str:
    """Where it was tried, how many of the statements were run, and how many promises were kept."""
    where = f"Tried on the copy {tried.database}, PostgreSQL {tried.server_version}"
    counts: Counter[Verdict] = Counter(each.verdict for each in tried.statements if each.verdict is not Verdict.NOT_RUN)
    run, asked = counts.total(), len(tried.statements) + _beyond(tried)
    if not run:
        return f"{where}: none of {words.plural(asked, 'statement')} was run." if asked else f"{where}: nothing to run."
    found = ", ".join(f"{counts[verdict]} {verdict.value}" for verdict in Verdict if counts[verdict])
    of = f"{run} of " if run < asked else ""
    return f"{where}: {of}{words.plural(asked, 'statement')} {'was' if run == 1 else 'were'} run: {found}."


def mostly_run(tried: Verification) -> bool:
    """Whether at least half of the statements were run."""
    run = sum(1 for each in tried.statements if each.verdict is not Verdict.NOT_RUN)
    return 2 * run >= len(tried.statements) + _beyond(tried)


def _beyond(tried: Verification) -> int:
    """How many statements were not come to, or are more than were to be run."""
    return max(tried.not_run - sum(1 for each in tried.statements if each.verdict is Verdict.NOT_RUN), 0)


def verified_times(tried: Verification) -> str:
    """What all calls of the statements that were run would take, without and with; "" where none was run.

    A sum with a time in it that ran into the timeout is one that is at least so much.
    """
    before, after = tried.before_ms, tried.after_ms
    if before is None or after is None:
        return ""
    open_before = any(each.timed_out_before for each in tried.statements)
    open_after = any(each.timed_out_after for each in tried.statements)
    share = _share(after / before, open_before, open_after) if before else ""
    return f"{_sum(before, open_before)} → {_sum(after, open_after)}{share}"


def _sum(ms: float, is_open: bool) -> str:
    return f"{'at least ' if is_open else ''}{formatting.duration(ms).text}"


def _share(share: float, open_before: bool, open_after: bool) -> str:
    """What is left of a time, "" where both are only known to be at least so much."""
    if open_before and open_after:
        return ""
    text = formatting.fraction(share).text
    if open_before:
        return f" ({text} of it)" if text.startswith("<") else f" (at most {text} of it)"
    return f" ({'at least ' if open_after else ''}{text} of it)"


def verification_notes(tried: Verification) -> list[str]:
    """How it was measured, what it took, and what is missing."""
    notes = [f"Cut short: {tried.cut_short}"] if tried.cut_short else []
    if tried.build_ms is not None and tried.size_bytes is not None:
        notes.append(
            f"The indexes took {formatting.duration(tried.build_ms).text} to build and "
            f"{formatting.size(tried.size_bytes).text} in all; all was rolled back."
        )
    notes.append(
        f"Run warm, without the indexes and with them in turns, at least {words.plural(tried.runs, 'time')} in each of "
        f"two rounds or more, with up to {words.plural(tried.values, 'set')} of values that the copy's statistics "
        "give; the fastest run counts."
    )
    if seldom := sum(1 for each in tried.statements if 0 < each.runs < _ROUNDS * tried.runs):
        takes, was = ("takes", "was") if seldom == 1 else ("take", "were")
        notes.append(
            f"{words.plural(seldom, 'statement')} that {takes} long {was} run less often than that: after 5 s for a "
            "set of values no other run is begun. Where one alone takes longer, the first of a round "
            "counts too, though it may not be warm."
        )
    if tried.analyzed:
        notes.append(
            f"Statistics of expressions were gathered of {', '.join(tried.analyzed)}, and rolled back as well."
        )
    if beyond := _beyond(tried):
        notes.append(f"Not come to, or more than --statements allows: {words.plural(beyond, 'statement')}.")
    if tried.not_tried:
        recommendations = words.plural(len(tried.not_tried), "recommendation")
        notes.append(f"Not tried, being of no index to create or to drop: {recommendations}.")
    return notes


def before(each: MeasuredStatement) -> str:
    """What a statement took without the indexes."""
    return _time(each.before_ms, each.timed_out_before)


def after(each: MeasuredStatement) -> str:
    """What it took with them."""
    return _time(each.after_ms, each.timed_out_after)


def measured_times(each: MeasuredStatement) -> str:
    """What a statement took, without and with; why it was not run where it was not."""
    return each.reason if each.verdict is Verdict.NOT_RUN and each.reason else f"{before(each)} → {after(each)}"


def promised(each: MeasuredStatement) -> str:
    """What was promised of its time, given what it was before."""
    if each.promise is None or each.before_ms is None:
        return _NONE
    low, high = each.promise.low, each.promise.high
    if low is not None and low >= 1:
        least_ms = low * each.before_ms
        return _NONE if least_ms < _LEAST_MS else f"at least {formatting.duration(least_ms).text}"
    if high is None:
        return _NONE
    most_ms = high * each.before_ms
    return f"under {_LEAST_MS:g} ms" if most_ms < _LEAST_MS else f"at most {formatting.duration(most_ms).text}"


def verdict(each: MeasuredStatement) -> str:
    """The verdict, with what two measurements of the same differ by where that is anything."""
    noise = "" if each.noise is None or each.noise < _LEAST_NOISE else f" (±{formatting.fraction(each.noise).text})"
    return f"{each.verdict.value}{_ALIKE if _is_by_plan(each) else ''}{noise}"


def _is_by_plan(each: MeasuredStatement) -> bool:
    """Whether a promise counts as kept since the plan is the same, although a longer time was measured."""
    if each.verdict is not Verdict.KEPT or each.promise is None or each.promise.high is None:
        return False
    return (each.after_ms or 0.0) > each.promise.high * (each.before_ms or 0.0)


def used(each: MeasuredStatement) -> str:
    """Which of the indexes its plan uses."""
    what = "the SELECT that finds the same rows uses" if each.equivalent else "uses"
    return f"{what} {', '.join(each.uses)}" if each.uses else f"{what} none of them"


def measured(index: MeasuredIndex) -> str:
    """What came of one index, in a line."""
    parts = [index.verdict.value]
    if index.size_bytes is not None:
        said = f", {formatting.size(index.promised_bytes).text} promised" if index.promised_bytes is not None else ""
        parts.append(f"{formatting.size(index.size_bytes).text}{said}")
    if index.build_ms is not None:
        parts.append(f"built in {formatting.duration(index.build_ms).text}")
    if index.reason:
        parts.append(index.reason.rstrip("."))
    return "; ".join(parts)


def _time(ms: float | None, timed_out: bool) -> str:
    """A measured time; one that ran into the timeout is longer than that."""
    return _NONE if ms is None else f"{'> ' if timed_out else ''}{formatting.duration(ms).text}"
