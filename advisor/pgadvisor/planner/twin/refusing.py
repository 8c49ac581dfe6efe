"""Why a twin refuses a statement that the audited server would plan: what it needs was not carried over."""

from __future__ import annotations

import re
from collections.abc import Sequence

import psycopg
from psycopg import errors

from pgadvisor.planner.refusals import NotDone, not_accepted

# What stubs say (schema/function_texts.py), and the server of a view that nothing lets one write to
# (https://github.com/postgres/postgres/blob/master/src/backend/rewrite/rewriteHandler.c): names alone.
_STUB = re.compile(r"the body of (?:function|aggregate) .* is not on the twin", re.DOTALL)
_NOT_UPDATABLE = re.compile(r'cannot (?:insert into|update|delete from) view ".*"', re.DOTALL)
_UNKNOWN = (errors.UndefinedFunction, errors.UndefinedObject, errors.UndefinedTable)


class NotOnTwin(NotDone):
    """A statement names what may be of an extension that the twin has not."""


def refused_by_twin(error: psycopg.Error, extensions: Sequence[str], *, has_rules: bool) -> NotDone:
    """What the twin's objection means for the reader, timeouts left out.

    extensions are those of the audited server that the twin has not; has_rules: there are rewrite rules, which no twin
    has.
    """
    message = error.diag.message_primary or ""
    if isinstance(error, errors.FeatureNotSupported) and _STUB.fullmatch(message):
        return NotDone(message[:1].upper() + message[1:])
    if has_rules and isinstance(error, errors.ObjectNotInPrerequisiteState) and _NOT_UPDATABLE.fullmatch(message):
        return NotDone(f"Rules are not on the twin: {message}")
    said = not_accepted(error)
    if extensions and isinstance(error, _UNKNOWN):
        named = f"extension {extensions[0]} is" if len(extensions) == 1 else f"extensions {_listed(extensions)} are"
        return NotOnTwin(f"{said.reason}; {named} not on the twin", kind=said.kind)
    return said


def _listed(names: Sequence[str]) -> str:
    return f"{', '.join(names[:-1])} and {names[-1]}"
