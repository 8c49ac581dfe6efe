-- needs: pg_stat_all_tables.last_seq_scan, pg_stat_all_tables.last_idx_scan, pg_stat_all_tables.n_tup_newpage_upd
  s.last_seq_scan,
  s.last_idx_scan AS last_index_scan,
  s.n_tup_newpage_upd AS rows_newpage_updated
