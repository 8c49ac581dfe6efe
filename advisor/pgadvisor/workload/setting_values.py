"""Values of settings as SHOW gives them: with the largest unit in which they are whole.

https://www.postgresql.org/docs/current/config-setting.html
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pgadvisor.model.server import Setting

_BYTES = {"B": 1, "kB": 2**10, "MB": 2**20, "GB": 2**30, "TB": 2**40}
_MICROSECONDS = {"us": 1, "ms": 1_000, "s": 1_000_000, "min": 60_000_000, "h": 3_600_000_000, "d": 86_400_000_000}
_NUMBER = re.compile(r"\s*([+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?)\s*([A-Za-z]*)\s*")
_BASE = re.compile(r"(\d*)([A-Za-z]+)")


def shown_value(setting: Setting | None, value: str) -> str:
    """A value as the server reads it: 64 of a setting in kB is 64kB, and 65536kB is 64MB.

    setting is that of the server, None where it has none of the name. A value that is no number of it stays as it is.
    """
    base = _BASE.fullmatch(setting.unit) if setting is not None and setting.unit else None
    found = _NUMBER.fullmatch(value)
    if base is None or found is None:
        return value
    units = next((each for each in (_BYTES, _MICROSECONDS) if base[2] in each), None)
    if units is None or (found[2] and found[2] not in units):
        return value
    in_base = int(base[1] or 1) * units[base[2]]
    of_base = float(found[1]) * (units[found[2]] / in_base if found[2] else 1)
    if abs(of_base) > 2**53:
        return value
    number = round(of_base)
    # Nought and -1 have meanings of their own, and are shown without a unit.
    if number <= 0:
        return str(number)
    for unit in sorted(units, key=lambda each: -units[each]):
        if number * in_base % units[unit] == 0:
            return f"{number * in_base // units[unit]}{unit}"
    return value
