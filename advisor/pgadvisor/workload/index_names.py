"""Names of tables, columns and indexes as a user spells them, and those that are near where there is none such."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from difflib import get_close_matches

from pgadvisor.indexes.quoting import qualified
from pgadvisor.model.catalog import Index
from pgadvisor.workload.lexer import Kind, Lexed, lex
from pgadvisor.workload.schema import fold

_MAX_SHOWN = 40
_MAX_NEAR = 3
# Names looked through for one that is near.
_MAX_NAMES = 20_000


class IndexTextError(ValueError):
    """A text that is no index of this database; the message says what is wrong where."""


def find_index(text: str, indexes: Iterable[Index], search_path: Sequence[str]) -> Index:
    """The index of a name, with or without its schema, as SQL spells it or as it is.

    Without one it is looked for along the search path, then everywhere. Raises IndexTextError, with names that are
    near, where there is none, and where there are several.
    """
    known = tuple(indexes)
    schema, name = _name_parts(text)
    exact = [index for index in known if text in (index.name, f"{index.schema}.{index.name}")]
    found = [index for index in known if index.name == name and schema in (None, index.schema)] or exact
    if schema is None and len(found) > 1:
        first = (index for each in search_path for index in found if index.schema == each)
        found = [next(first, found[0])] if any(index.schema in search_path for index in found) else found
    if len(found) == 1:
        return found[0]
    if found:
        names = ", ".join(sorted(qualified(index.schema, index.name) for index in found)[:_MAX_NEAR])
        raise IndexTextError(f"There are {len(found)} indexes called {shown(name)}: say which, such as {names}.")
    near = near_names(name, (index.name for index in known))
    spelt = {index.name: qualified(index.schema, index.name) for index in reversed(known)}
    hint = f" Did you mean {' or '.join(spelt[each] for each in near)}?" if near else ""
    raise IndexTextError(f"There is no index {shown(text)}.{hint}")


def _name_parts(text: str) -> tuple[str | None, str]:
    """Schema, if any, and name of a name in SQL; a text that is none stands for itself."""
    lexed = lex(text)
    names = [name_at(lexed, place) for place in range(0, len(lexed.tokens), 2)]
    dots = all(lexed.is_mark(place, ".") for place in range(1, len(lexed.tokens), 2))
    if not dots or None in names or len(names) not in (1, 2) or lexed.unterminated:
        return None, text
    *schema, name = (each or "" for each in names)
    return (schema[0] if schema else None), name


def name_at(lexed: Lexed, place: int) -> str | None:
    """The name at a token, as the server keeps it; None where there is none."""
    if not 0 <= place < len(lexed.tokens):
        return None
    token = lexed.tokens[place]
    text = lexed.of(token)
    if token.kind is Kind.WORD:
        return fold(text, quoted=False)
    if token.kind is Kind.QUOTED and text.startswith('"') and len(text) > 2:
        return fold(text[1:-1].replace('""', '"'), quoted=True)
    return None


def near_names(name: str, names: Iterable[str]) -> list[str]:
    """Names that are nearly this one, the nearest first."""
    folded: dict[str, str] = {}
    for each in names:
        folded.setdefault(each.casefold(), each)
        if len(folded) >= _MAX_NAMES:
            break
    return [folded[each] for each in get_close_matches(name.casefold(), folded, _MAX_NEAR, 0.6)]


def shown(text: str) -> str:
    """A piece of a text for a message, short and on one line."""
    line = " ".join(text.split())
    return f'"{line[:_MAX_SHOWN]}…"' if len(line) > _MAX_SHOWN else f'"{line}"'
