-- type: StandbyState
-- also: hidden
WITH wal_position AS (
{wal_position}
)
SELECT
  s.application_name AS application,
  pg_catalog.host(s.client_addr) AS address,
  s.state,
  s.sync_state,
  CASE
    WHEN s.sent_lsn IS NOT NULL THEN greatest(pg_catalog.pg_wal_lsn_diff(w.lsn, s.sent_lsn), 0)
  END::pg_catalog.int8 AS sent_lag_bytes,
  CASE
    WHEN s.replay_lsn IS NOT NULL THEN greatest(pg_catalog.pg_wal_lsn_diff(w.lsn, s.replay_lsn), 0)
  END::pg_catalog.int8 AS replay_lag_bytes,
  pg_catalog.date_part('epoch', s.replay_lag) AS replay_lag_s,
  pg_catalog.age(s.backend_xmin) AS horizon_age,
  s.state IS NULL AS hidden
FROM pg_catalog.pg_stat_replication AS s, wal_position AS w
ORDER BY s.application_name, s.client_addr, s.pid
