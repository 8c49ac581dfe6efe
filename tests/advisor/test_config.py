"""Configuration: what is accepted, and what is refused in one sentence."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from pgadvisor.config import (
    Config,
    ConfigError,
    Execute,
    FailOn,
    load,
    override,
    rule_options,
    set_rule_options,
)
from pgadvisor.model.base import Severity
from pgadvisor.registry import load_rules
from pgadvisor.rules_api import AnyRule


def test_a_file_replaces_defaults(tmp_path: Path) -> None:
    file = tmp_path / "a.toml"
    file.write_text('[collect]\nexecute = "off"\nschemas = ["a b"]\n[gate]\nfail_on = "never"\n')
    config = load(file)
    assert (config.collect.execute, config.collect.schemas, config.gate.fail_on) == (
        Execute.OFF,
        ("a b",),
        FailOn.NEVER,
    )
    assert config.collect.statements == Config().collect.statements


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("[collect]\nstatments = 3\n", "statments"),
        ("[collect]\nstatements = 'many'\n", "statements"),
        ("collect = \n", "not valid TOML"),
        ("[gate]\nfail_on = 'sometimes'\n", "fail_on"),
    ],
)
def test_a_wrong_file_is_refused_by_name(tmp_path: Path, content: str, said: str) -> None:
    file = tmp_path / "wrong.toml"
    file.write_text(content)
    with pytest.raises(ConfigError, match=r"wrong\.toml") as caught:
        load(file)
    assert said in str(caught.value)


def test_settings_of_a_session_are_kept_for_the_planner_as_text(tmp_path: Path) -> None:
    file = tmp_path / "a.toml"
    file.write_text("[session]\napp.tenant_id = 42\n'App.x.y' = 'a '\nenable_seqscan = false\nwork_mem = '8MB'\n")
    config = load(file)
    assert config.collect.session == {
        "app.tenant_id": "42",
        "App.x.y": "a ",
        "enable_seqscan": "off",
        "work_mem": "8MB",
    }
    assert override(config, {"collect": {"statements": 3}}).collect.session == config.collect.session


@pytest.mark.parametrize(
    "name",
    [
        "statement_timeout",
        "Lock_Timeout",
        "transaction_read_only",
        "default_transaction_read_only",
        "session_replication_role",
        "role",
        "session_authorization",
        "log_statement",
        "pg_stat_statements.track",
        "PG_STAT_STATEMENTS.track",
        "auto_explain.log_analyze",
        "jit",
        "idle_in_transaction_session_timeout",
        "local_preload_libraries",
        "standard_conforming_strings",
        "plan_cache_mode",
        "a.b; DROP TABLE t",
        "enable_",
        "",
    ],
)
def test_settings_that_bound_us_or_that_plans_do_not_hang_on_are_refused(tmp_path: Path, name: str) -> None:
    file = tmp_path / "wrong.toml"
    file.write_text(f'[session]\n"{name}" = "1"\n')
    with pytest.raises(ConfigError, match=r"wrong\.toml: session\.") as caught:
        load(file)
    assert f"session.{name} cannot be set" in str(caught.value)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("[session]\n'a.b' = []", "session.a.b is to be text, a number, true or false"),
        ("[session]\n'a.b' = \"x\\u0000\"", "session.a.b is to be text, a number, true or false"),
        ("[collect.session]\n'a.b' = '1'", "there is no key collect.session; settings to plan under stand in a table"),
    ],
)
def test_a_session_s_settings_are_texts_in_their_own_table(tmp_path: Path, content: str, said: str) -> None:
    file = tmp_path / "wrong.toml"
    file.write_text(content)
    with pytest.raises(ConfigError) as caught:
        load(file)
    assert said in str(caught.value)


@pytest.mark.parametrize(
    ("section", "key", "value"),
    [
        *(("collect", f"{name}_ms", "0") for name in ("statement_timeout", "lock_timeout", "execute_timeout")),
        ("collect", "connect_timeout_s", "0"),
        ("collect", "lock_timeout_ms", "2_147_483_648"),
        *(("collect", name, "-1") for name in ("statements", "max_explains", "execute_max_statements")),
        ("collect", "execute_max_cost", "-0.5"),
        ("report", "max_findings", "-1"),
    ],
)
def test_a_number_out_of_range_is_refused_by_key(tmp_path: Path, section: str, key: str, value: str) -> None:
    file = tmp_path / "wrong.toml"
    file.write_text(f"[{section}]\n{key} = {value}\n")
    with pytest.raises(ConfigError, match=r"wrong\.toml") as caught:
        load(file)
    assert f"{section}.{key}" in str(caught.value) and "\n" not in str(caught.value)
    with pytest.raises(ConfigError, match=key):
        override(Config(), {section: {key: float(value) if "." in value else int(value)}})


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (
            "statements = 1",
            "there is no key statements; known are: collect, disable, gate, indexes, report, rules, session",
        ),
        ("[gate]\nfail = 1", "there is no key gate.fail; known in gate are: essential, fail_on"),
        ("[collect]\nstatements = 'x'", "collect.statements is to be a whole number, not text"),
        ("[collect]\nschemas = 'x'", "collect.schemas is to be a list, not text"),
        ("[collect]\nschemas = ['a', 1]", "collect.schemas[1] is to be text, not a whole number"),
        ("collect = true", "collect is to be a table, not true or false"),
        ("[report]\nmax_tables = -1", "report.max_tables is to be a whole number of at least 0"),
        ("[collect]\nlock_share = 2.5", "collect.lock_share is to be a number of at most 1.0"),
        ("[collect]\nlock_share = 0", "collect.lock_share is to be a number above 0.0"),
        ("[gate]\nfail_on = 'now'", "gate.fail_on cannot be 'now'; it is one of: critical, warning, info, never"),
        ("[rules]\nunused_index = 3", "rules[...] is to be a table, not a whole number"),
    ],
)
def test_what_is_wrong_is_a_sentence(tmp_path: Path, content: str, said: str) -> None:
    file = tmp_path / "wrong.toml"
    file.write_text(content)
    with pytest.raises(ConfigError) as caught:
        load(file)
    assert str(caught.value) == f"{file}: {said}"


def test_a_list_of_words_says_which_it_knows(tmp_path: Path) -> None:
    file = tmp_path / "wrong.toml"
    file.write_text("[gate]\nessential = ['moon']")
    with pytest.raises(ConfigError, match=r"essential\[0\] cannot be 'moon'; it is one of: connection, "):
        load(file)


def test_a_count_may_be_nought() -> None:
    config = override(Config(), {"collect": {"max_explains": 0, "execute_total_ms": 0}, "report": {"max_tables": 0}})
    assert (config.collect.max_explains, config.collect.execute_total_ms, config.report.max_tables) == (0, 0, 0)


def test_a_named_file_must_be_there(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="cannot read"):
        load(tmp_path / "none.toml")


def test_overrides_win_and_none_leaves_alone() -> None:
    config = override(Config(), {"collect": {"statements": 7, "execute": None}}, ("unused_index",))
    assert config.collect.statements == 7
    assert config.collect.execute is Execute.SAFE
    assert config.disable == ("unused_index",)


def test_options_of_rules_are_typed() -> None:
    rules = load_rules()
    config = set_rule_options(Config(), ["unused_index.min_window_days=7"])
    assert rule_options(config, rules)["unused_index"].min_window_days == 7  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    "assignment", ["unused_index.min_window_days=soon", "unused_index.nonsense=1", "no_such_rule.x=1", "x=1", "a.b"]
)
def test_wrong_options_of_rules_are_refused(assignment: str) -> None:
    with pytest.raises(ConfigError):
        rule_options(set_rule_options(Config(), [assignment]), load_rules())


@pytest.mark.parametrize("rule", load_rules(), ids=lambda rule: rule.name)
def test_no_number_of_a_rule_is_below_nought(rule: AnyRule) -> None:
    for name, value in msgspec.to_builtins(rule.options()).items():
        if isinstance(value, int | float) and not isinstance(value, bool):
            with pytest.raises(ConfigError, match=rf"^rules\.{rule.name}\.{name} is to be a .* of at least 0"):
                rule_options(set_rule_options(Config(), [f"{rule.name}.{name}=-1"]), [rule])
            rule_options(set_rule_options(Config(), [f"{rule.name}.{name}=0"]), [rule])


def test_a_wrong_option_is_a_sentence() -> None:
    for assignment, said in (
        (
            "unused_index.nonsense=1",
            "there is no key rules.unused_index.nonsense; known in rules.unused_index are: max_",
        ),
        ("unused_index.max_scans=few", "rules.unused_index.max_scans is to be a whole number, not text"),
    ):
        with pytest.raises(ConfigError) as caught:
            rule_options(set_rule_options(Config(), [assignment]), load_rules())
        assert str(caught.value).startswith(said)


@pytest.mark.parametrize(
    ("fail_on", "severity", "reached"),
    [
        (FailOn.WARNING, Severity.CRITICAL, True),
        (FailOn.WARNING, Severity.WARNING, True),
        (FailOn.WARNING, Severity.INFO, False),
        (FailOn.INFO, Severity.INFO, True),
        (FailOn.INFO, None, False),
        (FailOn.NEVER, Severity.CRITICAL, False),
    ],
)
def test_threshold(fail_on: FailOn, severity: Severity | None, reached: bool) -> None:
    assert fail_on.reached_by(severity) is reached
