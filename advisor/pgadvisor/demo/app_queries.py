"""The single statements of the shop's application."""

from __future__ import annotations

import json

from pgadvisor.demo.calls import APP, TODAY, Query

CUSTOMERS = (
    Query(
        "customer",
        APP,
        2500,
        "SELECT id, email, full_name, country_code, preferences FROM shop.customers"
        " WHERE id = %s AND deleted_at IS NULL",
        lambda dice: [dice.customer],
    ),
    Query(
        "sign in with the address as registered",
        APP,
        1200,
        "SELECT id, full_name FROM shop.customers WHERE email = %s AND deleted_at IS NULL",
        lambda dice: [f"customer.{(number := dice.customer)}@mail{number % 9}.example"],
    ),
    Query(
        "sign in with the address as typed",
        APP,
        120,
        "SELECT id, full_name FROM shop.customers WHERE lower(email) = lower(%s) AND deleted_at IS NULL",
        lambda dice: [f"CUSTOMER.{(number := dice.customer)}@mail{number % 9}.example"],
    ),
    Query(
        "sign in by phone",
        APP,
        800,
        "SELECT id, full_name FROM shop.customers WHERE phone = %s AND deleted_at IS NULL",
        lambda dice: [f"+49{1_500_000_000 + dice.customer}"],
    ),
    Query(
        "addresses",
        APP,
        1200,
        "SELECT position, street, city, postcode FROM shop.addresses WHERE customer_id = %s ORDER BY position",
        lambda dice: [dice.customer],
    ),
    Query(
        "countries to choose from",
        APP,
        400,
        "SELECT code, name FROM shop.countries WHERE vat_percent > %s ORDER BY name",
        lambda dice: [dice.below(12)],
    ),
)

ORDERS = (
    Query(
        "newest orders of a customer",
        APP,
        1500,
        "SELECT id, status, total_cents, ordered_at FROM shop.orders WHERE customer_id = %s"
        " ORDER BY ordered_at DESC LIMIT 20",
        lambda dice: [dice.customer],
    ),
    Query(
        "how many orders a customer has",
        APP,
        800,
        "SELECT count(*) FROM shop.orders WHERE customer_id = %s",
        lambda dice: [dice.customer],
    ),
    Query(
        "order",
        APP,
        2000,
        "SELECT id, customer_id, status, total_cents, ordered_at FROM shop.orders WHERE id = %s",
        lambda dice: [dice.order],
    ),
    Query(
        "items of an order",
        APP,
        2000,
        "SELECT i.line, p.name, i.quantity, i.price_cents FROM shop.order_items AS i"
        " JOIN shop.products AS p ON p.id = i.product_id WHERE i.order_id = %s ORDER BY i.line",
        lambda dice: [dice.order],
    ),
    Query(
        "orders to pack, the largest first",
        APP,
        100,
        "SELECT id, customer_id, total_cents FROM shop.orders WHERE status = %s ORDER BY total_cents DESC LIMIT 50",
        lambda dice: [dice.one_of("pending", "pending", "paid", "packed")],
    ),
    Query(
        "order goes on",
        APP,
        500,
        "UPDATE shop.orders SET status = %s WHERE id = %s",
        lambda dice: [dice.one_of("paid", "packed", "shipped", "done"), dice.order],
    ),
    Query(
        "shipments of an order",
        APP,
        1200,
        "SELECT id, carrier, tracking_number, delivered, shipped_at FROM shop.shipments WHERE order_id = %s",
        lambda dice: [dice.shipped],
    ),
    Query(
        "where a parcel is",
        APP,
        160,
        "SELECT order_id, carrier, delivered, shipped_at FROM shop.shipments WHERE tracking_number = %s",
        lambda dice: [f"TRK{dice.below(10**10):010}{dice.shipped}"],
    ),
    Query(
        "newest shipments by a carrier",
        APP,
        80,
        "SELECT order_id, tracking_number, shipped_at FROM shop.shipments WHERE carrier = %s"
        " ORDER BY shipped_at DESC LIMIT 20",
        lambda dice: [dice.one_of("parcel", "express", "freight")],
    ),
    Query(
        "parcel arrived",
        APP,
        300,
        "UPDATE shop.shipments SET delivered = true WHERE id = %s",
        lambda dice: [dice.shipped],
    ),
    Query(
        "invoice of an order",
        APP,
        800,
        "SELECT id, state, amount_cents, due_on FROM billing.invoices WHERE order_id = %s",
        lambda dice: [dice.shipped],
    ),
    Query(
        "payments of an invoice",
        APP,
        800,
        "SELECT method, amount_cents, paid_at FROM billing.payments WHERE invoice_id = %s ORDER BY paid_at",
        lambda dice: [dice.shipped],
    ),
    Query(
        "what a coupon saved",
        APP,
        500,
        "SELECT coupon_code, saved_cents FROM shop.coupon_redemptions WHERE order_id = %s",
        lambda dice: [dice.order],
    ),
    Query(
        "coupon as typed",
        APP,
        400,
        "SELECT id, percent FROM shop.coupons WHERE lower(code) = lower(%s) AND valid_until >= %s",
        lambda dice: [f"save{1 + dice.below(480)}", TODAY],
    ),
)

