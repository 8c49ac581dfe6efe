-- Keys, indexes and rights of the shop, as years of releases have left them.

-- step: primary keys
ALTER TABLE shop.countries ADD PRIMARY KEY (code);
ALTER TABLE shop.categories ADD PRIMARY KEY (id);
ALTER TABLE shop.suppliers ADD PRIMARY KEY (id);
ALTER TABLE shop.warehouses ADD PRIMARY KEY (id);
ALTER TABLE shop.customers ADD PRIMARY KEY (id), ADD UNIQUE (email);
ALTER TABLE shop.addresses ADD PRIMARY KEY (customer_id, position);
ALTER TABLE shop.products ADD PRIMARY KEY (id), ADD UNIQUE (sku);
ALTER TABLE shop.stock_levels ADD PRIMARY KEY (warehouse_id, product_id), ADD UNIQUE (product_id, warehouse_id);
ALTER TABLE shop.stock_movements ADD PRIMARY KEY (id);
ALTER TABLE shop.price_changes ADD PRIMARY KEY (product_id, changed_at);
ALTER TABLE shop.coupons ADD PRIMARY KEY (id), ADD UNIQUE (code);
ALTER TABLE shop.orders ADD PRIMARY KEY (id);
ALTER TABLE shop.order_items ADD PRIMARY KEY (order_id, line);
ALTER TABLE shop.returned_items ADD PRIMARY KEY (order_id, line);
ALTER TABLE shop.shipments ADD PRIMARY KEY (id);
ALTER TABLE shop.reviews ADD PRIMARY KEY (id);
ALTER TABLE billing.invoices ADD PRIMARY KEY (id), ADD UNIQUE (order_id);
ALTER TABLE billing.payments ADD PRIMARY KEY (id, paid_at);
ALTER TABLE web.carts ADD PRIMARY KEY (id);
ALTER TABLE web.cart_items ADD PRIMARY KEY (cart_id, product_id);
ALTER TABLE web.page_views ADD PRIMARY KEY (id);

-- step: indexes
CREATE UNIQUE INDEX customers_active_phone ON shop.customers (phone) WHERE deleted_at IS NULL;
CREATE INDEX customers_country_created ON shop.customers (country_code, created_at);
CREATE INDEX customers_newsletter_created ON shop.customers (newsletter, created_at);

CREATE INDEX products_category_price ON shop.products (category_id, price_cents);
CREATE INDEX products_supplier ON shop.products (supplier_id);
CREATE INDEX products_lower_sku ON shop.products (lower(sku));
CREATE INDEX products_name ON shop.products (name);
CREATE INDEX products_name_prefix ON shop.products (name text_pattern_ops);
CREATE INDEX products_attributes ON shop.products USING gin (attributes jsonb_path_ops);

CREATE INDEX stock_movements_product ON shop.stock_movements (product_id, warehouse_id, moved_at);

CREATE UNIQUE INDEX coupons_lower_code ON shop.coupons (lower(code));

CREATE INDEX orders_customer ON shop.orders (customer_id);
CREATE INDEX orders_customer_ordered ON shop.orders (customer_id, ordered_at);
CREATE INDEX orders_ordered ON shop.orders (ordered_at);
CREATE INDEX orders_status ON shop.orders (status);
CREATE INDEX orders_coupon ON shop.orders (coupon_id) WHERE coupon_id IS NOT NULL;

CREATE INDEX order_items_price ON shop.order_items (price_cents);
CREATE UNIQUE INDEX coupon_redemptions_order ON shop.coupon_redemptions (order_id);
CREATE INDEX shipments_order ON shop.shipments (order_id);
CREATE INDEX shipments_on_the_way ON shop.shipments (shipped_at) WHERE NOT delivered;

CREATE INDEX reviews_product_created ON shop.reviews (product_id, created_at);
CREATE INDEX reviews_customer ON shop.reviews (customer_id);
CREATE INDEX reviews_rating_oldest ON shop.reviews (rating, created_at);
CREATE INDEX reviews_rating_newest ON shop.reviews (rating, created_at DESC);

