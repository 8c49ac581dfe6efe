"""What an index is made of, as a text: its name in keys of findings, which survives renaming."""

from __future__ import annotations

import msgspec

from pgadvisor.masking import holds_mask, mask_literals
from pgadvisor.model.catalog import IndexDefinition


def definition_identity(definition: IndexDefinition) -> str:
    """A text that two indexes share if and only if they are built alike on the same table."""
    keys = ", ".join(
        (key.column if key.column is not None else f"({key.expression})")
        + ("" if key.default_operator_class else f" {key.operator_class}")
        + ("" if key.default_collation else f" collate {key.collation}")
        + (" desc" if key.descending else "")
        + ("" if key.nulls_first == key.descending else f" nulls {'first' if key.nulls_first else 'last'}")
        for key in definition.keys
    )
    parts = [f"{definition.schema}.{definition.table} {definition.access_method}({keys})"]
    if definition.include:
        parts.append(f"include({', '.join(definition.include)})")
    if definition.predicate:
        parts.append(f"where {definition.predicate}")
    if definition.unique:
        parts.append("unique nulls not distinct" if definition.nulls_not_distinct else "unique")
    return " ".join(parts)


def masked_definition(definition: IndexDefinition) -> IndexDefinition:
    """A definition without the constants of its expressions and its predicate."""
    keys = tuple(
        key if key.expression is None else msgspec.structs.replace(key, expression=mask_literals(key.expression))
        for key in definition.keys
    )
    predicate = None if definition.predicate is None else mask_literals(definition.predicate)
    return msgspec.structs.replace(definition, keys=keys, predicate=predicate)


def is_hidden(definition: IndexDefinition) -> bool:
    """Whether a constant of its expressions or its predicate is hidden: what is built of it serves no statement."""
    texts = (definition.predicate, *(key.expression for key in definition.keys))
    return any(text is not None and holds_mask(text) for text in texts)
