-- The rows, all made by the server from a hash: the same rows on every load, skewed and correlated like a shop's.
-- demo.scale is set by whoever loads: 1 gives 1.2 million page views.

-- step: preparing
CREATE FUNCTION pg_temp.scaled(full_size bigint) RETURNS bigint LANGUAGE sql STABLE
    AS $$SELECT greatest(1, (full_size * current_setting('demo.scale')::numeric)::bigint)$$;

-- A number from 0 to n - 1 that looks random and depends on the key and the salt alone.
CREATE FUNCTION pg_temp.pick(key bigint, salt bigint, n bigint) RETURNS bigint LANGUAGE sql IMMUTABLE
    AS $$SELECT (hashint8extended(key, salt) & 2147483647) % n$$;

-- The same, but small numbers are far more likely: the first tenth is picked about half of the time.
CREATE FUNCTION pg_temp.skewed(key bigint, salt bigint, n bigint) RETURNS bigint LANGUAGE sql IMMUTABLE
    AS $$SELECT (n * power((hashint8extended(key, salt) & 2147483647) / 2147483648.0::float8, 3))::bigint % n$$;

-- step: countries, categories, suppliers, warehouses, coupons
INSERT INTO shop.countries
SELECT code, 'Country ' || code, 15 + position % 11
FROM unnest('{DE,FR,IT,ES,NL,BE,AT,PL,CZ,DK,SE,FI,IE,PT,GR,HU,RO,BG,HR,SI,SK,LT,LV,EE,LU,MT,CY,NO,CH,GB}'::text[])
    WITH ORDINALITY AS list (code, position);

INSERT INTO shop.categories
SELECT i, CASE WHEN i > 8 THEN 1 + i % 8 END, 'Category ' || i
FROM generate_series(1, 60) AS i;

INSERT INTO shop.suppliers
SELECT i, 'Supplier ' || i, (ARRAY['DE', 'FR', 'IT', 'PL', 'NL'])[1 + i % 5]
FROM generate_series(1, 300) AS i;

INSERT INTO shop.warehouses
SELECT i, (ARRAY['Hamburg', 'Lyon', 'Milan', 'Gdansk'])[i]
FROM generate_series(1, 4) AS i;

INSERT INTO shop.opening_hours
SELECT warehouse, weekday, time '06:00' + interval '1 hour' * (warehouse % 3), time '20:00'
FROM generate_series(1, 4) AS warehouse, generate_series(1, 6) AS weekday;

INSERT INTO shop.coupons
SELECT i, 'SAVE' || i, 5 + i % 4 * 5, date '2025-09-01' + i
FROM generate_series(1, 500) AS i;

-- step: customers
INSERT INTO shop.customers
SELECT
    i,
    CASE WHEN i % 7 = 0 THEN 'Customer.' ELSE 'customer.' END || i || '@mail' || i % 9 || '.example',
    CASE WHEN i % 3 > 0 THEN '+49' || 1500000000 + i END,
    (ARRAY['Ada', 'Ben', 'Cleo', 'Dan', 'Eva', 'Finn', 'Gus', 'Hana'])[1 + i % 8] || ' '
        || (ARRAY['Okoye', 'Meier', 'Rossi', 'Novak', 'Silva', 'Jansen', 'Berg'])[1 + i % 7] || ' ' || i / 56,
    country,
    pg_temp.pick(i, 2, 5) = 0,
    jsonb_build_object('language', lower(country), 'currency', CASE WHEN country IN ('GB', 'CH') THEN country ELSE 'EUR' END),
    timestamptz '2022-07-01 00:00+00' + interval '4 years' * (i::float8 / pg_temp.scaled(60000)),
    CASE WHEN pg_temp.pick(i, 3, 20) = 0 THEN timestamptz '2026-06-30 00:00+00' - interval '1 hour' * pg_temp.pick(i, 4, 9000) END
FROM generate_series(1, pg_temp.scaled(60000)) AS i,
    LATERAL (SELECT ('{DE,FR,IT,ES,NL,BE,AT,PL,CZ,DK,SE,FI,IE,PT,GR,HU,RO,BG,HR,SI,SK,LT,LV,EE,LU,MT,CY,NO,CH,GB}'::text[])
        [1 + pg_temp.skewed(i, 1, 30)]) AS home (country);

