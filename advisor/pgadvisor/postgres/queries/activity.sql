-- type: Activity
-- without: strong_locks, noted_sessions, prepared_transactions, replication, running, oldest_horizon_age
-- also: hidden_sessions
WITH own_sessions AS (
{own_sessions}
), clients AS (
  -- Of other roles' sessions an unprivileged one sees neither the kind nor the transaction. The server's own
  -- processes without a database are not hidden clients.
  SELECT
    a.pid,
    a.backend_type IS NULL AS hidden,
    a.xact_start
  FROM pg_catalog.pg_stat_activity AS a
  WHERE a.usesysid IS NOT NULL
    AND (a.backend_type = 'client backend' OR (a.backend_type IS NULL AND a.datid IS NOT NULL))
)
SELECT
  pg_catalog.count(*) AS sessions,
  pg_catalog.current_setting('max_connections')::pg_catalog.int4 AS max_connections,
  (SELECT pg_catalog.count(DISTINCT l.pid) FROM pg_catalog.pg_locks AS l WHERE NOT l.granted) AS waiting_sessions,
  pg_catalog.date_part('epoch', pg_catalog.max(pg_catalog.clock_timestamp() - clients.xact_start)
    FILTER (WHERE clients.pid NOT IN (SELECT own_sessions.pid FROM own_sessions))) AS longest_transaction_s,
  (SELECT pg_catalog.count(*) FROM pg_catalog.pg_stat_replication) AS standbys,
  pg_catalog.count(*) FILTER (WHERE clients.hidden) AS hidden_sessions
FROM clients
