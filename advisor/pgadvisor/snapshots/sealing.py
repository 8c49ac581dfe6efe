"""The last step of collecting: secrets are taken out of every text, and the snapshot says what it holds."""

from __future__ import annotations

from typing import Any, TypeVar

import msgspec

from pgadvisor.masking import MASK
from pgadvisor.model.base import Model
from pgadvisor.model.objects import Function
from pgadvisor.model.plans import ObservedPlan
from pgadvisor.model.server import Setting, SettingOverride
from pgadvisor.model.snapshot import Snapshot
from pgadvisor.snapshots.contents import contents_of
from pgadvisor.snapshots.redaction import fields
from pgadvisor.workload.secrets import is_secret_setting, without_secrets

M = TypeVar("M", bound=Model)


def sealed(snapshot: Snapshot) -> Snapshot:
    """The snapshot without passwords in statements, definitions, plans and settings, and with its contents in words."""
    made = _model(snapshot)
    return msgspec.structs.replace(made, contents=contents_of(made))


def _model(model: M) -> M:
    treatments = fields.TREATMENTS.get(type(model), {})
    changed: dict[str, Any] = {}
    for field in model.__struct_fields__:
        value = getattr(model, field)
        is_sql = treatments.get(field) == fields.SQL or (isinstance(model, Function) and field == "definition")
        new = _value(value, is_sql=is_sql)
        if new is not value:
            changed[field] = new
    if isinstance(model, Setting | SettingOverride) and is_secret_setting(model.name, model.value):
        changed["value"] = MASK
    if isinstance(model, ObservedPlan):
        changed["plan"] = _plan(model.plan)
    if isinstance(model, Function):
        changed["configuration"] = tuple(map(_assignment, model.configuration))
    return msgspec.structs.replace(model, **changed) if changed else model


def _value(value: object, *, is_sql: bool) -> object:
    if isinstance(value, Model):
        return _model(value)
    if isinstance(value, tuple):
        made = tuple(_value(each, is_sql=is_sql) for each in value)
        return value if all(new is old for new, old in zip(made, value, strict=True)) else made
    return without_secrets(value) if is_sql and isinstance(value, str) else value


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
