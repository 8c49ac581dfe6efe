"""Rules and renderers, found through entry points: the same door for ours and third parties'."""

from __future__ import annotations

from importlib.metadata import EntryPoint, entry_points
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from pgadvisor.model.explanation import Explanation
    from pgadvisor.model.report import Report
    from pgadvisor.model.snapshot import Snapshot
    from pgadvisor.rules_api import AnyRule

    Renderer = Callable[[Report], bytes]
    Terminal = Callable[[Report, int, bool], str]
    CoverageTable = Callable[[Snapshot, Sequence[str], int, bool], str]
    ExplanationRenderer = Callable[[Explanation], bytes]
    ExplanationTerminal = Callable[[Explanation, int, bool], str]

RULES_GROUP = "pgadvisor.rules"
REPORTS_GROUP = "pgadvisor.reports"
TERMINAL_GROUP = "pgadvisor.terminal"
COVERAGE_GROUP = "pgadvisor.coverage"
EXPLANATIONS_GROUP = "pgadvisor.explanations"
EXPLANATION_TERMINAL_GROUP = "pgadvisor.explanation_terminal"


class RegistryError(Exception):
    """An entry point does not hold what its group promises, or two rules share a name or an id."""


def load_rules() -> tuple[AnyRule, ...]:
    """All installed rules, ordered by id.

    Raises RegistryError where an entry point cannot be loaded, yields something other than rules, or a name or id
    that is taken already.
    """
    from pgadvisor.rules_api import Rule

    rules: dict[str, AnyRule] = {}
    ids: dict[str, str] = {}
    for entry_point in entry_points(group=RULES_GROUP):
        for rule in _rules_of(entry_point):
            if not isinstance(rule, Rule):
                raise RegistryError(f"entry point {entry_point.name} yields {rule!r}, which is not a rule")
            if rule.name in rules or rule.id in ids:
                raise RegistryError(f"rule {rule.id} {rule.name} from {entry_point.value} is already taken")
            rules[rule.name] = rule
            ids[rule.id] = rule.name
    return tuple(sorted(rules.values(), key=lambda rule: rule.id))


def _rules_of(entry_point: EntryPoint) -> list[object]:
    try:
        return list(entry_point.load()())
    except Exception as error:  # it may be anybody's package
        raise RegistryError(f"the rules of {entry_point.value} cannot be loaded: {error}") from error


def renderer_names() -> tuple[str, ...]:
    """Names of the installed report formats."""
    return tuple(sorted(entry_point.name for entry_point in entry_points(group=REPORTS_GROUP)))


def load_renderer(name: str) -> Renderer:
    """The renderer of a format. Raises RegistryError where none is installed."""
    for entry_point in entry_points(group=REPORTS_GROUP, name=name):
        renderer: Renderer = entry_point.load()
        return renderer
    raise RegistryError(f"no renderer named {name} is installed; there are: {', '.join(renderer_names())}")


def load_terminal() -> Terminal:
    """What turns a report into text of a given width for a terminal, in colour or not.

    Raises RegistryError where none is installed.
    """
    for entry_point in entry_points(group=TERMINAL_GROUP):
        terminal: Terminal = entry_point.load()
        return terminal
    raise RegistryError("no renderer for the terminal is installed")


def load_coverage() -> CoverageTable:
    """What turns the coverage of a snapshot, with hints, into a table of a given width, in colour or not.

    Raises RegistryError where none is installed.
    """
    for entry_point in entry_points(group=COVERAGE_GROUP):
        table: CoverageTable = entry_point.load()
        return table
    raise RegistryError("no renderer for the table of coverage is installed")


def load_explanation(name: str) -> ExplanationRenderer:
    """The renderer of a format for explanations of one statement. Raises RegistryError where none is installed."""
    for entry_point in entry_points(group=EXPLANATIONS_GROUP, name=name):
        renderer: ExplanationRenderer = entry_point.load()
        return renderer
    raise RegistryError(f"no renderer of explanations named {name} is installed")


def load_explanation_terminal() -> ExplanationTerminal:
    """What turns an explanation into text of a given width for a terminal, in colour or not.

    Raises RegistryError where none is installed.
    """
    for entry_point in entry_points(group=EXPLANATION_TERMINAL_GROUP):
        terminal: ExplanationTerminal = entry_point.load()
        return terminal
    raise RegistryError("no renderer of explanations for the terminal is installed")
