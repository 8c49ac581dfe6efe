-- needs: pg_stat_statements.shared_blk_read_time
  s.shared_blk_read_time AS read_ms,
  s.shared_blk_write_time AS write_ms
