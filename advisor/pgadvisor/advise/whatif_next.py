"""What next, once a change that was imagined is wanted: what to run, under which locks, and how to undo it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import TYPE_CHECKING

import msgspec

from pgadvisor.advise.recommend import AnyOf, partitions_of, schemas_of, table_of
from pgadvisor.indexes.quoting import quote_identifier, quote_literal
from pgadvisor.indexes.recipes import recipe
from pgadvisor.masking import mask_literals
from pgadvisor.model.catalog import Index, IndexDefinition, RelationKind
from pgadvisor.model.proposals import CreateIndex, DropIndex
from pgadvisor.model.report import Step
from pgadvisor.model.whatif_result import Next
from pgadvisor.planner.index_names import names_taken_by_schema
from pgadvisor.workload.role_settings import costliest_roles, is_users_own, split_path
from pgadvisor.workload.setting_values import shown_value

if TYPE_CHECKING:
    from pgadvisor.facts import Facts

UNDO_MASKED = "Values of rows in what undoes it are masked; run again with --show-values for SQL that can be run."
# Sources (pg_settings.source) of what a file of the server's says.
_IN_A_FILE = "configuration file"
_NEW_SESSIONS = "None: sessions that begin after it have the value, but for those with one that is set more narrowly"


def next_of_created(definition: IndexDefinition, name: str, facts: Facts) -> Next:
    """What builds an index without keeping anybody waiting, on a partitioned table part by part."""
    return _of(CreateIndex(definition=definition, partitioned=is_partitioned(definition, facts)), facts, name)


def next_of_dropped(index: Index, facts: Facts, *, is_masked: bool) -> Next | None:
    """What drops an index; None where that cannot be done to it alone.

    is_masked: values of rows are in its definition and are not to be shown, so that what undoes it is a comment.
    """
    if index.constraint_oid is not None or index.primary or index.exclusion or index.parent_oid is not None:
        return None
    drop = DropIndex(
        schema=index.schema,
        name=index.name,
        definition=index.definition,
        partitioned=is_partitioned(index.definition, facts),
        invalid=not index.valid,
    )
    made = _of(drop, facts)
    if not is_masked:
        return made
    steps = tuple(msgspec.structs.replace(step, undo=_commented(step.undo)) for step in made.steps)
    return msgspec.structs.replace(made, steps=steps, caveats=(UNDO_MASKED, *made.caveats))


def next_of_setting(name: str, value: str, facts: Facts) -> tuple[Step, ...]:
    """What makes a setting, the narrowest way first, any one of which is enough: for a role, a database, the server."""
    return tuple(_ways(name, value, facts))


def _of(proposal: CreateIndex | DropIndex, facts: Facts, name: str = "") -> Next:
    partitions = partitions_of(proposal, facts)
    taken = names_taken_by_schema(facts)
    schemas = {table_of(proposal)[0], *schemas_of(partitions)}
    made = recipe(proposal, AnyOf(taken[schema] for schema in schemas), partitions, name=name)
    return Next(steps=made.steps, checks=made.checks, caveats=made.caveats)


def is_partitioned(definition: IndexDefinition, facts: Facts) -> bool:
    """Whether an index is of a partitioned table."""
    table = facts.relation_named(definition.schema, definition.table)
    return table is not None and table.kind is RelationKind.PARTITIONED


def _commented(sql: str) -> str:
    """What nobody runs by mistake, since it is masked."""
    return "\n".join(f"-- {line}" for line in mask_literals(sql).splitlines())


def _ways(name: str, value: str, facts: Facts) -> Iterator[Step]:
    server = facts.server
    database = quote_identifier(server.database)
    role = _costliest_role(facts)
    if role is not None:
        head = f"ALTER ROLE {quote_identifier(role)} IN DATABASE {database}"
        yield _altering(head, name, value, facts, role=role)
    yield _altering(f"ALTER DATABASE {database}", name, value, facts)
    if is_users_own(name):
        # ALTER SYSTEM takes no setting that the server does not know.
        return
    setting = next((each for each in server.settings if each.name == name), None)
    old = None if setting is None or setting.source != _IN_A_FILE else shown_value(setting, setting.value)
    undo = f"ALTER SYSTEM RESET {_spelt(name)};" if old is None else f"ALTER SYSTEM SET {_assigned(name, old)};"
    reload = "SELECT pg_catalog.pg_reload_conf();"
    yield Step(
        sql=f"ALTER SYSTEM SET {_assigned(name, value)};\n{reload}",
        undo=f"{undo}\n{reload}",
        lock="None: all sessions of the server have the value at once, but for those with one that is set more "
        "narrowly. It takes a superuser; managed services have a page of theirs for it.",
        outside_transaction=True,
    )


def _altering(head: str, name: str, value: str, facts: Facts, role: str | None = None) -> Step:
    """ALTER ROLE or ALTER DATABASE; undone to what it was by the same."""
    where = (facts.server.database, role, name)
    same = (each for each in facts.server.overrides if (each.database, each.role, each.name) == where)
    old = next((each.value for each in same), None)
    return Step(
        sql=f"{head} SET {_assigned(name, value)};",
        undo=f"{head} RESET {_spelt(name)};" if old is None else f"{head} SET {_assigned(name, old)};",
        lock=f"{_NEW_SESSIONS}.",
    )


def _assigned(name: str, value: str) -> str:
    if name == "search_path":
        # One string would be one schema's name.
        path = ", ".join(quote_identifier(each) for each in split_path(value, "$user"))
        return f"{name} TO {path or quote_literal('')}"
    return f"{_spelt(name)} TO {quote_literal(value)}"


def _spelt(name: str) -> str:
    return ".".join(map(quote_identifier, name.split(".")))


def _costliest_role(facts: Facts) -> str | None:
    """The role whose statements took the most time; None where no roles are known."""
    known = facts.snapshot.statements
    times: Counter[str] = Counter()
    for query_id, role in ({} if known is None else costliest_roles(known)).items():
        statement = facts.statements.get(query_id)
        times[role.name] += 0 if statement is None else round(statement.total_ms * 1000)
    return max(sorted(times), key=lambda each: times[each], default=None)
