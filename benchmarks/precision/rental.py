"""A video rental as a team writes it on Rails: the statements that its ORM sends. Schema and rows: rental.sql."""

from __future__ import annotations

import uuid
from datetime import datetime, timedelta

import psycopg
from calls import NOW, Run, marks, md5, pick
from psycopg.types.json import Jsonb

NAIVE_NOW = NOW.replace(tzinfo=None)


def _uuid(kind: str, i: int) -> uuid.UUID:
    return uuid.UUID(md5(f"{kind}{i}"))


def work(connection: psycopg.Connection, run: Run) -> None:
    for i in range(1, 601):
        user = _uuid("user", 1 + pick(i, 1, 40000))
        film = 1 + pick(i, 2, 9000)
        _account(run, i, user)
        _catalogue(run, i, film)
        if i % 2 == 0:
            with connection.transaction():
                _checkout(run, i, user, 1 + pick(i, 3, 60000))
        _jobs(connection, run, i)
        if i % 3 == 0:
            _webhook(run, i)
        if i % 30 == 0:
            _office(run, i)
    run("REFRESH MATERIALIZED VIEW CONCURRENTLY reporting.film_popularity")


def _account(run: Run, i: int, user: uuid.UUID) -> None:
    run('SELECT "users".* FROM "users" WHERE "users"."id" = %s LIMIT %s', user, 1)
    if i % 4 == 0:
        run('SELECT "users".* FROM "users" WHERE (lower(email) = %s) LIMIT %s', f"user{i}@example.com", 1)
        run(
            'UPDATE "users" SET "last_seen_at" = %s, "updated_at" = %s WHERE "users"."id" = %s',
            NAIVE_NOW,
            NAIVE_NOW,
            user,
        )
    if i % 60 == 0:
        run('SELECT "users".* FROM "users" WHERE "users"."reset_password_token" = %s LIMIT %s', md5(f"r{i}"), 1)
    run(
        'SELECT "rentals".* FROM "rentals" WHERE "rentals"."user_id" = %s ORDER BY "rentals"."rented_at" DESC LIMIT %s '
        "OFFSET %s",
        user,
        20,
        0,
    )
    run('SELECT COUNT(*) FROM "rentals" WHERE "rentals"."user_id" = %s AND "rentals"."returned_at" IS NULL', user)
    run(
        'SELECT SUM("billing"."payments"."amount_cents") FROM "billing"."payments" WHERE '
        '"billing"."payments"."user_id" '
        '= %s AND "billing"."payments"."status" = %s',
        user,
        "paid",
    )
    if i % 6 == 0:
        invoices = run(
            'SELECT "billing"."invoices".* FROM "billing"."invoices" WHERE "billing"."invoices"."user_id" = '
            "%s ORDER BY "
            '"billing"."invoices"."issued_on" DESC LIMIT %s',
            user,
            5,
        )
        for invoice in invoices:
            run(
                'SELECT "billing"."payments".* FROM "billing"."payments" WHERE "billing"."payments"."invoice_id" = %s',
                invoice[0],
            )


