"""The parser, called so that it says nothing of what it reads."""

from __future__ import annotations

import logging
from contextvars import ContextVar

import sqlglot
from sqlglot import exp

from pgadvisor.workload.trees import Tree, walk

# What the parser logs holds the text, and so values of rows: while it works for this module, it logs nothing.
_parsing: ContextVar[bool] = ContextVar("parsing", default=False)
logging.getLogger("sqlglot").addFilter(lambda record: not _parsing.get())


def parse(mended: str) -> Tree:
    """The tree of a mended text. Raises sqlglot's errors and RecursionError."""
    quiet = _parsing.set(True)
    try:
        tree = sqlglot.parse_one(mended, read="postgres")
    finally:
        _parsing.reset(quiet)
    return _without_lambdas(tree) if "->" in mended else tree


def _without_lambdas(tree: Tree) -> Tree:
    """PostgreSQL has none: `f(data -> 'key')` reads the column data."""
    for each in list(walk(tree, into_queries=True)):
        if isinstance(each, exp.Lambda) and each.parent is not None:
            names = [exp.Column(this=name) if isinstance(name, exp.Identifier) else name for name in each.expressions]
            left = names[0] if len(names) == 1 else exp.Tuple(expressions=names)
            each.replace(exp.JSONExtract(this=left, expression=each.this))
    return tree
