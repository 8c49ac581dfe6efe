-- The system's functions that views and policies call, through views of views and tables of policies as well: volatile
-- ones, and those that act though they are not.
WITH RECURSIVE used (oid) AS (
    SELECT pg_catalog.unnest(%(relations)s::pg_catalog.oid[])
    UNION
    SELECT inner_relation[1]::pg_catalog.oid
    FROM used AS u
    CROSS JOIN LATERAL (
        SELECT w.ev_action::pg_catalog.text FROM pg_catalog.pg_rewrite AS w WHERE w.ev_class = u.oid
        UNION ALL
        SELECT pg_catalog.concat(p.polqual::pg_catalog.text, p.polwithcheck::pg_catalog.text)
        FROM pg_catalog.pg_policy AS p
        WHERE p.polrelid = u.oid
    ) AS trees (tree)
    CROSS JOIN LATERAL pg_catalog.regexp_matches(trees.tree, ':relid (\d+)', 'g') AS inner_relation
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
SELECT DISTINCT p.proname::pg_catalog.text AS name, p.proname ~ %(acting)s AS acts
FROM called AS c
JOIN pg_catalog.pg_proc AS p ON p.oid = c.oid
WHERE p.oid < 16384 AND (p.provolatile = 'v' OR p.proname ~ %(acting)s)
ORDER BY 1
