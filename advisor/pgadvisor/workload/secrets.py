"""Takes passwords and other secrets out of the texts of statements and definitions, before anything keeps them.

What it errs on is hiding too much: a text that sounds secret and cannot be read with certainty loses all its literals.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from pgadvisor.masking import MASK
from pgadvisor.workload.lexer import Kind, Lexed, lex
from pgadvisor.workload.string_tokens import ends_in_doubt, string_value
from pgadvisor.workload.telling_texts import is_empty, name_at, told

HIDDEN = f"'{MASK}'"

_TELLING = (
    r"passw|passwd|passphrase|passfile|pwd|secret(?!ar)|credential|token|api_?key|access_?key|account_?key|private_?key"
    r"|encrypt|decrypt|jwt|bearer|authorization|\bauth\b|conninfo|sas_"
)
_SECRET_NAME = re.compile(_TELLING, re.IGNORECASE)
# What makes it worth a look at all. Backslashes can spell any of the words in another way.
_SUSPICIOUS = re.compile(
    rf"{_TELLING}|://|\\|dblink|crypt|pgp_|hmac|digest|\baws_|azure_|connection|\boptions\b|\bprogram\b"
    r"|\bset\s+(?:\w+\s+)?\"?\w+\"?\.|subscription|set_config|_command\b|\bhttp_|\bset\s+\S*key|\bvault\b|_key|passcode|passwort|trigger"
    r"|(?<![a-z])(?:pass|pin|pins|pw|otp|totp|creds?)(?![a-z])|(?-i:[a-z](?:Pass|Pins?|Pw|Otp|Totp|Creds?|Key)(?![a-z]))"
    r"|\b(?:do|notify|call|execute|comment|copy|load|label)\b",
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
    "set",
    "_command",
    "http_",
    "vault",
    "pass",
    "pin",
    "pw",
    "otp",
    "cred",
    "trigger",
    "do",
    "notify",
    "call",
    "execute",
    "comment",
    "copy",
    "load",
    "label",
]
# What gives a string away as holding a secret: a word for one with something after it, a URI with a password, a call.
# Anyone can write a text of a megabyte, so that nothing in it is looked through more than once: repetitions that can
# begin in many places have an end, and what goes beyond it counts as revealing.
_REVEALING = re.compile(
    rf"(?:{_TELLING})(?:\w{{64}}|\w{{0,63}}(?:[\"'\]\s]{{64}}|[\"'\]\s]{{0,63}}(?:=|:|,|\s|\()(?:\s{{64}}|\s{{0,63}}\S)))"
    r"|://[^/\s@:]*:[^/\s]*@|\b(?:crypt|hmac|digest|pgp_\w{1,64})\s*\("
    r"|\bdblink\w*\s*\(|\b(?:aws_|azure_)\w+"
    r"|(?:(?<![a-z])(?:pass|passcode|passwort|pin|pw|otp|totp|creds?)|[a-z0-9]_key)[\"'\]]{0,4}\s{0,8}[=:]",
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
# Commands whose literals are nobody's but the server's: code, messages, files. No rule reads them.
_HIDDEN_HEADS = frozenset(("do", "notify", "call", "execute", "comment", "copy", "load", "security"))
_SETS = frozenset(("set", "alter", "create"))
_MODULES = frozenset(("auto_explain", "pg_stat_statements", "plpgsql", "pg_hint_plan", "timescaledb", "citus"))
_VALUE_MARKS = frozenset(("=", "=>", ":=", ":"))


def without_secrets(text: str, *, telling: bool = False, numbers: bool = False) -> str:
    """The text with every literal that is or may hold a secret replaced by an ellipsis in quotes.

    Hidden are: the literals of commands on roles, foreign servers, user mappings and subscriptions, and of DO, NOTIFY,
    CALL, EXECUTE, COMMENT and COPY; values of options and settings that sound secret; arguments of triggers and of
    functions that connect or encrypt; all strings of a text that names anything telling (a column, function, argument,
    alias ..., see `is_telling`), with the numbers that are compared with it; and all literals of a command one of whose
    strings holds a password, such as a URI or a connection string. telling: what the text belongs to has such a name.
    numbers: all its numbers are hidden. Where anything is hidden, so are comments. The text of other statements is
    returned as it is.

    >>> without_secrets("ALTER ROLE ann PASSWORD 'hunter2'")
    "ALTER ROLE ann PASSWORD '…'"
    """
    if not telling and not numbers and not _is_suspicious(text):
        return text
    lexed = lex(text)
    doubtful = next(
        (i for i, token in enumerate(lexed.tokens) if token.kind is Kind.STRING and ends_in_doubt(lexed.of(token))),
        None,
    )
    if lexed.unterminated or lexed.cut or doubtful is not None:
        return _all_hidden(lexed, doubtful)
    hidden = {index for first, end in _commands(lexed) for index in _secrets(lexed, first, end)}
    hidden.update(told(lexed, telling=telling, numbers=numbers))
    hidden -= {index for index in hidden if is_empty(lexed, index)}
    if not hidden and not _telling_comments(lexed):
        return text
    return _spelled(lexed, frozenset(hidden))


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
    yield from _trigger_arguments(lexed, first, end, strings)
    closed = first
    for index in range(first, end):
        name = name_at(lexed, index)
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
    if head in _HIDDEN_HEADS:
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
            parts.append(name_at(lexed, at))
            at += 1
        # app.stripe: what applications keep in settings of their own is often what nobody should see.
        own = len(parts) == 3 and not parts[1] and parts[0].lower() not in _MODULES
        if at < end and (own or _SECRET_SETTING.search(".".join(parts))):
            yield from range(at + 1, end)
            return


def _trigger_arguments(lexed: Lexed, first: int, end: int, strings: list[int]) -> Iterator[int]:
    """The arguments that CREATE TRIGGER gives to its function: addresses to call, keys to call them with."""
    if lexed.word(first) != "create" or "trigger" not in [lexed.word(at) for at in range(first + 1, first + 5)]:
        return
    call = next((index for index in range(first, end) if lexed.word(index) == "execute"), end)
    yield from (index for index in strings if index > call)


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
    in_schema = lexed.is_mark(index - 1, ".") and _SECRET_SCHEMAS.search(name_at(lexed, index - 2)) is not None
    return in_schema or _SECRET_FUNCTION.search(name) is not None


def _closing(lexed: Lexed, opening: int, end: int) -> int:
    """The index of the parenthesis that closes the one at opening; end where none does."""
    depth = 0
    for index in range(opening, end):
        depth += lexed.is_mark(index, "(") - lexed.is_mark(index, ")")
        if not depth:
            return index
    return end


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