CREATE INDEX payments_invoice ON billing.payments (invoice_id);

CREATE INDEX carts_customer ON web.carts (customer_id);
CREATE INDEX carts_updated ON web.carts (updated_at);
CREATE INDEX cart_items_product ON web.cart_items (product_id);
CREATE INDEX page_views_viewed ON web.page_views USING brin (viewed_at) WITH (pages_per_range = 32);
CREATE INDEX page_views_customer ON web.page_views (customer_id, viewed_at) INCLUDE (product_id)
    WHERE customer_id IS NOT NULL;

-- step: foreign keys
ALTER TABLE shop.categories ADD FOREIGN KEY (parent_id) REFERENCES shop.categories;
ALTER TABLE shop.opening_hours ADD FOREIGN KEY (warehouse_id) REFERENCES shop.warehouses;
ALTER TABLE shop.customers ADD FOREIGN KEY (country_code) REFERENCES shop.countries;
ALTER TABLE shop.addresses ADD FOREIGN KEY (customer_id) REFERENCES shop.customers ON DELETE CASCADE;
ALTER TABLE shop.products
    ADD FOREIGN KEY (category_id) REFERENCES shop.categories,
    ADD FOREIGN KEY (supplier_id) REFERENCES shop.suppliers;
ALTER TABLE shop.stock_levels
    ADD FOREIGN KEY (warehouse_id) REFERENCES shop.warehouses,
    ADD FOREIGN KEY (product_id) REFERENCES shop.products ON DELETE CASCADE;
ALTER TABLE shop.stock_movements
    ADD FOREIGN KEY (warehouse_id, product_id) REFERENCES shop.stock_levels;
ALTER TABLE shop.price_changes ADD FOREIGN KEY (product_id) REFERENCES shop.products ON DELETE CASCADE;
ALTER TABLE shop.orders
    ADD FOREIGN KEY (customer_id) REFERENCES shop.customers,
    ADD FOREIGN KEY (coupon_id) REFERENCES shop.coupons;
ALTER TABLE shop.order_items
    ADD FOREIGN KEY (order_id) REFERENCES shop.orders,
    ADD FOREIGN KEY (product_id) REFERENCES shop.products;
ALTER TABLE shop.returned_items ADD FOREIGN KEY (order_id, line) REFERENCES shop.order_items;
ALTER TABLE shop.coupon_redemptions ADD FOREIGN KEY (order_id) REFERENCES shop.orders;
ALTER TABLE shop.shipments ADD FOREIGN KEY (order_id) REFERENCES shop.orders;
ALTER TABLE shop.reviews
    ADD FOREIGN KEY (product_id) REFERENCES shop.products,
    ADD FOREIGN KEY (customer_id) REFERENCES shop.customers;
ALTER TABLE billing.invoices ADD FOREIGN KEY (order_id) REFERENCES shop.orders;
ALTER TABLE billing.payments ADD FOREIGN KEY (invoice_id) REFERENCES billing.invoices;
ALTER TABLE web.carts ADD FOREIGN KEY (customer_id) REFERENCES shop.customers ON DELETE CASCADE;
ALTER TABLE web.cart_items
    ADD FOREIGN KEY (cart_id) REFERENCES web.carts ON DELETE CASCADE,
    ADD FOREIGN KEY (product_id) REFERENCES shop.products;

-- step: sequences and rights
DO $$
DECLARE
    identity record;
    newest bigint;
BEGIN
    FOR identity IN
        SELECT attrelid::regclass AS owner
        FROM pg_attribute JOIN pg_class ON pg_class.oid = attrelid
        WHERE attidentity <> '' AND NOT relispartition
    LOOP
        EXECUTE format('SELECT max(id) FROM %s', identity.owner) INTO newest;
        PERFORM setval(pg_get_serial_sequence(identity.owner::text, 'id'), newest);
    END LOOP;
END
$$;

GRANT USAGE ON SCHEMA shop, billing, web TO shop_app, shop_report;
GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA shop, billing, web TO shop_app;
GRANT SELECT ON ALL TABLES IN SCHEMA shop, billing, web TO shop_report;
