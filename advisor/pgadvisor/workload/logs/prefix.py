"""log_line_prefix: what a line begins with, given as the setting's value or found out from the lines themselves.

Escapes as in https://www.postgresql.org/docs/current/runtime-config-logging.html#GUC-LOG-LINE-PREFIX.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from functools import lru_cache

# Those of distributions, services and pgBadger's manual; the first that fits most lines is taken.
KNOWN = (
    "%m [%p] %q%u@%d ",
    "%m [%p] %u@%d ",
    "%m [%p] ",
    "%t:%r:%u@%d:[%p]:",
    "%m:%r:%u@%d:[%p]:%l:%e:%s:%v:%x:%c:%q%a:",
    "%t [%p]: [%l-1] user=%u,db=%d,app=%a,client=%h ",
    "%t [%p]: user=%u,db=%d,app=%a,client=%h ",
    "%t [%p]: [%l-1] user=%u,db=%d ",
    "%m [%p]: [%l-1] db=%d,user=%u ",
    "%m [%p]: [%l] db=%d,user=%u,app=%a,client=%h ",
    "%t [%p-%l] %q%u@%d ",
    "%t [%p]: [%l-1] ",
    "%m [%p]: ",
    "%t-%c-",
    "%m-%p-",
    "%h %m [%p] %q%u@%d ",
    "%m [%p]: [%l-1] %c %q%u@%d app=%a ",
    "%m %q%u@%d %p %Q ",
    "%m [%p] %Q ",
    "< %m >",
    "%t ",
    "",
)
FOLLOWING = (b"DETAIL", b"HINT", b"QUERY", b"CONTEXT", b"STATEMENT", b"LOCATION", b"BACKTRACE")
_SEVERITIES = (
    rb"LOG|ERROR|FATAL|PANIC|WARNING|NOTICE|INFO|DEBUG[1-5]?|DETAIL|HINT|QUERY|CONTEXT|STATEMENT|LOCATION|BACKTRACE"
)
# Other languages: a word of capital or non-ASCII letters, as in "ПОДРОБНОСТИ:  " and "FEHLER:  ", French with a blank.
_SEVERITY = rb"(?P<severity>" + _SEVERITIES + rb"|[A-Z\x80-\xff]{2,60}) ?:[ ]{1,2}"
_SEVERITY_ANYWHERE = re.compile(rb"(?:" + _SEVERITIES + rb"|[A-Z\x80-\xff]{3,60} ?):  ")
_MOMENT = rb"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d(?:\.\d{1,6})? (?:[A-Za-z]{1,6}|[+\-]\d\d(?::?\d\d){0,2})"
# What each escape may hold. Names hold anything but what follows them, so that no line is tried in many ways.
_FIXED = {
    "m": ("moment", _MOMENT),
    "t": ("moment", _MOMENT),
    "s": ("", rb"(?:%b)?" % _MOMENT),
    "n": ("moment", rb"\d{9,11}\.\d{3}"),
    "c": ("session_id", rb"[0-9a-f]{6,9}\.[0-9a-f]{1,8}"),
    "p": ("pid", rb"\d{1,10}"),
    "P": ("", rb"\d{0,10}"),
    "l": ("", rb"\d{0,20}"),
    "v": ("", rb"(?:\d{1,10}/\d{1,20})?"),
    "x": ("", rb"\d{0,20}"),
    "e": ("", rb"[0-9A-Z]{5}"),
    "Q": ("query_id", rb"(?:-?\d{1,20})?"),
}
_NAMES = {"u": "user", "d": "database", "a": "", "h": "", "r": "", "L": "", "i": "", "b": ""}
_ESCAPE = re.compile(r"%(-?\d*)([a-zA-Z%])")
_GROUPS = ("session", "database", "user", "query_id", "moment")
# What exports of CloudWatch put before each line.
_CLOUDWATCH = rb"(?:\d{4}-\d\d-\d\dT[\d:.]+(?:Z|[+-]\d\d:?\d\d) )?"
_MOST_PREFIX_BYTES = 500


@lru_cache(maxsize=64)
def pattern(prefix: str) -> re.Pattern[bytes]:
    """What matches the beginning of a line with this prefix, up to its message.

    Groups: severity, session (of %p, else %c), database, user, query_id, moment; None or b"" where it has none.
    """
    return re.compile(_spelled(prefix) + _SEVERITY)


@lru_cache(maxsize=8)
def scanner(prefix: str) -> re.Pattern[bytes]:
    """What matches one record after the other, each with its line end, by the same groups and five more.

    duration, execute (its name), text and values are those of a call with its duration; its values are those of the
    next line, if that is of the same session. record is all of it, or any other record, whose other groups are empty.
    """
    lines = rb"[^\n]*+(?:\n\t[^\n]*+)*+"
    call = rb"LOG:  duration: (?P<duration>\d{1,15}\.\d{1,6}) ms  (?:statement|execute (?P<execute>[^\n:]{1,140}+)): "
    detail = rb"(?:\n%bDETAIL:  [Pp]arameters: (?P<values>%b))?" % (_spelled(prefix, again=True), lines)
    known = rb"%b%b(?P<text>%b)%b" % (_spelled(prefix), call, lines, detail)
    return re.compile(rb"(?P<record>%b|%b)(?:\n|\Z)" % (known, lines))


def _spelled(prefix: str, *, again: bool = False) -> bytes:
    """The prefix as a pattern with groups; without, but of the session that a group has found, if again."""
    parts = [("", _CLOUDWATCH)]
    position = 0
    optional = False
    for found in _ESCAPE.finditer(prefix):
        parts.append(("", re.escape(prefix[position : found.start()].encode())))
        position = found.end()
        if found[2] == "q":
            parts.append(("", b"" if optional else b"(?:"))
            optional = True
        elif found[1]:
            name, piece = _piece(found[2], " ")
            parts += [("", rb" *+"), (name, piece), ("", rb" *+")]
        else:
            parts.append(_piece(found[2], prefix[position : position + 1]))
    parts.append(("", re.escape(prefix[position:].encode())))
    if optional:
        parts.append(("", b")?"))
    return _with_groups(parts, again=again)


def _with_groups(parts: list[tuple[str, bytes]], *, again: bool) -> bytes:
    """The parts as one pattern, the first of each name a group."""
    names = [name for name, _ in parts]
    session = "pid" if "pid" in names else "session_id"
    pieces = []
    for index, (name, piece) in enumerate(parts):
        group = "session" if name == session else name
        if not name:
            pieces.append(piece)
        elif group not in _GROUPS or names.index(name) < index:
            pieces.append(b"(?:%b)" % piece)
        elif again:
            pieces.append(b"(?P=session)" if group == "session" else b"(?:%b)" % piece)
        else:
            pieces.append(b"(?P<%b>%b)" % (group.encode(), piece))
    if not again:
        found = {"session" if name == session else name for name in names}
        pieces += [b"(?P<%b>)" % group.encode() for group in _GROUPS if group not in found]
    return b"".join(pieces)


def _piece(letter: str, following: str) -> tuple[str, bytes]:
    """The name of what an escape stands for, if it is of interest, and what it may hold."""
    if letter in _FIXED:
        return _FIXED[letter]
    if letter not in _NAMES:
        return "", b"%" if letter == "%" else b""
    # Names of applications and addresses may hold what separates them from the next, other names seldom do.
    if letter in "ahr" or following in ("", "%"):
        return _NAMES[letter], rb"[^\n]{0,64}?"
    return _NAMES[letter], rb"[^\n%b]{0,128}+" % re.escape(following.encode())


def detect(lines: Sequence[bytes]) -> str | None:
    """The prefix that fits most of these lines, as log_line_prefix spells it; None where there is no line of a log.

    Of two that fit the same lines the one that says more is taken.
    """
    marked = [line[:_MOST_PREFIX_BYTES] for line in lines if _SEVERITY_ANYWHERE.search(line, 0, _MOST_PREFIX_BYTES)]
    if not marked:
        return None
    guessed = Counter(guess for line in marked if (guess := _guess(line)) is not None)
    candidates = (*KNOWN, *(guess for guess, _ in guessed.most_common(8)))
    best, fitting = None, 0.0
    for candidate in candidates:
        matches = pattern(candidate).match
        says = sum(1 for letter in "pdumtc" if f"%{letter}" in candidate)
        score = sum(matches(line) is not None for line in marked) + says / 100
        if score > fitting + 1e-9 and score >= 1:
            best, fitting = candidate, score
    return best


# What the parts of an unknown prefix look like, in the order in which they are looked for.
_PARTS = (
    (re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{3} (?:[A-Za-z]{1,6}|[+\-]\d\d(?::?\d\d){0,2})"), "%m"),
    (re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d (?:[A-Za-z]{1,6}|[+\-]\d\d(?::?\d\d){0,2})"), "%t"),
    (re.compile(r"(?<!\d)\d{10}\.\d{3}(?!\d)"), "%n"),
    (re.compile(r"(?<![0-9a-f])[0-9a-f]{8}\.[0-9a-f]{1,8}(?![0-9a-f])"), "%c"),
    (re.compile(r"(?i)(?<=\buser=)[^,;\s\]|]*|(?<=\busr=)[^,;\s\]|]*|(?<=\bu=)[^,;\s\]|]*"), "%u"),
    (re.compile(r"(?i)(?<=\bdb=)[^,;\s\]|]*|(?<=\bdatabase=)[^,;\s\]|]*|(?<=\bd=)[^,;\s\]|]*"), "%d"),
    (re.compile(r"(?i)(?:(?<=\bapp=)|(?<=\bapplication_name=))[^,;\]|]*?(?=[,;\]|]|\s\w+=|\s*$)"), "%a"),
    (re.compile(r"(?i)(?<=\bpid=)\d+|(?<=\bp=)\d+|(?<=\bprocess=)\d+"), "%p"),
    (re.compile(r"(?i)(?:(?<=\bclient=)|(?<=\bhost=)|(?<=\bremote=)|(?<=\bh=))[^,;\s\]|]*"), "%h"),
    (re.compile(r"(?<=\[)\d+(?=-\d+\])"), "%l"),
    (re.compile(r"(?<=\[)\d+(?=\])"), "%p"),
    (re.compile(r"\d{1,3}\.\d{1,3}\.\d{1,3}\.\d{1,3}\(\d+\)|\[local\](?:\(\d+\))?"), "%r"),
    (re.compile(r"(?<![\d.])\d{1,3}\.\d{1,3}\.\d{1,3}\.\d{1,3}(?![\d.])"), "%h"),
    (re.compile(r"(?<![\w%])-?\d{14,20}(?!\w)"), "%Q"),
    (re.compile(r"(?<![\w%/])\d{1,5}/\d+(?![\w/])"), "%v"),
    (re.compile(r"(?<![\w%])(?:00000|[0-9A-Z]{2}[0-9]{3}|[0-9]{2}[0-9A-Z]{3})(?!\w)"), "%e"),
    (re.compile(r"(?<![\w%])\d{2,10}(?!\w)"), "%p"),
    (re.compile(r"(?<![\w%])\d{1,20}(?!\w)"), "%l"),
)  # fmt: skip
_AT = re.compile(r"(?<![\w%=])([^\s@%:,|\[\]]+)@([^\s@%:,|\[\]]+)")
_SINGLE = frozenset(("%u", "%d", "%p", "%m", "%t", "%Q", "%c"))


def _guess(line: bytes) -> str | None:
    """The prefix that a line may have been written with; None where its beginning looks like none."""
    found = _SEVERITY_ANYWHERE.search(line)
    if found is None:
        return None
    before = line[: found.start()].decode("latin-1").replace("%", "%%")
    # Escapes are put in as characters that no later pattern takes for something else.
    marks: list[str] = []
    for part, escape in _PARTS:
        if escape in _SINGLE and escape in marks:
            continue
        whole = _marked(part, before, escape, marks)
        before = whole
    names = _AT.search(before)
    if names and "%u" not in marks and "%d" not in marks:
        before = f"{before[: names.start()]}%u@%d{before[names.end() :]}"
    for index, escape in enumerate(marks):
        before = before.replace(chr(0xE000 + index), escape)
    return before


def _marked(part: re.Pattern[str], text: str, escape: str, marks: list[str]) -> str:
    """The text with what looks like this part replaced by a mark; once, if it can only be there once."""

    def replaced(_: re.Match[str]) -> str:
        marks.append(escape)
        return chr(0xE000 + len(marks) - 1)

    return part.sub(replaced, text, count=1 if escape in _SINGLE else 0)