def _catalogue(run: Run, i: int, film: int) -> None:
    run('SELECT "films".* FROM "films" WHERE "films"."slug" = %s LIMIT %s', f"film-{film}", 1)
    run(
        'SELECT "categories".* FROM "categories" INNER JOIN "categories_films" ON "categories"."id" = '
        '"categories_films"."category_id" WHERE "categories_films"."film_id" = %s',
        film,
    )
    run(
        'SELECT "actors".* FROM "actors" INNER JOIN "castings" ON "actors"."id" = "castings"."actor_id" WHERE '
        '"castings"."film_id" = %s',
        film,
    )
    run(
        'SELECT "reviews".* FROM "reviews" WHERE "reviews"."reviewable_id" = %s AND "reviews"."reviewable_type" = %s '
        'ORDER BY "reviews"."created_at" DESC LIMIT %s',
        film,
        "Film",
        10,
    )
    run(
        'SELECT AVG("reviews"."stars") FROM "reviews" WHERE "reviews"."reviewable_id" = %s AND '
        '"reviews"."reviewable_type" = %s',
        film,
        "Film",
    )
    run(
        'SELECT "taggings".* FROM "taggings" WHERE "taggings"."taggable_id" = %s AND "taggings"."taggable_type" = %s',
        film,
        "Film",
    )
    run(
        'SELECT COUNT(*) FROM "copies" WHERE "copies"."film_id" = %s AND "copies"."store_id" = %s AND '
        '"copies"."discarded_at" IS NULL',
        film,
        1 + i % 12,
    )
    if i % 3 == 0:
        films = run(
            'SELECT "films".* FROM "films" INNER JOIN "categories_films" ON "categories_films"."film_id" = '
            '"films"."id" '
            'WHERE "categories_films"."category_id" = %s ORDER BY "films"."title" ASC LIMIT %s OFFSET %s',
            1 + i % 16,
            24,
            24 * (i % 5),
        )
        ids = [row[0] for row in films]
        run(f'SELECT "copies".* FROM "copies" WHERE "copies"."film_id" IN ({marks(ids)})', *ids)
        run(
            "SELECT film_id, title, rentals FROM reporting.film_popularity ORDER BY rentals DESC LIMIT %s",
            10,
        )
    if i % 10 == 0:
        run('SELECT "films".* FROM "films" WHERE (title ILIKE %s) ORDER BY "films"."title" ASC LIMIT %s', f"%{i}a%", 20)
        run(
            'SELECT "films".* FROM "films" WHERE (metadata @> %s) LIMIT %s',
            Jsonb({"imdb_id": f"tt{1000000 + film}"}),
            1,
        )


def _checkout(run: Run, i: int, user: uuid.UUID, copy: int) -> None:
    run('SELECT "copies".* FROM "copies" WHERE "copies"."barcode" = %s LIMIT %s', f"BC{100000000 + copy}", 1)
    run(
        'SELECT 1 AS one FROM "rentals" WHERE "rentals"."copy_id" = %s AND "rentals"."status" = %s LIMIT %s',
        copy,
        "out",
        1,
    )
    rental = run(
        'INSERT INTO "rentals" ("user_id", "copy_id", "status", "rented_at", "due_at", "created_at", "updated_at") '
        'VALUES (%s, %s, %s, %s, %s, %s, %s) RETURNING "id"',
        user,
        copy,
        "out",
        NAIVE_NOW,
        NAIVE_NOW + timedelta(days=5),
        NAIVE_NOW,
        NAIVE_NOW,
    )[0][0]
    run(
        'INSERT INTO "billing"."payments" ("rental_id", "user_id", "status", "amount_cents", "gateway_reference", '
        '"paid_at") VALUES (%s, %s, %s, %s, %s, %s) RETURNING "id"',
        rental,
        user,
        "pending",
        299,
        "ch_" + md5(f"new{i}"),
        NAIVE_NOW,
    )
    run(
        'INSERT INTO "versions" ("item_type", "item_id", "event", "whodunnit", "object", "created_at") VALUES '
        '(%s, %s, %s, %s, %s, %s) RETURNING "id"',
        "Rental",
        str(rental),
        "create",
        str(user),
        Jsonb({"id": rental}),
        NAIVE_NOW,
    )
    run(
        'INSERT INTO "jobs" ("queue", "payload", "run_at") VALUES (%s, %s, %s) RETURNING "id"',
        "default",
        Jsonb({"job": "ReceiptJob", "rental": rental}),
        NAIVE_NOW - timedelta(minutes=5),
    )
    if i % 4 == 0:
        run(
            'UPDATE "rentals" SET "status" = %s, "returned_at" = %s, "lock_version" = %s WHERE "rentals"."id" = %s AND '
            '"rentals"."lock_version" = %s',
            "returned",
            NAIVE_NOW,
            1,
            rental,
            0,
        )


