"""What every rule promises: texts in one form, options with defaults, one file with the rule's name."""

from __future__ import annotations

import ast
import re
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path

import msgspec
import pytest

import pgadvisor_rules
from pgadvisor.model.coverage import Fact
from pgadvisor.registry import load_rules
from pgadvisor.rules_api import AnyRule, Options

RULES = [pytest.param(rule, id=rule.name) for rule in load_rules()]
MODULES = sorted(path for path in Path(pgadvisor_rules.__path__[0]).glob("*.py"))
ALLOWED_IMPORTS = re.compile(
    r"__future__|collections(\.abc)?|dataclasses|enum|functools|itertools|math|operator|re|typing|weakref"
    r"|pgadvisor\.rules_api|pgadvisor\.indexes(\..+)?|pgadvisor_rules(\._\w+)?"
)


@pytest.mark.parametrize("rule", RULES)
def test_texts_have_their_form(rule: AnyRule) -> None:
    assert re.fullmatch(r"[A-Z]{3}\d{3}", rule.id)
    assert re.fullmatch(r"[a-z]+(_[a-z]+)*", rule.name)
    assert rule.title == rule.title.strip()
    assert rule.title[0].isupper()
    assert not rule.title.endswith(".")
    for text in (rule.looks_for, rule.why, rule.fix, *rule.false_positives):
        assert text == text.strip()
        assert text.endswith(".")
        assert text[0].isupper()
        assert "  " not in text
    assert rule.false_positives
    assert isinstance(rule.false_positives, tuple)


@pytest.mark.parametrize("rule", RULES)
def test_the_manual_is_the_first_reference(rule: AnyRule) -> None:
    assert rule.references[0].startswith("https://www.postgresql.org/docs/")
    assert all(reference.startswith("https://") for reference in rule.references)


@pytest.mark.parametrize("rule", RULES)
def test_a_rule_is_a_module_of_its_name(rule: AnyRule) -> None:
    assert import_module(f"pgadvisor_rules.{rule.name}").RULE is rule
    assert rule.check.__module__ == f"pgadvisor_rules.{rule.name}"


@pytest.mark.parametrize("rule", RULES)
def test_needs_are_facts(rule: AnyRule) -> None:
    assert rule.needs
    assert all(isinstance(need, Fact) for need in rule.needs)


@pytest.mark.parametrize("rule", RULES)
def test_options_have_defaults_and_docs(rule: AnyRule) -> None:
    assert issubclass(rule.options, Options)
    options = rule.options()
    assert rule.options.__doc__
    for field in msgspec.structs.fields(rule.options):
        assert not field.required
        assert field.name in rule.options.__doc__, f"{field.name} is not explained"
    assert msgspec.convert(msgspec.to_builtins(options), rule.options) == options
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert({"no_such_option": 1}, rule.options)


def test_ids_and_names_are_unique() -> None:
    rules = load_rules()
    assert len({rule.id for rule in rules}) == len({rule.name for rule in rules}) == len(rules)


@pytest.mark.parametrize("path", MODULES, ids=lambda path: path.stem)
def test_rules_do_no_input_or_output(path: Path) -> None:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    for node in ast.walk(tree):
        names = []
        if isinstance(node, ast.ImportFrom):
            names = [node.module or ""]
        elif isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        for name in names:
            if path.stem == "__init__":
                assert name.split(".")[0] in {
                    "__future__",
                    "collections",
                    "importlib",
                    "pkgutil",
                    "typing",
                    "pgadvisor",
                }
            else:
                assert ALLOWED_IMPORTS.fullmatch(name), f"{path.name} imports {name}"
    calls = {n.func.id for n in ast.walk(tree) if isinstance(n, ast.Call) and isinstance(n.func, ast.Name)}
    assert not calls & {"open", "print", "exec", "eval", "__import__"}


def test_installed_modules_are_the_tested_ones() -> None:
    spec = find_spec("pgadvisor_rules")
    assert spec is not None
    assert {f"pgadvisor_rules.{path.stem}" for path in MODULES if not path.stem.startswith("_")} == {
        rule.check.__module__ for rule in load_rules() if rule.check.__module__.startswith("pgadvisor_rules.")
    }
