"""The SELECT that finds the rows a write or a locking read touches, for roles that may only read.

Built by slicing the original text: what a parser would write anew might mean something else to the server.
"""

from __future__ import annotations

from dataclasses import dataclass

from pgadvisor.workload.lexer import Kind, Lexed, lex

_WRITES = frozenset({"insert", "update", "delete", "merge"})
_COMMANDS = _WRITES | {"select", "values", "table"}
_QUERY_HEADS = frozenset({"select", "with", "values", "table"})
# FOR UPDATE and the like, by the words after FOR.
_LOCKS = (("update",), ("no", "key", "update"), ("share",), ("key", "share"))

_Span = tuple[int, int]


@dataclass(frozen=True)
class EquivalentSelect:
    """A SELECT that reads the rows that another statement writes or locks, by the same conditions.

    Its parameters are numbered without gaps, for PREPARE refuses a number that is not used: $i stands for
    the original's $n with n = positions[i - 1].
    """

    text: str
    positions: tuple[int, ...]


def equivalent_select(text: str) -> EquivalentSelect | None:
    """The equivalent SELECT of an UPDATE, a DELETE or a SELECT that locks rows; None where there is none for sure.

    A write becomes a SELECT of ctid, which, as for the write itself, no index can give. What it assigns or returns
    is left out, so one that assigns from a subquery has no equivalent. Neither has INSERT or MERGE, nor what writes in
    a CTE, nor what locks in a subquery without LIMIT. A SELECT without locks needs none; one with locks may, without
    them, be planned as an index-only scan.
    """
    lexed = lex(text)
    if not lexed.balanced or lexed.commands != 1:
        return None
    clauses = _Clauses(lexed)
    main = clauses.main
    if main is None or clauses.writes_inside() or clauses.lock_fences():
        return None
    keyword = lexed.word(main)
    if keyword == "update":
        spans = clauses.update(main)
    elif keyword == "delete":
        spans = clauses.delete(main)
    elif keyword == "select" and clauses.locks and not clauses.has("into", main, clauses.end):
        spans = [(0, clauses.end)]
    else:
        return None
    return None if spans is None else clauses.joined(spans)


