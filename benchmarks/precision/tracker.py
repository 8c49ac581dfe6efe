"""A project tracker as a team writes it on Django: the statements that its ORM sends. Schema and rows: tracker.sql."""

from __future__ import annotations

from datetime import timedelta

import psycopg
from calls import NOW, Run, marks, md5, pick
from psycopg.types.json import Jsonb

ISSUE = (
    '"issues_issue"."id", "issues_issue"."number", "issues_issue"."title", "issues_issue"."description", '
    '"issues_issue"."status", "issues_issue"."priority", "issues_issue"."external_ref", '
    '"issues_issue"."created_at", '
    '"issues_issue"."updated_at", "issues_issue"."due_date", "issues_issue"."is_deleted", '
    '"issues_issue"."assignee_id", '
    '"issues_issue"."reporter_id", "issues_issue"."milestone_id", "issues_issue"."parent_id", '
    '"issues_issue"."project_id"'
)
USER = (
    '"auth_user"."id", "auth_user"."username", "auth_user"."first_name", "auth_user"."last_name", "auth_user"."email"'
)
PROJECT = (
    '"projects_project"."id", "projects_project"."name", "projects_project"."slug", "projects_project"."key", '
    '"projects_project"."is_archived", "projects_project"."created_at", "projects_project"."owner_id"'
)


def work(connection: psycopg.Connection, run: Run) -> None:
    for i in range(1, 601):
        user = 1 + pick(i, 1, 8000)
        _request(run, i, user)
        _board(run, i, user, 1 + pick(i, 2, 1500))
        _issue(run, user, 1 + pick(i, 3, 120000))
        if i % 4 == 0:
            with connection.transaction():
                _write(run, i, user, 1 + pick(i, 4, 120000))
        if i % 3 == 0:
            _api(run, i, user)
        if i % 20 == 0:
            _admin(run, i)
    for day in range(3):
        _nightly(connection, run, day)


def _request(run: Run, i: int, user: int) -> None:
    """Session, user and what every page's header shows."""
    run(
        'SELECT "django_session"."session_key", "django_session"."session_data", "django_session"."expire_date" '
        'FROM "django_session" WHERE ("django_session"."expire_date" > %s AND "django_session"."session_key" = %s) '
        "LIMIT 21",
        NOW,
        md5(f"s{1 + pick(i, 5, 30000)}"),
    )
    run(f'SELECT {USER} FROM "auth_user" WHERE "auth_user"."id" = %s LIMIT 21', user)
    run(
        'SELECT COUNT(*) AS "__count" FROM "notifications_notification" WHERE ('
        '"notifications_notification"."recipient_id" = %s AND "notifications_notification"."unread")',
        user,
    )
    run(
        f'SELECT {PROJECT} FROM "projects_project" INNER JOIN "projects_membership" ON ("projects_project"."id" = '
        '"projects_membership"."project_id") WHERE ("projects_membership"."user_id" = %s AND '
        '"projects_project"."deleted_at" IS NULL) ORDER BY "projects_project"."name" ASC',
        user,
    )
    if i % 10 == 0:
        run(
            'SELECT "auth_user"."id", "auth_user"."password" FROM "auth_user" WHERE "auth_user"."username" '
            "= %s LIMIT 21",
            f"user{user}",
        )
        run('UPDATE "auth_user" SET "last_login" = %s WHERE "auth_user"."id" = %s', NOW, user)
        run(
            'INSERT INTO "django_session" ("session_key", "session_data", "expire_date") VALUES (%s, %s, %s)',
            md5(f"new{i}"),
            "data" * 40,
            NOW + timedelta(days=14),
        )
    if i % 30 == 0:
        run(
            f'SELECT {USER} FROM "auth_user" WHERE (UPPER("auth_user"."email"::text) = UPPER(%s) AND '
            '"auth_user"."is_active")',
            f"User{user}@example.com",
        )


