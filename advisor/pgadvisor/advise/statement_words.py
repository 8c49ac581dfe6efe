"""How sentences call a statement, and how much more it would cost."""

from __future__ import annotations

from pgadvisor.model.index_advice import FOREIGN_KEY_CHECK

_HARDLY, _MANY = 1.01, 1_000


def called(query_id: str) -> str:
    """A statement, or a check that the server makes by itself.

    >>> called("42"), called("foreign key shop.orders.by_customer")
    ('the statement 42', 'a check of the foreign key shop.orders.by_customer')
    """
    if query_id.startswith(FOREIGN_KEY_CHECK):
        return f"a check of the {query_id}"
    return f"the statement {query_id}"


def as_much(times: float) -> str:
    """A cost beside another.

    >>> as_much(1.004), as_much(5.52), as_much(12_345)
    ('a little more', '5.52 times as much', '12,345 times as much')
    """
    if times < _HARDLY:
        return "a little more"
    return f"{times:,.0f} times as much" if times >= _MANY else f"{times:.3g} times as much"
