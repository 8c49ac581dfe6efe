"""How deep a text may nest before it is parsed, for with some kinds of nesting the time for it multiplies."""

from __future__ import annotations

from functools import cache

from sqlglot.dialects.postgres import Postgres
from sqlglot.parsers.postgres import PostgresParser

from pgadvisor.workload.lexer import Lexed

# Much deeper, it depends on the parser's being compiled and on the caller whether it reaches the limit of recursion.
MAX_DEPTH = 20
# A bracket, or a parenthesis after the name of a type, is parsed twice at each level: time doubles with depth.
MAX_DOUBLING_DEPTH = 4
# So does a join that waits for its ON while the next one begins, as in `a JOIN b JOIN c ON ... ON ...`.
MAX_WAITING_JOINS = 5
# Each call or subscript directly after another is parsed again for all that follow.
MAX_CHAIN = 10

_BEFORE_ITEM = frozenset({"from", "join"})
_UNCONDITIONAL = frozenset({"cross", "natural"})
_JOIN_WORDS = frozenset({"inner", "left", "right", "full", "outer"})


def too_deep(lexed: Lexed) -> bool:
    """Whether parsing could take long, whatever it would end in."""
    doubling: list[bool] = []
    waiting, chains = [0], [0]
    marks = lexed.marks
    for index, mark in enumerate(marks):
        if mark in ("(", "["):
            doubling.append(mark == "[" or lexed.word(index - 1) in _type_words())
            chains[-1] += 1
            if len(doubling) > MAX_DEPTH or sum(doubling) > MAX_DOUBLING_DEPTH or chains[-1] > MAX_CHAIN:
                return True
            waiting.append(0)
            chains.append(0)
        elif mark in (")", "]"):
            for levels in (doubling, waiting, chains):
                levels.pop()
        elif (
            lexed.word(index) == "select"
            and index
            and (marks[index - 1] == "," or lexed.word(index - 1) in _BEFORE_ITEM)
        ):
            # No SELECT of PostgreSQL's; the parser takes it for a subquery, and nests without a parenthesis to count.
            return True
        elif mark != "." and (index == 0 or marks[index - 1] != "."):
            chains[-1] = 0
            waiting[-1] = max(0, waiting[-1] + _waits(lexed, index))
            if waiting[-1] > MAX_WAITING_JOINS:
                return True
    return False


def _waits(lexed: Lexed, index: int) -> int:
    """By how many the joins that wait for a condition change at a token."""
    word = lexed.word(index)
    if word in ("on", "using"):
        return -1
    if word != "join":
        return 0
    index -= 1
    while lexed.word(index) in _JOIN_WORDS:
        index -= 1
    return 0 if lexed.word(index) in _UNCONDITIONAL else 1


@cache
def _type_words() -> frozenset[str]:
    """Last words of what the parser takes for names of types."""
    keywords = Postgres.Tokenizer.KEYWORDS
    return frozenset(
        word.lower().split()[-1] for word, token in keywords.items() if token in PostgresParser.TYPE_TOKENS
    )
