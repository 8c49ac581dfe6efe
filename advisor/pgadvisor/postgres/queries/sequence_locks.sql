-- Objects of this database on which a lock is held or waited for that a look at a sequence's position waits behind: it
-- takes ROW EXCLUSIVE, as nextval does, so that any ALTER SEQUENCE keeps it out.
SELECT DISTINCT l.relation AS oid
FROM pg_catalog.pg_locks AS l
JOIN pg_catalog.pg_database AS d ON d.oid = l.database
WHERE l.locktype = 'relation'
  AND l.mode IN ('ShareLock', 'ShareRowExclusiveLock', 'ExclusiveLock', 'AccessExclusiveLock')
  AND d.datname = pg_catalog.current_database()
ORDER BY oid
