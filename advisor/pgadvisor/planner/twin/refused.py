"""Why the twin's server refuses something, in words that hold no value of production's."""

from __future__ import annotations

import psycopg

# Syntax, unknown names, missing rights: their messages name objects and never hold a constant (class 42 of
# https://www.postgresql.org/docs/current/errcodes-appendix.html), but for these, which quote what they could not read.
_TELLING_CLASS = "42"
_QUOTING = frozenset(("42601", "42602", "42622"))


def why(error: psycopg.Error | None) -> str:
    """A clause on why; of an error that may quote a constant only its kind is told."""
    if error is None or error.sqlstate is None:
        return "the snapshot does not have it whole"
    message = error.diag.message_primary
    if error.sqlstate.startswith(_TELLING_CLASS) and error.sqlstate not in _QUOTING and message:
        return f"the twin's server refuses it ({message})"
    return f"the twin's server refuses it (SQLSTATE {error.sqlstate})"
