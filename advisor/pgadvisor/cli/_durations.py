"""Lengths of time on the command line: 30s, 10m, 2h."""

from __future__ import annotations

import re

import click

_SECONDS = {"s": 1.0, "m": 60.0, "h": 3_600.0}
_FORM = re.compile(r"(\d{1,9}(?:\.\d{1,3})?)([smh])")


class Duration(click.ParamType[float]):
    """A number with its unit (s, m or h), as seconds; more than none."""

    name = "duration"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> float:
        """The seconds. A value of another form ends the command with a sentence."""
        found = _FORM.fullmatch(str(value).strip())
        seconds = float(found[1]) * _SECONDS[found[2]] if found else 0.0
        if not seconds:
            self.fail(f"{value!r} is no length of time; write one with its unit, such as 30s, 10m or 2h.", param, ctx)
        return seconds
