-- type: SessionState
-- also: hidden, long_sessions, waiting_sessions, blocking_sessions
-- Sessions in long transactions, those that wait for a lock, and those that they wait for: at most so many of each kind.
WITH own_sessions AS (
{own_sessions}
), others AS (
  SELECT
    a.*,
    {query_id} AS id_of_query,
    -- Parallel workers are part of their leader's transaction.
    coalesce(
      a.backend_type <> 'parallel worker'
        AND a.xact_start < pg_catalog.clock_timestamp() - pg_catalog.make_interval(secs => %(long_transaction_s)s),
      false
    ) AS long
  FROM pg_catalog.pg_stat_activity AS a
  WHERE a.pid NOT IN (SELECT own_sessions.pid FROM own_sessions)
), longest AS (
  SELECT others.pid FROM others WHERE others.long ORDER BY others.xact_start, others.pid LIMIT %(max_long)s
), all_waiting AS MATERIALIZED (
  SELECT DISTINCT l.pid FROM pg_catalog.pg_locks AS l WHERE NOT l.granted
), chosen AS (
  SELECT w.pid
  FROM all_waiting AS w
  JOIN others ON others.pid = w.pid
  ORDER BY others.query_start, w.pid
  LIMIT %(max_waiting)s
), waiting AS MATERIALIZED (
  -- Each call stops the lock manager for a moment, so it is made for few.
  SELECT chosen.pid, pg_catalog.pg_blocking_pids(chosen.pid) AS blocked_by FROM chosen
), all_blocking AS MATERIALIZED (
  SELECT b.pid, pg_catalog.count(*) AS waiters
  FROM waiting, LATERAL pg_catalog.unnest(waiting.blocked_by) AS b (pid)
  GROUP BY b.pid
), blocking AS (
  SELECT b.pid FROM all_blocking AS b ORDER BY b.waiters DESC, b.pid LIMIT %(max_waiting)s
)
SELECT
  s.pid,
  s.datname::pg_catalog.text AS database,
  s.usename::pg_catalog.text AS role,
  nullif(s.application_name, '') AS application,
  s.backend_type,
  s.state,
  s.wait_event_type,
  s.wait_event,
  pg_catalog.date_part('epoch', pg_catalog.clock_timestamp() - s.xact_start) AS transaction_s,
  pg_catalog.date_part('epoch', pg_catalog.clock_timestamp() - s.query_start) AS query_s,
  pg_catalog.date_part('epoch', pg_catalog.clock_timestamp() - s.state_change) AS state_s,
  s.id_of_query AS query_id,
  greatest(pg_catalog.age(s.backend_xid), pg_catalog.age(s.backend_xmin)) AS horizon_age,
  ARRAY(
    SELECT DISTINCT b.pid FROM pg_catalog.unnest(waiting.blocked_by) AS b (pid) ORDER BY b.pid
  ) AS blocked_by,
  s.backend_type IS NULL AS hidden,
  (SELECT pg_catalog.count(*) FROM others WHERE others.long) AS long_sessions,
  (SELECT pg_catalog.count(*) FROM all_waiting AS w JOIN others ON others.pid = w.pid) AS waiting_sessions,
  (SELECT pg_catalog.count(*) FROM all_blocking) AS blocking_sessions
FROM others AS s
LEFT JOIN waiting ON waiting.pid = s.pid
WHERE waiting.pid IS NOT NULL
  OR s.pid IN (SELECT longest.pid FROM longest)
  OR s.pid IN (SELECT blocking.pid FROM blocking)
ORDER BY s.pid
