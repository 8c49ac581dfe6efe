"""What a trial on a copy came to, in words that every format shares."""

from __future__ import annotations

from pgadvisor.model.verification import MeasuredIndex, MeasuredStatement, Verdict, Verification
from pgadvisor_reports import formatting, words

_NONE = "–"


def verified(tried: Verification) -> str:
    """Where it was tried, and how many promises were kept."""
    where = f"Tried on the copy {tried.database}, PostgreSQL {tried.server_version}"
    counts = {verdict: sum(1 for each in tried.statements if each.verdict is verdict) for verdict in Verdict}
    found = ", ".join(f"{count} {verdict.value}" for verdict, count in counts.items() if count)
    if not found:
        return f"{where}: no statement was run."
    return f"{where}: {words.plural(len(tried.statements), 'statement')}, {found}."


def verified_times(tried: Verification) -> str:
    """What all calls of the statements that were run would take, without and with; "" where none was run."""
    before, after = tried.before_ms, tried.after_ms
    if before is None or after is None:
        return ""
    share = f" ({formatting.fraction(after / before).text} of it)" if before else ""
    return f"{formatting.duration(before).text} → {formatting.duration(after).text}{share}"


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
    if tried.analyzed:
        notes.append(
            f"Statistics of expressions were gathered of {', '.join(tried.analyzed)}, and rolled back as well."
        )
    if tried.not_run:
        notes.append(f"{words.plural(tried.not_run, 'statement')} not run.")
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
        return f"at least {formatting.duration(low * each.before_ms).text}"
    return _NONE if high is None else f"at most {formatting.duration(high * each.before_ms).text}"


def verdict(each: MeasuredStatement) -> str:
    """The verdict, with what two measurements of the same differ by."""
    noise = "" if each.noise is None else f" (±{formatting.fraction(each.noise).text})"
    return f"{each.verdict.value}{noise}"


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
