"""Goes through a snapshot, field by field, and puts in the place of each text what `fields` says it is to become."""

from __future__ import annotations

import enum
import operator
import re
import typing
from collections.abc import Iterator
from functools import cache
from typing import Any, TypeVar, cast

import msgspec

from pgadvisor.masking import MASK
from pgadvisor.model.base import Model
from pgadvisor.model.catalog import Column, IndexDefinition
from pgadvisor.model.coverage import Footprint, Gap
from pgadvisor.model.objects import ExtendedStatistics, Function, TypeKind
from pgadvisor.model.plans import ObservedPlan, ParameterValue
from pgadvisor.model.server import Setting, SettingOverride
from pgadvisor.model.snapshot import Snapshot
from pgadvisor.model.statements import ParameterSample
from pgadvisor.model.statistics import PgStats
from pgadvisor.model.whatif import Configuration, WhatIfAnswer
from pgadvisor.snapshots.redaction import fields
from pgadvisor.snapshots.redaction.columns import ColumnValues
from pgadvisor.snapshots.redaction.literals import Texts
from pgadvisor.snapshots.redaction.names import Names
from pgadvisor.snapshots.redaction.plans import redacted_plan
from pgadvisor.snapshots.redaction.values import ValueKind, Values, kind_of_type
from pgadvisor.snapshots.sql_texts import sealed_off

_PATH_ELEMENT = re.compile(r'(?:"((?:[^"]|"")+)"|([^\s,"]+))')
_QUOTED = re.compile(r"\"[^\"]*\"|'[^']*'")
_NAMES_IN_SETTINGS = frozenset(
    (
        "search_path", "role", "default_tablespace", "default_text_search_config", "temp_tablespaces",
        "session_authorization",
    )
)  # fmt: skip
# Settings that say where the server is and who connects to it, or what its files are called.
_PLACES = re.compile(r"_director|_file$|^listen_|^unix_|_conninfo$|^cluster_name$|_standby_names$|_slot_name|_command$")
# Modules with settings of their own that need not be installed in the database; other prefixes are made up by users.
_WITH_SETTINGS = frozenset(("auto_explain", "pg_stat_statements", "plpgsql", "timescaledb", "citus"))
_SQL_LANGUAGES = frozenset(("sql", "plpgsql"))


M = TypeVar("M", bound=Model)


class Phase(enum.Enum):
    """What is done on one way through a snapshot."""

    NAMING = "names are noted"
    NOTING = "values are noted, and names that stand in texts alone"
    REPLACING = "values and names are replaced"