PRODUCTS = (
    Query(
        "product",
        APP,
        2500,
        "SELECT id, sku, name, price_cents, attributes FROM shop.products WHERE id = %s",
        lambda dice: [dice.product],
    ),
    Query(
        "product by its number",
        APP,
        1000,
        "SELECT id, name, price_cents FROM shop.products WHERE sku = %s",
        lambda dice: [f"SKU-{dice.product:06}"],
    ),
    Query(
        "product by its number as typed",
        APP,
        500,
        "SELECT id, name, price_cents FROM shop.products WHERE lower(sku) = lower(%s)",
        lambda dice: [f"sku-{dice.product:06}"],
    ),
    Query(
        "shelf, the cheapest first",
        APP,
        1000,
        "SELECT id, name, price_cents FROM shop.products WHERE category_id = %s AND price_cents >= %s"
        " ORDER BY price_cents LIMIT 24",
        lambda dice: [dice.popular(60), 500 * dice.below(20)],
    ),
    Query(
        "names that begin so",
        APP,
        400,
        "SELECT id, name FROM shop.products WHERE name LIKE %s LIMIT 10",
        lambda dice: [
            f"{dice.one_of('Walnut', 'Oak', 'Wool')} {dice.one_of('lamp', 'chair', 'vase')} {dice.below(9)}%"
        ],
    ),
    Query(
        "products by name, page after page",
        APP,
        300,
        "SELECT id, name FROM shop.products WHERE name > %s ORDER BY name LIMIT 24",
        lambda dice: [f"{dice.one_of('Bamboo', 'Glass', 'Linen', 'Steel')} {dice.one_of('a', 'm', 't')}"],
    ),
    Query(
        "products that look so",
        APP,
        250,
        "SELECT id, name, price_cents FROM shop.products WHERE attributes @> %s::jsonb",
        lambda dice: [
            json.dumps({"colour": dice.one_of("mint", "plum", "rose"), "label": f"design {dice.below(400)}"}),
        ],
    ),
    Query(
        "shelves below a shelf",
        APP,
        500,
        "SELECT id, name FROM shop.categories WHERE parent_id = %s ORDER BY name",
        lambda dice: [1 + dice.below(8)],
    ),
    Query(
        "in stock",
        APP,
        1000,
        "SELECT w.name, s.quantity FROM shop.stock_levels AS s JOIN shop.warehouses AS w ON w.id = s.warehouse_id"
        " WHERE s.product_id = %s",
        lambda dice: [dice.product],
    ),
    Query(
        "when a warehouse is open",
        APP,
        300,
        "SELECT opens, closes FROM shop.opening_hours WHERE warehouse_id = %s AND weekday = %s",
        lambda dice: [1 + dice.below(4), 1 + dice.below(6)],
    ),
    Query(
        "newest reviews of a product",
        APP,
        1200,
        "SELECT rating, body, created_at FROM shop.reviews WHERE product_id = %s ORDER BY created_at DESC LIMIT 10",
        lambda dice: [dice.product],
    ),
    Query(
        "reviews by a customer",
        APP,
        300,
        "SELECT product_id, rating, created_at FROM shop.reviews WHERE customer_id = %s",
        lambda dice: [dice.customer],
    ),
    Query(
        "best reviews, the newest first",
        APP,
        200,
        "SELECT id, product_id, rating, created_at FROM shop.reviews ORDER BY rating DESC, created_at DESC LIMIT 20",
        lambda _: [],
    ),
    Query(
        "worst reviews, the newest first",
        APP,
        200,
        "SELECT id, product_id, rating, created_at FROM shop.reviews ORDER BY rating, created_at DESC LIMIT 20",
        lambda _: [],
    ),
)

VISITS = (
    Query(
        "page is viewed",
        APP,
        1500,
        "INSERT INTO web.page_views (viewed_at, customer_id, product_id, duration_ms, path)"
        " VALUES (%s, %s, %s, %s, %s)",
        lambda dice: [TODAY, dice.customer, (number := dice.product), 40 + dice.below(900), f"/products/{number}"],
    ),
    Query(
        "viewed lately",
        APP,
        800,
        "SELECT product_id, viewed_at FROM web.page_views WHERE customer_id = %s ORDER BY viewed_at DESC LIMIT 12",
        lambda dice: [dice.customer],
    ),
    Query(
        "cart of a customer",
        APP,
        1200,
        "SELECT id, updated_at FROM web.carts WHERE customer_id = %s ORDER BY updated_at DESC LIMIT 1",
        lambda dice: [dice.customer],
    ),
    Query(
        "items of a cart",
        APP,
        1000,
        "SELECT c.product_id, c.quantity, p.name, p.price_cents FROM web.cart_items AS c"
        " JOIN shop.products AS p ON p.id = c.product_id WHERE c.cart_id = %s",
        lambda dice: [dice.size.carts - dice.popular(dice.size.carts // 2)],
    ),
    Query(
        "cart is still in use",
        APP,
        500,
        "UPDATE web.carts SET updated_at = %s WHERE id = %s",
        lambda dice: [TODAY, dice.size.carts - dice.popular(dice.size.carts // 2)],
    ),
)

QUERIES = CUSTOMERS + ORDERS + PRODUCTS + VISITS
