-- needs: pg_stat_all_tables.total_vacuum_time
  s.total_vacuum_time AS vacuum_ms,
  s.total_autovacuum_time AS autovacuum_ms,
  s.total_analyze_time AS analyze_ms,
  s.total_autoanalyze_time AS autoanalyze_ms
