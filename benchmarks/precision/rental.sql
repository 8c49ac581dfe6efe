-- A video rental shop, as `rails db:schema:load` makes its tables, with some SQL of the team's own.
CREATE FUNCTION pg_temp.h(i bigint, salt int, n int) RETURNS int LANGUAGE sql IMMUTABLE
    RETURN (hashint8extended(i, salt) & 1073741823) % n;
CREATE FUNCTION pg_temp.u(kind text, i bigint) RETURNS uuid LANGUAGE sql IMMUTABLE RETURN md5(kind || i)::uuid;

CREATE SCHEMA billing;
CREATE SCHEMA reporting;
CREATE TYPE user_role AS ENUM ('member', 'clerk', 'manager');
CREATE TYPE rental_status AS ENUM ('reserved', 'out', 'returned', 'lost');
CREATE TYPE billing.payment_status AS ENUM ('pending', 'paid', 'failed', 'refunded');

CREATE TABLE schema_migrations (version varchar PRIMARY KEY);
CREATE TABLE ar_internal_metadata (
    key varchar PRIMARY KEY, value varchar, created_at timestamp(6) NOT NULL, updated_at timestamp(6) NOT NULL);
CREATE TABLE users (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(), email varchar NOT NULL, encrypted_password varchar NOT NULL,
    reset_password_token varchar, full_name varchar NOT NULL, role user_role NOT NULL DEFAULT 'member',
    preferences jsonb NOT NULL DEFAULT '{}', store_id bigint, last_seen_at timestamp(6),
    created_at timestamp(6) NOT NULL, updated_at timestamp(6) NOT NULL);
CREATE TABLE stores (
    id bigserial PRIMARY KEY, name varchar NOT NULL, city varchar, created_at timestamp(6) NOT NULL);
CREATE TABLE films (
    id bigserial PRIMARY KEY, title varchar NOT NULL, slug varchar NOT NULL, release_year integer, rating varchar,
    rental_rate_cents integer NOT NULL, description text, metadata jsonb NOT NULL DEFAULT '{}',
    created_at timestamp(6) NOT NULL, updated_at timestamp(6) NOT NULL);
CREATE TABLE categories (id bigserial PRIMARY KEY, name varchar NOT NULL);
CREATE TABLE categories_films (
    category_id bigint NOT NULL REFERENCES categories, film_id bigint NOT NULL REFERENCES films);
CREATE TABLE actors (id bigserial PRIMARY KEY, name varchar NOT NULL);
CREATE TABLE castings (
    id bigserial PRIMARY KEY, film_id bigint NOT NULL REFERENCES films, actor_id bigint NOT NULL REFERENCES actors,
    character_name varchar);
CREATE TABLE copies (
    id bigserial PRIMARY KEY, film_id bigint NOT NULL REFERENCES films, store_id bigint NOT NULL REFERENCES stores,
    barcode varchar NOT NULL, condition integer NOT NULL DEFAULT 0, discarded_at timestamp(6),
    created_at timestamp(6) NOT NULL);
CREATE TABLE rentals (
    id bigserial PRIMARY KEY, user_id uuid NOT NULL REFERENCES users, copy_id bigint NOT NULL REFERENCES copies,
    clerk_id uuid REFERENCES users, status rental_status NOT NULL, rented_at timestamp(6) NOT NULL,
    due_at timestamp(6) NOT NULL, returned_at timestamp(6), lock_version integer NOT NULL DEFAULT 0,
    created_at timestamp(6) NOT NULL, updated_at timestamp(6) NOT NULL);
CREATE TABLE reviews (
    id bigserial PRIMARY KEY, user_id uuid NOT NULL REFERENCES users, reviewable_type varchar NOT NULL,
    reviewable_id bigint NOT NULL, stars integer NOT NULL, body text, created_at timestamp(6) NOT NULL);
CREATE TABLE taggings (
    id bigserial PRIMARY KEY, tag varchar NOT NULL, taggable_type varchar NOT NULL, taggable_id bigint NOT NULL);
CREATE TABLE versions (
    id bigserial PRIMARY KEY, item_type varchar NOT NULL, item_id varchar NOT NULL, event varchar NOT NULL,
    whodunnit varchar, object jsonb, created_at timestamp(6));
