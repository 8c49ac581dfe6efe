SELECT pg_catalog.count(*) AS locks
FROM pg_catalog.pg_locks AS l
WHERE l.pid = pg_catalog.pg_backend_pid()
