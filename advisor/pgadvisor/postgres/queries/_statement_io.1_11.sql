-- needs: pg_stat_statements.shared_blk_read_time
-- Blocks of temporary tables (local ones) count as well, as they did in the one column of older versions.
  s.shared_blk_read_time + s.local_blk_read_time AS read_ms,
  s.shared_blk_write_time + s.local_blk_write_time AS write_ms
