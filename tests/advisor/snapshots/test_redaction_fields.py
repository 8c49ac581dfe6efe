"""Redaction knows what every text of the model is."""

from __future__ import annotations

import typing

import pytest

from pgadvisor.model.base import Model
from pgadvisor.model.snapshot import Snapshot
from pgadvisor.snapshots.redaction.fields import TREATMENTS


def _within(kind: object) -> set[object]:
    """A type and all the types that it is made of."""
    return {kind}.union(*(_within(part) for part in typing.get_args(kind)))


def _models(root: type[Model], found: dict[type[Model], set[str]]) -> dict[type[Model], set[str]]:
    """Each model that a snapshot may hold, with its fields in which a text may stand."""
    if root in found:
        return found
    found[root] = set()
    for field, kind in typing.get_type_hints(root).items():
        if typing.get_origin(kind) is typing.ClassVar or field.startswith("_"):
            continue
        parts = _within(kind)
        if parts & {str, typing.Any, object}:
            found[root].add(field)
        for part in parts:
            if isinstance(part, type) and issubclass(part, Model):
                _models(part, found)
    return found


MODELS = _models(Snapshot, {})


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model.__name__)
def test_every_text_has_a_treatment(model: type[Model]) -> None:
    assert set(TREATMENTS.get(model, {})) == MODELS[model]


def test_every_treatment_is_of_a_model_in_a_snapshot() -> None:
    assert set(TREATMENTS) <= set(MODELS)
