"""From a statement's text to its shape."""

from __future__ import annotations

import sqlglot
from sqlglot import exp

from pgadvisor.masking import MASK, mask_literals
from pgadvisor.model.shape import NotUnderstood, StatementKind, StatementShape
from pgadvisor.workload.lexer import Lexed, lex
from pgadvisor.workload.mending import mend, shortened
from pgadvisor.workload.nesting import too_deep
from pgadvisor.workload.parsing import parse
from pgadvisor.workload.reader import Reader
from pgadvisor.workload.schema import SchemaView
from pgadvisor.workload.words import words

# A longer text is not even split into tokens; after long literals are cut it must not exceed the second.
MAX_TEXT_CHARS = 16_000_000
MAX_PARSED_CHARS = 100_000
NEAR_CHARS = 40

_UTILITY = words(
    "abort alter analyse analyze begin call checkpoint close cluster comment commit copy create deallocate "
    "declare discard do drop end execute explain fetch grant import listen load lock move notify prepare "
    "reassign refresh reindex release reset revoke rollback savepoint security set show start truncate "
    "unlisten vacuum"
)
_QUERIES = words("delete insert merge select table update values with")
_KINDS: dict[type[exp.Expr], StatementKind] = {
    exp.Insert: StatementKind.INSERT,
    exp.Update: StatementKind.UPDATE,
    exp.Delete: StatementKind.DELETE,
    exp.Merge: StatementKind.MERGE,
}


class _NotUnderstoodError(Exception):
    """Why a text was not understood, for people."""


def understand(query_id: str, text: str, schema: SchemaView) -> StatementShape | NotUnderstood:
    """The shape of a statement, or why it has none. Never raises, whatever the text."""
    try:
        return _understand(query_id, text, schema)
    except _NotUnderstoodError as error:
        return NotUnderstood(query_id=query_id, reason=str(error))
    except sqlglot.errors.SqlglotError as error:
        return NotUnderstood(query_id=query_id, reason=_where(error))
    except RecursionError:
        return NotUnderstood(query_id=query_id, reason="nested too deep")
    except Exception as error:  # the parser and its trees are strangers', and one statement must not end a run
        return NotUnderstood(query_id=query_id, reason=f"the parser failed ({type(error).__name__})")


def _understand(query_id: str, text: str, schema: SchemaView) -> StatementShape:
    if len(text) > MAX_TEXT_CHARS:
        raise _too_long(text)
    lexed = lex(shortened(text))
    if _is_utility(lexed):
        return StatementShape(query_id=query_id, kind=StatementKind.UTILITY)
    if lexed.cut:
        raise _too_long(text)
    mended = mend(lexed)
    if len(mended) > MAX_PARSED_CHARS:
        raise _too_long(text)
    tree = parse(mended)
    kind = _KINDS.get(type(tree), StatementKind.SELECT)
    if tree.args.get("into") is not None:
        return StatementShape(query_id=query_id, kind=StatementKind.UTILITY)
    return Reader(schema, mended, tree).read().shape(query_id, kind)


def _is_utility(lexed: Lexed) -> bool:
    """Whether it is a utility command. Raises where it is no single whole command."""
    if not lexed.tokens:
        raise _NotUnderstoodError("no text")
    if lexed.text.startswith("<insufficient privilege>"):
        raise _NotUnderstoodError("the text was not shown to this role")
    keyword = lexed.first_keyword
    if keyword not in _UTILITY and keyword not in _QUERIES:
        raise _NotUnderstoodError("not a statement of PostgreSQL")
    if lexed.commands > 1 and keyword not in _UTILITY:
        raise _NotUnderstoodError("several commands in one text")
    if keyword in _UTILITY:
        return True
    if lexed.cut:
        raise _too_long(lexed.text)
    if not lexed.balanced:
        inside = f" inside {lexed.unterminated}" if lexed.unterminated else ""
        raise _NotUnderstoodError(f"the text is cut off{inside}")
    if too_deep(lexed):
        raise _NotUnderstoodError("nested too deep")
    return False


def _too_long(text: str) -> _NotUnderstoodError:
    return _NotUnderstoodError(f"text of {len(text.encode('utf-8', 'replace'))} bytes is too long to parse")


def _where(error: sqlglot.errors.SqlglotError) -> str:
    """The parser's complaint with the word it stopped at, but no value."""
    details = getattr(error, "errors", None)
    if not details or not details[0].get("highlight"):
        return "the parser cannot read it"
    near = mask_literals(str(details[0]["highlight"]))
    return f"the parser stops at {near if len(near) <= NEAR_CHARS else near[:NEAR_CHARS] + MASK}"