def _board(run: Run, i: int, user: int, project: int) -> None:
    run(f'SELECT {PROJECT} FROM "projects_project" WHERE "projects_project"."slug" = %s LIMIT 21', f"project-{project}")
    run(
        'SELECT 1 AS "a" FROM "projects_membership" WHERE ("projects_membership"."project_id" = %s AND '
        '"projects_membership"."user_id" = %s) LIMIT 1',
        project,
        user,
    )
    run(
        'SELECT COUNT(*) AS "__count" FROM "issues_issue" WHERE (NOT "issues_issue"."is_deleted" AND '
        '"issues_issue"."project_id" = %s AND "issues_issue"."status" IN (%s, %s, %s))',
        project,
        "open",
        "in_progress",
        "review",
    )
    issues = run(
        f'SELECT {ISSUE}, {USER} FROM "issues_issue" LEFT OUTER JOIN "auth_user" ON ("issues_issue"."assignee_id" = '
        '"auth_user"."id") WHERE (NOT "issues_issue"."is_deleted" AND "issues_issue"."project_id" = %s AND '
        '"issues_issue"."status" IN (%s, %s, %s)) ORDER BY "issues_issue"."updated_at" DESC LIMIT 25 OFFSET %s',
        project,
        "open",
        "in_progress",
        "review",
        25 * (i % 2),
    )
    if issues:
        ids = [row[0] for row in issues]
        run(
            'SELECT ("issues_issue_tags"."issue_id") AS "_prefetch_related_val_issue_id", "issues_tag"."id", '
            '"issues_tag"."name", "issues_tag"."colour" FROM "issues_tag" INNER JOIN "issues_issue_tags" ON '
            '("issues_tag"."id" = "issues_issue_tags"."tag_id") WHERE "issues_issue_tags"."issue_id" IN '
            f"({marks(ids)})",
            *ids,
        )
    if i % 5 == 0:
        # "Assigned to me", and everybody's newest first
        run(
            f'SELECT {ISSUE} FROM "issues_issue" WHERE ("issues_issue"."assignee_id" = %s AND NOT '
            '"issues_issue"."is_deleted" AND NOT ("issues_issue"."status" IN (%s, %s))) ORDER BY '
            '"issues_issue"."priority" DESC, "issues_issue"."due_date" ASC LIMIT 50',
            user,
            "closed",
            "wontfix",
        )
        run(
            f'SELECT {ISSUE} FROM "issues_issue" WHERE (NOT "issues_issue"."is_deleted" AND "issues_issue"."status" = '
            '%s) ORDER BY "issues_issue"."created_at" DESC LIMIT 20',
            "open",
        )
    if i % 15 == 0:
        run(
            f'SELECT {ISSUE} FROM "issues_issue" WHERE ("issues_issue"."project_id" = %s AND (UPPER('
            '"issues_issue"."title"::text) LIKE UPPER(%s) OR UPPER("issues_issue"."description"::text) LIKE '
            "UPPER(%s))) "
            "LIMIT 25",
            project,
            "%about%",
            "%about%",
        )
    if i % 25 == 0:
        pattern = f"%{md5(str(i))[:6]}%"
        run(
            f'SELECT {ISSUE} FROM "issues_issue" WHERE UPPER("issues_issue"."title"::text) LIKE UPPER(%s) ORDER BY '
            '"issues_issue"."updated_at" DESC LIMIT 25',
            pattern,
        )


