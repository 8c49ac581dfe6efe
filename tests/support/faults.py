"""Faults while a database is read, at whichever question of the run is wanted; the run itself says which there are."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from psycopg import sql

from pgadvisor.postgres.sqlfiles import Queries
from support.databases import Database

# One of each kind, so that every question has something to ask about.
ONE_OF_EACH = """
    CREATE TYPE mood AS ENUM ('sad', 'happy');
    CREATE TYPE pair AS (one int, two text);
    CREATE DOMAIN amount AS int CHECK (VALUE > 0);
    CREATE COLLATION plain (locale = 'C');
    CREATE FUNCTION twice(int) RETURNS int LANGUAGE sql IMMUTABLE AS 'SELECT $1 * 2';
    CREATE FUNCTION touch() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END';
    CREATE TABLE orders (
        id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY, state text COLLATE plain DEFAULT 'new', mood mood,
        two pair, amount amount, customer int CHECK (customer > 0)
    );
    CREATE INDEX orders_twice ON orders (twice(customer)) WHERE customer > 5;
    CREATE INDEX orders_customer ON orders (customer);
    CREATE INDEX orders_customer_too ON orders (customer);
    CREATE STATISTICS related (dependencies) ON state, customer FROM orders;
    CREATE STATISTICS computed ON (customer % 7), state FROM orders;
    CREATE TRIGGER touched BEFORE UPDATE ON orders FOR EACH ROW WHEN (NEW.customer > 1) EXECUTE FUNCTION touch();
    CREATE POLICY mine ON orders USING (customer > 0);
    CREATE VIEW open_orders AS SELECT * FROM orders WHERE state = 'new';
    CREATE TABLE parts (day date, customer int) PARTITION BY RANGE (day);
    CREATE TABLE parts_2024 PARTITION OF parts FOR VALUES FROM ('2024-01-01') TO ('2025-01-01');
    CREATE SEQUENCE numbers;
    CREATE PUBLICATION everything FOR TABLE orders;
    INSERT INTO orders (mood, two, amount, customer)
    SELECT 'sad'::mood, (1, 'x')::pair, 1, i % 100 + 1 FROM generate_series(1, 2000) i;
    ANALYZE orders, parts;
"""


def fill(database: Database) -> None:
    """One of each kind of object, and a workload whose plans can be seen and executed."""
    database.execute(ONE_OF_EACH)
    for number in range(12):
        database.execute("SELECT count(*) FROM orders WHERE customer = %s", [number])
        database.execute("SELECT * FROM open_orders WHERE id = %s", [number])
    database.settle()


def noted_questions(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """A list to which each question is added as it is asked for the first time."""
    asked: list[str] = []

    def note(name: str) -> None:
        if name not in asked:
            asked.append(name)

    _meddle(monkeypatch, note)
    return asked


def at_question(monkeypatch: pytest.MonkeyPatch, name: str, fault: Callable[[], None]) -> None:
    """Has the fault happen just before a question is asked for the first time."""
    pending = [fault]
    _meddle(monkeypatch, lambda asked: pending.pop()() if pending and asked == name else None)


def instead_of(monkeypatch: pytest.MonkeyPatch, name: str, question: Callable[[], sql.Composed]) -> None:
    """Asks another question whenever one is asked."""
    original = Queries.__getitem__

    def ask(queries: Queries, asked: str) -> sql.Composed:
        return question() if asked == name else original(queries, asked)

    monkeypatch.setattr(Queries, "__getitem__", ask)


def _meddle(monkeypatch: pytest.MonkeyPatch, happen: Callable[[str], None]) -> None:
    original = Queries.__getitem__

    def ask(queries: Queries, name: str) -> sql.Composed:
        # What has an underscore in front is a part of other questions.
        if not name.startswith("_"):
            happen(name)
        return original(queries, name)

    monkeypatch.setattr(Queries, "__getitem__", ask)
