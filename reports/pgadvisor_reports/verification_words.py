"""What a trial on a copy came to, in words that every format shares."""

from __future__ import annotations

from pgadvisor.model.report import Report
from pgadvisor.model.verification import MeasuredIndex, MeasuredStatement, Promise, Verdict, Verification
from pgadvisor_reports import formatting, words


def summary(report: Report) -> str:
    """The one sentence on top."""
    verification = report.verification
    if verification is None:
        return ""
    counts = {verdict: sum(1 for each in verification.statements if each.verdict is verdict) for verdict in Verdict}
    found = [f"{count} {verdict.value}" for verdict, count in counts.items() if count]
    head = "Every promise was kept" if report.promises_kept() else "A promise was not kept"
    if verification.before_ms is None:
        head = "Nothing could be measured"
    return f"{head}: {words.plural(len(verification.statements), 'statement')}" + (
        f" ({', '.join(found)})." if found else "."
    )


def totals(verification: Verification) -> str:
    """What all calls of the statements that were run would take."""
    before, after = verification.before_ms, verification.after_ms
    if before is None or after is None:
        return ""
    share = formatting.fraction(after / before).text if before else "all"
    return (
        f"Their calls would take {formatting.duration(before).text} without the indexes and "
        f"{formatting.duration(after).text} with them, {share} of it."
    )


def built(verification: Verification) -> str:
    """What building took."""
    if verification.size_bytes is None or verification.build_ms is None:
        return "No index was built."
    return (
        f"Built in {formatting.duration(verification.build_ms).text}, "
        f"{formatting.size(verification.size_bytes).text} in all, and rolled back."
    )


def how(verification: Verification) -> str:
    """How it was measured, in a sentence or three."""
    sentences = [
        f"Each statement was run warm, without the indexes and with them in turns, {verification.runs} times each in "
        f"two rounds, with up to {words.plural(verification.values, 'set')} of values that the copy's statistics give; "
        "the fastest run counts."
    ]
    if verification.analyzed:
        tables = ", ".join(verification.analyzed)
        sentences.append(f"Statistics for expressions were gathered of {tables}, and rolled back as well.")
    return " ".join(sentences)


def time(ms: float | None, timed_out: bool) -> str:
    """A measured time; one that ran into the timeout is longer than that."""
    if ms is None:
        return "–"
    return f"{'> ' if timed_out else ''}{formatting.duration(ms).text}"


def promise(promised: Promise | None, before_ms: float | None) -> str:
    """What was promised of a time, given what it was before."""
    if promised is None or before_ms is None:
        return "–"
    high = None if promised.high is None else formatting.duration(promised.high * before_ms).text
    low = None if promised.low is None else formatting.duration(promised.low * before_ms).text
    if promised.low is not None and promised.low >= 1:
        return f"at least {low}" if low is not None else "–"
    return f"at most {high}" if high is not None else "–"


def size(index: MeasuredIndex) -> str:
    """What an index takes, and what it was said to."""
    if index.size_bytes is None:
        return ""
    said = f", {formatting.size(index.promised_bytes).text} promised" if index.promised_bytes is not None else ""
    return f"{formatting.size(index.size_bytes).text}{said}"


def index(measured: MeasuredIndex) -> str:
    """What came of one index, in a line."""
    parts = [measured.verdict.value]
    if text := size(measured):
        parts.append(text)
    if measured.build_ms is not None:
        parts.append(f"built in {formatting.duration(measured.build_ms).text}")
    parts += [text.rstrip(".") for text in (measured.reason, measured.note) if text]
    return "; ".join(parts)


def uses(statement: MeasuredStatement) -> str:
    """Which recommended indexes its plan uses."""
    return ", ".join(statement.uses)
