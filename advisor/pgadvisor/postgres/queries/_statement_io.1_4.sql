-- needs: pg_stat_statements.blk_read_time
  s.blk_read_time AS read_ms,
  s.blk_write_time AS write_ms
