"""Texts of a snapshot that become part of SQL as they stand: whether each is one expression and nothing besides."""

from __future__ import annotations

from collections.abc import Iterator

from msgspec.structs import replace

from pgadvisor.indexes.ddl import create_index
from pgadvisor.masking import MASK
from pgadvisor.model.catalog import IndexDefinition
from pgadvisor.model.snapshot import Snapshot
from pgadvisor.workload.expressions import is_expression

# No boolean, so that the server refuses an index on it.
_MASKED = f"'{MASK}'"


def no_sql(snapshot: Snapshot) -> str | None:
    """The first index whose definition would make other SQL than one CREATE INDEX, in words; None where none would.

    Predicates and expressions are the only texts of a file that SQL holds unquoted; rules and the undo of a drop take
    them over, and a DBA runs what comes of it.
    """
    for index in snapshot.catalog.indexes:
        for what, text in _expressions(index.definition):
            if not is_expression(text):
                return f"{what} of index {index.oid} is not one expression as a server writes it"
        try:
            create_index(index.definition, index.name)
        except ValueError:
            return f"a name or an option in the definition of index {index.oid} is empty or holds a NUL"
    return None


def _expressions(definition: IndexDefinition) -> Iterator[tuple[str, str]]:
    if definition.predicate is not None:
        yield "the predicate", definition.predicate
    for key in definition.keys:
        if key.expression is not None:
            yield "an expression", key.expression


def sealed_off(definition: IndexDefinition) -> IndexDefinition:
    """The definition, with what was cut short in it, so that it is no expression any more, masked as a whole."""
    keys = tuple(
        key if key.expression is None or is_expression(key.expression) else replace(key, expression=_MASKED)
        for key in definition.keys
    )
    predicate = definition.predicate
    if predicate is not None and not is_expression(predicate):
        predicate = _MASKED
    if predicate == definition.predicate and keys == definition.keys:
        return definition
    return replace(definition, keys=keys, predicate=predicate)
