"""One name for all texts of one statement, whatever its constants, the lengths of its lists, its comments and spelling.

What the server itself takes for one statement has one fingerprint as far as the text shows it, in the form of any
version of pg_stat_statements (https://www.postgresql.org/docs/current/pgstatstatements.html), of a log, or as written.
"""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import blake2b

from pgadvisor.memory import without_collector
from pgadvisor.workload.lexer import Kind, Lexed, lex
from pgadvisor.workload.long_lists import without_long_lists
from pgadvisor.workload.words import words

# What stands for a constant: no token is spelt so.
_CONSTANT = "$?"
_DIGEST_BYTES = 8
# Within so many lists the members of lists are compared: each comparison costs the length of a member.
_MAX_LISTS = 40

_LITERALS = words("true false null")
# After these words, or an operator, a sign is the sign of what follows.
_BEFORE_OPERAND = words(
    "all and any array as between by case distinct else escape from having ilike in is like limit not offset on or "
    "return returning select set similar some then to using values when where"
)
# Types, and functions spelt like types, whose numbers in parentheses say how exact they are.
_WITH_MODIFIERS = words(
    "bit bpchar char character current_time current_timestamp dec decimal float interval localtime localtimestamp "
    "numeric second time timestamp timestamptz timetz varbit varchar varying"
)
_QUERIES = words("select table values with")
# In these clauses a bare number is the position of a column.
_POSITIONS_END = words(
    "except fetch for from groups having intersect limit offset on range returning rows union using where window"
)
_GROUPINGS = words("by cube rollup sets")


def fingerprint(text: str) -> str:
    """Sixteen hexadecimal digits, the same for all texts of one statement. Any text has one; nothing is raised.

    Alike are constants and parameters, including true, false and NULL as values; members of IN lists and of ARRAY[],
    and rows of VALUES, in any number; comments, white space, semicolons at the end, and the case of what is not quoted.

    >>> fingerprint("SELECT * FROM t WHERE a IN (1, 2) -- ann") == fingerprint("select * from T where a in ($1)")
    True
    >>> fingerprint("select a from t order by 1") == fingerprint("select a from t order by 2")
    False
    """
    with without_collector():
        form = _Form(lex(without_long_lists(text))).read()
    return blake2b(form.encode("utf-8", "surrogatepass"), digest_size=_DIGEST_BYTES).hexdigest()


@dataclass(slots=True)
class _Frame:
    """What is known between a parenthesis or bracket and its end; begin and separator are places in the output.

    is_list: of its members only different ones are kept. is_type: its numbers belong to a type. positions: a bare
    number is the position of a column. rows are those of a VALUES, while such is read. row_of_values: it is one.
    """

    begin: int = 0
    separator: int = -1
    is_list: bool = False
    is_type: bool = False
    positions: bool = False
    row_of_values: bool = False
    members: set[tuple[str, ...]] | None = None
    rows: set[tuple[str, ...]] | None = None
    rows_separator: int = -1


