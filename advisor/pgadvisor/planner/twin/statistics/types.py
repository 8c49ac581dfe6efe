"""Types of the twin as ANALYZE sees them: which operators it uses, and which values a superuser may parse.

Which operators: lookup_type_cache and GetDefaultOpClass of PostgreSQL (src/backend/utils/cache/typcache.c,
src/backend/commands/indexcmds.c).
"""

from __future__ import annotations

import enum
from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import psycopg


class _Any(enum.IntEnum):
    """Types that stand for many, by their object ids (src/include/catalog/pg_type.dat)."""

    ARRAY = 2277
    ENUM = 3500
    RANGE = 3831
    MULTIRANGE = 4537
    RECORD = 2249
    RECORD_ARRAY = 2287


# Object ids of types, the same in every version.
TEXT, FLOAT8, TSVECTOR, MONEY = 25, 701, 3614, 790

# All that parsing a value of a type runs. Functions in C and internal ones are made by superusers alone, so they are
# the server's or an extension's, never the snapshot's own. Before 14 there are no multiranges.
_TYPES = """
WITH RECURSIVE reached (oid) AS (
  SELECT given.oid FROM unnest(%s::oid[]) AS given (oid)
  UNION
  SELECT part.oid
  FROM reached AS r
  JOIN pg_type AS t ON t.oid = r.oid
  CROSS JOIN LATERAL (
    SELECT t.typbasetype UNION ALL SELECT t.typelem
    UNION ALL SELECT g.rngsubtype FROM pg_range AS g WHERE g.rngtypid = t.oid
    UNION ALL SELECT {range_of}
    UNION ALL
    SELECT a.atttypid FROM pg_attribute AS a
    WHERE a.attrelid = t.typrelid AND t.typrelid <> 0 AND a.attnum > 0 AND NOT a.attisdropped
  ) AS part (oid)
  WHERE part.oid <> 0
)
SELECT
  t.oid::int8 AS oid, t.typtype::text AS typtype, t.typlen::int4 AS length, t.typbyval AS by_value,
  t.typelem::int8 AS element, t.typbasetype::int8 AS base, t.typrelid::int8 AS relation,
  t.typlen = -1 AND t.typelem <> 0 AS is_array,
  COALESCE(g.rngsubtype, 0)::int8 AS subtype, ({range_of})::int8 AS range_of,
  t.typcollation::int8 AS collation, t.typanalyze::oid >= 16384 AS has_own_analyze,
  COALESCE((
    SELECT bool_and(l.lanname IN ('internal', 'c')) FROM pg_proc AS p JOIN pg_language AS l ON l.oid = p.prolang
    WHERE p.oid IN (t.typinput, g.rngcanonical, oc.function)
  ), false) AS is_systems,
  EXISTS (SELECT FROM pg_constraint AS c WHERE c.contypid = t.oid AND c.contype = 'c') AS has_checks,
  ARRAY(
    SELECT a.atttypid::int8 FROM pg_attribute AS a
    WHERE a.attrelid = t.typrelid AND t.typrelid <> 0 AND a.attnum > 0 AND NOT a.attisdropped ORDER BY a.attnum
  ) AS attributes
FROM pg_type AS t
LEFT JOIN pg_range AS g ON g.rngtypid = t.oid
LEFT JOIN (
  SELECT o.oid, p.amproc AS function FROM pg_opclass AS o JOIN pg_amproc AS p
    ON p.amprocfamily = o.opcfamily AND p.amproclefttype = o.opcintype AND p.amprocrighttype = o.opcintype
    AND p.amprocnum = 1
) AS oc ON oc.oid = g.rngsubopc
WHERE t.oid IN (SELECT r.oid FROM reached AS r)
"""
_RANGE_OF = "COALESCE((SELECT m.rngtypid FROM pg_range AS m WHERE m.rngmultitypid = t.oid), 0::oid)"

_CLASSES = """
SELECT am.amname::text, o.opcintype::int8, t.typispreferred, p.amopstrategy::int4, p.amopopr::int8
FROM pg_opclass AS o
JOIN pg_am AS am ON am.oid = o.opcmethod AND am.amname IN ('btree', 'hash')
JOIN pg_type AS t ON t.oid = o.opcintype
JOIN pg_amop AS p ON p.amopfamily = o.opcfamily AND p.amoplefttype = o.opcintype AND p.amoprighttype = o.opcintype
WHERE o.opcdefault AND p.amopstrategy IN (1, 3)
"""
_BTREE_LESS, _BTREE_EQUAL, _HASH_EQUAL = 1, 3, 1
_CASTS = "SELECT castsource::int8, casttarget::int8 FROM pg_cast WHERE castmethod = 'b' AND castcontext = 'i'"

_FOREIGN_CODE = "parsing the values would run code of the snapshot's, such as the CHECK of a domain"
_TOO_DEEP = "values of its type go too deep"
_MISREAD = "amounts of money are written by the server's lc_monetary, which the twin has not"


@dataclass(frozen=True)
class TypeRow:
    """What pg_type and pg_range say of a type of the twin; 0 where there is none. range_of is a multirange's range.

    is_systems: its own input function is none of the snapshot's. has_own_analyze: statistics of its values are made by
    an extension, which may keep what pg_stats does not show.
    """

    oid: int
    typtype: str
    length: int
    by_value: bool
    element: int
    base: int
    relation: int
    is_array: bool
    subtype: int
    range_of: int
    collation: int
    has_own_analyze: bool
    is_systems: bool
    has_checks: bool
    attributes: Sequence[int]

    @property
    def parts(self) -> tuple[int, ...]:
        """The types that its values are made of."""
        made_of = (self.base, self.element if self.is_array else 0, self.subtype, self.range_of, *self.attributes)
        return tuple(oid for oid in made_of if oid)


