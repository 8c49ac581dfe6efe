"""What a trial on a copy came to, in words that every format shares."""

from __future__ import annotations

from pgadvisor.model.report import Report
from pgadvisor.model.verification import MeasuredIndex, MeasuredStatement, Promise, Verdict, Verification
from pgadvisor_reports import formatting, words

_NONE = "–"


def summary(report: Report) -> str:
    """Whether promises were kept, and how many; "" where nothing was tried."""
    tried = report.verification
    if tried is None:
        return ""
    counts = {verdict: sum(1 for each in tried.statements if each.verdict is verdict) for verdict in Verdict}
    found = ", ".join(f"{count} {verdict.value}" for verdict, count in counts.items() if count)
    if tried.before_ms is None:
        head = "Nothing could be measured"
    else:
        head = "No promise was broken" if report.promises_kept() else "A promise was not kept"
    return f"{head}: {words.plural(len(tried.statements), 'statement')}{f' ({found})' if found else ''}."


def totals(tried: Verification) -> str:
    """What all calls of the statements that were run would take, without and with; "" where none was run."""
    before, after = tried.before_ms, tried.after_ms
    if before is None or after is None:
        return ""
    share = f", {formatting.fraction(after / before).text} of it" if before else ""
    return (
        f"By the times measured their calls would take {formatting.duration(before).text} without the indexes and "
        f"{formatting.duration(after).text} with them{share}."
    )


def built(tried: Verification) -> str:
    """What building took."""
    if tried.size_bytes is None or tried.build_ms is None:
        return "No index was built."
    return (
        f"Built in {formatting.duration(tried.build_ms).text}, {formatting.size(tried.size_bytes).text} in all, and "
        "rolled back."
    )


def how(tried: Verification) -> str:
    """How it was measured."""
    told = (
        f"Each was run warm, without the indexes and with them in turns, {words.plural(tried.runs, 'time')} in each of "
        f"two rounds, with up to {words.plural(tried.values, 'set')} of values that the copy's statistics give; the "
        "fastest run counts."
    )
    if tried.analyzed:
        told += f" Statistics of expressions were gathered of {', '.join(tried.analyzed)}, and rolled back as well."
    return told


def time(ms: float | None, timed_out: bool) -> str:
    """A measured time; one that ran into the timeout is longer than that."""
    return _NONE if ms is None else f"{'> ' if timed_out else ''}{formatting.duration(ms).text}"


def promise(promised: Promise | None, before_ms: float | None) -> str:
    """What was promised of a time, given what it was before."""
    if promised is None or before_ms is None:
        return _NONE
    if promised.low is not None and promised.low >= 1:
        return f"at least {formatting.duration(promised.low * before_ms).text}"
    return _NONE if promised.high is None else f"at most {formatting.duration(promised.high * before_ms).text}"


def verdict(each: MeasuredStatement) -> str:
    """The verdict, with what two measurements of the same differ by."""
    noise = "" if each.noise is None else f" (±{formatting.fraction(each.noise).text})"
    return f"{each.verdict.value}{noise}"


def used(each: MeasuredStatement) -> str:
    """Which of the indexes its plan uses."""
    what = "the SELECT that finds the same rows uses" if each.equivalent else "uses"
    return f"{what} {', '.join(each.uses)}" if each.uses else f"{what} none of them"


def index(measured: MeasuredIndex) -> str:
    """What came of one index, in a line."""
    parts = [measured.verdict.value]
    if measured.size_bytes is not None:
        promised = measured.promised_bytes
        said = f", {formatting.size(promised).text} promised" if promised is not None else ""
        parts.append(f"{formatting.size(measured.size_bytes).text}{said}")
    if measured.build_ms is not None:
        parts.append(f"built in {formatting.duration(measured.build_ms).text}")
    parts += [text.rstrip(".") for text in (measured.reason, measured.note) if text]
    return "; ".join(parts)
