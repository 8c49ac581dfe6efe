"""What the shop's programs ask of their database: how often, as which role, with which values."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from pgadvisor.demo.size import Size

if TYPE_CHECKING:
    import psycopg

APP = "shop_app"
REPORT = "shop_report"

# The data end here: the shop's clock, not the computer's, so that every run asks the same.
TODAY = datetime(2026, 6, 30, tzinfo=UTC)

Values = Callable[["Dice"], Sequence[object]]


class Dice:
    """Values for one call: the same for the same call in every run, the popular ones more often than the others."""

    def __init__(self, size: Size, call: int, salt: int) -> None:
        self.size = size
        self.call = call
        self._random = random.Random(call * 1_000 + salt)  # noqa: S311 - a workload is no secret

    def below(self, count: int) -> int:
        """A number from 0 to count - 1."""
        return self._random.randrange(count)

    def popular(self, count: int) -> int:
        """A number from 1 to count; small ones are much more likely, as in the data."""
        return 1 + int(count * self._random.random() ** 3)

    def one_of(self, *choices: str) -> str:
        """One of these."""
        return choices[self.below(len(choices))]

    def days_ago(self, days: int) -> datetime:
        """The start of an hour within the last days."""
        return TODAY - timedelta(hours=self.below(days * 24))

    @property
    def customer(self) -> int:
        """A customer who buys."""
        return self.popular(self.size.buyers)

    @property
    def product(self) -> int:
        """A product that is sold."""
        return self.popular(self.size.sold_products)

    @property
    def order(self) -> int:
        """An order, the newer the likelier."""
        return self.size.orders - self.popular(self.size.orders) + 1

    @property
    def shipped(self) -> int:
        """An order that has been sent out."""
        return self.size.shipments - self.popular(self.size.shipments) + 1


@dataclass(frozen=True)
class Query:
    """A statement of its own. calls is how often it runs in the whole workload."""

    name: str
    role: str
    calls: int
    sql: str
    values: Values

    def run(self, connection: psycopg.Connection[Any], dice: Dice) -> None:
        """One call; what it gives is fetched and left."""
        cursor = connection.execute(self.sql, self.values(dice))
        if cursor.description is not None:
            cursor.fetchall()


@dataclass(frozen=True)
class Task:
    """Several statements in one transaction."""

    name: str
    role: str
    calls: int
    steps: Callable[[psycopg.Connection[Any], Dice], None]

    def run(self, connection: psycopg.Connection[Any], dice: Dice) -> None:
        """One call."""
        with connection.transaction():
            self.steps(connection, dice)
