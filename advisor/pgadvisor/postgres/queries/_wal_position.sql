  SELECT
    CASE
      WHEN pg_catalog.pg_is_in_recovery()
      THEN greatest(pg_catalog.pg_last_wal_receive_lsn(), pg_catalog.pg_last_wal_replay_lsn())
      ELSE pg_catalog.pg_current_wal_lsn()
    END AS lsn