def _jobs(connection: psycopg.Connection, run: Run, i: int) -> None:
    with connection.transaction():
        found = run(
            'SELECT "jobs".* FROM "jobs" WHERE "jobs"."queue" = %s AND "jobs"."finished_at" IS NULL AND '
            '"jobs"."locked_at" IS NULL AND ("jobs"."run_at" <= %s) ORDER BY "jobs"."run_at" ASC LIMIT %s FOR UPDATE '
            "SKIP LOCKED",
            ("default", "mailers", "low")[i % 3],
            NAIVE_NOW,
            1,
        )
        if found:
            run('UPDATE "jobs" SET "locked_at" = %s WHERE "jobs"."id" = %s', NAIVE_NOW, found[0][0])
    if found:
        run('UPDATE "jobs" SET "finished_at" = %s WHERE "jobs"."id" = %s', NAIVE_NOW, found[0][0])


def _webhook(run: Run, i: int) -> None:
    event = "evt_" + md5(f"w{i}" if i % 2 else str(1 + pick(i, 5, 120000)))
    seen = run(
        'SELECT "billing"."webhook_events".* FROM "billing"."webhook_events" WHERE '
        '"billing"."webhook_events"."provider" '
        '= %s AND "billing"."webhook_events"."event_id" = %s LIMIT %s',
        "stripe",
        event,
        1,
    )
    if not seen:
        run(
            'INSERT INTO "billing"."webhook_events" ("provider", "event_id", "payload", "received_at") VALUES '
            '(%s, %s, %s, %s) RETURNING "id"',
            "stripe",
            event,
            Jsonb({"type": "charge.succeeded"}),
            NAIVE_NOW,
        )
    if i % 2:
        run(
            'UPDATE "billing"."payments" SET "status" = %s WHERE "billing"."payments"."gateway_reference" = %s',
            "paid",
            "ch_" + md5(str(1 + pick(i, 6, 250000))),
        )


def _office(run: Run, i: int) -> None:
    run(
        'SELECT "rentals".* FROM "rentals" WHERE "rentals"."returned_at" IS NULL AND "rentals"."due_at" < %s ORDER BY '
        '"rentals"."due_at" ASC LIMIT %s',
        NAIVE_NOW,
        100,
    )
    run('SELECT COUNT(*) FROM "users" WHERE "users"."role" = %s', "clerk")
    run("SELECT COUNT(*) FROM \"users\" WHERE (preferences ->> 'newsletter' = %s)", "true")
    run(
        'SELECT "rentals"."status", COUNT(*) FROM "rentals" WHERE "rentals"."rented_at" >= %s GROUP BY '
        '"rentals"."status"',
        NAIVE_NOW - timedelta(days=7),
    )
    run(
        "SELECT date_trunc('day', paid_at) AS day, SUM(amount_cents) FROM billing.payments WHERE paid_at >= %s AND "
        "paid_at < %s AND status = %s GROUP BY 1 ORDER BY 1",
        NAIVE_NOW.replace(day=1),
        NAIVE_NOW,
        "paid",
    )
    run(
        'SELECT "versions".* FROM "versions" WHERE "versions"."whodunnit" = %s ORDER BY "versions"."created_at" DESC '
        "LIMIT %s",
        str(_uuid("user", 60 * (1 + i % 600))),
        25,
    )
    run(
        'SELECT "versions".* FROM "versions" WHERE "versions"."item_type" = %s AND "versions"."item_id" = %s ORDER BY '
        '"versions"."created_at" ASC',
        "Rental",
        str(i),
    )
    run(
        'SELECT "rentals"."clerk_id", COUNT(*) FROM "rentals" INNER JOIN "copies" ON "copies"."id" = '
        '"rentals"."copy_id" WHERE "copies"."store_id" = %s AND "rentals"."rented_at" >= %s GROUP BY '
        '"rentals"."clerk_id"',
        1 + i % 12,
        NAIVE_NOW - timedelta(days=30),
    )
    run('DELETE FROM "jobs" WHERE ("jobs"."finished_at" < %s)', datetime(2026, 1, 2) + timedelta(hours=i))  # noqa: DTZ001
