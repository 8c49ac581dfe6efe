"""From a snapshot to a report: pure, the same every time, and no server needed."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from pgadvisor import engine
from pgadvisor.advise.advising import advice_on
from pgadvisor.advise.compose import compose
from pgadvisor.advise.databases import merged
from pgadvisor.advise.decide import decide
from pgadvisor.advise.keys import keyed
from pgadvisor.advise.lowering import lowered
from pgadvisor.advise.platforms import without_platforms
from pgadvisor.advise.tenants import folded
from pgadvisor.config import AdvicePlanner, rule_options
from pgadvisor.facts import Facts
from pgadvisor.model.coverage import Fact
from pgadvisor.model.statements import SourceKind
from pgadvisor.progress import Progress, silent
from pgadvisor.snapshots.combine import check_names, combine
from pgadvisor.workload.plan_shape import understood_by_plans
from pgadvisor.workload.role_settings import search_paths
from pgadvisor.workload.schema import SchemaView
from pgadvisor.workload.shapes import understand_all

if TYPE_CHECKING:
    from pgadvisor.advise.planners import Planners
    from pgadvisor.config import Config
    from pgadvisor.model.findings import Outcome
    from pgadvisor.model.report import Report
    from pgadvisor.model.shape import NotUnderstood
    from pgadvisor.model.snapshot import Snapshot
    from pgadvisor.rules_api import AnyRule


def analyze_all(
    snapshots: Sequence[Snapshot],
    config: Config,
    rules: Sequence[AnyRule],
    progress: Progress = silent,
    files: Sequence[Path] = (),
    planners: Planners | None = None,
) -> Report:
    """One report on any number of snapshots, at least one.

    planners opens what says of each database what indexes would be worth; without, none is asked.

    Of one database they are put together: two looks at a server as an interval, a primary and its standbys as one.
    Several databases are judged one by one, and their findings ranked together. Raises CombineError where snapshots
    cannot be put together, ConfigError where options of the rules do not fit. files are read as more statements; raises
    SourceError where one cannot be used.
    """
    combined = combine(snapshots) if len(snapshots) > 1 else snapshots
    if files:
        combined = [
            _with_files(snapshot, files, config, progress, is_first=not index)
            for index, snapshot in enumerate(combined)
        ]
    check_names(combined)
    reports = [analyze(snapshot, config, rules, progress, planners) for snapshot in combined]
    return merged(reports, config.report)


def _with_files(
    snapshot: Snapshot, files: Sequence[Path], config: Config, progress: Progress, *, is_first: bool
) -> Snapshot:
    """The snapshot with statements of files among its own; those of SQL files belong to the first database."""
    from pgadvisor.snapshots.sources import put_in
    from pgadvisor.workload.sources.read import read_source

    sources = [read_source(path, snapshot.server.database, progress) for path in files]
    if not is_first:
        sources = [each for each in sources if each.source.kind is not SourceKind.SQL_FILE]
    return put_in(snapshot, sources, config.collect.statements)


def analyze(
    snapshot: Snapshot,
    config: Config,
    rules: Sequence[AnyRule],
    progress: Progress = silent,
    planners: Planners | None = None,
) -> Report:
    """Judges a snapshot with the given rules; planners opens what says what indexes would be worth, if it is to.

    Raises ConfigError where options of the rules do not fit.
    """
    return judge(*read_facts(snapshot, progress), config, rules, progress, planners)


def read_facts(snapshot: Snapshot, progress: Progress = silent) -> tuple[Facts, list[NotUnderstood]]:
    """A snapshot with the shapes of its statements, and those that were not understood."""
    texts = () if snapshot.statements is None else snapshot.statements.texts
    schema = SchemaView(snapshot.catalog, snapshot.server.search_path)
    shapes, not_understood = understand_all(texts, schema, progress, search_paths(snapshot))
    not_understood = understood_by_plans(shapes, not_understood, snapshot.plans, schema)
    return Facts(snapshot, shapes), not_understood


def judge(
    facts: Facts,
    not_understood: Sequence[NotUnderstood],
    config: Config,
    rules: Sequence[AnyRule],
    progress: Progress = silent,
    planners: Planners | None = None,
) -> Report:
    """What rules and advisor make of the facts: rules propose, a planner proves, and rules tell of what it proved.

    Raises ConfigError where options of the rules do not fit.
    """
    options = rule_options(config, rules)

    def run(some: Sequence[AnyRule]) -> dict[str, Outcome]:
        found = engine.run(
            some, facts, options, frozenset(config.disable), started=lambda name: progress(f"Rule {name}")
        )
        return {outcome.rule: outcome for outcome in folded(without_platforms(found, facts), facts)}

    outcomes = run([rule for rule in rules if Fact.INDEX_ADVICE not in rule.needs])
    tellers = [rule for rule in rules if Fact.INDEX_ADVICE in rule.needs]
    telling = any(rule.name not in config.disable for rule in tellers)
    unadvised, proposed = facts, keyed(tuple(outcomes.values()))
    facts = unadvised.with_advice(advice_on(unadvised, proposed, config, planners, progress, only_wished=not telling))
    told = run(tellers)
    if any(each.error for each in told.values()) and _may_ask_again(facts, config):
        # What nobody tells of is not to be had: all else is chosen and proved once more, without it.
        proposed = keyed((*outcomes.values(), *told.values()))
        facts = unadvised.with_advice(advice_on(unadvised, proposed, config, planners, progress, only_wished=True))
    outcomes = lowered(outcomes, facts) | told
    ordered = tuple(outcomes[rule.name] for rule in rules)
    progress("Writing the report")
    findings = keyed(ordered)
    decisions = decide(findings, facts)
    return compose(rules, options, ordered, findings, decisions, facts, not_understood, config)


def _may_ask_again(facts: Facts, config: Config) -> bool:
    """Whether there is an index that no finding asks for, and a planner of our own: a server is asked once."""
    untold = facts.advice is not None and not all(each.findings for each in facts.advice.created)
    return untold and config.indexes.planner is AdvicePlanner.TWIN
