"""The last step of collecting: secrets are taken out of every text, and the snapshot says what it holds."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from operator import is_
from typing import Any, TypeVar, cast, get_args, get_type_hints

import msgspec

from pgadvisor.masking import MASK
from pgadvisor.model.activity import SessionState, StandbyState
from pgadvisor.model.base import Model
from pgadvisor.model.catalog import IndexDefinition
from pgadvisor.model.objects import Function
from pgadvisor.model.plans import ObservedPlan
from pgadvisor.model.server import Setting, SettingOverride
from pgadvisor.model.snapshot import Snapshot
from pgadvisor.snapshots.contents import contents_of
from pgadvisor.snapshots.redaction import fields
from pgadvisor.snapshots.sql_texts import sealed_off
from pgadvisor.workload.secrets import is_secret_setting, without_secrets

M = TypeVar("M", bound=Model)

_SPECIAL = (Setting, SettingOverride, ObservedPlan, Function, SessionState, StandbyState)


def sealed(snapshot: Snapshot) -> Snapshot:
    """The snapshot without passwords in statements, definitions, plans and settings, and with its contents in words."""
    made = _model(snapshot)
    return msgspec.structs.replace(made, contents=contents_of(made))


@dataclass(frozen=True)
class _Places:
    """Where in a model a secret may stand: fields with SQL, fields that hold such models, and what it is itself."""

    sql: tuple[str, ...]
    models: tuple[str, ...]
    itself: bool

    def __bool__(self) -> bool:
        return bool(self.sql or self.models or self.itself)


@cache
def _places(kind: type[Model]) -> _Places:
    """From the types alone: nearly all of a large snapshot is statistics and counters, which are not looked into."""
    models = tuple(
        field
        for field, hint in get_type_hints(kind).items()
        if field in kind.__struct_fields__ and any(map(_places, _models(hint)))
    )
    sql = [field for field, treatment in fields.TREATMENTS.get(kind, {}).items() if treatment == fields.SQL]
    if kind is Function:
        sql.append("definition")
    return _Places(tuple(sql), models, itself=issubclass(kind, _SPECIAL))


def _models(hint: object) -> Iterator[type[Model]]:
    """The models that a type is made of."""
    if isinstance(hint, type) and issubclass(hint, Model):
        yield hint
    for part in get_args(hint):
        yield from _models(part)


def _model(model: M) -> M:
    places = _places(type(model))
    changed: dict[str, Any] = {}
    for names, made in ((places.sql, _sql), (places.models, _nested)):
        for name in names:
            value = getattr(model, name)
            new = made(value)
            if new is not value:
                changed[name] = new
    if places.itself:
        changed |= _special(model)
    sealed_model = msgspec.structs.replace(model, **changed) if changed else model
    if changed and isinstance(sealed_model, IndexDefinition):
        return cast("M", sealed_off(sealed_model))
    return sealed_model


def _special(model: Model) -> dict[str, Any]:
    """What changes in a model whose secrets are not, or not only, in SQL."""
    if isinstance(model, Setting | SettingOverride) and is_secret_setting(model.name, model.value):
        return {"value": MASK}
    if isinstance(model, ObservedPlan):
        return {"plan": _plan(model.plan)}
    if isinstance(model, Function):
        return {"configuration": tuple(map(_assignment, model.configuration))}
    # Some clients put their command line there.
    if isinstance(model, SessionState | StandbyState) and is_secret_setting("", model.application or ""):
        return {"application": MASK}
    return {}


def _sql(value: object) -> object:
    if isinstance(value, tuple):
        return _each(value, _sql)
    return without_secrets(value) if isinstance(value, str) else value


def _nested(value: object) -> object:
    if isinstance(value, tuple):
        return _each(value, _nested)
    return _model(value) if isinstance(value, Model) else value


def _each(values: tuple[object, ...], change: Callable[[object], object]) -> tuple[object, ...]:
    made = tuple(map(change, values))
    return values if all(map(is_, made, values)) else made


def _plan(part: object) -> object:
    if isinstance(part, dict):
        return {key: _plan(each) for key, each in part.items()}
    if isinstance(part, list):
        return [_plan(each) for each in part]
    return without_secrets(part) if isinstance(part, str) else part


def _assignment(text: str) -> str:
    """A setting of a function, "name=value"."""
    name, mark, value = text.partition("=")
    return f"{name}{mark}{MASK}" if is_secret_setting(name, value) else text
