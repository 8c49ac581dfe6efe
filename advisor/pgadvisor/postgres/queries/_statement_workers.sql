  NULL::pg_catalog.int8 AS parallel_workers_to_launch,
  NULL::pg_catalog.int8 AS parallel_workers_launched
