"""How the objects of a schema are made: each in the best way that the server takes, and what is lost is said.

Texts of the snapshot that stand inside a command (a default, a CHECK, a bound, a type) come from a stranger's file.
Such a command has no more rights than the builder, and is one by the protocol, so that it could harm nothing; but it
should also make what it is for. So each text has to be what a server writes there, one expression without a comma
outside of its brackets, or the object is left out.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache

import psycopg

from pgadvisor.model.whatif import Shortfall
from pgadvisor.planner.twin.building import Building, Command
from pgadvisor.workload.expressions import is_expression
from pgadvisor.workload.lexer import lex

_NAME = r'(?:"(?:[^"]|"")+"|[a-z_\u0080-\U0010ffff][a-z0-9_\u0080-\U0010ffff]*)'
_WORD = re.compile(r"\w*")
_TYPE = re.compile(
    rf"""
    {_NAME}(?:\.{_NAME})?
    (?:[ ](?:precision|varying|with|without|time|zone|year|month|day|hour|minute|second|to))*
    (?:\([^()'"\\;]*\)(?:[ ](?:with|without)[ ]time[ ]zone)?)?
    (?:\[\])*
    """,
    re.VERBOSE,
)
# Syntax errors and errors of data, which quote a text of the snapshot, are not told in the server's words.
_TOLD_CLASSES = ("42", "0A", "54", "2B")
_SYNTAX_ERROR = "42601"


class NotWrittenByServerError(ValueError):
    """A text is not what a server writes in its place."""

    def __init__(self) -> None:
        super().__init__("its definition is not what a server writes")


@dataclass(frozen=True)
class Way:
    """A command that makes an object, and what the object then lacks, as a sentence's second half; "" nothing."""

    text: str
    loss: str = ""


@dataclass(frozen=True)
class Wish:
    """An object to be made. ways gives the commands for it, of which the first that the server takes will do.

    ways may raise ValueError where there are none. without says what it means that the object is missing, as a
    sentence's second half. oid: the object's in the snapshot, where others need to know that it is missing.
    """

    what: str
    ways: Callable[[], Sequence[Way]]
    without: str
    relation_oids: tuple[int, ...] = ()
    names: tuple[str, ...] = ()
    prevents: bool = False
    oid: int | None = None


def make_all(building: Building, wishes: Iterable[Wish]) -> list[bool]:
    """Makes objects in their order, those in another way than the first after the rest; which of them there are now.

    Raises psycopg.OperationalError where the server is gone.
    """
    wanted = list(wishes)
    done = [False] * len(wanted)
    reasons: dict[int, str] = {}
    pending = {}
    for position, wish in enumerate(wanted):
        try:
            pending[position] = iter(wish.ways())
        except ValueError as error:
            reasons[position] = first_up(str(error))
    while pending:
        tried = {position: way for position, ways in pending.items() if (way := next(ways, None)) is not None}
        pending = {position: pending[position] for position in tried}
        commands = [Command(way.text, missing=_Note(reasons, position)) for position, way in tried.items()]
        for (position, way), stands in zip(tried.items(), building.run(commands), strict=True):
            if not stands:
                continue
            del pending[position]
            done[position] = True
            if way.loss:
                building.shortfalls.append(shortfall(wanted[position], reasons.get(position, ""), way.loss))
    for position, wish in enumerate(wanted):
        if not done[position]:
            building.shortfalls.append(shortfall(wish, reasons.get(position, ""), wish.without, wish.prevents))
            if wish.oid is not None:
                building.failed.add(wish.oid)
    return done


@dataclass(frozen=True)
class _Note:
    """Keeps why a command was refused, which becomes a shortfall only if nothing else works."""

    reasons: dict[int, str]
    position: int

    def __call__(self, error: psycopg.Error) -> None:
        self.reasons.setdefault(self.position, refusal(error))


def shortfall(wish: Wish, reason: str, loss: str, prevents: bool = False) -> Shortfall:
    """What is said of an object that is missing, or is otherwise than it was."""
    return Shortfall(
        what=wish.what,
        reason=f"{reason}; {loss}." if reason else f"{first_up(loss)}.",
        relation_oids=wish.relation_oids,
        names=wish.names,
        prevents=prevents,
    )


def refusal(error: psycopg.Error) -> str:
    """Why the server refused a command, without texts of the snapshot but for names."""
    if isinstance(error, psycopg.errors.QueryCanceled):
        return "The twin's server took too long over it, or over something before it"
    code, message = error.sqlstate or "", error.diag.message_primary
    if message and code.startswith(_TOLD_CLASSES) and code != _SYNTAX_ERROR:
        return f"The twin's server refused it ({' '.join(message.split())})"
    return f"The twin's server refused it (SQLSTATE {code})" if code else "The twin's server refused it"


def expression(text: str) -> str:
    """A text that is one expression, in brackets. Raises ValueError where it is not."""
    return f"({clause(text)})"


def clause(text: str, *beginnings: str) -> str:
    """A text that is one expression or clause, beginning with one of the words if any are given.

    Raises ValueError where it is not.
    """
    if not _is_one(text):
        raise NotWrittenByServerError
    if beginnings and (word := _WORD.match(text)) and word[0].lower() not in beginnings:
        raise NotWrittenByServerError
    return text


@lru_cache(maxsize=10_000)
def _is_one(text: str) -> bool:
    """Whether a text is one expression; the defaults of thousands of columns are few."""
    if not is_expression(text):
        return False
    if "," not in text:
        return True
    lexed = lex(text)
    return not any(mark == "," and not depth for mark, depth in zip(lexed.marks, lexed.depths, strict=True))


def type_sql(text: str) -> str:
    """A type as format_type writes it. Raises ValueError where it is something else.

    >>> type_sql("timestamp(3) with time zone"), type_sql('"My".geometry(Point,4326)[]')
    ('timestamp(3) with time zone', '"My".geometry(Point,4326)[]')
    """
    if "\0" in text or _TYPE.fullmatch(text) is None:
        raise NotWrittenByServerError
    return text


def known_types(building: Building, texts: Iterable[str]) -> set[str]:
    """Which types the twin has, of texts that format_type wrote."""
    wanted = sorted({text for text in texts if _is_type(text)})
    try:
        return set(_known(building, wanted))
    except psycopg.Error:
        if building.builder.closed:
            raise
    # Before 16 one that the server cannot read, such as a length of zero, is an error.
    known: set[str] = set()
    for text in wanted:
        try:
            known.update(_known(building, [text]))
        except psycopg.Error:
            if building.builder.closed:
                raise
    return known


def _known(building: Building, texts: list[str]) -> Iterator[str]:
    rows = building.builder.execute(
        "SELECT t.text FROM pg_catalog.unnest(%s::text[]) AS t (text) WHERE pg_catalog.to_regtype(t.text) IS NOT NULL",
        (texts,),
    )
    return (text for (text,) in rows)


def _is_type(text: str) -> bool:
    return "\0" not in text and _TYPE.fullmatch(text) is not None


def first_up(sentence: str) -> str:
    """A sentence that begins with a capital."""
    return sentence[:1].upper() + sentence[1:]
