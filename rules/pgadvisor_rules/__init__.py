"""The judgement: one module per rule, each with one ``RULE``."""

from __future__ import annotations

import pkgutil
from collections.abc import Iterator
from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pgadvisor.rules_api import AnyRule


def rules() -> Iterator[AnyRule]:
    """Every rule of this package: the ``RULE`` of each public module."""
    for module in pkgutil.iter_modules(__path__):
        if not module.name.startswith("_"):
            yield import_module(f"{__name__}.{module.name}").RULE
