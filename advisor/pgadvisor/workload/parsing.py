"""The parser, called so that it says nothing of what it reads."""

from __future__ import annotations

import logging
from contextvars import ContextVar

import sqlglot

from pgadvisor.workload.trees import Tree

# What the parser logs holds the text, and so values of rows: while it works for this module, it logs nothing.
_parsing: ContextVar[bool] = ContextVar("parsing", default=False)
logging.getLogger("sqlglot").addFilter(lambda record: not _parsing.get())


def parse(mended: str) -> Tree:
    """The tree of a mended text. Raises sqlglot's errors and RecursionError."""
    quiet = _parsing.set(True)
    try:
        return sqlglot.parse_one(mended, read="postgres")
    finally:
        _parsing.reset(quiet)
