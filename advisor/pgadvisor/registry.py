"""Rules and renderers, found through entry points: the same door for ours and third parties'."""

from __future__ import annotations

from importlib.metadata import EntryPoint, entry_points
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from pgadvisor.model.explanation import Explanation
    from pgadvisor.model.report import Report
    from pgadvisor.model.snapshot import Snapshot
    from pgadvisor.model.whatif_result import WhatIfResult
    from pgadvisor.rules_api import AnyRule

    Renderer = Callable[[Report], bytes]
    Terminal = Callable[[Report, int, bool], str]
    IndexTerminal = Callable[[Report, int, bool, bool], str]
    CoverageTable = Callable[[Snapshot, Sequence[str], int, bool], str]
    ExplanationRenderer = Callable[[Explanation], bytes]
    ExplanationTerminal = Callable[[Explanation, int, bool], str]
    WhatIfRenderer = Callable[[WhatIfResult], bytes]
    WhatIfTerminal = Callable[[WhatIfResult, int, bool], str]

RULES_GROUP = "pgadvisor.rules"
REPORTS_GROUP = "pgadvisor.reports"
TERMINAL_GROUP = "pgadvisor.terminal"
INDEX_TERMINAL_GROUP = "pgadvisor.index_terminal"
COVERAGE_GROUP = "pgadvisor.coverage"
EXPLANATIONS_GROUP = "pgadvisor.explanations"
EXPLANATION_TERMINAL_GROUP = "pgadvisor.explanation_terminal"
WHATIFS_GROUP = "pgadvisor.whatifs"
WHATIF_TERMINAL_GROUP = "pgadvisor.whatif_terminal"


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


def load_renderer(name: str) -> Renderer:
    """The renderer of a format. Raises RegistryError where none is installed."""
    renderer: Renderer = _load(REPORTS_GROUP, f"renderer named {name}", name)
    return renderer


def load_terminal() -> Terminal:
    """What turns a report into text of a given width for a terminal, in colour or not.

    Raises RegistryError where none is installed.
    """
    terminal: Terminal = _load(TERMINAL_GROUP, "renderer for the terminal")
    return terminal


def load_index_terminal() -> IndexTerminal:
    """What turns a report's advice on indexes into text of a given width for a terminal, in colour or not, all of it.

    Raises RegistryError where none is installed.
    """
    terminal: IndexTerminal = _load(INDEX_TERMINAL_GROUP, "renderer of advice on indexes for the terminal")
    return terminal


def load_coverage() -> CoverageTable:
    """What turns the coverage of a snapshot, with hints, into a table of a given width, in colour or not.

    Raises RegistryError where none is installed.
    """
    table: CoverageTable = _load(COVERAGE_GROUP, "renderer for the table of coverage")
    return table


def load_explanation(name: str) -> ExplanationRenderer:
    """The renderer of a format for explanations of one statement. Raises RegistryError where none is installed."""
    renderer: ExplanationRenderer = _load(EXPLANATIONS_GROUP, f"renderer of explanations named {name}", name)
    return renderer


def load_explanation_terminal() -> ExplanationTerminal:
    """What turns an explanation into text of a given width for a terminal, in colour or not.

    Raises RegistryError where none is installed.
    """
    terminal: ExplanationTerminal = _load(EXPLANATION_TERMINAL_GROUP, "renderer of explanations for the terminal")
    return terminal


def load_whatif(name: str) -> WhatIfRenderer:
    """The renderer of a format for what a what-if tells. Raises RegistryError where none is installed."""
    renderer: WhatIfRenderer = _load(WHATIFS_GROUP, f"renderer of what-ifs named {name}", name)
    return renderer


def load_whatif_terminal() -> WhatIfTerminal:
    """What turns what a what-if tells into text of a given width for a terminal, in colour or not.

    Raises RegistryError where none is installed.
    """
    terminal: WhatIfTerminal = _load(WHATIF_TERMINAL_GROUP, "renderer of what-ifs for the terminal")
    return terminal


def _load(group: str, what: str, name: str | None = None) -> Any:  # noqa: ANN401  whatever the entry point holds
    """The first entry point of a group, or the one of a name."""
    found = [entry for entry in entry_points(group=group) if name in (None, entry.name)]
    if not found:
        names = ", ".join(sorted(entry.name for entry in entry_points(group=group)))
        raise RegistryError(f"no {what} is installed" + (f"; there are: {names}" if name and names else ""))
    return found[0].load()
