"""Sizes on the command line, in PostgreSQL's units: 64kB, 500MB, 2GB."""

from __future__ import annotations

import re

import click

_BYTES = {"b": 1, "kb": 1 << 10, "mb": 1 << 20, "gb": 1 << 30, "tb": 1 << 40}
_FORM = re.compile(r"(\d{1,15}(?:\.\d{1,3})?)\s*(b|kb|mb|gb|tb)", re.IGNORECASE)


class Size(click.ParamType[int]):
    """A number with its unit (B, kB, MB, GB or TB; 1 kB is 1024 bytes), as bytes."""

    name = "size"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> int:
        """The bytes. A value of another form ends the command with a sentence."""
        if isinstance(value, int):
            return value
        found = _FORM.fullmatch(str(value).strip())
        if found is None:
            self.fail(f"{value!r} is no size; write one with its unit, such as 500MB or 2GB.", param, ctx)
        return int(float(found[1]) * _BYTES[found[2].lower()])
