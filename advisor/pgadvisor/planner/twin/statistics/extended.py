"""Extended statistics: what pg_stats_ext shows of their data as the twin's rows of pg_statistic_ext_data."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import psycopg

from pgadvisor.indexes.quoting import qualified
from pgadvisor.model.objects import ExtendedStatistics
from pgadvisor.planner.twin.building import Building
from pgadvisor.planner.twin.statistics import serialised
from pgadvisor.planner.twin.statistics.losses import Losses
from pgadvisor.planner.twin.statistics.serialised import Combination, Dimension
from pgadvisor.planner.twin.statistics.slots import Subject, of_expression, slots_of
from pgadvisor.planner.twin.statistics.staging import PARSED, Staged, Staging
from pgadvisor.planner.twin.statistics.subjects import Attributes, expression_types, read_attributes
from pgadvisor.planner.twin.statistics.types import FLOAT8, TEXT, TwinTypes
from pgadvisor.planner.twin.statistics.values import UnkeptError, kept_values

# The first versions with statistics of expressions, and with those of children apart.
_EXPRESSIONS, _INHERITED = 14, 15
_OBJECTS = """
SELECT s.stxrelid::int8, n.nspname::text, s.stxname::text, s.oid::int8,
  quote_ident(cn.nspname) || '.' || quote_ident(c.relname), {expressions}
