-- Relations that planning may ask another server about: foreign tables, unless their wrapper is known to estimate by
-- itself, and the parents and views that reach them. postgres_fdw asks only where use_remote_estimate says so, and
-- file_fdw looks at the size of a file.
WITH RECURSIVE asking (oid) AS (
    SELECT t.ftrelid
    FROM pg_catalog.pg_foreign_table AS t
    JOIN pg_catalog.pg_foreign_server AS s ON s.oid = t.ftserver
    JOIN pg_catalog.pg_foreign_data_wrapper AS w ON w.oid = s.srvfdw
    WHERE w.fdwname NOT IN ('postgres_fdw', 'file_fdw')
       OR EXISTS (
           SELECT FROM pg_catalog.unnest(t.ftoptions || s.srvoptions) AS o (option)
           WHERE o.option ~ '^use_remote_estimate=' AND pg_catalog.lower(o.option) !~ '=(false|off|no|0|f|n)$'
       )
    UNION
    SELECT uses.oid
    FROM asking AS a
    CROSS JOIN LATERAL (
        SELECT h.inhparent FROM pg_catalog.pg_inherits AS h WHERE h.inhrelid = a.oid
        UNION ALL
        SELECT r.ev_class
        FROM pg_catalog.pg_depend AS d
        JOIN pg_catalog.pg_rewrite AS r ON r.oid = d.objid
        WHERE d.classid = 'pg_catalog.pg_rewrite'::pg_catalog.regclass
          AND d.refclassid = 'pg_catalog.pg_class'::pg_catalog.regclass
          AND d.refobjid = a.oid
    ) AS uses (oid)
)
SELECT n.nspname::pg_catalog.text AS schema, c.relname::pg_catalog.text AS name
FROM asking AS a
JOIN pg_catalog.pg_class AS c ON c.oid = a.oid
JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
ORDER BY 1, 2
