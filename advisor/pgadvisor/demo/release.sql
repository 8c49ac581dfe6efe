-- What happens in the middle of the shop's day: a release with its migrations, and the import of the buying department.
-- Each command runs on its own, outside a transaction, as tools for migrations do it.

-- step: release: follow parcels faster
CREATE INDEX CONCURRENTLY idx_shipments_order_id ON shop.shipments (order_id);

-- step: release: one review per customer and product
-- Fails, because some customers have written two; the release goes on.
CREATE UNIQUE INDEX CONCURRENTLY reviews_once ON shop.reviews (product_id, customer_id);

-- step: import of price changes
INSERT INTO shop.price_changes
SELECT product, timestamptz '2026-06-29 00:00+00' + interval '1 minute' * change, 400 + (product * 37 + change * 11) % 9000
FROM shop.price_changes AS known,
    LATERAL (SELECT known.product_id) AS priced (product),
    generate_series(1, 6) AS change;