def _issue(run: Run, user: int, issue: int) -> None:
    project, number = 1 + issue % 1500, issue // 1500 + 1
    run(
        f'SELECT {ISSUE} FROM "issues_issue" WHERE ("issues_issue"."number" = %s AND "issues_issue"."project_id" = %s) '
        "LIMIT 21",
        number,
        project,
    )
    run(
        'SELECT "issues_comment"."id", "issues_comment"."body", "issues_comment"."created_at", '
        f'"issues_comment"."author_id", {USER} FROM "issues_comment" INNER JOIN "auth_user" ON '
        '("issues_comment"."author_id" = "auth_user"."id") WHERE ("issues_comment"."issue_id" = %s AND NOT '
        '"issues_comment"."is_deleted") ORDER BY "issues_comment"."created_at" ASC',
        issue,
    )
    run(
        'SELECT "issues_attachment"."id", "issues_attachment"."file", "issues_attachment"."size" FROM '
        '"issues_attachment" WHERE "issues_attachment"."issue_id" = %s',
        issue,
    )
    run(f'SELECT {ISSUE} FROM "issues_issue" WHERE "issues_issue"."parent_id" = %s', issue)
    run(
        f'SELECT {USER} FROM "auth_user" INNER JOIN "issues_issue_watchers" ON ("auth_user"."id" = '
        '"issues_issue_watchers"."user_id") WHERE "issues_issue_watchers"."issue_id" = %s',
        issue,
    )
    run(
        'SELECT "audit_auditlog"."id", "audit_auditlog"."action", "audit_auditlog"."changes", '
        '"audit_auditlog"."created_at" FROM "audit_auditlog" WHERE ("audit_auditlog"."content_type_id" = %s AND '
        '"audit_auditlog"."object_id" = %s) ORDER BY "audit_auditlog"."created_at" DESC LIMIT 20',
        7,
        str(issue),
    )
    run(
        'UPDATE "notifications_notification" SET "unread" = %s WHERE ("notifications_notification"."issue_id" = %s AND '
        '"notifications_notification"."recipient_id" = %s AND "notifications_notification"."unread")',
        False,
        issue,
        user,
    )


def _write(run: Run, i: int, user: int, issue: int) -> None:
    comment = run(
        'INSERT INTO "issues_comment" ("body", "is_deleted", "created_at", "edited_at", "author_id", '
        '"issue_id") VALUES '
        '(%s, %s, %s, NULL, %s, %s) RETURNING "issues_comment"."id"',
        "Looks good to me",
        False,
        NOW,
        user,
        issue,
    )[0][0]
    if i % 8 == 0:
        run(
            'INSERT INTO "issues_attachment" ("file", "size", "uploaded_at", "comment_id", "issue_id", '
            '"uploaded_by_id") VALUES (%s, %s, %s, %s, %s, %s) RETURNING "issues_attachment"."id"',
            f"attachments/{i}.png",
            1000,
            NOW,
            comment,
            issue,
            user,
        )
    run('UPDATE "issues_issue" SET "updated_at" = %s WHERE "issues_issue"."id" = %s', NOW, issue)
    found = run(
        'SELECT "issues_issue_watchers"."id" FROM "issues_issue_watchers" WHERE ("issues_issue_watchers"."issue_id" = '
        '%s AND "issues_issue_watchers"."user_id" = %s) LIMIT 21',
        issue,
        user,
    )
    if not found:
        run(
            'INSERT INTO "issues_issue_watchers" ("issue_id", "user_id") VALUES (%s, %s) RETURNING '
            '"issues_issue_watchers"."id"',
            issue,
            user,
        )
    run(
        'INSERT INTO "audit_auditlog" ("object_id", "action", "changes", "ip_address", "created_at", "actor_id", '
        '"content_type_id") VALUES (%s, %s, %s, %s, %s, %s, %s) RETURNING "audit_auditlog"."id"',
        str(issue),
        "update",
        Jsonb({"comment": comment}),
        "10.0.0.9",
        NOW,
        user,
        7,
    )
    run(
        'INSERT INTO "notifications_notification" ("verb", "unread", "created_at", "issue_id", "recipient_id") '
        "SELECT %s, %s, %s, issue_id, user_id FROM issues_issue_watchers WHERE issue_id = %s",
        "commented",
        True,
        NOW,
        issue,
    )


def _api(run: Run, i: int, user: int) -> None:
    run(
        'SELECT "authtoken_token"."key", "authtoken_token"."user_id" FROM "authtoken_token" INNER JOIN "auth_user" ON '
        '("authtoken_token"."user_id" = "auth_user"."id") WHERE "authtoken_token"."key" = %s LIMIT 21',
        md5(f"t{1 + 5 * pick(i, 6, 1600)}") + "00000000",
    )
    # The integration's webhook names our issue by its own reference
    run(
        f'SELECT {ISSUE} FROM "issues_issue" WHERE "issues_issue"."external_ref" = %s LIMIT 21',
        "GH-" + md5(f"g{3 * (1 + pick(i, 7, 40000))}"),
    )
    run(
        'SELECT "notifications_notification"."id", "notifications_notification"."verb", '
        '"notifications_notification"."unread", "notifications_notification"."created_at", "issues_issue"."title" FROM '
        '"notifications_notification" INNER JOIN "issues_issue" ON ("notifications_notification"."issue_id" = '
        '"issues_issue"."id") WHERE "notifications_notification"."recipient_id" = %s ORDER BY '
        '"notifications_notification"."created_at" DESC LIMIT 20',
        user,
    )