CREATE TABLE jobs (
    id bigserial PRIMARY KEY, queue varchar NOT NULL DEFAULT 'default', payload jsonb NOT NULL,
    attempts integer NOT NULL DEFAULT 0, run_at timestamp(6) NOT NULL, locked_at timestamp(6), finished_at timestamp(6));
CREATE TABLE billing.invoices (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(), user_id uuid NOT NULL REFERENCES users, number varchar NOT NULL,
    total_cents integer NOT NULL, issued_on date NOT NULL, paid_at timestamp(6));
CREATE TABLE billing.payments (
    id uuid NOT NULL DEFAULT gen_random_uuid(), rental_id bigint REFERENCES rentals,
    user_id uuid NOT NULL REFERENCES users, invoice_id uuid REFERENCES billing.invoices,
    status billing.payment_status NOT NULL, amount_cents integer NOT NULL, gateway_reference varchar,
    paid_at timestamp(6) NOT NULL, PRIMARY KEY (id, paid_at)) PARTITION BY RANGE (paid_at);
DO $$
DECLARE
    m timestamp;
BEGIN
    FOR m IN SELECT generate_series(timestamp '2025-07-01', '2026-06-01', interval '1 month') LOOP
        EXECUTE format('CREATE TABLE billing.payments_%s PARTITION OF billing.payments FOR VALUES FROM (%L) TO (%L)',
                       to_char(m, 'YYYY_MM'), m, m + interval '1 month');
    END LOOP;
END
$$;
CREATE TABLE billing.webhook_events (
    id bigserial PRIMARY KEY, provider varchar NOT NULL, event_id varchar NOT NULL, payload jsonb NOT NULL,
    processed_at timestamp(6), received_at timestamp(6) NOT NULL);

INSERT INTO schema_migrations SELECT (20240101000000 + i * 86400)::text FROM generate_series(1, 140) i;
INSERT INTO ar_internal_metadata VALUES ('environment', 'production', '2024-01-01', '2024-01-01');
INSERT INTO stores (name, city, created_at)
SELECT 'Store ' || i, 'City ' || i % 7, '2023-01-01' FROM generate_series(1, 12) i;
INSERT INTO users (id, email, encrypted_password, reset_password_token, full_name, role, preferences, store_id,
                   last_seen_at, created_at, updated_at)
SELECT pg_temp.u('user', i), 'User' || i || '@Example.com', '$2a$12$' || md5(i::text) || md5('x' || i),
       CASE WHEN i % 90 = 0 THEN md5('r' || i) END, 'Name ' || pg_temp.h(i, 1, 5000) || ' Surname ' || pg_temp.h(i, 2, 9000),
       (CASE WHEN i % 400 = 0 THEN 'manager' WHEN i % 60 = 0 THEN 'clerk' ELSE 'member' END)::user_role,
       jsonb_build_object('newsletter', i % 20 = 0, 'locale', (ARRAY['en', 'en', 'de', 'fr'])[1 + i % 4], 'theme', 'dark'),
       1 + i % 12, timestamp '2026-06-10' - pg_temp.h(i, 3, 90000) * interval '7 minutes',
       timestamp '2023-01-01' + i * interval '30 minutes', timestamp '2024-01-01' + i * interval '30 minutes'
  FROM generate_series(1, 40000) i;
INSERT INTO films (title, slug, release_year, rating, rental_rate_cents, description, metadata, created_at, updated_at)
SELECT 'Film ' || md5(i::text), 'film-' || i, 1950 + pg_temp.h(i, 4, 76), (ARRAY['G', 'PG', 'PG-13', 'R', 'NC-17'])[1 + i % 5],
       99 + 100 * (i % 5), repeat('A story of ' || md5(i::text) || '. ', 7),
       jsonb_build_object('runtime', 60 + i % 120, 'imdb_id', 'tt' || 1000000 + i), '2024-01-01', '2024-01-01'
  FROM generate_series(1, 9000) i;
