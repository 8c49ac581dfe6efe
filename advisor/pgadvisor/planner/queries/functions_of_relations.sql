-- The system's functions that views and policies call, through views of views as well: volatile ones, and those that run SQL.
WITH RECURSIVE used (oid) AS (
    SELECT pg_catalog.unnest(%(relations)s::pg_catalog.oid[])
    UNION
    SELECT inner_relation[1]::pg_catalog.oid
    FROM used AS u
    JOIN pg_catalog.pg_rewrite AS w ON w.ev_class = u.oid
    CROSS JOIN LATERAL pg_catalog.regexp_matches(w.ev_action::pg_catalog.text, ':relid (\d+)', 'g') AS inner_relation
),
trees (tree) AS (
    SELECT w.ev_action::pg_catalog.text
    FROM used AS u
    JOIN pg_catalog.pg_rewrite AS w ON w.ev_class = u.oid
    UNION ALL
    SELECT pg_catalog.concat(p.polqual::pg_catalog.text, p.polwithcheck::pg_catalog.text)
    FROM used AS u
    JOIN pg_catalog.pg_policy AS p ON p.polrelid = u.oid
),
called (oid) AS (
    SELECT field[1]::pg_catalog.oid
    FROM trees AS t
    CROSS JOIN LATERAL pg_catalog.regexp_matches(
        t.tree, ':(?:funcid|opfuncid|aggfnoid|winfnoid) (\d+)', 'g'
    ) AS field
    UNION
    SELECT o.oprcode
    FROM trees AS t
    CROSS JOIN LATERAL pg_catalog.regexp_matches(t.tree, ':opno (\d+)', 'g') AS field
    JOIN pg_catalog.pg_operator AS o ON o.oid = field[1]::pg_catalog.oid
)
SELECT DISTINCT p.proname::pg_catalog.text AS name, p.proname ~ %(runs_sql)s AS runs_sql
FROM called AS c
JOIN pg_catalog.pg_proc AS p ON p.oid = c.oid
WHERE p.oid < 16384 AND (p.provolatile = 'v' OR p.proname ~ %(runs_sql)s)
ORDER BY 1
