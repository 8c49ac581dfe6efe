-- Whether the server can bear a few more queries: sessions that have waited for a lock for over a second (before 14 for
-- any time), client connections, and how many there may be.
SELECT (
           SELECT pg_catalog.count(*)
           FROM pg_catalog.pg_locks AS l
           WHERE NOT l.granted
             AND COALESCE(
                 (pg_catalog.to_jsonb(l) ->> 'waitstart')::pg_catalog.timestamptz
                     < pg_catalog.clock_timestamp() - '1 second'::pg_catalog.interval,
                 true
             )
       ) AS waiting,
       (
           -- Of other roles' sessions an unprivileged one does not see the kind.
           SELECT pg_catalog.count(*)
           FROM pg_catalog.pg_stat_activity AS a
           WHERE a.usesysid IS NOT NULL AND COALESCE(a.backend_type, 'client backend') = 'client backend'
       ) AS clients,
       pg_catalog.current_setting('max_connections')::pg_catalog.int4 AS max_connections,
       pg_catalog.current_setting('superuser_reserved_connections')::pg_catalog.int4
           + COALESCE(pg_catalog.current_setting('reserved_connections', true)::pg_catalog.int4, 0) AS reserved