FROM pg_statistic_ext AS s
JOIN pg_namespace AS n ON n.oid = s.stxnamespace
JOIN pg_class AS c ON c.oid = s.stxrelid
JOIN pg_namespace AS cn ON cn.oid = c.relnamespace
"""
# No function of the server makes these types from bytes.
_CASTS = tuple(
    (
        f"CREATE CAST (bytea AS {name}) WITHOUT FUNCTION",
        f"DROP CAST (bytea AS {name})",
    )
    for name in ("pg_ndistinct", "pg_dependencies", "pg_mcv_list")
)
_WITHOUT = "{}, so estimates over these columns take them for independent"
_NO_OBJECT = "the twin has no such statistics, so estimates over these columns take them for independent"


@dataclass(frozen=True)
class _Object:
    """A row of pg_statistic_ext on the twin; table is its name in SQL, expressions are their texts there."""

    oid: int
    table: str
    expressions: Sequence[str]


@dataclass(frozen=True)
class _Data:
    """The bytes for one row of pg_statistic_ext_data."""

    ndistinct: bytes | None = None
    dependencies: bytes | None = None
    common_values: bytes | None = None


def load_extended(building: Building, types: TwinTypes, staging: Staging, losses: Losses) -> None:
    """Puts in the data of all objects that have any. Raises psycopg.OperationalError where the server is gone."""
    wanted = [
        each
        for each in building.facts.snapshot.catalog.extended_statistics
        if has_data(each) and each.relation_oid in building.oids
    ]
    if not wanted:
        return
    building.progress("Loading extended statistics")
    loader = _Loader(building, types, staging, losses, wanted)
    for create, _ in _CASTS:
        building.admin.execute(create.encode())
    try:
        for each in wanted:
            loader.load(each)
    finally:
        for _, drop in _CASTS:
            building.admin.execute(drop.encode())


def has_data(statistics: ExtendedStatistics) -> bool:
    """Whether the snapshot has any data of them: ANALYZE built them, and the role was shown it."""
    data = (statistics.n_distinct, statistics.dependencies, statistics.most_common_values)
    return any(part is not None for part in data) or bool(statistics.expression_statistics)


class _Loader:
    def __init__(
        self,
        building: Building,
        types: TwinTypes,
        staging: Staging,
        losses: Losses,
        wanted: Sequence[ExtendedStatistics],
    ) -> None:
        self._building, self._types, self._staging, self._losses = building, types, staging, losses
        self._admin = building.admin
        self._objects = _objects(building)
        self._attributes = read_attributes(building, {building.oids[each.relation_oid] for each in wanted})
        self._done: set[tuple[int, bool]] = set()

    def load(self, statistics: ExtendedStatistics) -> None:
        """One row; what of it cannot be had is noted."""
        twin_oid = self._building.oids[statistics.relation_oid]
        found = self._objects.get((twin_oid, statistics.schema, statistics.name))
        if found is None:
            self._lose(statistics, _NO_OBJECT)
            return
        inherited = statistics.inherited and self._building.major >= _INHERITED
        if (found.oid, inherited) in self._done:
            return
        self._done.add((found.oid, inherited))
        subjects = self._subjects(statistics, found, self._attributes.get(twin_oid, Attributes()))
        self._insert(found, inherited, self._data(statistics, subjects))
        if statistics.expression_statistics and self._building.major >= _EXPRESSIONS:
            self._expressions(statistics, found, inherited, subjects)

    def _subjects(
        self, statistics: ExtendedStatistics, found: _Object, attributes: Attributes
    ) -> dict[int, tuple[int, Subject | None]]:
        """Numbers and types on the twin by the numbers of the snapshot; expressions count from -1 downwards."""
        columns = {column.name: column.number for column in self._building.facts.columns(statistics.relation_oid)}
        made: dict[int, tuple[int, Subject | None]] = {}
        for name in statistics.columns:
            attribute = attributes.by_name.get(name)
            if attribute is not None and name in columns:
                made[columns[name]] = attribute.number, attribute.subject
        if found.expressions:
            known = expression_types(self._building.builder, found.table, found.expressions)
            self._types.read(known)
            for position, type_oid in enumerate(known, 1):
                made[-position] = -position, Subject(type_oid, self._types[type_oid].collation)
        self._types.read([TEXT, FLOAT8, *(subject.type_oid for _, subject in made.values() if subject is not None)])
        return made

    def _data(self, statistics: ExtendedStatistics, subjects: Mapping[int, tuple[int, Subject | None]]) -> _Data:
        numbers = {number: there for number, (there, _) in subjects.items()}

        def made(text: str | None, make: Callable[[str, Mapping[int, int]], bytes]) -> bytes | None:
            if text is None:
                return None
            try:
                return make(text, numbers)
            except ValueError as error:
                self._lose(statistics, _WITHOUT.format(error))
                return None

        return _Data(
            made(statistics.n_distinct, serialised.ndistinct),
            made(statistics.dependencies, serialised.dependencies),
            self._common_values(statistics, subjects),
        )

    def _common_values(
        self, statistics: ExtendedStatistics, subjects: Mapping[int, tuple[int, Subject | None]]
    ) -> bytes | None:
        if statistics.most_common_values is None:
            return None
        # The values stand in the order of the columns' numbers, those of expressions after them.
        order = sorted(subjects, key=lambda number: (number < 0, abs(number)))
        there = [(subjects[number][0], subject) for number in order if (subject := subjects[number][1]) is not None]
        if len(there) != len(statistics.columns) + len(statistics.expressions):
            self._lose(statistics, _WITHOUT.format("it is of columns that the twin has not"))
            return None
        reason = "the twin cannot read its values"
        try:
            with self._admin.transaction(force_rollback=True):
                return self._combinations(statistics, there)
        except (UnkeptError, ValueError) as error:
            reason = str(error)
        except (psycopg.Error, UnicodeEncodeError):
            if self._admin.closed:
                raise
        self._lose(statistics, _WITHOUT.format(reason))
        return None

    def _combinations(self, statistics: ExtendedStatistics, subjects: Sequence[tuple[int, Subject]]) -> bytes:
        """In a transaction that is rolled back, of the casts that it makes. subjects: with their numbers there."""
        self._staging.set_formats()
        arrays = statistics.most_common_values, statistics.most_common_frequencies
        ((values, frequencies, base_frequencies),) = self._admin.execute(
            b"SELECT %s::text[], %s::float8[], %s::float8[]", [*arrays, statistics.most_common_base_frequencies]
        ).fetchall()
        if not _belong_together(values, len(subjects), frequencies, base_frequencies):
            raise ValueError("its parts do not belong together")
        columns = zip(subjects, zip(*values, strict=True), strict=True)
        dimensions, places = [], []
        for (_, subject), texts in sorted(columns, key=lambda column: (column[0][0] < 0, abs(column[0][0]))):
            distinct = list(dict.fromkeys(text for text in texts if text is not None))
            row = self._types[self._types.base(subject.type_oid)]
            kept = kept_values(self._admin, self._types, subject.type_oid, distinct)
            dimensions.append(Dimension(subject.type_oid, row.length, row.by_value, kept))
            place = {text: position for position, text in enumerate(distinct)}
            places.append([None if text is None else place[text] for text in texts])
        rows = zip(zip(*places, strict=True), frequencies, base_frequencies, strict=True)
        return serialised.common_values(dimensions, [Combination(*row) for row in rows])

    def _insert(self, found: _Object, inherited: bool, data: _Data) -> None:
        has_inherited = self._building.major >= _INHERITED
        key: tuple[object, ...] = (found.oid, inherited) if has_inherited else (found.oid,)
        columns = "stxoid, stxdinherit" if has_inherited else "stxoid"
        same = "stxoid = %s AND stxdinherit = %s" if has_inherited else "stxoid = %s"
        # Before 15 an object has an empty row from the beginning, without which it cannot be planned with.
        with self._admin.transaction():
            self._admin.execute(f"DELETE FROM pg_statistic_ext_data WHERE {same}".encode(), key)  # noqa: S608
            self._admin.execute(
                f"INSERT INTO pg_statistic_ext_data ({columns}, stxdndistinct, stxddependencies, stxdmcv) VALUES "  # noqa: S608
                f"({', '.join(['%s'] * len(key))}, %s::bytea::pg_ndistinct, %s::bytea::pg_dependencies, "
                "%s::bytea::pg_mcv_list)".encode(),
                [*key, data.ndistinct, data.dependencies, data.common_values],
            )

    def _expressions(
        self,
        statistics: ExtendedStatistics,
        found: _Object,
        inherited: bool,
        subjects: Mapping[int, tuple[int, Subject | None]],
    ) -> None:
        rows = []
        try:
            for position, shown in enumerate(statistics.expression_statistics, 1):
                subject = subjects[-position][1]
                row = of_expression(shown)
                slots = slots_of(row, subject or Subject(TEXT, 0), self._types)
                rows.append(
                    Staged(0, 0, False, row.null_fraction, row.average_width_bytes, row.n_distinct, slots.slots)
                )
                if slots.lost:
                    self._lose(statistics, f"{slots.lost}, so estimates of its expressions go by what is left")
        except (KeyError, ValueError):
            self._lose(
                statistics, "the twin has not all of its expressions, so the planner's defaults stand in for them"
            )
            return
        where = (
            "stxoid = %s AND stxdinherit = %s"
            if self._building.major >= _INHERITED
            else "stxoid = %s AND %s IS NOT NULL"
        )
        update = f"""
            UPDATE pg_statistic_ext_data SET stxdexpr = (
              SELECT array_agg(ROW({PARSED})::pg_statistic ORDER BY s.number) FROM pg_temp.pgadvisor_statistics AS s
            ) WHERE {where}
        """  # noqa: S608 - of our own names alone
        with self._admin.transaction():
            lost = self._staging.stage(rows) | self._staging.clear_unreadable()
            self._admin.execute(update.encode(), [found.oid, inherited])
        if lost:
            self._lose(
                statistics, "the twin cannot read all values of its expressions, so estimates go by what is left"
            )

    def _lose(self, statistics: ExtendedStatistics, reason: str) -> None:
        name = qualified(statistics.schema, statistics.name)
        self._losses.add("extended statistics", reason, statistics.relation_oid, named=name)


def _belong_together(values: Any, width: int, *shares: Any) -> bool:  # noqa: ANN401 - of any shape
    """Whether arrays of the snapshot are combinations of so many values, and shares of rows, one of each kind a row."""
    if not values or not all(isinstance(row, list) and len(row) == width for row in values):
        return False
    if not all(value is None or isinstance(value, str) for row in values for value in row):
        return False
    return all(
        each is not None
        and len(each) == len(values)
        and all(isinstance(share, float) and 0 <= share <= 1 for share in each)
        for each in shares
    )


def _objects(building: Building) -> dict[tuple[int, str, str], _Object]:
    """The twin's, by relation, schema and name."""
    has_expressions = building.major >= _EXPRESSIONS
    expressions = "pg_get_statisticsobjdef_expressions(s.oid)" if has_expressions else "NULL::text[]"
    rows = building.admin.execute(_OBJECTS.format(expressions=expressions).encode())
    return {
        (relation, schema, name): _Object(oid, table, texts or ())
        for relation, schema, name, oid, table, texts in rows.fetchall()
    }
