"""Reads the text of a CREATE INDEX, and names of indexes, and holds them against the catalog.

https://www.postgresql.org/docs/current/sql-createindex.html
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from pgadvisor.indexes.quoting import qualified, quote_identifier
from pgadvisor.model.catalog import Catalog, IndexDefinition, IndexKey, Relation, RelationKind
from pgadvisor.workload.index_names import IndexTextError, name_at, near_names, shown
from pgadvisor.workload.lexer import Kind, Lexed, lex
from pgadvisor.workload.schema import SchemaView
from pgadvisor.workload.string_tokens import string_value

MAX_CHARS = 100_000
_METHODS = ("btree", "hash", "gist", "spgist", "gin", "brin")
# What amcaninclude, amcanorder and amcanmulticol say of the methods that every server has.
_INCLUDE = frozenset(("btree", "gist", "spgist"))
_MANY_KEYS = frozenset(("btree", "gist", "gin", "brin"))
_INDEXED = frozenset((RelationKind.TABLE, RelationKind.PARTITIONED, RelationKind.MATERIALIZED_VIEW))
# What may follow a key and is no operator class.
_ORDER = frozenset(("asc", "desc", "nulls"))


@dataclass(frozen=True)
class GivenIndex:
    """An index as a text gives it; name is "" where it has none. if_not_exists: it says so of its name."""

    definition: IndexDefinition
    name: str = ""
    if_not_exists: bool = False


def read_index(text: str, catalog: Catalog, search_path: Sequence[str]) -> GivenIndex:
    """The index that one CREATE INDEX makes. Tables without a schema are looked for along the search path.

    Operator classes that are not spelt are the type's own. Raises IndexTextError.
    """
    if len(text) > MAX_CHARS:
        raise IndexTextError(f"The text of an index is longer than {MAX_CHARS:,} characters.")
    if "\0" in text:
        raise IndexTextError("The text of an index holds a NUL.")
    lexed = lex(text)
    if lexed.unterminated or not lexed.balanced:
        what = f"{lexed.unterminated} is not closed" if lexed.unterminated else "parentheses do not match"
        raise IndexTextError(f"{shown(text)}: {what}.")
    return _Reader(lexed, catalog, SchemaView(catalog, search_path)).index()


class _Reader:
    """Reads one CREATE INDEX, token by token."""

    def __init__(self, lexed: Lexed, catalog: Catalog, schema: SchemaView) -> None:
        self.lexed = lexed
        self.catalog = catalog
        self.schema = schema
        self.end = len(lexed.tokens)
        while lexed.is_mark(self.end - 1, ";"):
            self.end -= 1
        self.at = 0
        self.if_not_exists = False

    def index(self) -> GivenIndex:
        """The whole of it."""
        unique, name = self._head()
        relation = self._table()
        method_at = self.at + 1
        method = self._named("an access method") if self._takes("using") else "btree"
        if method not in _METHODS and (near := near_names(method, _METHODS)):
            raise self._error(f"there is no access method {method}; did you mean {near[0]}?", method_at)
        keys = self._keys(relation, method)
        include_at = self.at
        include = self._include(relation) if self._takes("include") else ()
        distinct = self._distinct()
        options = self._parameters() if self._takes("with") else ()
        tablespace = self._named("a tablespace") if self._takes("tablespace") else None
        predicate = self._condition() if self._takes("where") else None
        if self.at < self.end:
            raise self._error("that does not belong to one CREATE INDEX")
        if include and method in _METHODS and method not in _INCLUDE:
            raise self._error(f"an index by {method} has no INCLUDE", include_at)
        if unique and method in _METHODS and method != "btree":
            raise self._error(f"an index by {method} cannot be unique", method_at)
        return GivenIndex(
            IndexDefinition(
                schema=relation.schema,
                table=relation.name,
                access_method=method,
                keys=keys,
                include=include,
                predicate=predicate,
                unique=unique,
                nulls_not_distinct=unique and distinct,
                options=options,
                tablespace=tablespace,
            ),
            name,
            self.if_not_exists,
        )

    def _head(self) -> tuple[bool, str]:
        """Up to ON: whether it is unique, and its name."""
        if not self._takes("create"):
            raise self._error("a CREATE INDEX is wanted here")
        unique = self._takes("unique")
        if not self._takes("index"):
            raise self._error("INDEX is missing here")
        self._takes("concurrently")
        self.if_not_exists = self._takes("if")
        if self.if_not_exists and not (self._takes("not") and self._takes("exists")):
            raise self._error("IF NOT EXISTS is wanted here")
        name = ""
        if self._word() != "on":
            name = self._named("a name for the index")
            if self._mark("."):
                raise self._error("an index is in its table's schema: its name is given without one")
        if not self._takes("on"):
            raise self._error("ON and a table are missing here")
        return unique, name

    def _table(self) -> Relation:
        only = self._word() == "only" and not self.lexed.is_mark(self.at + 1, "(")
        self.at += only
        place = self.at
        name = self._named("a table")
        schema = None
        if self._mark("."):
            self.at += 1
            schema, name = name, self._named("a table")
        relation = self.schema.relation(schema, name)
        if relation is None:
            tables = [each for each in reversed(self.catalog.relations) if each.kind in _INDEXED]
            near = near_names(name, (each.name for each in tables))
            spelt = {each.name: qualified(each.schema, each.name) for each in tables}
            hint = f"; did you mean {' or '.join(spelt[each] for each in near)}?" if near else ""
            where = "" if schema is not None else " along the search path"
            raise self._error(f"there is no such table{where}{self._folded(name, self.at - 1)}{hint}", place)
        if relation.kind not in _INDEXED:
            raise self._error(f"a {relation.kind.value} has no indexes", place)
        if only and relation.kind is RelationKind.PARTITIONED:
            raise self._error("an index on ONLY the parent serves no query: leave out ONLY", place - 1)
        return relation

    def _keys(self, relation: Relation, method: str) -> tuple[IndexKey, ...]:
        if not self._mark("("):
            raise self._error("the columns in parentheses are missing here")
        start = self.at
        keys: list[IndexKey] = []
        while self._mark("(" if not keys else ","):
            self.at += 1
            keys.append(self._key(relation, method))
        self._close()
        if len(keys) > 1 and method in _METHODS and method not in _MANY_KEYS:
            raise self._error(f"an index by {method} has one column", start)
        return tuple(keys)

    def _key(self, relation: Relation, method: str) -> IndexKey:
        column, expression = self._keyed(relation)
        collation = self._qualified("a collation") if self._takes("collate") else None
        operator_class = ""
        options: tuple[str, ...] = ()
        if self.at < self.end and self._is_name() and self._word() not in _ORDER:
            operator_class = self._qualified("an operator class")
            if self._mark("("):
                options = self._parameters()
        place = self.at
        descending = self._takes("desc")
        if not descending:
            self._takes("asc")
        nulls_first = descending
        if self._takes("nulls"):
            nulls_first = self._takes("first")
            if not nulls_first and not self._takes("last"):
                raise self._error("FIRST or LAST is wanted here")
        if self.at > place and method in _METHODS and method != "btree":
            raise self._error(f"an index by {method} has no order", place)
        return IndexKey(
            column=column,
            expression=expression,
            operator_class=operator_class,
            default_operator_class=not operator_class,
            operator_class_options=options,
            collation=collation,
            default_collation=collation is None,
            descending=descending,
            nulls_first=nulls_first,
        )

    def _keyed(self, relation: Relation) -> tuple[str | None, str | None]:
        """The column, or the expression."""
        start = self.at
        if self._mark("("):
            self._inside()
            first, last = start, self.at - 1
            while self.lexed.is_mark(first, "(") and self._closing(first) == last:
                first, last = first + 1, last - 1
            if first == last and (alone := name_at(self.lexed, first)) is not None:
                # As the server has it: a column in parentheses is a column.
                self._check_column(relation, alone, first)
                return alone, None
            text = self._between(first, last + 1)
            return None, text if self._is_call(first, last + 1) else f"({text})"
        place = self.at
        name = self._named("a column or an expression")
        while self._mark("."):
            self.at += 1
            self._named("a function")
        if self._mark("("):
            self._inside()
            return None, self._between(start, self.at)
        if self.at > place + 1:
            raise self._error("a function without its arguments, or a column with its table, is no key", place)
        self._check_column(relation, name, place)
        return name, None

    def _is_call(self, start: int, end: int) -> bool:
        """Whether tokens are one call of a function, or one more pair of parentheses, which need no others."""
        place = start
        while place < end and self.lexed.tokens[place].kind in (Kind.WORD, Kind.QUOTED):
            place += 1
            if not self.lexed.is_mark(place, "."):
                break
            place += 1
        return self.lexed.is_mark(place, "(") and self._closing(place) == end - 1 and self.lexed.word(start) != "not"

    def _include(self, relation: Relation) -> tuple[str, ...]:
        if not self._mark("("):
            raise self._error("the columns in parentheses are missing here")
        columns: list[str] = []
        while self._mark("(" if not columns else ","):
            self.at += 1
            place = self.at
            columns.append(self._named("a column"))
            self._check_column(relation, columns[-1], place)
        self._close()
        return tuple(columns)

    def _check_column(self, relation: Relation, name: str, place: int) -> None:
        columns = self.schema.columns(relation.oid)
        if name not in columns:
            near = near_names(name, columns)
            hint = f"; did you mean {' or '.join(map(quote_identifier, near))}?" if near else ""
            folded = self._folded(name, place)
            raise self._error(f"{qualified(relation.schema, relation.name)} has no such column{folded}{hint}", place)

    def _folded(self, name: str, place: int) -> str:
        """What became of a name without quotes, where that is not what was written; "" where it is."""
        written = self.lexed.of(self.lexed.tokens[place])
        return f": without quotes it is {name}" if written not in (name, quote_identifier(name)) else ""

    def _distinct(self) -> bool:
        """Whether NULLs are not distinct."""
        if not self._takes("nulls"):
            return False
        is_not = self._takes("not")
        if not self._takes("distinct"):
            raise self._error("DISTINCT is wanted here")
        return is_not

    def _parameters(self) -> tuple[str, ...]:
        """Storage parameters, or options of an operator class, as the catalog has them."""
        if not self._mark("("):
            raise self._error("parameters in parentheses are missing here")
        options: list[str] = []
        while self._mark("(" if not options else ","):
            self.at += 1
            name = self._named("a parameter")
            value = "true"
            if self.at < self.end and self.lexed.of(self.lexed.tokens[self.at]) == "=":
                self.at += 1
                value = self._value()
            options.append(f"{name}={value}")
        self._close()
        return tuple(options)

    def _value(self) -> str:
        sign = ""
        if self.at < self.end and self.lexed.of(self.lexed.tokens[self.at]) == "-":
            self.at += 1
            sign = "-"
        if self.at >= self.end or self.lexed.tokens[self.at].kind not in (Kind.WORD, Kind.NUMBER, Kind.STRING):
            raise self._error("a value is missing here")
        token = self.lexed.tokens[self.at]
        text = self.lexed.of(token)
        value = string_value(text) if token.kind is Kind.STRING else text
        self.at += 1
        return sign + (value.lower() if token.kind is Kind.WORD else value)

    def _condition(self) -> str:
        start = self.at
        if start >= self.end:
            raise self._error("a condition is missing here")
        for place in range(start, self.end):
            if self.lexed.is_mark(place, ";"):
                self.at = place
                raise self._error("one command alone can be read")
            if self.lexed.tokens[place].kind is Kind.PARAMETER:
                raise self._error("a condition of an index has no parameters", place)
        self.at = self.end
        text = self._between(start, self.end)
        whole = self.lexed.is_mark(start, "(") and self._closing(start) == self.end - 1
        return text if whole or self.end - start == 1 or self._is_call(start, self.end) else f"({text})"

    def _inside(self) -> str:
        """What is between the parenthesis here and its other one, after which reading goes on."""
        start, close = self.at, self._closing(self.at)
        if close == start + 1 and start and self.lexed.tokens[start - 1].kind not in (Kind.WORD, Kind.QUOTED):
            raise self._error("an expression is missing here")
        for place in range(start, close):
            if self.lexed.is_mark(place, ";") or self.lexed.tokens[place].kind is Kind.PARAMETER:
                raise self._error("that has no place in an index", place)
        self.at = close + 1
        return self._between(start + 1, close)

    def _closing(self, place: int) -> int:
        depth = self.lexed.depths[place]
        marks, depths = self.lexed.marks, self.lexed.depths
        return next(each for each in range(place + 1, self.end) if depths[each] == depth and marks[each] == ")")

    def _between(self, start: int, end: int) -> str:
        """The text of tokens, without comments, on one line but for its strings."""
        pieces: list[str] = []
        for place in range(start, end):
            token = self.lexed.tokens[place]
            if place > start and token.start > self.lexed.tokens[place - 1].end:
                pieces.append(" ")
            pieces.append(self.lexed.of(token))
        return "".join(pieces)

    def _close(self) -> None:
        if not self._mark(")"):
            raise self._error("a comma or ) is wanted here")
        self.at += 1

    def _qualified(self, what: str) -> str:
        """A name with or without a schema, as SQL spells it."""
        names = [self._named(what)]
        while self._mark("."):
            self.at += 1
            names.append(self._named(what))
        if names[0] == "pg_catalog" and len(names) > 1:
            names = names[1:]
        return ".".join(map(quote_identifier, names))

    def _named(self, what: str) -> str:
        name = name_at(self.lexed, self.at) if self.at < self.end else None
        if name is None:
            raise self._error(f"{what} is missing here")
        self.at += 1
        return name

    def _is_name(self) -> bool:
        return name_at(self.lexed, self.at) is not None

    def _word(self) -> str:
        return self.lexed.word(self.at) if self.at < self.end else ""

    def _mark(self, mark: str) -> bool:
        return self.at < self.end and self.lexed.is_mark(self.at, mark)

    def _takes(self, word: str) -> bool:
        """Goes past a keyword if it is here."""
        found = self._word() == word
        self.at += found
        return found

    def _error(self, what: str, place: int | None = None) -> IndexTextError:
        """What is wrong at a token, this one unless another is named."""
        place = self.at if place is None else place
        text = self.lexed.text
        if place >= self.end:
            return IndexTextError(f"At the end of {shown(text)}: {what}.")
        token = self.lexed.tokens[place]
        end = "" if what.endswith("?") else "."
        at = shown(self.lexed.of(token))
        return IndexTextError(f"At {at}, character {token.start + 1} of {shown(text)}: {what}{end}")
