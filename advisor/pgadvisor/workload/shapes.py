"""Shapes of all the statements whose text was had."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from pgadvisor.model.shape import NotUnderstood, StatementShape
from pgadvisor.model.statements import StatementText
from pgadvisor.progress import Progress, silent
from pgadvisor.workload.schema import SchemaView
from pgadvisor.workload.understand import understand

_EVERY = 100


def understand_all(
    texts: Iterable[StatementText],
    schema: SchemaView,
    progress: Progress = silent,
    paths: Mapping[str, tuple[str, ...]] | None = None,
) -> tuple[dict[str, StatementShape], list[NotUnderstood]]:
    """Shapes by query id, and what was not understood. A statement without a text is not understood.

    paths are the search paths of statements that have another than the schema's.
    """
    paths = paths or {}
    views = {path: schema.along(path) for path in set(paths.values())}
    all_texts = tuple(texts)
    shapes: dict[str, StatementShape] = {}
    not_understood: list[NotUnderstood] = []
    for done, text in enumerate(all_texts):
        if done % _EVERY == 0:
            progress("Reading statements", done, len(all_texts))
        if text.text is None:
            not_understood.append(NotUnderstood(query_id=text.query_id, reason=text.reason or "no text"))
            continue
        path = paths.get(text.query_id)
        result = understand(text.query_id, text.text, schema if path is None else views[path])
        if isinstance(result, StatementShape):
            shapes[text.query_id] = result
        else:
            not_understood.append(result)
    return shapes, not_understood