class Walk:
    """One snapshot on its way to a redacted one: first its values and names are noted, then they are replaced."""

    def __init__(self, snapshot: Snapshot, *, names: bool) -> None:
        self._names = Names(enabled=names)
        self._values = Values(self._names)
        types = snapshot.catalog.types
        labels = frozenset(label for each in types for label in each.labels)
        kinds = {
            each.name: ValueKind.LABEL if each.kind is TypeKind.ENUM else _base_kind(each.base_type)
            for each in types
            if each.kind in (TypeKind.ENUM, TypeKind.DOMAIN, TypeKind.RANGE)
        }
        self.texts = Texts(self._values, self._names, {name: kind for name, kind in kinds.items() if kind}, labels)
        self._columns = ColumnValues(snapshot, self.texts)
        self._phase = Phase.NAMING
        self._known_names = _known_names(snapshot)
        self._extensions = _WITH_SETTINGS | {extension.name for extension in snapshot.server.extensions}
        self._snapshot = snapshot
        # Values of answers are those of plans, so they are replaced as values of the same types.
        self._types = {
            (plan.query_id, parameter.position): parameter.type
            for plan in snapshot.plans
            for parameter in plan.parameters
        }

    def redacted(self) -> Snapshot:
        """The snapshot with other values, and other names if that was asked for."""
        self._model(self._snapshot)
        for path in _search_paths(self._snapshot):
            for quoted, bare in _PATH_ELEMENT.findall(path):
                if (quoted or bare) and quoted != "$user":
                    self._names.of("schema", quoted.replace('""', '"') or bare)
        for row in self._snapshot.column_statistics:
            self._columns.statistics(row)
        for extended in self._snapshot.catalog.extended_statistics:
            self._columns.extended(extended)
        self._values.note_columns()
        self._phase = Phase.NOTING
        self._model(self._snapshot)
        self._values.settle()
        self._names.settle()
        self._phase = Phase.REPLACING
        return self._model(self._snapshot)

    def _model(self, model: M) -> M:
        changed: dict[str, Any] = {}
        for name, treatment in _plan(type(model), self._phase):
            value = getattr(model, name)
            new = self._field(value, treatment)
            if new is not value:
                changed[name] = new
        made = msgspec.structs.replace(model, **changed) if changed else model
        return made if self._phase is Phase.NAMING else cast("M", self._special(made, model))

    def _field(self, value: object, treatment: str | None) -> object:
        if type(value) is str:
            return value if treatment is None else self._text(value, treatment)
        if isinstance(value, tuple):
            made = tuple([self._field(each, treatment) for each in value])
            return value if all(map(operator.is_, made, value)) else made
        return self._model(value) if isinstance(value, Model) else value

    def _text(self, text: str, treatment: str) -> str:
        if treatment.startswith(fields.NAME):
            return self._names.of(treatment.removeprefix(fields.NAME), text)
        match treatment:
            case fields.SQL:
                return self.texts.sql(text)
            case fields.TYPE:
                return self._names.within(text)
            case fields.PROSE:
                return self._names.within_prose(text)
            case fields.APPLICATION:
                return MASK if text else text
            case fields.SETTINGS:
                name, mark, value = text.partition("=")
                return f"{name}{mark}{self._setting(name, value)}"
        raise ValueError(f"there is no treatment called {treatment!r}")

    def _special(self, made: M, model: M) -> Model:
        """What takes more than a look at one text."""
        replace = msgspec.structs.replace
        match model:
            case PgStats() | ExtendedStatistics() if self._phase is Phase.NOTING:
                return made  # their values were noted first of all
            case PgStats():
                return self._columns.statistics(model)
            case ExtendedStatistics():
                values = self._columns.extended(model)
                return replace(
                    made,
                    most_common_values=values.most_common_values,
                    expression_statistics=values.expression_statistics,
                )
            case IndexDefinition() if self._phase is Phase.REPLACING:
                return sealed_off(cast("IndexDefinition", made))
            case Setting() | SettingOverride():
                return replace(made, value=self._setting(model.name, model.value))
            case Function():
                return replace(made, definition=self._function(model))
            case ObservedPlan():
                return replace(made, plan=redacted_plan(model.plan, self.texts))
            case ParameterSample():
                of_call = tuple(None if each is None else self.texts.value(each) for each in model.values)
                return replace(made, values=of_call)
            case ParameterValue(value=str(value)):
                return replace(made, value=self._value(value, model.type))
            case Configuration():
                return replace(made, settings=tuple((name, self._setting(name, each)) for name, each in model.settings))
            case WhatIfAnswer():
                return self._answer(cast("WhatIfAnswer", made), model)
            case Gap():
                return replace(made, reason=self._reason(model.reason))
            case Footprint():
                return replace(
                    made, scans_added={self._names.within_prose(name): each for name, each in model.scans_added.items()}
                )
            case Column(type_name=name):
                mark = "_" if name.startswith("_") else ""
                return replace(made, type_name=mark + self._names.within(name.removeprefix("_")))
        return made

    def _answer(self, made: WhatIfAnswer, model: WhatIfAnswer) -> WhatIfAnswer:
        plan = None if model.plan is None else redacted_plan(model.plan, self.texts)
        values = model.values and tuple(
            None if each is None else self._value(each, self._types.get((model.query_id, position)))
            for position, each in enumerate(model.values, start=1)
        )
        return msgspec.structs.replace(made, plan=plan, values=values, refusal=self._reason(model.refusal))

    def _value(self, value: str, type_name: str | None) -> str:
        """A value of a type, in the place of the same one anywhere else."""
        if type_name is None:
            return self.texts.value(value)
        is_array = type_name.endswith("[]") or type_name.startswith("_")
        return self.texts.value(value, type_name.removesuffix("[]").removeprefix("_"), is_array=is_array)

    def _reason(self, sentence: str) -> str:
        return self._names.within_prose(_QUOTED.sub(self._quoted, sentence))

    def _setting(self, name: str, value: str) -> str:
        """A setting's value; what users made up, and where the server is, says nothing to the planner."""
        prefix, dot, _ = name.partition(".")
        if (dot and prefix not in self._extensions) or name in ("application_name", "log_line_prefix"):
            return MASK if value else value
        if self._names.enabled and _PLACES.search(name):
            return MASK if value else value
        return self._names.within(value) if name in _NAMES_IN_SETTINGS else value

    def _function(self, function: Function) -> str | None:
        """Bodies in SQL keep their meaning; of others, which are read by other rules, nothing is kept."""
        languages = {"sql"} if self._names.enabled else _SQL_LANGUAGES
        if function.definition is None or function.language not in languages:
            return None
        return self.texts.sql(function.definition, bodies=True)

    def _quoted(self, match: re.Match[str]) -> str:
        """What a sentence quotes from the server's message, if it is a name."""
        inner = match[0][1:-1]
        known = all(part.strip('"') in self._known_names for part in inner.split("."))
        return match[0] if known else f"{match[0][0]}{MASK}{match[0][0]}"


