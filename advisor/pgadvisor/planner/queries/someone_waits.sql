-- Whether a session waits for a lock that this one holds, or awaits before it.
SELECT EXISTS (
           SELECT
           FROM pg_catalog.pg_locks AS l
           WHERE NOT l.granted AND {pid} = ANY (pg_catalog.pg_blocking_pids(l.pid))
       ) AS waits