class TwinTypes:
    """Types of the twin, read when they are first asked for. Raises psycopg.Error where the server is gone."""

    def __init__(self, admin: psycopg.Connection[Any], misread: Collection[int] = ()) -> None:
        """misread: types whose values the twin would read otherwise than they were written."""
        self._admin = admin
        self._misread = misread
        self._rows: dict[int, TypeRow] = {}
        self._classes: dict[str, dict[int, dict[int, int]]] = {"btree": {}, "hash": {}}
        self._preferred: set[int] = set()
        self._casts: dict[int, set[int]] = defaultdict(set)
        self._operators: dict[tuple[int, int], int] = {}
        self._refusals: dict[int, str] = {}

    def read(self, oids: Iterable[int]) -> None:
        """Reads types, and all that their values are made of."""
        if not self._casts:
            self._read_operators()
        wanted = {oid for oid in oids if oid and oid not in self._rows}
        if wanted:
            query = _TYPES.format(range_of=_RANGE_OF if self._admin.info.server_version >= 140000 else "0::oid")
            rows = (TypeRow(*row) for row in self._admin.execute(query.encode(), [list(wanted)]))
            self._rows |= {row.oid: row for row in rows}

    def __getitem__(self, oid: int) -> TypeRow:
        """A type that was read."""
        return self._rows[oid]

    def base(self, oid: int) -> int:
        """A domain's type below all domains, any other type itself."""
        while self._rows[oid].base:
            oid = self._rows[oid].base
        return oid

    def element(self, oid: int) -> int:
        """The type of an array's elements, which may be a domain; 0 for what is no array."""
        row = self._rows[self.base(oid)]
        return row.element if row.is_array else 0

    def range(self, oid: int) -> int:
        """The range type of a range or multirange; 0 for others."""
        row = self._rows[self.base(oid)]
        return row.range_of or (row.oid if row.subtype else 0)

    def refusal(self, oid: int) -> str:
        """Why values of a type are not to be parsed, in one sentence; "" where they may be.

        Parsing must run no code but the server's and extensions', which the CHECK of a domain is not.
        """
        try:
            return self._refusal(oid)
        except RecursionError:
            return _TOO_DEEP

    def equal(self, oid: int) -> int:
        """The operator = of a type, by which ANALYZE counts; 0 where it has none."""
        return self._outermost(oid, _BTREE_EQUAL)

    def less(self, oid: int) -> int:
        """The operator < of a type, by which ANALYZE sorts; 0 where it has none."""
        return self._outermost(oid, _BTREE_LESS)

    def _outermost(self, oid: int, strategy: int) -> int:
        """Of a type whose parts go too deep, none: its values cannot be parsed either."""
        try:
            return self._operator(oid, strategy)
        except RecursionError:
            return 0

    def _refusal(self, oid: int) -> str:
        known = self._refusals.get(oid)
        if known is None:
            row = self._rows[oid]
            if oid in self._misread:
                known = _MISREAD
            elif not row.is_systems or row.has_checks:
                known = _FOREIGN_CODE
            else:
                known = next((why for part in row.parts if (why := self._refusal(part))), "")
            self._refusals[oid] = known
        return known

    def _operator(self, oid: int, strategy: int) -> int:
        known = self._operators.get((oid, strategy))
        if known is None:
            known = self._operators[oid, strategy] = self._found(oid, strategy)
        return known

    def _found(self, oid: int, strategy: int) -> int:
        taken = self._default_class(oid, "btree")
        if not taken and strategy == _BTREE_EQUAL:
            return self._classes["hash"].get(self._default_class(oid, "hash"), {}).get(_HASH_EQUAL, 0)
        if taken in (_Any.ARRAY, _Any.RECORD, _Any.RECORD_ARRAY):
            row = self._rows[self.base(oid)]
            inner = (row.element,) if row.is_array else row.attributes
            if not all(self._operator(part, strategy) for part in inner):
                return 0
        return self._classes["btree"].get(taken, {}).get(strategy, 0)

    def _default_class(self, oid: int, method: str) -> int:
        """The input type of the default operator class: the type itself, or what it may be taken for; 0: none."""
        base = self.base(oid)
        classes = self._classes[method]
        if base in classes:
            return base
        fitting = [taken for taken in classes if self._coercible(base, taken)]
        preferred = [taken for taken in fitting if taken in self._preferred]
        for candidates in (preferred, fitting):
            if candidates:
                return candidates[0] if len(candidates) == 1 else 0
        return 0

    def _coercible(self, oid: int, to: int) -> bool:
        row = self._rows[oid]
        match to:
            case _Any.ARRAY:
                return row.is_array
            case _Any.ENUM:
                return row.typtype == "e"
            case _Any.RANGE:
                return row.typtype == "r"
            case _Any.MULTIRANGE:
                return row.typtype == "m"
            case _Any.RECORD:
                return row.typtype == "c"
            case _Any.RECORD_ARRAY:
                return row.is_array and self._rows[row.element].typtype == "c"
            case _:
                return to in self._casts[oid]

    def _read_operators(self) -> None:
        for source, target in self._admin.execute(_CASTS.encode()):
            self._casts[source].add(target)
        for method, taken, is_preferred, strategy, operator in self._admin.execute(_CLASSES.encode()):
            self._classes[method].setdefault(taken, {})[strategy] = operator
            if is_preferred:
                self._preferred.add(taken)
