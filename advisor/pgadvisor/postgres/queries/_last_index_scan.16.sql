-- needs: pg_stat_all_indexes.last_idx_scan
s.last_idx_scan
