"""Takes passwords and other secrets out of the texts of statements and definitions, before anything keeps them.

What it errs on is hiding too much: a text that sounds secret and cannot be read with certainty loses all its literals.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from pgadvisor.masking import MASK
from pgadvisor.workload.lexer import Kind, Lexed, lex
from pgadvisor.workload.string_tokens import ends_in_doubt, string_value

HIDDEN = f"'{MASK}'"

_TELLING = (
    r"passw|passwd|passphrase|passfile|pwd|secret|credential|token|api_?key|access_?key|account_?key|private_?key"
    r"|encrypt|decrypt|jwt|bearer|authorization|\bauth\b|conninfo|sas_"
)
_SECRET_NAME = re.compile(_TELLING, re.IGNORECASE)
# What makes it worth a look at all. Backslashes can spell any of the words in another way.
_SUSPICIOUS = re.compile(
    rf"{_TELLING}|://|\\|dblink|crypt|pgp_|hmac|digest|\baws_|azure_|connection|\boptions\b|\bprogram\b"
    r"|subscription|set_config|_command\b|\bhttp_|\bset\s+\S*key|\bvault\b",
    re.IGNORECASE,
)
# What every match of that holds. To look for these takes a hundredth of the time, which tells in a text of a megabyte.
_NEEDLES = [
    "pass",
    "pwd",
    "secret",
    "credential",
    "token",
    "key",
    "encrypt",
    "decrypt",
    "jwt",
    "bearer",
    "auth",
    "conninfo",
    "sas_",
    "://",
    "\\",
    "dblink",
    "crypt",
    "pgp_",
    "hmac",
    "digest",
    "aws_",
    "azure_",
    "connection",
    "options",
    "program",
    "subscription",
    "set_config",
    "_command",
    "http_",
    "vault",
]
# What gives a string away as holding a secret: a word for one with something after it, a URI with a password, a call.
# Anyone can write a text of a megabyte, so that nothing in it is looked through more than once: repetitions that can
# begin in many places have an end, and what goes beyond it counts as revealing.
_REVEALING = re.compile(
    rf"(?:{_TELLING})(?:\w{{64}}|\w{{0,63}}(?:[\"'\]\s]{{64}}|[\"'\]\s]{{0,63}}(?:=|:|,|\s|\()(?:\s{{64}}|\s{{0,63}}\S)))"
    r"|://[^/\s@:]*:[^/\s]*@|\b(?:crypt|hmac|digest|pgp_\w{1,64})\s*\("
    r"|\bdblink\w*\s*\(|\b(?:aws_|azure_)\w+",
    re.IGNORECASE,
)
# A name of a setting has fewer parts, dots among them.
_MAX_NAME_TOKENS = 32
_SECRET_FUNCTION = re.compile(
    rf"dblink|crypt$|^hmac$|^digest$|^pgp_|^armor|^aws_|^azure_|^http_|^set_config$|{_TELLING}", re.IGNORECASE
)
_SECRET_SCHEMAS = re.compile(r"^(aws_\w+|azure_\w+|dblink|vault)$", re.IGNORECASE)
_SECRET_SETTING = re.compile(rf"{_TELLING}|_command$|key", re.IGNORECASE)
_MASKED_OBJECTS = frozenset(("role", "user", "group", "server", "subscription", "foreign", "mapping"))
_SETS = frozenset(("set", "alter", "create"))
_VALUE_MARKS = frozenset(("=", "=>", ":=", ":"))


def without_secrets(text: str) -> str:
    """The text with every literal that is or may hold a secret replaced by an ellipsis in quotes.

    Hidden are: the literals of commands on roles, foreign servers, user mappings and subscriptions; values of options,
    settings and columns that sound secret; arguments of functions that connect or encrypt; commands of COPY ...
    PROGRAM; and all literals of a command one of whose strings holds a password, such as a URI or a connection string.
    Where anything is hidden, so are comments. The text of other statements is returned as it is.

    >>> without_secrets("ALTER ROLE ann PASSWORD 'hunter2'")
    "ALTER ROLE ann PASSWORD '…'"
    """
    if not _is_suspicious(text):
        return text
    lexed = lex(text)
    doubtful = next(
        (i for i, token in enumerate(lexed.tokens) if token.kind is Kind.STRING and ends_in_doubt(lexed.of(token))),
        None,
    )
    if lexed.unterminated or lexed.cut or doubtful is not None:
        return _all_hidden(lexed, doubtful)
    hidden = frozenset(index for first, end in _commands(lexed) for index in _secrets(lexed, first, end))
    if not hidden and not _telling_comments(lexed):
        return text
    return _spelled(lexed, hidden)


def _is_suspicious(text: str) -> bool:
    """Whether a text is worth a look at all."""
    # Beyond ASCII more letters than one may be small and large forms of each other.
    if text.isascii():
        lower = text.lower()
        if not any(needle in lower for needle in _NEEDLES):
            return False
    return _SUSPICIOUS.search(text) is not None


def is_secret_setting(name: str, value: str) -> bool:
    """Whether the value of a setting may be a secret: by its name, or by what it holds."""
    if name == "password_encryption":
        return False
    return _SECRET_SETTING.search(name) is not None or _REVEALING.search(value) is not None


def _commands(lexed: Lexed) -> Iterator[tuple[int, int]]:
    """Where each command begins and ends, as token indexes."""
    first = 0
    for index in range(len(lexed.tokens)):
        if lexed.is_mark(index, ";"):
            yield first, index
            first = index + 1
    yield first, len(lexed.tokens)


def _secrets(lexed: Lexed, first: int, end: int) -> Iterator[int]:
    """Tokens of one command that are to be hidden."""
    strings = [index for index in range(first, end) if lexed.tokens[index].kind is Kind.STRING]
    if _hides_all(lexed, first, end, strings):
        yield from strings
    yield from _setting_values(lexed, first, end)
    closed = first
    for index in range(first, end):
        name = _name(lexed, index)
        if not name:
            continue
        if _SECRET_NAME.search(name):
            yield from _strings_after(lexed, index + 1, end)
        # What is called within the arguments of such a call is among them.
        if index >= closed and _is_secret_call(lexed, index, name):
            closed = _closing(lexed, index + 1, end)
            yield from (at for at in range(index + 1, closed) if lexed.tokens[at].kind in (Kind.STRING, Kind.NUMBER))


def _hides_all(lexed: Lexed, first: int, end: int, strings: list[int]) -> bool:
    """Whether a command is of a kind whose literals are all hidden, or holds a string that gives a secret away."""
    words = [lexed.word(index) for index in range(first, min(first + 8, end))]
    head = words[0] if words else ""
    if head in ("create", "alter", "drop", "import") and _MASKED_OBJECTS & set(words[1:5]):
        return True
    if head == "copy" and any(lexed.word(index) == "program" for index in range(first, end)):
        return True
    return any(_REVEALING.search(string_value(lexed.of(lexed.tokens[index]))) for index in strings)


def _setting_values(lexed: Lexed, first: int, end: int) -> Iterator[int]:
    """What a SET gives to a setting that sounds secret, however it is spelt, up to the end of the command."""
    if lexed.word(first) not in _SETS:
        return
    for index in range(first, end):
        if lexed.word(index) != "set":
            continue
        parts = []
        at = index + 1
        last = min(end, index + _MAX_NAME_TOKENS)
        while at < last and not (lexed.word(at) == "to" or lexed.of(lexed.tokens[at]) == "="):
            parts.append(_name(lexed, at))
            at += 1
        if at < end and _SECRET_SETTING.search(".".join(parts)):
            yield from range(at + 1, end)
            return


def _strings_after(lexed: Lexed, index: int, end: int) -> Iterator[int]:
    """The strings and numbers that are the value of what is named just before."""
    while index < end and (lexed.of(lexed.tokens[index]) in _VALUE_MARKS or lexed.word(index) in ("to", "is", "as")):
        index += 1
    while index < end and lexed.tokens[index].kind in (Kind.STRING, Kind.NUMBER):
        yield index
        index += 1


def _is_secret_call(lexed: Lexed, index: int, name: str) -> bool:
    if not lexed.is_mark(index + 1, "("):
        return False
    in_schema = lexed.is_mark(index - 1, ".") and _SECRET_SCHEMAS.search(_name(lexed, index - 2)) is not None
    return in_schema or _SECRET_FUNCTION.search(name) is not None


def _closing(lexed: Lexed, opening: int, end: int) -> int:
    """The index of the parenthesis that closes the one at opening; end where none does."""
    depth = 0
    for index in range(opening, end):
        depth += lexed.is_mark(index, "(") - lexed.is_mark(index, ")")
        if not depth:
            return index
    return end


def _name(lexed: Lexed, index: int) -> str:
    """A word or quoted name as text; "" for other tokens."""
    if not 0 <= index < len(lexed.tokens):
        return ""
    token = lexed.tokens[index]
    return lexed.of(token) if token.kind in (Kind.WORD, Kind.QUOTED) else ""


def _telling_comments(lexed: Lexed) -> bool:
    """Whether what stands between the tokens, which is white space and comments, sounds secret."""
    position = 0
    for start, end in [*((token.start, token.end) for token in lexed.tokens), (len(lexed.text),) * 2]:
        gap = lexed.text[position:start]
        if not gap.isspace() and (_SECRET_NAME.search(gap) or _REVEALING.search(gap)):
            return True
        position = end
    return False


def _spelled(lexed: Lexed, hidden: frozenset[int]) -> str:
    """The text with these tokens hidden and without comments."""
    pieces = []
    position = 0
    for index, token in enumerate(lexed.tokens):
        pieces.append(_blank(lexed.text[position : token.start]))
        pieces.append(HIDDEN if index in hidden else lexed.of(token))
        position = token.end
    pieces.append(_blank(lexed.text[position:]))
    return "".join(pieces)


def _blank(gap: str) -> str:
    """White space as it is; in the place of comments some."""
    if not gap or gap.isspace():
        return gap
    return "\n" if "\n" in gap or "\r" in gap else " "


def _all_hidden(lexed: Lexed, doubtful: int | None) -> str:
    """The text without literals and comments, up to what could not be read with certainty.

    Names of settings may have values that look like names, so a SET keeps nothing.
    """
    tokens = lexed.tokens if doubtful is None else lexed.tokens[:doubtful]
    pieces = []
    position = 0
    for index, token in enumerate(tokens):
        pieces.append(_blank(lexed.text[position : token.start]))
        pieces.append(HIDDEN if token.kind is Kind.STRING else lexed.of(token))
        position = token.end
        if lexed.unterminated and position == len(lexed.text) and token.kind in (Kind.QUOTED, Kind.STRING):
            # It still ends inside of what it ended in.
            pieces[-1] = f'"{MASK}' if token.kind is Kind.QUOTED else f"'{MASK}"
        if lexed.word(index) == "set":
            break
    end = len(lexed.tokens) if doubtful is None else doubtful
    whole = len(tokens) == end and doubtful is None and not lexed.cut and position == len(lexed.text)
    return "".join(pieces) + ("" if whole else f" {MASK}")
