"""Says in words what of other people's a snapshot holds, for whoever is about to pass it on."""

from __future__ import annotations

import msgspec

from pgadvisor.model.snapshot import Contents, Snapshot
from pgadvisor.workload.lexer import has_literal


def contents_of(snapshot: Snapshot) -> Contents:
    """What the snapshot holds, one phrase for each kind of thing; whether it is redacted is taken from itself."""
    phrases = (*_names(snapshot), *_texts(snapshot), *_values(snapshot), *_places(snapshot))
    return msgspec.structs.replace(snapshot.contents, holds=phrases)


def _names(snapshot: Snapshot) -> list[str]:
    catalog = snapshot.catalog
    made_up = "made-up " if snapshot.contents.names_redacted else ""
    counts = {
        "table or view": ("tables and views", len(catalog.relations)),
        "column": ("columns", len(catalog.columns)),
        "index": ("indexes", len(catalog.indexes)),
        "function": ("functions", len(catalog.functions)),
    }
    named = [_counted(number, one, many) for one, (many, number) in counts.items() if number]
    return [f"{made_up}names of {', '.join(named)}"] if named else []


def _texts(snapshot: Snapshot) -> list[str]:
    found = []
    values = "made-up values" if snapshot.contents.redacted else "values"
    texts = [] if snapshot.statements is None else [each.text for each in snapshot.statements.texts if each.text]
    if texts:
        literal = sum(map(has_literal, texts))
        with_values = f", {literal} of them with {values}" if literal else ""
        found.append(f"{_counted(len(texts), 'text of a statement', 'texts of statements')}{with_values}")
    catalog = snapshot.catalog
    views = sum(each.definition is not None for each in catalog.relations)
    if views:
        found.append(_counted(views, "definition of a view", "definitions of views"))
    bodies = sum(each.definition is not None for each in catalog.functions)
    if bodies:
        found.append(_counted(bodies, "definition of a function", "definitions of functions"))
    if any(each.partition_bound or each.partition_key for each in catalog.relations):
        found.append(f"{values} that bound partitions")
    return found


def _values(snapshot: Snapshot) -> list[str]:
    found = []
    values = "made-up" if snapshot.contents.redacted else "actual"
    columns = sum(
        any((row.most_common_vals, row.histogram, row.most_common_elems, row.range_bounds_histogram))
        for row in snapshot.column_statistics
    )
    if columns:
        found.append(
            f"common values and histogram bounds of {_counted(columns, 'column', 'columns')} ({values} values of rows)"
        )
    if snapshot.plans:
        given = sum(bool(plan.parameters) for plan in snapshot.plans)
        made_for = f", {given} of them for {values} values of rows" if given else ""
        found.append(f"{_counted(len(snapshot.plans), 'plan', 'plans')} with their conditions{made_for}")
    if snapshot.answers:
        given = sum(any(answer.values or ()) for answer in snapshot.answers)
        made_for = f", {given} of them for {values} values of rows" if given else ""
        found.append(f"{_counted(len(snapshot.answers), 'answer', 'answers')} of a planner to what if{made_for}")
    samples = 0 if snapshot.statements is None else len(snapshot.statements.samples)
    if samples:
        of_calls = _counted(samples, "call of a statement", "calls of statements")
        found.append(f"values of the parameters of {of_calls} ({values} values)")
    if snapshot.catalog.sequences:
        found.append(f"positions of {_counted(len(snapshot.catalog.sequences), 'sequence', 'sequences')}")
    return found


def _places(snapshot: Snapshot) -> list[str]:
    server = snapshot.server
    made_up = "made-up " if snapshot.contents.names_redacted else ""
    found = [f"{made_up}names of the database and of roles"]
    parts = {"host name": server.host, "address": server.address}
    where = [what for what, value in parts.items() if value]
    if where:
        found.append(f"the server's {made_up}{' and '.join(where)}")
    if server.settings or server.overrides:
        number = len(server.settings) + len(server.overrides)
        found.append(_counted(number, "setting of the server", "settings of the server, its databases and roles"))
    sessions = 0 if snapshot.activity is None else len(snapshot.activity.noted_sessions)
    if sessions:
        found.append(_counted(sessions, "session at the moment", "sessions at the moment"))
    return found


def _counted(number: int, one: str, many: str) -> str:
    return f"{number} {one if number == 1 else many}"