INSERT INTO categories (name) SELECT 'Category ' || i FROM generate_series(1, 16) i;
INSERT INTO categories_films SELECT 1 + pg_temp.h(i, 5, 16), 1 + i % 9000 FROM generate_series(1, 18000) i;
INSERT INTO actors (name) SELECT 'Actor ' || i FROM generate_series(1, 3000) i;
INSERT INTO castings (film_id, actor_id, character_name)
SELECT 1 + i % 9000, 1 + pg_temp.h(i, 6, 3000), 'Role ' || i FROM generate_series(1, 50000) i;
INSERT INTO copies (film_id, store_id, barcode, condition, discarded_at, created_at)
SELECT 1 + pg_temp.h(i, 7, 9000), 1 + i % 12, 'BC' || 100000000 + i, pg_temp.h(i, 8, 4),
       CASE WHEN i % 30 = 0 THEN timestamp '2026-01-01' END, timestamp '2024-01-01' + i * interval '5 minutes'
  FROM generate_series(1, 60000) i;
INSERT INTO rentals (user_id, copy_id, clerk_id, status, rented_at, due_at, returned_at, created_at, updated_at)
SELECT pg_temp.u('user', 1 + pg_temp.h(i, 9, 40000)), 1 + pg_temp.h(i, 10, 60000),
       CASE WHEN i % 3 > 0 THEN pg_temp.u('user', 60 * (1 + pg_temp.h(i, 11, 600))) END,
       (CASE WHEN i > 247000 THEN 'out' WHEN i % 500 = 0 THEN 'lost' WHEN i % 700 = 0 THEN 'reserved' ELSE 'returned' END)
           ::rental_status,
       t, t + interval '5 days', CASE WHEN i <= 247000 AND i % 500 > 0 THEN t + pg_temp.h(i, 12, 9000) * interval '1 minute' END,
       t, t
  FROM generate_series(1, 250000) i, LATERAL (SELECT timestamp '2025-07-01' + i * interval '2 minutes') x (t);
INSERT INTO reviews (user_id, reviewable_type, reviewable_id, stars, body, created_at)
SELECT pg_temp.u('user', 1 + pg_temp.h(i, 13, 40000)), CASE WHEN i % 8 = 0 THEN 'Store' ELSE 'Film' END,
       CASE WHEN i % 8 = 0 THEN 1 + i % 12 ELSE 1 + pg_temp.h(i, 14, 9000) END, 1 + pg_temp.h(i, 15, 5),
       repeat('It was fine, ' || i || '. ', 5), timestamp '2025-01-01' + i * interval '6 minutes'
  FROM generate_series(1, 80000) i;
INSERT INTO taggings (tag, taggable_type, taggable_id)
SELECT 'tag' || pg_temp.h(i, 16, 200), (ARRAY['Film', 'Film', 'Actor'])[1 + i % 3], 1 + pg_temp.h(i, 17, 3000)
  FROM generate_series(1, 40000) i;
INSERT INTO versions (item_type, item_id, event, whodunnit, object, created_at)
SELECT (ARRAY['Rental', 'Rental', 'Copy', 'Film'])[1 + i % 4], (1 + pg_temp.h(i, 18, 60000))::text,
       (ARRAY['update', 'create', 'destroy'])[1 + i % 3], pg_temp.u('user', 60 * (1 + pg_temp.h(i, 19, 600)))::text,
       jsonb_build_object('id', i, 'was', md5(i::text)), timestamp '2025-01-01' + i * interval '3 minutes'
  FROM generate_series(1, 200000) i;
INSERT INTO jobs (queue, payload, attempts, run_at, locked_at, finished_at)
SELECT (ARRAY['default', 'mailers', 'low'])[1 + i % 3], jsonb_build_object('job', 'ReminderJob', 'id', i), 1, t, t, t
  FROM generate_series(1, 60000) i, LATERAL (SELECT timestamp '2026-01-01' + i * interval '3 minutes') x (t);
INSERT INTO jobs (queue, payload, run_at)
SELECT 'default', jsonb_build_object('job', 'ReminderJob', 'id', i), timestamp '2026-06-01' + i * interval '1 minute'
  FROM generate_series(1, 400) i;
INSERT INTO billing.invoices (id, user_id, number, total_cents, issued_on, paid_at)
SELECT pg_temp.u('invoice', i), pg_temp.u('user', 1 + pg_temp.h(i, 20, 40000)), 'INV-' || i, 100 + pg_temp.h(i, 21, 9000),
       date '2025-07-01' + i / 220, CASE WHEN i % 15 > 0 THEN timestamp '2025-07-03' + i / 220 * interval '1 day' END
  FROM generate_series(1, 70000) i;