@cache
def _plan(model: type[Model], phase: Phase) -> tuple[tuple[str, str | None], ...]:
    """The fields of a model that a phase has to look at, with what is made of a text there."""
    treatments = fields.TREATMENTS.get(model, {})
    plan = []
    for field, kind in typing.get_type_hints(model).items():
        if field not in model.__struct_fields__:
            continue
        treatment = treatments.get(field)
        if treatment in (fields.KEPT, fields.SPECIAL) or (treatment and not _has_part(treatment, phase)):
            treatment = None
        if treatment is not None or any(_is_looked_at(each, phase) for each in _models_within(kind)):
            plan.append((field, treatment))
    return tuple(plan)


def _has_part(treatment: str, phase: Phase) -> bool:
    """Whether texts of a treatment are looked at in a phase."""
    match phase:
        case Phase.NAMING:
            return treatment.startswith(fields.NAME)
        case Phase.NOTING:
            return treatment == fields.SQL
    return True


def _is_looked_at(model: type[Model], phase: Phase) -> bool:
    special = fields.SPECIAL in fields.TREATMENTS.get(model, {}).values()
    return (special and phase is not Phase.NAMING) or bool(_plan(model, phase))


def _models_within(kind: object) -> list[type[Model]]:
    """The models that a value of an annotated type may be made of, at first hand."""
    if isinstance(kind, type) and issubclass(kind, Model):
        return [kind]
    return [model for part in typing.get_args(kind) for model in _models_within(part)]


def _base_kind(type_name: str | None) -> ValueKind | None:
    return ValueKind.RANGE if type_name is None else kind_of_type(type_name)


def _search_paths(snapshot: Snapshot) -> Iterator[str]:
    """Every search_path in it: schemas in there need not be in the catalog, nor be at all."""
    settings: tuple[Setting | SettingOverride, ...] = (*snapshot.server.settings, *snapshot.server.overrides)
    yield from (each.value for each in settings if each.name == "search_path")
    for function in snapshot.catalog.functions:
        yield from (path[12:] for path in function.configuration if path.startswith("search_path="))
    plans = (*(plan.plan for plan in snapshot.plans), *(answer.plan or {} for answer in snapshot.answers))
    yield from (
        value for each in snapshot.answers for name, value in each.configuration.settings if name == "search_path"
    )
    for plan in plans:
        planned = plan.get("Settings")
        if isinstance(planned, dict) and isinstance(path := planned.get("search_path"), str):
            yield path


def _known_names(snapshot: Snapshot) -> frozenset[str]:
    """Names that a sentence may quote."""
    catalog, server = snapshot.catalog, snapshot.server
    named = (
        catalog.relations, catalog.columns, catalog.indexes, catalog.constraints, catalog.functions, catalog.types,
        catalog.schemas, catalog.sequences, catalog.extended_statistics, server.extensions,
    )  # fmt: skip
    names = {each.name for section in named for each in section} | {each.schema for each in catalog.relations}
    return frozenset(names | {server.database, server.role, "public"})