class _Form:
    """One text on its way to the form that all texts of its statement have."""

    def __init__(self, lexed: Lexed) -> None:
        self._lexed = lexed
        self._out: list[str] = []
        self._frames = [_Frame()]
        self._lists = 0

    def read(self) -> str:
        """The form: tokens with a blank between."""
        lexed, out = self._lexed, self._out
        for index, (kind, start, end) in enumerate(lexed.tokens):
            written = lexed.text[start:end]
            if kind is Kind.PUNCTUATION:
                self._punctuation(index, written)
                continue
            frame = self._frames[-1]
            if frame.rows is not None and written.lower() != "values":
                frame.rows = None
            if kind is Kind.WORD:
                self._word(index, _lower(written), frame)
            elif kind is Kind.NUMBER:
                self._number(index, written, frame)
            elif kind is Kind.STRING:
                # Strings parted by a line break are one constant.
                if index == 0 or lexed.tokens[index - 1].kind is not Kind.STRING:
                    out.append(_CONSTANT)
            elif kind is Kind.PARAMETER:
                out.append(_CONSTANT)
            else:
                out.append("<>" if written == "!=" else written)
        while out and out[-1] == ";":
            out.pop()
        if lexed.unterminated:
            out.append(f"$cut in {lexed.unterminated}")
        if lexed.cut:
            out += ("$cut", lexed.text[lexed.tokens[-1].end :] if lexed.tokens else "")
        return " ".join(out)

    def _word(self, index: int, word: str, frame: _Frame) -> None:
        lexed = self._lexed
        if word in _LITERALS and self._is_value(index, word):
            self._out.append(_CONSTANT)
            return
        self._out.append(word)
        if word == "by" and lexed.word(index - 1) in ("order", "group"):
            frame.positions = True
        elif word in _POSITIONS_END:
            frame.positions = False
        elif word == "values":
            frame.rows = set()
        if frame.is_list and len(self._out) == frame.begin + 1 and frame.separator < 0 and word in _QUERIES:
            frame.is_list = False
            self._lists -= 1

    def _is_value(self, index: int, word: str) -> bool:
        """Whether true, false or null is a constant here, and not a part of IS NOT NULL, ON NULL or a name."""
        lexed = self._lexed
        before = lexed.word(index - 1)
        if before == "not":
            return word != "null" and lexed.word(index - 2) != "is"
        return (
            before not in ("is", "on", "as", "set")
            and lexed.word(index + 1) != "on"
            and not lexed.is_mark(index - 1, ".")
        )

    def _number(self, index: int, written: str, frame: _Frame) -> None:
        if frame.is_type or (frame.positions and self._is_position(index)):
            self._out.append(written)
            return
        lexed = self._lexed
        signed = (
            self._out[-1:] == ["-"]
            and lexed.tokens[index - 1].kind is Kind.OPERATOR
            and self._begins_operand(index - 2)
            and not lexed.is_mark(index + 1, "::")
        )
        if signed:
            self._out.pop()
        self._out.append(_CONSTANT)

    def _begins_operand(self, index: int) -> bool:
        """Whether an operand begins after the token at an index."""
        if index < 0:
            return True
        token = self._lexed.tokens[index]
        if token.kind is Kind.PUNCTUATION:
            return self._lexed.of(token) in ("(", "[", ",", ";", ":=")
        return token.kind is Kind.OPERATOR or self._lexed.word(index) in _BEFORE_OPERAND

    def _is_position(self, index: int) -> bool:
        lexed = self._lexed
        bare = lexed.is_mark(index - 1, ",") or lexed.is_mark(index - 1, "(") or lexed.word(index - 1) == "by"
        if not bare or index + 1 == len(lexed.tokens):
            return bare
        return lexed.tokens[index + 1].kind is Kind.WORD or lexed.marks[index + 1] in (",", ")", ";")

    def _punctuation(self, index: int, mark: str) -> None:
        frame, out = self._frames[-1], self._out
        if mark in ("(", "["):
            self._open(index, mark, frame)
        elif mark in (")", "]") and len(self._frames) > 1:
            self._close(mark)
        elif mark == "," and frame.is_list:
            self._member(frame)
            frame.separator = len(out)
            out.append(mark)
            frame.begin = len(out)
        else:
            if mark == "," and frame.rows:
                frame.rows_separator = len(out)
            elif frame.rows is not None:
                frame.rows = None
            out.append(mark)

    def _open(self, index: int, mark: str, frame: _Frame) -> None:
        lexed = self._lexed
        before = lexed.word(index - 1)
        made = _Frame(begin=len(self._out) + 1, is_type=self._is_type(index, before))
        after_mark = lexed.is_mark(index - 1, ",") or lexed.is_mark(index - 1, "(")
        made.positions = (frame.positions and (after_mark or before in _GROUPINGS)) or (
            before == "on" and lexed.word(index - 2) == "distinct"
        )
        if frame.rows is not None:
            if before == "values" or (frame.rows and lexed.is_mark(index - 1, ",")):
                made.row_of_values = True
            else:
                frame.rows = None
        if mark == "(":
            is_list = before == "in"
        else:
            is_list = before == "array" or (frame.is_list and not self._is_subscript(index))
        if is_list and self._lists < _MAX_LISTS:
            made.is_list = True
            self._lists += 1
        self._frames.append(made)
        self._out.append(mark)

    def _is_subscript(self, index: int) -> bool:
        """Whether a bracket at an index is a subscript."""
        return self._lexed.marks[index - 1] not in (",", "[")

    def _is_type(self, index: int, before: str) -> bool:
        """Whether what opens at an index belongs to a type: numeric(10, 2), ::public.vector(3), ::int[3]."""
        lexed = self._lexed
        if before in _WITH_MODIFIERS:
            return True
        at = index - 1
        if at < 0 or lexed.tokens[at].kind not in (Kind.WORD, Kind.QUOTED):
            return False
        while lexed.is_mark(at - 1, ".") and at >= 2:
            at -= 2
        return lexed.is_mark(at - 1, "::") or lexed.word(at - 1) == "as"

    def _close(self, mark: str) -> None:
        out, frame = self._out, self._frames.pop()
        if frame.is_list:
            self._member(frame)
            self._lists -= 1
        out.append(mark)
        if not frame.row_of_values:
            return
        parent = self._frames[-1]
        if parent.rows is None:
            return
        row = tuple(out[frame.begin - 1 :])
        if row in parent.rows:
            del out[parent.rows_separator :]
        elif _CONSTANT in row:
            parent.rows.add(row)
        else:
            parent.rows = parent.rows or None

    def _member(self, frame: _Frame) -> None:
        """Takes the member of a list that ends here off again if there was one like it."""
        member = tuple(self._out[frame.begin :])
        if frame.members is None:
            frame.members = set()
        if member in frame.members:
            del self._out[frame.separator :]
        elif _CONSTANT in member:
            frame.members.add(member)


def _lower(word: str) -> str:
    """As PostgreSQL folds what is not quoted in UTF-8: letters of ASCII alone."""
    return word.lower() if word.isascii() else "".join(each.lower() if each.isascii() else each for each in word)
