"""The statements of dashboards and of the accounting department."""

from __future__ import annotations

from datetime import timedelta

from pgadvisor.demo.calls import REPORT, TODAY, Query

QUERIES = (
    Query(
        "invoices still open, the oldest first",
        REPORT,
        120,
        "SELECT id, order_id, amount_cents, due_on FROM billing.invoices WHERE branch = %s AND state = %s"
        " ORDER BY due_on LIMIT 20",
        lambda dice: [f"branch {1 + dice.below(24)}", dice.one_of("open", "overdue")],
    ),
    Query(
        "turnover by month",
        REPORT,
        6,
        "SELECT date_trunc('month', ordered_at) AS month, count(*), sum(total_cents) FROM shop.orders"
        " WHERE status <> %s GROUP BY 1 ORDER BY 1",
        lambda _: ["cancelled"],
    ),
    Query(
        "what the orders of a state come to",
        REPORT,
        240,
        "SELECT count(*), sum(total_cents), avg(total_cents) FROM shop.orders WHERE status = %s",
        lambda dice: [dice.one_of("done", "done", "pending")],
    ),
    Query(
        "orders by hour of a day",
        REPORT,
        80,
        "SELECT date_trunc('hour', ordered_at) AS hour, count(*), sum(total_cents) FROM shop.orders"
        " WHERE ordered_at >= %s AND ordered_at < %s GROUP BY 1 ORDER BY 1",
        lambda dice: [(day := dice.days_ago(30)), day + timedelta(days=1)],
    ),
    Query(
        "page views by hour of a day",
        REPORT,
        40,
        "SELECT date_trunc('hour', viewed_at) AS hour, count(*), avg(duration_ms) FROM web.page_views"
        " WHERE viewed_at >= %s AND viewed_at < %s GROUP BY 1 ORDER BY 1",
        lambda dice: [(day := dice.days_ago(30)), day + timedelta(days=1)],
    ),
    Query(
        "products viewed most within some hours",
        REPORT,
        60,
        "SELECT v.product_id, p.name, count(*) AS views FROM web.page_views AS v"
        " JOIN shop.products AS p ON p.id = v.product_id WHERE v.viewed_at >= %s AND v.viewed_at < %s"
        " GROUP BY 1, 2 ORDER BY 3 DESC LIMIT 10",
        lambda dice: [(hour := dice.days_ago(30)), hour + timedelta(hours=6)],
    ),
    Query(
        "best sellers of each shelf on a day",
        REPORT,
        40,
        "WITH sold AS ("
        " SELECT p.category_id, p.name, sum(i.quantity) AS pieces FROM shop.orders AS o"
        " JOIN shop.order_items AS i ON i.order_id = o.id JOIN shop.products AS p ON p.id = i.product_id"
        " WHERE o.ordered_at >= %s AND o.ordered_at < %s GROUP BY 1, 2"
        "), ranked AS ("
        " SELECT *, rank() OVER (PARTITION BY category_id ORDER BY pieces DESC) AS place FROM sold"
        ") SELECT c.name, r.name, r.pieces FROM ranked AS r JOIN shop.categories AS c ON c.id = r.category_id"
        " WHERE r.place <= 3 ORDER BY c.name, r.place",
        lambda dice: [(day := dice.days_ago(60)), day + timedelta(days=1)],
    ),
    Query(
        "payments of a week by method",
        REPORT,
        40,
        "SELECT method, count(*), sum(amount_cents) FROM billing.payments WHERE paid_at >= %s AND paid_at < %s"
        " GROUP BY method",
        lambda dice: [(day := dice.days_ago(300)), day + timedelta(days=7)],
    ),
    Query(
        "newest customers of a country",
        REPORT,
        200,
        "SELECT id, full_name, created_at FROM shop.customers WHERE country_code = %s AND deleted_at IS NULL"
        " ORDER BY created_at DESC LIMIT 50",
        lambda dice: [dice.one_of("DE", "DE", "FR", "IT", "LU", "CH")],
    ),
    Query(
        "new readers of the newsletter",
        REPORT,
        60,
        "SELECT count(*) FROM shop.customers WHERE newsletter AND created_at >= %s AND created_at < %s",
        lambda dice: [(day := dice.days_ago(90)), day + timedelta(days=7)],
    ),
    Query(
        "carts touched since",
        REPORT,
        100,
        "SELECT count(*) FROM web.carts WHERE updated_at >= %s",
        lambda dice: [dice.days_ago(1)],
    ),
    Query(
        "parcels on the way the longest",
        REPORT,
        150,
        "SELECT id, order_id, carrier, shipped_at FROM shop.shipments WHERE NOT delivered ORDER BY shipped_at LIMIT 50",
        lambda _: [],
    ),
    Query(
        "stock movements of a product",
        REPORT,
        400,
        "SELECT change, moved_at FROM shop.stock_movements WHERE warehouse_id = %s AND product_id = %s"
        " AND moved_at >= %s ORDER BY moved_at",
        lambda dice: [1 + dice.below(4), dice.product, TODAY - timedelta(days=60)],
    ),
    Query(
        "what a product has cost",
        REPORT,
        400,
        "SELECT changed_at, price_cents FROM shop.price_changes WHERE product_id = %s"
        " ORDER BY changed_at DESC LIMIT 10",
        lambda dice: [dice.product],
    ),
    Query(
        "orders with a coupon",
        REPORT,
        120,
        "SELECT id, customer_id, total_cents FROM shop.orders WHERE coupon_id = %s",
        lambda dice: [1 + dice.below(480)],
    ),
    Query(
        "returns of an order",
        REPORT,
        200,
        "SELECT r.line, r.reason, i.product_id FROM shop.returned_items AS r"
        " JOIN shop.order_items AS i ON i.order_id = r.order_id AND i.line = r.line WHERE r.order_id = %s",
        lambda dice: [dice.order],
    ),
)