class _Clauses:
    """Where the clauses of one command begin and end, as indexes of tokens."""

    def __init__(self, lexed: Lexed) -> None:
        self.lexed = lexed
        self.end = len(lexed.tokens)
        while lexed.is_mark(self.end - 1, ";"):
            self.end -= 1
        self.locks = self._find_locks()
        self.main = self._find_main()

    def _find_main(self) -> int | None:
        """The index of the keyword of the main command, after its CTEs."""
        first = self.lexed.word(0)
        if first in _COMMANDS:
            return 0
        if first != "with":
            return None
        for index in range(1, self.end):
            named = self.lexed.is_mark(index - 1, ",") or self.lexed.word(index - 1) in ("with", "recursive")
            if self.lexed.depths[index] == 0 and self.lexed.word(index) in _COMMANDS and not named:
                return index
        return None

    def writes_inside(self) -> bool:
        """Whether a word that writes stands in parentheses, unless it is that of a lock."""
        locked = {index for start, end in self.locks for index in range(start, end)}
        return any(
            self.lexed.depths[index] > 0 and self.lexed.word(index) in _WRITES and index not in locked
            for index in range(self.end)
        )

    def lock_fences(self) -> bool:
        """Whether a subquery locks rows that nothing but the lock keeps conditions from above away from.

        The planner does not merge a subquery that locks, but would merge it without.
        """
        return any(self.lexed.depths[start] > 0 and not self._is_limited(start) for start, _ in self.locks)

    def _is_limited(self, index: int) -> bool:
        """Whether the query that a token belongs to has a LIMIT."""
        depth = self.lexed.depths[index]
        start, end = index, index
        while start > 0 and self.lexed.depths[start - 1] >= depth:
            start -= 1
        while end < self.end and self.lexed.depths[end] >= depth:
            end += 1
        return any(
            self.lexed.depths[each] == depth and self.lexed.word(each) in ("limit", "fetch")
            for each in range(start, end)
        )

    def find(self, keyword: str, start: int, end: int) -> int | None:
        """The first such keyword outside of parentheses, where it is no part of a name or of an operator."""
        for index in range(start, end):
            if self.lexed.depths[index] == 0 and self.lexed.word(index) == keyword:
                before = self.lexed.word(index - 1)
                in_operator = keyword == "from" and before == "distinct"
                if not in_operator and before != "as" and not self.lexed.is_mark(index - 1, "."):
                    return index
        return None

    def has(self, keyword: str, start: int, end: int) -> bool:
        """Whether there is such a keyword outside of parentheses."""
        return self.find(keyword, start, end) is not None

    def update(self, main: int) -> list[_Span | str] | None:
        """UPDATE target SET ... [FROM ...] [WHERE ...] [RETURNING ...]"""
        set_ = self.find("set", main + 1, self.end)
        if set_ is None:
            return None
        stop = self.find("returning", set_, self.end) or self.end
        where = self.find("where", set_, stop) or stop
        from_ = self.find("from", set_, where) or where
        if any(self.lexed.word(index) == "select" for index in range(set_, from_)):
            return None
        return self._select(main, (main + 1, set_), (from_ + 1, where), (where, stop))

    def delete(self, main: int) -> list[_Span | str] | None:
        """DELETE FROM target [USING ...] [WHERE ...] [RETURNING ...]"""
        if self.lexed.word(main + 1) != "from":
            return None
        stop = self.find("returning", main, self.end) or self.end
        where = self.find("where", main, stop) or stop
        using = self.find("using", main, where) or where
        return self._select(main, (main + 2, using), (using + 1, where), (where, stop))

    def _select(self, main: int, target: _Span, others: _Span, where: _Span) -> list[_Span | str] | None:
        if self.lexed.word(where[0] + 1) == "current" and self.lexed.word(where[0] + 2) == "of":
            return None
        name = self._target_name(*target)
        if name is None:
            return None
        spans: list[_Span | str] = [(0, main), f"SELECT {self._slice(name, {})}.ctid FROM", target]
        if others[0] < others[1]:
            spans += [",", others]
        return [*spans, where]

    def _target_name(self, start: int, end: int) -> _Span | None:
        """What the rest of the statement calls the target: its alias, or its name as written."""
        index = start
        if self.lexed.word(index) == "only":
            index += 1
        opened = self.lexed.is_mark(index, "(")
        index += opened
        name_start = index
        while index < end and self._is_name(index):
            index += 1
            if not self.lexed.is_mark(index, "."):
                break
            index += 1
        name = (name_start, index)
        if opened:
            if not self.lexed.is_mark(index, ")"):
                return None
            index += 1
        if index < end and self.lexed.of(self.lexed.tokens[index]) == "*":
            index += 1
        if self.lexed.word(index) == "as":
            index += 1
        if index == end and name[0] < name[1]:
            return name
        return (index, end) if index + 1 == end and self._is_name(index) else None

    def _is_name(self, index: int) -> bool:
        return self.lexed.tokens[index].kind in (Kind.WORD, Kind.QUOTED)

    def _find_locks(self) -> list[_Span]:
        """FOR UPDATE and the like, at any depth where a query stands."""
        locks: list[_Span] = []
        heads: list[int] = [0]
        index = 0
        while index < self.end:
            if self.lexed.is_mark(index, "(") or self.lexed.is_mark(index, "["):
                heads.append(index + 1)
            elif self.lexed.is_mark(index, ")") or self.lexed.is_mark(index, "]"):
                heads.pop()
            elif self.lexed.word(index) == "for" and self._is_query(heads[-1]):
                stop = self._end_of_lock(index)
                if stop > index:
                    locks.append((index, stop))
                    index = stop
                    continue
            index += 1
        return locks

    def _is_query(self, head: int) -> bool:
        return self.lexed.word(head) in _QUERY_HEADS or self.lexed.is_mark(head, "(")

    def _end_of_lock(self, index: int) -> int:
        """The end of a locking clause that begins with the FOR at an index; that index where it is none."""
        for words in _LOCKS:
            if all(self.lexed.word(index + 1 + n) == word for n, word in enumerate(words)):
                stop = index + 1 + len(words)
                break
        else:
            return index
        if self.lexed.word(stop) == "of":
            stop += 1
            while stop < self.end and self._is_name(stop):
                stop += 1
                if not (self.lexed.is_mark(stop, ",") or self.lexed.is_mark(stop, ".")):
                    break
                stop += 1
        if self.lexed.word(stop) == "nowait":
            stop += 1
        elif (self.lexed.word(stop), self.lexed.word(stop + 1)) == ("skip", "locked"):
            stop += 2
        return stop

    def joined(self, spans: list[_Span | str]) -> EquivalentSelect:
        """The slices put together without locks, parameters renumbered."""
        kept = [piece for span in spans for piece in ([span] if isinstance(span, str) else self._without_locks(span))]
        used = {
            self._position(index)
            for piece in kept
            if not isinstance(piece, str)
            for index in range(*piece)
            if self.lexed.tokens[index].kind is Kind.PARAMETER
        }
        positions = tuple(sorted(used))
        number = {position: n for n, position in enumerate(positions, start=1)}
        text = " ".join(piece if isinstance(piece, str) else self._slice(piece, number) for piece in kept)
        return EquivalentSelect(text=text, positions=positions)

    def _without_locks(self, span: _Span) -> list[_Span]:
        pieces: list[_Span] = []
        start, end = span
        for lock_start, lock_end in self.locks:
            if start <= lock_start < end:
                pieces.append((start, lock_start))
                start = lock_end
        pieces.append((start, end))
        return [piece for piece in pieces if piece[0] < piece[1]]

    def _slice(self, span: _Span, number: dict[int, int]) -> str:
        out: list[str] = []
        done = self.lexed.tokens[span[0]].start
        for index in range(*span):
            token = self.lexed.tokens[index]
            if token.kind is Kind.PARAMETER:
                out += [self.lexed.text[done : token.start], f"${number[self._position(index)]}"]
                done = token.end
        return "".join(out) + self.lexed.text[done : self.lexed.tokens[span[1] - 1].end]

    def _position(self, index: int) -> int:
        return int(self.lexed.of(self.lexed.tokens[index])[1:])
