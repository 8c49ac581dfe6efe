"""From a snapshot to a report: pure, the same every time, and no server needed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from pgadvisor import engine
from pgadvisor.advise.compose import compose
from pgadvisor.advise.databases import merged
from pgadvisor.advise.decide import decide
from pgadvisor.advise.keys import keyed
from pgadvisor.advise.platforms import without_platforms
from pgadvisor.advise.tenants import folded
from pgadvisor.config import rule_options
from pgadvisor.facts import Facts
from pgadvisor.progress import Progress, silent
from pgadvisor.snapshots.combine import check_names, combine
from pgadvisor.workload.role_settings import search_paths
from pgadvisor.workload.schema import SchemaView
from pgadvisor.workload.shapes import understand_all

if TYPE_CHECKING:
    from pgadvisor.config import Config
    from pgadvisor.model.report import Report
    from pgadvisor.model.snapshot import Snapshot
    from pgadvisor.rules_api import AnyRule


def analyze_all(
    snapshots: Sequence[Snapshot], config: Config, rules: Sequence[AnyRule], progress: Progress = silent
) -> Report:
    """One report on any number of snapshots, at least one.

    Of one database they are put together: two looks at a server as an interval, a primary and its standbys as one.
    Several databases are judged one by one, and their findings ranked together. Raises CombineError where snapshots
    cannot be put together, ConfigError where options of the rules do not fit.
    """
    combined = combine(snapshots) if len(snapshots) > 1 else snapshots
    check_names(combined)
    return merged([analyze(snapshot, config, rules, progress) for snapshot in combined], config.report)


def analyze(snapshot: Snapshot, config: Config, rules: Sequence[AnyRule], progress: Progress = silent) -> Report:
    """Judges a snapshot with the given rules.

    Raises ConfigError where options of the rules do not fit.
    """
    options = rule_options(config, rules)
    texts = () if snapshot.statements is None else snapshot.statements.texts
    schema = SchemaView(snapshot.catalog, snapshot.server.search_path)
    shapes, not_understood = understand_all(texts, schema, progress, search_paths(snapshot))
    facts = Facts(snapshot, shapes)
    outcomes = engine.run(
        rules, facts, options, frozenset(config.disable), started=lambda name: progress(f"Rule {name}")
    )
    outcomes = folded(without_platforms(outcomes, facts), facts)
    progress("Writing the report")
    findings = keyed(outcomes)
    decisions = decide(findings, facts)
    return compose(rules, options, outcomes, findings, decisions, facts, not_understood, config)
