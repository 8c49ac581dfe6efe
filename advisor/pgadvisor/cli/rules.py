"""``pgadvisor rules``: what is looked for, and why; the same texts as on the page."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from pgadvisor.cli._errors import Failure, explained
from pgadvisor.cli._output import tell
from pgadvisor.gate import ExitCode
from pgadvisor.registry import load_rules

if TYPE_CHECKING:
    from pgadvisor.rules_api import AnyRule


@click.group(short_help="List the rules, or explain one.")
def rules() -> None:
    """What is looked for, and why.

    \b
    Examples:
      pgadvisor rules list
      pgadvisor rules explain unused_index
    """


@rules.command("list")
def list_() -> None:
    """One line per rule: id, name, severity, title."""
    with explained():
        found = load_rules()
    width = max(len(rule.name) for rule in found)
    tell("".join(f"{rule.id}  {rule.name:<{width}}  {rule.severity.value:<8}  {rule.title}\n" for rule in found))


@rules.command()
@click.argument("name")
def explain(name: str) -> None:
    """Everything about the rule NAME (or its id): what, why, how to fix it, when it is wrong, its options."""
    with explained():
        found = load_rules()
    for rule in found:
        if name in (rule.name, rule.id):
            tell(f"{_explained(rule)}\n")
            return
    raise Failure(f"There is no rule {name!r}; see: pgadvisor rules list", ExitCode.USAGE)


def _explained(rule: AnyRule) -> str:
    import msgspec

    def section(title: str, *paragraphs: str) -> str:
        return "\n".join([title, *(click.wrap_text(p, 80, "  ", "  ") for p in paragraphs)])

    options = [
        f"{field.name} = {msgspec.json.encode(field.default).decode()}"
        for field in msgspec.structs.fields(rule.options)
    ]
    needs = ", ".join(fact.value for fact in rule.needs)
    return "\n\n".join(
        [
            f"{rule.id} {rule.name}: {rule.title}\n{rule.severity.value}, {rule.confidence.value}; needs {needs}",
            section("What it looks for", rule.looks_for),
            section("Why it matters", rule.why),
            section("How to fix it", rule.fix),
            section("When it is wrong", *rule.false_positives),
            section(f"Options, under [rules.{rule.name}]", *(options or ["none"])),
            "\n".join(["References", *(f"  {reference}" for reference in rule.references)]),
        ]
    )
