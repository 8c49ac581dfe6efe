"""B-trees on the expressions that statements search and sort by: lower(email), data ->> 'key', created_at::date."""

from __future__ import annotations

from collections.abc import Iterator

from pgadvisor.advise.candidates.candidate import Candidate
from pgadvisor.advise.candidates.searches import EQUALITIES, RANGES, Searched, key_of, plain
from pgadvisor.model.catalog import IndexKey
from pgadvisor.workload.plan_searches import Search


def expressions(searched: Searched, max_columns: int) -> Iterator[Candidate]:
    """Candidates for one table of a statement: each expression alone, and after the columns that have one value.

    Whether an expression is immutable, without which there is no index on it, the server says.
    """
    equal = [each for each in searched.searches if each.subject.expression and each.operator in EQUALITIES]
    ranges = [each for each in searched.searches if each.subject.expression and each.operator in RANGES]
    choices = [
        each
        for some in searched.choices
        for each in some
        if each.subject.expression and each.operator in EQUALITIES | RANGES
    ]
    for search in _each_once([*equal, *ranges, *choices]):
        yield searched.candidate(searched.definition([key_of(search.subject)]), "expression")
    columns = [plain(column) for column in searched.equal_columns]
    fixed = [key_of(each.subject) for each in _each_once(equal)]
    after = [[key_of(each.subject)] for each in _each_once(ranges)]
    ranged = [each.subject.column for each in searched.searches if each.operator in RANGES and each.subject.column]
    after += [[plain(column)] for column in dict.fromkeys(ranged) if fixed and column is not None]
    for last in ([], *after):
        keys = _distinct([*columns, *fixed, *last])[:max_columns]
        if len(keys) > 1 and any(key.expression for key in keys):
            yield searched.candidate(searched.definition(keys), "expression")
    yield from _sorted(searched, _distinct([*columns, *fixed]), max_columns)


def _sorted(searched: Searched, before: list[IndexKey], max_columns: int) -> Iterator[Candidate]:
    """Of an ORDER BY whose first rows are wanted."""
    shape = searched.load.shape
    if shape is None or not shape.has_limit:
        return
    after_expression = any(key.expression for key in before)
    for sort in searched.sorts:
        last = IndexKey(
            column=sort.subject.column,
            expression=sort.subject.expression,
            descending=sort.descending,
            nulls_first=sort.nulls_first,
        )
        # What is near a point, or like a text, is near another the next time.
        if sort.subject.expression and "<->" not in sort.subject.expression:
            for first in dict.fromkeys(((), tuple(before))):
                yield searched.candidate(
                    searched.definition([*first, last][:max_columns]), "order of an expression with LIMIT"
                )
        elif sort.subject.column and after_expression and len(before) < max_columns:
            yield searched.candidate(searched.definition([*before, last]), "order after an expression with LIMIT")


def _each_once(searches: list[Search]) -> list[Search]:
    return list({each.subject: each for each in reversed(searches)}.values())[::-1]


def _distinct(keys: list[IndexKey]) -> list[IndexKey]:
    return list(dict.fromkeys(keys))
