-- Whether there is any code that "reached" could find for owners who are not trusted.
SELECT EXISTS (
           SELECT
           FROM pg_catalog.pg_proc AS p
           JOIN pg_catalog.pg_language AS l ON l.oid = p.prolang
           WHERE p.oid >= 16384
             AND l.lanname NOT IN ('internal', 'c')
             AND p.proowner <> ALL (%(trusted)s::pg_catalog.oid[])
       )
       OR EXISTS (
           SELECT
           FROM pg_catalog.pg_type AS t
           WHERE t.oid >= 16384
             AND t.typtype = 'd'
             AND t.typowner <> ALL (%(trusted)s::pg_catalog.oid[])
       ) AS any_code
