"""How large the shop is."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Size:
    """A scale of 1 has 1.2 million page views; keys run from 1 up to these counts, as data.sql makes them."""

    scale: float = 1.0

    def _scaled(self, count: int) -> int:
        return max(1, round(count * self.scale))

    @property
    def customers(self) -> int:
        """All customers; those above `buyers` are test accounts without orders."""
        return self._scaled(60_000)

    @property
    def buyers(self) -> int:
        """Customers with orders."""
        return self._scaled(57_000)

    @property
    def products(self) -> int:
        """All products; those above `sold_products` were never sold."""
        return self._scaled(20_000)

    @property
    def sold_products(self) -> int:
        """Products that orders, carts and reviews name."""
        return self._scaled(18_000)

    @property
    def orders(self) -> int:
        """Orders."""
        return self._scaled(260_000)

    @property
    def shipments(self) -> int:
        """Shipments and invoices: orders that have got that far."""
        return self._scaled(250_000)

    @property
    def carts(self) -> int:
        """Carts."""
        return self._scaled(60_000)