INSERT INTO shop.addresses
SELECT i, position, 'Street ' || pg_temp.pick(i, 5, 900) || ' no. ' || position, 'City ' || pg_temp.skewed(i, 6, 400),
    lpad(pg_temp.skewed(i, 6, 400) * 40 + pg_temp.pick(i, 7, 40) || '', 5, '0')
FROM generate_series(1, pg_temp.scaled(60000)) AS i,
    generate_series(1, 1 + (i % 4 = 0)::int) AS position;

-- step: products and stock
INSERT INTO shop.products
SELECT
    i,
    'SKU-' || lpad(i || '', 6, '0'),
    (ARRAY['Walnut', 'Steel', 'Linen', 'Glass', 'Oak', 'Copper', 'Wool', 'Bamboo'])[1 + pg_temp.pick(i, 8, 8)] || ' '
        || (ARRAY['table', 'lamp', 'chair', 'shelf', 'rug', 'clock', 'vase', 'desk'])[1 + category % 8] || ' ' || i,
    category,
    1 + pg_temp.skewed(i, 9, 300),
    500 + category * 100 + pg_temp.skewed(i, 10, 90000),
    jsonb_build_object(
        'colour', (ARRAY['black', 'white', 'oak', 'red', 'blue', 'green', 'sand', 'rose', 'mint', 'plum'])[1 + pg_temp.skewed(i, 11, 10)],
        'width_cm', 20 + pg_temp.pick(i, 12, 180),
        'label', 'design ' || pg_temp.pick(i, 13, 400)
    ),
    pg_temp.pick(i, 14, 25) = 0,
    timestamptz '2026-06-30 00:00+00' - interval '1 hour' * pg_temp.pick(i, 15, 8000)
FROM generate_series(1, pg_temp.scaled(20000)) AS i,
    LATERAL (SELECT (1 + pg_temp.skewed(i, 16, 60))::int) AS shelf (category);

INSERT INTO shop.stock_levels
SELECT warehouse, product, pg_temp.skewed(product * 4 + warehouse, 17, 500)
FROM generate_series(1, pg_temp.scaled(20000)) AS product, generate_series(1, 4) AS warehouse;

INSERT INTO shop.stock_movements
SELECT
    i,
    1 + pg_temp.pick(i, 18, 4),
    1 + pg_temp.skewed(i, 19, pg_temp.scaled(18000)),
    pg_temp.pick(i, 20, 40) - 20,
    timestamptz '2026-01-01 00:00+00' + interval '180 days' * (i::float8 / pg_temp.scaled(200000))
FROM generate_series(1, pg_temp.scaled(200000)) AS i;

INSERT INTO shop.price_changes
SELECT product, timestamptz '2026-05-01 00:00+00' + interval '1 hour' * pg_temp.pick(product, 21, 700),
    500 + pg_temp.skewed(product, 10, 90000)
FROM generate_series(1, pg_temp.scaled(18000)) AS product;

-- step: orders
-- The newest 3 % are still on their way; of the others nearly all are done.
INSERT INTO shop.orders
SELECT
    i,
    1 + customer,
    CASE WHEN pg_temp.pick(i, 23, 12) = 0 THEN 1 + pg_temp.pick(i, 24, 480) END,
    CASE
        WHEN i > pg_temp.scaled(253000) THEN (ARRAY['pending', 'paid', 'packed', 'shipped', 'done'])[1 + pg_temp.pick(i, 25, 5)]
        WHEN pg_temp.pick(i, 26, 100) = 0 THEN 'cancelled'
        ELSE 'done'
    END,
    1500 + pg_temp.skewed(i, 27, 60000),
    timestamptz '2025-07-01 00:00+00' + interval '365 days' * (i::float8 / pg_temp.scaled(260000))
FROM generate_series(1, pg_temp.scaled(260000)) AS i,
    LATERAL (SELECT pg_temp.skewed(i, 22, pg_temp.scaled(57000))) AS buyer (customer);

-- step: order items
-- The newest tenth of the products has not been sold yet.
INSERT INTO shop.order_items
SELECT i, line, 1 + pg_temp.skewed(i * 8 + line, 28, pg_temp.scaled(18000)), 1 + pg_temp.skewed(i * 8 + line, 29, 6),
    500 + pg_temp.skewed(i * 8 + line, 30, 90000)
FROM generate_series(1, pg_temp.scaled(260000)) AS i,
    generate_series(1, 1 + pg_temp.pick(i, 31, 4)::int) AS line;

