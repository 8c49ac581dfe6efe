-- Relations that cannot be read now or soon, because another session holds or awaits an ACCESS EXCLUSIVE lock: on them, on
-- an index or a partition of theirs, or on what a view shows.
WITH RECURSIVE blocked (oid) AS (
    SELECT l.relation
    FROM pg_catalog.pg_locks AS l
    JOIN pg_catalog.pg_database AS d ON d.oid = l.database
    WHERE l.locktype = 'relation'
      AND l.mode = 'AccessExclusiveLock'
      AND l.pid IS DISTINCT FROM pg_catalog.pg_backend_pid()
      AND d.datname = pg_catalog.current_database()
    UNION
    SELECT uses.oid
    FROM blocked AS b
    CROSS JOIN LATERAL (
        SELECT h.inhparent FROM pg_catalog.pg_inherits AS h WHERE h.inhrelid = b.oid
        UNION ALL
        SELECT i.indrelid FROM pg_catalog.pg_index AS i WHERE i.indexrelid = b.oid
        UNION ALL
        SELECT w.ev_class
        FROM pg_catalog.pg_depend AS d
        JOIN pg_catalog.pg_rewrite AS w ON w.oid = d.objid
        WHERE d.classid = 'pg_catalog.pg_rewrite'::pg_catalog.regclass
          AND d.refclassid = 'pg_catalog.pg_class'::pg_catalog.regclass
          AND d.refobjid = b.oid
    ) AS uses (oid)
)
SELECT b.oid AS oid, n.nspname::pg_catalog.text AS schema, c.relname::pg_catalog.text AS name
FROM blocked AS b
JOIN pg_catalog.pg_class AS c ON c.oid = b.oid
JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
ORDER BY 2, 3
