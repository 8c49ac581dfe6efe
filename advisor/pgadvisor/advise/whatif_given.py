"""What a user gives to be imagined, held against the catalog: what is wrong with it, before a planner is asked."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING

from pgadvisor.indexes.quoting import qualified
from pgadvisor.planner.index_names import names_taken
from pgadvisor.workload.index_names import near_names
from pgadvisor.workload.role_settings import bears_on_plans

if TYPE_CHECKING:
    from pgadvisor.facts import Facts
    from pgadvisor.workload.index_text import GivenIndex

_SETTING = re.compile(r"[A-Za-z_][A-Za-z0-9_$]*(\.[A-Za-z_][A-Za-z0-9_$]*)*")
_SOME_SETTINGS = "Some that they do: work_mem, random_page_cost, effective_cache_size, enable_seqscan, search_path."
# How the server quotes what it does not know (parse_relation.c): relation "x", column "x", column a.x.
_UNKNOWN = re.compile(r'(relation|column) "?([^"\s]+)"? does not exist')


class GivenError(ValueError):
    """What is given cannot be imagined of this database; the message says what, and what to do."""


def check_settings(texts: Sequence[str]) -> None:
    """Raises GivenError where one is no NAME=VALUE, or two are of one name."""
    seen: set[str] = set()
    for text in texts:
        name, equals, _ = text.partition("=")
        name = name.strip().lower()
        if not equals or not _SETTING.fullmatch(name):
            raise GivenError(f"--set {text}: a setting and its value are wanted, such as work_mem=64MB.")
        if name in seen:
            raise GivenError(f"--set {name} is given twice: a setting has one value at a time.")
        seen.add(name)


def setting_of(text: str, facts: Facts) -> tuple[str, str]:
    """Name and value of a setting that is imagined. Raises GivenError where no plan hangs on one of its name."""
    name, _, value = text.partition("=")
    name = name.strip().lower()
    known = {setting.name for setting in facts.server.settings}
    if bears_on_plans(name):
        return name, value.strip()
    if name in known:
        raise GivenError(f"--set {name}: it is no setting that a session may make and that plans hang on.")
    near = near_names(name, (each for each in sorted(known) if bears_on_plans(each))) or near_names(name, sorted(known))
    hint = f"Did you mean {near[0]}?" if near else _SOME_SETTINGS
    raise GivenError(f"--set {name}: plans hang on no setting of this name. {hint}")


def check_indexes(created: Sequence[GivenIndex], facts: Facts) -> None:
    """Raises GivenError where an index could not be created: its name is taken, or its tablespace is none."""
    taken: dict[str, set[str]] = {}
    for given in created:
        _check_tablespace(given, facts)
        schema = given.definition.schema
        if schema not in taken:
            sequences = {each.name for each in facts.snapshot.catalog.sequences if each.schema == schema}
            taken[schema] = names_taken(facts, schema) | sequences
        if given.name in taken[schema]:
            name = qualified(schema, given.name)
            if given.if_not_exists:
                raise GivenError(
                    f"--create: {name} exists already, so that IF NOT EXISTS would do nothing. Give the index another "
                    "name, or none at all, to imagine it beside the one that there is."
                )
            raise GivenError(f"--create: the name {name} is taken already. Give the index another, or none at all.")
        if given.name:
            taken[schema].add(given.name)


def _check_tablespace(given: GivenIndex, facts: Facts) -> None:
    wanted = given.definition.tablespace
    # Every server has pg_default: without any they were not collected.
    known = [each.name for each in facts.snapshot.catalog.tablespaces]
    if wanted is None or not known or wanted in known:
        return
    hint = f" Did you mean {near[0]}?" if (near := near_names(wanted, known)) else " Leave out TABLESPACE."
    raise GivenError(f"--create: there is no tablespace {wanted} on the audited server.{hint}")


def meant(reason: str, facts: Facts) -> str:
    """Names near the one that a server did not know, as a question after its reason; "" where there are none."""
    found = _UNKNOWN.search(reason)
    if found is None:
        return ""
    name = found[2].rpartition(".")[2]
    relations = facts.relations.values()
    if found[1] == "relation":
        near = near_names(name, (each.name for each in relations))
    else:
        near = near_names(name, (column.name for each in relations for column in facts.columns(each.oid)))
    return f" Did you mean {' or '.join(near)}?" if near else ""
