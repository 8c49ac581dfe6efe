"""What the help says of defaults is what the configuration has."""

from __future__ import annotations

import re

import click

from pgadvisor.cli._options import configuration, of_collection, of_judgement
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
