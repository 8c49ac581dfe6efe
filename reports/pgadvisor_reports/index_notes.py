"""What is to be known of how advice on indexes was found, in words: shared by the page and the terminal."""

from __future__ import annotations

from pgadvisor.model.index_advice import IndexAdvice
from pgadvisor_reports import formatting
from pgadvisor_reports.index_view import IndexPage
from pgadvisor_reports.index_words import with_caution
from pgadvisor_reports.words import plural

# Of the time of the statements.
_MUCH_NOT_PLANNED = 0.01
_MUCH_WITHOUT_VALUES = 0.2


def notes(page: IndexPage) -> tuple[str, ...]:
    """What is to be known of how it was found, and of costs and prices."""
    advice = page.advice
    if advice is None:
        return ()
    every = (_not_planned(advice), _compression(advice), _caution(page), _writes(page, advice), _values(advice))
    return tuple(filter(None, every))


def _not_planned(advice: IndexAdvice) -> str:
    """How much of the time nobody looked into; "" where it is next to nothing."""
    if advice.not_planned_share < _MUCH_NOT_PLANNED:
        return ""
    share = formatting.fraction(advice.not_planned_share).text
    return f"Statements with {share} of the time were not planned: nothing is advised for them. See why below."


def _compression(advice: IndexAdvice) -> str:
    """How many statements stood for how many; "" where each stood for itself."""
    made = advice.compression
    planned = made.of_statements - sum(each.statements for each in advice.not_planned)
    if made.statements >= planned and not made.left_out_share:
        return ""
    said = f"{plural(made.statements, 'statement')} stood for {made.of_statements:,}".replace(",", formatting.GROUP)
    if made.left_out_share:
        said += f"; {formatting.fraction(made.left_out_share).text} of the time is of statements that were left out"
    return f"{said}."


def _caution(page: IndexPage) -> str:
    """What costs are that differ from EXPLAIN's; "" where none is told that does."""
    told = [effect for row in page.rows for effect in row.advised.effects]
    if page.advice is not None:
        told += page.advice.effects
    if not any(map(with_caution, told)):
        return ""
    return (
        'A cost with another "by EXPLAIN" beside it counts what was measured to take other than the planner says, here '
        "and in the plan as it is: rows fetched out of order, large hashes, block ranges, LIMIT over a filter."
    )


def _writes(page: IndexPage, advice: IndexAdvice) -> str:
    """That prices of writing are bounds; "" where they are not, or there are none."""
    if not advice.writes_at_most or not any(row.price_ms or row.goes for row in page.rows):
        return ""
    return "Writes may have been counted for longer than the statements, over a restart: they take so much at most."


def _values(advice: IndexAdvice) -> str:
    """What more could be seen if values of calls were known; "" where they are of most of the time."""
    if advice.without_values < _MUCH_WITHOUT_VALUES:
        return ""
    share = formatting.fraction(advice.without_values).text
    return (
        f"Of {share} of the time no values of calls are known. With a log or a file of some (--workload), indexes for "
        "patterns, for keys of documents and on the rows of one value can be looked at, and others are judged better."
    )
