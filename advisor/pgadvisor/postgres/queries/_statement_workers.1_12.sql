-- needs: pg_stat_statements.parallel_workers_launched
  s.parallel_workers_to_launch,
  s.parallel_workers_launched
