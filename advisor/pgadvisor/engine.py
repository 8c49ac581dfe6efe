"""Runs rules over facts; a rule that crashes is an outcome, not the end of the run."""

from __future__ import annotations

import traceback
from collections.abc import Callable, Iterable, Mapping
from pathlib import PurePath

from pgadvisor.facts import Facts
from pgadvisor.model.coverage import Fact, Gap, Presence
from pgadvisor.model.findings import Finding, Outcome
from pgadvisor.rules_api import AnyRule, Options


def run(
    rules: Iterable[AnyRule],
    facts: Facts,
    options: Mapping[str, Options],
    disabled: frozenset[str] = frozenset(),
    started: Callable[[str], None] = lambda _name: None,
) -> tuple[Outcome, ...]:
    """One outcome per rule, in the rules' order. `started` is told each rule's name before it runs."""
    outcomes = []
    for rule in rules:
        started(rule.name)
        if rule.name in disabled:
            outcomes.append(Outcome(rule=rule.name, checked=False, disabled=True))
        else:
            outcomes.append(_run_one(rule, facts, options.get(rule.name) or rule.options()))
    return tuple(outcomes)


def _run_one(rule: AnyRule, facts: Facts, options: Options) -> Outcome:
    needed = _gaps_in(rule.needs, facts)
    if any(facts.presence(fact) is Presence.ABSENT for fact in rule.needs):
        return Outcome(rule=rule.name, checked=False, gaps=needed)
    findings: list[Finding] = []
    gaps = list(needed)
    error = None
    try:
        for item in rule.check(facts, options):
            if isinstance(item, Finding):
                findings.append(item)
            else:
                gaps.append(item)
    except Exception as exception:  # a rule may be anybody's code: what it found so far still counts
        # The message may hold values of rows; where it happened says more.
        error = f"{type(exception).__name__} in {_where(exception)}"
    return Outcome(rule=rule.name, findings=tuple(findings), gaps=tuple(dict.fromkeys(gaps)), error=error)


def _where(exception: Exception) -> str:
    last = traceback.extract_tb(exception.__traceback__)[-1]
    return f"{last.name}, line {last.lineno} of {PurePath(last.filename).name}"


def _gaps_in(needs: tuple[Fact, ...], facts: Facts) -> tuple[Gap, ...]:
    """The collection's gaps in what a rule needs, each absent fact at least named."""
    gaps = [gap for gap in facts.gaps if gap.fact in needs]
    for fact in needs:
        if facts.presence(fact) is Presence.ABSENT and not any(gap.fact is fact for gap in gaps):
            gaps.append(Gap(fact=fact, scope="", reason=f"{fact.value} was not collected"))
    return tuple(gaps)
