-- needs: pg_stat_database.parallel_workers_to_launch
  s.parallel_workers_to_launch,
  s.parallel_workers_launched
