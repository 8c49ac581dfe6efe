"""What the shop does in several statements at once, and how it tidies up."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

from pgadvisor.demo.calls import APP, TODAY, Dice, Query, Task

if TYPE_CHECKING:
    import psycopg

CARTS_PER_SWEEP = 25


def place_order(connection: psycopg.Connection[Any], dice: Dice) -> None:
    """An order with its items; the stock goes down."""
    products = sorted({dice.product for _ in range(1 + dice.below(3))})
    row = connection.execute(
        "INSERT INTO shop.orders (customer_id, total_cents, ordered_at) VALUES (%s, %s, %s) RETURNING id",
        [dice.customer, 1_500 + dice.below(60_000), TODAY],
    ).fetchone()
    order = row[0] if row else None
    for line, product in enumerate(products, start=1):
        connection.execute(
            "INSERT INTO shop.order_items (order_id, line, product_id, quantity, price_cents)"
            " VALUES (%s, %s, %s, %s, %s)",
            [order, line, product, 1 + dice.below(3), 500 + dice.below(9_000)],
        )
        connection.execute(
            "UPDATE shop.stock_levels SET quantity = quantity - 1 WHERE warehouse_id = %s AND product_id = %s",
            [1 + dice.call % 4, product],
        )
        connection.execute(
            "INSERT INTO shop.stock_movements (warehouse_id, product_id, change, moved_at) VALUES (%s, %s, -1, %s)",
            [1 + dice.call % 4, product, TODAY],
        )


def pay_invoice(connection: psycopg.Connection[Any], dice: Dice) -> None:
    """A payment arrives, and its invoice is settled."""
    invoice = dice.shipped
    connection.execute(
        "INSERT INTO billing.payments (invoice_id, method, amount_cents, paid_at) VALUES (%s, %s, %s, %s)",
        [invoice, dice.one_of("card", "transfer"), 1_500 + dice.below(60_000), TODAY],
    )
    connection.execute("UPDATE billing.invoices SET state = 'settled' WHERE id = %s", [invoice])


def fill_cart(connection: psycopg.Connection[Any], dice: Dice) -> None:
    """A new cart with its first item."""
    row = connection.execute(
        "INSERT INTO web.carts (customer_id, updated_at) VALUES (%s, %s) RETURNING id", [dice.customer, TODAY]
    ).fetchone()
    connection.execute(
        "INSERT INTO web.cart_items (cart_id, product_id, quantity) VALUES (%s, %s, 1)",
        [row[0] if row else None, dice.product],
    )


def pack_an_order(connection: psycopg.Connection[Any], dice: Dice) -> None:
    """One of several packers takes an order that no other has taken."""
    row = connection.execute(
        "SELECT id FROM shop.orders WHERE status = %s LIMIT 1 FOR UPDATE SKIP LOCKED", ["paid"]
    ).fetchone()
    if row is not None:
        connection.execute("UPDATE shop.orders SET status = %s WHERE id = %s", ["packed", row[0]])


TASKS = (
    Task("place an order", APP, 500, place_order),
    Task("pay an invoice", APP, 300, pay_invoice),
    Task("fill a cart", APP, 300, fill_cart),
    Task("pack an order", APP, 200, pack_an_order),
    Query(
        "one more of it",
        APP,
        300,
        "INSERT INTO web.cart_items AS item (cart_id, product_id, quantity) VALUES (%s, %s, 1)"
        " ON CONFLICT (cart_id, product_id) DO UPDATE SET quantity = item.quantity + 1",
        lambda dice: [dice.size.carts - dice.popular(dice.size.carts // 2), dice.product],
    ),
    Query(
        "customer leaves",
        APP,
        40,
        "UPDATE shop.customers SET deleted_at = %s WHERE id = %s AND deleted_at IS NULL",
        lambda dice: [TODAY, dice.customer],
    ),
    Query(
        "test account goes",
        APP,
        40,
        "DELETE FROM shop.customers WHERE id = %s",
        lambda dice: [dice.size.customers - dice.call],
    ),
    Query(
        "product that nobody bought goes",
        APP,
        60,
        "DELETE FROM shop.products WHERE id = %s",
        lambda dice: [dice.size.products - dice.call],
    ),
    Query(
        "coupon that nobody used goes",
        APP,
        15,
        "DELETE FROM shop.coupons WHERE id = %s",
        lambda dice: [500 - dice.call],
    ),
    Query(
        "old carts go",
        APP,
        40,
        "DELETE FROM web.carts WHERE updated_at < %s",
        # Carts are spread evenly over the 90 days before today.
        lambda dice: [
            TODAY - timedelta(days=90) + timedelta(days=90) * (dice.call + 1) * CARTS_PER_SWEEP / dice.size.carts
        ],
    ),
)
