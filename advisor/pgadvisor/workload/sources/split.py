"""A stream of SQL, parted into its statements the way psql parts it.

A semicolon ends a statement outside of strings, quoted names, comments, dollar quotes, parentheses and the BEGIN ATOMIC
... END of a function's body; so does a backslash command that sends it (\\g, \\gx, \\gset, \\watch ...). After
https://www.postgresql.org/docs/current/app-psql.html and src/fe_utils/psqlscan.l.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

# A longer statement is passed over: nothing would read it.
MAX_STATEMENT_CHARS = 1 << 20
# What may be cut in two where the stream has got to is looked at again when more of it is there.
_HELD_BACK = 128
_LETTER = r"A-Za-z_\u0080-\U0010ffff"
_EVENT = re.compile(
    rf"""(?P<word>[{_LETTER}][0-9${_LETTER}]*+) | \$\d++ | (?P<number>\d[\d.]*+)
    | (?P<dollar>\$(?:[{_LETTER}][0-9{_LETTER}]*+)?\$)
    | (?P<mark>--|/\*|['"();\\])""",
    re.VERBOSE,
)
_PLAIN_END = re.compile(r"'")
_ESCAPED_END = re.compile(r"\\.|'", re.DOTALL)
_NAME_END = re.compile(r'"')
_LINE_END = re.compile(r"\n")
_COMMENT_EDGE = re.compile(r"/\*|\*/")
_COPY_END = re.compile(r"^\\\.[^\n]*(?:\n|\Z)", re.MULTILINE)
_SENDS = re.compile(r"\\(?:;|g\b|gx\b|gset\b|gexec\b|gdesc\b|watch\b|crosstabview\b)")


class Splitter:
    """What has been read of one stream. commands counts backslash commands, too_long statements passed over.

    line is that on which the statement just given begins, with the comments before it; first_too_long that of the first
    one passed over, 0 where there is none. Lines are counted from 1 on.
    """

    def __init__(self) -> None:
        self.commands = 0
        self.too_long = 0
        self.first_too_long = 0
        self.line = 1
        self.unterminated = False
        self._buffer = ""
        # Where the statement begins in the buffer, and up to where the buffer has been read.
        self._start = 0
        self._at = 0
        self._state = ""
        self._depth = 0
        self._pieces: list[str] = []
        self._dropped = False
        # Where line breaks have been counted up to, and which line that is; and where the statement begins.
        self._counted = 0
        self._current_line = self._first_line = 1
        self._begin_statement()

    def _line_at(self, place: int) -> int:
        """The line of a place in the buffer, which is never before the one asked for last."""
        self._current_line += self._buffer.count("\n", self._counted, place)
        self._counted = place
        return self._current_line

    def _begin_statement(self) -> None:
        self._parentheses = 0
        self._begins = 0
        self._words: list[str] = []
        self._last_word_end = -1

    def feed(self, text: str, *, final: bool = False) -> Iterator[str]:
        """The statements that end within this next part of the stream; with final=True also the last one."""
        self._buffer += text
        limit = len(self._buffer) if final else len(self._buffer) - _HELD_BACK
        while self._at < limit:
            found = self._within(final=final) if self._state else self._outside(limit)
            if found is None:
                break
            if found:
                yield found
        if final:
            self.unterminated = self._state in ("'", "e'", '"', "/*") or self._state.startswith("$")
            rest, self.line = self._taken(len(self._buffer)), self._first_line
            if rest.strip() and self._state != "copy":
                yield rest
            return
        self._trim()

    def _trim(self) -> None:
        """Forgets what has been read of earlier statements, and all of one that is too long."""
        if self._at - self._start > MAX_STATEMENT_CHARS or sum(map(len, self._pieces)) > MAX_STATEMENT_CHARS:
            self._dropped = True
            self._pieces.clear()
            self._start = self._at
        self._line_at(self._start)
        self._buffer = self._buffer[self._start :]
        self._counted = 0
        self._at -= self._start
        self._last_word_end -= self._start
        self._start = 0

    def _taken(self, end: int) -> str:
        """The text of the statement that ends here; "" for one that is passed over."""
        text = "".join((*self._pieces, self._buffer[self._start : end]))
        self._pieces.clear()
        if self._dropped or len(text) > MAX_STATEMENT_CHARS:
            self.too_long += 1
            self.first_too_long = self.first_too_long or self._first_line
            text = ""
        self._dropped = False
        return text

    def _outside(self, limit: int) -> str | None:
        """Goes on to what comes next outside of quotes: a statement that ends there, "", or None where all is read."""
        event = _EVENT.search(self._buffer, self._at)
        if event is None or event.start() >= limit:
            return None
        self._at = event.end()
        if event["word"]:
            self._word(event["word"], event.end())
        elif event["dollar"]:
            self._state = event["dollar"]
        elif event["mark"]:
            return self._mark(event["mark"], event.start())
        return ""

    def _word(self, word: str, end: int) -> None:
        lower = word.lower()
        self._last_word_end = end if lower == "e" else -1
        if len(self._words) < 6:
            self._words.append(lower)
        makes_routine = self._words[:1] == ["create"] and ("function" in self._words or "procedure" in self._words)
        if not makes_routine or self._parentheses:
            return
        if lower == "begin" or (lower == "case" and self._begins):
            self._begins += 1
        elif lower == "end" and self._begins:
            self._begins -= 1

    def _mark(self, mark: str, start: int) -> str:
        if mark == "(":
            self._parentheses += 1
        elif mark == ")":
            self._parentheses = max(self._parentheses - 1, 0)
        elif mark == ";":
            return self._end(start, start + 1) if not self._parentheses and not self._begins else ""
        elif mark == "\\":
            self._at = start
            self._state = "\\"
        else:
            self._depth = 1
            self._state = "e'" if mark == "'" and self._last_word_end == start else mark
        return ""

    def _end(self, end: int, after: int) -> str:
        """The statement that ends here."""
        text, self.line = self._taken(end), self._first_line
        self._start = self._at = after
        self._first_line = self._line_at(after)
        if self._words[:1] == ["copy"] and re.search(r"\bfrom\s+stdin\b", text, re.IGNORECASE):
            self._state = "copy"
        self._begin_statement()
        return text

    def _within(self, *, final: bool) -> str | None:
        """Goes on to the end of what the stream is inside of; None where that is not there yet."""
        state, size = self._state, len(self._buffer)
        if state == "\\":
            return self._command(final=final)
        if state == "copy":
            found = _COPY_END.search(self._buffer, self._at)
            if found is None or not (final or found[0].endswith("\n")):
                # The last line may not be all there yet; how a line begins decides.
                begun = max(self._buffer.rfind("\n") + 1, self._start)
                self._at = self._start = begun if size - begun <= MAX_STATEMENT_CHARS else size
                return None
            self._at = self._start = found.end()
            self._first_line = self._line_at(found.end())
            self._state = ""
            return ""
        if state == "/*":
            return self._comment(final=final)
        if state.startswith("$"):
            place = self._buffer.find(state, self._at)
            end = place + len(state) if place >= 0 else -1
        else:
            pattern = {"'": _PLAIN_END, "e'": _ESCAPED_END, '"': _NAME_END, "--": _LINE_END}[state]
            found = pattern.search(self._buffer, self._at)
            end = -1 if found is None else found.end()
            if found is not None and found[0].startswith("\\"):
                self._at = end
                return ""
        if end < 0:
            self._at = size
            return self._more(final=final, back=len(state))
        self._at, self._state = end, ""
        return ""

    def _more(self, *, final: bool, back: int) -> str | None:
        """More of the stream is needed; the last characters of what is there are to be looked at again."""
        if not final:
            self._at = max(self._at - back, self._start)
        return None

    def _comment(self, *, final: bool) -> str | None:
        edge = _COMMENT_EDGE.search(self._buffer, self._at)
        if edge is None:
            self._at = len(self._buffer)
            return self._more(final=final, back=1)
        self._depth += 1 if edge[0] == "/*" else -1
        self._at = edge.end()
        if not self._depth:
            self._state = ""
        return ""

    def _command(self, *, final: bool) -> str | None:
        """Passes over a backslash command, which goes to the end of its line; some send what stands before them."""
        start = self._at
        sends = _SENDS.match(self._buffer, start)
        end = start + 2 if sends and sends[0] == r"\;" else self._buffer.find("\n", start)
        if end < 0:
            if not final:
                return None
            end = len(self._buffer)
        line = self._buffer[start:end]
        self._state = ""
        if line != r"\;":
            self.commands += 1
        if _SENDS.search(line):
            return self._end(start, end)
        self._pieces.append(self._buffer[self._start : start])
        self._start = self._at = end
        return ""