INSERT INTO billing.payments (id, rental_id, user_id, invoice_id, status, amount_cents, gateway_reference, paid_at)
SELECT pg_temp.u('payment', i), i, r.user_id, CASE WHEN i % 4 = 0 THEN pg_temp.u('invoice', 1 + pg_temp.h(i, 22, 70000)) END,
       (CASE WHEN i % 200 = 0 THEN 'failed' WHEN i % 333 = 0 THEN 'refunded' WHEN i > 249500 THEN 'pending' ELSE 'paid' END)
           ::billing.payment_status,
       99 + 100 * pg_temp.h(i, 23, 9), 'ch_' || md5(i::text), r.rented_at
  FROM rentals r, LATERAL (SELECT r.id) x (i) WHERE r.rented_at < '2026-07-01';
INSERT INTO billing.webhook_events (provider, event_id, payload, processed_at, received_at)
SELECT 'stripe', 'evt_' || md5(i::text), jsonb_build_object('type', 'charge.succeeded', 'charge', 'ch_' || md5(i::text)),
       CASE WHEN i < 119950 THEN timestamp '2025-07-01' + i * interval '4 minutes' END,
       timestamp '2025-07-01' + i * interval '4 minutes'
  FROM generate_series(1, 120000) i;

CREATE UNIQUE INDEX index_users_on_lower_email ON users (lower(email));
CREATE UNIQUE INDEX index_users_on_reset_password_token ON users (reset_password_token);
CREATE INDEX index_users_on_role ON users (role);
CREATE INDEX index_users_on_preferences ON users USING gin (preferences);
CREATE UNIQUE INDEX index_films_on_slug ON films (slug);
CREATE INDEX index_films_on_title ON films (title);
CREATE INDEX index_films_on_metadata ON films USING gin (metadata);
CREATE INDEX index_categories_films_on_category_id ON categories_films (category_id);
CREATE INDEX index_categories_films_on_film_id_and_category_id ON categories_films (film_id, category_id);
CREATE INDEX index_castings_on_film_id ON castings (film_id);
CREATE INDEX index_castings_on_actor_id ON castings (actor_id);
CREATE INDEX index_castings_on_film_id_and_actor_id ON castings (film_id, actor_id);
CREATE INDEX index_copies_on_film_id ON copies (film_id);
CREATE INDEX index_copies_on_store_id ON copies (store_id);
CREATE UNIQUE INDEX index_copies_on_barcode ON copies (barcode);
CREATE INDEX index_rentals_on_user_id ON rentals (user_id);
CREATE INDEX index_rentals_on_copy_id ON rentals (copy_id);
CREATE INDEX index_rentals_on_status ON rentals (status);
CREATE INDEX index_rentals_on_due_at ON rentals (due_at) WHERE returned_at IS NULL;
CREATE INDEX index_reviews_on_reviewable ON reviews (reviewable_type, reviewable_id);
CREATE INDEX index_reviews_on_user_id ON reviews (user_id);
CREATE INDEX index_taggings_on_taggable ON taggings (taggable_type, taggable_id);
CREATE INDEX index_taggings_on_taggable_id ON taggings (taggable_id);
CREATE INDEX index_taggings_on_tag ON taggings (tag);
CREATE INDEX index_versions_on_item_type_and_item_id ON versions (item_type, item_id);
CREATE INDEX index_jobs_on_queue ON jobs (queue);
CREATE INDEX index_invoices_on_user_id ON billing.invoices (user_id);
CREATE UNIQUE INDEX index_invoices_on_number ON billing.invoices (number);
CREATE INDEX index_payments_on_rental_id ON billing.payments (rental_id);
CREATE INDEX index_payments_on_user_id ON billing.payments (user_id);
CREATE MATERIALIZED VIEW reporting.film_popularity AS
SELECT f.id AS film_id, f.title, count(r.id) AS rentals, max(r.rented_at) AS last_rented_at
  FROM films f LEFT JOIN copies c ON c.film_id = f.id LEFT JOIN rentals r ON r.copy_id = c.id GROUP BY f.id;
CREATE UNIQUE INDEX index_film_popularity_on_film_id ON reporting.film_popularity (film_id);