-- step: shipments, coupons redeemed, returns
INSERT INTO shop.shipments
SELECT
    i,
    i,
    (ARRAY['parcel', 'express', 'freight'])[1 + pg_temp.skewed(i, 32, 3)],
    'TRK' || lpad(pg_temp.pick(i, 33, 2147483647) || '', 10, '0') || i,
    i < pg_temp.scaled(246000),
    timestamptz '2025-07-02 00:00+00' + interval '365 days' * (i::float8 / pg_temp.scaled(260000))
FROM generate_series(1, pg_temp.scaled(250000)) AS i;

INSERT INTO shop.coupon_redemptions
SELECT o.id, c.code, o.total_cents * c.percent / 100, o.ordered_at
FROM shop.orders AS o
JOIN shop.coupons AS c ON c.id = o.coupon_id;

INSERT INTO shop.returned_items
SELECT order_id, line, (ARRAY['does not fit', 'damaged', 'changed my mind'])[1 + pg_temp.pick(order_id, 52, 3)]
FROM shop.order_items
WHERE pg_temp.pick(order_id * 8 + line, 53, 40) = 0;

-- step: reviews
INSERT INTO shop.reviews
SELECT
    i,
    1 + pg_temp.skewed(i, 34, pg_temp.scaled(18000)),
    1 + pg_temp.skewed(i, 35, pg_temp.scaled(57000)),
    5 - pg_temp.skewed(i, 36, 5),
    repeat('Does what it should. ', 1 + pg_temp.pick(i, 37, 6)::int),
    timestamptz '2025-07-10 00:00+00' + interval '355 days' * (i::float8 / pg_temp.scaled(90000))
FROM generate_series(1, pg_temp.scaled(90000)) AS i;

-- step: invoices and payments
INSERT INTO billing.invoices
SELECT
    i,
    i,
    'branch ' || 1 + pg_temp.pick(i, 38, 24),
    CASE WHEN i > pg_temp.scaled(235000) AND pg_temp.pick(i, 39, 2) = 0 THEN 'open' WHEN pg_temp.pick(i, 40, 60) = 0 THEN 'overdue' ELSE 'settled' END,
    1500 + pg_temp.skewed(i, 27, 60000),
    date '2025-07-15' + (365 * (i::float8 / pg_temp.scaled(260000)))::int + pg_temp.pick(i, 41, 14)::int
FROM generate_series(1, pg_temp.scaled(250000)) AS i;

INSERT INTO billing.payments
SELECT
    i,
    i,
    (ARRAY['card', 'transfer', 'wallet'])[1 + pg_temp.skewed(i, 42, 3)],
    1500 + pg_temp.skewed(i, 27, 60000),
    timestamptz '2025-07-01 12:00+00' + interval '365 days' * (i::float8 / pg_temp.scaled(260000))
FROM generate_series(1, pg_temp.scaled(240000)) AS i;

-- step: carts
INSERT INTO web.carts
SELECT
    i,
    CASE WHEN pg_temp.pick(i, 43, 5) > 1 THEN 1 + pg_temp.skewed(i, 44, pg_temp.scaled(57000)) END,
    timestamptz '2026-04-01 00:00+00' + interval '90 days' * (i::float8 / pg_temp.scaled(60000))
FROM generate_series(1, pg_temp.scaled(60000)) AS i;

INSERT INTO web.cart_items
SELECT i, 1 + (pg_temp.skewed(i, 45, pg_temp.scaled(17000)) + item * 211) % pg_temp.scaled(18000), 1 + pg_temp.pick(i, 46, 3)
FROM generate_series(1, pg_temp.scaled(60000)) AS i,
    generate_series(1, 1 + pg_temp.pick(i, 47, 4)::int) AS item;

-- step: page views
INSERT INTO web.page_views
SELECT
    i,
    timestamptz '2026-05-01 00:00+00' + interval '61 days' * (i::float8 / pg_temp.scaled(1200000)),
    CASE WHEN pg_temp.pick(i, 48, 10) < 2 THEN 1 + pg_temp.skewed(i, 49, pg_temp.scaled(57000)) END,
    CASE WHEN product < pg_temp.scaled(20000) THEN product + 1 END,
    40 + pg_temp.skewed(i, 51, 4000),
    CASE WHEN product < pg_temp.scaled(20000) THEN '/products/' || product + 1 ELSE '/' END
FROM generate_series(1, pg_temp.scaled(1200000)) AS i,
    LATERAL (SELECT pg_temp.skewed(i, 50, pg_temp.scaled(24000))) AS page (product);