def _admin(run: Run, i: int) -> None:
    """The admin's list of the audit log: newest first, with a count of all."""
    run('SELECT COUNT(*) AS "__count" FROM "audit_auditlog"')
    run(
        'SELECT "audit_auditlog"."id", "audit_auditlog"."object_id", "audit_auditlog"."action", '
        '"audit_auditlog"."ip_address", "audit_auditlog"."created_at", "auth_user"."username" FROM "audit_auditlog" '
        'LEFT OUTER JOIN "auth_user" ON ("audit_auditlog"."actor_id" = "auth_user"."id") ORDER BY '
        '"audit_auditlog"."created_at" DESC, "audit_auditlog"."id" DESC LIMIT 100 OFFSET %s',
        100 * (i % 3),
    )
    run(
        'SELECT "django_admin_log"."id", "django_admin_log"."action_time", "django_admin_log"."object_repr" FROM '
        '"django_admin_log" WHERE "django_admin_log"."user_id" = %s ORDER BY "django_admin_log"."action_time" DESC '
        "LIMIT 10",
        1 + i % 39,
    )
    run(
        f'SELECT {USER} FROM "auth_user" WHERE ("auth_user"."is_staff" AND UPPER("auth_user"."last_name"::text) LIKE '
        'UPPER(%s)) ORDER BY "auth_user"."username" ASC LIMIT 100',
        "last1%",
    )
    run(
        'SELECT "issues_issue"."status", COUNT("issues_issue"."id") AS "n" FROM "issues_issue" WHERE NOT '
        '"issues_issue"."is_deleted" GROUP BY "issues_issue"."status" ORDER BY "n" DESC'
    )


def _nightly(connection: psycopg.Connection, run: Run, day: int) -> None:
    run('DELETE FROM "django_session" WHERE "django_session"."expire_date" < %s', NOW - timedelta(days=14 - day))
    due = run(
        'SELECT "issues_issue"."id", "issues_issue"."assignee_id" FROM "issues_issue" WHERE ("issues_issue"."due_date" '
        '= %s AND NOT "issues_issue"."is_deleted" AND NOT ("issues_issue"."status" IN (%s, %s)))',
        NOW.date() + timedelta(days=1 + day),
        "closed",
        "wontfix",
    )
    if due:
        ids = [row[0] for row in due][:100]
        run(f'SELECT {ISSUE} FROM "issues_issue" WHERE "issues_issue"."id" IN ({marks(ids)})', *ids)
    # Issues deleted long ago go for good, and the ORM collects what hangs on them first
    gone = [row[0] for row in run('SELECT "id" FROM "issues_issue" WHERE "is_deleted" ORDER BY "id" DESC LIMIT 30')]
    with connection.transaction():
        for table in ("issues_issue_tags", "issues_issue_watchers", "notifications_notification", "issues_attachment"):
            run(f'DELETE FROM "{table}" WHERE "{table}"."issue_id" IN ({marks(gone)})', *gone)
        comments = run(f'SELECT "id" FROM "issues_comment" WHERE "issue_id" IN ({marks(gone)})', *gone)
        ids = [row[0] for row in comments]
        if ids:
            run(f'UPDATE "issues_attachment" SET "comment_id" = NULL WHERE "comment_id" IN ({marks(ids)})', *ids)
            run(f'DELETE FROM "issues_comment" WHERE "issues_comment"."id" IN ({marks(ids)})', *ids)
        run(f'UPDATE "issues_issue" SET "parent_id" = NULL WHERE "parent_id" IN ({marks(gone)})', *gone)
        run(f'DELETE FROM "issues_issue" WHERE "issues_issue"."id" IN ({marks(gone)})', *gone)
