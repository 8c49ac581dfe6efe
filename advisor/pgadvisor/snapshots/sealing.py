"""The last step of collecting: secrets are taken out of every text, and the snapshot says what it holds."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache, partial
from operator import is_
from typing import Any, TypeVar, cast, get_args, get_type_hints

import msgspec

from pgadvisor.masking import MASK
from pgadvisor.model.activity import SessionState, StandbyState
from pgadvisor.model.base import Model
from pgadvisor.model.catalog import Index, IndexDefinition, Relation
from pgadvisor.model.objects import Function, Trigger, UserType
from pgadvisor.model.plans import ObservedPlan, ParameterValue, ValueChoice
from pgadvisor.model.server import Setting, SettingOverride
from pgadvisor.model.snapshot import Snapshot
from pgadvisor.model.statements import ParameterSample
from pgadvisor.model.whatif import Configuration, WhatIfAnswer
from pgadvisor.snapshots.contents import contents_of
from pgadvisor.snapshots.redaction import fields
from pgadvisor.snapshots.secret_values import SecretValues
from pgadvisor.snapshots.sql_texts import sealed_off
from pgadvisor.workload.secrets import is_secret_setting, without_secrets
from pgadvisor.workload.telling_names import holds_secrets, is_telling
from pgadvisor.workload.telling_texts import names_secrets

M = TypeVar("M", bound=Model)

_SPECIAL = (
    Setting,
    SettingOverride,
    ObservedPlan,
    Function,
    SessionState,
    StandbyState,
    Index,
    ParameterSample,
    WhatIfAnswer,
    Configuration,
)
# Objects whose own name says what the texts in them hold.
_TELLING = (Function, Relation, Trigger, UserType)
_OF_PARTITIONS = frozenset(("partition_key", "partition_bound"))
# What in a plan is a name as it stands, whatever it looks like.
_PLAIN_NAMES = frozenset(("Schema", "Relation Name", "Alias", "Index Name", "CTE Name", "Function Name"))
# What in a plan is an expression, and not a name, a number or a setting.
_EXPRESSIONS = re.compile(r"Cond|Filter|Output|Key|Function Call|Group|Expression|Clause|Parameters")


def sealed(snapshot: Snapshot) -> Snapshot:
    """The snapshot without passwords in statements, definitions, plans, settings and values of columns that hold them,
    and with its contents in words.

    An index whose definition lost a literal is not complete any more: no SQL is made of it, and nothing compared.
    """
    made = _model(SecretValues(snapshot).snapshot(_plans(snapshot)))
    return msgspec.structs.replace(made, contents=contents_of(made))


def _plans(snapshot: Snapshot) -> Snapshot:
    """The snapshot with plans of statements that name anything telling without strings, and without their values."""
    texts = () if snapshot.statements is None else snapshot.statements.texts
    samples = () if snapshot.statements is None else snapshot.statements.samples
    concerned = {plan.query_id for plan in snapshot.plans} | {sample.query_id for sample in samples}
    concerned |= {answer.query_id for answer in snapshot.answers}
    telling = {each.query_id for each in texts if each.query_id in concerned and each.text and names_secrets(each.text)}
    plans = tuple(_telling(plan) if plan.query_id in telling else plan for plan in snapshot.plans)
    statements = snapshot.statements
    if statements is not None and samples:
        kept = tuple(sample for sample in samples if sample.query_id not in telling)
        statements = msgspec.structs.replace(statements, samples=kept)
    # What a parameter stands for, the plans of its statement tell.
    masked = {plan.query_id for plan in plans if tuple(map(_parameter, plan.parameters)) != plan.parameters}
    answers = tuple(
        _telling_answer(answer) if answer.query_id in telling | masked else answer for answer in snapshot.answers
    )
    return msgspec.structs.replace(snapshot, plans=plans, statements=statements, answers=answers)


def _telling_answer(answer: WhatIfAnswer) -> WhatIfAnswer:
    """An answer without strings in its plan, and without its values."""
    values = answer.values and tuple(None if each is None else MASK for each in answer.values)
    plan = None if answer.plan is None else cast("dict[str, Any]", _plan(answer.plan, telling=True))
    return msgspec.structs.replace(answer, values=values, plan=plan)


def _telling(plan: ObservedPlan) -> ObservedPlan:
    """A plan without strings, and without the values of a real call."""
    of_a_call = plan.values in (ValueChoice.LOGGED, ValueChoice.GIVEN)
    parameters = tuple(
        msgspec.structs.replace(each, value=MASK) if of_a_call and each.value is not None else each
        for each in plan.parameters
    )
    return msgspec.structs.replace(plan, plan=_plan(plan.plan, telling=True), parameters=parameters)


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
    telling = isinstance(model, _TELLING) and is_telling(model.name)
    for names, made in ((places.sql, _sql), (places.models, _nested)):
        for name in names:
            value = getattr(model, name)
            # Not what partitions are called tells what bounds them.
            new = _sql(value, telling=True) if telling and made is _sql and name not in _OF_PARTITIONS else made(value)
            if new is not value:
                changed[name] = new
    if places.itself:
        changed |= _special(model)
    if isinstance(model, Index) and "definition" in changed:
        changed["complete"] = False
    sealed_model = msgspec.structs.replace(model, **changed) if changed else model
    if changed and isinstance(sealed_model, IndexDefinition):
        return cast("M", sealed_off(sealed_model))
    return sealed_model


def _special(model: Model) -> dict[str, Any]:
    """What changes in a model whose secrets are not, or not only, in SQL."""
    if isinstance(model, Setting | SettingOverride) and is_secret_setting(model.name, model.value):
        return {"value": MASK}
    if isinstance(model, ObservedPlan):
        return _observed(model)
    if isinstance(model, ParameterSample):
        return {"values": tuple(MASK if each and is_secret_setting("", each) else each for each in model.values)}
    if isinstance(model, WhatIfAnswer):
        values = model.values and tuple(MASK if each and is_secret_setting("", each) else each for each in model.values)
        return {"values": values, "plan": None if model.plan is None else _plan(model.plan, telling=False)}
    if isinstance(model, Configuration):
        settings = ((name, MASK if is_secret_setting(name, value) else value) for name, value in model.settings)
        return {"settings": tuple(settings)}
    if isinstance(model, Function):
        return {"configuration": tuple(map(_assignment, model.configuration))}
    # Some clients put their command line there.
    if isinstance(model, SessionState | StandbyState) and is_secret_setting("", model.application or ""):
        return {"application": MASK}
    return {}


def _observed(plan: ObservedPlan) -> dict[str, Any]:
    parameters = tuple(map(_parameter, plan.parameters))
    masked = parameters != plan.parameters
    return {"parameters": parameters, "plan": _plan(plan.plan, telling=masked)}


def _parameter(parameter: ParameterValue) -> ParameterValue:
    """A value that was taken from the statistics of a column; its source ends in table and column."""
    table, _, column = parameter.source.rpartition(".")
    if parameter.value is None or not holds_secrets(table.rpartition(".")[2], column):
        return parameter
    return msgspec.structs.replace(parameter, value=MASK)


def _sql(value: object, *, telling: bool = False) -> object:
    if isinstance(value, tuple):
        return _each(value, partial(_sql, telling=telling))
    return without_secrets(value, telling=telling) if isinstance(value, str) else value


def _nested(value: object) -> object:
    if isinstance(value, tuple):
        return _each(value, _nested)
    return _model(value) if isinstance(value, Model) else value


def _each(values: tuple[object, ...], change: Callable[[object], object]) -> tuple[object, ...]:
    made = tuple(map(change, values))
    return values if all(map(is_, made, values)) else made


def _plan(part: object, *, telling: bool, field: str = "") -> object:
    if isinstance(part, dict):
        return {key: _plan(each, telling=telling, field=key) for key, each in part.items()}
    if isinstance(part, list):
        return [_plan(each, telling=telling, field=field) for each in part]
    if not isinstance(part, str) or field in _PLAIN_NAMES:
        return part
    return without_secrets(part, telling=telling and _EXPRESSIONS.search(field) is not None)


def _assignment(text: str) -> str:
    """A setting of a function, "name=value"."""
    name, mark, value = text.partition("=")
    return f"{name}{mark}{MASK}" if is_secret_setting(name, value) else text
