-- Relations of this database on which ACCESS EXCLUSIVE is held or waited for.
SELECT DISTINCT l.relation AS oid
FROM pg_catalog.pg_locks AS l
JOIN pg_catalog.pg_database AS d ON d.oid = l.database
WHERE l.locktype = 'relation' AND l.mode = 'AccessExclusiveLock' AND d.datname = pg_catalog.current_database()
ORDER BY oid
