"""What the help says of defaults is what the configuration has."""

from __future__ import annotations

import re

import click
import pytest

from pgadvisor.cli._options import configuration, of_collection, of_indexes, of_judgement
from pgadvisor.cli._sizes import Size
from pgadvisor.config import Config


def test_defaults_in_the_help_are_those_of_the_configuration() -> None:
    command = click.Command("audit", params=[], callback=of_collection(of_judgement(lambda: None)))
    options = getattr(command.callback, "__click_params__", [])
    written = {
        option.name: option.type.convert(found[1], option, None)
        for option in options
        if (found := re.search(r"  \[(.*)\]$", option.help or ""))
    }
    assert {"statements", "max_explains", "max_server_time", "lock_timeout", "execute", "fail_on"} <= written.keys()
    assert configuration(config_file=None, **written) == Config()


def test_defaults_of_the_advice_on_indexes_are_those_of_the_configuration() -> None:
    command = click.Command("indexes", params=[], callback=of_indexes(lambda: None))
    options = getattr(command.callback, "__click_params__", [])
    written = {
        option.name: option.type.convert(found[1].removeprefix("--drops") or True, option, None)
        for option in options
        if (found := re.search(r"  \[(.*)\]$", option.help or ""))
    }
    names = {"goal", "max_indexes", "max_columns", "min_rows", "max_regression", "drop", "index_explains", "planner"}
    assert names <= written.keys()
    assert configuration(config_file=None, **written) == Config()


def test_every_option_of_the_advice_reaches_the_configuration() -> None:
    given = configuration(
        config_file=None,
        budget=1,
        goal="cost",
        max_indexes=2,
        max_columns=3,
        min_rows=4,
        max_regression=0.5,
        drop=False,
        index_explains=6,
        max_seconds=7.0,
        planner="hypopg",
        twin_server="docker",
    ).indexes
    default = Config().indexes
    same = {name for name in given.__struct_fields__ if getattr(given, name) == getattr(default, name)}
    assert same <= {"min_gain", "min_gain_s_per_day", "name", "max_statements"}


@pytest.mark.parametrize(
    ("text", "size_bytes"),
    [("64kB", 65_536), ("500MB", 524_288_000), ("1.5 GB", 1_610_612_736), ("2tb", 2 << 40), ("8B", 8)],
)
def test_sizes_are_in_the_units_of_postgresql(text: str, size_bytes: int) -> None:
    assert Size().convert(text, None, None) == size_bytes


@pytest.mark.parametrize("text", ["", "12", "MB", "-1MB", "1 PB", "1e3MB", "1MB2"])
def test_what_is_no_size_is_refused(text: str) -> None:
    with pytest.raises(click.BadParameter, match="is no size; write one with its unit"):
        Size().convert(text, None, None)
