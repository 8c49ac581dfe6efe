"""Texts as a planner's server can read them: mended where it objects to them, with values by their own numbers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial

import psycopg

from pgadvisor.facts import Facts
from pgadvisor.planner.compared_types import compared_types
from pgadvisor.planner.guard import plannable
from pgadvisor.planner.mended import mended
from pgadvisor.planner.protocol import Question
from pgadvisor.planner.refusals import NotDone
from pgadvisor.workload.lexer import Kind, lex

# A text may need more than one change until the server can read it.
_MENDINGS = 8


@dataclass(frozen=True)
class Readable:
    """A text that the server has read as one command.

    parameters is how many it has; numbers says, for each of them, its number in the question's text. prepared names
    the statement that stands for it in a server before 16, "" where there is none.
    """

    text: str
    parameters: int = 0
    numbers: tuple[int, ...] = ()
    prepared: str = ""
    mendings: int = 0

    def values(self, given: Sequence[str | None]) -> list[str | None]:
        """Values given by the numbers of the question's text, by those of this one. Raises NotDone where some lack."""
        if any(number > len(given) for number in self.numbers) or len(given) < self.parameters:
            raise NotDone(f"It has {self.parameters} parameters, and values for {len(given)} were given")
        return [given[number - 1] for number in self.numbers]


def as_asked(question: Question) -> Readable:
    """The text of a question, not read yet. Raises NotDone where it is none that has a plan."""
    return Readable(plannable(question.text)[0])


def changed(
    readable: Readable, error: psycopg.Error, question: Question, facts: Facts, server_version: int
) -> Readable | None:
    """The text without what the server objected to; None where nothing can be done."""
    if readable.mendings == _MENDINGS:
        return None
    text = mended(readable.text, error, server_version, partial(compared_types, question.shape, facts))
    return None if text is None else replace(readable, text=text, mendings=readable.mendings + 1)


def original_numbers(text: str, readable: Readable) -> tuple[int, ...]:
    """For each parameter of a mended text its number in the original: mending leaves them in their order.

    A parameter that is in both texts only by its number, such as $2 of "select $2", has that one.
    """
    if not readable.mendings:
        return tuple(range(1, readable.parameters + 1))
    numbers = dict(zip(_numbers(readable.text), _numbers(text), strict=False))
    return tuple(numbers.get(number, number) for number in range(1, readable.parameters + 1))


def _numbers(text: str) -> list[int]:
    lexed = lex(text)
    return [int(lexed.of(token)[1:]) for token in lexed.tokens if token.kind is Kind.PARAMETER]
