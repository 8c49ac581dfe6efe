"""Small questions to the parser's trees."""

from __future__ import annotations

from collections.abc import Iterator

from sqlglot import exp

from pgadvisor.workload.schema import fold

Tree = exp.Expr

# Functions whose arguments are set apart by words; the parser does not tell where they stand.
_SPECIAL_SYNTAX: dict[type[Tree], str] = {
    exp.Extract: "extract",
    exp.GroupConcat: "string_agg",
    exp.JSONArrayAgg: "json_agg",
    exp.JSONObjectAgg: "json_object_agg",
    exp.Overlay: "overlay",
    exp.StrPosition: "position",
    exp.Substring: "substring",
    exp.Trim: "btrim",
    exp.Unnest: "unnest",
}


def identifier(node: Tree) -> str:
    """A name as PostgreSQL stores it."""
    return fold(node.name, quoted=bool(node.args.get("quoted")))


def parts_of(node: exp.Column) -> tuple[str, str]:
    """The alias ("" without one) and the name of a column reference."""
    table = node.args.get("table")
    return ("" if table is None else identifier(table), identifier(node.this))


def children(node: Tree) -> list[Tree]:
    """Direct parts, in the order of the text as far as the tree keeps it."""
    return list(node.iter_expressions())


def walk(node: Tree, *, into_queries: bool = False) -> Iterator[Tree]:
    """A tree's nodes from the top, without recursion; subqueries themselves are met but not entered unless asked."""
    stack = [node]
    while stack:
        each = stack.pop()
        yield each
        if into_queries or not isinstance(each, exp.Query):
            stack.extend(reversed(children(each)))


def bare(node: Tree) -> Tree:
    """A node without parentheses around it."""
    while isinstance(node, exp.Paren):
        node = node.this
    return node


def uncast(node: Tree) -> Tree:
    """A node without parentheses and casts around it."""
    while isinstance(node, exp.Paren | exp.Cast):
        node = node.this
    return node


def parameters(node: Tree) -> tuple[int, ...]:
    """Positions of the $n in a tree, subqueries left out, each once."""
    found = dict.fromkeys(
        int(each.name) for each in walk(node) if isinstance(each, exp.Parameter) and each.name.isdecimal()
    )
    return tuple(found)


def function_name(node: Tree, text: str) -> str:
    """The name of a called function as written in the text that was parsed, folded.

    The parser keeps the place of a call but turns its name into a name of its own.
    """
    start, end = node.meta.get("start"), node.meta.get("end")
    if isinstance(start, int) and isinstance(end, int) and 0 <= start <= end < len(text):
        written = text[start : end + 1]
        quoted = written.startswith('"')
        return fold(written.strip('"').replace('""', '"') if quoted else written, quoted=quoted)
    return _SPECIAL_SYNTAX.get(type(node), "")
