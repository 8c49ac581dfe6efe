"""One statement explained: on a server, or from what was collected."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import msgspec

from pgadvisor.advise.explain import explanation_of
from pgadvisor.analyze import judge, read_facts
from pgadvisor.collect import collect_statement
from pgadvisor.collecting.one import is_query_id, known_id, put_in
from pgadvisor.config import set_rule_options
from pgadvisor.model.shape import StatementShape
from pgadvisor.progress import Progress, silent
from pgadvisor.workload.role_settings import search_paths
from pgadvisor.workload.schema import SchemaView
from pgadvisor.workload.secrets import without_secrets
from pgadvisor.workload.understand import understand

if TYPE_CHECKING:
    from pgadvisor.config import Config
    from pgadvisor.model.explanation import Explanation
    from pgadvisor.model.snapshot import Snapshot
    from pgadvisor.rules_api import AnyRule

# One statement may be asked about more often than each of many, but production is not asked a hundred times.
MAX_EXPLAINS = 30
# Of a statement that is asked for no time is too little to speak of.
_WEIGHTS = ("min_total_ms", "min_share")


class NotFound(Exception):  # noqa: N818  an answer
    """The statement asked about is not there; the message says what to do."""


def explain_live(
    text: str,
    dsn: str | None,
    config: Config,
    rules: Sequence[AnyRule],
    progress: Progress = silent,
    *,
    run: bool = False,
    as_role: str = "",
) -> Explanation:
    """Plans a statement on the database that the DSN names; text may be a query id of pg_stat_statements.

    run: it is executed however seldom or slowly the server has run it, within the other limits on executions. Raises
    ConnectError, and NotFound where the server has no statement of that id.
    """
    collect = msgspec.structs.replace(config.collect, max_explains=min(config.collect.max_explains, MAX_EXPLAINS))
    if run:
        longest_ms = float("inf")
        collect = msgspec.structs.replace(
            collect, execute_min_calls=0, execute_max_mean_ms=longest_ms, execute_max_max_ms=longest_ms
        )
    snapshot, query_id = collect_statement(dsn, collect, text, progress, as_role=as_role)
    if query_id is None and snapshot.coverage.interrupted:
        raise KeyboardInterrupt
    if query_id is None and not is_query_id(text):
        # The connection was lost, or a limit reached, before the statement was come to.
        snapshot, query_id = put_in(snapshot, text)
    if query_id is None:
        raise NotFound(f"pg_stat_statements of this database has no statement of the id {text.strip()}.")
    return _explained(snapshot, query_id, text, config, rules, progress, as_role=as_role)


def explain_collected(
    text: str,
    snapshots: Sequence[Snapshot],
    config: Config,
    rules: Sequence[AnyRule],
    progress: Progress = silent,
) -> Explanation:
    """What snapshots know about a statement: the first that holds it is taken, else the first of all.

    Raises NotFound where none has a statement of the id asked for.
    """
    for snapshot in snapshots:
        query_id = known_id(text, snapshot)
        if query_id is not None:
            return _explained(snapshot, query_id, text, config, rules, progress)
    if is_query_id(text):
        raise NotFound(f"The file has no text of a statement of the id {text.strip()}.")
    snapshot, query_id = put_in(snapshots[0], text)
    return _explained(snapshot, query_id, text, config, rules, progress)


def _explained(
    snapshot: Snapshot,
    query_id: str,
    text: str,
    config: Config,
    rules: Sequence[AnyRule],
    progress: Progress,
    *,
    as_role: str = "",
) -> Explanation:
    alone = _alone(snapshot, query_id)
    facts, not_understood = read_facts(alone, progress)
    shown = msgspec.structs.replace(
        config.report, max_statements=len(facts.statements), max_findings=max(config.report.max_findings, 1_000)
    )
    weightless = [f"{rule.name}.{name}=0" for rule in rules for name in _WEIGHTS if hasattr(rule.options, name)]
    config = msgspec.structs.replace(set_rule_options(config, weightless), report=shown)
    report = judge(facts, not_understood, config, rules, progress)
    return explanation_of(
        report,
        facts,
        query_id,
        "" if is_query_id(text) else without_secrets(text),
        not_understood,
        shape=_as_given(facts.shapes.get(query_id), alone, text),
        as_role=as_role,
        show_values=config.report.show_values,
    )


def _as_given(shape: StatementShape | None, snapshot: Snapshot, text: str) -> StatementShape | None:
    """The shape of a statement with parameters, with what its constants tell where it was given with them.

    Whether a pattern begins with a wildcard, say, and how many rows a LIMIT leaves.
    """
    if shape is None or is_query_id(text):
        return shape
    path = search_paths(snapshot).get(shape.query_id, snapshot.server.search_path)
    given = understand(shape.query_id, text, SchemaView(snapshot.catalog, path))
    if not isinstance(given, StatementShape) or len(given.predicates) != len(shape.predicates):
        return shape
    predicates = []
    for predicate, known in zip(shape.predicates, given.predicates, strict=True):
        same = (predicate.relation_oid, predicate.alias, predicate.column, predicate.operator)
        if same != (known.relation_oid, known.alias, known.column, known.operator):
            return shape
        predicates.append(msgspec.structs.replace(predicate, indexable=known.indexable, hidden_by=known.hidden_by))
    return msgspec.structs.replace(shape, predicates=tuple(predicates))


def _alone(snapshot: Snapshot, query_id: str) -> Snapshot:
    """The snapshot with the text and the plans of one statement; figures of the others stay, for its share of them."""
    statements = snapshot.statements
    if statements is None:
        return snapshot
    texts = tuple(text for text in statements.texts if text.query_id == query_id)
    plans = tuple(plan for plan in snapshot.plans if plan.query_id == query_id)
    return msgspec.structs.replace(snapshot, statements=msgspec.structs.replace(statements, texts=texts), plans=plans)
