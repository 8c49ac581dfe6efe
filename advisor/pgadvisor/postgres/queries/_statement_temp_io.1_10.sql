-- needs: pg_stat_statements.temp_blk_read_time
  s.temp_blk_read_time AS temp_read_ms,
  s.temp_blk_write_time AS temp_write_ms
